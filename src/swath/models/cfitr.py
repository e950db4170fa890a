"""CFITR over what an archive stores: codes from the embedding, a joint transformer over tokens and words."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import msgspec
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from swath.models.joint import JointBlock, LocalEnhancement, MatchHead, key_mask
from swath.models.recipe import DataPart, OptimiserPart, load_as


class EncoderShape(msgspec.Struct, frozen=True):
    """What the encoder under the heads gives."""

    dim: int
    """D of the embedding."""
    grid: int
    token_dim: int
    word_dim: int


class HashPart(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Sizes of the hash heads."""

    bits: tuple[int, ...]
    """Widths of the codes; all are made by one head."""
    hidden: int


class JointPart(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Sizes of the joint transformer."""

    width: int
    blocks: int
    heads: int
    dropout: float
    lfem: int
    """Middle width of the local enhancement; 0 leaves it out."""


class Hasher(nn.Module):
    """Codes of one modality from its embedding, in all widths at once.

    A rotation of the centred embedding, which starts as a training-free code, and a hidden layer that learns
    what to add to it, starting from nothing.
    """

    def __init__(self, dim: int, part: HashPart) -> None:
        super().__init__()
        self.bits = part.bits
        self.mean: Tensor
        self.register_buffer("mean", torch.zeros(dim))
        self.rotation = nn.Linear(dim, sum(part.bits), bias=False)
        self.inner = nn.Linear(dim, part.hidden)
        self.norm = nn.BatchNorm1d(part.hidden)
        self.outer = nn.Linear(part.hidden, sum(part.bits))
        nn.init.zeros_(self.outer.weight)
        nn.init.zeros_(self.outer.bias)

    def forward(self, embedding: Tensor) -> Tensor:
        """float[n, D] -> relaxed bits float[n, sum of widths] in (-1, 1), the widths one after another."""
        x = embedding - self.mean
        return torch.tanh(self.rotation(x) + self.outer(F.relu(self.norm(self.inner(x)))))

    def split(self, relaxed: Tensor) -> dict[int, Tensor]:
        """Relaxed bits by width."""
        return dict(zip(self.bits, torch.split(relaxed, list(self.bits), 1), strict=True))


class Joint(nn.Module):
    """SSM: a picture's stored tokens, locally enhanced, and a text's guide and words in one transformer.

    The blocks start as the identity and the score as the cosine of the guide with the picture's global row,
    which the encoder has trained already; what is learned is what words and tokens add to it.
    """

    def __init__(self, shape: EncoderShape, part: JointPart) -> None:
        super().__init__()
        self.grid = shape.grid
        self.lfem = LocalEnhancement(shape.token_dim, part.lfem) if part.lfem else None
        self.shared = nn.Linear(shape.token_dim, part.width)
        self.words = nn.Linear(shape.word_dim, part.width)
        self.positions = nn.Parameter(torch.zeros(1 + shape.grid**2, part.width))
        self.modality = nn.Parameter(torch.zeros(2, part.width))
        self.dropout = nn.Dropout(part.dropout)
        self.blocks = nn.ModuleList(
            JointBlock(part.width, part.heads, part.dropout) for _ in range(part.blocks)
        )
        self.norm = nn.LayerNorm(part.width, eps=1e-6)
        self.match = MatchHead(part.width)
        self.scale = nn.Parameter(torch.tensor(20.0))
        nn.init.orthogonal_(self.shared.weight)
        nn.init.zeros_(self.shared.bias)
        nn.init.zeros_(self.match.score.weight)
        for block in self.blocks:
            assert isinstance(block, JointBlock)
            for last in (block.attention.output, block.fc2):
                nn.init.zeros_(last.weight)
                nn.init.zeros_(last.bias)

    def forward(self, tokens: Tensor, guide: Tensor, words: Tensor, valid: Tensor) -> Tensor:
        """Scores of n pairs, float[n].

        Args:
            tokens: float[n, 1 + G * G, d] as stored (integers; a row stands for its direction).
            guide: float[n, d], the sentence in the space of the tokens.
            words: float[n, L, w], word vectors.
            valid: bool[n, L].
        """
        # Stored rows are scaled to a peak of 127; their direction is what they mean.
        x = F.normalize(tokens, dim=-1) * tokens.shape[-1] ** 0.5
        if self.lfem is not None:
            x = self.lfem(x, self.grid)
        said = F.normalize(guide, dim=-1)[:, None] * guide.shape[-1] ** 0.5
        image = self.shared(x) + self.positions + self.modality[1]
        text = torch.cat([self.shared(said), self.words(words)], 1) + self.modality[0]
        seen = torch.ones_like(tokens[:, :, 0], dtype=torch.bool)
        mask = key_mask(torch.cat([seen[:, :1], valid, seen], 1))
        x = self.dropout(torch.cat([text, image], 1))
        for block in self.blocks:
            x = block(x, mask)
        first, whole = self.norm(x[:, 0]), self.norm(x[:, 1 + words.shape[1]])
        return self.scale * F.cosine_similarity(first, whole, dim=-1) + self.match(first)


class Cfitr(nn.Module):
    """Everything that a run trains."""

    def __init__(self, shape: EncoderShape, hashing: HashPart, joint: JointPart) -> None:
        super().__init__()
        self.image_hash = Hasher(shape.dim, hashing)
        self.text_hash = Hasher(shape.dim, hashing)
        self.joint = Joint(shape, joint)


class LossPart(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Margin of the hinge, and weights of the other terms beside it."""

    margin: float
    quantisation: float
    balance: float
    match: float


class NegativesPart(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """False pairs of the matching loss, anew in every epoch."""

    images: int
    """True pairs of a batch that the joint blocks see."""
    hard_texts: int
    """For each image, false texts among the nearest by code."""
    hard_images: int
    """For each text, false images among the nearest by code."""
    random: int
    """For each of them, others drawn from all."""
    pool: int
    """How many of the nearest the hard ones are drawn from."""
    mined_with: int
    """Width of the codes that say what is near."""
    words: int
    """A text is cut after so many word pieces, for the sake of time."""


class CfitrRecipe(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Hash heads and a joint transformer over an encoder."""

    name: str
    description: str
    task: Literal["cfitr"]
    encoder: str = "base"
    """Name or folder of the encoder whose vectors they read; the encoder is not changed."""
    hash: HashPart
    joint: JointPart
    loss: LossPart
    negatives: NegativesPart
    data: DataPart
    optimiser: OptimiserPart
    seed: int = 0


def load_cfitr(name: str | Path, changes: dict[str, Any] | None = None) -> CfitrRecipe:
    """Read a recipe of this task; raises as `load_recipe` does."""
    return load_as(CfitrRecipe, name, changes)
