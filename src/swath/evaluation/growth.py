"""More vectors like those that there are: what nearest-neighbour search finds hard must stay as it is.

A new vector is a real one plus a random mixture of the steps to its nearest neighbours, so it varies in the
directions in which its surroundings do (a smoothed bootstrap with a local covariance). How far it goes is
chosen so that the local intrinsic dimension fits the real one, and `likeness` prints what else came of it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from swath.errors import InputError

NEIGHBOURS = 16
"""Neighbours whose steps are mixed."""
SPREADS = (0.15, 0.25, 0.35, 0.5, 0.7)
"""Standard deviations of the mixture that are tried."""
_LID = 20
"""Neighbours that the local intrinsic dimension is estimated from (Amsaleg et al., KDD 2015)."""
_SAMPLE = 1000
_BLOCK = 4096


@dataclass(frozen=True, slots=True)
class Likeness:
    """What a search sees of vectors and of the texts that query them: medians, and 10 and 90 % quantiles."""

    vectors: int
    dimension: tuple[float, float, float]
    """Local intrinsic dimension of the vectors."""
    pairs: tuple[float, float, float]
    """Products of random pairs of vectors."""
    nearest: tuple[float, float, float]
    """Product of a vector and its 10th nearest other."""
    gap: float
    """Length of the difference between the mean vector and the mean text."""
    found: tuple[float, float, float]
    """Product of a text and its 10th nearest vector."""


def grow(real: NDArray[np.float32], count: int, seed: int = 0) -> tuple[NDArray[np.float16], float]:
    """float16[count, D]: first the real unit rows, then new ones; and the spread that was chosen.

    Raises `InputError` where there are too few real vectors.
    """
    if len(real) <= NEIGHBOURS:
        raise InputError(f"{len(real)} vectors are too few to make more of: give {NEIGHBOURS + 1} at least")
    rng = np.random.default_rng(seed)
    grown = np.empty((count, real.shape[1]), np.float16)
    grown[: len(real)] = real[:count]
    if count <= len(real):
        return grown, 0.0
    near = _neighbours(real, rng)
    trial = min(count, 4 * len(real)) - len(real)
    wanted = _dimension(real, real, rng)[0]

    def miss(spread: float) -> float:
        new = _made(real, near, trial, spread, np.random.default_rng((seed, 1)))
        return abs(_dimension(np.concatenate([real, new]), new, np.random.default_rng(seed))[0] - wanted)

    spread = min(SPREADS, key=miss)
    for start in range(len(real), count, _BLOCK):
        part = grown[start : start + _BLOCK]
        part[:] = _made(real, near, len(part), spread, rng)
    return grown, spread


def likeness(vectors: NDArray[np.float16], texts: NDArray[np.float32], seed: int = 0) -> Likeness:
    """Measured on samples; see `Likeness`."""
    rng = np.random.default_rng(seed)
    one, other = (vectors[_drawn(rng, len(vectors))].astype(np.float32) for _ in range(2))
    size = min(len(one), len(other))
    asked = texts[_drawn(rng, len(texts))[: _SAMPLE // 4]]
    return Likeness(
        len(vectors),
        _dimension(vectors, one, rng),
        _quantiles((one[:size] * other[:size]).sum(1)),
        _quantiles(_best(vectors, one[: _SAMPLE // 4], 11)[:, -1]),
        float(np.linalg.norm(one.mean(0) - texts.mean(0))),
        _quantiles(_best(vectors, asked, 10)[:, -1]),
    )


def _made(
    real: NDArray[np.float32], near: NDArray[np.int64], count: int, spread: float, rng: np.random.Generator
) -> NDArray[np.float32]:
    origin = rng.integers(len(real), size=count)
    weights = spread * rng.normal(size=(count, 1, NEIGHBOURS)).astype(np.float32)
    steps = real[near[origin]] - real[origin][:, None]
    moved = real[origin] + (weights @ steps)[:, 0]
    unit: NDArray[np.float32] = moved / np.linalg.norm(moved, axis=1, keepdims=True)
    return unit


def _neighbours(real: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.int64]:
    """int64[n, 16]: near rows of each row, from a part of all where these are many."""
    pool = np.sort(rng.permutation(len(real))[:20_000])
    found = np.empty((len(real), NEIGHBOURS), np.int64)
    for start in range(0, len(real), 1024):
        products = real[start : start + 1024] @ real[pool].T
        # The nearest of all is the row itself, or its equal.
        top = np.argpartition(-products, NEIGHBOURS, 1)[:, : NEIGHBOURS + 1]
        order = np.argsort(-np.take_along_axis(products, top, 1), 1)[:, 1:]
        found[start : start + 1024] = pool[np.take_along_axis(top, order, 1)]
    return found


def _dimension(
    vectors: NDArray[np.float16] | NDArray[np.float32], rows: NDArray[np.float32], rng: np.random.Generator
) -> tuple[float, float, float]:
    """Maximum-likelihood local intrinsic dimension around some rows, among the vectors."""
    sample = rows[_drawn(rng, len(rows))[: _SAMPLE // 4]]
    distances = np.sqrt(np.maximum(2 - 2 * _best(vectors, sample, _LID + 1)[:, 1:], 1e-9))
    with np.errstate(divide="ignore"):
        estimate = -1 / np.log(distances / distances[:, -1:]).mean(1)
    return _quantiles(estimate[np.isfinite(estimate)])


def _best(
    vectors: NDArray[np.float16] | NDArray[np.float32], rows: NDArray[np.float32], k: int
) -> NDArray[np.float32]:
    """float32[n, k]: the largest products of each row with the vectors, falling."""
    best = np.full((len(rows), k), -np.inf, np.float32)
    for start in range(0, len(vectors), 8 * _BLOCK):
        products = rows @ vectors[start : start + 8 * _BLOCK].astype(np.float32).T
        best = -np.sort(-np.concatenate([best, products], 1), 1)[:, :k]
    return best


def _drawn(rng: np.random.Generator, count: int) -> NDArray[np.int64]:
    return rng.permutation(count)[:_SAMPLE]


def _quantiles(values: NDArray[np.float32]) -> tuple[float, float, float]:
    middle, low, high = np.quantile(values, [0.5, 0.1, 0.9])
    return float(middle), float(low), float(high)
