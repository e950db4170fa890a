"""Partial dense search: the tiles of a few lists, chosen by what a guide found, scored exactly."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self, cast

import numpy as np
from numpy.typing import NDArray

from swath.archive.lists import Lists
from swath.errors import SpecError
from swath.search.caret import listed, nearest
from swath.search.kernels import sparse
from swath.search.kernels.exact import top
from swath.search.kernels.lists import Visit, near
from swath.search.ordering import exact_scores
from swath.search.query import EncodedQuery
from swath.search.selection import (
    MARGIN_RULES,
    RULES,
    Rule,
    by_mass,
    conformal,
    list_scores,
    masses,
)
from swath.search.stages.base import Cost, Kind, Stage
from swath.search.words import asked, with_lists, words_asked
from swath.types import Candidates, Gallery

_FEW_TILES = 4000
_FEW = 0.02
"""Filters that leave fewer tiles, or a smaller share, are answered by an exact scan of these."""


@dataclass(frozen=True)
class PartialDense(Stage):
    """Visits lists by a rule (see `swath.search.selection`) and emits their best tiles.

    One of three limits says how far it goes. `coverage`: as far as calibration says that this share of
    queries has all of its exact best 10 in what was visited; without calibration that is every list. `tiles`:
    a share of the tiles. `mass`: lists until they hold this share of the guide's mass (CDFS). None given:
    coverage .98. `weight` is that of the dense scores beside the sparse ones, both normalised by `norm`; 1 is
    the dense order.
    """

    name: ClassVar[str] = "lists"
    kind: ClassVar[Kind] = "expand"

    coverage: float | None = None
    rule: str = "best"
    tiles: float | None = None
    mass: float | None = None
    weight: float = 1.0
    norm: str = "minmax"
    guide: str = ""
    """Whose calibration counts; by default that of the stage before."""

    def __post_init__(self) -> None:
        if self.rule not in RULES:
            raise SpecError(
                f"{self.name} has no rule '{self.rule}'{nearest(self.rule, RULES)} It has: {listed(RULES)}"
            )
        limits = [limit for limit in (self.coverage, self.tiles, self.mass) if limit is not None]
        if len(limits) > 1:
            raise SpecError(f"{self.name} takes one limit: coverage, tiles or mass")
        if any(not 0 < limit <= 1 for limit in limits):
            raise SpecError(f"the limit of {self.name} is a share, above 0 and at most 1")
        if not 0 <= self.weight <= 1:
            raise SpecError(f"weight of {self.name} is a share, from 0 to 1")

    @property
    def signals(self) -> frozenset[str]:
        """The embeddings, and the lists."""
        return frozenset({"dense", "lists"})

    def behind(self, before: str) -> Self:
        """Calibrated for the stage before it, unless the spec names another guide."""
        return self if self.guide or not before else replace(self, guide=before)

    def run(
        self,
        gallery: Gallery,
        query: EncodedQuery,
        candidates: Candidates | None,
        k: int,
        mask: NDArray[np.bool_] | None,
        threads: int | None = None,
    ) -> tuple[Candidates, Cost]:
        """The k best of the tiles visited, the candidates and the tiles that are in no list yet."""
        return with_lists(
            gallery, lambda lists: _Search(self, lists, gallery, query, candidates, mask, threads).run(k)
        )


@dataclass(frozen=True)
class Ivf(PartialDense):
    """Plain inverted lists: by centroids alone, without a guide."""

    name: ClassVar[str] = "ivf"
    kind: ClassVar[Kind] = "recall"

    rule: str = "centroid"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.rule != "centroid":
            raise SpecError("ivf has no guide, so its rule is centroid")


class _Search:
    """One query."""

    def __init__(
        self,
        stage: PartialDense,
        lists: Lists | None,
        gallery: Gallery,
        query: EncodedQuery,
        candidates: Candidates | None,
        mask: NDArray[np.bool_] | None,
        threads: int | None,
    ) -> None:
        self.stage, self.lists, self.gallery, self.query = stage, lists, gallery, query
        self.mask, self.threads = mask, threads
        self.vectors = gallery.signal("dense")
        none = Candidates(np.zeros(0, np.int64), np.zeros(0, np.float32))
        self.candidates = none if candidates is None else candidates
        self.lists_of_candidates = np.zeros(0, np.int32)

    def run(self, k: int) -> tuple[Candidates, Cost]:
        lists = self.lists
        allowed = len(self.gallery) if self.mask is None else int(np.count_nonzero(self.mask))
        few = self.mask is not None and (allowed < _FEW_TILES or allowed < _FEW * len(self.gallery))
        if lists is None:
            return self._exactly(k, "no lists that fit: run `swath tune`; certificate: exact")
        if few:
            return self._exactly(k, f"{allowed:,} tiles pass; certificate: exact")
        visit = Visit(lists, self.vectors, self.gallery.ids, self.query.dense, k, self.mask)
        scores = self._scores(lists, visit)
        limit, certificate = self._limit(lists)
        count = self._visit(lists, visit, scores, limit)
        visit.tail()
        if count == len(scores):
            certificate = "exact"
        elif self.mask is not None:
            certificate = "none (filtered)"
        note = (
            f"{count:,} of {len(scores):,} lists, {visit.tiles:,} tiles "
            f"({100 * visit.tiles / max(1, len(self.gallery)):.2g} %); certificate: {certificate}"
        )
        found = self._fused(visit.best(), k)
        return found, Cost(visit.tiles, visit.bytes_read, visit.kernel, note)

    def _exactly(self, k: int, note: str) -> tuple[Candidates, Cost]:
        found, work = top(
            self.vectors,
            self.gallery.ids,
            self.query.dense[None],
            k,
            self.mask,
            compact=self.gallery.compact,
            threads=self.threads,
        )
        return self._fused(found[0], k), Cost(work.rows, work.bytes_read, work.kernel, note)

    def _scores(self, lists: Lists, visit: Visit) -> NDArray[np.float64]:
        """Scores of the lists; the candidates are visited on the way."""
        known = lists.places[self.candidates.rows]
        places = known[known >= 0].astype(np.int64)
        dense = visit.candidates(places) if len(places) else np.zeros(0, np.float32)
        facts = self._facts(lists)
        prior = np.array(facts["prior"]) if "prior" in facts else None
        self.lists_of_candidates = lists.list_of[places]
        return list_scores(
            cast("Rule", self.stage.rule), near(lists, visit.turned), self.lists_of_candidates, dense, prior
        )

    def _facts(self, lists: Lists) -> dict[str, Any]:
        found: dict[str, Any] = lists.facts.get("guides", {}).get(self.stage.guide, {})
        return found

    def _limit(self, lists: Lists) -> tuple[float | None, str]:
        """The margin or the number of tiles to go to (None: everything), and what that is worth."""
        stage = self.stage
        if stage.tiles is not None:
            return stage.tiles * len(lists.rows), "none"
        if stage.mass is not None:
            return None, "none"
        coverage = 0.98 if stage.coverage is None else stage.coverage
        asked = (stage.guide, stage.rule, coverage)
        if asked not in lists.limits:
            needed = self._facts(lists).get("needed", {}).get(stage.rule)
            lists.limits[asked] = None if needed is None else conformal(needed, coverage)
        limit = lists.limits[asked]
        if limit is None:
            return None, "exact, as nothing was calibrated: run `swath tune`"
        return limit, f"conformal, {100 * coverage:g} % of queries"

    def _visit(
        self,
        lists: Lists,
        visit: Visit,
        scores: NDArray[np.float64],
        limit: float | None,
    ) -> int:
        """Visit lists up to the limit; gives how many."""
        if limit is not None and self.stage.tiles is None and self.stage.rule in MARGIN_RULES:
            return visit.within(scores, limit)
        order = np.argsort(-scores, kind="stable")
        if self.stage.mass is not None:
            chosen = self._by_mass(lists, order)
        elif limit is None:
            chosen = order
        else:
            sizes = lists.sizes
            if self.mask is not None:
                there = lists.rows >= 0
                there &= self.mask[lists.rows]
                sizes = np.bincount(lists.list_of[there], minlength=len(sizes))
            reached = np.cumsum(sizes[order])
            chosen = order[: max(1, int(np.searchsorted(reached, limit, "right")))]
        visit.lists(chosen)
        return len(chosen)

    def _by_mass(self, lists: Lists, order: NDArray[np.int64]) -> NDArray[np.int64]:
        of = self.lists_of_candidates
        if not len(of):
            return order[:1]
        facts = self._facts(lists)
        chance = np.ones(len(of))
        if self.stage.rule != "count" and "prior" in facts:
            prior = np.array(facts["prior"])
            chance = prior[np.minimum(np.arange(len(of)), len(prior) - 1)]
        best = np.full(len(lists.ends), len(of))
        np.minimum.at(best, of, np.arange(len(of)))
        assert self.stage.mass is not None
        return by_mass(masses(of, chance, len(lists.ends)), best, self.stage.mass)

    def _fused(self, dense: Candidates, k: int) -> Candidates:
        """The dense order, or with a weight below 1 both sides' order over the completed union."""
        if self.stage.weight == 1:
            return dense
        from swath.search.fusion import WeightedSum  # which knows the stages

        rows = np.union1d(dense.rows, self.candidates.rows)
        if not len(rows):
            return dense
        sides = [Candidates(rows, exact_scores(self.vectors[rows], self.query.dense[None])[:, 0])]
        sides.append(self._sparse_side(rows))
        weight = self.stage.weight
        fused = WeightedSum((weight, 1 - weight), self.stage.norm).fuse(sides, self.gallery.ids)
        return Candidates(fused.rows[:k], fused.scores[:k])

    def _sparse_side(self, rows: NDArray[np.int64]) -> Candidates:
        """Sparse scores of all rows; those of another guide are known of its candidates alone."""
        lists = self.lists
        if lists is None or lists.postings is None or not self.stage.guide.startswith("sparse"):
            return self.candidates
        places = lists.places[rows].astype(np.int64)
        inside = places >= 0
        words = asked(lists.postings, words_asked(lists, self.query))
        scores = np.zeros(len(rows), np.float32)
        scores[inside] = sparse.scores_of(lists.postings, words, places[inside])
        late = np.isin(self.candidates.rows, rows[~inside])
        scores[np.searchsorted(rows, self.candidates.rows[late])] = self.candidates.scores[late]
        return Candidates(rows, scores)
