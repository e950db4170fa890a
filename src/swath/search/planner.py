"""What `auto` runs: the cheapest recall part that was measured to find enough, then a reranker that pays.

`swath tune` measures, on one layout of an archive's lists; where it was not run, or what it says does not
fit the query, recall is exact. The reranker is the one that the encoder's card recommends.
"""

from __future__ import annotations

from dataclasses import replace

from swath.search.parser import parse
from swath.search.pipeline import Auto, Pipeline, Step
from swath.search.query import EncodedQuery
from swath.search.words import lists_of
from swath.types import Encoder, Gallery

RERANKED = ("ftf",)
"""Presets that `auto` may take, the most wanted first. Their `gain` in the card says that they paid."""

_EXACT = Pipeline(Step("dense"))
_STALE = 0.05
"""Share of tiles outside of the lists above which what was measured says too little."""


def choose(
    gallery: Gallery, encoder: Encoder, query: EncodedQuery, k: int, *, filtered: bool = False
) -> Pipeline:
    """The pipeline of one query for which `auto` was asked.

    A recommended preset runs where the gallery has its signals, the query has the parts that its stages need,
    and k is not above what it hands on; everything else is recall alone.
    """
    recall = measured(gallery) if query.words_alone and not filtered else None
    reranked = recommended(encoder)
    if reranked is None or any(step.k is not None and step.k < k for step in reranked.steps):
        return _EXACT if recall is None else _at_least(recall, k)
    stages = [step.build() for step in reranked.steps]
    fits = not any(stage.missing(gallery) or stage.lacking(gallery, query) for stage in stages)
    if not fits:
        return _EXACT if recall is None else _at_least(recall, k)
    source = reranked.source
    if recall is None or not isinstance(source, Step) or source.name != "dense" or source.k is None:
        return reranked
    before = _emitting(recall, source.k)
    return Pipeline(before.source, (*before.stages, *reranked.stages))


def measured(gallery: Gallery) -> Pipeline | None:
    """The recall part that `swath tune` chose for this very layout of the lists; None where it did not.

    Raises `SpecError` where it was written by a swath that knew other stages.
    """
    lists = lists_of(gallery)
    if lists is None or "chosen" not in lists.facts or len(lists.tail) > _STALE * lists.size:
        return None
    return parse(lists.facts["chosen"])


def _at_least(pipeline: Pipeline, k: int) -> Pipeline:
    """The same, emitting k candidates at least."""
    last = pipeline.stages[-1] if pipeline.stages else pipeline.source
    stated = last.k if isinstance(last, Step) else None
    return pipeline if stated is None else _emitting(pipeline, max(k, stated))


def deeper(pipeline: Pipeline, k: int) -> Pipeline:
    """The same with every K that it states at least k, so that k may come out."""

    def at_least(step: Step) -> Step:
        return step if step.k is None else replace(step, k=max(k, step.k))

    source = at_least(pipeline.source) if isinstance(pipeline.source, Step) else pipeline.source
    return Pipeline(source, tuple(at_least(stage) for stage in pipeline.stages))


def _emitting(pipeline: Pipeline, k: int) -> Pipeline:
    """The same, emitting k candidates."""
    if pipeline.stages:
        return replace(pipeline, stages=(*pipeline.stages[:-1], replace(pipeline.stages[-1], k=k)))
    return (
        replace(pipeline, source=replace(pipeline.source, k=k))
        if isinstance(pipeline.source, Step)
        else pipeline
    )


def recommended(encoder: Encoder) -> Pipeline | None:
    """The first preset of `RERANKED` whose `gain` in the encoder's card is true.

    Raises `SpecError` where the card recommends a preset and lacks one of its numbers.
    """
    card = getattr(encoder, "presets", None) or {}
    for name in RERANKED:
        if card.get(name, {}).get("gain") is True:
            return parse(name, card)
    return None


def resolve(pipeline: Pipeline, encoder: Encoder | None = None) -> Pipeline:
    """The pipeline itself, or what `auto` runs for words in a gallery that has every signal."""
    if not isinstance(pipeline.source, Auto):
        return pipeline
    return (None if encoder is None else recommended(encoder)) or _EXACT
