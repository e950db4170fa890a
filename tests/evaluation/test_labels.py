from __future__ import annotations

from itertools import pairwise, permutations

import numpy as np
import pytest
from numpy.typing import NDArray

from swath.errors import InputError
from swath.evaluation.labels import LABEL_PROTOCOLS, LabelFigures


def score(name: str, rows: list[list[int]], asked: list[int], found: list[int], **how: int) -> LabelFigures:
    table = np.array(rows, np.int64)

    def row(query: int) -> NDArray[np.int64]:
        return np.asarray(table[query], np.int64)

    return LABEL_PROTOCOLS[name].score(row, np.array(asked), np.array(found), **how)


def slow(distances: list[int], right: list[bool], k: int) -> tuple[float, float]:
    """AP@k and P@k averaged over every order that the distances leave open."""
    orders = [
        order
        for order in permutations(range(len(right)))
        if all(distances[a] <= distances[b] for a, b in pairwise(order))
    ]
    average, precision = [], []
    for order in orders:
        hits = [right[item] for item in order][:k]
        summed = sum(sum(hits[: i + 1]) / (i + 1) for i, hit in enumerate(hits) if hit)
        average.append(summed / min(k, sum(right)) if any(right) else 0.0)
        precision.append(sum(hits) / k)
    return float(np.mean(average)), float(np.mean(precision))


@pytest.mark.parametrize("k", [1, 2, 3, 5, 9])
@pytest.mark.parametrize("seed", range(8))
def test_ties_count_by_expectation(seed: int, k: int) -> None:
    random = np.random.default_rng(seed)
    distances, labels = random.integers(0, 3, 6).tolist(), random.integers(0, 2, 6).tolist()
    figures = score("class", [distances], [1], labels, k=k)

    assert (figures.map, figures.precision) == pytest.approx(slow(distances, [x == 1 for x in labels], k))


def test_the_two_ways_to_count() -> None:
    distances, labels = [0, 1, 2, 3, 4], [0, 1, 0, 0, 1]
    assert score("class", [distances], [1], labels, k=3).map == pytest.approx((1 / 2) / 2)
    assert score("class-duch", [distances], [1], labels, k=3).map == pytest.approx((1 / 2 + 2 / 5) / 2)
    assert score("class-duch", [distances], [1], labels, k=1).map == pytest.approx(1 / 2)
    tied = [0] * 5
    assert score("class-duch", [tied], [1], labels, k=3).map == pytest.approx((1 / 2 + 2 / 5) / 2)


def test_means_over_queries_and_within_radii() -> None:
    figures = score("class", [[0, 2, 1], [3, 0, 2], [9, 9, 9]], [5, 6, 7], [5, 5, 6], k=1, radius=2)

    assert figures.map == pytest.approx(1 / 3)
    assert figures.precision == pytest.approx(1 / 3)
    assert figures.radius_precision == pytest.approx(((1 + 0) / 3, (1 / 2) / 3, (2 / 3 + 1 / 2) / 3))
    assert figures.radius_recall == pytest.approx((1 / 4, 1 / 4, (1 + 1) / 2))


@pytest.mark.parametrize("name", list(LABEL_PROTOCOLS))
def test_a_query_without_a_right_item_counts_nothing(name: str) -> None:
    assert score(name, [[0, 1]], [3], [1, 2], k=5).map == 0
    assert LABEL_PROTOCOLS[name].name == name and LABEL_PROTOCOLS[name].says


def test_what_cannot_be_scored() -> None:
    with pytest.raises(InputError, match="0 queries against 1 items"):
        score("class", [[0]], [], [1])
    with pytest.raises(InputError, match="at k = 0"):
        score("class", [[0]], [1], [1], k=0)
    with pytest.raises(InputError, match=r"query 0 has \(2,\) distances to \(1,\) items"):
        score("class", [[0, 1]], [1], [1])
