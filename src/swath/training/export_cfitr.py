"""A run of CFITR to heads of its encoder: codes in NumPy, joint blocks in ONNX, and the bank of queries."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import torch
from safetensors.torch import load_file
from torch import Tensor

from swath.encoders import (
    HeadCard,
    OnnxEncoder,
    Source,
    write_hash_head,
    write_head,
)
from swath.encoders.bank import FILE as BANK_FILE
from swath.errors import EncoderError, InputError
from swath.models.cfitr import Cfitr, CfitrRecipe, EncoderShape, Hasher
from swath.training.export import TERMS
from swath.training.graphs import write_graph

CROSS = "cross.onnx"
PRESET = {"recall": "hash128(bias=ppsr):140 > exact(bias=csls)", "k": 20, "blend": 0.3}


def export_cfitr(
    run: Path,
    encoder: Path,
    *,
    preset: Mapping[str, Any] = PRESET,
    figures: Mapping[str, Any] | None = None,
) -> Path:
    """Put the heads of a finished run into the folder of their encoder; what was there of them is replaced.

    Args:
        run: a finished run of the task `cfitr`.
        encoder: the folder of the encoder that it was trained on.
        preset: numbers of the preset, chosen on validation data.
        figures: what was measured, for the card, beside what the training measured.

    Returns:
        The folder of the heads, `<encoder>/heads/cfitr`; the bank of queries stands beside it.

    Raises:
        InputError: the run is not finished.
        EncoderError: the encoder is another one.
    """
    if not (run / "facts.json").is_file():
        raise InputError(f"{run} is not a finished run (no facts.json): train it to its end first")
    recipe = msgspec.json.decode((run / "recipe.json").read_bytes(), type=CfitrRecipe)
    facts = json.loads((run / "facts.json").read_text())
    revision = OnnxEncoder(encoder).revision
    if revision != facts["encoder"]:
        raise EncoderError(
            f"{run} was trained on revision {facts['encoder'][:12]} of {recipe.encoder}, and {encoder} is "
            f"revision {revision[:12]}: train it on this encoder"
        )
    model = Cfitr(msgspec.convert(facts["shape"], EncoderShape), recipe.hash, recipe.joint)
    model.load_state_dict(load_file(run / "model.safetensors"))
    model.eval()
    heads = encoder / "heads"
    sources = tuple(
        Source(name=d["name"], part=d["split"], terms=d["terms"], digest=d["hash"]) for d in facts["data"]
    )

    folder = _emptied(heads / ".cfitr.part")
    write_hash_head(folder, {"image": hash_arrays(model.image_hash), "text": hash_arrays(model.text_hash)})
    write_cross(model, folder / CROSS)
    card = HeadCard(
        name="cfitr",
        kind="cfitr",
        encoder=revision,
        description=recipe.description,
        data=sources,
        terms=TERMS,
        settings={"bits": list(recipe.hash.bits)},
        presets={"cfitr": dict(preset)},
        figures={"validation, while training": facts["figures"], **(figures or {})},
        recipe=json.loads((run / "recipe.json").read_text()),
    )
    write_head(card, folder)

    bank = _emptied(heads / ".bank.part")
    shutil.copyfile(run / BANK_FILE, bank / BANK_FILE)
    write_head(
        HeadCard(
            name="bank",
            kind="bank",
            encoder=revision,
            description="Embeddings of training captions and pictures, drawn at random.",
            data=sources,
            terms=TERMS,
        ),
        bank,
    )
    for part in (folder, bank):
        place = part.with_name(part.name.strip(".").removesuffix(".part"))
        shutil.rmtree(place, ignore_errors=True)
        part.rename(place)
    return heads / "cfitr"


def hash_arrays(hasher: Hasher) -> dict[str, Any]:
    """The arrays of `swath.encoders.hashing.Side`, the batch normalisation folded into the inner layer."""
    norm = hasher.norm
    assert norm.running_mean is not None and norm.running_var is not None
    gain = norm.weight / torch.sqrt(norm.running_var + norm.eps)
    arrays = {
        "mean": hasher.mean,
        "rotation": hasher.rotation.weight,
        "inner": hasher.inner.weight * gain[:, None],
        "inner_bias": (hasher.inner.bias - norm.running_mean) * gain + norm.bias,
        "outer": hasher.outer.weight,
        "outer_bias": hasher.outer.bias,
    }
    return {name: value.detach().numpy() for name, value in arrays.items()}


def write_cross(model: Cfitr, path: Path, precision: str = "int8") -> None:
    """The joint transformer as an ONNX file: tokens, guides, words and valid of n pairs to n scores."""
    joint = model.joint
    tokens = torch.randn(2, 1 + joint.grid**2, joint.shared.in_features)
    guide = torch.randn(2, joint.shared.in_features)
    words = torch.randn(2, 16, joint.words.in_features)
    valid: Tensor = torch.ones(2, 16, dtype=torch.bool)
    n, length = torch.export.Dim("n", min=2), torch.export.Dim("length", min=2, max=512)
    shapes = {"tokens": {0: n}, "guide": {0: n}, "words": {0: n, 1: length}, "valid": {0: n, 1: length}}
    write_graph(joint, (tokens, guide, words, valid), shapes, ["scores"], path, precision=precision)


def _emptied(folder: Path) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder
