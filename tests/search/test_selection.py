"""Which lists are visited: figures worked out by hand, and the promise of conformal calibration."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from swath.search.selection import (
    RULES,
    Rule,
    by_mass,
    conformal,
    falling,
    list_scores,
    margin_needed,
    masses,
    rank_prior,
)

LISTS = np.array([0, 1, 0, 2, 1, 0], np.int32)
PRIOR = np.array([0.9, 0.6, 0.5, 0.4, 0.2, 0.1])
BEST_RANK = np.array([0, 1, 3])


def test_mass_of_lists() -> None:
    mass = masses(LISTS, PRIOR, 3)
    np.testing.assert_allclose(mass, [1.5, 0.8, 0.4])
    np.testing.assert_allclose(mass / mass.sum(), [0.55555556, 0.2962963, 0.14814815], atol=1e-8)
    assert by_mass(mass, BEST_RANK, 0.8).tolist() == [0, 1]
    assert by_mass(mass, BEST_RANK, 0.9).tolist() == [0, 1, 2]
    assert by_mass(mass, BEST_RANK, 0.1, least=2).tolist() == [0, 1]
    assert by_mass(mass, BEST_RANK, 1.0, most=1).tolist() == [0]


def test_equal_mass_is_ordered_by_the_best_rank() -> None:
    assert by_mass(np.array([1.0, 1.0, 1.0]), np.array([2, 0, 1]), 1.0).tolist() == [1, 2, 0]
    with pytest.raises(ValueError, match="no list has any mass"):
        by_mass(np.zeros(3), np.zeros(3, np.int64), 0.5)


def test_falling_sequence() -> None:
    fitted = falling(np.array([0.9, 0.5, 0.7, 0.4, 0.45, 0.1]))
    np.testing.assert_allclose(fitted, [0.9, 0.6, 0.6, 0.425, 0.425, 0.1])


@given(st.lists(st.floats(0, 1), min_size=1, max_size=40))
def test_a_fitted_prior_never_rises_and_keeps_its_mean(values: list[float]) -> None:
    fitted = falling(np.array(values))
    assert (np.diff(fitted) <= 1e-12).all()
    assert fitted.mean() == pytest.approx(np.mean(values))


def test_late_ranks_share_their_prior() -> None:
    belongs = np.zeros((10, 120), bool)
    belongs[:, :5] = True
    belongs[0, 60] = True
    prior = rank_prior(belongs)
    assert prior[0] == 1 and prior[4] == 1
    assert len(set(prior[50:75].tolist())) == 1


@pytest.mark.parametrize(("miss", "expected"), [(0.2, 3), (0.1, 5), (0.05, None)])
def test_conformal_limit(miss: float, expected: float | None) -> None:
    assert conformal([1, 1, 2, 1, 3, 2, 1, 5, 2, 1], 1 - miss) == expected


@given(st.lists(st.floats(-1, 1), min_size=1, max_size=50), st.floats(0.01, 0.999))
def test_a_limit_covers_its_share_of_the_queries_it_was_fitted_on(
    needed: list[float], coverage: float
) -> None:
    limit = conformal(needed, coverage)
    if limit is not None:
        assert np.mean(np.array(needed) <= limit) >= coverage - 1e-9


def test_the_margin_is_the_largest_gap_on_the_way() -> None:
    floors = np.array([-np.inf, 0.5, 0.7, 0.8])
    scores = np.array([0.6, 0.5, 0.4, 0.3])
    assert margin_needed(floors, scores, 0) == -1e30
    assert margin_needed(floors, scores, 2) == pytest.approx(0.3)
    assert margin_needed(floors, scores, -1) == -1e30


def test_rules() -> None:
    near = np.array([0.1, 0.3, 0.2, 0.0])
    dense = np.array([0.5, 0.2, 0.6, 0.1, 0.25, 0.3], np.float32)

    def order(rule: Rule, lists: NDArray[np.int32] = LISTS) -> list[int]:
        scores = list_scores(rule, near, lists, dense[: len(lists)], PRIOR)
        return [int(number) for number in np.argsort(-scores, kind="stable")]

    assert order("centroid") == [1, 2, 0, 3]
    assert order("rank_prior") == [0, 1, 2, 3]
    # Three, two and one candidates; the list without any comes last.
    assert order("count") == [0, 1, 2, 3]
    assert order("best") == [0, 1, 2, 3]
    assert order("union")[:2] == [0, 1]
    nothing = np.zeros(0, np.int32)
    for rule in RULES:
        assert order(rule, nothing) == [1, 2, 0, 3]
