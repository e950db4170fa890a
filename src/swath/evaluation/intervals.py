"""Bootstrap intervals: how much a figure would move if the pictures had been others of their kind."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

RESAMPLES = 1000
SEED = 0
PERCENT = 95.0

_CELLS = 1 << 22


def resampled_ratios(
    values: NDArray[np.float64],
    weights: NDArray[np.float64],
    *,
    resamples: int = RESAMPLES,
    seed: int = SEED,
) -> NDArray[np.float64]:
    """float64[resamples, m]: sum of values over sum of weights, in resamples of the n rows.

    `values` and `weights` are [n, m], n >= 1: what each unit (a picture with all its captions) contributes to
    m rates. Units are drawn with replacement; the same seed and n draw the same units. Only a block of
    resamples is held at once.
    """
    n = len(values)
    random = np.random.default_rng(seed)
    block = max(1, _CELLS // n)
    ratios = []
    for start in range(0, resamples, block):
        size = min(block, resamples - start)
        drawn = random.integers(n, size=(size, n)) + n * np.arange(size)[:, None]
        times = np.bincount(drawn.ravel(), minlength=size * n).reshape(size, n).astype(np.float64)
        ratios.append((times @ values) / (times @ weights))
    return np.concatenate(ratios)


def percentile_interval(
    samples: NDArray[np.float64], percent: float = PERCENT
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The central `percent` of samples[resamples, ...] along the first axis: (low, high)."""
    tail = (100.0 - percent) / 2
    low, high = np.percentile(samples, [tail, 100.0 - tail], axis=0)
    return low, high
