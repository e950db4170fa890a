"""Run a pipeline: from encoded queries to candidates, with what every part of it cost."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from swath.errors import InputError
from swath.search.caret import listed
from swath.search.parser import parse
from swath.search.pipeline import Auto, Fuse, Pipeline, Step
from swath.search.planner import resolve
from swath.search.query import EncodedQuery
from swath.search.shards import Shards
from swath.search.stages import Cost
from swath.types import Candidates, Gallery, StageTrace


def run(
    pipeline: Pipeline | str,
    gallery: Gallery,
    query: EncodedQuery,
    k: int,
    mask: NDArray[np.bool_] | None = None,
    *,
    complete: bool = False,
    threads: int | None = None,
) -> tuple[Candidates, tuple[StageTrace, ...]]:
    """Candidates of one encoded query among the rows of `mask`, best first: at most k and the smallest K.

    `complete` appends what the stages cut, in the order of the stage before, until there are k; the score of
    such a row is -inf, and its place is its rank, never a tie.
    """
    found, trace = run_many(pipeline, gallery, [query], k, mask, complete=complete, threads=threads)
    return found[0], trace


def run_many(
    pipeline: Pipeline | str,
    gallery: Gallery,
    queries: Sequence[EncodedQuery],
    k: int,
    mask: NDArray[np.bool_] | None = None,
    *,
    complete: bool = False,
    threads: int | None = None,
) -> tuple[list[Candidates], tuple[StageTrace, ...]]:
    """`run` for many queries in one pass, where the stages can share it; equal to `run` for each of them.

    The trace is that of all queries together. The queries must have the same parts (`EncodedQuery.parts`).
    """
    pipeline = resolve(parse(pipeline) if isinstance(pipeline, str) else pipeline)
    check(pipeline, gallery)
    if len({query.parts for query in queries}) > 1:
        raise InputError("Queries with words and queries without them cannot share a batch: run them apart")
    if mask is not None and mask.shape != (len(gallery),):
        raise InputError(
            f"A mask has one truth value for each of {len(gallery)} rows, not shape {mask.shape}"
        )
    return _Run(gallery, queries, mask, threads).chain(pipeline, k, complete)


def check(pipeline: Pipeline, gallery: Gallery) -> None:
    """Raise `InputError` where a stage needs a signal that the gallery does not have."""
    for step in pipeline.steps:
        missing = step.build().missing(gallery)
        if missing:
            raise InputError(
                f"Stage '{step}' needs the signal {listed(missing)}, "
                f"and the archive stores {listed(gallery.signals)}{_remedy(missing, gallery)}"
            )


def _remedy(missing: frozenset[str], gallery: Gallery) -> str:
    if not missing & {"lists", "sparse"}:
        return ""
    first = "`swath merge` the archives, and then " if isinstance(gallery, Shards) else ""
    return f": {first}run `swath tune` on it first"


class _Run:
    """One batch of queries on its way through a pipeline."""

    def __init__(
        self,
        gallery: Gallery,
        queries: Sequence[EncodedQuery],
        mask: NDArray[np.bool_] | None,
        threads: int | None,
    ) -> None:
        self.gallery = gallery
        self.queries = queries
        self.mask = mask
        self.threads = threads
        self.trace: list[StageTrace] = []

    def chain(
        self, pipeline: Pipeline, k: int, complete: bool
    ) -> tuple[list[Candidates], tuple[StageTrace, ...]]:
        source = pipeline.source
        assert not isinstance(source, Auto), "resolved before"
        # A source alone gives the answer, its k best. Behind it stages cut, and k cuts at the end.
        asked = len(self.gallery) if complete or pipeline.stages else k
        opened = self.open(source, asked, complete)
        if opened is None:
            raise InputError(
                f"Nothing in '{pipeline}' can open the gallery for a query without words: "
                "use dense, or add words"
            )
        found = opened
        cut: list[list[Candidates]] = []
        if isinstance(source, Step) and source.k is not None:
            cut.append(found)
            found = [_first(one, source.k) for one in found]
        behind = str(source)
        for step in pipeline.stages:
            cut.append(found)
            limit = len(self.gallery) if step.k is None else step.k
            after = self.step(step, found, limit, behind)
            behind = str(step)
            found = [_first(one, limit) for one in (found if after is None else after)]
        if complete:
            found = [
                _completed(one, [before[i].rows for before in reversed(cut)]) for i, one in enumerate(found)
            ]
        return [_first(one, k) for one in found], tuple(self.trace)

    def open(self, source: Step | Fuse, k: int, complete: bool = False) -> list[Candidates] | None:
        """What a source emits; None where the query lacks what it needs."""
        if isinstance(source, Step):
            return self.step(source, None, k if complete or source.k is None else min(k, source.k))
        sides = [self.open(side, len(self.gallery)) for side in source.sources]
        there = [side for side in sides if side is not None]
        if not there:
            return None
        started = time.perf_counter()
        empty = [Candidates(np.zeros(0, np.int64), np.zeros(0, np.float32))] * len(self.queries)
        method = source.method.build()
        lists = zip(*(empty if side is None else side for side in sides), strict=True)
        fused = [method.fuse(each, self.gallery.ids) for each in lists]
        rows = sum(len(one.rows) for side in there for one in side)
        self.trace.append(StageTrace(f"fuse({source.method})", rows, 0, _since(started), "numpy"))
        return [_first(one, k) for one in fused]

    def step(
        self, step: Step, before: list[Candidates] | None, k: int, behind: str = ""
    ) -> list[Candidates] | None:
        stage = step.build().behind(behind)
        lacking = stage.lacking(self.gallery, self.queries[0]) if self.queries else frozenset()
        if lacking:
            note = f"skipped: the query has no {listed(lacking)}"
            self.trace.append(StageTrace(str(step), 0, 0, 0.0, "", note))
            return None
        started = time.perf_counter()
        found, cost = stage.run_many(self.gallery, self.queries, before, k, self.mask, self.threads)
        self.trace.append(_traced(step, cost, started))
        return found


def _completed(found: Candidates, orders: list[NDArray[np.int64]]) -> Candidates:
    """`found` and then the rows of each order that are not there yet."""
    rows = found.rows
    for order in orders:
        rows = np.concatenate([rows, order[~np.isin(order, rows)]])
    rest = np.full(len(rows) - len(found.rows), -np.inf, np.float32)
    return Candidates(rows, np.concatenate([found.scores, rest]))


def _first(found: Candidates, k: int) -> Candidates:
    return found if len(found.rows) <= k else replace(found, rows=found.rows[:k], scores=found.scores[:k])


def _traced(step: Step, cost: Cost, started: float) -> StageTrace:
    return StageTrace(str(step), cost.rows, cost.bytes_read, _since(started), cost.kernel, cost.note)


def _joined(*notes: str) -> str:
    return "; ".join(note for note in notes if note)


def _since(started: float) -> float:
    return 1e3 * (time.perf_counter() - started)
