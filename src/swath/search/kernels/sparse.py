"""Exact search over postings: 8-bit impacts first, in blocks by falling bound, then the weights themselves.

Impacts and query weights are rounded, so an integer score is off by at most `slack` either way. Every place
whose integer score is within twice the slack of the k-th best is scored again from its weights; none of the k
best can be missed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from swath.archive.lists import Postings
from swath.search.kernels import compiling

_UNIT = 64
"""Query weights are integers of 1/64."""
_FIRST = 64
"""Blocks that are visited at first; then twice as many each time."""

Asked = Sequence[tuple[int, float]]
"""Numbers of words in the postings, with weights greater than 0."""


def kernel() -> str:
    """What searches."""
    plain = compiling.module() is None
    return "numpy 8-bit impacts, block maxima, rescored exactly" if plain else "numba, block maxima"


@dataclass(frozen=True, slots=True)
class Found:
    """The places that have a word of the query, k best and whoever ties with them, in no order."""

    places: NDArray[np.int64]
    scores: NDArray[np.float32]
    postings: int
    """Postings that were read."""
    blocks: int
    """Blocks that were visited."""
    rescored: int
    """Places that were scored again from their weights."""


def search(
    postings: Postings, asked: Asked, count: int, k: int, allowed: NDArray[np.bool_] | None = None
) -> Found:
    """The k best of `count` places by sums of weight products, accumulated in float64, as float32.

    Args:
        postings: of the places.
        asked: the words of the query.
        count: number of places.
        k: how many; at least 1.
        allowed: bool[count].
    """
    fast = compiling.module()
    if fast is not None:
        if not asked:
            return Found(np.zeros(0, np.int64), np.zeros(0, np.float32), 0, 0, 0)
        places, scores, read, visited = fast.words.search(postings, asked, count, k, allowed)
        return Found(places, scores, read, visited, 0)
    slack = 0.0
    for number, weight in asked:
        # An impact is off by one at most (what rounds to nothing counts as one), the weight by less.
        largest = int(postings.maxima[postings.block_part(number)].max(initial=0))
        slack += _rounded(weight) + abs(_UNIT * weight - _rounded(weight)) * largest
    places, read, visited = _near(postings, asked, count, k, allowed, 2 * slack)
    places = np.sort(places)
    return Found(places, scores_of(postings, asked, places), read, visited, len(places))


def _near(
    postings: Postings, asked: Asked, count: int, k: int, allowed: NDArray[np.bool_] | None, slack: float
) -> tuple[NDArray[np.int64], int, int]:
    """Places whose integer score is at most the slack below the k-th best; postings and blocks read."""
    total = -(-count // postings.block)
    accumulators = np.zeros(total * postings.block, np.int32)
    bounds = np.zeros(total, np.int64)
    for number, weight in asked:
        part = postings.block_part(number)
        bounds[postings.blocks[part]] += _rounded(weight) * postings.maxima[part].astype(np.int64)
    order = np.argsort(-bounds, kind="stable")
    order = order[: int(np.count_nonzero(bounds))]
    floor, held, read, visited = -np.inf, [np.zeros(0, np.int64)], 0, 0
    size = _FIRST
    while visited < len(order) and bounds[order[visited]] >= floor:
        chosen = np.sort(order[visited : visited + size])
        read += _accumulate(postings, asked, chosen, total, accumulators)
        places = (chosen[:, None] * postings.block + np.arange(postings.block)).ravel()
        places = places[accumulators[places] > 0]
        held.append(places if allowed is None else places[allowed[places]])
        near = np.concatenate(held)
        scores = accumulators[near]
        if len(near) >= k:
            floor = float(np.partition(scores, len(scores) - k)[len(scores) - k]) - slack
            near = near[scores >= floor]
        held = [near]
        visited += len(chosen)
        size *= 2
    return held[0], read, visited


def scores_of(postings: Postings, asked: Asked, places: NDArray[np.int64]) -> NDArray[np.float32]:
    """float32[n]: scores of some places, from the weights; 0 where no word is shared."""
    total = np.zeros(len(places))
    for number, weight in asked:
        part = postings.part(number)
        there = postings.read("places", part)
        at = np.searchsorted(there, places)
        shared = at < len(there)
        shared[shared] = there[at[shared]] == places[shared]
        total[shared] += np.float64(np.float32(weight)) * postings.read("weights", part)[at[shared]]
    return total.astype(np.float32)


def _rounded(weight: float) -> int:
    return max(1, int(_UNIT * weight + 0.5))


def _accumulate(
    postings: Postings,
    asked: Asked,
    chosen: NDArray[np.int64],
    total: int,
    accumulators: NDArray[np.int32],
) -> int:
    """Add the integer scores of the chosen blocks; gives the postings read."""
    wanted = np.zeros(total, bool)
    wanted[chosen] = True
    read = 0
    for number, weight in asked:
        part, blocks = postings.part(number), postings.block_part(number)
        here = np.flatnonzero(wanted[postings.blocks[blocks]])
        firsts = postings.firsts[blocks].astype(np.int64)
        lasts = np.append(firsts[1:], part.stop - part.start)
        lengths = lasts[here] - firsts[here]
        starts = np.cumsum(lengths) - lengths
        entries = np.arange(lengths.sum()) + np.repeat(firsts[here] - starts, lengths)
        # A word stands once in a place, so no place is named twice here.
        products = postings.read("impacts", part)[entries].astype(np.int32) * _rounded(weight)
        accumulators[postings.read("places", part)[entries]] += products
        read += len(entries)
    return read
