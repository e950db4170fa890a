"""BTGI: golden values (float64, from the specification), its limits, and the form with pooled vectors."""

from __future__ import annotations

from typing import Any

import pytest

torch = pytest.importorskip("torch")

from torch import Tensor  # noqa: E402
from torch.nn import functional as F  # noqa: E402

from swath.models.interaction import FORMS, btgi, gate, pool, regions, word  # noqa: E402

V = torch.tensor([[[1.0, 0, 0], [0, 1, 0], [0.6, 0, 0.8]]], dtype=torch.float64)
S = torch.tensor([[0.6, 0.48, 0.64]], dtype=torch.float64)
G = F.normalize(V.mean(1), dim=-1)


def score(
    tokens: Tensor,
    globals_: Tensor,
    guides: Tensor,
    balance: float,
    temperature: float = 0.1,
    form: str = "pool",
) -> float:
    return float(btgi(tokens, globals_, guides, balance, temperature, form)[0, 0])


def direct(
    tokens: Tensor, whole: Tensor, guide: Tensor, balance: float, temperature: float, valid: Tensor
) -> float:
    """One image and one text, with the pooled vector written out."""
    kept = tokens[valid]
    if not len(kept):
        return float(whole @ guide)
    context = F.normalize(torch.softmax(kept @ guide / temperature, 0) @ kept, dim=0)
    blend = balance * context + (1 - balance) * whole
    return 0.0 if float(blend.norm()) < 1e-6 else float(blend @ guide / blend.norm())


@pytest.mark.parametrize(
    ("balance", "expected"),
    [(0, 0.95247847), (0.25, 0.97103127), (0.5, 0.96597965), (0.75, 0.9358727), (1, 0.88473131)],
)
def test_golden(balance: float, expected: float) -> None:
    assert score(V, G, S, balance) == pytest.approx(expected, abs=1e-8)


def test_golden_with_a_global_row_of_its_own() -> None:
    own = torch.tensor([[0, 0.6, 0.8]], dtype=torch.float64)
    assert score(V, own, S, 0.5) == pytest.approx(0.93417598, abs=1e-8)


def test_golden_of_other_readings() -> None:
    assert score(V, G, S, 0.5, form="gate") == pytest.approx(0.95856922, abs=1e-8)
    assert score(V, G, S, 0.5, form="score") == pytest.approx(0.91860489, abs=1e-8)
    words = torch.tensor([[[0.8, 0.6, 0], [0, 0, 1]]], dtype=torch.float64)
    each = pool(V, G, words[0], 0.5, 0.1)
    assert each[0].tolist() == pytest.approx([0.92990095, 0.63062913], abs=1e-8)
    assert float(word(V, G, words, 0.5, 0.1)) == pytest.approx(0.78026504, abs=1e-8)
    padded = torch.cat([words, torch.ones(1, 1, 3, dtype=torch.float64)], 1)
    mask = torch.tensor([[True, True, False]])
    assert float(word(V, G, padded, 0.5, 0.1, word_mask=mask)) == pytest.approx(0.78026504, abs=1e-8)


def test_golden_with_a_mask() -> None:
    own = F.normalize(V[:, :2].mean(1), dim=-1)
    mask = torch.tensor([[True, True, False]])
    assert float(pool(V, own, S, 0.5, 0.1, mask)) == pytest.approx(0.7613043, abs=1e-8)


def test_cold_softmax_takes_the_best_token() -> None:
    assert score(V, G, S, 1, 1e-4) == pytest.approx(0.872, abs=1e-9)
    tied = torch.tensor([[[0.8, 0.6, 0], [0.8, 0, 0.6]]], dtype=torch.float64)
    guide = torch.tensor([[1.0, 0, 0]], dtype=torch.float64)
    halfway = F.normalize(tied.mean(1), dim=-1)
    assert score(tied, G, guide, 1, 1e-4) == pytest.approx(float(halfway[0, 0]), abs=1e-9)


def test_hot_softmax_takes_the_mean() -> None:
    assert score(V, G, S, 1, 1e4) == pytest.approx(0.95248, abs=1e-5)


def test_equal_tokens() -> None:
    assert score(V[:, [2, 2, 2]], G, S, 1) == pytest.approx(0.872, abs=1e-12)


def test_without_balance_it_is_the_global_score() -> None:
    assert score(V, G, S, 0) == pytest.approx(float(G[0] @ S[0]), abs=1e-12)


