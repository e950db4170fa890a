"""Against hubs: items that are near to many queries give way to items that are near to this one.

Every method reduces, for one query, to its scores minus one number for each item (`fit`), which a bank of
other queries gives: captions of the training set, say, or the very queries of a test, which is then
transductive. PPSR of CFITR is CSLS with k = 10 (Conneau et al., ICLR 2018). The others: inverted softmax
(Smith et al., ICLR 2017), dual softmax (the soft CSLS), QB-Norm (Bogolin et al., CVPR 2022), Sinkhorn.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from swath.errors import SpecError
from swath.types import Array

Scores = NDArray[np.float64]

_BLOCK = 1 << 22
"""Scores that are held at a time while the bank is compared."""


class Hubness(ABC):
    """A method. Scores are float[q, n]: one row for each query, one column for each item."""

    name: ClassVar[str]

    @abstractmethod
    def fit(self, bank: Array) -> Scores:
        """The bias of each item, float64[n], from the scores float[m, n] of a bank of m > 0 queries."""

    def apply(self, scores: Array, bias: Array, active: Array | None = None) -> Scores:
        """Scores of live queries, corrected. `active` is for methods that correct some queries alone."""
        del active
        return np.asarray(scores, np.float64) - bias


@dataclass(frozen=True)
class Csls(Hubness):
    """Half the mean score of the `k` nearest bank queries (all of them where there are fewer)."""

    name: ClassVar[str] = "csls"
    k: int = 10
    weight: float = 0.5

    def __post_init__(self) -> None:
        if self.k < 1 or not 0 <= self.weight <= 1:
            raise SpecError("csls takes k of at least 1 and a weight from 0 to 1")

    def fit(self, bank: Array) -> Scores:
        """See `Hubness.fit`."""
        return self.weight * top_mean(bank, self.k)


@dataclass(frozen=True)
class InvertedSoftmax(Hubness):
    """The soft maximum of the whole bank."""

    name: ClassVar[str] = "softmax"
    temperature: float = 0.05
    weight: float = 1.0

    def __post_init__(self) -> None:
        if not self.temperature > 0:
            raise SpecError("a temperature is greater than 0")

    def fit(self, bank: Array) -> Scores:
        """See `Hubness.fit`."""
        return self.weight * self.temperature * log_sum_exp(np.asarray(bank, np.float64) / self.temperature)


@dataclass(frozen=True)
class DualSoftmax(InvertedSoftmax):
    """Half of it: the soft form of CSLS."""

    name: ClassVar[str] = "dual"
    weight: float = 0.5


@dataclass(frozen=True)
class QbNorm(InvertedSoftmax):
    """Inverted softmax for those queries alone whose best item is the best of some bank query, too."""

    name: ClassVar[str] = "qbnorm"

    @staticmethod
    def activation(bank: Array) -> NDArray[np.bool_]:
        """bool[n]: items that are the best (lowest number first) for some query of the bank."""
        active = np.zeros(bank.shape[1], bool)
        active[np.argmax(bank, axis=1)] = True
        return active

    def apply(self, scores: Array, bias: Array, active: Array | None = None) -> Scores:
        """See `Hubness.apply`; `active` is what `activation` gave."""
        raw = np.asarray(scores, np.float64)
        if active is None:
            raise ValueError("QB-Norm needs the activation set of its bank")
        return np.where(active[np.argmax(raw, axis=1)][:, None], raw - bias, raw)


METHODS: dict[str, type[Hubness]] = {
    "ppsr": Csls,
    **{method.name: method for method in (Csls, InvertedSoftmax, DualSoftmax, QbNorm)},
}
"""Methods by the name that a spec uses."""


def top_mean(bank: Array, k: int) -> Scores:
    """Mean of the k largest of each column, float64[n]; of all where there are fewer than k."""
    bank = np.asarray(bank)
    k = min(k, len(bank))
    step = max(1, _BLOCK // len(bank))
    parts = [
        np.partition(bank[:, i : i + step], len(bank) - k, axis=0)[len(bank) - k :].mean(0, dtype=np.float64)
        for i in range(0, bank.shape[1], step)
    ]
    return np.concatenate([np.zeros(0), *parts])


def log_sum_exp(x: Scores, axis: int = 0) -> Scores:
    """log(sum(exp(x))) along an axis, without overflow."""
    peak = x.max(axis=axis, keepdims=True)
    return np.asarray(np.log(np.exp(x - peak).sum(axis=axis)) + peak.squeeze(axis))


def csls_matrix(scores: Array, k: int = 10) -> Scores:
    """PPSR as published: 2 S - r_row - r_col over a whole matrix of queries and items. Transductive."""
    values = np.asarray(scores, np.float64)
    return 2 * values - top_mean(values.T, k)[:, None] - top_mean(values, k)


def dual_softmax_matrix(scores: Array, temperature: float) -> Scores:
    """Logarithm of the product of both softmaxes over a whole matrix. Transductive."""
    x = np.asarray(scores, np.float64) / temperature
    return 2 * x - log_sum_exp(x) - log_sum_exp(x, 1)[:, None]


def sinkhorn_matrix(scores: Array, temperature: float, rounds: int = 50) -> Scores:
    """exp(scores / temperature) scaled until every query and every item has its equal share. Transductive."""
    x = np.asarray(scores, np.float64) / temperature
    queries, items = x.shape
    for _ in range(rounds):
        x = x - log_sum_exp(x, 1)[:, None] - np.log(queries)
        x = x - log_sum_exp(x) - np.log(items)
    return np.asarray(np.exp(x))
