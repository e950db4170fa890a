"""Losses over a batch of image-text pairs with several positives, between modalities and within them."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F


def contrastive(scores: Tensor, targets: Tensor, temperature: Tensor | float) -> Tensor:
    """Symmetric contrastive loss with several positives, as a KL divergence, so that its optimum is 0.

    Args:
        scores: float[I, T].
        targets: float[I, T], 1 where the text is true of the image, or shares; every row and column has some.
        temperature: divides the scores.
    """
    logits = scores / temperature

    def one_way(x: Tensor, t: Tensor) -> Tensor:
        return F.kl_div(F.log_softmax(x, 1), t / t.sum(1, keepdim=True), reduction="batchmean")

    return 0.5 * (one_way(logits, targets) + one_way(logits.T, targets.T))


def multiple_instance(scores: Tensor, targets: Tensor, temperature: Tensor | float) -> Tensor:
    """Symmetric contrastive loss in which the positives of a row share one probability (MIL-NCE).

    Arguments as of `contrastive`. It asks that any of the positives is found, not all of them alike.
    """
    logits = scores / temperature

    def one_way(x: Tensor, t: Tensor) -> Tensor:
        positives = x.masked_fill(t == 0, -torch.inf).logsumexp(1)
        return (x.logsumexp(1) - positives).mean()

    return 0.5 * (one_way(logits, targets) + one_way(logits.T, targets.T))


def triplet(
    scores: Tensor, targets: Tensor, temperature: Tensor | float = 1.0, *, margin: float = 0.2
) -> Tensor:
    """Hinge on the hardest negative of every row and column (VSE++, Faghri et al. 2018).

    Args:
        scores: float[n, n], the pair of row i in column i.
        targets: as of `contrastive`; what is true of a row is never its negative.
        temperature: not used; the margin has the scale of the scores.
        margin: by which the pair must win.
    """
    del temperature
    pair = scores.diagonal()
    negatives = scores.masked_fill(targets > 0, -torch.inf)
    rows, columns = ((margin + negatives.amax(axis) - pair).clamp_min(0).mean() for axis in (1, 0))
    return rows + columns


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


def divergence(coarse: Tensor, fine: Tensor, temperature: float = 0.1) -> Tensor:
    """Mean over rows of KL(softmax(fine) || softmax(coarse)), the fine side detached."""
    wanted = F.log_softmax(fine.detach() / temperature, 1)
    return F.kl_div(F.log_softmax(coarse / temperature, 1), wanted, reduction="batchmean", log_target=True)


def softened(targets: Tensor, sentences: Tensor, share: float, temperature: float) -> Tensor:
    """Targets that give a share to texts alike, so that near-misses are not pushed as far as strangers.

    Args:
        targets: float[n, n] of n pairs, as of `targets_of`.
        sentences: float[n, d], unit rows: the sentence vectors of the n texts.
        share: what a row gives away, 0 to 1.
        temperature: of the softmax over the likeness of the row's own text to all texts.

    Returns:
        float[n, n], rows of sum 1.
    """
    alike = torch.softmax(sentences @ sentences.T / temperature, 1)
    return (1 - share) * targets / targets.sum(1, keepdim=True) + share * alike


def targets_of(captions: Tensor, own: Tensor) -> Tensor:
    """Which text of a batch is true of which image, counting equal captions.

    Args:
        captions: int64[T], number of each text's normalised wording.
        own: int64[I, C], numbers of all captions of each image (-1: no caption).

    Returns:
        float[I, T], 1 where the text is one of the image's captions.
    """
    return (own[:, :, None] == captions[None, None, :]).any(1).to(torch.float32)


INTER: dict[str, Callable[[Tensor, Tensor, Tensor], Tensor]] = {
    "kl": contrastive,
    "mil": multiple_instance,
    "triplet": triplet,
}
"""Losses between images and texts, by the names that recipes use."""
INTRA: dict[str, Callable[[Tensor, Tensor], Tensor]] = {"pearson": pearson, "kl": divergence}
"""Losses by which coarse scores learn from fine ones."""
