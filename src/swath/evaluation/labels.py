"""The protocols of hashing: an item is right when it has the query's class.

Their figures are mAP@k, P@k and precision and recall within a radius. Published ones cannot be compared
unless cut-off, tie rule and divisor are equal, so both ways to count stand here under a name, and every
figure carries it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

import msgspec
import numpy as np
from numpy.typing import NDArray

from swath.errors import InputError

Distances: TypeAlias = NDArray[np.int64]
Average: TypeAlias = Callable[[Distances, NDArray[np.bool_], int], float]


class LabelFigures(msgspec.Struct, frozen=True):
    """Figures of one direction, as fractions of 1, each the mean over all queries."""

    protocol: str
    k: int
    map: float
    """mAP@k as the protocol has it; a query without any right item counts 0."""
    precision: float
    """P@k: the share of right items among the first k, ties by expectation."""
    radius_precision: tuple[float, ...]
    """Precision within radius 0, 1, ...; a query that finds nothing there counts 0."""
    radius_recall: tuple[float, ...]
    """Recall within the same radii, of the queries that have right items."""


@dataclass(frozen=True, slots=True)
class LabelProtocol:
    """A named way to score rankings by class."""

    name: str
    says: str
    """One sentence to print beside a figure."""
    average: Average
    """Average precision of one query from distances int64[n], which are right bool[n], and k."""

    def score(
        self,
        distances: Callable[[int], Distances],
        asked: NDArray[np.int64],
        found: NDArray[np.int64],
        *,
        k: int = 20,
        radius: int = 0,
    ) -> LabelFigures:
        """Score q queries against n items.

        `distances(i)` gives int64[n], 0 or more and smaller is better (Hamming distances), for query i: one
        row is held at a time. `asked` int64[q] and `found` int64[n] are the classes. Precision and recall are
        given within 0 to `radius`.

        Raises `InputError` where there is no query, no item, or `k` is below 1.
        """
        if not len(asked) or not len(found) or k < 1:
            raise InputError(f"cannot score {len(asked)} queries against {len(found)} items at k = {k}")
        means, firsts = 0.0, 0.0
        radii = np.arange(radius + 1)
        precision, recall, answerable = np.zeros(radius + 1), np.zeros(radius + 1), 0
        for query, label in enumerate(asked):
            row = distances(query)
            if row.shape != found.shape:
                raise InputError(f"query {query} has {row.shape} distances to {found.shape} items")
            right = found == label
            means += self.average(row, right, k)
            firsts += float(_expected_right(row, right)[:k].sum()) / k
            within, hits = (_counts(values, radii) for values in (row, row[right]))
            precision += hits / np.maximum(within, 1)
            recall += hits / max(int(right.sum()), 1)
            answerable += bool(right.any())
        return LabelFigures(
            protocol=self.name,
            k=k,
            map=means / len(asked),
            precision=firsts / len(asked),
            radius_precision=tuple(map(float, precision / len(asked))),
            radius_recall=tuple(map(float, recall / max(answerable, 1))),
        )


def _standard(distances: Distances, right: NDArray[np.bool_], k: int) -> float:
    """Sum over the first k places of P(right) times the precision there, over min(k, right items); expected.

    Within t tied items of which p are right, with s right ones before them, the place i of the group is right
    with probability p / t, and then (i - 1)(p - 1) / (t - 1) of those between are right on average.
    """
    total = int(right.sum())
    if not total:
        return 0.0
    levels, counts = np.unique(distances, return_counts=True)
    group = np.searchsorted(levels, distances[right])
    rights = np.bincount(group, minlength=len(levels))
    before = np.cumsum(counts) - counts
    groups = np.repeat(np.arange(len(levels)), counts)[:k]
    places = np.arange(len(groups))
    within = places - before[groups]
    ties, some = counts[groups], rights[groups]
    seen = (np.cumsum(rights) - rights)[groups]
    between = within * (some - 1) / np.maximum(ties - 1, 1)
    precision = (seen + np.where(some > 0, between, 0) + 1) / (places + 1)
    return float((some / ties * precision).sum()) / min(k, total)


def _duch(distances: Distances, right: NDArray[np.bool_], k: int) -> float:
    """Mean precision at the first k right items wherever they stand; ties in the order of the items."""
    places = np.flatnonzero(right[np.argsort(distances, kind="stable")])[:k]
    return float((np.arange(1, len(places) + 1) / (places + 1)).mean()) if len(places) else 0.0


def _expected_right(distances: Distances, right: NDArray[np.bool_]) -> NDArray[np.float64]:
    """float64[n]: the probability that the item at each place is right when ties are broken at random."""
    _, group, counts = np.unique(distances, return_inverse=True, return_counts=True)
    share = np.bincount(group, weights=right) / counts
    expected: NDArray[np.float64] = np.repeat(share, counts)
    return expected


def _counts(distances: Distances, radii: NDArray[np.int64]) -> NDArray[np.int64]:
    """int64[r]: how many distances are within each radius."""
    return np.searchsorted(np.sort(distances), radii, side="right")


LABEL_PROTOCOLS: Mapping[str, LabelProtocol] = {
    "class": LabelProtocol(
        "class",
        "the same class is right; mAP@k over k places, divided by min(k, right items), ties by expectation",
        _standard,
    ),
    "class-duch": LabelProtocol(
        "class-duch",
        "the same class is right; mAP@k over the first k right items at any place, ties in order of the file",
        _duch,
    ),
}
"""`class-duch` counts as the released code of DUCH does (Mikriukov et al., ICASSP 2022)."""
