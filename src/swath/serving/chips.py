"""Hits cut out of the original scenes, a file each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from swath.errors import ImageryError, InputError
from swath.imagery import Place, Tiling, cut, is_chip, shown
from swath.serving.tiles import TileDetails, unchanged
from swath.types import Progress, Tile

Format = Literal["tif", "png"]


@dataclass(frozen=True, slots=True)
class ChipsReport:
    """What was cut."""

    written: int
    kept: int
    """Chips that were there already."""
    skipped: tuple[tuple[int, str, str], ...]
    """Rank, id and reason of each hit whose file is gone or changed, or that is not in the archive."""


def cut_chips(
    hits: Sequence[tuple[int, str]],
    show: Callable[[str], TileDetails],
    folder: Path,
    tiling: Tiling,
    *,
    kind: Format | None = None,
    progress: Progress | None = None,
) -> ChipsReport:
    """Cut hits (rank, id) at full resolution into `RANK_ID12.tif` or `.png`; those that are there are kept.

    `kind` None writes GeoTIFFs of rasters, with bands, values and georeference, and PNGs of pictures. Every
    file is compared with its digest once. Raises `InputError` where the folder cannot be written to.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"cannot make the folder {shown(folder)}: {error.strerror}") from error
    digits = len(str(max((rank for rank, _ in hits), default=0)))
    files: dict[str, Place | str] = {}
    written = kept = 0
    skipped = []
    for done, (rank, name) in enumerate(hits, 1):
        try:
            details = _details(show, name)
            tile = details.tile
            out = folder / f"{rank:0{digits}}_{tile.id[:12]}.{kind or _kind(tile)}"
            if is_chip(out, tile.window):
                kept += 1
            else:
                cut(_file(details, files), tile.window, out, tiling)
                written += 1
        except ImageryError as error:
            skipped.append((rank, name, str(error)))
        if progress is not None:
            progress(done, len(hits), "chips")
    return ChipsReport(written, kept, tuple(skipped))


def _details(show: Callable[[str], TileDetails], name: str) -> TileDetails:
    """What is known of a hit. Raises `ImageryError` where it has no pixels that could be cut out."""
    try:
        details = show(name)
    except InputError as error:
        raise ImageryError(str(error)) from error
    if not details.tile.window.width:
        raise ImageryError("it was imported from a table, and no picture belongs to it")
    return details


def _kind(tile: Tile) -> Format:
    return "tif" if "bands" in tile.attributes else "png"


def _file(details: TileDetails, files: dict[str, Place | str]) -> Place:
    """A file that still is what the tile was read from. Raises `ImageryError`."""
    if details.digest not in files:
        try:
            files[details.digest] = unchanged(details)
        except ImageryError as error:
            files[details.digest] = str(error)
    found = files[details.digest]
    if isinstance(found, str):
        raise ImageryError(found)
    return found
