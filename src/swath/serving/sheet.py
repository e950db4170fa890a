"""The contact sheet: what was found, to look at, in one file."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from swath.errors import InputError
from swath.geojson import centre
from swath.hits import Hit, Hits
from swath.imagery import shown
from swath.serving.tiles import own_id
from swath.types import Footprint

Thumbnails = Callable[[Collection[str]], Mapping[str, bytes]]
"""JPEG bytes by tile id, of those that are there."""
Heat = Mapping[str, NDArray[np.float32]]
"""By tile id, float32[G, G]: how much each cell of a tile counts for the words."""


@dataclass(frozen=True, slots=True)
class Caption:
    """What is written below a picture."""

    rank: str
    raw: str
    score: str
    """Empty where nothing was calibrated."""
    name: str
    source: str
    window: str
    place: str
    """Empty where the tile has no footprint."""
    time: str
    id: str


@dataclass(frozen=True, slots=True, eq=False)
class Cell:
    """One hit."""

    caption: Caption
    picture: bytes | None
    """JPEG."""
    heat: NDArray[np.float32] | None


@dataclass(frozen=True, slots=True)
class Sheet:
    """Everything that a sheet shows, as text and JPEG bytes."""

    title: str
    subtitle: str
    cells: tuple[Cell, ...]


def write_sheet(
    hits: Hits, path: Path, thumbnails: Thumbnails, *, title: str = "", heat: Heat | None = None
) -> Path:
    """Write the sheet as `.html` (one self-contained file) or `.png`; the path written.

    `heat` is laid over the pictures of the tiles that it has maps of.

    Raises `InputError` for another suffix, and where the file cannot be written.
    """
    suffix = path.suffix.lower()
    if suffix not in (".html", ".htm", ".png"):
        raise InputError(f"sheet {shown(path)}: name a file that ends in .html or .png")
    # Imported tiles have no picture: their thumbnails are empty.
    pictures = {tile: data for tile, data in thumbnails([hit.tile.id for hit in hits]).items() if data}
    count = f"{len(hits)} hit{'' if len(hits) == 1 else 's'}"
    sheet = Sheet(
        title="".join(c if c.isprintable() else " " for c in title) or "Hits",
        subtitle=f"{count} · {hits.pipeline}",
        cells=tuple(
            Cell(caption(hit), pictures.get(hit.tile.id), (heat or {}).get(hit.tile.id)) for hit in hits
        ),
    )
    if suffix == ".png":
        from swath.serving.sheet_png import draw

        data = draw(sheet)
    else:
        from swath.serving.sheet_html import page

        data = page(sheet).encode("utf-8", "backslashreplace")
    try:
        path.write_bytes(data)
    except OSError as error:
        raise InputError(f"cannot write the sheet {shown(path)}: {error.strerror}") from error
    return path


def caption(hit: Hit) -> Caption:
    """What a sheet says about a hit."""
    tile, window = hit.tile, hit.tile.window
    return Caption(
        rank=str(hit.rank),
        raw=f"{hit.raw:.3f}",
        score="" if hit.score is None else f"{100 * hit.score:.0f} %",
        name=own_id(tile) or shown(Path(tile.source).name),
        source=shown(tile.source),
        # Imported tiles have no pixels, and often an id of their own.
        window=f"{window.width} x {window.height} at {window.column}, {window.row}" if window.width else "",
        place="" if tile.footprint is None else place(tile.footprint),
        time="" if tile.time is None else f"{tile.time:%Y-%m-%d %H:%M}",
        id=tile.id,
    )


def place(footprint: Footprint) -> str:
    """The centre of a footprint as people write it: 38.5473° N, 75.0593° W."""
    longitude, latitude = centre(footprint)
    north, east = ("N" if latitude >= 0 else "S"), ("E" if longitude >= 0 else "W")
    return f"{abs(latitude):.4f}° {north}, {abs(longitude):.4f}° {east}"
