"""From a string to hits: what encoding and every stage take, for several pipelines in turn."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from time import perf_counter

import msgspec
import numpy as np

from swath.errors import InputError
from swath.evaluation.environment import environment, swath_version
from swath.evaluation.questions import questions
from swath.search import Pipeline, search
from swath.types import Encoder, Gallery, Progress, Query

WARM = 2
"""Calls of each pipeline that are not counted: what stages make once, they make there."""


class Part(msgspec.Struct, frozen=True):
    """Milliseconds of one query."""

    name: str
    """`encode`, a stage, or `all`, which is all of it with the making of hits."""
    p50: float
    p95: float


class Timed(msgspec.Struct, frozen=True):
    """One pipeline."""

    pipeline: str
    parts: tuple[Part, ...]
    """In the order in which they ran; `all` is the last."""


class LatencyResult(msgspec.Struct, frozen=True, tag_field="format", tag="swath.latency/1"):
    """What text queries cost on one machine, in one run."""

    gallery: str
    tiles: int
    encoder: str
    k: int
    calls: int
    threads: int | None
    pipelines: tuple[Timed, ...]
    environment: dict[str, str]
    swath: str


def measure_latency(
    gallery: Gallery,
    name: str,
    encoder: Encoder,
    pipelines: Sequence[str | Pipeline],
    *,
    k: int = 20,
    calls: int = 50,
    threads: int | None = None,
    progress: Progress | None = None,
) -> LatencyResult:
    """Ask `calls` questions, each of them of every pipeline, which take turns; no question is asked twice.

    Raises `InputError` for no pipeline and for what cannot be asked (see `swath.search.search`).
    """
    if not pipelines or calls < 1:
        raise InputError("name one pipeline at least, and one call")
    asked = questions(calls + WARM)
    times: list[dict[str, list[float]]] = [defaultdict(list) for _ in pipelines]
    specs = [""] * len(pipelines)
    for number, text in enumerate(asked):
        for place, pipeline in enumerate(pipelines):
            started = perf_counter()
            hits = search(gallery, Query((text,)), encoder, pipeline=pipeline, k=k, threads=threads)
            whole = 1e3 * (perf_counter() - started)
            if number < WARM:
                specs[place] = hits.pipeline
                continue
            for cost in hits.trace:
                times[place][cost.stage].append(cost.milliseconds)
            times[place]["all"].append(whole)
        if progress is not None:
            progress(number + 1, len(asked), "questions")
    return LatencyResult(
        gallery=name,
        tiles=len(gallery),
        encoder=encoder.name,
        k=k,
        calls=calls,
        threads=threads,
        pipelines=tuple(
            Timed(spec, tuple(_part(part, values) for part, values in one.items()))
            for spec, one in zip(specs, times, strict=True)
        ),
        environment=environment(),
        swath=swath_version(),
    )


def latency_json(result: LatencyResult) -> str:
    """As indented JSON."""
    return msgspec.json.format(msgspec.json.encode(result).decode(), indent=2)


def _part(name: str, milliseconds: Sequence[float]) -> Part:
    return Part(name, *(float(value) for value in np.percentile(milliseconds, (50, 95))))
