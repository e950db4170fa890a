"""Encoders by name: those in the package, those of the user, and folders anywhere."""

from __future__ import annotations

import difflib
import os
from pathlib import Path

from swath.encoders.onnx import OnnxEncoder
from swath.errors import EncoderError

DEFAULT = "base"


def user_folder() -> Path:
    """Where a user's encoders, fetched files and runs live: `SWATH_HOME`, or the platform's data folder."""
    if home := os.environ.get("SWATH_HOME"):
        return Path(home)
    return Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share") / "swath"


def installed() -> dict[str, Path]:
    """Folder of every encoder that can be named."""
    places = [Path(__file__).parent, user_folder() / "encoders"]
    return {card.parent.name: card.parent for place in places for card in sorted(place.glob("*/card.json"))}


def names() -> list[str]:
    """Names of the installed encoders."""
    return sorted(installed())


def load(name: str | Path = DEFAULT, threads: int | None = None) -> OnnxEncoder:
    """Open an encoder by its name or its folder; nothing is read but the card until something is encoded.

    Raises `EncoderError` where there is none.
    """
    known = installed()
    if isinstance(name, str) and name in known:
        return OnnxEncoder(known[name], threads)
    if Path(name).is_dir():
        return OnnxEncoder(Path(name), threads)
    near = difflib.get_close_matches(str(name), known, 1)
    hint = f"Did you mean {near[0]}?" if near else f"Installed: {', '.join(sorted(known)) or 'none'}."
    raise EncoderError(f"there is no encoder {str(name)!r}, and no folder of that name. {hint}")
