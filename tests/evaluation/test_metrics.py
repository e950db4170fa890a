from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from swath.errors import InputError
from swath.evaluation.metrics import Ranks, Relevance, rank_levels, rank_scores
from tests.evaluation.slow import hit_by_formula, hit_by_orders

GOLDEN_SCORES = np.array([[5.0, 7.0, 5.0, 5.0, 2.0, 5.0]])
GOLDEN = [
    ([2], [0, 0.25, 0.5, 1, 1], 2, 5),
    ([0, 3], [0, 0.5, 0.833333333333, 1, 1], 2, 4),
    ([4], [0, 0, 0, 0, 1], 6, 6),
]


def levels_of(scores: np.ndarray) -> np.ndarray:
    return np.unique(-scores, return_inverse=True)[1].astype(np.int64)


@pytest.mark.parametrize(("right", "expected", "best", "worst"), GOLDEN)
def test_golden_values(right: list[int], expected: list[float], best: int, worst: int) -> None:
    for ranks in (
        rank_scores(GOLDEN_SCORES, Relevance.of([right])),
        rank_levels(levels_of(GOLDEN_SCORES[0]), Relevance.of([right])),
    ):
        found = [ranks.hits(k)[0] for k in (1, 2, 3, 5, 6)]
        assert found == pytest.approx(expected, abs=1e-12)
        assert [int(ranks.best_case(k)[0]) for k in (best - 1 or 1, best)] == [int(best == 1), 1]
        assert [int(ranks.worst_case(k)[0]) for k in (worst - 1, worst)] == [0, 1]


def test_golden_ten_equal_scores() -> None:
    ranks = rank_scores(np.ones((1, 10)), Relevance.of([[7]]))
    assert [ranks.hits(k)[0] for k in (1, 5, 10)] == pytest.approx([0.1, 0.5, 1.0], abs=1e-12)


@given(st.data(), st.integers(1, 6))
@settings(max_examples=60, deadline=None)
def test_every_order_of_ties_agrees(data: st.DataObject, n: int) -> None:
    scores = data.draw(st.lists(st.integers(0, 2), min_size=n, max_size=n))
    right = data.draw(st.sets(st.integers(0, n - 1), min_size=1))
    k = data.draw(st.integers(1, n + 2))
    truth = hit_by_orders(scores, right, k)
    ranks = rank_scores(np.array([scores]), Relevance.of([sorted(right)]))

    assert hit_by_formula(scores, right, k) == truth
    assert ranks.hits(k)[0] == pytest.approx(float(truth), abs=1e-12)
    assert ranks.worst_case(k)[0] <= ranks.hits(k)[0] <= ranks.best_case(k)[0]


@given(st.data(), st.integers(1, 8), st.integers(1, 60))
@settings(max_examples=60, deadline=None)
def test_many_queries_with_ties_agree_with_the_formula(data: st.DataObject, q: int, n: int) -> None:
    seed = data.draw(st.integers(0, 1 << 30))
    random = np.random.default_rng(seed)
    scores = random.integers(0, 5, (q, n)).astype(np.float32)
    right = [sorted(random.choice(n, random.integers(1, n + 1), replace=False).tolist()) for _ in range(q)]
    by_scores = rank_scores(scores, Relevance.of(right))
    by_levels = Ranks.empty(q)
    for query in range(q):
        by_levels.put(
            np.array([query]),
            rank_levels(levels_of(scores[query]), Relevance.of(right).take(np.array([query]))),
        )
    for k in (1, 5, 10, n, n + 3):
        truth = [float(hit_by_formula(scores[i].tolist(), set(right[i]), k)) for i in range(q)]
        assert by_scores.hits(k) == pytest.approx(truth, abs=1e-12)
        assert by_levels.hits(k) == pytest.approx(truth, abs=1e-12)


def test_relevance_of_some_queries() -> None:
    some = Relevance.of([[1, 2], [3], [4, 5, 6]]).take(np.array([2, 0]))
    assert (some.starts.tolist(), some.items.tolist()) == ([0, 3, 5], [4, 5, 6, 1, 2])


def test_no_queries_at_all() -> None:
    nothing = Relevance.of([])
    assert len(rank_scores(np.zeros((0, 4)), nothing).hits(1)) == 0
    assert len(rank_levels(np.zeros(4, np.int64), nothing).hits(1)) == 0


def test_what_cannot_be_ranked_is_refused() -> None:
    with pytest.raises(InputError, match="NaN"):
        rank_scores(np.array([[1.0, np.nan]]), Relevance.of([[0]]))
    with pytest.raises(InputError, match="query 1 has no right item"):
        Relevance.of([[0], []])
    with pytest.raises(InputError, match="at least 1, got 0"):
        rank_scores(np.ones((1, 2)), Relevance.of([[0]])).hits(0)
