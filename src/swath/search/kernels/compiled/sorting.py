"""Orders of a few hundred numbers, compiled: a library's sort would take seconds to compile."""

from __future__ import annotations

from swath.search.kernels.compiled.options import kernel
from swath.types import Array


@kernel
def falling(order: Array, scores: Array, begin: int) -> None:
    """Sort what is behind a place of an order by falling score, ties by number (Shell, 1959)."""
    gap, count = 1, len(order)
    while gap < count:
        gap = 3 * gap + 1
    while gap > 1:
        gap //= 3
        for i in range(begin + gap, count):
            number, at = order[i], i
            while at - gap >= begin:
                other = order[at - gap]
                if scores[other] > scores[number] or (scores[other] == scores[number] and other < number):
                    break
                order[at] = other
                at -= gap
            order[at] = number


@kernel
def risen(best: Array, score: float) -> None:
    """Take a score into the best so far, which rise, in place of the lowest; it is above that."""
    rank = 0
    while rank + 1 < len(best) and best[rank + 1] < score:
        best[rank] = best[rank + 1]
        rank += 1
    best[rank] = score
