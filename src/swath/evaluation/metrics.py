"""Hit@k under ties, exactly.

The field's "R@K" is a hit rate: the share of queries with a right item among the first k. Where equal scores
leave the order open, the value here is the expectation over every order of the tied items, so that nothing
depends on the order of a file.

Gallery items enter one by one, equal ones too; a query's *best* item is its right item with the best score.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from swath.errors import InputError
from swath.types import Array

KS = (1, 5, 10)
"""The cut-offs that are reported."""


@dataclass(frozen=True, slots=True)
class Relevance:
    """Which gallery items are right for each of q queries; every query has at least one."""

    starts: NDArray[np.int64]
    """int64[q + 1]: the items of query i are `items[starts[i]:starts[i + 1]]`."""
    items: NDArray[np.int64]

    def __post_init__(self) -> None:
        if len(self) and np.diff(self.starts).min() < 1:
            query = int(np.diff(self.starts).argmin())
            raise InputError(f"query {query} has no right item: leave it out before ranking")

    @classmethod
    def of(cls, items: Iterable[Sequence[int] | NDArray[np.integer[Any]]]) -> Relevance:
        """From one sequence of item numbers per query."""
        lists = [np.asarray(each, np.int64) for each in items]
        starts = np.cumsum([0, *map(len, lists)], dtype=np.int64)
        return cls(starts, np.concatenate(lists) if lists else np.zeros(0, np.int64))

    def __len__(self) -> int:
        return len(self.starts) - 1

    def check(self, queries: int, items: int) -> None:
        """Raises `InputError` where this is not about so many queries and items."""
        if len(self) != queries or (
            len(self.items) and not 0 <= self.items.min() <= self.items.max() < items
        ):
            last = int(self.items.max(initial=-1))
            raise InputError(
                f"right items of {len(self):,} queries, up to item {last:,}, do not fit {queries:,} queries "
                f"and {items:,} items: are the directions exchanged?"
            )

    def take(self, queries: NDArray[np.int64]) -> Relevance:
        """The relevance of some of the queries, in the order asked for."""
        sizes = np.diff(self.starts)[queries]
        starts = np.concatenate([[0], np.cumsum(sizes)])
        within = np.arange(starts[-1]) - np.repeat(starts[:-1], sizes)
        return Relevance(starts, self.items[np.repeat(self.starts[queries], sizes) + within])


@dataclass(frozen=True, slots=True)
class Ranks:
    """Where the best right item of each of q queries stands: all that hit@k needs."""

    above: NDArray[np.int64]
    """int64[q]: items with a better score than the best right one."""
    tied: NDArray[np.int64]
    """int64[q]: items with that very score, itself included."""
    right: NDArray[np.int64]
    """int64[q]: right items among the tied."""

    @classmethod
    def empty(cls, queries: int) -> Ranks:
        """To be filled by `put`."""
        return cls(*(np.zeros(queries, np.int64) for _ in range(3)))

    def put(self, queries: NDArray[np.int64] | slice, ranks: Ranks) -> None:
        """Write the ranks of some queries."""
        self.above[queries], self.tied[queries], self.right[queries] = ranks.above, ranks.tied, ranks.right

    def hits(self, k: int) -> NDArray[np.float64]:
        """float64[q]: the probability that a right item is among the first k when ties are broken at random.

        With g items above, t tied, p of them right and m = min(max(k - g, 0), t) places left for them it is
        1 - C(t - p, m) / C(t, m).
        """
        drawn = np.clip(_at_least_one(k) - self.above, 0, self.tied)
        wrong = self.tied - self.right
        missed = np.ones(len(self.above))
        for place in range(int(drawn.max(initial=0))):
            still = np.maximum(wrong - place, 0) / np.maximum(self.tied - place, 1)
            missed *= np.where(place < drawn, still, 1.0)
        return 1.0 - missed

    def best_case(self, k: int) -> NDArray[np.float64]:
        """float64[q]: hit@k if ties always fell in favour of the right items."""
        return (self.above < _at_least_one(k)).astype(np.float64)

    def worst_case(self, k: int) -> NDArray[np.float64]:
        """float64[q]: hit@k if ties always fell against them."""
        return (self.above + self.tied - self.right < _at_least_one(k)).astype(np.float64)


def rank_scores(scores: Array, relevance: Relevance) -> Ranks:
    """Ranks from scores[q, n], higher is better. Raises `InputError` where a score is NaN."""
    relevance.check(*scores.shape)
    if np.isnan(scores).any():
        raise InputError("scores with NaN cannot be ranked: the encoder that gave them is broken")
    if not len(relevance):
        return Ranks.empty(0)
    queries = np.repeat(np.arange(len(relevance)), np.diff(relevance.starts))
    of_right = scores[queries, relevance.items]
    best = np.maximum.reduceat(of_right, relevance.starts[:-1])
    return Ranks(
        above=np.count_nonzero(scores > best[:, None], axis=1),
        tied=np.count_nonzero(scores == best[:, None], axis=1),
        right=np.add.reduceat(of_right == best[queries], relevance.starts[:-1], dtype=np.int64),
    )


def rank_levels(levels: NDArray[np.int64], relevance: Relevance) -> Ranks:
    """Ranks of queries that share one ordering: levels[n] >= 0, lower is better, equal is tied."""
    if not len(relevance):
        return Ranks.empty(0)
    counts = np.bincount(levels)
    before = np.cumsum(counts) - counts
    of_right = levels[relevance.items]
    best = np.minimum.reduceat(of_right, relevance.starts[:-1])
    same = of_right == np.repeat(best, np.diff(relevance.starts))
    right = np.add.reduceat(same, relevance.starts[:-1], dtype=np.int64)
    return Ranks(before[best], counts[best], right)


def _at_least_one(k: int) -> int:
    if k < 1:
        raise InputError(f"hit@k needs k of at least 1, got {k}")
    return k
