"""Small folders of imagery, encoders that misbehave on purpose, and archives as comparable values."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from swath.archive import Store, pointer
from swath.archive.table import Table
from swath.types import ImageFeatures
from tests.tiny import TinyEncoder

_MOMENT = 1_600_000_000_000_000_000


def picture(path: Path, seed: int, side: int = 40) -> Path:
    """A picture whose content follows from the seed, and whose modification time follows from its name."""
    path.parent.mkdir(parents=True, exist_ok=True)
    colours = np.random.default_rng(seed).integers(0, 256, (4, 4, 3), dtype=np.uint8)
    Image.fromarray(colours).resize((side, side), Image.Resampling.NEAREST).save(path)
    os.utime(path, ns=(_MOMENT, _MOMENT + seed))
    return path


def pictures(folder: Path, count: int) -> Path:
    for index in range(count):
        picture(folder / f"{'ab'[index % 2]}/{index:03}.png", index)
    return folder


def raster(path: Path, seed: int, columns: int = 4, rows: int = 3, size: int = 32) -> Path:
    """A GeoTIFF of columns x rows windows of `size` pixels, with a footprint."""
    import rasterio
    from affine import Affine

    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(1, 255, (3, rows * size, columns * size), dtype=np.uint8)
    profile = {
        "driver": "GTiff",
        "width": columns * size,
        "height": rows * size,
        "count": 3,
        "dtype": "uint8",
    }
    with rasterio.open(
        path, "w", crs="EPSG:32633", transform=Affine(10, 0, 500_000, 0, -10, 5_000_000), **profile
    ) as file:
        file.write(pixels)
    os.utime(path, ns=(_MOMENT, _MOMENT + seed))
    return path


class SlowEncoder(TinyEncoder):
    """Takes its time, so that commits happen and kills hit."""

    def __init__(self, seconds_per_tile: float) -> None:
        super().__init__()
        self._seconds = seconds_per_tile

    def encode_images(self, batch: NDArray[np.uint8]) -> ImageFeatures:
        time.sleep(self._seconds * len(batch))
        return super().encode_images(batch)


class StoppingEncoder(TinyEncoder):
    """Raises once it has seen a number of tiles."""

    def __init__(self, tiles: int, error: Callable[[], BaseException]) -> None:
        super().__init__()
        self._left = tiles
        self._error = error

    def encode_images(self, batch: NDArray[np.uint8]) -> ImageFeatures:
        if len(batch) and self._left <= 0:
            raise self._error()
        self._left -= len(batch)
        return super().encode_images(batch)


def content(store: Store) -> dict[str, tuple[Any, ...]]:
    """Everything that is kept of every tile, by id."""
    state = pointer.read(store.path)
    table = Table(store.path, state.version, state.geometry)
    thumbnails: dict[str, bytes] = {}
    found: dict[str, tuple[Any, ...]] = {}
    for rows in table.scan():
        thumbnails.update(table.thumbnails([row.id for row in rows.rows]))
        for index, (row, sources) in enumerate(zip(rows.rows, rows.sources, strict=True)):
            assert row.id not in found
            found[row.id] = (
                row.digest,
                row.window,
                row.footprint,
                row.time,
                dict(row.attributes),
                thumbnails[row.id],
                tuple((state.roots[source.root], *source[1:]) for source in sources),
                *(rows.signals[name][index].tobytes() for name in sorted(rows.signals)),
            )
    return found


def ids(store: Store) -> set[str]:
    return {tile_id.decode() for tile_id in store.gallery().ids.tolist()}


def flip(path: Path, position: int, bits: int = 4) -> None:
    """Change bits of one byte."""
    with path.open("r+b") as file:
        file.seek(position)
        byte = file.read(1)
        file.seek(position)
        file.write(bytes([byte[0] ^ bits]))
