"""What the peers from faiss share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import faiss
import numpy as np
from numpy.typing import NDArray

_BLOCK = 1 << 15
_LEARNT = 64
"""Vectors for each list that k-means sees."""


class FaissIndex:
    """An index of faiss's factory; `turn` sets its knob."""

    def __init__(self, index: Any, turn: Callable[[Any, Any], None]) -> None:
        self._index, self._turn = index, turn

    def search(self, queries: NDArray[np.float32], k: int, setting: Any, threads: int) -> NDArray[np.int64]:
        """See `Index`."""
        faiss.omp_set_num_threads(threads)
        self._turn(self._index, setting)
        rows: NDArray[np.int64] = self._index.search(queries, k)[1]
        return rows


def made(folder: Path, spec: str, turn: Callable[[Any, Any], None]) -> FaissIndex:
    """Build by a spec in which `{lists}` stands for four times the square root of the vectors."""
    vectors = np.load(folder / "vectors.npy", mmap_mode="r")
    lists = max(1, round(4 * len(vectors) ** 0.5))
    index = faiss.index_factory(vectors.shape[1], spec.format(lists=lists), faiss.METRIC_INNER_PRODUCT)
    if not index.is_trained:
        rows = np.sort(np.random.default_rng(0).permutation(len(vectors))[: _LEARNT * lists])
        index.train(vectors[rows].astype(np.float32))
    for start in range(0, len(vectors), _BLOCK):
        index.add(vectors[start : start + _BLOCK].astype(np.float32))
    return FaissIndex(index, turn)


def probe(index: Any, lists: int) -> None:
    """Visit a number of lists."""
    faiss.ParameterSpace().set_index_parameter(index, "nprobe", lists)


def probe_and_refine(index: Any, setting: tuple[int, int]) -> None:
    """Visit a number of lists, and score so many times k of what they gave again."""
    lists, factor = setting
    faiss.ParameterSpace().set_index_parameter(index, "nprobe", lists)
    index.k_factor = factor
