"""BTGI against golden values (float64, from the specification) and its limits."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from torch import Tensor  # noqa: E402
from torch.nn import functional as F  # noqa: E402

from swath.models.interaction import btgi  # noqa: E402

V = torch.tensor([[[1.0, 0, 0], [0, 1, 0], [0.6, 0, 0.8]]], dtype=torch.float64)
S = torch.tensor([[0.6, 0.48, 0.64]], dtype=torch.float64)
G = F.normalize(V.mean(1), dim=-1)


def score(
    tokens: Tensor, globals_: Tensor, guides: Tensor, balance: float, temperature: float = 0.1
) -> float:
    return float(btgi(tokens, globals_, guides, balance, temperature)[0, 0])


@pytest.mark.parametrize(
    ("balance", "expected"),
    [(0, 0.95247847), (0.25, 0.97103127), (0.5, 0.96597965), (0.75, 0.9358727), (1, 0.88473131)],
)
def test_golden(balance: float, expected: float) -> None:
    assert score(V, G, S, balance) == pytest.approx(expected, abs=1e-8)


def test_golden_with_a_global_row_of_its_own() -> None:
    own = torch.tensor([[0, 0.6, 0.8]], dtype=torch.float64)
    assert score(V, own, S, 0.5) == pytest.approx(0.93417598, abs=1e-8)


def test_cold_softmax_takes_the_best_token() -> None:
    assert score(V, G, S, 1, 1e-4) == pytest.approx(0.872, abs=1e-9)


def test_hot_softmax_takes_the_mean() -> None:
    assert score(V, G, S, 1, 1e4) == pytest.approx(0.95248, abs=1e-5)


def test_without_balance_it_is_the_global_score() -> None:
    assert score(V, G, S, 0) == pytest.approx(float(G[0] @ S[0]), abs=1e-12)


def test_with_full_balance_the_global_row_does_not_matter() -> None:
    other = F.normalize(torch.tensor([[1.0, -2, 3]], dtype=torch.float64), dim=-1)
    assert score(V, G, S, 1) == score(V, other, S, 1)


def test_one_token_equal_to_the_global_row() -> None:
    for balance in (0.0, 0.3, 1.0):
        assert score(V[:, 2:], V[:, 2], S, balance) == pytest.approx(0.872, abs=1e-12)


def test_order_of_tokens_does_not_matter() -> None:
    assert score(V[:, [2, 0, 1]], G, S, 0.5) == pytest.approx(score(V, G, S, 0.5), abs=1e-12)


def test_doubling_all_tokens_changes_nothing_and_one_token_does() -> None:
    assert score(torch.cat([V, V], 1), G, S, 1) == pytest.approx(0.88473131, abs=1e-8)
    assert score(torch.cat([V, V[:, 1:2]], 1), G, S, 1) == pytest.approx(0.89339288, abs=1e-8)


def test_cancelling_parts_give_zero_and_a_finite_gradient() -> None:
    token = V[:, :1].clone().requires_grad_()
    value = btgi(token, -V[:, 0], S, 0.5, 0.1)
    value.sum().backward()  # type: ignore[no-untyped-call]
    assert float(value.detach()) == 0
    assert token.grad is not None and bool(torch.isfinite(token.grad).all())


def test_every_image_with_every_text() -> None:
    torch.manual_seed(0)
    tokens = F.normalize(torch.randn(4, 5, 8, dtype=torch.float64), dim=-1)
    globals_ = F.normalize(torch.randn(4, 8, dtype=torch.float64), dim=-1)
    guides = F.normalize(torch.randn(3, 8, dtype=torch.float64), dim=-1)
    every = btgi(tokens, globals_, guides, 0.4, 0.2)
    for i in range(4):
        for t in range(3):
            weights = torch.softmax(tokens[i] @ guides[t] / 0.2, 0)
            context = weights @ tokens[i]
            blend = 0.4 * context / context.norm() + 0.6 * globals_[i]
            expected = float(blend @ guides[t] / blend.norm())
            assert float(every[i, t]) == pytest.approx(expected, abs=1e-12)
