"""Retrieval in both directions on a captioned data set."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from swath.captions import CaptionedSet
from swath.evaluation import protocols
from swath.evaluation.ceiling import ceiling_of
from swath.evaluation.encoding import encode_pictures, encode_texts
from swath.evaluation.environment import Stopwatch, environment, swath_version
from swath.evaluation.intervals import PERCENT, RESAMPLES, SEED, percentile_interval, resampled_ratios
from swath.evaluation.metrics import KS
from swath.evaluation.packing import QueryRanks, pack
from swath.evaluation.protocols import Judgements, Protocol
from swath.evaluation.ranking import rank_direction
from swath.evaluation.results import EncoderRef, EvalResult, Figures, Interval, Recalls
from swath.evaluation.trec import trec_files
from swath.search import Pipeline, parse, resolve
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
    qrels files (see `swath.evaluation.trec`), `leaks` the digest of the leak report that covers the split.

    Raises `SpecError` for a bad pipeline, `InputError` for an unknown protocol, `CaptionsError` where no
    image or no caption is left, `EncoderError` where the encoder gives vectors that are not finite.
    """
    presets = getattr(encoder, "presets", None)
    spec = resolve(parse(pipeline, presets) if isinstance(pipeline, str) else pipeline, encoder)
    rules = protocols.named(protocol)
    watch = Stopwatch()
    pictures = [(image.name, image.path) for image in dataset.images]
    images, damaged = encode_pictures(pictures, encoder, batch=batch, watch=watch, progress=progress)
    dataset = dataset.without(damaged)
    judged = rules.judge(dataset, images.rows)
    texts = encode_texts(judged.texts, encoder, batch=batch, watch=watch, progress=progress)
    tag = f"{encoder.name}:{spec}"
    with watch.part("rank"), trec_files(trec, dataset, judged, tag) as (hear_i2t, hear_t2i):
        asked = images.rows[judged.asked]
        i2t = rank_direction(spec, images, asked, texts, texts.rows, judged.i2t, progress, hear_i2t)
        t2i = rank_direction(spec, texts, texts.rows, images, images.rows, judged.t2i, progress, hear_t2i)

    values, weights = _by_image(judged, *(np.stack([ranks.hits(k) for k in KS], 1) for ranks in (i2t, t2i)))
    expected = _figures(values.sum(0) / weights.sum(0))
    return EvalResult(
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
        seconds=watch.seconds,
        environment=environment(),
        swath=swath_version(),
        ranks=QueryRanks(pack(i2t, judged.asked), pack(t2i, judged.owner)),
        ceiling=ceiling_of(judged.captions) if rules.paired else None,
        leaks=leaks,
    )


def _by_image(
    judged: Judgements, i2t: NDArray[np.float64], t2i: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """What each asked image brings to the six rates, float64[q, 6] each: summed hits, number of queries."""
    images = int(judged.asked[-1]) + 1
    captions = np.bincount(judged.owner, minlength=images)[judged.asked].astype(np.float64)
    of_captions = np.zeros((images, len(KS)))
    np.add.at(of_captions, judged.owner, t2i)
    values = np.concatenate([i2t, of_captions[judged.asked]], axis=1)
    weights = np.repeat(np.stack([np.ones_like(captions), captions], axis=1), len(KS), axis=1)
    return values, weights


def _interval(values: NDArray[np.float64], weights: NDArray[np.float64]) -> Interval:
    samples = resampled_ratios(values, weights)
    low, high = percentile_interval(np.concatenate([samples, samples.mean(1, keepdims=True)], axis=1))
    return Interval(PERCENT, _figures(low[:6], low[6]), _figures(high[:6], high[6]), RESAMPLES, SEED)


def _figures(six: NDArray[np.float64], mean: float | None = None) -> Figures:
    """Six rates, image to text first, as per cent; their mean unless another one is given."""
    i2t, t2i = (Recalls(*(100.0 * float(rate) for rate in half)) for half in (six[:3], six[3:]))
    return Figures(i2t, t2i, 100.0 * float(six.mean() if mean is None else mean))
