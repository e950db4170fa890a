"""From a pipeline to ranks: the stages that a search runs, over every item of the gallery.

The last stage's scores say what is tied; what it did not emit follows in the order of the stage before, one
by one. So expectation over ties applies to final scores alone, and all else has the one order that a search
would show.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from swath.evaluation.encoding import Encoded
from swath.evaluation.listing import listed, needs_lists
from swath.evaluation.metrics import Ranks, Relevance, rank_levels
from swath.evaluation.trec import Listener
from swath.search import Pipeline, run_many
from swath.types import Candidates, Progress

_TOGETHER = 64
"""Queries in one pass: enough to share the reading of the gallery, few enough to hold complete answers."""


def rank_direction(
    pipeline: Pipeline,
    asked: Encoded,
    asked_rows: NDArray[np.int64],
    found: Encoded,
    found_rows: NDArray[np.int64],
    relevance: Relevance,
    progress: Progress | None = None,
    listen: Listener | None = None,
    seconds: dict[str, float] | None = None,
) -> Ranks:
    """Rank n gallery items for q queries.

    `asked_rows` int64[q] and `found_rows` int64[n] say which distinct row of `asked` and `found` each query
    and item is. The stages see every distinct row once, so a run of equal items is never divided by a cut;
    each item counts in the ranks. `listen` hears every ordering as it is made; `seconds` gets the time of
    every stage.
    """
    gallery = found.gallery(asked.embedding[asked_rows])
    if needs_lists(pipeline):
        gallery.lists = listed(found)
    order = np.argsort(asked_rows, kind="stable")
    rows, starts = np.unique(asked_rows[order], return_index=True)
    queries = np.split(order, starts[1:])
    ranks = Ranks.empty(len(relevance))
    for first in range(0, len(rows), _TOGETHER):
        some = slice(first, first + _TOGETHER)
        batch = [asked.query(row) for row in rows[some]]
        complete, trace = run_many(pipeline, gallery, batch, len(gallery), complete=True)
        for candidates, same in zip(complete, queries[some], strict=True):
            levels = levels_of(candidates, len(gallery))
            places = levels[found_rows]
            ranks.put(same, rank_levels(places, relevance.take(same)))
            if listen is not None:
                listen(same, places)
        if seconds is not None:
            for cost in trace:
                seconds[cost.stage] = seconds.get(cost.stage, 0.0) + cost.milliseconds / 1e3
        if progress is not None:
            progress(first + len(batch), len(rows), "queries")
    return ranks


def levels_of(complete: Candidates, rows: int) -> NDArray[np.int64]:
    """int64[rows]: the place of every row, best first from 0, equal numbers where the order is open.

    A score of -inf marks a row whose place is its rank. Rows that are not there at all share the last number.
    """
    scores = complete.scores
    opens = np.ones(len(scores), np.int64)
    opens[1:] = (scores[1:] != scores[:-1]) | np.isneginf(scores[1:])
    levels = np.full(rows, opens.sum(), np.int64)
    levels[complete.rows] = np.cumsum(opens) - 1
    return levels