def test_with_full_balance_the_global_row_does_not_matter() -> None:
    other = F.normalize(torch.tensor([[1.0, -2, 3]], dtype=torch.float64), dim=-1)
    assert score(V, G, S, 1) == score(V, other, S, 1)


def test_one_token_equal_to_the_global_row() -> None:
    for balance in (0.0, 0.3, 1.0):
        for temperature in (0.02, 5.0):
            one = score(V[:, 2:], V[:, 2], S, balance, temperature)
            assert one == pytest.approx(0.872, abs=1e-12)


@pytest.mark.parametrize("form", FORMS)
def test_order_of_tokens_does_not_matter(form: str) -> None:
    turned = score(V[:, [2, 0, 1]], G, S, 0.5, form=form)
    assert turned == pytest.approx(score(V, G, S, 0.5, form=form), abs=1e-12)


@pytest.mark.parametrize("form", FORMS)
def test_a_masked_token_is_a_deleted_token_and_none_leaves_the_global_row(form: str) -> None:
    block = FORMS[form]
    for mask, kept in (([True, False, True], [0, 2]), ([False, True, False], [1])):
        masked = float(block(V, G, S, 0.4, 0.1, torch.tensor([mask])))
        assert masked == pytest.approx(float(block(V[:, kept], G, S, 0.4, 0.1)), abs=1e-12)
    nothing = torch.zeros(1, 3, dtype=torch.bool)
    tokens = V.clone().requires_grad_()
    value = block(tokens, G, S, 0.4, 0.1, nothing)
    assert float(value.detach()) == pytest.approx(float(G[0] @ S[0]), abs=1e-12)
    value.sum().backward()  # type: ignore[no-untyped-call]
    assert tokens.grad is not None and bool(torch.isfinite(tokens.grad).all())


def test_doubling_all_tokens_changes_nothing_and_one_token_does() -> None:
    assert score(torch.cat([V, V], 1), G, S, 1) == pytest.approx(0.88473131, abs=1e-8)
    assert score(torch.cat([V, V[:, 1:2]], 1), G, S, 1) == pytest.approx(0.89339288, abs=1e-8)


def test_cancelling_parts_give_zero_and_a_finite_gradient() -> None:
    token = V[:, :1].clone().requires_grad_()
    value = btgi(token, -V[:, 0], S, 0.5, 0.1)
    value.sum().backward()  # type: ignore[no-untyped-call]
    assert float(value.detach()) == 0
    assert token.grad is not None and bool(torch.isfinite(token.grad).all())


def drawn(dtype: Any = torch.float64) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Four images of five tokens, some of them not valid, and three texts."""
    generator = torch.Generator().manual_seed(0)

    def unit(*shape: int) -> Tensor:
        rows = torch.randn(*shape, generator=generator, dtype=torch.float64)
        return F.normalize(rows, dim=-1).to(dtype)

    mask = torch.rand(4, 5, generator=generator) > 0.3
    mask[3] = False
    return unit(4, 5, 8), unit(4, 8), unit(3, 8), mask


def test_inner_products_and_pooled_vectors_agree() -> None:
    tokens, globals_, guides, mask = drawn()
    every = pool(tokens, globals_, guides, 0.4, 0.2, mask)
    for i in range(4):
        for t in range(3):
            expected = direct(tokens[i], globals_[i], guides[t], 0.4, 0.2, mask[i])
            assert float(every[i, t]) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("form", FORMS)
def test_single_precision_is_enough(form: str) -> None:
    *single, mask = drawn(torch.float32)
    *double, _ = drawn(torch.float64)
    ours, exact = FORMS[form](*single, 0.5, 0.1, mask), FORMS[form](*double, 0.5, 0.1, mask)
    assert float((ours.double() - exact).abs().max()) <= 1e-5


def test_gate_has_no_balance() -> None:
    tokens, globals_, guides, _ = drawn()
    assert torch.equal(gate(tokens, globals_, guides, 0, 0.1), gate(tokens, globals_, guides, 1, 0.1))


def test_regions_are_means_of_neighbours() -> None:
    grid = torch.eye(16, dtype=torch.float64)[None]
    cells = regions(grid, 2)
    assert cells.shape == (1, 4, 16)
    assert cells[0, 1].nonzero().flatten().tolist() == [2, 3, 6, 7]
    assert float(cells.square().sum(-1).min()) == pytest.approx(1)
