"""Heads over an encoder: small models that read what it gives and belong to one revision of it.

A head is a folder `<encoder>/heads/<name>/` with `card.json` and its own files. Heads come and go without
changing the encoder's revision, so an archive gains from a new head and none of its vectors is touched.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from swath.decoding import NOT_JSON
from swath.encoders.card import Source
from swath.encoders.onnx import file_digest, session
from swath.errors import EncoderError

FOLDER = "heads"


class HeadCard(msgspec.Struct, frozen=True, kw_only=True):
    """`card.json` of a head."""

    name: str
    kind: str
    """What reads it, such as `cfitr`."""
    encoder: str
    """Revision of the encoder that it was trained on, and works with."""
    description: str = ""
    data: tuple[Source, ...] = ()
    terms: str = ""
    """The terms of the weights, which are not those of the code."""
    settings: dict[str, Any] = {}
    """Numbers that its kind needs to run it."""
    presets: dict[str, dict[str, bool | int | float | str]] = {}
    """Preset -> the values of its pipeline, as in the card of an encoder."""
    figures: dict[str, Any] = {}
    """What was measured, each with its split and protocol."""
    recipe: dict[str, Any] = {}
    """The whole recipe, so that the training can be repeated."""
    files: dict[str, str] = {}
    """SHA-256 of every other file in the folder."""


@dataclass(frozen=True, slots=True)
class Head:
    """A head on disk; its files are read when they are needed."""

    folder: Path
    card: HeadCard

    def file(self, name: str) -> Path:
        """Path of one of its files. Raises `EncoderError` where the card names no such file."""
        if name not in self.card.files:
            raise EncoderError(f"the head {self.folder} has no {name}: export it again")
        return self.folder / name

    def session(self, name: str, threads: int | None = None) -> Any:
        """An ONNX Runtime session of one of its files. Raises `EncoderError` where it cannot be loaded."""
        return session(self.file(name), threads)

    def verify(self) -> list[str]:
        """Names of files that are missing or whose SHA-256 is not the one in the card."""
        return [
            name
            for name, digest in self.card.files.items()
            if not (self.folder / name).is_file() or file_digest(self.folder / name) != digest
        ]


def read_heads(folder: Path, revision: str) -> dict[str, Head]:
    """The heads in an encoder's folder, by name.

    Raises `EncoderError` where a card cannot be read, or a head belongs to another revision of the encoder.
    """
    heads = _heads_in(folder)
    for head in heads.values():
        if head.card.encoder != revision:
            raise EncoderError(
                f"the head {head.folder} belongs to revision {head.card.encoder[:12]} of its encoder, and "
                f"{folder} is revision {revision[:12]}: train the head on this encoder, or remove its folder"
            )
    return heads


def heads_of(revision: str, folders: Iterable[Path]) -> dict[str, Head]:
    """The heads in several encoders' folders that belong to a revision; of equal names the last one.

    So an archive, which carries a copy of its encoder, gains from a head that was installed afterwards.
    Raises `EncoderError` where a card cannot be read.
    """
    return {
        name: head
        for folder in folders
        for name, head in _heads_in(folder).items()
        if head.card.encoder == revision
    }


def _heads_in(folder: Path) -> dict[str, Head]:
    found = {}
    for path in sorted(folder.glob(f"{FOLDER}/*/card.json")):
        try:
            card = msgspec.json.decode(path.read_bytes(), type=HeadCard)
        except (OSError, *NOT_JSON) as error:
            raise EncoderError(f"{path} is not a head's card that this version reads: {error}") from error
        found[path.parent.name] = Head(path.parent, card)
    return found


def write_head(card: HeadCard, folder: Path) -> None:
    """Write `card.json` of a head, with the digests of the other files that lie in the folder.

    Another file takes its place, as with the card of an encoder.
    """
    written = folder / ".card.json.new"
    others = sorted(set(folder.iterdir()) - {folder / "card.json", written})
    sealed = msgspec.structs.replace(card, files={path.name: file_digest(path) for path in others})
    written.write_bytes(msgspec.json.format(msgspec.json.encode(sealed), indent=1) + b"\n")
    written.replace(folder / "card.json")
