"""Losses against golden values (float64, from the specification)."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from swath.training.losses import contrastive, pearson, targets_of  # noqa: E402

S = torch.tensor([[0.9, 0.2, 0.5], [0.1, 0.7, 0.3], [0.6, 0.4, 0.8]], dtype=torch.float64)
T = torch.tensor([[1.0, 0, 1], [0, 1, 0], [1, 0, 1]], dtype=torch.float64)
C = torch.tensor([[0.7, 0.1, 0.2], [0.3, 0.6, 0.4], [0.2, 0.5, 0.6]], dtype=torch.float64)


def test_contrastive_with_one_positive() -> None:
    assert float(contrastive(S, torch.eye(3, dtype=torch.float64), 0.1)) == pytest.approx(
        0.05690585, abs=1e-8
    )


def test_contrastive_with_several_positives() -> None:
    assert float(contrastive(S, T, 0.1)) == pytest.approx(0.59480773, abs=1e-8)


def test_contrastive_is_zero_at_its_optimum() -> None:
    assert float(contrastive(T * 1000, T, 1.0)) == pytest.approx(0, abs=1e-9)


def test_pearson() -> None:
    assert float(pearson(C, S)) == pytest.approx(0.27472703, abs=1e-8)
    assert float(pearson(2 * C + 3, S)) == pytest.approx(0.27472703, abs=1e-8)


def test_pearson_teaches_the_coarse_side_only() -> None:
    coarse, fine = C.clone().requires_grad_(), S.clone().requires_grad_()
    pearson(coarse, fine).backward()  # type: ignore[no-untyped-call]
    assert coarse.grad is not None and float(coarse.grad.abs().sum()) > 0
    assert fine.grad is None


def test_pearson_leaves_constant_rows_out() -> None:
    coarse = C.clone()
    coarse[0] = 0.5
    assert bool(torch.isfinite(pearson(coarse, S)))
    assert float(pearson(torch.ones_like(C), S)) == 0


def test_equal_captions_are_positives() -> None:
    own = torch.tensor([[4, 7], [7, -1], [9, 2]])
    drawn = torch.tensor([7, 7, 2])
    assert targets_of(drawn, own).tolist() == [[1, 1, 0], [1, 1, 0], [0, 0, 1]]
