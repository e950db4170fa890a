"""Losses against golden values (float64, from the specification)."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from torch import Tensor  # noqa: E402

from swath.training.losses import (  # noqa: E402
    INTER,
    INTRA,
    contrastive,
    divergence,
    multiple_instance,
    pearson,
    softened,
    targets_of,
    triplet,
)

S = torch.tensor([[0.9, 0.2, 0.5], [0.1, 0.7, 0.3], [0.6, 0.4, 0.8]], dtype=torch.float64)
T = torch.tensor([[1.0, 0, 1], [0, 1, 0], [1, 0, 1]], dtype=torch.float64)
C = torch.tensor([[0.7, 0.1, 0.2], [0.3, 0.6, 0.4], [0.2, 0.5, 0.6]], dtype=torch.float64)
EYE = torch.eye(3, dtype=torch.float64)


def near(value: Tensor, expected: float) -> bool:
    return float(value) == pytest.approx(expected, abs=1e-8)


def test_contrastive_with_one_positive() -> None:
    assert near(contrastive(S, EYE, 0.1), 0.05690585)


def test_contrastive_with_several_positives() -> None:
    assert near(contrastive(S, T, 0.1), 0.59480773)


def test_contrastive_is_zero_at_its_optimum() -> None:
    assert float(contrastive(T * 1000, T, 1.0)) == pytest.approx(0, abs=1e-9)


def test_multiple_instance() -> None:
    assert near(multiple_instance(S, T, 0.1), 0.01653041)
    assert near(multiple_instance(S, EYE, 0.1), 0.05690585)


def test_triplet() -> None:
    scores = torch.tensor([[0.9, 0.2, 0.85], [0.1, 0.7, 0.65], [0.8, 0.4, 0.8]], dtype=torch.float64)
    assert near(triplet(scores, T), 0.06666667)
    assert near(triplet(scores, EYE), 0.28333333)


def test_pearson() -> None:
    assert near(pearson(C, S), 0.27472703)
    assert near(pearson(2 * C + 3, S), 0.27472703)


def test_divergence() -> None:
    assert near(divergence(C, S, 0.1), 0.1613077)
    assert near(divergence(S, S), 0.0)


@pytest.mark.parametrize("name", INTRA)
def test_the_fine_side_is_not_taught(name: str) -> None:
    coarse, fine = C.clone().requires_grad_(), S.clone().requires_grad_()
    INTRA[name](coarse, fine).backward()  # type: ignore[no-untyped-call]
    assert coarse.grad is not None and float(coarse.grad.abs().sum()) > 0
    assert fine.grad is None


@pytest.mark.parametrize("name", INTER)
def test_gradients_are_finite_and_not_zero(name: str) -> None:
    scores = (0.5 * S).requires_grad_()
    INTER[name](scores, T, torch.tensor(0.1, dtype=torch.float64)).backward()  # type: ignore[no-untyped-call]
    assert scores.grad is not None and bool(torch.isfinite(scores.grad).all())
    assert float(scores.grad.abs().sum()) > 0


def test_pearson_leaves_constant_rows_out() -> None:
    coarse = C.clone()
    coarse[0] = 0.5
    assert bool(torch.isfinite(pearson(coarse, S)))
    assert float(pearson(torch.ones_like(C), S)) == 0


def test_equal_captions_are_positives() -> None:
    own = torch.tensor([[4, 7], [7, -1], [9, 2]])
    drawn = torch.tensor([7, 7, 2])
    assert targets_of(drawn, own).tolist() == [[1, 1, 0], [1, 1, 0], [0, 0, 1]]


def test_softened_targets_give_a_share_to_texts_alike() -> None:
    sentences = torch.tensor([[1.0, 0], [1.0, 0], [0, 1.0]], dtype=torch.float64)
    soft = softened(EYE, sentences, 0.2, 0.5)
    weight = 1 / (2 + torch.exp(torch.tensor(-2.0, dtype=torch.float64)))  # of each of two equal texts
    assert near(soft[0, 0], 0.8 + 0.2 * float(weight)) and near(soft[0, 1], 0.2 * float(weight))
    assert torch.allclose(soft.sum(1), torch.ones(3, dtype=torch.float64))
    assert torch.equal(softened(T, sentences, 0.0, 0.5), T / T.sum(1, keepdim=True))
