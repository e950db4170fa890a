"""Hubness corrections against values computed by hand in float64."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from swath.errors import SpecError
from swath.search.hubness import (
    METHODS,
    Csls,
    DualSoftmax,
    InvertedSoftmax,
    QbNorm,
    csls_matrix,
    dual_softmax_matrix,
    sinkhorn_matrix,
    top_mean,
)
from swath.types import Array

A = np.array([[9, 8, 3, 1], [8, 7, 6, 2], [9, 2, 5, 4]], np.float64)


def orders(scores: Array) -> list[str]:
    """Best first in every row, equal scores by the lower number."""
    return ["".join(map(str, row)) for row in np.argsort(-scores, axis=1, kind="stable")]


def test_neighbourhoods_are_means_of_the_largest() -> None:
    assert top_mean(A.T, 2).tolist() == [8.5, 7.5, 7]
    assert top_mean(A, 2).tolist() == [9, 7.5, 5.5, 3]
    assert top_mean(A, 10) == pytest.approx([8.666666666667, 5.666666666667, 4.666666666667, 2.333333333333])


def test_csls_of_a_whole_matrix() -> None:
    corrected = csls_matrix(A, 2)
    assert corrected.tolist() == [[0.5, 0, -8, -9.5], [-0.5, -1, -1, -6.5], [2, -10.5, -2.5, -2]]
    assert orders(A) == ["0123", "0123", "0231"]
    assert orders(corrected) == ["0123", "0123", "0321"]
    assert orders(A.T) == ["021", "012", "120", "210"]
    assert orders(corrected.T) == ["201", "012", "120", "210"]


def test_a_bias_for_each_item_gives_the_same_orders_as_the_matrix() -> None:
    method = Csls(k=2)
    assert orders(method.apply(A, method.fit(A))) == orders(csls_matrix(A, 2))


def test_csls_does_not_mind_the_scale_of_scores() -> None:
    assert csls_matrix(0.5 * A - 3, 2) == pytest.approx(0.5 * csls_matrix(A, 2))


def test_a_live_query_against_a_bank() -> None:
    method, live = Csls(k=2), np.array([[8, 8, 4, 6]], np.float64)
    corrected = method.apply(live, method.fit(A))
    assert (2 * corrected).tolist() == [[7, 8.5, 2.5, 9]]
    assert orders(live) == ["0132"] and orders(corrected) == ["3102"]


def test_inverted_softmax() -> None:
    method = InvertedSoftmax(temperature=1.0)
    corrected = method.apply(A, method.fit(A))
    wanted = [-0.861994804058, -0.315072160665, -3.349012216768, -3.169846019556]
    assert corrected[0] == pytest.approx(wanted)
    assert orders(corrected) == ["1032", "2103", "3021"]


def test_dual_softmax() -> None:
    corrected = dual_softmax_matrix(A, 1.0)
    wanted = [-0.887628893177, -13.340706249784, -5.374646305887, -5.195480108675]
    assert corrected[2] == pytest.approx(wanted)
    assert orders(corrected) == orders(csls_matrix(A, 2))
    method = DualSoftmax(temperature=1.0)
    assert orders(method.apply(A, method.fit(A))) == orders(corrected)


def test_sinkhorn_gives_every_query_and_item_its_share() -> None:
    shares = sinkhorn_matrix(A, 1.0, 50)
    assert shares[0] == pytest.approx([0.123298448829, 0.185509958723, 0.010030155689, 0.014494770092])
    assert shares.sum(0) == pytest.approx([0.25] * 4)
    assert shares.sum(1) == pytest.approx([1 / 3] * 3, abs=1e-6)
    assert orders(shares) == ["1032", "2103", "3021"]


def test_qb_norm_corrects_queries_whose_best_item_is_a_hub() -> None:
    method = QbNorm(temperature=1.0)
    active = method.activation(A)
    assert np.flatnonzero(active).tolist() == [0]
    live = np.array([[8, 8, 4, 6], [1, 2, 3, 9]], np.float64)
    corrected = method.apply(live, method.fit(A), active)
    assert (corrected[0] != live[0]).all() and (corrected[1] == live[1]).all()


def test_blocks_do_not_change_a_bias(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    bank: NDArray[np.float32] = rng.normal(size=(7, 50)).astype(np.float32)
    whole = top_mean(bank, 3)
    monkeypatch.setattr("swath.search.hubness._BLOCK", 21)
    assert (top_mean(bank, 3) == whole).all()


def test_what_makes_no_sense_is_refused() -> None:
    assert METHODS["ppsr"] is METHODS["csls"] is Csls
    with pytest.raises(SpecError):
        Csls(k=0)
    with pytest.raises(SpecError):
        InvertedSoftmax(temperature=0.0)
