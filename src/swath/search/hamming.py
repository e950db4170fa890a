"""Exact search over packed codes: everything up to the k-th distance, with the whole tie there."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from swath.search.codes import hamming

_BLOCK = 1 << 16
"""Codes at a time: their distances stay in the cache."""
_FIRST = 1 << 12
"""Codes in the first block, which only has to tell what is near enough to look at."""


def nearest(
    codes: NDArray[np.uint8],
    query: NDArray[np.uint8],
    k: int,
    rows: NDArray[np.int64] | None = None,
    bias: NDArray[np.int32] | None = None,
    scale: int = 1,
) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
    """The k nearest codes and all that are as near as the k-th.

    Args:
        codes: uint8[n, B].
        query: uint8[B].
        k: at least 1.
        rows: which of the codes may be found, ascending; None: all.
        bias: int32[n] or None, added to `scale` times the distance.
        scale: see `bias`.

    Returns:
        rows int64[m], ascending, and scale * distance + bias, int32[m]; m >= k unless there are fewer rows.
    """
    if rows is None and bias is None and scale == 1:
        settled = _by_faiss(codes, query, k)
        if settled is not None:
            return settled
    held_rows: list[NDArray[np.int64]] = []
    held: list[NDArray[np.int32]] = []
    count, ceiling = 0, np.iinfo(np.int32).max
    for among, part in _blocks(codes, rows):
        distance = distances(part, query)
        if scale != 1:
            distance *= np.int32(scale)
        if bias is not None:
            distance += bias[among]
        near = np.flatnonzero(distance <= ceiling)
        if len(near) > k:
            # Of a block no more than its own k best and their tie can stay.
            least = np.partition(distance[near], k - 1)[k - 1]
            near = near[distance[near] <= least]
        held_rows.append(near + among.start if isinstance(among, slice) else among[near])
        held.append(distance[near])
        count += len(near)
        if count >= k:
            together = np.concatenate(held)
            ceiling = int(np.partition(together, k - 1)[k - 1])
            if count > 4 * k:
                kept = together <= ceiling
                held_rows = [np.concatenate(held_rows)[kept]]
                held, count = [together[kept]], int(kept.sum())
    found = np.concatenate([np.zeros(0, np.int64), *held_rows])
    values = np.concatenate([np.zeros(0, np.int32), *held])
    kept = values <= ceiling
    return found[kept], values[kept]


def _by_faiss(
    codes: NDArray[np.uint8], query: NDArray[np.uint8], k: int
) -> tuple[NDArray[np.int64], NDArray[np.int32]] | None:
    """The same in one pass of faiss, which keeps a heap and writes no distances; None where that is not all.

    It gives some more than k: where the last of them is farther than the k-th, the whole tie is among them.
    """
    enough = 2 * k + 64
    if codes.shape[1] % 8 or len(codes) <= enough:
        return None
    faiss = _faiss()
    far, found = faiss.knn_hamming(query[None], np.ascontiguousarray(codes), enough)
    kept = far[0] <= far[0, k - 1]
    if kept[-1]:
        return None
    order = np.argsort(found[0][kept])
    return found[0][kept][order], far[0][kept][order].astype(np.int32)


def distances(codes: NDArray[np.uint8], query: NDArray[np.uint8]) -> NDArray[np.int32]:
    """Hamming distances int32[n] of uint8[n, B] from uint8[B], by faiss where it has a kernel for the width.

    faiss reads codes at the speed of memory, where NumPy makes two passes over their bits.
    """
    n, width = codes.shape
    if width % 8:
        return hamming(codes, query)
    faiss = _faiss()
    codes, query = np.ascontiguousarray(codes), np.ascontiguousarray(query)
    out = np.empty(n, np.int32)
    if n:
        pointer = faiss.swig_ptr
        faiss.hammings(pointer(query), pointer(codes), 1, n, width, pointer(out))
    return out


def _faiss() -> Any:
    """Imported when codes are searched; half of what is used of it has no types."""
    import faiss

    return faiss


def _blocks(
    codes: NDArray[np.uint8], rows: NDArray[np.int64] | None
) -> Iterator[tuple[slice | NDArray[np.int64], NDArray[np.uint8]]]:
    count = len(codes) if rows is None else len(rows)
    start, stop = 0, min(_FIRST, count)
    while start < stop:
        part = slice(start, stop)
        if rows is None:
            yield part, codes[part]
        else:
            yield rows[part], codes[rows[part]]
        start, stop = stop, min(stop + _BLOCK, count)
