"""Scoring the tiles of some lists from their int8 rows, and the best of them exactly."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from swath.archive.lists import Lists
from swath.search.kernels import half
from swath.search.kernels.exact import rescored
from swath.search.kernels.int8 import ROW_TERMS, Asked, Shortlist
from swath.search.ordering import exact_scores
from swath.search.selection import COVERED
from swath.types import Array, Candidates

KERNEL = "numkong int8 by lists, float16 rescored exactly"
_LEFT_OUT = -1e300
"""Below every score, and above that of a place that is left out."""


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
        allowed: NDArray[np.bool_] | None = None,
    ) -> None:
        """
        Args:
            lists: of the gallery.
            vectors: float16[n, D], in the gallery's order.
            ids: S[n]
            query: float32[D]
            allowed: bool[n], rows of the gallery.
        """
        import numkong  # only where rows are scanned

        self._numkong: Any = numkong
        self._lists, self._vectors, self._ids, self._query = lists, vectors, ids, query
        self._asked = Asked(query[None])
        self._allowed = allowed
        self._candidates = np.zeros(0, np.int64)
        self._starts: list[NDArray[np.int64]] = []
        self._sizes: list[NDArray[np.int64]] = []
        self._rough: list[NDArray[np.float64]] = []
        self._best = np.full(COVERED, -np.inf)
        """Rising: the best rough scores so far."""
        self._error = self._norm = np.float32(0)
        """Not below those of any place that was scored."""
        self._late = np.zeros(0, np.int64)
        self._late_scores = np.zeros(0)
        self.tiles = 0
        """Tiles that were scored."""
        self.bytes_read = 0

    def candidates(self, places: NDArray[np.int64]) -> NDArray[np.float32]:
        """float32[r]: rough dense scores of some places, which count as seen; called once, and first."""
        self._lists.touch("codes", places, places + 1)
        compact = self._lists.compact
        rough = self._products(compact.codes[places])
        rough *= compact.scale[places]
        rough *= self._asked.unit[0]
        scores = rough.astype(np.float32)
        if self._lists.has_gaps or self._allowed is not None:
            rough[~self._open(places)] = -np.inf
        self._add(places, np.ones(len(places), np.int64), rough)
        self._widen(compact.error[places], compact.norm[places])
        self._candidates = np.sort(places)
        return scores

    def lists(self, numbers: NDArray[np.int64]) -> None:
        """Score the tiles of some lists."""
        if not len(numbers):
            return
        stops = self._lists.ends[numbers]
        starts = stops - self._lists.sizes[numbers]
        self._lists.touch("codes", starts, stops)
        compact = self._lists.compact
        spans = list(zip(starts.tolist(), stops.tolist(), strict=True))
        # List by list, since each lies in one piece of memory; what follows costs the same for one or many.
        rough = np.concatenate([self._products(compact.codes[start:stop]) for start, stop in spans])
        rough *= np.concatenate([compact.scale[start:stop] for start, stop in spans])
        rough *= self._asked.unit[0]
        if self._lists.has_gaps or self._allowed is not None:
            places = np.concatenate([np.arange(start, stop) for start, stop in spans])
            rough[~self._open(places)] = -np.inf
        if len(self._candidates):
            self._leave_out(starts, stops, rough)
        self._add(starts, stops - starts, rough)
        parts = ([rows[start:stop] for start, stop in spans] for rows in (compact.error, compact.norm))
        self._widen(*(np.concatenate(part) for part in parts))

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
        return float(self._best[0])

    def best(self, k: int) -> Candidates:
        """The k best of all tiles seen, with exact scores."""
        if not k:
            return Candidates(np.zeros(0, np.int64), np.zeros(0, np.float32))
        rough = np.concatenate([np.zeros(0), *self._rough])
        starts = np.concatenate([np.zeros(0, np.int64), *self._starts])
        sizes = np.concatenate([np.zeros(0, np.int64), *self._sizes])
        ends = np.cumsum(sizes)
        near = np.flatnonzero(rough >= self._least(rough, k))
        part = np.searchsorted(ends, near, "right")
        places = starts[part] + near - (ends - sizes)[part]
        compact = self._lists.compact
        error, norm = compact.error[places].astype(np.float64), compact.norm[places].astype(np.float64)
        short = Shortlist(
            np.concatenate([self._lists.rows[places].astype(np.int64), self._late]),
            np.concatenate([rough[near], self._late_scores]),
            np.concatenate([self._asked.slack(error, norm, 0), np.zeros(len(self._late))]),
        )
        if not len(short.rows):
            return Candidates(np.zeros(0, np.int64), np.zeros(0, np.float32))
        return rescored(short, self._vectors, self._ids, self._query, k)

    def _least(self, rough: NDArray[np.float64], k: int) -> float:
        """Every place that may be among the k best has this rough score; none that is left out has."""
        if len(rough) <= k:
            return _LEFT_OUT
        kth = np.partition(rough, len(rough) - k)[len(rough) - k]
        if kth == -np.inf:
            return _LEFT_OUT
        # The interval of a score reaches no further than the widest one, in either direction.
        widest = float(self._asked.slack(np.float64(self._error), np.float64(self._norm), 0))
        return max(float(kth) - 2 * widest, _LEFT_OUT)

    def _widen(self, error: NDArray[np.float32], norm: NDArray[np.float32]) -> None:
        self._error = max(self._error, error.max(initial=0))
        self._norm = max(self._norm, norm.max(initial=0))

    def _products(self, codes: NDArray[np.int8]) -> NDArray[np.float64]:
        products: NDArray[np.float64] = np.asarray(self._numkong.cdist(self._asked.codes, codes, "dot"))[0]
        return products

    def _open(self, places: NDArray[np.int64]) -> NDArray[np.bool_]:
        """bool[n]: whether the tiles at some places are there, and may be found."""
        rows = self._lists.rows[places]
        there = rows >= 0
        if self._allowed is not None:
            there &= self._allowed[rows]
        return there

    def _leave_out(
        self, starts: NDArray[np.int64], stops: NDArray[np.int64], rough: NDArray[np.float64]
    ) -> None:
        """What was a candidate has been seen."""
        first, last = np.searchsorted(self._candidates, starts), np.searchsorted(self._candidates, stops)
        begins = np.cumsum(stops - starts) - (stops - starts)
        for number in np.flatnonzero(last > first).tolist():
            inside = self._candidates[first[number] : last[number]]
            rough[inside - starts[number] + begins[number]] = -np.inf

    def _add(self, starts: NDArray[np.int64], sizes: NDArray[np.int64], rough: NDArray[np.float64]) -> None:
        self._starts.append(starts)
        self._sizes.append(sizes)
        self._rough.append(rough)
        better = rough[rough > self._best[0]]
        if len(better):
            self._best = np.sort(np.concatenate([self._best, better]))[-COVERED:]
        self.tiles += len(rough)
        self.bytes_read += len(rough) * (self._vectors.shape[1] + ROW_TERMS)


def exactly(
    vectors: NDArray[np.float16], ids: Array, query: NDArray[np.float32], rows: NDArray[np.int64], k: int
) -> Candidates:
    """The k best of some rows, rising, from their float16 vectors."""
    return half.scan(vectors, ids, query[None], k, rows)[0]
