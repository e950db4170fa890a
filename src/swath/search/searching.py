"""Ask: from queries to hits."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

from swath.errors import InputError
from swath.hits import Hit, Hits
from swath.search import filters
from swath.search.collapse import distinct, scenes
from swath.search.engine import check, run_many
from swath.search.parser import parse
from swath.search.pipeline import Auto, Pipeline
from swath.search.planner import choose, deeper
from swath.search.query import EncodedQuery, Spoken, encode
from swath.search.scores import calibration_of, check_least, kind_of, no_calibration, probabilities
from swath.types import Candidates, Encoder, Gallery, Query, StageTrace, Tile

if TYPE_CHECKING:
    from swath.encoders import Calibration

_TOGETHER = 256
"""Queries whose words are encoded together, and that share one reading of the signals where they can."""
_WIDER = 4
"""How many times as many are looked at, where too few of those that were found differ."""


def search(
    gallery: Gallery,
    query: Query,
    encoder: Encoder,
    *,
    pipeline: Pipeline | str = "auto",
    k: int = 20,
    weights: Sequence[float] | None = None,
    min_score: float | None = None,
    collapse: bool = False,
    group: str | None = None,
    threads: int | None = None,
) -> Hits:
    """The best k tiles that pass the filters; fewer where fewer pass, or the pipeline states a smaller K.

    `weights` belong to the parts of the query (see `swath.search.query.encode`). `min_score` leaves out hits
    whose probability is lower. `collapse` leaves out those that show the same as a better one (see
    `swath.search.collapse`), and `group` "scene" all but the best of each file, whatever `collapse` says;
    more are looked at until there are k, and `auto` reranks only where the reranker hands on enough for that.
    `threads` None takes what the machine has. Neither filters nor `threads` ever change the order or the
    scores of what is found.

    Raises `InputError` (with `SpecError` and `ExpressionError`) for what cannot be asked, and for `min_score`
    where the encoder's card has no calibration for the pipeline and the kind of query.
    """
    (hits,) = search_many(
        gallery,
        [query],
        encoder,
        pipeline=pipeline,
        k=k,
        weights=None if weights is None else [weights],
        min_score=min_score,
        collapse=collapse,
        group=group,
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
    min_score: float | None = None,
    collapse: bool = False,
    group: str | None = None,
    threads: int | None = None,
) -> list[Hits]:
    """`search` for many queries, equal to `search` for each of them.

    Words are encoded together. Queries of the same kind with the same filters and no examples share the
    reading of the signals; the trace of the stages is then that of all of them together, and the note says of
    how many. Raises as `search` does.
    """
    if k < 0:
        raise InputError(f"k is the number of hits, at least 0, not {k}")
    if min_score is not None:
        check_least(min_score)
    if group not in (None, "scene"):
        raise InputError(f"hits are grouped by 'scene', not by {group!r}")
    asked = parse(pipeline, getattr(encoder, "presets", None)) if isinstance(pipeline, str) else pipeline
    check(asked, gallery)
    selected = ("group", scenes) if group else ("collapse", distinct) if collapse else None
    asking = _Asking(gallery, encoder, asked, k, min_score, selected, threads)
    given = [None] * len(queries) if weights is None else weights
    answers: list[Hits] = []
    for first in range(0, len(queries), _TOGETHER):
        part = slice(first, first + _TOGETHER)
        answers += asking.answer(queries[part], given[part], first, len(queries))
    return answers


_Made = TypeVar("_Made")
_Select: TypeAlias = Callable[
    [Gallery, NDArray[np.int64], int, Callable[[int], Tile]], tuple[NDArray[np.int64], int]
]
_Filtered: TypeAlias = tuple[NDArray[np.bool_] | None, tuple[StageTrace, ...]]


@dataclass(frozen=True, slots=True, eq=False)
class _Ready:
    """A query that can run."""

    query: Query
    encoded: EncodedQuery
    allowed: NDArray[np.bool_] | None
    trace: tuple[StageTrace, ...]


class _Asking:
    """What all queries of one call share."""

    def __init__(
        self,
        gallery: Gallery,
        encoder: Encoder,
        asked: Pipeline,
        k: int,
        min_score: float | None,
        selected: tuple[str, _Select] | None,
        threads: int | None,
    ) -> None:
        self.gallery, self.encoder, self.asked, self.k = gallery, encoder, asked, k
        self.min_score, self.selected, self.threads = min_score, selected, threads
        self._filtered: dict[object, _Filtered] = {}

    def answer(
        self, queries: Sequence[Query], weights: Sequence[Sequence[float] | None], before: int, count: int
    ) -> list[Hits]:
        """Hits of the queries number `before` and on, of `count` in all."""
        spoken = Spoken(self.encoder)
        for place, query in enumerate(queries, before):
            self._named(place, count, spoken.add, query)
        groups: dict[tuple[Pipeline, object], list[tuple[int, _Ready]]] = {}
        for place, (query, own) in enumerate(zip(queries, weights, strict=True)):
            ready = self._named(before + place, count, self._ready, query, own, spoken)
            pipeline = self._named(before + place, count, self._choose, ready)
            same = (_filters(query), ready.encoded.exclude.tobytes(), ready.encoded.parts)
            groups.setdefault((pipeline, same), []).append((place, ready))
        answers: dict[int, Hits] = {}
        for (pipeline, _), group in groups.items():
            hits = self._run(pipeline, [ready for _, ready in group])
            answers.update(zip((place for place, _ in group), hits, strict=True))
        return [answers[place] for place in range(len(queries))]

    def _named(self, place: int, count: int, work: Callable[..., _Made], *args: object) -> _Made:
        try:
            return work(*args)
        except InputError as error:
            if count == 1:
                raise
            raise type(error)(f"Query {place + 1} of {count}: {error}") from error

    def _choose(self, ready: _Ready) -> Pipeline:
        """What runs. Raises `InputError` where its scores must be probabilities and are not."""
        pipeline = self.asked
        if isinstance(pipeline.source, Auto):
            filtered = ready.allowed is not None
            pipeline = choose(self.gallery, self.encoder, ready.encoded, self.k, filtered=filtered)
        if self.min_score is not None and self._fit(ready, pipeline) is None:
            raise no_calibration(self.encoder, pipeline, kind_of(ready.encoded))
        return pipeline

    def _fit(self, ready: _Ready, pipeline: Pipeline) -> Calibration | None:
        return calibration_of(self.encoder, pipeline, kind_of(ready.encoded))

    def _ready(self, query: Query, weights: Sequence[float] | None, spoken: Spoken) -> _Ready:
        same = _filters(query)
        if same not in self._filtered:
            self._filtered[same] = self._filter(query)
        allowed, trace = self._filtered[same]
        started = time.perf_counter()
        encoded = encode(query, self.encoder, self.gallery, weights, spoken=spoken)
        cost = StageTrace("encode", 1, 0, _since(started), self.encoder.name)
        if len(encoded.exclude):
            allowed = np.ones(len(self.gallery), bool) if allowed is None else allowed.copy()
            allowed[encoded.exclude] = False
        return _Ready(query, encoded, allowed, (*trace, cost))

    def _filter(self, query: Query) -> _Filtered:
        started = time.perf_counter()
        allowed = filters.mask(self.gallery, query.where, query.bbox, query.area, query.near)
        if allowed is None:
            return None, ()
        count = f"{np.count_nonzero(allowed)} of {len(self.gallery)} rows pass"
        return allowed, (StageTrace("filter", len(self.gallery), 0, _since(started), "numpy", count),)

    def _run(self, pipeline: Pipeline, group: Sequence[_Ready]) -> list[Hits]:
        """Answers to queries that run together."""
        encoded, allowed = [ready.encoded for ready in group], group[0].allowed
        # Twice as many, so that most answers are full without another search.
        asked = self.k if self.selected is None else 2 * self.k
        found, costs = run_many(pipeline, self.gallery, encoded, asked, allowed, threads=self.threads)
        if len(group) > 1:
            together = f"{len(group)} queries together"
            costs = tuple(
                replace(cost, note="; ".join(filter(None, (cost.note, together)))) for cost in costs
            )
        return [
            self._answer(ready, _Found(pipeline, pipeline, one, (*ready.trace, *costs), asked))
            for ready, one in zip(group, found, strict=True)
        ]

    def _answer(self, ready: _Ready, found: _Found) -> Hits:
        tiles = _Tiles(self.gallery)
        if self.selected is not None:
            found = self._select(ready, found, tiles)
        fit = self._fit(ready, found.pipeline)
        one = found.candidates
        scores: Sequence[float | None] = (
            [None] * len(one.rows)
            if fit is None
            else probabilities(fit, one, self.gallery, ready.encoded).tolist()
        )
        hits = zip(one.rows.tolist(), one.scores.tolist(), scores, strict=True)
        kept = tuple(
            Hit(rank, tiles[row], raw, score)
            for rank, (row, raw, score) in enumerate(hits, 1)
            if self.min_score is None or (score is not None and score >= self.min_score)
        )
        return Hits(kept, str(found.ran), found.trace, ready.query)

    def _select(self, ready: _Ready, found: _Found, tiles: _Tiles) -> _Found:
        """The k best that are selected, of as many more as it takes to find them."""
        assert self.selected is not None
        name, select = self.selected
        started = time.perf_counter()
        whole = found.candidates
        places, read = select(self.gallery, whole.rows, self.k, tiles.__getitem__)
        while len(places) < self.k:
            # Counting files is quicker than ranking the whole of a few large ones.
            none_left = select is scenes and len(places) == self._files(ready.allowed)
            wider = None if none_left else self._wider(ready, found)
            if wider is None:
                break
            found, whole = wider, wider.candidates
            places, read = select(self.gallery, whole.rows, self.k, tiles.__getitem__)
        # What lies behind the last one was not needed.
        last = len(whole.rows) if len(places) < self.k else int(places[-1]) + 1 if self.k else 0
        note = f"{last - len(places)} left out"
        cost = StageTrace(name, last, read, _since(started), "numpy float64", note)
        kept = Candidates(whole.rows[places], whole.scores[places])
        return replace(found, candidates=kept, trace=(*found.trace, cost))

    def _files(self, allowed: NDArray[np.bool_] | None) -> int:
        """How many files have tiles that may be found."""
        sources = self.gallery.attribute("source")
        return len(set((sources if allowed is None else sources[allowed]).tolist()))

    def _wider(self, ready: _Ready, found: _Found) -> _Found | None:
        """A search for more; None where there is no more to come.

        The K of what `auto` took goes along; that of a pipeline that was asked for stands.
        """
        if found.asked >= len(self.gallery):
            return None
        deepens = isinstance(self.asked.source, Auto)
        whole = deeper(found.ran, found.asked) if deepens else found.ran
        if whole == found.ran and len(found.candidates.rows) < found.asked:
            return None
        asked = _WIDER * found.asked
        ran = deeper(found.ran, asked) if deepens else found.ran
        ((more,), costs) = run_many(
            ran, self.gallery, [ready.encoded], asked, ready.allowed, threads=self.threads
        )
        return replace(found, ran=ran, candidates=more, trace=(*found.trace, *costs), asked=asked)


@dataclass(frozen=True, slots=True, eq=False)
class _Found:
    """What was found for a query, of how many that it was asked for."""

    pipeline: Pipeline
    """The one that was chosen: its scores are known."""
    ran: Pipeline
    """The one that ran, which may have looked deeper."""
    candidates: Candidates
    trace: tuple[StageTrace, ...]
    asked: int


class _Tiles(dict[int, Tile]):
    """Tiles by row, each read once."""

    def __init__(self, gallery: Gallery) -> None:
        super().__init__()
        self._gallery = gallery

    def __missing__(self, row: int) -> Tile:
        self[row] = tile = self._gallery.tile(row)
        return tile


def _filters(query: Query) -> tuple[object, ...]:
    """What queries with the same filters have in common: of areas, that they are the same object."""
    return query.where, query.bbox, None if query.area is None else id(query.area), query.near


def _since(started: float) -> float:
    return 1e3 * (time.perf_counter() - started)
