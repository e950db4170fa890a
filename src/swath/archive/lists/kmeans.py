"""Spherical k-means over many rows in little memory: flat for few lists, in two levels for many."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_FLAT = 1024
"""Most lists that are found in one level."""
_SAMPLE = 24
"""Rows a centroid is learnt from, on average."""
_ROUNDS = 8
_PROBED = 4
"""Cells of the first level in which the nearest centroid is looked for."""
_BLOCK = 2048


class Partition:
    """Unit centroids, and the nearest of them for any row."""

    def __init__(
        self, centroids: NDArray[np.float32], cells: NDArray[np.float32], cell_of: NDArray[np.int64]
    ):
        self.centroids = centroids
        self._cells = cells
        self._members = [np.flatnonzero(cell_of == cell) for cell in range(len(cells))]

    def nearest(self, rows: NDArray[np.float32]) -> NDArray[np.int32]:
        """int32[n]: the centroid with the largest product, for float32[n, D]."""
        if len(self._cells) == 1:
            return np.asarray((rows @ self.centroids.T).argmax(1), np.int32)
        probed = min(_PROBED, len(self._cells))
        near = np.argpartition(-(rows @ self._cells.T), probed - 1, 1)[:, :probed]
        best = np.full(len(rows), -np.inf, np.float32)
        found = np.zeros(len(rows), np.int32)
        for cell, members in enumerate(self._members):
            asked = np.flatnonzero((near == cell).any(1))
            if not len(asked) or not len(members):
                continue
            products = rows[asked] @ self.centroids[members].T
            top = products.argmax(1)
            score = products[np.arange(len(asked)), top]
            better = score > best[asked]
            best[asked[better]] = score[better]
            found[asked[better]] = members[top[better]]
        return found


def learn(dense: NDArray[np.float16], count: int, seed: int) -> Partition:
    """`count` lists at most for float16[n, D] unit rows; the same for the same seed."""
    rng = np.random.default_rng(seed)
    picked = np.sort(rng.permutation(len(dense))[: _SAMPLE * count])
    sample = dense[picked].astype(np.float32)
    if count <= _FLAT:
        centroids = _means(sample, count, rng)
        return Partition(centroids, centroids[:1], np.zeros(len(centroids), np.int64))
    cells = _means(sample, round(count**0.5), rng)
    owner = _nearest(sample, cells)
    parts, cell_of = [], []
    for cell in range(len(cells)):
        members = sample[owner == cell]
        share = max(1, round(count * len(members) / len(sample)))
        if len(members):
            parts.append(_means(members, share, rng))
            cell_of += [cell] * len(parts[-1])
    return Partition(np.concatenate(parts), cells, np.array(cell_of))


def _means(rows: NDArray[np.float32], count: int, rng: np.random.Generator) -> NDArray[np.float32]:
    count = min(count, len(rows))
    centroids = rows[rng.permutation(len(rows))[:count]].copy()
    for _ in range(_ROUNDS):
        owner = _nearest(rows, centroids)
        sums = np.zeros_like(centroids)
        np.add.at(sums, owner, rows)
        empty = np.bincount(owner, minlength=count) == 0
        sums[empty] = rows[rng.integers(len(rows), size=int(empty.sum()))]
        lengths = np.linalg.norm(sums, axis=1, keepdims=True)
        centroids = np.where(lengths > 0, sums / np.maximum(lengths, 1e-12), centroids).astype(np.float32)
    return centroids


def _nearest(rows: NDArray[np.float32], centroids: NDArray[np.float32]) -> NDArray[np.int64]:
    parts = [(rows[i : i + _BLOCK] @ centroids.T).argmax(1) for i in range(0, len(rows), _BLOCK)]
    return np.concatenate([np.zeros(0, np.int64), *parts])
