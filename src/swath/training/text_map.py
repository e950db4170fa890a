"""Fitting a small map behind a frozen text tower, in NumPy: contrastive, low-rank, close to the identity."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from swath.encoders import adapt

Floats: TypeAlias = NDArray[Any]
"""float32, or float64 where slopes are checked."""

BATCH = 512
"""Pictures in a step, at most; with fewer, every step sees all."""


@dataclass(frozen=True, slots=True)
class Pairs:
    """Pictures and the texts that are true of them, as frozen embeddings."""

    images: Floats
    """float32[n, D], unit rows."""
    texts: Floats
    """float32[m, D], unit rows of m distinct texts."""
    owned: tuple[NDArray[np.int64], ...]
    """For every picture the numbers of its texts, one at least."""

    def take(self, rows: NDArray[np.int64]) -> Pairs:
        """Some of the pictures, with the texts that these have."""
        kept = np.unique(np.concatenate([self.owned[row] for row in rows]))
        place = np.full(len(self.texts), -1, np.int64)
        place[kept] = np.arange(len(kept))
        return Pairs(self.images[rows], self.texts[kept], tuple(place[self.owned[row]] for row in rows))

    def relevance(self) -> NDArray[np.bool_]:
        """bool[n, m]: which text is true of which picture."""
        table = np.zeros((len(self.images), len(self.texts)), np.bool_)
        for row, own in enumerate(self.owned):
            table[row, own] = True
        return table


@dataclass(frozen=True, slots=True)
class Plan:
    """How a map is fitted."""

    rank: int = 32
    steps: int = 200
    rate: float = 3e-3
    decay: float = 1e-2
    scale: float = 30.0
    """Inverse temperature of the softmax over cosines."""


def fit(pairs: Pairs, plan: Plan, seed: int = 0) -> tuple[Floats, Floats]:
    """(down float32[D, r], up float32[r, D]) that bring texts nearer to their pictures.

    The loss is the mean of both directions' cross-entropy; a text that is true of many pictures, or a picture
    with many texts, has its target spread evenly over them. `up` begins at zero, so the map begins as the
    identity, and decay pulls it back there. Adam; the same seed gives the same map.
    """
    rng = np.random.default_rng(seed)
    dim = pairs.images.shape[1]
    weights = [
        (rng.standard_normal((dim, plan.rank)) / np.sqrt(dim)).astype(np.float32),
        np.zeros((plan.rank, dim), np.float32),
    ]
    first = [np.zeros_like(one) for one in weights]
    second = [np.zeros_like(one) for one in weights]
    whole = None if len(pairs.images) > BATCH else (pairs, pairs.relevance())
    for step in range(1, plan.steps + 1):
        some, relevant = whole or _draw(pairs, rng)
        slopes = gradients(some, relevant, weights[0], weights[1], plan.scale)
        rate = plan.rate * 0.5 * (1 + np.cos(np.pi * step / plan.steps))
        for i, slope in enumerate(slopes):
            first[i] = 0.9 * first[i] + 0.1 * slope
            second[i] = 0.999 * second[i] + 0.001 * slope * slope
            moved = (first[i] / (1 - 0.9**step)) / (np.sqrt(second[i] / (1 - 0.999**step)) + 1e-8)
            weights[i] = (weights[i] - rate * (moved + plan.decay * weights[i])).astype(np.float32)
    return weights[0], weights[1]


def _draw(pairs: Pairs, rng: np.random.Generator) -> tuple[Pairs, NDArray[np.bool_]]:
    some = pairs.take(np.sort(rng.choice(len(pairs.images), BATCH, replace=False)))
    return some, some.relevance()


def loss(pairs: Pairs, relevant: NDArray[np.bool_], down: Floats, up: Floats, scale: float) -> float:
    """What `fit` makes small."""
    logits = scale * pairs.images @ adapt(pairs.texts, down, up).T
    by_image, by_text = relevant.sum(1, keepdims=True), relevant.sum(0, keepdims=True)
    forth = -(_log_softmax(logits, 1) * relevant / by_image).sum() / len(relevant)
    back = -(_log_softmax(logits, 0) * relevant / by_text).sum() / relevant.shape[1]
    return float(forth + back) / 2


def gradients(
    pairs: Pairs, relevant: NDArray[np.bool_], down: Floats, up: Floats, scale: float
) -> tuple[Floats, Floats]:
    """Slopes of `loss` by `down` and `up`."""
    inner = pairs.texts @ down
    moved = pairs.texts + inner @ up
    length = np.linalg.norm(moved, axis=1, keepdims=True)
    unit = moved / length
    logits = scale * pairs.images @ unit.T
    by_image, by_text = relevant.sum(1, keepdims=True), relevant.sum(0, keepdims=True)
    error = (np.exp(_log_softmax(logits, 1)) - relevant / by_image) / len(relevant)
    error = (error + (np.exp(_log_softmax(logits, 0)) - relevant / by_text) / relevant.shape[1]) / 2
    by_unit = scale * error.T @ pairs.images
    by_moved = (by_unit - unit * (unit * by_unit).sum(1, keepdims=True)) / length
    return pairs.texts.T @ (by_moved @ up.T), inner.T @ by_moved


def _log_softmax(logits: Floats, axis: int) -> NDArray[np.float64]:
    shifted = logits - logits.max(axis, keepdims=True)
    return np.asarray(shifted - np.log(np.exp(shifted).sum(axis, keepdims=True)), np.float64)
