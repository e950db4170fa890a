"""usearch HNSW over int8; the knob is how many are kept in view."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from usearch.index import Index as UsearchIndex

from swath.evaluation.peers import Peer


class _Graph:
    def __init__(self, index: Any) -> None:
        self._index = index

    def search(self, queries: NDArray[np.float32], k: int, setting: Any, threads: int) -> NDArray[np.int64]:
        self._index.expansion_search = setting
        found = self._index.search(queries, k, threads=threads)
        rows: NDArray[np.int64] = np.atleast_2d(found.keys).astype(np.int64)
        return rows


def _build(folder: Path) -> _Graph:
    vectors = np.load(folder / "vectors.npy", mmap_mode="r")
    index = UsearchIndex(ndim=vectors.shape[1], metric="ip", dtype="i8", connectivity=16, expansion_add=128)
    for start in range(0, len(vectors), 1 << 15):
        part = vectors[start : start + (1 << 15)].astype(np.float32)
        index.add(np.arange(start, start + len(part)), part)
    return _Graph(index)


PEER = Peer("usearch", _build, (16, 32, 64, 128, 256, 512))
