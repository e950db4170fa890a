"""Hit@k under ties, exactly.

The field's "R@K" is a hit rate: the share of queries with a right item among the first k. Where equal scores
leave the order open, the value here is the expectation over every order of the tied items, so that nothing
depends on the order of a file.

Gallery items enter one by one, equal ones too; a query's *best* item is its right item with the best score.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from swath.errors import InputError
from swath.search import exact_scores
from swath.types import Array

KS = (1, 5, 10)
"""The cut-offs that are reported."""

_MEMORY = 1 << 28
_GALLERY_BLOCK = 4096


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
    def of(cls, items: Iterable[Sequence[int]]) -> Relevance:
        """From one sequence of item numbers per query."""
        lists = [np.asarray(each, np.int64) for each in items]
        starts = np.cumsum([0, *map(len, lists)], dtype=np.int64)
        return cls(starts, np.concatenate(lists) if lists else np.zeros(0, np.int64))

    def __len__(self) -> int:
        return len(self.starts) - 1

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


def rank_embeddings(
    queries: NDArray[np.float32], gallery: Array, relevance: Relevance, memory: int = _MEMORY
) -> Ranks:
    """Ranks by the exact dense score of queries[q, D] against gallery[n, D].

    Gallery vectors are taken as float16, the way they are stored; scores are those of a search, so that equal
    vectors tie. For validation while training, where no archive or stage is wanted. About `memory` bytes are
    held at once, whatever the sizes.

    Raises `InputError` where a vector is not finite.
    """
    stored = gallery.astype(np.float16)
    if not (np.isfinite(queries).all() and np.isfinite(stored).all()):
        raise InputError("vectors that are not finite cannot be ranked: the encoder that gave them is broken")
    block = max(1, memory // (8 * len(stored) + 48 * min(len(stored), _GALLERY_BLOCK) + 1))
    ranks = Ranks.empty(len(queries))
    for start in range(0, len(queries), block):
        asked = queries[start : start + block]
        scores = np.empty((len(asked), len(stored)), np.float32)
        for column in range(0, len(stored), _GALLERY_BLOCK):
            columns = slice(column, column + _GALLERY_BLOCK)
            scores[:, columns] = exact_scores(stored[columns], asked).T
        rows = np.arange(start, start + len(asked))
        ranks.put(rows, rank_scores(scores, relevance.take(rows)))
    return ranks


def _at_least_one(k: int) -> int:
    if k < 1:
        raise InputError(f"hit@k needs k of at least 1, got {k}")
    return k
