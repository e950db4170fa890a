"""A new archive."""

from __future__ import annotations

import os
import shutil
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from swath.archive import hot, hot_writer, lease, pointer, table
from swath.archive.files import Sum, checksums, sync_file, sync_folder
from swath.archive.formats import FORMAT
from swath.archive.lock import WriterLock
from swath.archive.pointer import EncoderRef, Pointer
from swath.archive.rows import Geometry
from swath.errors import ArchiveError, EncoderError
from swath.imagery import Tiling
from swath.types import Encoder

ENCODERS = "encoder"
REPLACED = ".replaced"
"""Marks the copy of an encoder that the archive has no more use for."""
_OURS = frozenset({"lock", ENCODERS, hot.FOLDER, lease.FOLDER, table.FOLDER, f".{pointer.NAME}.new"})


def found(folder: Path, encoder: Encoder, tiling: Tiling) -> None:
    """Make an empty archive in a folder that is missing or empty. Raises `ArchiveError` otherwise, and for a
    folder whose path cannot hold one.
    """
    make(folder, reference(encoder), encoder.folder, probe(encoder), msgspec.to_builtins(tiling))


def reference(encoder: Encoder) -> EncoderRef:
    """How an archive names an encoder."""
    return EncoderRef(encoder.name, encoder.revision, encoder.dim, encoder.image_size)


def make(
    folder: Path, encoder: EncoderRef, encoder_folder: Path | None, shapes: Geometry, tiling: dict[str, Any]
) -> None:
    """Make an empty archive for signals of these shapes, without asking the encoder. Raises as `found`."""
    table.address(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ArchiveError(
            f"cannot make an archive at {folder}: {error.strerror}; choose another folder"
        ) from error
    _check_free(folder)
    with WriterLock(folder):
        _check_free(folder)
        try:
            _clear(folder)
            copy = copy_encoder(encoder_folder, encoder.revision, folder)
            table.create(folder, shapes)
            state = hot_writer.build(folder, "000001", shapes, [])
            opened = table.Table(folder, 1, shapes)
            files = opened.files()
            for file in files:
                sync_file(file)
                sync_folder(file.parent)
            sync_folder(folder)
            pointer.write(
                folder,
                Pointer(
                    format=FORMAT,
                    software=f"swath {version('swath')}",
                    committed=datetime.now(UTC).isoformat(timespec="milliseconds"),
                    version=opened.version,
                    tiles=0,
                    files=0,
                    encoder=encoder,
                    geometry=shapes,
                    tiling=tiling,
                    roots=(),
                    attributes={},
                    partial=(),
                    hot=state,
                    sums=copy | checksums(folder, files),
                ),
            )
        except OSError as error:
            raise ArchiveError(
                f"cannot make an archive at {folder}: {error.strerror or error}; "
                "make room or choose another folder"
            ) from error


def probe(encoder: Encoder) -> Geometry:
    """Shapes of an encoder's signals, from an empty batch."""
    side = encoder.image_size
    features = encoder.encode_images(np.zeros((0, side, side, 3), np.uint8))
    tokens = features.tokens
    if tokens is not None and tokens.ndim != 3:
        raise EncoderError(
            f"encoder {encoder.name} gives tokens of shape {tokens.shape}, not [n, 1 + G*G, d]"
        )
    return Geometry(encoder.dim, None if tokens is None else (tokens.shape[1], tokens.shape[2]))


def _check_free(folder: Path) -> None:
    names = {path.name for path in folder.iterdir()}
    if pointer.NAME in names:
        raise ArchiveError(f"there is an archive at {folder} already: add to it, or choose another folder")
    # What is left by a process that was killed while it made an archive here may go.
    if not names <= _OURS:
        other = sorted(names - _OURS)[0]
        raise ArchiveError(
            f"cannot make an archive in {folder}: it holds other things ({other}); choose an empty folder"
        )


def _clear(folder: Path) -> None:
    for name in _OURS - {"lock"}:
        path = folder / name
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


def copy_encoder(source: Path | None, revision: str, folder: Path) -> dict[str, Sum]:
    """Bring an encoder's files, its heads too, into an archive; sums of the copies, none without a source.

    They are hard links where that can be. A copy that a killed process left is replaced.
    """
    if source is None:
        return {}
    place = folder / ENCODERS / revision
    (place / REPLACED).unlink(missing_ok=True)
    files = sorted(path for path in source.rglob("*") if path.is_file() and path.name != REPLACED)
    copies = [place / path.relative_to(source) for path in files]
    for path, copy in zip(files, copies, strict=True):
        if not (copy.exists() and path.samefile(copy)):
            _copy(path, copy)
        sync_file(copy)
    for parent in {folder, folder / ENCODERS, *(copy.parent for copy in copies)}:
        sync_folder(parent)
    return checksums(folder, copies)


def _copy(path: Path, copy: Path) -> None:
    copy.parent.mkdir(parents=True, exist_ok=True)
    copy.unlink(missing_ok=True)
    try:
        os.link(path.resolve(), copy)
    except OSError:  # another file system, or one without hard links
        shutil.copyfile(path, copy)
