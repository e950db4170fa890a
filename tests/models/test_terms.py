"""The word head and what trains it, against figures worked out by hand in float64."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from torch import Tensor  # noqa: E402

from swath.models.terms import TermHead, distillation, flops, l1, pair, with_own  # noqa: E402

EMBEDDINGS = [[1, 0, 0], [0, 1, 0], [0, 0, 1], [-1, 1, 0], [0.5, 0.5, 0.5]]
BIAS = [0, 0.1, 0, 0, 0.2]


def head() -> TermHead:
    made = TermHead(2, torch.tensor(EMBEDDINGS, dtype=torch.float64))
    made.norm = torch.nn.LayerNorm(3, eps=1e-12, elementwise_affine=False)
    made = made.double()
    with torch.no_grad():
        made.project.weight.copy_(torch.tensor([[1, 0], [0, 1], [1, 1]]))
        made.bias.copy_(torch.tensor(BIAS))
    return made


def test_a_vector_becomes_weights_over_words() -> None:
    weights = head()(torch.tensor([[0.6, 0.8]], dtype=torch.float64))
    expected = [0, 0, 0.86407615, 0.46269474, 0.18232156]
    np.testing.assert_allclose(weights[0].detach().numpy(), expected, atol=1e-8)


def test_own_words_stay_and_others_by_chance() -> None:
    weights = head()(torch.tensor([[0.6, 0.8]], dtype=torch.float64))
    own = torch.tensor([[False, True, False, True, False]])
    none, some = torch.zeros(1, 5).double(), torch.full((1, 5), 0.25).double()
    kept = with_own(weights, own, none, 0.0)[0].detach().numpy()
    np.testing.assert_allclose(kept, [0, 0, 0, 0.46269474, 0], atol=1e-8)
    expected = [0, 0, 0.21601904, 0.46269474, 0.04558039]
    np.testing.assert_allclose(with_own(weights, own, some, 0.0)[0].detach().numpy(), expected, atol=1e-8)


def test_an_own_word_that_the_head_missed_keeps_the_floor() -> None:
    own = torch.tensor([[True, False]])
    kept = with_own(torch.tensor([[0.0, 3.0]]), own, torch.zeros(1, 2), 0.05)
    assert kept.tolist() == [[pytest.approx(0.05), 0.0]]


def test_regularisers() -> None:
    documents = torch.tensor([[1.0, 0, 2], [0, 0, 1]])
    assert float(flops(documents)) == pytest.approx(2.5)
    assert float(l1(documents)) == pytest.approx(2.0)
    queries = torch.tensor([[1.0, 1, 0], [0, 1, 1]])
    assert float(pair(queries, documents)) == pytest.approx(0.75)


def test_the_count_of_postings_pushes_only_weights_that_are_lit() -> None:
    documents = torch.tensor([[1.0, 0, 2], [0, 0, 1]], requires_grad=True)
    queries = torch.tensor([[1.0, 1, 0], [0, 1, 1]])
    pair(queries, documents).backward()  # type: ignore[no-untyped-call]
    assert documents.grad is not None
    # Half of the queries have the first word, all of them the second, half the third.
    np.testing.assert_allclose(documents.grad.numpy(), [[0.25, 0.5, 0.25], [0.25, 0.5, 0.25]])


@pytest.mark.parametrize(("temperature", "expected"), [(0.001, 0.22009485), (0.05, 0.26462155)])
def test_distillation(temperature: float, expected: float) -> None:
    dense = torch.tensor([[0.8, 0.6], [0.5, 0.7]], dtype=torch.float64)
    sparse = torch.tensor([[3.0, 1.0], [1.0, 2.0]], dtype=torch.float64)

    def entropy(scores: Tensor) -> float:
        taught = torch.softmax(scores / temperature, 1)
        return float(-torch.special.xlogy(taught, taught).sum(1).mean())

    # The figures are cross-entropies: divergence plus the teacher's entropy.
    found = float(distillation(dense, sparse, temperature, 1.0))
    assert found + 0.5 * (entropy(dense) + entropy(dense.T)) == pytest.approx(expected, abs=1e-8)


def test_the_teacher_is_fixed_and_the_student_has_a_temperature_that_learns() -> None:
    dense = torch.rand(4, 4, requires_grad=True)
    sparse = torch.rand(4, 4, requires_grad=True)
    temperature = torch.tensor(1.0, requires_grad=True)
    distillation(dense, sparse, 0.05, temperature).backward()  # type: ignore[no-untyped-call]
    assert dense.grad is None
    assert temperature.grad is not None and abs(float(temperature.grad)) > 1e-3
