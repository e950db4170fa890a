"""Retrieval in both directions on a captioned data set."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from swath.captions import Annotations, CaptionedSet, Record
from swath.errors import InputError
from swath.evaluation import protocols
from swath.evaluation.ceiling import ceiling_of
from swath.evaluation.encoding import encode_pictures, encode_texts
from swath.evaluation.environment import Stopwatch, environment, swath_version
from swath.evaluation.guard import flags_of
from swath.evaluation.intervals import PERCENT, RESAMPLES, SEED, percentile_interval, resampled_ratios
from swath.evaluation.leaks import find_leaks
from swath.evaluation.metrics import KS, Ranks
from swath.evaluation.packing import QueryRanks, pack
from swath.evaluation.phash import duplicates
from swath.evaluation.protocols import Judgements, Protocol
from swath.evaluation.ranking import rank_direction
from swath.evaluation.results import (
    Candidates,
    ClassFigures,
    EncoderRef,
    EvalResult,
    Figures,
    Interval,
    Recalls,
)
from swath.evaluation.trec import trec_files
from swath.search import Pipeline, Step, parse, resolve
from swath.types import Encoder, Progress


def evaluate(
    dataset: CaptionedSet,
    encoder: Encoder,
    *,
    pipeline: str | Pipeline = "dense",
    protocol: str | Protocol = "strict",
    batch: int = 32,
    progress: Progress | None = None,
    trec: Path | None = None,
    leaks: str | None = None,
) -> EvalResult:
    """Encode a split, rank every caption for every image and every image for every caption.

    Each picture is one tile. Both directions run the stages of `pipeline` that a search runs. Pictures that
    turn out not to be decodable leave the set and are listed in the result. `trec` is a folder for run and
    qrels files (see `swath.evaluation.trec`), `leaks` the digest of the leak report that covers the split;
    left out, it is that of a report on the captions of the split alone.

    Raises `SpecError` for a bad pipeline, `InputError` for an unknown protocol, `CaptionsError` where no
    image or no caption is left, `EncoderError` where the encoder gives vectors that are not finite.
    """
    (result,) = evaluate_many(
        dataset,
        encoder,
        [pipeline],
        protocol=protocol,
        batch=batch,
        progress=progress,
        trec=trec,
        leaks=leaks,
    )
    return result


def evaluate_many(
    dataset: CaptionedSet,
    encoder: Encoder,
    pipelines: Sequence[str | Pipeline],
    *,
    protocol: str | Protocol = "strict",
    batch: int = 32,
    progress: Progress | None = None,
    trec: Path | None = None,
    leaks: str | None = None,
) -> list[EvalResult]:
    """`evaluate` for several pipelines, which share the encoding.

    The time of encoding stands in every result. Raises as `evaluate` does, and `InputError` for TREC files of
    several pipelines, which would overwrite each other.
    """
    if trec is not None and len(pipelines) != 1:
        raise InputError(f"TREC files are those of one pipeline, not of {len(pipelines)}")
    presets = getattr(encoder, "presets", None)
    specs = [resolve(parse(one, presets) if isinstance(one, str) else one, encoder) for one in pipelines]
    rules = protocols.named(protocol)
    watch = Stopwatch()
    pictures = [(image.name, image.path) for image in dataset.images]
    images, damaged = encode_pictures(pictures, encoder, batch=batch, watch=watch, progress=progress)
    dataset = dataset.without(damaged)
    same = images.rows
    if rules.looks:
        with watch.part("compare"):
            same = duplicates([image.path for image in dataset.images], same)
    judged = rules.judge(dataset, same)
    texts = encode_texts(judged.texts, encoder, batch=batch, watch=watch, progress=progress)
    asked = images.rows[judged.asked]
    own_leaks = leaks or _own_leaks(dataset)
    found = []
    for spec in specs:
        ranking = Stopwatch()
        stages: dict[str, float] = {}
        tag = f"{encoder.name}:{spec}"
        with ranking.part("rank"), trec_files(trec, dataset, judged, tag) as (hear_i2t, hear_t2i):
            i2t = rank_direction(
                spec, images, asked, texts, texts.rows, judged.i2t, progress, hear_i2t, stages
            )
            t2i = rank_direction(
                spec, texts, texts.rows, images, images.rows, judged.t2i, progress, hear_t2i, stages
            )
        values, weights = by_image(
            judged, *(np.stack([ranks.hits(k) for k in KS], 1) for ranks in (i2t, t2i))
        )
        expected = _figures(values.sum(0) / weights.sum(0))
        found.append(
            EvalResult(
                dataset=dataset.name,
                split=dataset.split,
                split_hash=dataset.split_hash,
                protocol=rules.name,
                images=len(dataset.images),
                captions=len(judged.texts),
                i2t=expected.i2t,
                t2i=expected.t2i,
                mr=expected.mr,
                interval=_interval(values, weights),
                best_case=_figures(np.array([r.best_case(k).mean() for r in (i2t, t2i) for k in KS])),
                worst_case=_figures(np.array([r.worst_case(k).mean() for r in (i2t, t2i) for k in KS])),
                pipeline=str(spec),
                encoder=EncoderRef(encoder.name, encoder.revision),
                skipped=dataset.skipped,
                seconds=watch.seconds | ranking.seconds,
                environment=environment(),
                swath=swath_version(),
                ranks=QueryRanks(pack(i2t, judged.asked), pack(t2i, judged.owner)),
                ceiling=ceiling_of(judged.captions) if rules.paired else None,
                leaks=own_leaks,
                classes=_by_class([dataset.images[image].label for image in judged.asked], values, weights),
                flags=(*flags_of(dataset, encoder), *_transductive(spec)),
                seeds=_seeds(encoder),
                stage_seconds=stages,
                candidates=_candidates(spec, i2t, t2i),
            )
        )
    return found


def _candidates(pipeline: Pipeline, i2t: Ranks, t2i: Ranks) -> Candidates | None:
    """What the last stage had to work with, where one before it cuts.

    It reorders what it gets and nothing leaves or enters, so a right item that it got is among its first K.
    """
    cut: int | None = None
    for step in (pipeline.source, *pipeline.stages)[:-1]:
        stated = step.k if isinstance(step, Step) else None
        reorders = isinstance(step, Step) and step.build().kind == "rerank"
        cut = min(filter(None, (cut, stated)), default=None) if reorders else stated
    if cut is None or pipeline.stages[-1].build().kind != "rerank":
        return None
    return Candidates(cut, *(100 * float(ranks.hits(cut).mean()) for ranks in (i2t, t2i)))


def _transductive(pipeline: Pipeline) -> tuple[str, ...]:
    """The flag of a pipeline that is fitted to the queries themselves."""
    banks = [value for step in pipeline.steps for key, value in step.options if key == "bank"]
    return ("transductive",) if "queries" in banks else ()


def _seeds(encoder: Encoder) -> dict[str, int]:
    recipe = getattr(getattr(encoder, "card", None), "recipe", {})
    return {"intervals": SEED, **({"training": recipe["seed"]} if "seed" in recipe else {})}


def _own_leaks(dataset: CaptionedSet) -> str:
    """Digest of the report on the captions of a split by itself."""
    records = tuple(
        Record(image.name, dataset.split, image.captions, image.label) for image in dataset.images
    )
    written = Annotations(Path(dataset.name), Path(dataset.name), records)
    return find_leaks([(dataset.name, dataset.name, written)], pictures=False).digest


def by_image(
    judged: Judgements, i2t: NDArray[np.float64], t2i: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """What each asked image brings to the six rates, float64[q, 6] each: summed hits, number of queries.

    `i2t` float64[q, 3] and `t2i` float64[captions, 3] are hits at the three depths.
    """
    images = int(judged.asked[-1]) + 1
    captions = np.bincount(judged.owner, minlength=images)[judged.asked].astype(np.float64)
    of_captions = np.zeros((images, len(KS)))
    np.add.at(of_captions, judged.owner, t2i)
    values = np.concatenate([i2t, of_captions[judged.asked]], axis=1)
    weights = np.repeat(np.stack([np.ones_like(captions), captions], axis=1), len(KS), axis=1)
    return values, weights


def _by_class(
    labels: Sequence[str | None], values: NDArray[np.float64], weights: NDArray[np.float64]
) -> dict[str, ClassFigures]:
    """Figures of each class from what its asked images bring; images without a class are left out."""
    found = {}
    for label in sorted({label for label in labels if label is not None}):
        own = np.array([each == label for each in labels])
        figures = _figures(values[own].sum(0) / weights[own].sum(0))
        found[label] = ClassFigures(int(own.sum()), figures.i2t, figures.t2i, figures.mr)
    return found


def _interval(values: NDArray[np.float64], weights: NDArray[np.float64]) -> Interval:
    samples = resampled_ratios(values, weights)
    low, high = percentile_interval(np.concatenate([samples, samples.mean(1, keepdims=True)], axis=1))
    return Interval(PERCENT, _figures(low[:6], low[6]), _figures(high[:6], high[6]), RESAMPLES, SEED)


def _figures(six: NDArray[np.float64], mean: float | None = None) -> Figures:
    """Six rates, image to text first, as per cent; their mean unless another one is given."""
    i2t, t2i = (Recalls(*(100.0 * float(rate) for rate in half)) for half in (six[:3], six[3:]))
    return Figures(i2t, t2i, 100.0 * float(six.mean() if mean is None else mean))
