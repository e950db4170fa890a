"""One list from several: how `fuse(...)` joins what its sides found."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from swath.errors import SpecError
from swath.search.caret import listed, nearest
from swath.search.ordering import best_first
from swath.search.stages import Parametric
from swath.types import Array, Candidates


class Fusion(Parametric, ABC):
    """A method of fusion. It gives every row that any side found a score; a side may be empty."""

    def fuse(self, sides: Sequence[Candidates], ids: Array) -> Candidates:
        """All rows of all sides, in the one order."""
        rows = np.unique(np.concatenate([np.zeros(0, np.int64), *(side.rows for side in sides)]))
        scores = self._scores(rows, sides) if len(rows) else np.zeros(0)
        return best_first(rows, scores.astype(np.float32), ids)

    def check(self, sides: int) -> None:
        """Raise `SpecError` where the method does not fit a number of sides."""

    @abstractmethod
    def _scores(self, rows: NDArray[np.int64], sides: Sequence[Candidates]) -> NDArray[np.float64]:
        """float64[n] for the n > 0 rows of the union, which are sorted."""


@dataclass(frozen=True)
class ReciprocalRank(Fusion):
    """Sum over the sides of 1 / (k + rank), rank 1 the best (Cormack, Clarke and Büttcher, SIGIR 2009)."""

    name: ClassVar[str] = "rrf"
    k: float = 60.0

    def __post_init__(self) -> None:
        if not self.k >= 0:
            raise SpecError("argument 'k' of rrf must not be negative")

    def _scores(self, rows: NDArray[np.int64], sides: Sequence[Candidates]) -> NDArray[np.float64]:
        total = np.zeros(len(rows))
        for side in sides:
            total[np.searchsorted(rows, side.rows)] += 1 / (self.k + 1 + np.arange(len(side.rows)))
        return total


@dataclass(frozen=True)
class WeightedSum(Fusion):
    """Weighted sum of normalised scores; weights by position, one for each side (none: all alike).

    A row that a side did not find gets that side's lowest score, before normalising over the union: never
    zero on a raw scale. `norm` is `minmax` (a constant side gives 1 to all), `zscore` (population deviation;
    a constant side gives 0) or `none`. An empty side adds nothing.
    """

    name: ClassVar[str] = "sum"
    weights: tuple[float, ...] = ()
    norm: str = "minmax"

    def __post_init__(self) -> None:
        if self.norm not in _NORMS:
            raise SpecError(
                f"sum has no norm '{self.norm}'{nearest(self.norm, _NORMS)} It has: {listed(_NORMS)}"
            )
        if any(not weight >= 0 for weight in self.weights) or (self.weights and not any(self.weights)):
            raise SpecError("weights of sum must not be negative, and not all zero")

    def check(self, sides: int) -> None:
        """There is a weight for every side, or none at all."""
        if self.weights and len(self.weights) != sides:
            raise SpecError(f"sum has {len(self.weights)} weights for {sides} sides: give one for each")

    def _scores(self, rows: NDArray[np.int64], sides: Sequence[Candidates]) -> NDArray[np.float64]:
        weights = self.weights or (1 / len(sides),) * len(sides)
        total = np.zeros(len(rows))
        for weight, side in zip(weights, sides, strict=True):
            if len(side.rows):
                scores = np.full(len(rows), side.scores.min(), np.float64)
                scores[np.searchsorted(rows, side.rows)] = side.scores
                total += weight * _normalised(scores, self.norm)
        return total


_NORMS = ("minmax", "none", "zscore")


def _normalised(scores: NDArray[np.float64], norm: str) -> NDArray[np.float64]:
    low, high = scores.min(), scores.max()
    if norm == "none":
        return scores
    if norm == "minmax":
        return (scores - low) / (high - low) if high > low else np.ones(len(scores))
    return (scores - scores.mean()) / scores.std() if high > low else np.zeros(len(scores))


FUSIONS: dict[str, type[Fusion]] = {method.name: method for method in (ReciprocalRank, WeightedSum)}
"""Name to method of fusion; the first is the default."""
