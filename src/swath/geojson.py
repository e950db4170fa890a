"""Footprints as geometries that other programs read: GeoJSON (RFC 7946), WKB and WKT."""

from __future__ import annotations

import math
import struct
from collections.abc import Mapping
from typing import Any

from swath.types import Footprint

Corner = tuple[float, float]

_WKB = {"Point": 1, "Polygon": 3, "MultiPolygon": 6}


def geometry(footprint: Footprint | None) -> dict[str, Any] | None:
    """A Point, a Polygon (counter-clockwise, closed), or a MultiPolygon cut at the antimeridian.

    A ring round a pole becomes a Polygon over all longitudes, whose edge runs along the pole.
    """
    if footprint is None:
        return None
    if len(footprint.ring) == 1:
        return {"type": "Point", "coordinates": list(footprint.ring[0])}
    ring = _unrolled(footprint.ring)
    if _goes_round(ring):
        return {"type": "Polygon", "coordinates": [_closed(_with_pole(ring))]}
    west, east = min(x for x, _ in ring), max(x for x, _ in ring)
    if west >= -180 and east <= 180:
        return {"type": "Polygon", "coordinates": [_closed(ring)]}
    # One part lies in the usual range of longitudes, the other a turn away.
    edge = 180.0 if east > 180 else -180.0
    turn = -360.0 if east > 180 else 360.0
    lower = _clipped(ring, edge, -1.0)
    upper = _clipped(ring, edge, 1.0)
    near, far = (lower, upper) if east > 180 else (upper, lower)
    parts = [near, [(x + turn, y) for x, y in far]]
    return {"type": "MultiPolygon", "coordinates": [[_closed(part)] for part in parts if len(part) > 2]}


def centre(footprint: Footprint) -> Corner:
    """Longitude and latitude of the middle of the corners, longitude from -180 to 180; or the pole inside."""
    ring = _unrolled(footprint.ring)
    if _goes_round(ring):
        return 0.0, _pole(ring)
    longitude = sum(x for x, _ in ring) / len(ring)
    latitude = sum(y for _, y in ring) / len(ring)
    return (longitude if -180 <= longitude <= 180 else (longitude + 180) % 360 - 180), latitude


def extent(shape: Mapping[str, Any]) -> tuple[float, float, float, float]:
    """Least longitude and latitude, then the greatest, of a geometry; all longitudes where it is cut."""
    corners = [corner for ring in _rings(shape) for corner in ring]
    xs, ys = [x for x, _ in corners], [y for _, y in corners]
    return min(xs), min(ys), max(xs), max(ys)


def to_wkb(shape: Mapping[str, Any]) -> bytes:
    """A geometry of `geometry` as well-known binary, little-endian."""
    if shape["type"] == "Point":
        return struct.pack("<BI2d", 1, _WKB["Point"], *shape["coordinates"])
    parts = [_polygon(ring) for ring in _rings(shape)]
    if shape["type"] == "Polygon":
        return parts[0]
    return struct.pack("<BII", 1, _WKB["MultiPolygon"], len(parts)) + b"".join(parts)


def to_wkt(shape: Mapping[str, Any]) -> str:
    """A geometry of `geometry` as well-known text, with as many digits as it has."""
    if shape["type"] == "Point":
        return "POINT ({!r} {!r})".format(*shape["coordinates"])
    parts = [f"(({', '.join(f'{x!r} {y!r}' for x, y in ring)}))" for ring in _rings(shape)]
    return f"POLYGON {parts[0]}" if shape["type"] == "Polygon" else f"MULTIPOLYGON ({', '.join(parts)})"


def _rings(shape: Mapping[str, Any]) -> list[list[list[float]]]:
    """The one ring of each part; a point is a ring of one corner."""
    coordinates = shape["coordinates"]
    if shape["type"] == "Point":
        return [[coordinates]]
    return [coordinates[0]] if shape["type"] == "Polygon" else [part[0] for part in coordinates]


def _polygon(ring: list[list[float]]) -> bytes:
    numbers = [number for corner in ring for number in corner]
    return struct.pack(f"<BIII{len(numbers)}d", 1, _WKB["Polygon"], 1, len(ring), *numbers)


def _unrolled(ring: tuple[Corner, ...]) -> list[Corner]:
    """The ring with longitudes that do not jump: no edge of a tile is 180 degrees long."""
    out = [ring[0]]
    for x, y in ring[1:]:
        before = out[-1][0]
        step = x - before
        if abs(step) > 180:
            x = before + (step + 180) % 360 - 180
        out.append((x, y))
    return out


def _goes_round(ring: list[Corner]) -> bool:
    """Whether an unrolled ring ends a turn away from where it began: then a pole lies inside."""
    (first, _), (last, _) = ring[0], ring[-1]
    return abs(last + (first - last + 180) % 360 - 180 - first) > 180


def _pole(ring: list[Corner]) -> float:
    latitudes = [y for _, y in ring]
    return math.copysign(90.0, min(latitudes) + max(latitudes))


def _with_pole(ring: list[Corner]) -> list[Corner]:
    """An unrolled ring round a pole, opened at the antimeridian and led along the pole."""
    turned = sorted(((x + 180) % 360 - 180, y) for x, y in ring)
    (x0, y0), (x1, y1) = turned[-1], turned[0]
    at = y0 + (y1 - y0) * (180 - x0) / (x1 + 360 - x0)
    pole = _pole(ring)
    return list(dict.fromkeys([(-180.0, at), *turned, (180.0, at), (180.0, pole), (-180.0, pole)]))


def _clipped(ring: list[Corner], edge: float, side: float) -> list[Corner]:
    """The part of a convex ring west (`side` -1) or east (1) of a meridian."""
    out: list[Corner] = []
    for (x0, y0), (x1, y1) in zip(ring, [*ring[1:], ring[0]], strict=True):
        inside, next_inside = (x0 - edge) * side >= 0, (x1 - edge) * side >= 0
        if inside:
            out.append((x0, y0))
        if inside != next_inside:
            out.append((edge, y0 + (y1 - y0) * (edge - x0) / (x1 - x0)))
    return list(dict.fromkeys(out))


def _closed(ring: list[Corner]) -> list[list[float]]:
    area = sum(x0 * y1 - x1 * y0 for (x0, y0), (x1, y1) in zip(ring, [*ring[1:], ring[0]], strict=True))
    turned = ring if area > 0 else [ring[0], *reversed(ring[1:])]
    return [list(corner) for corner in (*turned, turned[0])]
