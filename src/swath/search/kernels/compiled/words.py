"""The first step of `swath.search.kernels.sparse` over postings, compiled."""

from __future__ import annotations

from collections.abc import Sequence

import numba
import numpy as np
from numpy.typing import NDArray

from swath.archive.lists import Postings, fixed
from swath.types import Array

_FIRST = 64
"""Blocks with the highest bounds, which come first: they tell which of the others can be left out."""


def near(
    postings: Postings,
    numbers: Sequence[int],
    weights: Sequence[int],
    count: int,
    k: int,
    allowed: NDArray[np.bool_] | None,
    slack: float,
) -> tuple[NDArray[np.int64], int, int]:
    """Places whose integer score is at most the slack below the k-th best; postings and blocks read.

    Args:
        postings: of the places.
        numbers: the words that are asked for.
        weights: theirs.
        count: number of places.
        k: at least 1.
        allowed: bool[count]; None: all.
        slack: see above.
    """
    parts = [postings.part(number) for number in numbers]
    blocks = [postings.block_part(number) for number in numbers]
    spans = [np.array([getattr(part, end) for part in parts], np.int64) for end in ("start", "stop")]
    for name in ("places", "impacts"):
        postings.touch(name, *spans)
    none = np.zeros(0, np.bool_)
    return _near(
        *(fixed(getattr(postings, name)) for name in ("blocks", "firsts", "maxima", "places", "impacts")),
        *spans,
        *(np.array([getattr(part, end) for part in blocks], np.int64) for end in ("start", "stop")),
        *(np.array(weights, np.int64), -(-count // postings.block), postings.block, k),
        *(fixed(none if allowed is None else allowed), slack),
    )


@numba.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _near(
    blocks: Array, firsts: Array, maxima: Array, places: Array, impacts: Array,
    starts: Array, stops: Array, block_starts: Array, block_stops: Array, weights: Array,
    total: int, size: int, k: int, allowed: Array, slack: float,
) -> tuple[Array, int, int]:  # fmt: skip
    bounds = np.zeros(total, np.int64)
    for word in range(len(weights)):
        for entry in range(block_starts[word], block_stops[word]):
            bounds[blocks[entry]] += weights[word] * np.int64(maxima[entry])
    least = max(np.int64(1), _largest(bounds, min(_FIRST, total)))
    found, score = np.empty(4 * k + size, np.int64), np.empty(4 * k + size, np.int64)
    sums = np.zeros(size, np.int64)
    kept, read, visited, floor = 0, 0, 0, -np.inf
    for first in (True, False):
        at = block_starts.copy()
        for block in range(total):
            if bounds[block] <= 0 or (bounds[block] >= least) != first or bounds[block] < floor:
                continue
            visited += 1
            sums[:] = 0
            for word in range(len(weights)):
                entry = at[word] + np.searchsorted(blocks[at[word] : block_stops[word]], block)
                at[word] = entry
                if entry == block_stops[word] or blocks[entry] != block:
                    continue
                start = starts[word] + firsts[entry]
                last = entry + 1 == block_stops[word]
                stop = stops[word] if last else starts[word] + firsts[entry + 1]
                for posting in range(start, stop):
                    sums[places[posting] - block * size] += weights[word] * np.int64(impacts[posting])
                read += stop - start
            for i in range(size):
                place = block * size + i
                if sums[i] > 0 and sums[i] >= floor and (not len(allowed) or allowed[place]):
                    found[kept], score[kept] = place, sums[i]
                    kept += 1
            if kept > 4 * k:
                floor = _largest(score[:kept], k) - slack
                kept = _left(found, score, kept, floor)
                if kept + size > len(found):
                    found, score = _twice(found), _twice(score)
    if kept >= k:
        kept = _left(found, score, kept, _largest(score[:kept], k) - slack)
    return found[:kept], read, visited


@numba.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _left(found: Array, score: Array, kept: int, floor: float) -> int:
    """Keep what is not below the floor, at the front; gives how many."""
    left = 0
    for i in range(kept):
        if score[i] >= floor:
            found[left], score[left] = found[i], score[i]
            left += 1
    return left


@numba.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _twice(values: Array) -> Array:
    more = np.empty(2 * len(values), values.dtype)
    for i in range(len(values)):
        more[i] = values[i]
    return more


@numba.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _largest(values: Array, k: int) -> int:
    """The k-th largest (Hoare, 1961): a library's selection would take seconds to compile."""
    left = values.copy()
    low, high, place = 0, len(left) - 1, k - 1
    while low < high:
        pivot = left[(low + high) // 2]
        i, j = low, high
        while i <= j:
            while left[i] > pivot:
                i += 1
            while left[j] < pivot:
                j -= 1
            if i <= j:
                left[i], left[j] = left[j], left[i]
                i += 1
                j -= 1
        if place <= j:
            high = j
        elif place >= i:
            low = i
        else:
            break
    return left[place]
