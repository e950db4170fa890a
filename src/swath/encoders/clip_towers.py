"""Towers of open_clip models with the outputs that swath stores: an embedding, and tokens in its space.

A patch token is what the model's last layer makes of a place of the picture, taken to the shared space the
way its pooled vector is:

* ViT: final norm and projection of each patch;
* ModifiedResNet: value and output maps of the attention pool, without the attention (Zhou et al.,
  "Extract Free Dense Labels from CLIP", ECCV 2022);
* ConvNeXt: norm and projection of each cell of the last feature map.

Other towers have none. Nothing was trained for it, so the tokens are a stand-in and only as good as that.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

Split = Callable[[Any, Tensor], tuple[Tensor, Tensor]]
"""Tower and pixels to the pooled vector [n, D] and patches [n, P, D], not normalised."""


class ImageTower(nn.Module):
    """uint8[n, S, S, 3] pixels -> embedding float[n, D] and, where there are any, tokens [n, 1 + G*G, D].

    Pixels are scaled and standardised as open_clip's own preprocessing does it.
    """

    def __init__(self, visual: Any, mean: Sequence[float], std: Sequence[float], grid: int) -> None:
        super().__init__()
        self.visual = visual
        self._split = split_of(visual)
        if self._split is _vit:
            self.visual.output_tokens = True
        self.mean: Tensor
        self.std: Tensor
        self.pool: Tensor
        self.register_buffer("mean", torch.tensor(mean).reshape(3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(std).reshape(3, 1, 1), persistent=False)
        side = self._side() if self._split else 0
        self.grid = min(grid, side)
        self.register_buffer("pool", torch.from_numpy(cells(side, self.grid)), persistent=False)

    def forward(self, pixels: Tensor) -> tuple[Tensor, ...]:
        """Unit rows: (embedding, tokens), or (embedding,) where the model has no tokens."""
        x = (pixels.permute(0, 3, 1, 2).to(self.mean.dtype) / 255 - self.mean) / self.std
        if self._split is None:
            return (F.normalize(self.visual(x), dim=-1),)
        pooled, patches = self._split(self.visual, x)
        embedding = F.normalize(pooled, dim=-1)
        tokens = torch.cat([embedding[:, None], F.normalize(self.pool @ patches, dim=-1)], 1)
        return embedding, tokens

    def _side(self) -> int:
        """Side of the patch grid."""
        assert self._split is not None
        size = self.visual.image_size
        height, width = size if isinstance(size, tuple | list) else (size, size)
        with torch.no_grad():
            _, patches = self._split(self.visual.eval(), torch.zeros(1, 3, height, width))
        return math.isqrt(patches.shape[1])


class TextTower(nn.Module):
    """Ids of pieces int64[n, L] -> embedding float[n, D], unit rows, which is its own guide to the tokens."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model

    def forward(self, ids: Tensor) -> Tensor:
        """Ids of word pieces as the model's tokenizer gives them."""
        features: Tensor = F.normalize(self.model.encode_text(ids), dim=-1)
        return features


def cells(side: int, grid: int) -> np.ndarray[Any, np.dtype[np.float32]]:
    """float32[grid * grid, side * side] that averages a map of patches into cells, which may overlap.

    Each cell covers the patches that it touches, as adaptive average pooling does.
    """
    line = np.zeros((grid, side), np.float32)
    for cell in range(grid):
        first, last = cell * side // grid, -(-(cell + 1) * side // grid)
        line[cell, first:last] = 1 / (last - first)
    return np.kron(line, line)


def split_of(visual: Any) -> Split | None:
    """How a vision tower of open_clip gives patches in the shared space; None where it does not."""
    from open_clip.modified_resnet import ModifiedResNet
    from open_clip.timm_model import TimmModel
    from open_clip.transformer import VisionTransformer

    if isinstance(visual, VisionTransformer):
        has_patches = visual.attn_pool is None and visual.pool_type in ("tok", "avg")
        return _vit if has_patches else None
    if isinstance(visual, ModifiedResNet):
        return _resnet
    if isinstance(visual, TimmModel):
        from timm.models.convnext import ConvNeXt

        has_norm = isinstance(visual.trunk, ConvNeXt) and hasattr(visual.trunk.head, "norm")
        return _convnext if has_norm else None
    return None


def _vit(visual: Any, x: Tensor) -> tuple[Tensor, Tensor]:
    pooled, patches = visual(x)
    if visual.final_ln_after_pool:
        patches = visual.ln_post(patches)
    return pooled, patches if visual.proj is None else patches @ visual.proj


def _resnet(visual: Any, x: Tensor) -> tuple[Tensor, Tensor]:
    out = visual.forward_intermediates(x, indices=1)
    pool = visual.attnpool
    patches = pool.c_proj(pool.v_proj(out["image_intermediates"][-1].flatten(2).transpose(1, 2)))
    return out["image_features"], patches


def _convnext(visual: Any, x: Tensor) -> tuple[Tensor, Tensor]:
    features = visual.trunk.forward_features(x)
    pooled = visual.head(visual.trunk.forward_head(features))
    return pooled, visual.head(visual.trunk.head.norm(features).flatten(2).transpose(1, 2))
