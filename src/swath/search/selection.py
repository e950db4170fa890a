"""Which lists a partial search visits, and how sure it is that nothing is missed.

A rule gives every list a score for a query; lists are visited by falling score. Rules of one scale with the
dense scores (`best`, `centroid`) stop where a list's score is a margin below the k-th best score found so
far; the others (`rank_prior`, `count`, `union`) stop after a number of tiles. Either limit is a quantile of
what calibration queries needed (split conformal prediction), so that a stated share of queries like these
finds all of its exact best.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray

COVERED = 10
"""A query is covered where all of its so many exact best are found."""
Rule: TypeAlias = Literal["best", "centroid", "count", "rank_prior", "union"]
RULES: tuple[Rule, ...] = get_args(Rule)
MARGIN_RULES = frozenset({"best", "centroid"})
"""Rules whose list scores can be compared with dense scores."""

_FROM_BEST = 0.7
"""How much the best candidate of a list counts beside its centroid."""
_NO_MARGIN = -1e30
"""Where nothing had to be visited; finite, as it is kept in JSON."""
_APART = 50
"""Ranks that have a prior of their own; later ones share it with their neighbours."""
_BIN = 25


def list_scores(
    rule: Rule,
    near: NDArray[np.float64],
    lists: NDArray[np.int32],
    scores: NDArray[np.float32],
    prior: NDArray[np.float64] | None,
) -> NDArray[np.float64]:
    """float64[L]: the higher, the sooner a list is visited. Without candidates every rule is `centroid`.

    Args:
        rule: which.
        near: float64[L], products of the query with the centroids.
        lists: int32[r], the list of every candidate of the guide, best first.
        scores: float32[r], their dense scores.
        prior: float64[R], the chance of each rank to be among the dense best; for `rank_prior` and `union`.
    """
    base = near
    if rule == "centroid" or not len(lists):
        return base
    if rule == "best":
        best = base.copy()
        np.maximum.at(best, lists, scores.astype(np.float64))
        return _FROM_BEST * best + (1 - _FROM_BEST) * base
    chance = np.ones(len(lists)) if rule == "count" or prior is None else _extended(prior, len(lists))
    mass = masses(lists, chance, len(base))
    # The centroid breaks ties, and orders the lists that no candidate is in.
    guided = _ranks(mass + 1e-9 * base)
    if rule == "union":
        return np.asarray(-np.minimum(guided, _ranks(base)) - 1e-6 * guided, np.float64)
    return -guided


def masses(lists: NDArray[np.int32], chance: NDArray[np.float64], count: int) -> NDArray[np.float64]:
    """float64[count]: summed chances of the candidates of each list (CDFS, Yang et al., SIGIR 2024)."""
    return np.asarray(np.bincount(lists, weights=chance, minlength=count), np.float64)


def by_mass(
    mass: NDArray[np.float64],
    best_rank: NDArray[np.int64],
    share: float,
    least: int = 1,
    most: int | None = None,
) -> NDArray[np.int64]:
    """Lists by falling mass until these hold a share of all of it; equal ones by best rank, then number.

    Raises `ValueError` where no list has any mass.
    """
    if not mass.sum() > 0:
        raise ValueError("no list has any mass: select by centroids")
    order = np.lexsort((np.arange(len(mass)), best_rank, -mass))
    reached = np.cumsum(mass[order]) / mass.sum()
    # What is left of the share by rounding is no reason to take another list.
    enough = int(np.searchsorted(reached, share * (1 - 1e-12))) + 1
    taken = max(least, enough if most is None else min(enough, most))
    return order[: min(taken, int(np.count_nonzero(mass)))]


def rank_prior(belongs: NDArray[np.bool_]) -> NDArray[np.float64]:
    """float64[R]: how likely the r-th candidate is among the dense best, never rising with r.

    `belongs`, bool[q, R], says for training queries which of their candidates were. Ranks above 50 are
    pooled in bins, then neighbours that rise are (pool adjacent violators).
    """
    raw = belongs.mean(0)
    for start in range(_APART, len(raw), _BIN):
        raw[start : start + _BIN] = raw[start : start + _BIN].mean()
    return falling(raw)


def falling(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """The non-increasing sequence nearest to a sequence, by least squares (pool adjacent violators)."""
    blocks: list[tuple[float, int]] = []
    for value in values.tolist():
        total, count = value, 1
        while blocks and blocks[-1][0] / blocks[-1][1] < total / count:
            before, size = blocks.pop()
            total, count = total + before, count + size
        blocks.append((total, count))
    return np.concatenate([np.zeros(0), *(np.full(count, total / count) for total, count in blocks)])


def conformal(needed: Sequence[float] | NDArray[np.float64], coverage: float) -> float | None:
    """The limit under which a new query is covered with at least this chance; None: only an exact scan is.

    `needed` are the limits that n exchangeable queries needed; it is the ceil((n + 1) * coverage)-th smallest
    (Vovk et al., 2005). A coverage of c needs n >= c / (1 - c) queries.
    """
    ordered = np.sort(np.asarray(needed, np.float64))
    # Rounding must not turn 11 * (1 - .1) = 9.9 + 1e-15 into more than it is.
    place = math.ceil((len(ordered) + 1) * coverage - 1e-9)
    return None if place > len(ordered) else float(ordered[max(place, 1) - 1])


def margin_needed(floors: NDArray[np.float64], scores: NDArray[np.float64], last: int) -> float:
    """The margin with which a visit of lists goes as far as list number `last` of the order; always finite.

    Args:
        floors: float64[j], the k-th best score known before each list of the order is visited; -inf: fewer
            than k are known.
        scores: float64[j], the scores of the lists, in the order.
        last: the last list that is needed, counted from 0.
    """
    return float((floors - scores)[: last + 1].max(initial=_NO_MARGIN))


def _ranks(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    ranks = np.empty(len(scores))
    ranks[np.argsort(-scores, kind="stable")] = np.arange(len(scores))
    return ranks


def _extended(prior: NDArray[np.float64], count: int) -> NDArray[np.float64]:
    """The prior for `count` ranks; ranks that it was not fitted on get its last, smallest value."""
    if count <= len(prior):
        return prior[:count]
    return np.concatenate([prior, np.full(count - len(prior), prior[-1])])
