"""One tile, and where it came from."""

from __future__ import annotations

from dataclasses import dataclass

from swath.errors import ImageryError
from swath.imagery import Place, digest, is_gone, shown
from swath.types import Tile


@dataclass(frozen=True, slots=True)
class TileDetails:
    """What is known of a tile."""

    tile: Tile
    digest: str
    """BLAKE2b-128 of the file that it was read from; of a remote one, of what its server says of it."""
    files: tuple[Place, ...]
    """Every file with this content, the tile's `source` first."""


def unchanged(details: TileDetails) -> Place:
    """A file that still is what the tile was read from.

    Raises `ImageryError` where there is none: all of them gone, or changed.
    """
    there = [file for file in details.files if not is_gone(file)]
    for file in there:
        if digest(file) == details.digest:
            return file
    first = shown((there or details.files)[0])
    if there:
        raise ImageryError(f"{first}: was changed since it was indexed; index it again, and search anew")
    raise ImageryError(
        f"{first}: is not there any more; put it back, or say where it went by `swath relocate`"
    )


def own_id(tile: Tile) -> str:
    """The id that an imported tile has in its table; empty for one that was cut from a file."""
    value = "" if tile.window.width else tile.attributes.get("id", "")
    return f"{value:.15g}" if isinstance(value, float) else str(value)
