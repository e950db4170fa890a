"""Parts of CFITR: local enhancement, pooling, hash heads, joint blocks and the matching head.

Zhou, Wu and Deng (IEEE GRSL 2024) describe them; the forms here follow the released code with its faults
mended, as docs/cfitr.md lists.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from swath.models.vit import Attention


class JointBlock(nn.Module):
    """A pre-norm transformer block with dropout on both branches (ViT; ViLT keeps its names and order)."""

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(width, eps=1e-6)
        self.attention = Attention(width, heads)
        self.norm2 = nn.LayerNorm(width, eps=1e-6)
        self.fc1 = nn.Linear(width, 4 * width)
        self.fc2 = nn.Linear(4 * width, width)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """float[n, L, width] -> the same shape; `mask` float[n, 1, 1, L] is added to the logits."""
        x = x + self.dropout(self.attention(self.norm1(x), mask))
        return x + self.dropout(self.fc2(self.dropout(F.gelu(self.fc1(self.norm2(x))))))


def key_mask(valid: Tensor) -> Tensor:
    """bool[n, L] -> float[n, 1, 1, L], 0 where a key may be looked at and very low where it may not."""
    return (1.0 - valid[:, None, None, :].to(torch.float32)) * -1e4


class LocalEnhancement(nn.Module):
    """LFEM: three convolutions on the grid of tokens, added to it; the global rows before it pass by.

    The last gain starts at 0, so it starts as the identity and leaves what is pretrained undisturbed. No ReLU
    follows the sum, which would cut half of a signed stream away.
    """

    def __init__(self, width: int, middle: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(width, middle, 3, padding=1),
            nn.BatchNorm2d(middle),
            nn.ReLU(),
            nn.Conv2d(middle, middle, 5, padding=2),
            nn.BatchNorm2d(middle),
            nn.ReLU(),
            nn.Conv2d(middle, width, 3, padding=1),
            nn.BatchNorm2d(width),
        )
        last = self.layers[-1]
        assert isinstance(last, nn.BatchNorm2d)
        nn.init.zeros_(last.weight)

    def forward(self, tokens: Tensor, side: int) -> Tensor:
        """float[n, 1 + side * side, width], the grid in raster order -> the same shape."""
        width = tokens.shape[2]
        grid = tokens[:, 1:].transpose(1, 2).reshape(-1, width, side, side)
        local = self.layers(grid).flatten(2).transpose(1, 2)
        return torch.cat([tokens[:, :1], tokens[:, 1:] + local], 1)


class PositionPool(nn.Module):
    """The released form: one learned weight for each position and a bias, tanh. Padding counts 0."""

    def __init__(self, positions: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.full((positions,), 1.0 / positions))
        self.bias = nn.Parameter(torch.zeros(()))

    def forward(self, x: Tensor, valid: Tensor) -> Tensor:
        """float[n, L, width], bool[n, L] -> float[n, width]."""
        weight = self.weight[: x.shape[1]] * valid.to(x.dtype)
        return torch.tanh((weight[:, None, :] @ x)[:, 0] + self.bias)


class AttentionPool(nn.Module):
    """Tokens weighed by a softmax of their products with one learned vector; padding weighs nothing."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.query = nn.Parameter(torch.zeros(width))

    def forward(self, x: Tensor, valid: Tensor) -> Tensor:
        """float[n, L, width], bool[n, L] -> float[n, width]."""
        logits = (x @ self.query).masked_fill(~valid, float("-inf"))
        return (torch.softmax(logits, 1)[:, None, :] @ x)[:, 0]


class HashHead(nn.Module):
    """DSHM: a hidden layer with batch normalisation, then one relaxed bit for each output, in (-1, 1)."""

    def __init__(self, width: int, hidden: int, bits: int) -> None:
        super().__init__()
        self.inner = nn.Linear(width, hidden)
        self.norm = nn.BatchNorm1d(hidden)
        self.outer = nn.Linear(hidden, bits)

    def forward(self, x: Tensor) -> Tensor:
        """float[n, width] -> float[n, bits]."""
        return torch.tanh(self.outer(F.relu(self.norm(self.inner(x)))))


class MatchHead(nn.Module):
    """The first token through a tanh layer to one score: how well the pair matches."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.dense = nn.Linear(width, width)
        self.score = nn.Linear(width, 1)
        nn.init.normal_(self.score.weight, std=0.02)
        nn.init.zeros_(self.score.bias)

    def forward(self, first: Tensor) -> Tensor:
        """float[n, width] -> float[n]."""
        return self.score(torch.tanh(self.dense(first)))[:, 0]
