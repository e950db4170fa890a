"""What the peers from faiss share."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import faiss
import numpy as np
from numpy.typing import NDArray

from swath.evaluation.peers import Peer

_BLOCK = 1 << 15
_LEARNT = 40
"""Vectors for each list that k-means sees; faiss asks for 39 at least."""
_CENTROIDS = "centroids.npy"
_FILE = "index.faiss"

Turn = Callable[[Any, Any], None]


class FaissIndex:
    """An index of faiss's factory; `turn` sets its knob."""

    def __init__(self, index: Any, turn: Turn) -> None:
        self._index, self._turn = index, turn

    def search(self, queries: NDArray[np.float32], k: int, setting: Any, threads: int) -> NDArray[np.int64]:
        """See `Index`."""
        faiss.omp_set_num_threads(threads)
        self._turn(self._index, setting)
        rows: NDArray[np.int64] = self._index.search(queries, k)[1]
        return rows


def from_factory(name: str, spec: str, turn: Turn, settings: Sequence[Any]) -> Peer:
    """A peer by a spec in which `{lists}` stands for four times the square root of the vectors."""

    def build(folder: Path, place: Path) -> None:
        faiss.omp_set_num_threads(os.cpu_count() or 1)
        vectors = np.load(folder / "vectors.npy", mmap_mode="r")
        lists = max(1, round(4 * len(vectors) ** 0.5))
        index = faiss.index_factory(vectors.shape[1], spec.format(lists=lists), faiss.METRIC_INNER_PRODUCT)
        if not index.is_trained:
            rows = np.sort(np.random.default_rng(0).permutation(len(vectors))[: _LEARNT * lists])
            _train(index, vectors[rows].astype(np.float32), folder / "built" / _CENTROIDS)
        for start in range(0, len(vectors), _BLOCK):
            index.add(vectors[start : start + _BLOCK].astype(np.float32))
        faiss.write_index(index, str(place / _FILE))

    def opened(_folder: Path, place: Path) -> FaissIndex:
        return FaissIndex(faiss.read_index(str(place / _FILE)), turn)

    return Peer(name, build, opened, settings)


def _train(index: Any, rows: NDArray[np.float32], kept: Path) -> None:
    """Train an index; whoever comes first finds the centroids for all, by the same k-means in any case."""
    lists = faiss.try_extract_index_ivf(index)
    if lists is not None and kept.is_file():
        lists.quantizer.add(np.load(kept))
        lists.quantizer.is_trained = True
    index.train(rows)
    if lists is not None:
        np.save(kept, lists.quantizer.reconstruct_n(0, lists.nlist))


def probe(index: Any, lists: int) -> None:
    """Visit a number of lists."""
    faiss.ParameterSpace().set_index_parameter(index, "nprobe", lists)


def probe_and_refine(index: Any, setting: tuple[int, int]) -> None:
    """Visit a number of lists, and score so many times k of what they gave again."""
    lists, factor = setting
    faiss.ParameterSpace().set_index_parameter(index, "nprobe", lists)
    index.k_factor = factor
