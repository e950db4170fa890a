"""Any torch encoder to a folder that needs no torch, and what was lost on the way."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np

from swath.encoders import LoadedEncoder, OnnxEncoder, load, probes, read_card, write_card
from swath.encoders.clip import OpenClipEncoder
from swath.errors import InputError
from swath.training.clip_export import export_clip
from swath.training.encoder import TorchEncoder
from swath.training.export import export
from swath.training.run import HEADS
from swath.types import Array

_PICTURES = 16


@dataclass(frozen=True, slots=True)
class Exported:
    """A folder, and how near it is to what it was made from, on fixed pictures and texts."""

    folder: Path
    precision: str
    bytes: int
    pictures: tuple[float, float]
    """Lowest and mean cosine with the reference's vectors."""
    texts: tuple[float, float]
    reference: LoadedEncoder


def export_encoder(
    source: str | Path,
    out: Path,
    *,
    name: str | None = None,
    precision: str = "int8",
    threads: int | None = None,
) -> Exported:
    """Export a run's folder, `torch:RUN` or `open_clip:ARCHITECTURE@FILE`, and compare both.

    The reference's vectors of a few texts go into the card, so that a swapped tokenizer can be told.

    Raises:
        InputError: the source is no torch encoder, or `out` exists.
        EncoderError: the source cannot be read, or cannot be exported.
    """
    spec = str(source)
    reference = load(spec if ":" in spec else f"torch:{spec}", threads)
    if isinstance(reference, TorchEncoder):
        folder = export(reference.run, out, name=name, precision=precision)
    elif isinstance(reference, OpenClipEncoder):
        folder = export_clip(reference, out, name=name, precision=precision)
    else:
        raise InputError(f"{spec} needs no export: it is {reference.card.kind} already")
    vectors = reference.encode_texts(probes.TEXTS).embedding
    rows = [[round(value, 5) for value in row] for row in vectors[:2].tolist()]
    write_card(
        msgspec.structs.replace(read_card(folder), probes=dict(zip(probes.TEXTS, rows, strict=False))), folder
    )
    made = OnnxEncoder(folder, threads)
    batch = probes.pictures(_PICTURES, reference.image_size)
    return Exported(
        folder,
        precision,
        sum(file.stat().st_size for file in folder.iterdir()),
        _cosines(made.encode_images(batch).embedding, reference.encode_images(batch).embedding),
        _cosines(made.encode_texts(probes.TEXTS).embedding, vectors),
        reference,
    )


def are_heads(source: str) -> bool:
    """Whether a run is of heads over an encoder, and of no encoder itself."""
    recipe = Path(source) / "recipe.json"
    return recipe.is_file() and msgspec.json.decode(recipe.read_bytes()).get("task", "dual") in HEADS


def _cosines(ours: Array, theirs: Array) -> tuple[float, float]:
    cosines = (ours.astype(np.float64) * theirs).sum(1)
    return float(cosines.min()), float(cosines.mean())
