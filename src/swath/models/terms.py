"""The head that turns a dense vector into weights over words, and what keeps these weights few."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class TermHead(nn.Module):
    """y = log1p(relu(E LN(P z) + b)): one head for the vectors of pictures and of texts.

    The rows of E are word embeddings of a language model and stay as they are: the captions of a data set
    have a few thousand words, too few to move millions of weights (Nguyen et al., Dense2Sparse, ECIR 2024).
    """

    def __init__(self, dim: int, embeddings: Tensor, bias: float = 0.0) -> None:
        """
        Args:
            dim: D, the width of the dense vectors.
            embeddings: float[V, h], one row a word.
            bias: where b starts; below zero few words fire at first.
        """
        super().__init__()
        words, width = embeddings.shape
        self.project = nn.Linear(dim, width, bias=False)
        self.norm = nn.LayerNorm(width)
        self.embeddings: Tensor
        self.register_buffer("embeddings", embeddings)
        self.bias = nn.Parameter(torch.full((words,), bias))

    def forward(self, vectors: Tensor) -> Tensor:
        """float[n, D] -> float[n, V], none of them negative."""
        return torch.log1p(torch.relu(self.norm(self.project(vectors)) @ self.embeddings.T + self.bias))


def with_own(weights: Tensor, own: Tensor, keep: Tensor, floor: float) -> Tensor:
    """Weights of texts under control of expansion, float[n, V].

    The text's own words stay, with `floor` at least, so that no word of a query is ever lost; another word
    stays where `keep` (0 or 1) says so.

    Args:
        weights: float[n, V], as the head gives them.
        own: bool[n, V], the words of each text.
        keep: float[n, V].
        floor: least weight of an own word.
    """
    return torch.where(own, weights.clamp_min(floor), weights * keep)


def distillation(dense: Tensor, sparse: Tensor, teacher: float, student: Tensor | float) -> Tensor:
    """KL divergence of the sparse from the dense scores of a batch, mean of both directions.

    Args:
        dense: float[I, T], the teacher's scores; no gradient flows into them.
        sparse: float[I, T].
        teacher: temperature of the dense scores.
        student: temperature of the sparse scores.
    """

    def one_way(taught: Tensor, learned: Tensor) -> Tensor:
        return F.kl_div(
            F.log_softmax(learned / student, 1), F.softmax(taught / teacher, 1), reduction="batchmean"
        )

    fixed = dense.detach()
    return 0.5 * (one_way(fixed, sparse) + one_way(fixed.T, sparse.T))


def flops(weights: Tensor) -> Tensor:
    """Sum over the words of the squared mean weight, of float[n, V] (Paria et al., ICLR 2020)."""
    return weights.mean(0).square().sum()


def l1(weights: Tensor) -> Tensor:
    """Mean over the rows of the summed weights of float[n, V]."""
    return weights.sum(1).mean()


def pair(queries: Tensor, documents: Tensor) -> Tensor:
    """Expected postings that a query visits for each document: sum over words of P(q > 0) * P(d > 0).

    The count itself has no gradient; a weight that is not zero gets that of the weight (straight through).

    Args:
        queries: float[n, V].
        documents: float[m, V].
    """
    return (_fires(queries).mean(0) * _fires(documents).mean(0)).sum()


def _fires(weights: Tensor) -> Tensor:
    return (weights > 0).to(weights.dtype) + weights - weights.detach()
