"""The sentence trunk: a BERT encoder (MiniLM geometry by default)."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from swath.models.vit import Attention


class Layer(nn.Module):
    """A post-norm transformer layer (Devlin et al. 2019)."""

    dropout = 0.0
    """In training, behind attention and behind the map; of a layer that is trained."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.attention = Attention(width, heads)
        self.norm1 = nn.LayerNorm(width, eps=1e-12)
        self.fc1 = nn.Linear(width, 4 * width)
        self.fc2 = nn.Linear(4 * width, width)
        self.norm2 = nn.LayerNorm(width, eps=1e-12)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """float[n, L, width], added mask float[n, 1, 1, L] -> float[n, L, width]."""
        x = self.norm1(x + F.dropout(self.attention(x, mask), self.dropout, self.training))
        return self.norm2(x + F.dropout(self.fc2(F.gelu(self.fc1(x))), self.dropout, self.training))


class SentenceTransformer(nn.Module):
    """Word pieces to contextual word vectors."""

    def __init__(
        self, vocabulary: int = 30522, length: int = 64, width: int = 384, heads: int = 12, layers: int = 6
    ) -> None:
        super().__init__()
        self.width = width
        self.words = nn.Embedding(vocabulary, width)
        self.positions = nn.Parameter(torch.zeros(length, width))
        self.norm = nn.LayerNorm(width, eps=1e-12)
        self.layers = nn.ModuleList(Layer(width, heads) for _ in range(layers))

    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:
        """int64[n, L] piece ids and 0/1 mask -> float[n, L, width]."""
        x = self.norm(self.words(ids) + self.positions[: ids.shape[1]])
        added = (1.0 - mask[:, None, None, :].to(x.dtype)) * -1e4
        for layer in self.layers:
            x = layer(x, added)
        return x


def masked_mean(x: Tensor, mask: Tensor) -> Tensor:
    """Mean over valid tokens: float[n, L, d], 0/1 mask [n, L] -> float[n, d]."""
    weights = mask.to(x.dtype)[:, :, None]
    return (x * weights).sum(1) / weights.sum(1).clamp_min(1.0)
