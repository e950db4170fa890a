"""CFITR at the size of its paper: ViLT-B/32 whose lower blocks see each modality alone, and its checkpoint.

Kim, Son and Kim, ViLT (ICML 2021); Zhou, Wu and Deng, CFITR (IEEE GRSL 2024). A research model: it sees the
full patch grid, so its tokens are not those of an archive of the default encoder.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from swath.errors import EncoderError
from swath.models.joint import (
    AttentionPool,
    HashHead,
    JointBlock,
    LocalEnhancement,
    MatchHead,
    PositionPool,
    key_mask,
)


class ViltCfitr(nn.Module):
    """Lower blocks shared by both modalities, hash heads on them, upper blocks over both together.

    Args:
        split: how many of the blocks see one modality alone.
        pool: `attention` (masked) or `position` (the released form).
    """

    def __init__(
        self,
        bits: int = 128,
        *,
        width: int = 768,
        heads: int = 12,
        blocks: int = 12,
        split: int = 6,
        side: int = 12,
        patch: int = 32,
        vocabulary: int = 30522,
        length: int = 40,
        hidden: int = 4096,
        lfem: int = 384,
        pool: str = "attention",
        dropout: float = 0.1,
    ) -> None:
        super().__init__()
        self.split, self.side = split, side
        self.words = nn.Embedding(vocabulary, width)
        self.text_positions = nn.Embedding(length, width)
        self.segments = nn.Embedding(2, width)
        self.text_norm = nn.LayerNorm(width, eps=1e-12)
        self.modality = nn.Embedding(2, width)
        self.patches = nn.Conv2d(3, width, patch, patch)
        self.cls = nn.Parameter(torch.zeros(1, 1, width))
        self.positions = nn.Parameter(torch.zeros(1, 1 + side**2, width))
        self.blocks = nn.ModuleList(JointBlock(width, heads, dropout) for _ in range(blocks))
        self.norm = nn.LayerNorm(width, eps=1e-6)
        self.lfem = LocalEnhancement(width, lfem)
        by_position = pool == "position"
        self.image_pool = PositionPool(1 + side**2) if by_position else AttentionPool(width)
        self.text_pool = PositionPool(length) if by_position else AttentionPool(width)
        self.image_hash = HashHead(width, hidden, bits)
        self.text_hash = HashHead(width, hidden, bits)
        self.match = MatchHead(width)
        self.dropout = nn.Dropout(dropout)

    def image(self, pixels: Tensor) -> Tensor:
        """float[n, 3, S, S] in -1 to 1 -> E_i, float[n, 1 + side * side, width]: what is stored of a picture.

        Patches stand in raster order, in training and after it.
        """
        x = self.patches(pixels).flatten(2).transpose(1, 2)
        x = torch.cat([self.cls.expand(len(x), -1, -1), x], 1) + self.positions
        x = self.dropout(x) + self.modality.weight[1]
        for block in self.blocks[: self.split]:
            x = block(x)
        return self.lfem(x, self.side)

    def text(self, ids: Tensor, valid: Tensor) -> Tensor:
        """int64[n, L] word pieces, bool[n, L] -> E_t, float[n, L, width]."""
        x = self.words(ids) + self.text_positions.weight[: ids.shape[1]] + self.segments.weight[0]
        x = self.dropout(self.text_norm(x)) + self.modality.weight[0]
        mask = key_mask(valid)
        for block in self.blocks[: self.split]:
            x = block(x, mask)
        return x

    def codes(self, image: Tensor, text: Tensor, valid: Tensor) -> tuple[Tensor, Tensor]:
        """E_i, E_t and bool[n, L] -> relaxed bits float[n, bits] of pictures and of texts."""
        whole = torch.ones(image.shape[:2], dtype=torch.bool, device=image.device)
        return (
            self.image_hash(self.image_pool(self.norm(image), whole)),
            self.text_hash(self.text_pool(self.norm(text), valid)),
        )

    def scores(self, image: Tensor, text: Tensor, valid: Tensor) -> Tensor:
        """E_i, E_t and bool[n, L] of n pairs -> float[n]."""
        x = torch.cat([text, image], 1)
        seen = torch.cat([valid, torch.ones(image.shape[:2], dtype=torch.bool, device=image.device)], 1)
        mask = key_mask(seen)
        for block in self.blocks[self.split :]:
            x = block(x, mask)
        return self.match(self.norm(x[:, 0]))


@dataclass(frozen=True)
class LoadReport:
    """What a checkpoint brought."""

    loaded: tuple[str, ...]
    """Parameters that have its values."""
    new: tuple[str, ...]
    """Parameters that it does not have: they keep their start."""
    dropped: tuple[str, ...]
    """Its keys that the model has no use for."""


_BLOCK = r"transformer\.blocks\.(\d+)\."
_RENAMED = {
    r"text_embeddings\.word_embeddings\.(weight)": "words.{0}",
    r"text_embeddings\.position_embeddings\.(weight)": "text_positions.{0}",
    r"text_embeddings\.token_type_embeddings\.(weight)": "segments.{0}",
    r"text_embeddings\.LayerNorm\.(weight|bias)": "text_norm.{0}",
    r"token_type_embeddings\.(weight)": "modality.{0}",
    r"transformer\.cls_token": "cls",
    r"transformer\.pos_embed": "positions",
    r"transformer\.patch_embed\.proj\.(weight|bias)": "patches.{0}",
    _BLOCK + r"(norm1|norm2)\.(weight|bias)": "blocks.{0}.{1}.{2}",
    _BLOCK + r"attn\.proj\.(weight|bias)": "blocks.{0}.attention.output.{1}",
    _BLOCK + r"mlp\.(fc1|fc2)\.(weight|bias)": "blocks.{0}.{1}.{2}",
    r"transformer\.norm\.(weight|bias)": "norm.{0}",
    r"pooler\.dense\.(weight|bias)": "match.dense.{0}",
}
_STACKED = re.compile(_BLOCK + r"attn\.qkv\.(weight|bias)")
_DROPPED = re.compile(r"text_embeddings\.position_ids|mlm_score\..+")

_FACES = {
    r"vilt\.embeddings\.text_embeddings\.(.+)": "text_embeddings.{0}",
    r"vilt\.embeddings\.cls_token": "transformer.cls_token",
    r"vilt\.embeddings\.position_embeddings": "transformer.pos_embed",
    r"vilt\.embeddings\.patch_embeddings\.projection\.(.+)": "transformer.patch_embed.proj.{0}",
    r"vilt\.embeddings\.token_type_embeddings\.(.+)": "token_type_embeddings.{0}",
    r"vilt\.encoder\.layer\.(\d+)\.layernorm_before\.(.+)": "transformer.blocks.{0}.norm1.{1}",
    r"vilt\.encoder\.layer\.(\d+)\.layernorm_after\.(.+)": "transformer.blocks.{0}.norm2.{1}",
    r"vilt\.encoder\.layer\.(\d+)\.attention\.output\.dense\.(.+)": "transformer.blocks.{0}.attn.proj.{1}",
    r"vilt\.encoder\.layer\.(\d+)\.intermediate\.dense\.(.+)": "transformer.blocks.{0}.mlp.fc1.{1}",
    r"vilt\.encoder\.layer\.(\d+)\.output\.dense\.(.+)": "transformer.blocks.{0}.mlp.fc2.{1}",
    r"vilt\.layernorm\.(.+)": "transformer.norm.{0}",
    r"vilt\.pooler\.dense\.(.+)": "pooler.dense.{0}",
}
_FACES_PART = re.compile(
    r"vilt\.encoder\.layer\.(\d+)\.attention\.attention\.(query|key|value)\.(weight|bias)"
)
_THREE = ("query", "key", "value")


def load_vilt(model: ViltCfitr, state: Mapping[str, Tensor]) -> LoadReport:
    """Load `vilt_200k_mlm_itm.ckpt` (its `state_dict`), by its own names or those of the Hugging Face port.

    Strict: every parameter that ViLT has must be there in its shape, and nothing may be there that is not
    known. The score starts as row 1 of the matching head, or at random where the port dropped that head.
    Raises `EncoderError` naming what does not fit.
    """
    own = _from_hugging_face(state) if any(key.startswith("vilt.") for key in state) else dict(state)
    found: dict[str, Tensor] = {}
    dropped: list[str] = []
    for key, value in own.items():
        if stacked := _STACKED.fullmatch(key):
            for part, rows in zip(_THREE, value.chunk(3), strict=True):
                found[f"blocks.{stacked[1]}.attention.{part}.{stacked[2]}"] = rows
        elif score := re.fullmatch(r"itm_score\.fc\.(weight|bias)", key):
            # A copy: training the score must not move the checkpoint's other head.
            found[f"match.score.{score[1]}"] = value[1:2].clone()
        elif name := _renamed(key, _RENAMED):
            found[name] = value
        elif _DROPPED.fullmatch(key):
            dropped.append(key)
        else:
            raise EncoderError(f"the checkpoint has {key}, which is no part of ViLT-B/32: is it this model?")
    wanted = {name: value.shape for name, value in model.state_dict().items()}
    started = ("lfem.", "image_pool.", "text_pool.", "image_hash.", "text_hash.", "match.score.")
    missing = sorted(name for name in wanted if name not in found and not name.startswith(started))
    wrong = sorted(name for name, value in found.items() if wanted.get(name) != value.shape)
    if missing or wrong:
        what = f"lacks {missing[0]}" if missing else f"has another shape of {wrong[0]}"
        raise EncoderError(
            f"the checkpoint {what} ({len(missing)} missing, {len(wrong)} of another shape): "
            "the sizes must be those of ViLT-B/32 at 384 pixels and 40 word pieces"
        )
    model.load_state_dict(model.state_dict() | found)
    new = sorted(set(wanted) - set(found))
    return LoadReport(tuple(sorted(found)), tuple(new), tuple(sorted(dropped)))


def _from_hugging_face(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The same state under the names of the original; query, key and value stacked as there."""
    own: dict[str, Tensor] = {}
    parts: dict[tuple[str, str], dict[str, Tensor]] = {}
    for key, value in state.items():
        if part := _FACES_PART.fullmatch(key):
            parts.setdefault((part[1], part[3]), {})[part[2]] = value
        else:
            own[_renamed(key, _FACES) or key] = value
    for (block, kind), three in parts.items():
        if set(three) != set(_THREE):
            raise EncoderError(f"the checkpoint lacks a part of the attention of block {block}")
        own[f"transformer.blocks.{block}.attn.qkv.{kind}"] = torch.cat([three[name] for name in _THREE])
    return own


def _renamed(key: str, names: Mapping[str, str]) -> str | None:
    for pattern, name in names.items():
        if match := re.fullmatch(pattern, key):
            return name.format(*match.groups())
    return None
