"""The task of the dual encoder: what training sees is what an archive keeps."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from torch.nn import functional as F  # noqa: E402

from swath.archive.rows import quantise  # noqa: E402
from swath.training.dual import as_stored  # noqa: E402


def test_training_rounds_tokens_as_an_archive_does() -> None:
    tokens = F.normalize(torch.randn(3, 5, 8, generator=torch.Generator().manual_seed(0)), dim=-1)
    tokens.requires_grad_()
    rounded = as_stored(tokens)
    kept = quantise(tokens.detach().numpy()).astype(np.float64)
    unit = kept / np.linalg.norm(kept, axis=-1, keepdims=True)
    assert np.allclose(rounded.detach().numpy(), unit, atol=1e-6)
    assert not torch.equal(rounded, tokens)
    torch.autograd.backward(rounded.sum())
    assert tokens.grad is not None and torch.equal(tokens.grad, torch.ones_like(tokens))


def test_a_row_of_zeros_stays_finite() -> None:
    assert torch.equal(as_stored(torch.zeros(1, 1, 4)), torch.zeros(1, 1, 4))
