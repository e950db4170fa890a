"""Rendering the sample world to GeoTIFF files with a truth file."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio import Affine

from ...errors import InputError
from . import layout, truth
from .canvas import Canvas
from .light import Sensor, Sun, exposed, lit
from .truth import Scene, WindowTruth

CRS = "EPSG:32618"
ORIGIN = (494_400.0, 4_266_600.0)
"""Easting and northing of the upper left corner, in metres: an Atlantic coast that looks east."""
PIXEL = 0.6
"""Metres."""
SCENES = tuple(
    Scene(f"{row}{column}.tif", 768 * i, 768 * j, 768, 768)
    for j, row in enumerate(("north", "south"))
    for i, column in enumerate(("-west", "", "-east"))
)
SUN = Sun(east=1, south=2, elevation=48.0)
SENSOR = Sensor(gain=(1.07, 1.06, 1.05))
TAKEN = "2024:06:15 10:42:00"


@dataclass(frozen=True, slots=True)
class World:
    """Where the files of a rendered world lie, and what its windows show."""

    folder: Path
    scenes: tuple[Path, ...]
    truth: Path
    """GeoJSON; see `swath.imagery.sample.truth.write`."""
    windows: tuple[WindowTruth, ...]
    """54 windows of 256 x 256 pixels, scene by scene in raster order."""


def render(folder: Path, seed: int = 0, *, density: float = 2.0) -> World:
    """Write six GeoTIFFs of 768 x 768 pixels of 0.6 m (uint8 RGB, tiled, JPEG) and `truth.geojson`.

    They join to one landscape of nine by six windows of 256 pixels. Equal seeds give equal pixels.
    `density` is the number of pixels drawn along one pixel of the result; 1 is quick and rough.

    Raises `InputError` where the folder cannot be written.
    """
    rng = np.random.default_rng([seed, 0])
    canvas = Canvas(layout.WIDTH, layout.HEIGHT, rng, density)
    layout.draw(canvas)
    windows = truth.window_truths(canvas.records, SCENES)
    paths = tuple(folder / scene.name for scene in SCENES)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with ThreadPoolExecutor(2) as pool:
            pictures = pool.map(lambda scene: _photograph(canvas, scene, seed), SCENES)
            for scene, path, pixels in zip(SCENES, paths, pictures, strict=True):
                _write(path, scene, pixels)
        answers = folder / "truth.geojson"
        truth.write(answers, canvas.records, SCENES, windows, CRS, ORIGIN, PIXEL)
    except (OSError, rasterio.errors.RasterioIOError) as error:
        raise InputError(
            f"{folder}: the sample world cannot be written there ({error}); name another folder"
        ) from error
    return World(folder, paths, answers, windows)


def _photograph(canvas: Canvas, scene: Scene, seed: int) -> NDArray[np.uint8]:
    """One scene as the camera sees it: uint8[height, width, 3]."""
    d = canvas.density
    rows = slice(round(scene.top * d), round((scene.top + scene.height) * d))
    columns = slice(round(scene.left * d), round((scene.left + scene.width) * d))
    rng = np.random.default_rng([seed, 1, scene.left, scene.top])
    return exposed(lit(canvas, rows, columns, SUN, rng), (scene.width, scene.height), SENSOR, rng)


def _write(path: Path, scene: Scene, pixels: NDArray[np.uint8]) -> None:
    corner = (ORIGIN[0] + scene.left * PIXEL, ORIGIN[1] - scene.top * PIXEL)
    with rasterio.open(
        path, "w", driver="GTiff", width=scene.width, height=scene.height, count=3, dtype="uint8", crs=CRS,
        transform=Affine(PIXEL, 0.0, corner[0], 0.0, -PIXEL, corner[1]),
        tiled=True, blockxsize=256, blockysize=256,
        compress="JPEG", photometric="YCBCR", jpeg_quality=92, interleave="pixel",
    ) as raster:  # fmt: skip
        raster.write(np.moveaxis(pixels, 2, 0))
        raster.update_tags(
            TIFFTAG_DATETIME=TAKEN, TIFFTAG_IMAGEDESCRIPTION="Rendered sample world, not a photograph"
        )
