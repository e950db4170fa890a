"""From pixels to places: the transform, ground control points or RPCs of an open rasterio dataset."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from swath.imagery.footprints import wrap
from swath.types import Footprint, Window

Floats: TypeAlias = NDArray[np.float64]
ToMap: TypeAlias = Callable[[Floats, Floats], tuple[Floats, Floats]]

_EQUATOR, _FLATNESS = 6378137.0, 0.0066943799901413165  # WGS 84: metres, first eccentricity squared
_NOMINAL = 0.02
_BEYOND_POLE = 2.0
_STEPS = 3


@dataclass(frozen=True, slots=True)
class Georeference:
    """How the pixel grid of one raster lies on the Earth."""

    crs: Any
    """The rasterio CRS that `to_map` leads to; None where it is not known."""
    to_map: ToMap
    """Columns and rows (0, 0 is the upper left corner of the raster) to coordinates of the CRS."""

    def lonlat(self, columns: Floats, rows: Floats) -> Floats:
        """Degrees (EPSG:4326) of points of the pixel grid, float64[n, 2]; NaN where a point has no place."""
        if self.crs is None or not len(columns):
            return np.full((len(columns), 2), np.nan)
        places = _transformed(self.crs, *self.to_map(columns, rows))
        places[~np.isfinite(places).all(1) | (np.abs(places[:, 1]) > 90 + _BEYOND_POLE)] = np.nan
        # Grids whose cells are centred on the poles end half a cell beyond them.
        places[:, 1] = np.clip(places[:, 1], -90, 90)
        return places


def georeference(dataset: Any) -> Georeference | None:
    """The georeference of an open dataset: transform, else ground control points, else RPCs; None without.

    What lays all pixels on a line or a point (pixels without a size, control points in a row) places none.
    """
    if not dataset.transform.is_identity and _spans_a_plane(*dataset.transform[:6]):
        a, b, c, d, e, f = dataset.transform[:6]
        return Georeference(dataset.crs, lambda x, y: (a * x + b * y + c, d * x + e * y + f))
    points, crs = dataset.gcps
    if len(points) >= 3 and (by_points := _by_control_points(points, crs)) is not None:
        return by_points
    if dataset.rpcs is not None:
        return _by_rpcs(dataset.rpcs)
    return None


def footprints(reference: Georeference | None, windows: Sequence[Window]) -> list[Footprint | None]:
    """The footprint of each window: its corners by the transform, longitudes in -180 to 180.

    Edges of 180 degrees and more (tiles of world maps) get points in between, for the shorter way between two
    corners of a ring is taken to be its edge. None where a corner has no place on the Earth.
    """
    if reference is None or reference.crs is None:
        return [None] * len(windows)
    rings = _rings(reference, windows, steps=1)
    spans = np.ptp(rings[:, :, 0], axis=1)
    wide = np.flatnonzero(spans >= 180).tolist()
    result = [_footprint(ring) for ring in rings]
    for i, ring in zip(wide, _rings(reference, [windows[i] for i in wide], _STEPS), strict=True):
        if _widest_edge(ring) >= 180:
            result[i] = _footprint(ring)
    return result


def resolution(reference: Georeference, width: int, height: int) -> float | None:
    """Metres per pixel at the middle of the raster, to four digits; None where it has no place there.

    The CRS's own metres where they are true to 2 % (10.0 for a 10 m grid in UTM), else metres on the ground.
    """
    x, y = width / 2, height / 2
    columns, rows = np.array([x, x + 1, x]), np.array([y, y, y + 1])
    places = reference.lonlat(columns, rows)
    ground = _square_side(_geocentric(places))
    if not math.isfinite(ground) or ground <= 0:
        return None
    if reference.crs.is_projected:
        map_x, map_y = reference.to_map(columns, rows)
        nominal = _square_side(np.column_stack([map_x, map_y])) * reference.crs.linear_units_factor[1]
        if abs(ground - nominal) <= _NOMINAL * ground:
            ground = nominal
    return float(f"{ground:.4g}")


def crs_name(crs: Any) -> str | None:
    """A short name: `EPSG:32618` or `ESRI:102003` where it is one of a register, else the name in its WKT."""
    if crs is None:
        return None
    authority = crs.to_authority()
    if authority is not None:
        return ":".join(authority)
    parts = crs.to_wkt().split('"')
    return str(parts[1]) if len(parts) > 1 else None


def _spans_a_plane(a: float, b: float, c: float, d: float, e: float, f: float) -> bool:
    return all(map(math.isfinite, (a, b, c, d, e, f))) and a * e != b * d


def _by_control_points(points: Sequence[Any], crs: Any) -> Georeference | None:
    from rasterio._err import CPLE_BaseError
    from rasterio.control import GroundControlPoint
    from rasterio.transform import GCPTransformer

    if crs is not None and crs.is_geographic:
        # A polynomial through longitudes must not see the jump at the antimeridian.
        first = points[0].x
        points = [
            GroundControlPoint(p.row, p.col, first + (p.x - first + 180) % 360 - 180, p.y) for p in points
        ]
    try:
        GCPTransformer(points).close()
    except CPLE_BaseError:  # they determine no plane
        return None

    def to_map(columns: Floats, rows: Floats) -> tuple[Floats, Floats]:
        with GCPTransformer(points) as transformer:
            x, y = transformer.xy(rows, columns, offset="ul")
        return np.asarray(x), np.asarray(y)

    return Georeference(crs, to_map)


def _by_rpcs(rpcs: Any) -> Georeference:
    from rasterio.crs import CRS
    from rasterio.transform import RPCTransformer

    def to_map(columns: Floats, rows: Floats) -> tuple[Floats, Floats]:
        with RPCTransformer(rpcs) as transformer:
            x, y = transformer.xy(rows, columns, np.full(len(rows), rpcs.height_off), offset="ul")
        return np.asarray(x), np.asarray(y)

    return Georeference(CRS.from_epsg(4326), to_map)


def _rings(reference: Georeference, windows: Sequence[Window], steps: int) -> Floats:
    """Degrees along the edge of each window, clockwise in the pixel grid: float64[n, 4 * steps, 2]."""
    places = np.array([(w.column, w.row, w.width, w.height) for w in windows], np.float64).reshape(-1, 4, 1)
    way = np.arange(steps) / steps
    nought, one = np.zeros(steps), np.ones(steps)
    columns = places[:, 0] + places[:, 2] * np.concatenate([way, one, 1 - way, nought])
    rows = places[:, 1] + places[:, 3] * np.concatenate([nought, way, one, 1 - way])
    return reference.lonlat(columns.ravel(), rows.ravel()).reshape(len(windows), 4 * steps, 2)


def _footprint(ring: Floats) -> Footprint | None:
    if not np.isfinite(ring).all():
        return None
    return Footprint(tuple((wrap(longitude), latitude) for longitude, latitude in ring.tolist()))


def _widest_edge(ring: Floats) -> float:
    """Degrees of longitude along the widest edge of a ring with `_STEPS` points an edge."""
    steps = (np.diff(ring[:, 0], append=ring[0, 0]) + 180) % 360 - 180
    return float(np.abs(steps.reshape(4, _STEPS).sum(1)).max())


def _transformed(crs: Any, x: Floats, y: Floats) -> Floats:
    """Coordinates of a CRS to degrees (EPSG:4326), float64[n, 2]; NaN where there is no way."""
    from rasterio._err import CPLE_BaseError, CPLE_NotSupportedError
    from rasterio.errors import RasterioError
    from rasterio.warp import transform

    try:
        return np.column_stack(transform(crs, "EPSG:4326", x, y)).astype(np.float64)
    except CPLE_NotSupportedError:
        # From the Moon or Mars there is no way for any point, and a tenth of a second goes to learn it.
        return np.full((len(x), 2), np.nan)
    except (CPLE_BaseError, RasterioError):
        # A single point off the Earth, at the rim of a full disk, fails its whole batch.
        if len(x) == 1:
            return np.full((1, 2), np.nan)
    half = len(x) // 2
    return np.concatenate([_transformed(crs, x[:half], y[:half]), _transformed(crs, x[half:], y[half:])])


def _geocentric(places: Floats) -> Floats:
    """Metres from the middle of the Earth, float64[n, 3], of degrees on the WGS 84 ellipsoid."""
    longitude, latitude = np.radians(places.T)
    normal = _EQUATOR / np.sqrt(1 - _FLATNESS * np.sin(latitude) ** 2)
    across = normal * np.cos(latitude)
    up = normal * (1 - _FLATNESS) * np.sin(latitude)
    return np.column_stack([across * np.cos(longitude), across * np.sin(longitude), up])


def _square_side(points: Floats) -> float:
    """Side of the square as large as the parallelogram that three points, in two or three axes, span."""
    a, b = points[1] - points[0], points[2] - points[0]
    return math.sqrt(math.sqrt(max(0.0, (a @ a) * (b @ b) - (a @ b) ** 2)))
