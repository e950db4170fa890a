"""The vision transformer trunk: pixels to patch tokens after chosen blocks."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


class Attention(nn.Module):
    """Multi-head self-attention with separate query, key and value maps."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.query = nn.Linear(width, width)
        self.key = nn.Linear(width, width)
        self.value = nn.Linear(width, width)
        self.output = nn.Linear(width, width)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """float[n, L, width] -> float[n, L, width]; `mask` float[n, 1, 1, L] is added to the logits."""
        n, length, width = x.shape

        def split(y: Tensor) -> Tensor:
            return y.reshape(n, length, self.heads, width // self.heads).transpose(1, 2)

        mixed = F.scaled_dot_product_attention(
            split(self.query(x)), split(self.key(x)), split(self.value(x)), attn_mask=mask
        )
        return self.output(mixed.transpose(1, 2).reshape(n, length, width))


class Block(nn.Module):
    """A pre-norm transformer block with LayerScale (Touvron et al. 2021), as in DINOv2."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(width, eps=1e-6)
        self.attention = Attention(width, heads)
        self.scale1 = nn.Parameter(torch.ones(width))
        self.norm2 = nn.LayerNorm(width, eps=1e-6)
        self.fc1 = nn.Linear(width, 4 * width)
        self.fc2 = nn.Linear(4 * width, width)
        self.scale2 = nn.Parameter(torch.ones(width))

    def forward(self, x: Tensor) -> Tensor:
        """float[n, L, width] -> the same shape."""
        x = x + self.scale1 * self.attention(self.norm1(x))
        return x + self.scale2 * self.fc2(F.gelu(self.fc1(self.norm2(x))))


class VisionTransformer(nn.Module):
    """A ViT cut after its last wanted block.

    `taps` are block numbers counted from 1; `forward` returns what stands after each of them. No final norm:
    the taps are middle blocks, and the heads standardise what they read. After block `merge` (0: none) every
    2 x 2 patches become their mean, so that all later blocks cost a quarter.
    """

    def __init__(
        self,
        size: int,
        patch: int = 14,
        width: int = 384,
        heads: int = 6,
        taps: Sequence[int] = (6, 8, 9),
        merge: int = 0,
    ) -> None:
        super().__init__()
        self.size, self.width, self.taps, self.merge = size, width, tuple(taps), merge
        self.side = size // patch
        self.tapped_side = self.side // 2 if merge else self.side
        self.patches = nn.Conv2d(3, width, patch, patch)
        self.cls = nn.Parameter(torch.zeros(1, 1, width))
        self.positions = nn.Parameter(torch.zeros(1, 1 + self.side**2, width))
        self.blocks = nn.ModuleList(Block(width, heads) for _ in range(max(taps)))
        self.mean: Tensor
        self.std: Tensor
        self.register_buffer("mean", torch.tensor(IMAGENET_MEAN).reshape(1, 3, 1, 1) * 255, persistent=False)
        self.register_buffer("std", torch.tensor(IMAGENET_STD).reshape(1, 3, 1, 1) * 255, persistent=False)

    def embed(self, pixels: Tensor) -> Tensor:
        """uint8[n, S, S, 3] -> float[n, 1 + side * side, width]: what the first block reads."""
        x = (pixels.permute(0, 3, 1, 2).float() - self.mean) / self.std
        x = self.patches(x).flatten(2).transpose(1, 2)
        x = torch.cat([self.cls.expand(x.shape[0], -1, -1), x], 1)
        return x + self.positions

    def forward(self, pixels: Tensor) -> list[Tensor]:
        """uint8[n, S, S, 3] RGB -> one float[n, 1 + tapped_side², width] a tap (CLS first, raster order)."""
        x = self.embed(pixels)
        taken = []
        for number, block in enumerate(self.blocks, 1):
            x = block(x)
            if number == self.merge:
                x = merged(x, self.side)
            if number in self.taps:
                taken.append(x)
        return taken


def merged(x: Tensor, side: int) -> Tensor:
    """float[n, 1 + side * side, width] -> float[n, 1 + side * side / 4, width]: means of 2 x 2 patches."""
    patches = x[:, 1:].reshape(-1, side // 2, 2, side // 2, 2, x.shape[2]).mean((2, 4))
    return torch.cat([x[:, :1], patches.flatten(1, 2)], 1)


def resample_positions(positions: Tensor, side: int) -> Tensor:
    """Bicubic resampling of a position table float[1, 1 + s * s, width] to another grid side."""
    old = round((positions.shape[1] - 1) ** 0.5)
    if old == side:
        return positions
    grid = positions[:, 1:].reshape(1, old, old, -1).permute(0, 3, 1, 2)
    grid = F.interpolate(grid, size=(side, side), mode="bicubic", align_corners=False)
    return torch.cat([positions[:, :1], grid.permute(0, 2, 3, 1).reshape(1, side * side, -1)], 1)
