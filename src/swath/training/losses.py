"""Losses over a batch of image-text pairs with several positives."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F


def contrastive(scores: Tensor, targets: Tensor, temperature: Tensor | float) -> Tensor:
    """Symmetric contrastive loss with several positives, as a KL divergence, so that its optimum is 0.

    Args:
        scores: float[I, T].
        targets: float[I, T], 1 where the text is true of the image; every row and column has a 1.
        temperature: divides the scores.
    """
    logits = scores / temperature

    def one_way(x: Tensor, t: Tensor) -> Tensor:
        return F.kl_div(F.log_softmax(x, 1), t / t.sum(1, keepdim=True), reduction="batchmean")

    return 0.5 * (one_way(logits, targets) + one_way(logits.T, targets.T))


def pearson(coarse: Tensor, fine: Tensor) -> Tensor:
    """Mean Pearson distance between matching rows and columns of two score matrices, the fine one detached.

    It teaches the coarse scores the order of the fine ones, whatever their scale and shift. Rows and columns
    where either side is constant are left out.
    """
    fine = fine.detach()

    def one_way(x: Tensor, y: Tensor) -> Tensor:
        x = x - x.mean(1, keepdim=True)
        y = y - y.mean(1, keepdim=True)
        varied = (x.square().mean(1) >= 1e-12) & (y.square().mean(1) >= 1e-12)
        if not bool(varied.any()):
            return x.sum() * 0.0
        return (1 - F.cosine_similarity(x[varied], y[varied], dim=1)).mean()

    return 0.5 * (one_way(coarse, fine) + one_way(coarse.T, fine.T))


def targets_of(captions: Tensor, own: Tensor) -> Tensor:
    """Which text of a batch is true of which image, counting equal captions.

    Args:
        captions: int64[T], number of each text's normalised wording.
        own: int64[I, C], numbers of all captions of each image (-1: no caption).

    Returns:
        float[I, T], 1 where the text is one of the image's captions.
    """
    return (own[:, :, None] == captions[None, None, :]).any(1).to(torch.float32)
