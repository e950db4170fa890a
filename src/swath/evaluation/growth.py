"""More vectors like those that there are: what nearest-neighbour search finds hard must stay as it is.

A new vector is a real one plus a random mixture of the steps to its nearest neighbours, so it varies in the
directions in which its surroundings do (a smoothed bootstrap with a local covariance). How far it goes is
chosen so that the local intrinsic dimension fits the real one, and `likeness` prints what else came of it.
Everything goes in blocks: beside what is given and what is made, memory does not grow with either.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from swath.errors import InputError

NEIGHBOURS = 16
"""Neighbours whose steps are mixed."""
SPREADS = (0.15, 0.25, 0.35, 0.5, 0.7)
"""Standard deviations of the mixture that are tried."""
_POOL = 8192
"""Real vectors that neighbours are looked for among."""
_TRIAL = 100_000
"""New vectors at most that a spread is tried on."""
_LID = 20
"""Neighbours that the local intrinsic dimension is estimated from (Amsaleg et al., KDD 2015)."""
_SAMPLE = 1000
_FEW = _SAMPLE // 4
"""Vectors whose neighbours are looked for among all."""
_BLOCK = 4096

Rows = NDArray[np.float32] | NDArray[np.float16]


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

    Where fewer are wanted than there are, a part of them is drawn, and the spread is 0. Raises `InputError`
    where there are too few real vectors to make more of.
    """
    rng = np.random.default_rng(seed)
    if count <= len(real):
        return real[np.sort(rng.permutation(len(real))[:count])].astype(np.float16), 0.0
    if len(real) <= NEIGHBOURS:
        raise InputError(f"{len(real)} vectors are too few to make more of: give {NEIGHBOURS + 1} at least")
    near = _neighbours(real, rng)
    wanted = _dimension(_blocks(real), real[_drawn(rng, len(real))[:_FEW]])[0]
    trial = min(count - len(real), _TRIAL)

    def miss(spread: float) -> float:
        new = list(_made(real, near, trial, spread, seed))
        return abs(_dimension(chain(_blocks(real), new), new[0][:_FEW])[0] - wanted)

    spread = min(SPREADS, key=miss)
    grown = np.empty((count, real.shape[1]), np.float16)
    grown[: len(real)] = real
    start = len(real)
    for part in _made(real, near, count - len(real), spread, seed):
        grown[start : start + len(part)] = part
        start += len(part)
    return grown, spread


def likeness(vectors: NDArray[np.float16], texts: NDArray[np.float32], seed: int = 0) -> Likeness:
    """Measured on samples; see `Likeness`."""
    rng = np.random.default_rng(seed)
    one, other = (vectors[_drawn(rng, len(vectors))].astype(np.float32) for _ in range(2))
    size = min(len(one), len(other))
    return Likeness(
        len(vectors),
        _dimension(_blocks(vectors), one[:_FEW]),
        _quantiles((one[:size] * other[:size]).sum(1)),
        _quantiles(_best(_blocks(vectors), one[:_FEW], 11)[:, -1]),
        float(np.linalg.norm(one.mean(0) - texts.mean(0))),
        _quantiles(_best(_blocks(vectors), texts[_drawn(rng, len(texts))[:_FEW]], 10)[:, -1]),
    )


def _made(
    real: NDArray[np.float32], near: NDArray[np.int64], count: int, spread: float, seed: int
) -> Iterator[NDArray[np.float32]]:
    """New unit rows, block by block; the first of many are those of fewer."""
    rng = np.random.default_rng((seed, 1))
    for start in range(0, count, _BLOCK):
        origin = rng.integers(len(real), size=_BLOCK)[: count - start]
        weights = spread * rng.normal(size=(_BLOCK, 1, NEIGHBOURS)).astype(np.float32)[: count - start]
        # A mixture of steps is a mixture of the neighbours, less the row as often as the weights say.
        moved = (weights @ real[near[origin]])[:, 0] + (1 - weights.sum(2)) * real[origin]
        yield moved / np.linalg.norm(moved, axis=1, keepdims=True)


def _neighbours(real: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.int64]:
    """int64[n, 16]: near rows of each row, from a part of all where these are many."""
    pool = np.sort(rng.permutation(len(real))[:_POOL])
    found = np.empty((len(real), NEIGHBOURS), np.int64)
    for start in range(0, len(real), 1024):
        products = real[start : start + 1024] @ real[pool].T
        # The nearest of all is the row itself, or its equal.
        top = np.argpartition(-products, NEIGHBOURS, 1)[:, : NEIGHBOURS + 1]
        order = np.argsort(-np.take_along_axis(products, top, 1), 1)[:, 1:]
        found[start : start + 1024] = pool[np.take_along_axis(top, order, 1)]
    return found


def _dimension(blocks: Iterable[Rows], sample: NDArray[np.float32]) -> tuple[float, float, float]:
    """Maximum-likelihood local intrinsic dimension around some rows, among all of which they are part."""
    distances = np.sqrt(np.maximum(2 - 2 * _best(blocks, sample, _LID + 1)[:, 1:], 1e-9))
    with np.errstate(divide="ignore"):
        estimate = -1 / np.log(distances / distances[:, -1:]).mean(1)
    return _quantiles(estimate[np.isfinite(estimate)])


def _best(blocks: Iterable[Rows], rows: NDArray[np.float32], k: int) -> NDArray[np.float32]:
    """float32[n, k]: the largest products of each row with the vectors, falling."""
    best = np.full((len(rows), k), -np.inf, np.float32)
    for block in blocks:
        products = np.concatenate([best, rows @ block.astype(np.float32, copy=False).T], 1)
        best = np.partition(products, products.shape[1] - k, 1)[:, -k:]
    return np.sort(best, 1)[:, ::-1]


def _blocks(vectors: Rows) -> Iterator[Rows]:
    return (vectors[start : start + _BLOCK] for start in range(0, len(vectors), _BLOCK))


def _drawn(rng: np.random.Generator, count: int) -> NDArray[np.int64]:
    return rng.permutation(count)[:_SAMPLE]


def _quantiles(values: NDArray[np.float32]) -> tuple[float, float, float]:
    middle, low, high = np.quantile(values, [0.5, 0.1, 0.9])
    return float(middle), float(low), float(high)
