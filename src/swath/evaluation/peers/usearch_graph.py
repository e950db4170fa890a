"""usearch HNSW over float16 (its int8 cannot reach a recall of .9); the knob is how many are kept in view."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from usearch.index import Index as UsearchIndex

from swath.evaluation.peers import Peer

_BLOCK = 1 << 15
_FILE = "index.usearch"


class _Graph:
    def __init__(self, index: Any) -> None:
        self._index = index

    def search(self, queries: NDArray[np.float32], k: int, setting: Any, threads: int) -> NDArray[np.int64]:
        self._index.expansion_search = setting
        found = self._index.search(queries, k, threads=threads)
        rows: NDArray[np.int64] = np.atleast_2d(found.keys).astype(np.int64)
        return rows


def _build(folder: Path, place: Path) -> None:
    vectors = np.load(folder / "vectors.npy", mmap_mode="r")
    index = UsearchIndex(ndim=vectors.shape[1], metric="ip", dtype="f16", connectivity=16, expansion_add=128)
    for start in range(0, len(vectors), _BLOCK):
        part = vectors[start : start + _BLOCK].astype(np.float32)
        index.add(np.arange(start, start + len(part)), part)
    index.save(str(place / _FILE))


def _open(_folder: Path, place: Path) -> _Graph:
    return _Graph(UsearchIndex.restore(str(place / _FILE)))


PEER = Peer("usearch", _build, _open, (16, 32, 64, 128, 256, 512))
