"""A training run to an encoder folder: two ONNX graphs with int8 weights, tokenizer, card."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import torch
from safetensors.torch import load_file

from swath.encoders import PINS, Card, Source, file_digest, write_card
from swath.errors import InputError
from swath.models.recipe import Recipe
from swath.training.dual import Towers
from swath.training.graphs import write_graph

IMAGE_OUTPUTS = ["image_embedding", "tokens"]
TEXT_OUTPUTS = ["text_embedding", "guide", "word_vectors"]

TERMS = "The weights stand under the terms of the data and weights named here, not under the code's licence."


def export(
    run: Path,
    out: Path,
    *,
    name: str | None = None,
    extra: Mapping[str, Any] | None = None,
    precision: str = "int8",
) -> Path:
    """Write an encoder folder that runs without torch.

    Args:
        run: a finished run folder.
        out: the folder to make; it must not exist.
        name: the encoder's name, by default the folder's.
        extra: fields of the card to add (figures, calibration).
        precision: how weights are stored, one of `graphs.PRECISIONS`.

    Raises:
        InputError: the run is not finished, or `out` exists.
    """
    if not (run / "facts.json").is_file():
        raise InputError(f"{run} is not a finished run (no facts.json): train it to its end first")
    if out.exists():
        raise InputError(f"{out} exists: name another folder")
    recipe = msgspec.json.decode((run / "recipe.json").read_bytes(), type=Recipe)
    facts = json.loads((run / "facts.json").read_text())
    towers = Towers(recipe, facts["scenes"])
    towers.load_state_dict(load_file(run / "model.safetensors"))
    towers.eval()
    temporary = out.with_name(out.name + ".part")
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir(parents=True)
    size = recipe.image.size
    pixels = torch.zeros(2, size, size, 3, dtype=torch.uint8)
    # Two tensors: the exporter would take one, given twice, for a single input.
    ids, mask = (torch.ones(2, recipe.text.lengths[0], dtype=torch.int64) for _ in range(2))
    n, length = torch.export.Dim("n", min=1), torch.export.Dim("length", min=1, max=recipe.text.lengths[-1])
    write_graph(
        towers.image,
        (pixels,),
        {"pixels": {0: n}},
        IMAGE_OUTPUTS,
        temporary / "image.onnx",
        precision=precision,
    )
    write_graph(
        towers.text,
        (ids, mask),
        {"ids": {0: n, 1: length}, "mask": {0: n, 1: length}},
        TEXT_OUTPUTS,
        temporary / "text.onnx",
        precision=precision,
        bits={"trunk.words.weight": recipe.text.word_bits},
    )
    shutil.copyfile(run / "tokenizer.json", temporary / "tokenizer.json")
    files = {file.name: file_digest(file) for file in sorted(temporary.iterdir())}
    fields: dict[str, Any] = {
        "name": name or out.name,
        "description": recipe.description,
        "dim": recipe.heads.members * recipe.heads.dim,
        "image_size": size,
        "grid": recipe.image.grid,
        "token_dim": recipe.heads.token_dim,
        "word_dim": towers.text.trunk.width,
        "lengths": recipe.text.lengths,
        "data": tuple(
            Source(
                name=d["name"],
                part=d["split"],
                terms=d["terms"],
                digest=d["hash"],
            )
            for d in facts["data"]
        ),
        "weights": _weights(recipe, facts),
        "terms": TERMS,
        "means": {key: [round(v, 7) for v in values] for key, values in facts["means"].items()},
        "figures": {"validation, strict, while training": facts["figures"]},
        "recipe": json.loads((run / "recipe.json").read_text()),
        "files": files,
    }
    write_card(Card(**{**fields, **(extra or {})}), temporary)
    temporary.rename(out)
    return out


def _weights(recipe: Recipe, facts: Mapping[str, Any]) -> tuple[Source, ...]:
    """What training started from: an encoder, as the run recorded it, or published files."""
    if "weights" in facts:
        return tuple(Source(**one) for one in facts["weights"])
    pins = (PINS[recipe.image.start], PINS[recipe.text.start])
    return tuple(Source(name=pin.file, part=pin.what, terms=pin.terms, digest=pin.sha256) for pin in pins)
