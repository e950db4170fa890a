"""Reading back from a sample world's folder what was drawn where."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from rasterio.warp import transform

from ...errors import InputError
from .canvas import Point
from .truth import area, clipped

TRUTH = "truth.geojson"


@dataclass(frozen=True, slots=True)
class Place:
    """One thing in one scene."""

    scene: str
    """File name."""
    kind: str
    thing: str
    ring: tuple[Point, ...]
    """Its outline in pixels of the scene."""

    def inside(self, left: float, top: float, right: float, bottom: float) -> float:
        """Square pixels of it in a rectangle of the scene."""
        return abs(area(clipped(self.ring, left, top, right, bottom)))

    @property
    def size(self) -> float:
        """Square pixels of the whole of it."""
        return abs(area(self.ring))


def places(folder: Path) -> tuple[Place, ...]:
    """The things of a world that `render` wrote, scene by scene.

    Raises `InputError` where the folder holds no such world.
    """
    try:
        features = json.loads((folder / TRUTH).read_text(encoding="utf-8"))["features"]
        by_scene: dict[str, list[dict[str, Any]]] = {}
        for feature in features:
            by_scene.setdefault(feature["properties"]["scene"], []).append(feature)
        return tuple(place for name, some in by_scene.items() for place in _of_scene(folder / name, some))
    except (OSError, KeyError, ValueError, rasterio.errors.RasterioIOError) as error:
        raise InputError(f"{folder} is no sample world ({error}): make one with swath sample") from error


def _of_scene(path: Path, features: Sequence[dict[str, Any]]) -> list[Place]:
    with rasterio.open(path) as raster:
        crs, inverse = raster.crs, np.array(~raster.transform).reshape(3, 3)
    rings = [np.asarray(feature["geometry"]["coordinates"][0][:-1]) for feature in features]
    flat = np.concatenate(rings)
    east, north = transform("EPSG:4326", crs, flat[:, 0].tolist(), flat[:, 1].tolist())
    points = (np.stack([east, north], 1) @ inverse[:2, :2].T + inverse[:2, 2]).tolist()
    found, start = [], 0
    for feature, ring in zip(features, rings, strict=True):
        properties = feature["properties"]
        outline = tuple((x, y) for x, y in points[start : start + len(ring)])
        found.append(Place(path.name, properties["kind"], properties["thing"], outline))
        start += len(ring)
    return found
