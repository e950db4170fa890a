"""What stands on the trunks: projections to the shared space, token heads, the caption's own words."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from swath.errors import RecipeError


class Standardise(nn.Module):
    """Subtracts a fixed mean and divides by a fixed deviation, both measured on training data."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.mean: Tensor
        self.std: Tensor
        self.register_buffer("mean", torch.zeros(width))
        self.register_buffer("std", torch.ones(width))

    def fit(self, mean: Tensor, std: Tensor) -> None:
        """Set both, float[width]; a small constant keeps dead dimensions from exploding."""
        self.mean.copy_(mean)
        self.std.copy_(std + 1e-3)

    def forward(self, x: Tensor) -> Tensor:
        """float[..., width] -> the same shape."""
        return (x - self.mean) / self.std


class Projection(nn.Module):
    """Two linear maps with a GELU between them; `forward` gives the output and the hidden layer.

    Dropout falls on the same features in all tokens of a picture, which costs a fraction of a mask for each.
    """

    def __init__(self, width: int, hidden: int, dim: int, dropout: float) -> None:
        super().__init__()
        self.share = dropout
        self.inner = nn.Linear(width, hidden)
        self.outer = nn.Linear(hidden, dim)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """float[n, width] or float[n, tokens, width] -> the same with (dim, hidden) as last axis."""
        hidden = F.gelu(self.inner(self._drop(x)))
        return self.outer(self._drop(hidden)), hidden

    def _drop(self, x: Tensor) -> Tensor:
        if not self.training:
            return x
        return x * F.dropout(x.new_ones(x.shape[0], *[1] * (x.ndim - 2), x.shape[-1]), self.share)


class BagOfPieces(nn.Module):
    """Which words a caption is made of: tf-idf over word pieces, projected to its first singular vectors.

    A sentence vector blurs the words themselves; this keeps them. Pieces that the training captions lack add
    nothing.
    """

    def __init__(self, vocabulary: int, known: int, dim: int) -> None:
        super().__init__()
        self.rows: Tensor
        self.register_buffer("rows", torch.zeros(vocabulary, dtype=torch.int64))
        self.table = nn.Embedding(known + 1, dim)
        self.squares: Tensor
        self.register_buffer("squares", torch.zeros(known + 1))

    def fit(self, captions: list[list[int]], least: int) -> None:
        """Fit idf and singular vectors on the piece ids of distinct training captions.

        Pieces in fewer than `least` captions are left out. Raises `RecipeError` where the table's size does
        not fit.
        """
        import numpy as np

        sets = [sorted(set(pieces)) for pieces in captions]
        counts = np.bincount([p for pieces in sets for p in pieces], minlength=len(self.rows))
        kept = np.flatnonzero(counts >= least)
        dim = self.table.embedding_dim
        if len(kept) > len(self.squares) - 1 or len(kept) < dim:
            raise RecipeError(
                f"the training captions have {len(kept)} word pieces for the bag: text.bag_rows must be at "
                f"least that (it is {len(self.squares) - 1}) and text.bag_dim at most that (it is {dim})"
            )
        rows = np.zeros(len(self.rows), np.int64)
        rows[kept] = np.arange(1, len(kept) + 1)
        idf = np.log(len(captions) / counts[kept])
        matrix = np.zeros((len(sets), len(kept)))
        for i, pieces in enumerate(sets):
            known = rows[pieces][rows[pieces] > 0] - 1
            matrix[i, known] = idf[known]
        matrix /= np.maximum(np.linalg.norm(matrix, axis=1, keepdims=True), 1e-9)
        values, vectors = np.linalg.eigh(matrix.T @ matrix)
        # eigh leaves the sign open; fix it so that a repeated run gives the same table.
        vectors = vectors[:, np.argsort(values)[::-1][:dim]]
        vectors *= np.sign(vectors[np.abs(vectors).argmax(0), np.arange(dim)])
        with torch.no_grad():
            self.rows.copy_(torch.from_numpy(rows))
            self.table.weight.zero_()
            self.table.weight[1 : len(kept) + 1] = torch.from_numpy(idf[:, None] * vectors).float()
            self.squares.zero_()
            self.squares[1 : len(kept) + 1] = torch.from_numpy(idf**2).float()

    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:
        """int64[n, L] piece ids and 0/1 mask -> float[n, dim], of norm at most 1."""
        rows = self.rows[ids] * mask
        norm = self.squares[rows].sum(1, keepdim=True).clamp_min(1e-9).sqrt()
        return self.table(rows).sum(1) / norm
