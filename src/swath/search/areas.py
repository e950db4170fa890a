"""Areas of the Earth: what a GeoJSON object covers, and what lies within a distance of a point.

An area is a shape in the plane of longitude and latitude, so edges are straight there, as RFC 7946 has them:
one from 170 to -170 goes through 0. What crosses the antimeridian is cut there, or written with longitudes
beyond 180. Rings may wind either way and may lack the corner that closes them; parts may overlap.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from swath.errors import InputError
from swath.search.caret import short

if TYPE_CHECKING:
    import shapely

_EQUATOR, _FLATTENING = 6378137.0, 1 / 298.257223563
"""WGS 84: metres from the centre to the equator, and the flattening."""
_QUARTER, _HALF = 1e7, 20003931.4586
"""Metres: no disc up to the first has two poles in it; and from pole to pole, to the farthest point."""
_LEAST = 1e-3
"""Metres below which a disc is its centre: a millimetre."""
_CORNERS = 2048
"""Of a disc. Its edges are straight, which is wrong by three thousandths of the radius beside a pole, and by
a millionth elsewhere."""
_WGS84 = ("crs84", "epsg::4326", "epsg:4326", "wgs84", "wgs 84")


@dataclass(frozen=True, slots=True, eq=False)
class Area:
    """A shape on the Earth."""

    shape: shapely.Geometry
    """Longitudes from -180, and up to 540 where a part crosses the antimeridian; latitudes -90 to 90."""

    @property
    def bounds(self) -> tuple[float, float, float, float]:
        """West, south, east and north, east of 180 where it crosses the antimeridian."""
        west, south, east, north = self.shape.bounds
        return west, south, east, north


def point(longitude: float, latitude: float) -> Area:
    """A single point. Raises `InputError` for what is no point of the Earth."""
    import shapely

    return Area(shapely.Point(*_position((longitude, latitude), "The point")))


def disc(longitude: float, latitude: float, metres: float) -> Area:
    """All that is at most so far from a point, along the ellipsoid of WGS 84, to within .5 % of the distance.

    Raises `InputError` for what is no point or no distance.
    """
    import shapely

    if not (math.isfinite(metres) and metres >= 0):
        raise InputError(f"A distance is a number of metres, 0 or more, not {metres}")
    longitude, latitude = _position((longitude, latitude), "The point")
    if metres < _LEAST:
        return point(longitude, latitude)
    if metres <= _QUARTER:
        return _prepared(_round(longitude, latitude, metres))
    # The Earth without what is farther away: a disc round the point opposite.
    whole = shapely.box(-180.0, -90.0, 180.0, 90.0)
    if _HALF - metres < _LEAST:
        return _prepared(whole)
    far = _round(longitude + (180.0 if longitude <= 0 else -180.0), -latitude, _HALF - metres)
    for turn in (-360.0, 0.0, 360.0):
        whole = shapely.difference(whole, shapely.transform(far, lambda xy, by=turn: np.add(xy, (by, 0.0))))
    return _prepared(whole)


def area_of(document: Mapping[str, Any]) -> Area:
    """What a GeoJSON object covers: polygons, collections of them, and features.

    Raises `InputError` where it is no GeoJSON, has no polygon or anything else beside them, another CRS than
    WGS 84, coordinates that are none, and edges that cross.
    """
    import shapely

    polygons = [_polygon(rings) for rings in _polygons(document)]
    if not polygons:
        raise InputError("Area: there is no polygon in it")
    return _prepared(shapely.union_all(polygons))


def over_pole(ring: NDArray[np.float64]) -> NDArray[np.float64]:
    """float64[m, 2]: a ring round a pole, opened at the antimeridian and led along the pole."""
    turned = np.column_stack([(ring[:, 0] + 180) % 360 - 180, ring[:, 1]])
    turned = turned[np.lexsort((turned[:, 1], turned[:, 0]))]
    (x0, y0), (x1, y1) = turned[-1], turned[0]
    seam = y0 + (y1 - y0) * (180 - x0) / (x1 + 360 - x0)
    pole = math.copysign(90.0, ring[:, 1].min() + ring[:, 1].max())
    return np.array([(-180.0, seam), *turned, (180.0, seam), (180.0, pole), (-180.0, pole)])


def unrolled(longitudes: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Longitudes of rings, float64[..., c], without jumps; and bool[...], whether they go round a pole.

    Each edge goes the shorter way round. Whole turns are all that is added, so that the others stay exact.
    """
    turns = np.zeros(longitudes.shape)
    steps = np.diff(longitudes, axis=-1)
    turns[..., 1:] = -np.cumsum(np.rint(steps / 360), axis=-1)
    straight = longitudes + 360 * turns
    closing = straight[..., 0] - straight[..., -1]
    return straight, np.rint(closing / 360) != 0


