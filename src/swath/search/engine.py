"""Run a pipeline: from a query to hits, with what every part of it cost."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from swath.errors import InputError
from swath.search import filters
from swath.search.caret import listed
from swath.search.parser import Card, parse
from swath.search.pipeline import PRESETS, Auto, Fuse, Pipeline, Step
from swath.search.planner import choose, resolve
from swath.search.query import EncodedQuery, encode
from swath.search.stages import Cost
from swath.types import Candidates, Encoder, Gallery, Hit, Hits, Query, StageTrace


def search(
    gallery: Gallery,
    query: Query,
    encoder: Encoder,
    *,
    pipeline: Pipeline | str = "auto",
    k: int = 20,
    weights: Sequence[float] | None = None,
    threads: int | None = None,
) -> Hits:
    """The best k tiles that pass the filters; fewer where fewer pass, or the pipeline states a smaller K.

    `weights` belong to the parts of the query (see `swath.search.query.encode`); `threads` None takes what
    the machine has. Neither filters nor `threads` ever change the order or the scores of what is found.
    Raises `InputError` (with `SpecError` and `ExpressionError`) for what cannot be asked.
    """
    (hits,) = search_many(
        gallery,
        [query],
        encoder,
        pipeline=pipeline,
        k=k,
        weights=None if weights is None else [weights],
        threads=threads,
    )
    return hits


def search_many(
    gallery: Gallery,
    queries: Sequence[Query],
    encoder: Encoder,
    *,
    pipeline: Pipeline | str = "auto",
    k: int = 20,
    weights: Sequence[Sequence[float] | None] | None = None,
    threads: int | None = None,
) -> list[Hits]:
    """`search` for many queries, equal to `search` for each of them.

    Queries of the same kind with the same filters and no examples share the reading of the signals; the
    trace of the stages is then that of all of them together, and the note says of how many.
    Raises as `search` does.
    """
    if k < 0:
        raise InputError(f"k is the number of hits, at least 0, not {k}")
    card = getattr(encoder, "presets", None)
    asked = parse(pipeline, card) if isinstance(pipeline, str) else pipeline
    _check(asked, gallery)
    given = [None] * len(queries) if weights is None else weights
    groups: dict[tuple[Pipeline, object], list[tuple[int, _Ready]]] = {}
    filtered: dict[object, _Filtered] = {}
    for place, (query, own) in enumerate(zip(queries, given, strict=True)):
        same = query.where, query.bbox
        try:
            if same not in filtered:
                filtered[same] = _filter(query, gallery)
            ready = _ready(query, own, gallery, encoder, *filtered[same])
        except InputError as error:
            if len(queries) == 1:
                raise
            raise type(error)(f"Query {place + 1} of {len(queries)}: {error}") from error
        examples = tuple(ready.encoded.exclude.tolist())
        chosen = choose(gallery, encoder, ready.encoded, k) if isinstance(asked.source, Auto) else asked
        groups.setdefault((chosen, (same, examples, ready.encoded.parts)), []).append((place, ready))
    answers: dict[int, Hits] = {}
    for (chosen, _), group in groups.items():
        fit = _calibration(chosen, encoder, card)
        encoded, allowed = [ready.encoded for _, ready in group], group[0][1].allowed
        found, costs = run_many(chosen, gallery, encoded, k, allowed, threads=threads)
        if len(group) > 1:
            costs = tuple(
                replace(cost, note=_joined(cost.note, f"{len(group)} queries together")) for cost in costs
            )
        for (place, ready), one in zip(group, found, strict=True):
            hits = _hits(gallery, one, fit if ready.encoded.words_alone else None)
            answers[place] = Hits(hits, str(chosen), (*ready.trace, *costs))
    return [answers[place] for place in range(len(queries))]


@dataclass(frozen=True, slots=True, eq=False)
class _Ready:
    """A query that can run."""

    encoded: EncodedQuery
    allowed: NDArray[np.bool_] | None
    trace: tuple[StageTrace, ...]


_Filtered: TypeAlias = tuple[NDArray[np.bool_] | None, tuple[StageTrace, ...]]


def _filter(query: Query, gallery: Gallery) -> _Filtered:
    started = time.perf_counter()
    allowed = filters.mask(gallery, query.where, query.bbox)
    if allowed is None:
        return None, ()
    count = f"{np.count_nonzero(allowed)} of {len(gallery)} rows pass"
    return allowed, (StageTrace("filter", len(gallery), 0, _since(started), "numpy", count),)


def _ready(
    query: Query,
    weights: Sequence[float] | None,
    gallery: Gallery,
    encoder: Encoder,
    allowed: NDArray[np.bool_] | None,
    trace: tuple[StageTrace, ...],
) -> _Ready:
    started = time.perf_counter()
    encoded = encode(query, encoder, gallery, weights)
    cost = StageTrace("encode", 1, 0, _since(started), encoder.name)
    if len(encoded.exclude):
        allowed = np.ones(len(gallery), bool) if allowed is None else allowed.copy()
        allowed[encoded.exclude] = False
    return _Ready(encoded, allowed, (*trace, cost))


def _hits(gallery: Gallery, found: Candidates, fit: tuple[float, float] | None) -> tuple[Hit, ...]:
    return tuple(
        Hit(rank, gallery.tile(row), score, None if fit is None else _probability(score, *fit))
        for rank, (row, score) in enumerate(zip(found.rows.tolist(), found.scores.tolist(), strict=True), 1)
    )


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
    _check(pipeline, gallery)
    if len({query.parts for query in queries}) > 1:
        raise InputError("Queries with words and queries without them cannot share a batch: run them apart")
    if mask is not None and mask.shape != (len(gallery),):
        raise InputError(
            f"A mask has one truth value for each of {len(gallery)} rows, not shape {mask.shape}"
        )
    return _Run(gallery, queries, mask, threads).chain(pipeline, k, complete)


def _check(pipeline: Pipeline, gallery: Gallery) -> None:
    for step in pipeline.steps:
        missing = step.build().missing(gallery)
        if missing:
            raise InputError(
                f"Stage '{step}' needs the signal {listed(missing)}, "
                f"and the archive stores {listed(gallery.signals)}"
            )


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
        for step in pipeline.stages:
            cut.append(found)
            limit = len(self.gallery) if step.k is None else step.k
            after = self.step(step, found, limit)
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

    def step(self, step: Step, before: list[Candidates] | None, k: int) -> list[Candidates] | None:
        stage = step.build()
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
    return StageTrace(str(step), cost.rows, cost.bytes_read, _since(started), cost.kernel)


def _joined(*notes: str) -> str:
    return "; ".join(note for note in notes if note)


def _since(started: float) -> float:
    return 1e3 * (time.perf_counter() - started)


def _calibration(pipeline: Pipeline, encoder: Encoder, card: Card | None) -> tuple[float, float] | None:
    """(slope, intercept) of the pipeline, where `encoder.calibration` has it by its spec or its preset."""
    fits = getattr(encoder, "calibration", None) or {}
    for name, fit in fits.items():
        if name in PRESETS and name not in (card or {}):
            continue
        spec = str(parse(name, card)) if name in PRESETS else name
        if spec == str(pipeline):
            return float(fit[0]), float(fit[1])
    return None


def _probability(raw: float, slope: float, intercept: float) -> float:
    """The logistic function of slope * raw + intercept, without overflow at either end."""
    x = slope * raw + intercept
    return 1 / (1 + math.exp(-x)) if x >= 0 else math.exp(x) / (1 + math.exp(x))
