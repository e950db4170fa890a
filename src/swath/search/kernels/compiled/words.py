"""The exact search of `swath.search.kernels.sparse` over postings, compiled."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from swath.archive.lists import Postings, fixed
from swath.search.kernels.compiled.options import kernel
from swath.types import Array

_FIRST = 64
"""Blocks with the highest bounds, which come first: they tell which of the others can be left out."""
_ROUNDED = 0.5 * (1 + 2.0**-20)
"""Of a step: how far a weight may lie above its impact."""
_FLOATS = np.arange(1 << 15, dtype=np.uint16).view(np.float16).astype(np.float32)
"""Bits to weight; none is negative."""


def search(
    postings: Postings,
    asked: Sequence[tuple[int, float]],
    count: int,
    k: int,
    allowed: NDArray[np.bool_] | None,
) -> tuple[NDArray[np.int64], NDArray[np.float32], int, int]:
    """Places of the k best and whoever ties with them, rising, with their scores; postings and blocks read.

    Args:
        postings: of the places.
        asked: numbers of words, with weights.
        count: number of places.
        k: at least 1.
        allowed: bool[count]; None: all.
    """
    spans, blocks = (
        [np.array([getattr(part, end) for part in parts], np.int64) for end in ("start", "stop")]
        for parts in (
            [postings.part(number) for number, _ in asked],
            [postings.block_part(number) for number, _ in asked],
        )
    )
    for name in ("places", "weights"):
        postings.touch(name, *spans)
    arrays: list[Array] = [
        postings.blocks,
        postings.firsts,
        postings.maxima,
        postings.places,
        postings.weights.view(np.uint16),
    ]
    found, scores, *read = _search(
        *(fixed(array) for array in arrays),
        *(*spans, *blocks, np.array([weight for _, weight in asked], np.float32).astype(np.float64)),
        *(-(-count // postings.block), postings.block, postings.delta, k),
        *(fixed(np.zeros(0, np.bool_) if allowed is None else allowed), _FLOATS),
    )
    order = np.argsort(found)
    return found[order], scores[order], *read


@kernel
def _search(
    blocks: Array, firsts: Array, maxima: Array, places: Array, bits: Array,
    starts: Array, stops: Array, block_starts: Array, block_stops: Array, weights: Array,
    total: int, size: int, delta: float, k: int, allowed: Array, floats: Array,
) -> tuple[Array, Array, int, int]:  # fmt: skip
    bounds = np.zeros(total)
    for word in range(len(weights)):
        for entry in range(block_starts[word], block_stops[word]):
            bounds[blocks[entry]] += weights[word] * delta * (np.float64(maxima[entry]) + _ROUNDED)
    least = _largest(bounds, min(_FIRST, total))
    room = min(4 * k, total * size) + size
    found, score = np.empty(room, np.int64), np.empty(room, np.float32)
    sums = np.empty(size)
    kept, read, visited, floor = 0, 0, 0, np.float32(0)
    for first in (True, False):
        at = block_starts.copy()
        for block in range(total):
            if bounds[block] <= 0 or (bounds[block] >= least) != first or bounds[block] < floor:
                continue
            visited += 1
            for i in range(size):
                sums[i] = 0
            for word in range(len(weights)):
                entry = at[word] + np.searchsorted(blocks[at[word] : block_stops[word]], block)
                at[word] = entry
                if entry == block_stops[word] or blocks[entry] != block:
                    continue
                start = starts[word] + firsts[entry]
                last = entry + 1 == block_stops[word]
                stop = stops[word] if last else starts[word] + firsts[entry + 1]
                for posting in range(start, stop):
                    sums[places[posting] - block * size] += weights[word] * np.float64(floats[bits[posting]])
                read += stop - start
            for i in range(size):
                one = np.float32(sums[i])
                if one > 0 and one >= floor and (not len(allowed) or allowed[block * size + i]):
                    found[kept], score[kept] = block * size + i, one
                    kept += 1
            if kept > 4 * k:
                floor = _largest(score[:kept], k)
                kept = _left(found, score, kept, floor)
                if kept + size > len(found):
                    found, score = _twice(found), _twice(score)
    if kept >= k:
        kept = _left(found, score, kept, _largest(score[:kept], k))
    return found[:kept], score[:kept], read, visited


@kernel
def _left(found: Array, score: Array, kept: int, floor: float) -> int:
    """Keep what is not below the floor, at the front; gives how many."""
    left = 0
    for i in range(kept):
        if score[i] >= floor:
            found[left], score[left] = found[i], score[i]
            left += 1
    return left


@kernel
def _twice(values: Array) -> Array:
    more = np.empty(2 * len(values), values.dtype)
    for i in range(len(values)):
        more[i] = values[i]
    return more


@kernel
def _largest(values: Array, k: int) -> Any:
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