def _prepared(shape: shapely.Geometry) -> Area:
    import shapely

    shapely.prepare(shape)
    return Area(shape)


def _position(given: Sequence[float], what: str) -> tuple[float, float]:
    """Longitude, brought to -180 to 180, and latitude."""
    longitude, latitude = given
    if not (math.isfinite(longitude) and math.isfinite(latitude)):
        raise InputError(f"{what} is a longitude and a latitude in degrees, not {longitude}, {latitude}")
    if not -90 <= latitude <= 90:
        raise InputError(
            f"{what} has the latitude {latitude:g}, beyond 90 degrees: the longitude comes first"
        )
    if not -360 <= longitude <= 360:
        raise InputError(f"{what} has the longitude {longitude:g}, which is no place on the Earth")
    turn = 0 if -180 <= longitude <= 180 else math.copysign(360, longitude)
    return longitude - turn, latitude


def _round(longitude: float, latitude: float, metres: float) -> shapely.Geometry:
    """The disc round a point, with no more than one pole in it."""
    import shapely

    azimuths = np.linspace(0, 2 * np.pi, _CORNERS, endpoint=False)
    x, y = destination(longitude, latitude, azimuths, metres)
    x, goes_round = unrolled(x)
    ring = np.column_stack([x, y])
    return shapely.Polygon(
        over_pole(ring) if goes_round else ring - (360 * np.floor((x.min() + 180) / 360), 0)
    )


