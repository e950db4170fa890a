"""How deep a rerank stage should look: its K, chosen on validation data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from swath.captions import CaptionedSet
from swath.errors import InputError
from swath.evaluation import protocols
from swath.evaluation.encoding import Encoded, encode_pictures, encode_texts
from swath.evaluation.environment import Stopwatch
from swath.evaluation.guard import refuse_test
from swath.evaluation.intervals import percentile_interval, resampled_ratios
from swath.evaluation.metrics import KS, Ranks
from swath.evaluation.protocols import Judgements
from swath.evaluation.ranking import rank_direction
from swath.evaluation.run import by_image
from swath.search import Pipeline, parse
from swath.types import Encoder, Progress

DEPTHS = (0, 5, 10, 20, 50, 100, 200, 500)
ENOUGH = 0.99
"""Share of the mR of reranking everything that a K must keep."""


@dataclass(frozen=True, slots=True)
class Depth:
    """What reranking the first K does; figures in per cent."""

    k: int | None
    """0: nothing, the recall stage alone; None: everything."""
    mr: float
    gap: tuple[float, float]
    """95 % interval of its mR less that of reranking everything, over resampled images."""
    recall_i2t: float
    """Share of pictures that have a right caption among their first K."""
    recall_t2i: float
    """Share of captions that have a right picture among their first K."""

    def passes(self, everything: float) -> bool:
        """Whether nothing is lost beyond chance, and at most a hundredth in any case."""
        return self.gap[1] >= 0 and self.mr >= ENOUGH * everything


def measure_depths(
    dataset: CaptionedSet,
    encoder: Encoder,
    recall: str,
    rerank: str,
    *,
    depths: Sequence[int] = DEPTHS,
    batch: int = 32,
    progress: Progress | None = None,
) -> list[Depth]:
    """Evaluate `recall:K > rerank` for every K below the larger gallery, ascending, and for everything.

    K = 0 is the recall stage alone: its gap says whether reranking gains at all.

    Protocol `strict`. Raises `SpecError` for bad stages, `InputError` where the split holds test images: a K
    is chosen by what comes out.
    """
    refuse_test([dataset])
    watch = Stopwatch()
    pictures = [(image.name, image.path) for image in dataset.images]
    images, damaged = encode_pictures(pictures, encoder, batch=batch, watch=watch, progress=progress)
    judged = protocols.named("strict").judge(dataset.without(damaged), images.rows)
    texts = encode_texts(judged.texts, encoder, batch=batch, watch=watch, progress=progress)
    largest = max(len(images.rows), len(texts.rows))
    steps = [k for k in sorted(set(depths)) if 0 <= k < largest]
    recalled = _both(parse(recall), images, texts, judged)
    samples: list[NDArray[np.float64]] = []
    found: list[float] = []
    for k in [*steps, largest]:
        if progress is not None:
            progress(len(found), len(steps) + 1, f"K = {k}")
        both = _both(parse(f"{recall}:{k} > {rerank}" if k else recall), images, texts, judged)
        values, weights = by_image(judged, *(np.stack([r.hits(n) for n in KS], 1) for r in both))
        # The same seed draws the same images for every K, so differences are paired.
        samples.append(100 * resampled_ratios(values, weights).mean(1))
        found.append(100 * float((values.sum(0) / weights.sum(0)).mean()))
    return [
        Depth(
            None if k == largest else k,
            mr,
            _interval(sample - samples[-1]),
            *(100 * float(ranks.hits(k).mean()) if k else 0.0 for ranks in recalled),
        )
        for k, mr, sample in zip([*steps, largest], found, samples, strict=True)
    ]


def choose_depth(sets: Sequence[Sequence[Depth]]) -> int | None:
    """The smallest K from which on every K passes on every set; None where only everything will do.

    0 says that reranking gains nothing beyond chance.

    Raises `InputError` where there is no set.
    """
    if not sets:
        raise InputError("a depth is chosen on at least one validation set")
    chosen = None
    for k in sorted({depth.k for one in sets for depth in one if depth.k is not None}, reverse=True):
        if not all(depth.passes(one[-1].mr) for one in sets for depth in one if depth.k == k):
            break
        chosen = k
    return chosen


def _both(spec: Pipeline, images: Encoded, texts: Encoded, judged: Judgements) -> tuple[Ranks, Ranks]:
    asked = images.rows[judged.asked]
    return (
        rank_direction(spec, images, asked, texts, texts.rows, judged.i2t),
        rank_direction(spec, texts, texts.rows, images, images.rows, judged.t2i),
    )


def _interval(gaps: NDArray[np.float64]) -> tuple[float, float]:
    low, high = percentile_interval(gaps)
    return float(low), float(high)
