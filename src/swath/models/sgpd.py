"""The recipe of a word head over an encoder (SGPD)."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import msgspec

from swath.models.recipe import DataPart, OptimiserPart, load_as

TASK = "sgpd"


class SgpdRecipe(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A dense-to-sparse head: what it starts from, how it learns, how it is used."""

    name: str
    description: str
    task: Literal["sgpd"]
    encoder: str = "base"
    """Name or folder of the encoder whose vectors it reads; the encoder is not changed."""
    start: str
    """Name of the fetched language model that the word embeddings come from."""
    words: int
    """How many words the head knows at most."""
    bias: float
    """Where the bias of every word starts."""
    teacher: float
    """Temperature of the dense scores."""
    student: float
    """Where the learned temperature of the sparse scores starts."""
    positives: float
    """Weight of the loss of the true pairs beside the distillation."""
    regulariser: Literal["pair", "flops", "l1"] = "pair"
    image_weight: float
    text_weight: float
    """Weights of the regulariser for either side."""
    warmup: float
    """Share of the steps over which the regulariser comes in."""
    expanded: float
    """Share of the captions that may have words beyond their own, at its most."""
    kept: float
    """Chance of each of these words to stay."""
    floor: float
    """Least weight of a word that the text has itself."""
    image_terms: int
    """Words that are kept of a picture."""
    expansion: Literal["own", "topm", "full"]
    """What a search keeps of a text's other words: none, the `extra` heaviest, all."""
    extra: int
    data: DataPart
    optimiser: OptimiserPart
    seed: int = 0


def load_sgpd(name: str | Path, changes: dict[str, Any] | None = None) -> SgpdRecipe:
    """Read the recipe of a word head; raises as `load_recipe` does."""
    return load_as(SgpdRecipe, name, changes)
