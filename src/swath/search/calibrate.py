"""How far a partial search must go: what calibration queries needed, for every rule of selection.

The queries must be like those that will be asked, and must not be those that the rank prior is fitted on; so
they are halved, by their groups where several belong together (the captions of one picture).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from swath.archive.lists import Lists
from swath.errors import InputError
from swath.search.kernels.exact import top
from swath.search.kernels.lists import Visit, near
from swath.search.pipeline import Step
from swath.search.query import EncodedQuery
from swath.search.selection import COVERED, MARGIN_RULES, RULES, Rule, list_scores, margin_needed, rank_prior
from swath.search.words import lists_of
from swath.types import Candidates, Gallery

_NONE = Candidates(np.zeros(0, np.int64), np.zeros(0, np.float32))


def calibrate(
    gallery: Gallery,
    queries: Sequence[EncodedQuery],
    guide: Step | None,
    groups: NDArray[np.int64] | None = None,
    seed: int = 0,
) -> dict[str, Any]:
    """What `lists` needs to know behind a guide (None: `ivf`): `prior` and, by rule, the `needed` limits.

    Args:
        gallery: with lists that hold all of its tiles.
        queries: like those that will be asked.
        guide: the recall stage in front.
        groups: int64[q]; queries of one group stay on one side of the split. None: each is alone.
        seed: of the split.

    Raises `InputError` where there are no lists, tiles outside of them, or fewer than two groups.
    """
    lists = lists_of(gallery)
    if lists is None or len(lists.tail):
        raise InputError("there is nothing to calibrate: build lists of all tiles first")
    owners = np.arange(len(queries)) if groups is None else groups
    named = np.unique(owners)
    if len(named) < 2:
        raise InputError(f"{len(named)} group of queries cannot be halved: give more queries")
    learning = np.isin(owners, np.random.default_rng(seed).permutation(named)[: len(named) // 2])
    if guide is None:
        return {"needed": {"centroid": sorted(needs(gallery, queries, None, "centroid", None).tolist())}}
    best = _exact(gallery, queries)
    found = [_guided(gallery, guide, query) for query in queries]
    belongs = np.zeros((int(learning.sum()), max(1, *(len(one.rows) for one in found))), bool)
    for row, number in enumerate(np.flatnonzero(learning)):
        belongs[row, : len(found[number].rows)] = np.isin(found[number].rows, best[number])
    prior = rank_prior(belongs)
    limits: dict[str, list[float]] = {}
    for rule in RULES:
        # Only the prior is learnt, so the rules that do without it may use all queries.
        used = np.flatnonzero(~learning) if rule in ("rank_prior", "union") else np.arange(len(queries))
        limits[rule] = sorted(
            _needed(rule, lists, gallery, queries[i], found[i], best[i], prior) for i in used.tolist()
        )
    return {"prior": prior.tolist(), "needed": limits}


def needs(
    gallery: Gallery,
    queries: Sequence[EncodedQuery],
    guide: Step | None,
    rule: Rule,
    prior: NDArray[np.float64] | None,
) -> NDArray[np.float64]:
    """float64[q]: the limit with which each query finds all of its exact best.

    Raises `InputError` where there are no lists.
    """
    lists = lists_of(gallery)
    if lists is None:
        raise InputError("there is nothing to calibrate: build lists of all tiles first")
    return np.array(
        [
            _needed(
                rule,
                lists,
                gallery,
                query,
                _NONE if guide is None else _guided(gallery, guide, query),
                best,
                prior,
            )
            for query, best in zip(queries, _exact(gallery, queries), strict=True)
        ]
    )


def _exact(gallery: Gallery, queries: Sequence[EncodedQuery]) -> list[NDArray[np.int64]]:
    stacked = np.stack([query.dense for query in queries]).astype(np.float32)
    found, _ = top(gallery.signal("dense"), gallery.ids, stacked, COVERED, compact=gallery.compact)
    return [one.rows for one in found]


def _guided(gallery: Gallery, guide: Step, query: EncodedQuery) -> Candidates:
    found, _ = guide.build().run(gallery, query, None, guide.k or COVERED, None)
    return found


def _needed(
    rule: Rule,
    lists: Lists,
    gallery: Gallery,
    query: EncodedQuery,
    found: Candidates,
    best: NDArray[np.int64],
    prior: NDArray[np.float64] | None,
) -> float:
    """The margin, or the number of tiles, with which a query finds all of its best."""
    places = lists.places[found.rows].astype(np.int64)
    visit = Visit(lists, gallery.signal("dense"), gallery.ids, query.dense, COVERED)
    rough = visit.candidates(places) if len(places) else np.zeros(0, np.float32)
    scores = list_scores(rule, near(lists, visit.turned), lists.list_of[places], rough, prior)
    order = np.argsort(-scores, kind="stable")
    # What the guide found is scored anyway; lists are needed for the rest of the best.
    missed = best[~np.isin(best, found.rows)] if rule in MARGIN_RULES else best
    position = np.empty(len(order), np.int64)
    position[order] = np.arange(len(order))
    last = int(position[lists.list_of[lists.places[missed]]].max(initial=-1))
    if rule not in MARGIN_RULES:
        return float(lists.sizes[order[: last + 1]].sum())
    return margin_needed(_floors(visit, order[: last + 1]), scores[order[: last + 1]], last)


def _floors(visit: Visit, order: NDArray[np.int64]) -> NDArray[np.float64]:
    """The k-th best score known before each list of the order is visited, as a search knows it."""
    floors = np.empty(len(order))
    for number in range(len(order)):
        floors[number] = visit.floor()
        visit.lists(order[number : number + 1])
    return floors
