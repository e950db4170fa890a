"""Where the imagery of an archive lies: outlines of its scenes, or counts in cells where they are many."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from swath.archive import ArchiveGallery
from swath.geojson import geometry
from swath.types import Footprint, Tile

PREVIEW_TILES = 4096
"""Scenes of more tiles get no preview."""
_CELLS = 48
"""Cells along the longer side of what the archive covers."""
_BINS = 40
"""Of the histogram over time."""

Corner = tuple[float, float]


@dataclass(frozen=True, slots=True, eq=False)
class Scene:
    """A file, and the rows of its tiles."""

    id: str
    source: str
    rows: NDArray[np.int64]


class Scenes:
    """The scenes of one gallery; what is worked out once is kept."""

    def __init__(self, gallery: ArchiveGallery) -> None:
        self.gallery = gallery

    @cached_property
    def all(self) -> list[Scene]:
        """Every file with tiles, in order."""
        codes, paths = self.gallery.files()
        order = np.argsort(codes, kind="stable")
        present, starts = np.unique(codes[order], return_index=True)
        parts = np.split(order, starts[1:]) if len(present) else []
        return [
            Scene(scene_id(paths[code]), paths[code], rows)
            for code, rows in zip(present.tolist(), parts, strict=True)
        ]

    @cached_property
    def by_id(self) -> dict[str, Scene]:
        """The same, by their ids."""
        return {scene.id: scene for scene in self.all}

    @cached_property
    def placed(self) -> list[Scene]:
        """Those that lie somewhere."""
        west = self.gallery.bounds[:, 0]
        return [scene for scene in self.all if not np.isnan(west[scene.rows]).all()]

    @cached_property
    def features(self) -> list[dict[str, Any]]:
        """GeoJSON features with the outlines of those that are placed."""
        return [self._feature(scene) for scene in self.placed]

    def cells(self) -> list[dict[str, Any]]:
        """GeoJSON features of the cells of a grid that have tiles, with how many."""
        bounds = self.gallery.bounds
        west, south, east, north = bounds[~np.isnan(bounds[:, 0])].T
        east = np.where(west > east, east + 360, east)
        x, y = (west + east) / 2, (south + north) / 2
        side = max(np.ptp(x), np.ptp(y), 1e-6) / _CELLS
        columns, rows = np.floor(x / side).astype(np.int64), np.floor(y / side).astype(np.int64)
        found, counts = np.unique(np.stack([columns, rows]), axis=1, return_counts=True)
        features = []
        for column, row, count in zip(*found.tolist(), counts.tolist(), strict=True):
            left, bottom = column * side, max(-90.0, row * side)
            right, top = left + side, min(90.0, (row + 1) * side)
            ring = ((left, bottom), (right, bottom), (right, top), (left, top))
            shape = geometry(Footprint(ring))
            features.append({"type": "Feature", "geometry": shape, "properties": {"tiles": count}})
        return features

    def tiles(self, scene: Scene) -> list[Tile]:
        """The tiles of a scene, the larger ones first, as they are laid over each other."""
        tiles = [self.gallery.tile(row) for row in scene.rows.tolist()]
        return sorted(tiles, key=lambda tile: -tile.window.width * tile.window.height)

    def _feature(self, scene: Scene) -> dict[str, Any]:
        ring = self._outline(scene.rows)
        quad = self._quad(scene.rows) if 1 <= len(scene.rows) <= PREVIEW_TILES else None
        return {
            "type": "Feature",
            "id": scene.id,
            "geometry": geometry(Footprint(tuple(ring))),
            "properties": {"source": scene.source, "tiles": len(scene.rows), "corners": quad},
        }

    def _outline(self, rows: NDArray[np.int64]) -> list[Corner]:
        """The hull of the tiles that lie furthest out in eight directions."""
        west, south, east, north = self.gallery.bounds[rows].T
        first = west[np.flatnonzero(~np.isnan(west))[0]]
        left = (west - first + 180) % 360 - 180
        right = left + (east - west) % 360
        outward = (left, south, -right, -north, left + south, left - north, south - right, -right - north)
        outer = {int(np.nanargmin(way)) for way in outward}
        corners = []
        for place in sorted(outer):
            footprint = self.gallery.tile(int(rows[place])).footprint
            assert footprint is not None, "it has bounds"
            corners += [((x - first + 180) % 360 - 180, y) for x, y in footprint.ring]
        return [((x + first + 180) % 360 - 180, y) for x, y in hull(corners)]

    def _quad(self, rows: NDArray[np.int64]) -> list[list[float]] | None:
        """Where a preview goes: upper left, upper right, lower right, lower left of the whole of the windows.

        None for what has no area.
        """
        windows = self.gallery.windows[rows].astype(np.float64)
        if (windows[:, 2] < 1).any():
            return None
        edges = np.stack(
            [windows[:, 0], windows[:, 1], windows[:, 0] + windows[:, 2], windows[:, 1] + windows[:, 3]]
        )
        left, top, right, bottom = edges[0].min(), edges[1].min(), edges[2].max(), edges[3].max()
        pixels: list[tuple[float, float, float]] = []
        places: list[Corner] = []
        some = {int(way.argmin()) for way in (edges[0] + edges[1], -edges[2] - edges[3], edges[0] - edges[3])}
        for place in (*some, int((edges[1] - edges[2]).argmin())):
            footprint = self.gallery.tile(int(rows[place])).footprint
            if footprint is None or len(footprint.ring) != 4:
                return None
            x0, y0, x1, y1 = edges[:, place].tolist()
            pixels += [(x0, y0, 1.0), (x1, y0, 1.0), (x1, y1, 1.0), (x0, y1, 1.0)]
            places += footprint.ring
        base = places[0][0]
        lonlat = np.array([((x - base + 180) % 360 - 180, y) for x, y in places])
        fit, *_ = np.linalg.lstsq(np.array(pixels), lonlat, rcond=None)
        outer = np.array([(left, top, 1), (right, top, 1), (right, bottom, 1), (left, bottom, 1)]) @ fit
        return [[x + base, y] for x, y in outer.tolist()]


def scene_id(source: str) -> str:
    """16 hexadecimal digits for a path."""
    return hashlib.blake2b(source.encode("utf-8", "surrogateescape"), digest_size=8).hexdigest()


def hull(points: Sequence[Corner]) -> list[Corner]:
    """The convex hull of points, counter-clockwise; fewer than three corners where they lie on a line."""

    def chain(ordered: Sequence[Corner]) -> list[Corner]:
        kept: list[Corner] = []
        for x, y in ordered:
            while len(kept) > 1 and _turn(kept[-2], kept[-1], (x, y)) <= 0:
                kept.pop()
            kept.append((x, y))
        return kept[:-1]

    ordered = sorted(set(points))
    if len(ordered) < 3:
        return ordered[:1]
    return chain(ordered) + chain(ordered[::-1])


def _turn(a: Corner, b: Corner, c: Corner) -> float:
    return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])


def scenes_document(several: Sequence[Scenes], most: int) -> dict[str, Any]:
    """A FeatureCollection of all scenes that lie somewhere, beside it counts, the bounds and the times."""
    count = sum(len(one.placed) for one in several)
    simplified = count > most
    features = [one for scenes in several for one in (scenes.cells() if simplified else scenes.features)]
    bounds = np.concatenate([scenes.gallery.bounds for scenes in several])
    there = bounds[~np.isnan(bounds[:, 0])]
    times = np.concatenate([scenes.gallery.attribute("time") for scenes in several])
    return {
        "type": "FeatureCollection",
        "features": features,
        "simplified": simplified,
        "scenes": sum(len(scenes.all) for scenes in several),
        "tiles": len(bounds),
        "placed": len(there),
        "bbox": _box(there) if len(there) else None,
        "times": _times(times[~np.isnan(times)]),
    }


def _box(bounds: NDArray[np.float64]) -> list[float]:
    west, south, east, north = bounds.T
    if (west > east).any():
        return [-180.0, float(south.min()), 180.0, float(north.max())]
    return [float(west.min()), float(south.min()), float(east.max()), float(north.max())]


def _times(seconds: NDArray[np.float64]) -> dict[str, Any] | None:
    """The first and the last moment, and how many tiles fall into equal spans between them."""
    if not len(seconds):
        return None
    first, last = float(seconds.min()), float(seconds.max())
    counts, _ = np.histogram(seconds, _BINS, (first, max(last, first + 1)))
    return {
        "from": datetime.fromtimestamp(first, UTC).isoformat(),
        "to": datetime.fromtimestamp(last, UTC).isoformat(),
        "counts": counts.tolist(),
    }