def destination(
    longitude: float, latitude: float, azimuths: NDArray[np.float64], metres: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Longitudes (-180 to 180) and latitudes that one comes to along geodesics (Vincenty's direct formulae).

    `azimuths` are in radians from the north by the east.
    """
    f, polar = _FLATTENING, (1 - _FLATTENING) * _EQUATOR
    north, east = np.cos(azimuths), np.sin(azimuths)
    reduced = math.atan2((1 - f) * math.sin(math.radians(latitude)), math.cos(math.radians(latitude)))
    sin_u, cos_u = math.sin(reduced), math.cos(reduced)
    start = np.arctan2(sin_u, cos_u * north)
    sin_a = cos_u * east
    cos2_a = 1 - sin_a**2
    square = cos2_a * (_EQUATOR**2 - polar**2) / polar**2
    a = 1 + square / 16384 * (4096 + square * (-768 + square * (320 - 175 * square)))
    b = square / 1024 * (256 + square * (-128 + square * (74 - 47 * square)))
    sigma = first = metres / (polar * a)
    for _ in range(8):  # each round is better by the square of the flattening
        middle, sine, cosine = np.cos(2 * start + sigma), np.sin(sigma), np.cos(sigma)
        inner = cosine * (2 * middle**2 - 1) - b / 6 * middle * (4 * sine**2 - 3) * (4 * middle**2 - 3)
        sigma = first + b * sine * (middle + b / 4 * inner)
    middle, sine, cosine = np.cos(2 * start + sigma), np.sin(sigma), np.cos(sigma)
    across = sin_u * sine - cos_u * cosine * north
    y = np.arctan2(sin_u * cosine + cos_u * sine * north, (1 - f) * np.hypot(sin_a, across))
    turn = np.arctan2(sine * east, cos_u * cosine - sin_u * sine * north)
    c = f / 16 * cos2_a * (4 + f * (4 - 3 * cos2_a))
    turn -= (1 - c) * f * sin_a * (sigma + c * sine * (middle + c * cosine * (2 * middle**2 - 1)))
    return (longitude + np.degrees(turn) + 180) % 360 - 180, np.degrees(y)


def _polygons(document: Any) -> Iterator[Any]:
    """The coordinates of every polygon. It walks without recursion: nothing says how deep a file goes."""
    waiting = [document]
    while waiting:
        given = waiting.pop()
        if not isinstance(given, Mapping):
            raise InputError(f"Area: {short(str(given))} is no GeoJSON object")
        _check_crs(given.get("crs", {}))
        kind = given.get("type")
        if kind == "Feature":
            if given.get("geometry") is not None:
                waiting.append(given["geometry"])
        elif kind in ("FeatureCollection", "GeometryCollection"):
            waiting += _list(given, "features" if kind == "FeatureCollection" else "geometries")
        elif kind == "Polygon":
            yield _list(given, "coordinates")
        elif kind == "MultiPolygon":
            yield from _list(given, "coordinates")
        elif kind in ("Point", "MultiPoint", "LineString", "MultiLineString"):
            raise InputError(
                f"Area: a {kind} covers nothing; give polygons alone, or a point with a distance"
            )
        elif kind is None:
            raise InputError("Area: an object has no 'type', so it is no GeoJSON")
        else:
            raise InputError(f"Area: {short(str(kind))} is no type of GeoJSON that has polygons")


def _list(given: Mapping[str, Any], key: str) -> Sequence[Any]:
    several = given.get(key)
    if not isinstance(several, list | tuple):
        raise InputError(f"Area: the {given['type']} has no list '{key}'")
    return several


def _check_crs(crs: Any) -> None:
    """GeoJSON is WGS 84; the version of 2008 let one name another CRS."""
    if crs == {}:
        return
    try:
        name = str(crs["properties"]["name"])
    except (TypeError, KeyError):
        name = str(crs)
    if not name.lower().endswith(_WGS84):
        raise InputError(
            f"Area: its CRS is {short(name)}; GeoJSON has longitudes and latitudes of WGS 84: reproject it"
        )


def _polygon(rings: Any) -> shapely.Polygon:
    import shapely

    if not isinstance(rings, list | tuple) or not rings:
        raise InputError("Area: a polygon has no ring")
    corners = [_ring(ring) for ring in rings]
    west, east = corners[0][:, 0].min(), corners[0][:, 0].max()
    if east - west > 360:
        raise InputError(f"Area: a polygon is {east - west:g} degrees of longitude wide; 360 is all there is")
    turn = 360 * np.floor((west + 180) / 360)
    shell, *holes = [ring - (turn, 0) for ring in corners]
    polygon = shapely.Polygon(shell, holes)
    if not shapely.is_valid(polygon):
        reason = shapely.is_valid_reason(polygon)
        raise InputError(f"Area: a polygon is not valid ({reason}): mend its rings; no two edges may cross")
    return polygon


def _ring(ring: Any) -> NDArray[np.float64]:
    """float64[c, 2]"""
    if not isinstance(ring, list | tuple):
        raise InputError("Area: a ring is no list of positions")
    for position in ring:
        if (
            not isinstance(position, list | tuple)
            or len(position) < 2
            or not all(isinstance(x, int | float) and not isinstance(x, bool) for x in position[:2])
        ):
            raise InputError(
                f"Area: {short(str(position))} is no position: write [longitude, latitude] in degrees"
            )
        _position(position[:2], "Area: a corner")
    corners = np.array([position[:2] for position in ring], np.float64).reshape(-1, 2)
    if len(np.unique(corners, axis=0)) < 3:
        raise InputError("Area: a ring has fewer than three corners")
    return corners
