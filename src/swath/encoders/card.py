"""The card: what a trained model is, from what, how good, under which terms."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from swath.decoding import NOT_JSON
from swath.errors import EncoderError


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """Something that went into the model: a data set's split, or weights that training started from."""

    name: str
    part: str
    terms: str
    digest: str = ""
    """SHA-256 of the file, or the split hash of the data."""


class Calibration(msgspec.Struct, frozen=True, kw_only=True):
    """From scores to the probability that a tile matches, by `swath calibrate`: 1 / (1 + exp(-x)), where x is
    intercept + raw * (score of the last stage) + dense * (score of `dense`).
    """

    intercept: float
    raw: float
    dense: float = 0.0
    """Not zero where the score of the last stage only compares the candidates of one query."""
    prior: float
    """Share of the pairs of a query and a tile that match, for which the fit holds."""
    error: float
    """Expected calibration error over the 20 best tiles of queries that it was not fitted to."""
    queries: int
    data: tuple[str, ...] = ()
    """Data sets with their splits."""


class Card(msgspec.Struct, frozen=True, kw_only=True):
    """`card.json` of an encoder folder."""

    name: str
    description: str
    kind: str = "onnx"
    """Which of `registry.KINDS` reads the folder."""
    architecture: str = ""
    """What the towers are, in the words of whoever made them."""
    preprocessing: str = ""
    """What happens to pixels inside, for people: the towers take uint8 RGB and do it themselves."""
    dim: int
    """D, the width of the embedding."""
    image_size: int
    """S: the image tower reads uint8[n, S, S, 3]."""
    grid: int = 0
    """G of the stored G x G token grid; 0 where the model has no tokens."""
    token_dim: int = 0
    """d, the width of a token."""
    word_dim: int = 0
    """w, the width of a word vector; 0 where the text tower does not give them."""
    lengths: tuple[int, ...] = (16, 32, 64)
    """A text is padded to the first of these that holds its word pieces, and cut at the last."""
    data: tuple[Source, ...] = ()
    weights: tuple[Source, ...] = ()
    terms: str = ""
    """The terms of the weights, which are not those of the code."""
    means: dict[str, list[float]] = {}
    """`image` and `text`: the mean training embedding of each modality, D values."""
    # Cards of swath 0.1 have another thing of the name `calibration`.
    calibration: dict[str, dict[str, Calibration]] = msgspec.field(name="calibrations", default_factory=dict)
    """Preset or spec of a pipeline -> kind of query (`words`, `picture`) -> the fit of its scores."""
    presets: dict[str, dict[str, bool | int | float | str]] = {}
    """Preset -> the values of its pipeline, such as `k`. `gain` true says that it does better than exact
    search on validation data (see `figures`); `auto` then runs it for queries with words."""
    figures: dict[str, Any] = {}
    """What was measured, each with its split and protocol."""
    recipe: dict[str, Any] = {}
    """The whole recipe, so that the training can be repeated."""
    probes: dict[str, list[float]] = {}
    """Text to its embedding, as the model that was exported gave it: tells a tokenizer that was swapped."""
    files: dict[str, str] = {}
    """SHA-256 of every other file in the folder."""


def read_card(folder: Path) -> Card:
    """Read `card.json`. Raises `EncoderError` where it is missing or not a card."""
    path = folder / "card.json"
    try:
        return msgspec.json.decode(path.read_bytes(), type=Card)
    except FileNotFoundError:
        raise EncoderError(
            f"{folder} is not an encoder: it has no card.json. Name a folder with card.json, image.onnx, "
            "text.onnx and tokenizer.json, or an installed encoder."
        ) from None
    except NOT_JSON as error:
        raise EncoderError(f"{path} is not a card that this version reads: {error}") from error


def write_card(card: Card, folder: Path) -> None:
    """Write `card.json`, indented, one file that people read.

    Another file takes its place: archives may hold hard links to the one before, whose bytes they know.
    """
    written = folder / ".card.json.new"
    written.write_bytes(msgspec.json.format(msgspec.json.encode(card), indent=1) + b"\n")
    written.replace(folder / "card.json")
