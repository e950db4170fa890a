"""The best by score less bias, from a scan that knows scores alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from swath.search.ordering import best_first
from swath.types import Array, Candidates

_AT_FIRST = 8
_MORE = 8
"""How many times k is looked at, and how many times more while that does not settle it."""
_LEAST = 256

Scan = Callable[[Sequence[int], int], list[Candidates]]
"""Numbers of queries, and a number, to the exact best of each."""


def biased(
    scan: Scan, queries: int, bias: NDArray[np.float32], ids: Array, k: int, rows: int
) -> tuple[list[Candidates], int]:
    """The k best of `rows` by float32(score - bias), exactly, for each query; and how many scans it took.

    Of the best by score alone those with the best difference are it, once no row behind them could do better
    even with the lowest bias of all; until then more of them are looked at.
    """
    found: dict[int, Candidates] = {}
    scans = 0
    lowest = bias.min(initial=np.inf)
    left, enough = list(range(queries)), max(_LEAST, _AT_FIRST * k)
    while left:
        enough = min(enough, rows)
        some = scan(left, enough)
        scans += len(left)
        open_still = []
        for number, one in zip(left, some, strict=True):
            best = best_first(one.rows, one.scores - bias[one.rows], ids, k)
            beyond = one.scores[-1] - lowest if enough < rows else -np.inf
            if len(best.rows) == 0 or best.scores[-1] > beyond:
                found[number] = best
            else:
                open_still.append(number)
        left, enough = open_still, enough * _MORE
    return [found[number] for number in range(queries)], scans
