"""An open_clip model to an encoder folder: both towers as ONNX, its tokenizer in swath's form."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import msgspec
import torch
from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, processors
from torch import Tensor, nn

from swath.encoders import file_digest, probes, write_card
from swath.encoders.clip import OpenClipEncoder
from swath.errors import EncoderError, InputError
from swath.training.graphs import write_graph

_PIECES = r"'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"
"""What CLIP's tokenizer cuts texts into before it looks for pairs (Radford et al. 2021)."""


class _Guided(nn.Module):
    """The text tower with the inputs and outputs of an encoder folder."""

    def __init__(self, tower: nn.Module) -> None:
        super().__init__()
        self.tower = tower

    def forward(self, ids: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """int64[n, L] both -> embedding and guide, which are the same vector."""
        # The end of a text is found by its own piece; the mask stays an input because every folder has it.
        embedding = self.tower(ids * mask)
        return embedding, embedding + 0.0


def export_clip(
    encoder: OpenClipEncoder, out: Path, *, name: str | None = None, precision: str = "fp16"
) -> Path:
    """Write an encoder folder that runs without torch and open_clip.

    Args:
        encoder: the model.
        out: the folder to make; it must not exist.
        name: the encoder's name, by default the folder's.
        precision: how weights are stored, one of `graphs.PRECISIONS`.

    Raises:
        InputError: `out` exists.
        EncoderError: the model's tokenizer is not CLIP's own, or the two do not cut texts alike.
    """
    if out.exists():
        raise InputError(f"{out} exists: name another folder")
    temporary = out.with_name(f".{out.name}.part")
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir(parents=True)
    clip_tokenizer(encoder).save(str(temporary / "tokenizer.json"))
    size, length, n = encoder.image_size, encoder.context_length, torch.export.Dim("n", min=1)
    has_tokens = bool(encoder.image_tower.grid)
    write_graph(
        encoder.image_tower,
        (torch.zeros(2, size, size, 3, dtype=torch.uint8),),
        {"pixels": {0: n}},
        ["image_embedding", "tokens"] if has_tokens else ["image_embedding"],
        temporary / "image.onnx",
        precision=precision,
    )
    ids = encoder.tokenize(list(probes.TEXTS[:2]))
    assert ids.shape == (2, length), "the tokenizer pads to the context length"
    write_graph(
        _Guided(encoder.text_tower),
        (ids, torch.ones_like(ids)),
        {"ids": {0: n}, "mask": {0: n}},
        ["text_embedding", "guide"],
        temporary / "text.onnx",
        precision=precision,
    )
    files = {file.name: file_digest(file) for file in sorted(temporary.iterdir())}
    card = msgspec.structs.replace(encoder.card, name=name or out.name, kind="onnx", files=files)
    write_card(card, temporary)
    temporary.rename(out)
    return out


def clip_tokenizer(encoder: OpenClipEncoder) -> Tokenizer:
    """CLIP's byte-pair tokenizer as the tokenizers library has it; ids are compared on the probes.

    Texts are lower-cased and their white space joined; HTML entities and broken Unicode, which open_clip
    mends before, stay as they are. Raises `EncoderError` where the model has another tokenizer.
    """
    own: Any = encoder.tokenize
    if not hasattr(own, "bpe_ranks"):
        raise EncoderError(
            f"{encoder.architecture} has a tokenizer of its own ({type(own).__name__}) and not CLIP's: "
            "it can be searched with as open_clip:..., and cannot be exported"
        )
    start, end = (next(word for word, i in own.encoder.items() if i == j) for j in own.all_special_ids[:2])
    made = Tokenizer(
        models.BPE(
            vocab=own.encoder,
            merges=list(own.bpe_ranks),
            end_of_word_suffix="</w>",
            unk_token=end,
            fuse_unk=False,
        )
    )
    made.normalizer = normalizers.Sequence(
        [normalizers.Replace(Regex(r"\s+"), " "), normalizers.Strip(), normalizers.Lowercase()]
    )
    made.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(_PIECES), "removed", invert=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    made.post_processor = processors.TemplateProcessing(
        single=f"{start} $A {end}",
        special_tokens=[(start, own.encoder[start]), (end, own.encoder[end])],
    )
    for text in probes.TEXTS:
        wanted = own([text])[0].tolist()
        pieces = made.encode(text).ids
        if pieces + [0] * (len(wanted) - len(pieces)) != wanted:
            raise EncoderError(
                f"the tokenizer of {encoder.architecture} cuts {text!r} otherwise than CLIP's: "
                "it can be searched with as open_clip:..., and cannot be exported"
            )
    return made
