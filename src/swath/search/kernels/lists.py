"""Scoring the tiles of some lists from their int8 rows, and the best of them exactly.

A score is a product along the leading directions and one along the others. The second is not above the
product of two lengths, so most tiles are left out after the first, and a tile costs a few dozen bytes instead
of all of its vector.
"""

from __future__ import annotations

import math
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from swath.archive.lists import Lists
from swath.search.kernels import compiling, half
from swath.search.kernels.exact import rescored
from swath.search.kernels.int8 import ROW_TERMS, Shortlist
from swath.search.ordering import exact_scores
from swath.search.selection import COVERED
from swath.types import Array, Candidates, Int8Rows

_STEPS = 4095
"""Of a query in either direction: 12 bits and a sign, so that nearly all of the error is the tiles'."""
_DIGIT = 7
"""Bits of the lower of the two digits, both int8, that the path without a compiler multiplies by."""
_ROUNDING = 2.0**-21
"""Relative, above all roundings: of directions and scales to float32, sums, the exact score to float32."""
_LEAST = 1e-30
_MANY = 1024
"""Of more tiles than so many none is left out before the end: to keep them in order would cost more."""
_TOGETHER = 1 << 14
"""Tiles that are copied at a time, where nothing is compiled."""
_ROUND = 8
"""Lists that are visited before the first look at what was found; then twice as many each time."""
_SORTED = 256
"""Lists that are put in order at first; all of them where more are visited."""


