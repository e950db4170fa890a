"""What is where: clipping what was drawn to scenes and windows, and the GeoJSON file."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rasterio.warp import transform

from ...types import Window
from .canvas import Point, Record
from .questions import Question

WINDOW = 256


@dataclass(frozen=True, slots=True)
class Scene:
    """One raster of the world: a file name, and its rectangle in units of the world."""

    name: str
    left: int
    top: int
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class WindowTruth:
    """What one window of the regular grid of 256 pixels shows."""

    scene: str
    """File name."""
    window: Window
    kinds: tuple[str, ...]
    """Kinds of the things in it, those that cover the most first."""
    things: Mapping[str, int]
    """How many of each thing: those that lie mostly inside, or cover a fifth of the window."""

    def answers(self, question: Question) -> bool:
        """Whether this window is a right answer to a question."""
        return question.kind in self.kinds and question.thing in self.things


def clipped(ring: Sequence[Point], left: float, top: float, right: float, bottom: float) -> list[Point]:
    """The part of a ring inside a rectangle (Sutherland and Hodgman 1974); empty where they do not meet."""
    points = list(ring)
    for axis, limit, sign in ((0, left, 1), (0, right, -1), (1, top, 1), (1, bottom, -1)):
        kept: list[Point] = []
        for a, b in zip(points, points[1:] + points[:1], strict=True):
            inside_a, inside_b = sign * (a[axis] - limit) >= 0, sign * (b[axis] - limit) >= 0
            if inside_a:
                kept.append(a)
            if inside_a != inside_b:
                t = (limit - a[axis]) / (b[axis] - a[axis])
                kept.append((a[0] + t * (b[0] - a[0]), a[1] + t * (b[1] - a[1])))
        points = kept
    return points


def area(ring: Sequence[Point]) -> float:
    """Area of a ring in square units; positive where it runs clockwise on a screen (y down)."""
    if len(ring) < 3:
        return 0.0
    xy = np.asarray(ring, np.float64)
    x, y = xy[:, 0], xy[:, 1]
    return float(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1))) / 2


def window_truths(records: Sequence[Record], scenes: Sequence[Scene]) -> tuple[WindowTruth, ...]:
    """What each window of 256 pixels of each scene shows, in raster order."""
    boxes = [(r, np.min(r.ring, axis=0), np.max(r.ring, axis=0)) for r in records]
    truths = []
    for scene in scenes:
        for row in range(0, scene.height, WINDOW):
            for column in range(0, scene.width, WINDOW):
                left, top = scene.left + column, scene.top + row
                cover: Counter[str] = Counter()
                things: Counter[str] = Counter()
                for record, (low_x, low_y), (high_x, high_y) in boxes:
                    if low_x >= left + WINDOW or high_x <= left or low_y >= top + WINDOW or high_y <= top:
                        continue
                    inside = abs(area(clipped(record.ring, left, top, left + WINDOW, top + WINDOW)))
                    if inside > 0 and (inside > 0.2 * WINDOW**2 or inside > 0.6 * abs(area(record.ring))):
                        things[record.thing] += 1
                        cover[record.kind] = max(cover[record.kind], int(inside))
                kinds = tuple(kind for kind, _ in cover.most_common())
                truths.append(
                    WindowTruth(scene.name, Window(column, row, WINDOW, WINDOW), kinds, dict(things))
                )
    return tuple(truths)


def write(
    path: Path,
    records: Sequence[Record],
    scenes: Sequence[Scene],
    windows: Sequence[WindowTruth],
    crs: str,
    origin: tuple[float, float],
    pixel: float,
) -> None:
    """Write the truth as GeoJSON (RFC 7946): a feature for each thing and scene that it touches.

    Properties: `kind`, `thing`, `scene` (file name), `pixels` (column, row, width, height in the scene). The
    windows follow as the foreign member `windows`.
    """
    parts: list[tuple[Record, Scene, list[Point]]] = []
    for record in records:
        for scene in scenes:
            right, bottom = scene.left + scene.width, scene.top + scene.height
            ring = clipped(record.ring, scene.left, scene.top, right, bottom)
            size = area(ring)
            if abs(size) >= 1.0:
                parts.append((record, scene, ring if size < 0 else ring[::-1]))
    flat = np.asarray([point for _, _, ring in parts for point in [*ring, ring[0]]], np.float64)
    east, north = origin[0] + flat[:, 0] * pixel, origin[1] - flat[:, 1] * pixel
    longitudes, latitudes = transform(crs, "EPSG:4326", east.tolist(), north.tolist())
    corners = [[round(x, 7), round(y, 7)] for x, y in zip(longitudes, latitudes, strict=True)]
    features, start = [], 0
    for record, scene, ring in parts:
        end = start + len(ring) + 1
        xs, ys = [x - scene.left for x, _ in ring], [y - scene.top for _, y in ring]
        column, row = int(np.floor(min(xs))), int(np.floor(min(ys)))
        pixels = [column, row, int(np.ceil(max(xs))) - column, int(np.ceil(max(ys))) - row]
        properties = {"kind": record.kind, "thing": record.thing, "scene": scene.name, "pixels": pixels}
        geometry = {"type": "Polygon", "coordinates": [corners[start:end]]}
        features.append({"type": "Feature", "properties": properties, "geometry": geometry})
        start = end
    grid = [
        {
            "scene": w.scene,
            "window": [w.window.column, w.window.row, w.window.width, w.window.height],
            "kinds": list(w.kinds),
            "things": dict(w.things),
        }
        for w in windows
    ]
    head = '{"type": "FeatureCollection",\n"features": [\n'
    lines = ",\n".join(json.dumps(feature) for feature in features)
    tail = ",\n".join(json.dumps(entry) for entry in grid)
    path.write_text(f'{head}{lines}\n],\n"windows": [\n{tail}\n]}}\n', encoding="utf-8")
