"""Encoders by name: those in the package, those of the user, folders, and `KIND:PLACE`."""

from __future__ import annotations

import difflib
import os
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Protocol

from swath.encoders.card import Card, read_card
from swath.errors import EncoderError
from swath.types import Encoder

DEFAULT = "base"

KINDS = {
    "onnx": "swath.encoders.onnx",
    "open_clip": "swath.encoders.clip",
    "torch": "swath.training.encoder",
    "adapted": "swath.encoders.adapted",
}
"""Kind to the module with its `open_encoder(place, threads)`, imported when it is asked for.

A name `KIND:PLACE` says how to read the place; a folder says it itself, by `kind` in its card.
"""


class LoadedEncoder(Encoder, Protocol):
    """An encoder with a card: what `load` gives."""

    @property
    def card(self) -> Card:
        """What it is, from what, under which terms."""

    def verify(self) -> list[str]:
        """Names of its files whose SHA-256 is not the one in the card."""


def user_folder() -> Path:
    """Where a user's encoders, fetched files and runs live: `SWATH_HOME`, or the platform's data folder."""
    if home := os.environ.get("SWATH_HOME"):
        return Path(home)
    return Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share") / "swath"


def installed() -> dict[str, Path]:
    """Folder of every encoder that can be named."""
    return {
        name: folder
        for place in (Path(__file__).parent, user_folder() / "encoders")
        for name, folder in held_by(place).items()
    }


def held_by(place: Path) -> dict[str, Path]:
    """The encoder folders in a folder, by their names; the folder itself where it is one."""
    if (place / "card.json").is_file():
        return {place.resolve().name: place}
    return {card.parent.name: card.parent for card in sorted(place.glob("*/card.json"))}


def names() -> list[str]:
    """Names of the installed encoders."""
    return sorted(installed())


def load(name: str | Path = DEFAULT, threads: int | None = None) -> LoadedEncoder:
    """Open an encoder: an installed name, a folder, or `KIND:PLACE` such as `open_clip:ViT-B-32@FILE`.

    Nothing is read but its card until something is encoded. Raises `EncoderError` where there is none.
    """
    known = installed()
    if isinstance(name, str) and name in known:
        return _open(known[name], threads)
    kind, colon, place = str(name).partition(":")
    if colon and kind in KINDS:
        return _opener(kind)(place, threads)
    if Path(name).is_dir():
        return _open(Path(name), threads)
    near = difflib.get_close_matches(str(name), [*known, *(f"{kind}:" for kind in KINDS)], 1)
    hint = f"Did you mean {near[0]}?" if near else f"Installed: {', '.join(sorted(known)) or 'none'}."
    raise EncoderError(f"there is no encoder {str(name)!r}, and no folder of that name. {hint}")


def _open(folder: Path, threads: int | None) -> LoadedEncoder:
    kind = read_card(folder).kind
    if kind not in KINDS:
        raise EncoderError(
            f"{folder}/card.json says kind {kind!r}, and this swath reads {', '.join(KINDS)}: upgrade swath"
        )
    return _opener(kind)(str(folder), threads)


def _opener(kind: str) -> Callable[[str, int | None], LoadedEncoder]:
    opener: Callable[[str, int | None], LoadedEncoder] = import_module(KINDS[kind]).open_encoder
    return opener
