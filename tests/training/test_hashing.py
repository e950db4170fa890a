"""Losses of CFITR against values computed by hand in float64."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from torch.nn import functional as F  # noqa: E402

from swath.training.hashing import (  # noqa: E402
    balance,
    decorrelation,
    hardest_hinge,
    matching,
    quantisation,
    signs,
)

SCORES = torch.tensor([[0.9, 0.8, 0.1], [0.2, 0.5, 0.45], [0.3, 0.4, 0.35]], dtype=torch.float64)
IMAGES = torch.tensor([[0.5, -0.2, 0.8, -0.9], [-0.4, 0.6, 0.1, -0.7]], dtype=torch.float64)
TEXTS = torch.tensor([[0.3, -0.6, 0.9, -0.1], [-0.8, 0.2, -0.3, -0.5]], dtype=torch.float64)


def test_hinge_takes_the_hardest_negative_of_every_row_and_column() -> None:
    assert hardest_hinge(SCORES, torch.eye(3, dtype=torch.bool), 0.2).item() == pytest.approx(0.433333333333)


def test_hinge_leaves_out_what_is_true() -> None:
    groups = torch.tensor([0, 1, 1])
    true = groups[:, None] == groups[None, :]
    assert hardest_hinge(SCORES, true, 0.2).item() == pytest.approx(0.25)


def test_cosines_of_relaxed_codes() -> None:
    cosine = F.normalize(IMAGES, dim=1) @ F.normalize(TEXTS, dim=1).T
    wanted = [0.726519492445, -0.172644650493, -0.281156437614, 0.745098039216]
    assert cosine.flatten().tolist() == pytest.approx(wanted)


def test_quantisation_pulls_to_the_code_of_the_pair_and_not_through_it() -> None:
    images = IMAGES.clone().requires_grad_()
    loss = quantisation(images, TEXTS)
    assert loss.item() == pytest.approx(0.353125)
    assert 2 * 2 * 4 * loss.item() == pytest.approx(5.65)  # the sum form
    torch.autograd.backward(loss)
    assert images.grad is not None
    assert images.grad[0, 0].item() == pytest.approx(-0.0625)


def test_zero_counts_as_plus_one() -> None:
    assert signs(torch.tensor([0.0, -0.0, -1e-9, 0.5])).tolist() == [1.0, 1.0, -1.0, 1.0]


def test_balance_is_over_the_batch() -> None:
    assert (0.5 * (balance(IMAGES) + balance(TEXTS))).item() == pytest.approx(0.1459375)
    constant = torch.tensor([[1.0, -1, 1, -1], [1, -1, 1, -1]])
    assert balance(constant).item() == 1.0


def test_decorrelation() -> None:
    assert decorrelation(IMAGES).item() == pytest.approx(0.145815625)


def test_matching_leaves_out_false_negatives() -> None:
    scores = torch.tensor([[2, 0.5, -1, 0], [0.1, 0.3, -0.2, 0.6]], dtype=torch.float64)
    true = torch.zeros(2, 4, dtype=torch.bool)
    true[:, 0] = True
    assert matching(scores, true).item() == pytest.approx(0.935390905519)
    true[1, 3] = True
    assert matching(scores, true).item() == pytest.approx(0.714144450029)
