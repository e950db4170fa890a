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
from swath.types import Array, Candidates

KERNEL = "numkong int8 by lists, float16 rescored exactly"
_LOOK = 4
"""Times as many of the best are looked at exactly to know how good the k-th is."""


class Visit:
    """One query on its way through the lists. What it has seen, it knows exactly enough."""

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
        self._seen = np.zeros(len(lists.rows), bool)
        self._rows: list[NDArray[np.int64]] = [np.zeros(0, np.int64)]
        self._rough: list[NDArray[np.float64]] = [np.zeros(0)]
        self._slack: list[NDArray[np.float64]] = [np.zeros(0)]
        self._known: dict[int, float] = {}
        self.tiles = 0
        """Tiles that were scored."""
        self.bytes_read = 0

    def candidates(self, places: NDArray[np.int64]) -> NDArray[np.float32]:
        """float32[r]: rough dense scores of some places, which count as seen."""
        self._lists.touch("codes", places, places + 1)
        products = self._products(self._lists.compact.codes[places])
        rough = self._score(places, products)
        self._seen[places] = True
        return rough.astype(np.float32)

    def lists(self, numbers: NDArray[np.int64]) -> None:
        """Score the tiles of some lists."""
        stops = self._lists.ends[numbers]
        starts = stops - self._lists.sizes[numbers]
        self._lists.touch("codes", starts, stops)
        codes = self._lists.compact.codes
        spans = list(zip(starts.tolist(), stops.tolist(), strict=True))
        # List by list, since each lies in one piece of memory; what follows costs the same for one or many.
        products = [self._products(codes[start:stop]) for start, stop in spans]
        places = [np.arange(start, stop) for start, stop in spans]
        if spans:
            self._score(np.concatenate(places), np.concatenate(products))

    def tail(self) -> None:
        """Score the tiles that are in no list yet."""
        rows = self._lists.tail
        if self._allowed is not None:
            rows = rows[self._allowed[rows]]
        if len(rows):
            scores = exact_scores(self._vectors[rows], self._query[None])[:, 0]
            self._keep(rows, scores.astype(np.float64), np.zeros(len(rows)))
            self.tiles += len(rows)
            self.bytes_read += len(rows) * self._vectors.shape[1] * 2

    def floor(self, k: int) -> float:
        """A score that k of the tiles seen so far reach, as high as is told quickly; -inf: fewer than k."""
        rows, rough = self._joined()
        if len(rows) < k:
            return -np.inf
        look = min(len(rows), _LOOK * k)
        near = rows[np.argpartition(-rough, look - 1)[:look]]
        fresh = np.array([row for row in near.tolist() if row not in self._known], np.int64)
        if len(fresh):
            scores = exact_scores(self._vectors[fresh], self._query[None])[:, 0]
            self._known.update(zip(fresh.tolist(), scores.tolist(), strict=True))
        known = np.fromiter(self._known.values(), np.float64, len(self._known))
        return float(np.partition(known, len(known) - k)[len(known) - k])

    def best(self, k: int) -> Candidates:
        """The k best of all tiles seen, with exact scores."""
        rows, rough = self._joined()
        if not len(rows) or not k:
            return Candidates(np.zeros(0, np.int64), np.zeros(0, np.float32))
        short = Shortlist(rows, rough, np.concatenate(self._slack))
        return rescored(short, self._vectors, self._ids, self._query, k)

    def _joined(self) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        if len(self._rows) > 1:
            self._rows, self._rough = [np.concatenate(self._rows)], [np.concatenate(self._rough)]
            self._slack = [np.concatenate(self._slack)]
        return self._rows[0], self._rough[0]

    def _products(self, codes: NDArray[np.int8]) -> NDArray[np.float64]:
        return np.asarray(self._numkong.cdist(self._asked.codes, codes, "dot")).reshape(-1)

    def _score(self, places: NDArray[np.int64], products: NDArray[np.float64]) -> NDArray[np.float64]:
        """Keep what may be asked for; gives the rough scores of all."""
        compact = self._lists.compact
        rough = np.asarray(products * compact.scale[places] * self._asked.unit[0], np.float64)
        rows = self._lists.rows[places]
        keep = (rows >= 0) & ~self._seen[places]
        if self._allowed is not None:
            keep &= self._allowed[rows]
        self.tiles += len(places)
        self.bytes_read += len(places) * (compact.codes.shape[1] + ROW_TERMS)
        kept = places[keep]
        error, norm = compact.error[kept].astype(np.float64), compact.norm[kept].astype(np.float64)
        self._keep(rows[keep].astype(np.int64), rough[keep], self._asked.slack(error, norm, 0))
        return rough

    def _keep(self, rows: NDArray[np.int64], rough: NDArray[np.float64], slack: NDArray[np.float64]) -> None:
        self._rows.append(rows)
        self._rough.append(rough)
        self._slack.append(slack)


def exactly(
    vectors: NDArray[np.float16], ids: Array, query: NDArray[np.float32], rows: NDArray[np.int64], k: int
) -> Candidates:
    """The k best of some rows, rising, from their float16 vectors."""
    return half.scan(vectors, ids, query[None], k, rows)[0]
