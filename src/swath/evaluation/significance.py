"""Whether two results differ by more than the choice of images explains: paired tests over the same images.

An image with all its captions is the unit, since captions of one image are not independent. Both results
answered the same queries, so only the differences count: the p value is that of a permutation test that
exchanges the two results image by image, the interval that of a bootstrap over images.
"""

from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from swath.errors import InputError
from swath.evaluation.intervals import PERCENT, RESAMPLES, SEED, percentile_interval, resampled_ratios
from swath.evaluation.metrics import KS
from swath.evaluation.packing import unpack
from swath.evaluation.results import EvalResult, Figures, Recalls

PERMUTATIONS = 9999
_CELLS = 1 << 22
_DAMAGE = 1e-6


class Difference(msgspec.Struct, frozen=True):
    """The second result minus the first, in points."""

    delta: Figures
    low: Figures
    high: Figures
    """Bootstrap interval over images, each figure by itself."""
    percent: float
    p: Figures
    """Two-sided p values, from 0 to 1, of a permutation test over images; not corrected for their number."""
    permutations: int
    resamples: int
    seed: int


def difference(
    first: EvalResult, second: EvalResult, names: tuple[str | Path, str | Path] = ("first", "second")
) -> Difference:
    """Compare two results on the same split under the same protocol.

    Raises `InputError` where data set, split, split hash or protocol are not the same, or a file has no
    per-query ranks, or ranks that contradict its figures.
    """
    for what in ("dataset", "split", "split_hash", "protocol"):
        left, right = getattr(first, what), getattr(second, what)
        if left != right:
            raise InputError(
                f"{names[0]} and {names[1]} cannot be compared query by query: "
                f"{what.replace('_', ' ')} {left} and {right}"
            )
    values, weights = by_image(first, names[0])
    others, same = by_image(second, names[1])
    if not np.array_equal(weights, same):
        raise InputError(
            f"{names[0]} and {names[1]} asked other queries, though their split hash is the same"
        )
    change = others - values
    total = weights.sum(0)
    delta = _with_mean(change.sum(0) / total)
    samples = _with_mean(resampled_ratios(change, weights))
    low, high = percentile_interval(samples)
    return Difference(
        delta=_figures(100.0 * delta),
        low=_figures(100.0 * low),
        high=_figures(100.0 * high),
        percent=PERCENT,
        p=_figures(_permuted(_with_mean(change / total))),
        permutations=PERMUTATIONS,
        resamples=RESAMPLES,
        seed=SEED,
    )


def by_image(
    result: EvalResult, name: str | Path = "the result"
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """What each image with a query brings to the six rates, float64[q, 6] each: summed hits, queries.

    Raises `InputError` where the result has no ranks or they contradict its figures.
    """
    if result.ranks is None:
        raise InputError(f"{name} holds no per-query ranks: evaluate again with this version of swath")
    asked = result.ranks.t2i.queries
    if asked != result.captions:
        raise InputError(
            f"{name} has per-query ranks that contradict its {result.captions:,} captions: {asked:,} texts "
            "were asked; it was changed, or its directions are exchanged"
        )
    values: list[NDArray[np.float64]] = []
    weights: list[NDArray[np.float64]] = []
    for packed in (result.ranks.i2t, result.ranks.t2i):
        ranks, images = unpack(packed)
        if len(images) == 0 or images.max() >= result.images:
            raise InputError(f"{name} has ranks that do not belong to its {result.images} images")
        for k in KS:
            values.append(np.bincount(images, ranks.hits(k), result.images).astype(np.float64))
            weights.append(np.bincount(images, minlength=result.images).astype(np.float64))
    hits, counts = np.stack(values, 1), np.stack(weights, 1)
    stated = np.array([getattr(side, f"r{k}") for side in (result.i2t, result.t2i) for k in KS])
    if np.abs(100.0 * hits.sum(0) / counts.sum(0) - stated).max() > _DAMAGE:
        raise InputError(
            f"{name} has per-query ranks that contradict its recalls: it was changed or is damaged"
        )
    units = counts.any(axis=1)
    return hits[units], counts[units]


def _permuted(shares: NDArray[np.float64]) -> NDArray[np.float64]:
    """float64[m]: how often exchanging at random gives a difference as large as that of shares[n, m]."""
    random = np.random.default_rng(SEED)
    moved = shares[shares.any(axis=1)]
    observed = np.abs(shares.sum(0)) - 1e-12  # sums in another order round differently
    reached = np.zeros(shares.shape[1])
    block = max(1, _CELLS // max(1, len(moved)))
    for start in range(0, PERMUTATIONS, block):
        size = min(block, PERMUTATIONS - start)
        signs = 2.0 * random.integers(2, size=(size, len(moved))) - 1.0
        reached += (np.abs(signs @ moved) >= observed).sum(0)
    return (1.0 + reached) / (1.0 + PERMUTATIONS)


def _with_mean(six: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.concatenate([six, six.mean(-1, keepdims=True)], axis=-1)


def _figures(seven: NDArray[np.float64]) -> Figures:
    values = [float(value) for value in seven]
    return Figures(Recalls(*values[:3]), Recalls(*values[3:6]), values[6])
