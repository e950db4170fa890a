"""Places of imported rows: geometries of any writer as footprints in longitude and latitude."""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Sequence
from typing import TypeAlias

from swath.types import Footprint

Ring: TypeAlias = list[tuple[float, float]]
Transform: TypeAlias = Callable[[Ring], Ring]

MOST_CORNERS = 256
"""A ring with more corners becomes its bounding box: footprints tell where a tile is, not its coastline."""

_POINT, _POLYGON, _MULTIPOLYGON = 1, 3, 6


def from_wkb(data: bytes, transform: Transform | None = None) -> Footprint | None:
    """The footprint of a Point, the outer ring of a Polygon, or of the largest part of a MultiPolygon.

    ISO and extended WKB, with Z and M, in either byte order; an empty geometry is None. Raises `ValueError`
    for other geometries and for bytes that do not parse.
    """
    try:
        rings, _ = _read(data, 0)
    except (struct.error, KeyError, IndexError) as error:
        raise ValueError(f"{len(data)} bytes that are no WKB") from error
    return _footprint(rings, transform)


def from_wkt(text: str, transform: Transform | None = None) -> Footprint | None:
    """As `from_wkb`, from well-known text."""
    match = re.fullmatch(
        r"\s*(?:SRID=\d+;)?\s*(POINT|POLYGON|MULTIPOLYGON)\s*(?:Z|M|ZM)?\s*(.*?)\s*", text, re.I | re.S
    )
    if match is None:
        raise ValueError(f"{text[:30]!r} is no point or polygon")
    rings = []
    # The outer ring of each polygon is the one behind two opening brackets.
    bodies = re.findall(r"\(\s*\(([^()]*)\)", match[2]) or re.findall(r"^\(([^()]*)\)$", match[2])
    for body in bodies:
        corners = [tuple(map(float, corner.split()[:2])) for corner in body.split(",") if corner.strip()]
        rings.append([(x, y) for x, y in corners])
    return _footprint(rings, transform)


def from_box(west: float, south: float, east: float, north: float) -> Footprint:
    """The footprint of a box, from its upper left corner on. Raises `ValueError` for what is no place."""
    return _checked([(west, north), (east, north), (east, south), (west, south)])


def from_point(longitude: float, latitude: float) -> Footprint:
    """A point. Raises `ValueError` for what is no place."""
    return _checked([(longitude, latitude)])


def transform_from(crs: str) -> Transform | None:
    """What takes coordinates of a CRS (PROJJSON, WKT or EPSG:n) to longitude and latitude; None: nothing.

    Raises `ValueError` where the CRS is not known.
    """
    from rasterio.crs import CRS
    from rasterio.errors import CRSError
    from rasterio.warp import transform

    try:
        found = CRS.from_user_input(crs)
    except CRSError as error:
        raise ValueError(f"the coordinate system of the geometries is not known ({crs[:60]})") from error
    if found.is_geographic:
        return None

    def to_degrees(ring: Ring) -> Ring:
        xs, ys = transform(found, "EPSG:4326", [x for x, _ in ring], [y for _, y in ring])
        return list(zip(xs, ys, strict=True))

    return to_degrees


def _read(data: bytes, at: int, is_part: bool = False) -> tuple[list[Ring], int]:
    """Outer rings of the geometry that begins at a byte, and where it ends; a part has no parts."""
    order = {0: ">", 1: "<"}[data[at]]
    (code,) = struct.unpack_from(f"{order}I", data, at + 1)
    at += 5
    # Extended WKB has flags for Z, M and a reference system; ISO adds 1000 for Z and 2000 for M.
    if code & 0x20000000:
        at += 4
    kind = (code & 0xFFFFFF) % 1000
    width = 2 + bool(code & 0x80000000) + bool(code & 0x40000000) + (0, 1, 1, 2)[(code & 0xFFFFFF) // 1000]
    if kind == _POINT:
        x, y = struct.unpack_from(f"{order}2d", data, at)
        return ([] if x != x else [[(x, y)]]), at + 8 * width
    (count,) = struct.unpack_from(f"{order}I", data, at)
    at += 4
    rings: list[Ring] = []
    if kind == _MULTIPOLYGON and not is_part:
        for _ in range(count):
            part, at = _read(data, at, is_part=True)
            rings += part
    elif kind == _POLYGON:
        for number in range(count):
            (corners,) = struct.unpack_from(f"{order}I", data, at)
            values = struct.unpack_from(f"{order}{corners * width}d", data, at + 4)
            at += 4 + 8 * corners * width
            if number == 0:
                rings.append(list(zip(values[::width], values[1::width], strict=True)))
    else:
        raise ValueError(f"a geometry of type {code}, not a point or polygon")
    return rings, at


def _footprint(rings: Sequence[Ring], transform: Transform | None) -> Footprint | None:
    if not rings or not rings[0]:
        return None
    ring = max(rings, key=_area) if len(rings) > 1 else rings[0]
    if len(ring) > 1 and ring[0] == ring[-1]:
        ring = ring[:-1]
    if transform is not None:
        ring = transform(ring)
    if len(ring) > MOST_CORNERS or len(ring) == 2:
        xs, ys = [x for x, _ in ring], [y for _, y in ring]
        return from_box(min(xs), min(ys), max(xs), max(ys))
    return _checked(ring)


def _area(ring: Ring) -> float:
    pairs = zip(ring, [*ring[1:], ring[0]], strict=True)
    return abs(sum(x0 * y1 - x1 * y0 for (x0, y0), (x1, y1) in pairs))


def _checked(ring: Ring) -> Footprint:
    for x, y in ring:
        if not (-180 <= x <= 180 and -90 <= y <= 90):
            raise ValueError(f"({x:.6g}, {y:.6g}) is no longitude and latitude")
    return Footprint(tuple(ring))
