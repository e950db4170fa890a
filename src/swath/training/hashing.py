"""Losses of CFITR: hinge with the hardest negatives, quantisation, balance of bits, matching."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F


def hardest_hinge(scores: Tensor, true: Tensor, margin: float) -> Tensor:
    """Hinge with the hardest negative of each row and column (VSE++, Faghri et al. 2018).

    Args:
        scores: float[n, n], pair i on the diagonal.
        true: bool[n, n]: pairs that are no negatives (the diagonal, and equal captions).
        margin: how much better a true pair must be.
    """
    own = scores.diagonal()
    by_row = (margin + scores - own[:, None]).clamp_min(0).masked_fill(true, 0.0)
    by_column = (margin + scores - own[None, :]).clamp_min(0).masked_fill(true, 0.0)
    return by_row.max(1).values.mean() + by_column.max(0).values.mean()


def signs(relaxed: Tensor) -> Tensor:
    """+1 where a relaxed bit is not negative, else -1: 0 counts as +1, as in the packed codes."""
    return torch.where(relaxed >= 0, 1.0, -1.0)


def quantisation(image: Tensor, text: Tensor) -> Tensor:
    """Mean squared distance of the relaxed bits of n pairs, float[n, L], from the pair's common code.

    The code is the sign of the pair's mean, made anew in every batch; no gradient goes through it.
    """
    code = signs((image + text) / 2).detach()
    return 0.5 * ((code - image).square().mean() + (code - text).square().mean())


def balance(relaxed: Tensor) -> Tensor:
    """Mean square of each bit's mean over the batch, float[n, L]: 0 where every bit splits it in half."""
    return relaxed.mean(0).square().mean()


def decorrelation(relaxed: Tensor) -> Tensor:
    """How far bits repeat each other: squared distance of their second moments from the unit matrix / L^2."""
    n, bits = relaxed.shape
    moments = relaxed.T @ relaxed / n
    return (moments - torch.eye(bits)).square().sum() / bits**2


def matching(scores: Tensor, true: Tensor) -> Tensor:
    """Cross-entropy of each row's first entry among the others; other true entries are left out.

    Args:
        scores: float[n, 1 + m], the true pair first.
        true: bool[n, 1 + m]: entries that are true pairs.
    """
    others = true.clone()
    others[:, 0] = False
    return -F.log_softmax(scores.masked_fill(others, float("-inf")), 1)[:, 0].mean()