class Along:
    """A query along some directions, as integers, with what the error of its products is made of."""

    def __init__(self, values: NDArray[np.float32]) -> None:
        # int32 holds the sum of the products of the largest integers on both sides.
        steps = min(_STEPS, (2**31 - 1) // (127 * max(1, len(values))))
        fast = compiling.module()
        made: tuple[NDArray[np.int16], float, float, float, float]
        made = _integers(values, steps) if fast is None else fast.lists.integers(values, steps)
        self.codes: NDArray[np.int16] = made[0]
        self.unit: float = made[1]
        length, missed, said = (length * (1 + 1e-9) + _LEAST for length in made[2:])
        self.per_error, self.per_norm = length * (1 + _ROUNDING), missed + length * _ROUNDING
        """What the error and the norm of a row count in the error of a product with it."""
        self.reach = said
        """A rough product is not above this, times the norm of the row."""

    @cached_property
    def _digits(self) -> NDArray[np.int8]:
        upper = self.codes >> _DIGIT
        return np.stack([upper, self.codes - (upper << _DIGIT)]).astype(np.int8)

    def integers(self, codes: NDArray[np.int8]) -> NDArray[np.float64]:
        """float64[n], whole numbers: products with int8[n, w]."""
        import numkong  # only where rows are scanned

        if not codes.size:
            return np.zeros(len(codes))
        upper, lower = np.asarray(numkong.cdist(self._digits, codes, "dot"))
        return np.asarray(upper * (1 << _DIGIT) + lower, np.float64)

    def rough(self, rows: Int8Rows, places: NDArray[np.int64]) -> NDArray[np.float64]:
        """float64[n]: rough products with some of the rows."""
        return self.integers(rows.codes[places]) * rows.scale[places] * self.unit

    def slack(self, error: Any, norm: Any) -> Any:
        """How far rough products with rows of that error and norm are off, at most."""
        return error * self.per_error + norm * self.per_norm


def _integers(
    values: NDArray[np.float32], steps: int
) -> tuple[NDArray[np.int16], float, float, float, float]:
    """Whole steps, their size, and the lengths of the values, of the rest and of the steps."""
    exact = values.astype(np.float64)
    unit = float(np.abs(exact).max(initial=0.0)) / steps or 1.0
    codes = np.rint(exact / unit)
    rest = exact - codes * unit
    lengths = (math.sqrt(exact @ exact), math.sqrt(rest @ rest), math.sqrt(codes @ codes) * unit)
    return codes.astype(np.int16), unit, *lengths


def turning(query: NDArray[np.float32]) -> float:
    """How far a product of float32 turns a query from where it should be, at most (Higham, 2002, 3.1)."""
    width = len(query)
    return (
        (width + 4) * 2.0**-24 * math.sqrt(width) * math.sqrt(float(query @ query) * (1 + width * 2.0**-23))
    )


def near(lists: Lists, turned: NDArray[np.float32]) -> NDArray[np.float64]:
    """float64[L]: how near the best tile of each list is to a turned query, about.

    The product with the list's mean, roughly (along the leading directions, from int8), and a share of the
    list's radius: the best of a wide list lies farther from the mean.
    """
    codes, scale, reach = lists.rough_centroids
    query = turned[: codes.shape[1]].astype(np.float64)
    unit = float(np.abs(query).max(initial=0.0)) / 127 or 1.0
    asked = np.rint(query / unit).astype(np.int8)
    fast = compiling.module()
    if fast is not None:
        return np.asarray(fast.lists.near(codes, scale, reach, asked, unit), np.float64)
    import numkong  # only where rows are scanned

    products = np.asarray(numkong.cdist(asked[None], codes, "dot"))[0]
    return np.asarray(products * scale * unit + reach, np.float64)


class Visit:
    """One query on its way through the lists. What it has seen, it knows exactly enough.

    Scores of tiles in lists come from int8 rows: `rough` ones, by integers that are the same whatever is
    visited beside them. The few that may be among the best are scored exactly at the end.
    """

    def __init__(
        self,
        lists: Lists,
        vectors: NDArray[np.float16],
        ids: Array,
        query: NDArray[np.float32],
        k: int,
        allowed: NDArray[np.bool_] | None = None,
    ) -> None:
        """
        Args:
            lists: of the gallery.
            vectors: float16[n, D], in the gallery's order.
            ids: S[n]
            query: float32[D]
            k: how many tiles are wanted.
            allowed: bool[n], rows of the gallery.
        """
        self._lists, self._vectors, self._ids, self._query = lists, vectors, ids, query
        self._k, self._allowed = k, allowed
        self.turned = lists.turned(query)
        """float32[D]: the query along the lists' directions."""
        width = lists.lead.codes.shape[1]
        self._lead, self._rest = Along(self.turned[:width]), Along(self.turned[width:])
        (lead_error, lead_norm), (rest_error, rest_norm) = lists.widest
        self._turning = (lead_norm + rest_norm) * turning(query)
        slack = self._lead.slack(lead_error, lead_norm) + self._rest.slack(rest_error, rest_norm)
        self._slack = 2 * float(slack + self._turning) + _LEAST if k <= _MANY else math.inf
        """A tile whose rough score is so far below that of another is not as near as that."""
        self._best = np.full(max(k, COVERED) if k <= _MANY else COVERED, -np.inf)
        """Rising: the best rough scores so far."""
        self._places: list[NDArray[np.int64]] = []
        self._rough: list[NDArray[np.float64]] = []
        self._candidates = np.zeros(0, np.int64)
        self._late = np.zeros(0, np.int64)
        self._late_scores = np.zeros(0)
        self.tiles = 0
        """Tiles that were scored."""
        self.bytes_read = 0

    @property
    def kernel(self) -> str:
        """What scores the tiles."""
        return f"{compiling.name('numkong')} int8 by lists, float16 rescored exactly"

    def candidates(self, places: NDArray[np.int64]) -> NDArray[np.float32]:
        """float32[r]: rough dense scores of some places, which count as seen; called once, and first."""
        for name in ("lead_codes", "rest_codes"):
            self._lists.touch(name, places, places + 1)
        rough = self._lead.rough(self._lists.lead, places) + self._rest.rough(self._lists.rest, places)
        there = self._open(places)
        self._add(places[there], rough[there])
        self._candidates = np.sort(places)
        self._count(len(places), len(places))
        return rough.astype(np.float32)

    def lists(self, numbers: NDArray[np.int64]) -> None:
        """Score the tiles of some lists."""
        fast = compiling.module()
        if fast is not None:
            self._take(fast.lists.visit(self._lists, (self._lead, self._rest), numbers, *self._so_far()))
            return
        blocks = np.cumsum(self._lists.sizes[numbers]) // _TOGETHER
        for part in np.split(numbers, np.flatnonzero(np.diff(blocks)) + 1):
            self._scan(part)

    def within(self, scores: NDArray[np.float64], margin: float) -> int:
        """Visit lists as long as they score within a margin of the `COVERED`-th best; gives how many.

        They come in rounds by falling score, and a round is measured by what was found before it.
        """
        fast = compiling.module()
        if fast is not None:
            query, limit = (self._lead, self._rest), (margin, COVERED, _ROUND)
            return self._take(fast.lists.within(self._lists, query, scores, *limit, *self._so_far()))
        done, size = 0, _ROUND
        order = first_lists(scores, _SORTED)
        while done < len(scores):
            if done + size > len(order):
                order = first_lists(scores, len(scores))
            chosen = order[done : done + size]
            near = chosen[scores[chosen] >= self.floor() - margin]
            self._scan(near)
            done += len(near)
            if len(near) < len(chosen):
                break
            size *= 2
        return done

    def tail(self) -> None:
        """Score the tiles that are in no list yet."""
        rows = self._lists.tail
        if self._allowed is not None:
            rows = rows[self._allowed[rows]]
        if len(rows):
            scores = exact_scores(self._vectors[rows], self._query[None])[:, 0]
            self._late, self._late_scores = rows, scores.astype(np.float64)
            self.tiles += len(rows)
            self.bytes_read += len(rows) * self._vectors.shape[1] * 2

    def floor(self) -> float:
        """The rough score that `COVERED` of the tiles seen so far reach; -inf: fewer were seen."""
        return float(self._best[-COVERED])

    def best(self) -> Candidates:
        """The k best of all tiles seen, with exact scores."""
        if not self._k:
            return Candidates(np.zeros(0, np.int64), np.zeros(0, np.float32))
        places = np.concatenate([np.zeros(0, np.int64), *self._places])
        rough = np.concatenate([np.zeros(0), *self._rough])
        near = rough >= self._best[-min(self._k, len(self._best))] - self._slack
        rows, rough, slack = self._shortlist(places[near], rough[near])
        if len(self._late):
            rows, rough = np.concatenate([rows, self._late]), np.concatenate([rough, self._late_scores])
            slack = np.concatenate([slack, np.zeros(len(self._late))])
        if not len(rows):
            return Candidates(np.zeros(0, np.int64), np.zeros(0, np.float32))
        return rescored(Shortlist(rows, rough, slack), self._vectors, self._ids, self._query, self._k)

    def _shortlist(
        self, places: NDArray[np.int64], rough: NDArray[np.float64]
    ) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]:
        """Rows of the places that may be among the k best, with rough scores and how far these may be off.

        Tile by tile that is about half of the widest.
        """
        fast = compiling.module()
        if fast is not None:
            slack = fast.lists.slacks(self._lists, (self._lead, self._rest), places, self._turning)
        else:
            lead, rest = (
                (rows.error[places].astype(np.float64), rows.norm[places].astype(np.float64))
                for rows in (self._lists.lead, self._lists.rest)
            )
            slack = self._lead.slack(*lead) + self._rest.slack(*rest) + self._turning
        if len(rough) > self._k:
            least = rough - slack
            near = rough + slack >= np.partition(least, len(least) - self._k)[len(least) - self._k]
            places, rough, slack = places[near], rough[near], slack[near]
        return self._lists.rows[places].astype(np.int64), rough, slack

    def _so_far(self) -> tuple[NDArray[np.bool_] | None, NDArray[np.int64], NDArray[np.float64], float]:
        return self._allowed, self._candidates, self._best, self._slack

    def _take(self, seen: Any) -> int:
        self._places.append(seen.places)
        self._rough.append(seen.rough)
        self._count(seen.tiles, seen.looked_at)
        return int(seen.lists)

    def _scan(self, numbers: NDArray[np.int64]) -> None:
        """Look at the tiles of some lists: all of them along the leading directions, few along the others."""
        if not len(numbers):
            return
        stops = self._lists.ends[numbers]
        starts = stops - self._lists.sizes[numbers]
        for name in ("lead_codes", "rest_codes"):
            self._lists.touch(name, starts, stops)
        begins = np.cumsum(stops - starts) - (stops - starts)
        places = np.arange((stops - starts).sum()) + np.repeat(starts - begins, stops - starts)
        tiles = len(places)
        if self._lists.has_gaps or self._allowed is not None:
            places = places[self._open(places)]
        if len(self._candidates):
            at = np.minimum(np.searchsorted(self._candidates, places), len(self._candidates) - 1)
            places = places[self._candidates[at] != places]
        rest = self._lists.rest
        rough = self._lead.rough(self._lists.lead, places)
        bound = rough + rest.norm[places].astype(np.float64) * self._rest.reach
        few = 2 * len(self._best)
        parts = [np.arange(len(places))]
        if self._best[0] == -np.inf and few < len(places):
            # The most promising ones first: they tell which of the others can be left out.
            parts = np.split(np.argpartition(-bound, few), [few])
        looked_at = 0
        for part in parts:
            near = part[bound[part] >= self._best[0] - self._slack]
            self._add(places[near], rough[near] + self._rest.rough(rest, places[near]))
            looked_at += len(near)
        self._count(tiles, looked_at)

    def _add(self, places: NDArray[np.int64], rough: NDArray[np.float64]) -> None:
        self._places.append(places)
        self._rough.append(rough)
        better = rough[rough > self._best[0]]
        if len(better):
            self._best = np.sort(np.concatenate([self._best, better]))[-len(self._best) :]

    def _open(self, places: NDArray[np.int64]) -> NDArray[np.bool_]:
        """bool[n]: whether the tiles at some places are there, and may be found."""
        rows = self._lists.rows[places]
        there = rows >= 0
        if self._allowed is not None:
            there &= self._allowed[rows]
        return there

    def _count(self, tiles: int, looked_at: int) -> None:
        width, others = self._lists.lead.codes.shape[1], self._lists.rest.codes.shape[1]
        self.tiles += tiles
        self.bytes_read += tiles * (width + ROW_TERMS) + looked_at * (others + ROW_TERMS)


def first_lists(scores: NDArray[np.float64], count: int) -> NDArray[np.int64]:
    """int64[>= count]: the first lists in the order of their scores, ties by number."""
    if count >= len(scores):
        return np.argsort(-scores, kind="stable")
    least = np.partition(scores, len(scores) - count)[len(scores) - count]
    chosen = np.flatnonzero(scores >= least)
    return chosen[np.argsort(-scores[chosen], kind="stable")]


def exactly(
    vectors: NDArray[np.float16], ids: Array, query: NDArray[np.float32], rows: NDArray[np.int64], k: int
) -> Candidates:
    """The k best of some rows, rising, from their float16 vectors."""
    return half.scan(vectors, ids, query[None], k, rows)[0]
