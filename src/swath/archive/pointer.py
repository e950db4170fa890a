"""swath.json, the pointer: the one small file that says what the archive holds.

A commit is a new version of the table, then rows at the end of the hot columns, then this file renamed into
place. What it names is acknowledged; whatever else lies in the folder was never promised to anyone.
"""

from __future__ import annotations

import zlib
from pathlib import Path
from typing import Any

import msgspec

from swath.archive import formats
from swath.archive.files import Sum, replace_file
from swath.archive.rows import Geometry
from swath.decoding import NOT_JSON
from swath.errors import ArchiveError

NAME = "swath.json"
ANSWERS_WITH = "answers-with"
"""A file in an archive: the folder, below `encoder`, of an adapted encoder that answers in its place."""


class EncoderRef(msgspec.Struct, frozen=True):
    """Which encoder made the signals."""

    name: str
    revision: str
    dim: int
    image_size: int


class Column(msgspec.Struct, frozen=True):
    """One hot column: `sum` covers the acknowledged bytes, the file may be longer."""

    dtype: str
    shape: tuple[int, ...]
    """Shape of one row."""
    sum: Sum


class HotState(msgspec.Struct, frozen=True):
    """The acknowledged part of a generation of hot columns."""

    generation: str
    rows: int
    columns: dict[str, Column]


class Pointer(msgspec.Struct, frozen=True):
    """Content of swath.json."""

    format: int
    software: str
    committed: str
    """ISO 8601, UTC."""
    version: int
    """Version of the table (tiles.lance)."""
    tiles: int
    files: int
    encoder: EncoderRef
    geometry: Geometry
    tiling: dict[str, Any]
    roots: tuple[str, ...]
    """Absolute paths that the paths of files are relative to."""
    attributes: dict[str, str]
    """Kind of every attribute: number, text or flag."""
    partial: tuple[str, ...]
    """Digests of files of which some tiles may still be missing."""
    hot: HotState
    sums: dict[str, Sum]
    """Every file of this version of the table, and of the encoder's copy, by path in the archive."""
    checksum: str = ""
    """CRC-32 of all the rest."""


class _Version(msgspec.Struct):
    format: int
    checksum: str = ""


def _seal(document: dict[str, Any]) -> str:
    """Of everything that stands in the file, so that fields can come and go without a new format."""
    return f"{zlib.crc32(msgspec.json.encode({**document, 'checksum': ''})):08x}"


def write(folder: Path, pointer: Pointer) -> Pointer:
    """Acknowledge: the pointer as it now stands on disk."""
    document = msgspec.to_builtins(pointer)
    sealed = msgspec.structs.replace(pointer, checksum=_seal(document))
    replace_file(folder / NAME, msgspec.json.format(msgspec.json.encode(sealed), indent=1) + b"\n")
    return sealed


def read(folder: Path) -> Pointer:
    """Raises `ArchiveError` where there is no archive, a damaged one, or one of a newer format."""
    path = folder / NAME
    data = _bytes(folder, path)
    try:
        document = msgspec.json.decode(data, type=dict[str, Any])
        stated = msgspec.convert(document, _Version)
        if stated.format > formats.FORMAT:
            raise ArchiveError(
                f"the archive {folder} has format {stated.format}, and this swath reads up to format "
                f"{formats.FORMAT}: upgrade swath (pip install --upgrade swath)"
            )
        if stated.format < 1 or stated.checksum != _seal(document):
            raise ArchiveError(
                f"{path} is damaged or was edited (its checksum does not fit): put back a copy of it, "
                "or index the sources into a new archive"
            )
        return msgspec.convert(formats.brought_forward(document), Pointer)
    except NOT_JSON as error:
        raise ArchiveError(
            f"{path} is damaged ({error}): put back a copy of it, or index the sources into a new archive"
        ) from error


def _bytes(folder: Path, path: Path) -> bytes:
    try:
        return path.read_bytes()
    except (FileNotFoundError, NotADirectoryError) as error:
        what = "is not a folder" if folder.exists() and not folder.is_dir() else f"has no {NAME}"
        if not folder.exists():
            what = "does not exist"
        raise ArchiveError(
            f"no archive at {folder}: it {what}; check the path, or make an archive there with "
            f"`swath index SOURCE... --archive {folder}`"
        ) from error
    except OSError as error:
        raise ArchiveError(f"cannot read {path}: {error.strerror}; check its permissions") from error
