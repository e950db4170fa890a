"""Semantic localisation: a heat map of the words over one scene, as numbers, a GeoTIFF and a picture."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from swath.archive import ArchiveGallery
from swath.errors import ImageryError, InputError
from swath.geojson import centre
from swath.imagery import Place, Tiling, fit, maps, open_source, shown
from swath.search import localise
from swath.search.localise import Spot, Windows
from swath.types import Encoder, Progress

MOST_OVERLAP = 0.9
_BATCH = 32


@dataclass(frozen=True, slots=True, eq=False)
class Located:
    """The heat map of a text over a scene."""

    scene: Place
    text: str
    size: tuple[int, int]
    """Width and height of the scene in pixels."""
    heat: NDArray[np.float32]
    """float32[h, w] over all of the scene, in standard deviations from the mean of its windows; NaN where
    nothing is known."""
    spots: tuple[Spot, ...]
    """The hottest places, best first."""
    positions: tuple[tuple[float, float] | None, ...]
    """Longitude and latitude of each, where the scene has a place on the Earth."""
    tiling: Tiling
    """How its pixels are shown."""


def encode_scene(
    scene: Place,
    encoder: Encoder,
    tiling: Tiling,
    *,
    sizes: Sequence[int],
    overlap: float = 0.5,
    progress: Progress | None = None,
) -> Windows:
    """Encode windows of several sizes (pixels), each overlapping its neighbours by a share of its side.

    Raises `InputError` for a share beyond 0 to 0.9, and `ImageryError` where the scene cannot be read, or no
    window has enough valid pixels.
    """
    if not 0 <= overlap <= MOST_OVERLAP:
        raise InputError(f"overlap {overlap}: give a share of the side from 0 to {MOST_OVERLAP}, such as 0.5")
    parts = []
    for size in sizes:
        stride = max(1, round(size * (1 - overlap)))
        cut = replace(tiling, size=size, stride=stride, levels=1, picture_side=1)
        with open_source(scene, cut) as source:
            windows = source.windows()
            places, dense, tokens = [], [], []
            done = 0
            for batch in _batches(source.read(windows)):
                pixels = np.stack([fit(tile.pixels, encoder.image_size) for tile in batch])
                features = encoder.encode_images(pixels)
                places += [(w.column, w.row, w.width, w.height) for w in (tile.window for tile in batch)]
                dense.append(features.embedding)
                if features.tokens is not None:
                    tokens.append(features.tokens)
                done += len(batch)
                if progress is not None:
                    progress(done, len(windows), f"windows of {size}")
        if places:
            found = np.concatenate(tokens) if tokens else None
            parts.append(Windows(np.array(places, np.int64), np.concatenate(dense), found))
    if not parts:
        raise ImageryError(f"{shown(scene)}: no part of it has enough valid pixels")
    return localise.joined(parts)


def stored_windows(gallery: ArchiveGallery, scene: Place) -> Windows:
    """What an archive knows of one of its files. Raises `InputError` where it does not know the file."""
    name = os.fspath(scene)
    name = name if "://" in name else os.path.abspath(name)  # noqa: PTH100  as the archive names it
    codes, paths = gallery.files()
    known = [code for code, path in enumerate(paths) if path == name]
    rows = np.flatnonzero(np.isin(codes, known))
    if not len(rows):
        raise InputError(
            f"the archive knows no file {shown(scene)}: name it as `swath search --json` names sources, or "
            "add it by `swath add`"
        )
    tokens = gallery.signal("tokens")[rows] if "tokens" in gallery.signals else None
    return Windows(gallery.windows[rows], gallery.signal("dense")[rows], tokens)


def locate(
    scene: Place, text: str, windows: Windows, encoder: Encoder, tiling: Tiling, *, k: int = 5
) -> Located:
    """The map of a text over a scene from its encoded windows, and the `k` hottest places.

    They lie at least half a window from each other. Raises `ImageryError` where the scene cannot be read,
    `InputError` for an empty text.
    """
    if not text.strip():
        raise InputError("the text is empty: say in words what to look for")
    size = maps.scene_size(scene, tiling)
    shape = localise.map_shape(size, windows.places)
    heat = localise.scene_map(windows, encoder, text, size, shape)
    heat[~maps.overview(scene, tiling, shape).valid] = np.nan
    apart = float(windows.places[:, 2:].max(1).min()) / 2
    spots = localise.hottest(heat, size, k, apart)
    corners = maps.pixel_places(
        scene, tiling, [(min(int(s.column), size[0] - 1), min(int(s.row), size[1] - 1)) for s in spots]
    )
    positions = tuple(None if corner is None else centre(corner) for corner in corners)
    return Located(scene, text, size, heat, tuple(spots), positions, tiling)


def located_document(located: Located) -> dict[str, Any]:
    """The places for JSON, and how the map lies over the scene."""
    places = [
        {
            "rank": spot.rank,
            "score": spot.score,
            "column": spot.column,
            "row": spot.row,
            "longitude": None if position is None else position[0],
            "latitude": None if position is None else position[1],
        }
        for spot, position in zip(located.spots, located.positions, strict=True)
    ]
    height, width = located.heat.shape
    return {
        "scene": os.fspath(located.scene),
        "text": located.text,
        "width": located.size[0],
        "height": located.size[1],
        "map": {"width": width, "height": height},
        "places": places,
    }


def write_located(located: Located, path: Path) -> Path:
    """Write the map: `.tif` with its numbers, or `.png` over the scene with the places marked.

    Raises `InputError` for another suffix, and where it cannot be written, `ImageryError` where the scene
    cannot be read any more.
    """
    suffix = path.suffix.lower()
    try:
        if suffix in (".tif", ".tiff"):
            if isinstance(located.scene, Path) and path.exists() and path.samefile(located.scene):
                raise InputError(f"{shown(path)} is the scene itself: choose another name")
            maps.write_map(located.scene, located.tiling, located.heat, path)
        elif suffix == ".png":
            from swath.serving.heat import picture_shape, scene_picture

            view = maps.overview(located.scene, located.tiling, picture_shape(located.size))
            spots = [(spot.column, spot.row) for spot in located.spots]
            scene_picture(view.pixels, located.heat, located.size, spots).save(path)
        else:
            raise InputError(f"map {shown(path)}: name a file that ends in .tif or .png")
    except OSError as error:
        raise InputError(f"cannot write the map {shown(path)}: {error.strerror or error}") from error
    return path


def _batches(tiles: Iterator[Any]) -> Iterator[list[Any]]:
    batch = []
    for tile in tiles:
        batch.append(tile)
        if len(batch) == _BATCH:
            yield batch
            batch = []
    if batch:
        yield batch
