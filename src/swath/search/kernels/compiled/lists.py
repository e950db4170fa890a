"""What `swath.search.kernels.lists` does with the tiles of lists, compiled."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from swath.archive.lists import Lists, fixed
from swath.search.kernels.compiled.options import kernel
from swath.search.kernels.compiled.sorting import falling, risen
from swath.types import Array

if TYPE_CHECKING:
    from swath.search.kernels.lists import Along


class Seen(NamedTuple):
    """What a look at lists has found."""

    places: NDArray[np.int64]
    rough: NDArray[np.float64]
    lists: int
    tiles: int
    looked_at: int
    """Tiles that were scored along all directions."""


def visit(
    lists: Lists,
    query: tuple[Along, Along],
    numbers: NDArray[np.int64],
    allowed: NDArray[np.bool_] | None,
    seen: NDArray[np.int64],
    best: NDArray[np.float64],
    slack: float,
) -> Seen:
    """Score the tiles of some lists, and keep what is not below all of the best by more than the slack.

    Args:
        lists: which.
        query: along the leading directions and along the others.
        numbers: int64[j], lists.
        allowed: bool[n], rows of the gallery; None: all.
        seen: places that are left out, rising.
        best: float64[b], rising, the best rough scores so far; brought up to date.
        slack: see above.
    """
    none = np.zeros(0)
    return Seen(*_within(numbers, none, 0.0, 0, 0, *_arguments(lists, query, allowed, seen, best, slack)))


def within(
    lists: Lists,
    query: tuple[Along, Along],
    scores: NDArray[np.float64],
    margin: float,
    covered: int,
    first: int,
    allowed: NDArray[np.bool_] | None,
    seen: NDArray[np.int64],
    best: NDArray[np.float64],
    slack: float,
) -> Seen:
    """`visit` of lists by falling score, in rounds of `first` lists, twice as many, and so on.

    It ends where a list's score lies more than the margin below the `covered`-th best when a round began.
    """
    arguments = _arguments(lists, query, allowed, seen, best, slack)
    return Seen(*_within(_NO_LISTS, scores, margin, covered, first, *arguments))


def slacks(
    lists: Lists, query: tuple[Along, Along], places: NDArray[np.int64], turning: float
) -> NDArray[np.float64]:
    """float64[n]: how far rough scores of some places are off; see `lists.Visit.best`."""
    factors = [factor for part in query for factor in (part.per_error, part.per_norm)]
    return np.asarray(_slacks(places, *lists.errors, *factors, turning), np.float64)


def _arguments(
    lists: Lists,
    query: tuple[Along, Along],
    allowed: NDArray[np.bool_] | None,
    seen: NDArray[np.int64],
    best: NDArray[np.float64],
    slack: float,
) -> tuple[Any, ...]:
    lead, rest = query
    # A search that lives long looks at all checksums once, instead of asking for them list by list.
    for name in ("lead_codes", "rest_codes"):
        lists.touch(name, *lists.everything)
    among = _NOTHING if allowed is None else fixed(allowed)
    asked = (lead.codes, lead.unit, rest.codes, rest.unit, rest.reach)
    return (*lists.scanned, lists.has_gaps, among, seen, *asked, best, slack)


_NO_LISTS = np.zeros(0, np.int64)
_NOTHING = np.zeros(0, np.bool_)
_NOTHING.flags.writeable = False


_LEFT_OUT = np.finfo(np.float64).min
"""Below every bound but that of a place that is not to be looked at."""
_HELD = 1024
"""Places that a visit has room for at first."""
_BLOCK = 64
"""Places that are looked at along the leading directions before the best of them are along the others."""


@kernel
def _within(
    numbers: Array, scores: Array, margin: float, covered: int, first: int, *arguments: Any
) -> tuple[Array, Array, int, int, int]:
    """Visit `numbers`, and then lists by their scores."""
    best = arguments[-2]
    held = np.empty(_HELD, np.int64), np.empty(_HELD)
    kept, done, tiles, looked_at = 0, 0, 0, 0
    order, size, least = numbers, len(numbers), -np.inf
    if len(scores):
        order, size = _highest(scores, min(first, len(scores))), first
        least = best[len(best) - covered] - margin
    while done < len(order):
        near = 0
        while near < size and done + near < len(order):
            number = order[done + near]
            if len(scores) and scores[number] < least:
                break
            held, kept, count, more = _look(number, held, kept, *arguments)
            tiles += count
            looked_at += more
            near += 1
        done += near
        if near < size or not len(scores):
            break
        least = best[len(best) - covered] - margin
        if size == first:
            order = _above(scores, least, order)
        size *= 2
    return held[0][:kept], held[1][:kept], done, tiles, looked_at


@kernel
def _highest(scores: Array, count: int) -> Array:
    """The first lists by falling score, ties by number."""
    order = np.zeros(count, np.int64)
    there = 0
    for number in range(len(scores)):
        if there == count and scores[number] <= scores[order[count - 1]]:
            continue
        at = min(there, count - 1)
        while at and scores[order[at - 1]] < scores[number]:
            order[at] = order[at - 1]
            at -= 1
        order[at] = number
        there = min(there + 1, count)
    return order


@kernel
def _above(scores: Array, least: float, first: Array) -> Array:
    """`first` and then the other lists that are not below `least`, by falling score, ties by number."""
    passes = np.empty(len(scores), np.bool_)
    count = len(first)
    for number in range(len(scores)):
        passes[number] = scores[number] >= least
    for number in first:
        passes[number] = False
    for number in range(len(scores)):
        count += passes[number]
    order = np.empty(count, np.int64)
    for at in range(len(first)):
        order[at] = first[at]
    at = len(first)
    for number in range(len(scores)):
        if passes[number]:
            order[at] = number
            at += 1
    falling(order, scores, len(first))
    return order


@kernel
def _look(
    number: int, held: tuple[Array, Array], kept: int,
    rows: Array, ends: Array,
    lead: Array, lead_scale: Array, rest: Array, rest_scale: Array, rest_norm: Array,
    gaps: bool, allowed: Array, seen: Array,
    lead_query: Array, lead_unit: float, rest_query: Array, rest_unit: float, reach: float,
    best: Array, slack: float,
) -> tuple[tuple[Array, Array], int, int, int]:  # fmt: skip
    start, stop = (ends[number - 1] if number else 0), ends[number]
    near, score, bound = np.empty(_BLOCK, np.int64), np.empty(_BLOCK), np.empty(_BLOCK)
    places, rough = held
    looked_at = 0
    at = np.searchsorted(seen, start) if len(seen) else 0
    for begin in range(start, stop, _BLOCK):
        size = min(_BLOCK, stop - begin)
        scales, norms = lead_scale[begin : begin + size], rest_norm[begin : begin + size]
        for i in range(size):
            score[i] = np.float64(_product(lead, begin + i, lead_query))
        for i in range(size):
            score[i] = score[i] * np.float64(scales[i]) * lead_unit
            bound[i] = score[i] + np.float64(norms[i]) * reach
        if gaps or len(allowed):
            for i in range(size):
                row = rows[begin + i]
                if row < 0 or (len(allowed) and not allowed[row]):
                    bound[i] = -np.inf
        while at < len(seen) and seen[at] < begin + size:
            bound[seen[at] - begin] = -np.inf
            at += 1
        count, least = 0, max(best[0] - slack, _LEFT_OUT)
        for i in range(size):
            # Without a branch, which nothing could foretell.
            near[count], score[count] = begin + i, score[i]
            count += bound[i] >= least
        # In a loop of their own, so that waiting for the memory of one does not keep the others waiting.
        for i in range(count):
            place = near[i]
            others = np.float64(_product(rest, place, rest_query)) * np.float64(rest_scale[place]) * rest_unit
            score[i] += others
        looked_at += count
        for i in range(count):
            if score[i] < best[0] - slack:
                continue
            if kept == len(places):
                places, rough, kept = _roomier(places, rough, best[0] - slack)
            places[kept], rough[kept] = near[i], score[i]
            kept += 1
            if score[i] > best[0]:
                risen(best, score[i])
    return (places, rough), kept, stop - start, looked_at


@kernel
def _roomier(places: Array, rough: Array, least: float) -> tuple[Array, Array, int]:
    """What has fallen behind meanwhile makes room; where that is not enough, there is twice as much."""
    left = 0
    for score in rough:
        left += score >= least
    room = len(places) if 2 * left <= len(places) else 2 * len(places)
    more_places, more_rough = np.empty(room, np.int64), np.empty(room)
    kept = 0
    for i in range(len(places)):
        if rough[i] >= least:
            more_places[kept], more_rough[kept] = places[i], rough[i]
            kept += 1
    return more_places, more_rough, kept


@kernel
def _slacks(
    places: Array, lead_error: Array, lead_norm: Array, rest_error: Array, rest_norm: Array,
    per_lead_error: float, per_lead_norm: float, per_rest_error: float, per_rest_norm: float, turning: float,
) -> Array:  # fmt: skip
    slack = np.empty(len(places))
    for i, place in enumerate(places):
        lead = np.float64(lead_error[place]) * per_lead_error + np.float64(lead_norm[place]) * per_lead_norm
        rest = np.float64(rest_error[place]) * per_rest_error + np.float64(rest_norm[place]) * per_rest_norm
        slack[i] = lead + rest + turning
    return slack


@kernel
def integers(values: Array, steps: int) -> tuple[Array, float, float, float, float]:
    """What `lists.Along` is made of."""
    largest = np.float64(0)
    for value in values:
        largest = max(largest, abs(np.float64(value)))
    unit = largest / steps if largest > 0 else 1.0
    codes = np.empty(len(values), np.int16)
    whole, rest, said = 0.0, 0.0, 0.0
    for place in range(len(values)):
        exact = np.float64(values[place])
        step = np.rint(exact / unit)
        codes[place] = np.int16(step)
        whole += exact * exact
        rest += (exact - step * unit) ** 2
        said += step * step
    return codes, unit, math.sqrt(whole), math.sqrt(rest), math.sqrt(said) * unit


@kernel
def near(codes: Array, scale: Array, reach: Array, query: Array, unit: float) -> Array:
    """What `lists.near` says, from its integers."""
    out = np.empty(len(codes))
    for number in range(len(codes)):
        out[number] = np.float64(_product(codes, number, query)) * scale[number] * unit + reach[number]
    return out


@kernel
def _product(rows: Array, number: int, query: Array) -> np.int32:
    total = np.int32(0)
    for d in range(rows.shape[1]):
        # Products of int32 would be int64 to numba, which takes four times as long.
        total = np.int32(total + np.int32(np.int32(rows[number, d]) * np.int32(query[d])))
    return total
