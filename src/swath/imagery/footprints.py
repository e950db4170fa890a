"""Footprints on the sphere: their bounds, and their bytes (WKB)."""

from __future__ import annotations

import struct
from collections.abc import Iterable

from swath.errors import ImageryError
from swath.types import Bounds, Footprint

_POINT, _POLYGON = 1, 3


def wrap(longitude: float) -> float:
    """The same longitude in -180 to 180. Both ends stay what they are: a world map keeps its edges."""
    if -180 <= longitude <= 180:
        return longitude
    return (longitude + 180) % 360 - 180


def bounds(footprint: Footprint) -> Bounds:
    """West, south, east and north of the corners, in degrees; west > east where it crosses the antimeridian.

    Each edge of the ring is taken the shorter way round the Earth (footprints of tiles have no edge of 180
    degrees or more). A ring that goes round a pole has all longitudes, and that pole.
    """
    longitudes, turn = _unrolled([longitude for longitude, _ in footprint.ring])
    latitudes = [latitude for _, latitude in footprint.ring]
    south, north = min(latitudes), max(latitudes)
    if abs(turn) > 180:
        return (-180.0, south, 180.0, 90.0) if south + north > 0 else (-180.0, -90.0, 180.0, north)
    west, east = min(longitudes), max(longitudes)
    if east - west >= 360:
        return -180.0, south, 180.0, north
    # Unrolling starts at a corner within ±180, so an end beyond it lies across the antimeridian.
    if west < -180:
        west += 360
    if east > 180:
        east -= 360
    return west, south, east, north


def to_wkb(footprint: Footprint) -> bytes:
    """Well-known binary, little-endian: a Point of a single corner, else a Polygon of one closed ring."""
    ring = footprint.ring
    if len(ring) == 1:
        return struct.pack("<BI2d", 1, _POINT, *ring[0])
    numbers = [number for corner in (*ring, ring[0]) for number in corner]
    return struct.pack(f"<BIII{len(numbers)}d", 1, _POLYGON, 1, len(ring) + 1, *numbers)


def from_wkb(data: bytes) -> Footprint:
    """The footprint that `to_wkb` encoded. Raises `ImageryError` for other bytes."""
    try:
        order = {0: ">", 1: "<"}[data[0]]
        (kind,) = struct.unpack_from(f"{order}I", data, 1)
        if kind == _POINT:
            return Footprint((_corner(struct.unpack(f"{order}2d", data[5:])),))
        if kind == _POLYGON:
            rings, corners = struct.unpack_from(f"{order}2I", data, 5)
            numbers = struct.unpack(f"{order}{2 * corners}d", data[13:])
            ring = tuple(_corner(numbers[i : i + 2]) for i in range(0, len(numbers), 2))
            if rings == 1 and len(ring) > 3 and ring[0] == ring[-1]:
                return Footprint(ring[:-1])
        reason = f"a geometry of type {kind}, not a point or one closed ring"
    except (KeyError, IndexError, struct.error) as error:
        reason = f"{len(data)} bytes that do not parse ({error})"
    raise ImageryError(f"a footprint is no footprint in WKB: {reason}; rebuild what holds it")


def _corner(numbers: tuple[float, ...]) -> tuple[float, float]:
    longitude, latitude = numbers
    return longitude, latitude


def _unrolled(longitudes: Iterable[float]) -> tuple[list[float], float]:
    """Longitudes without jumps, and what a walk round the ring adds up to (0, or ±360 round a pole)."""
    unrolled = list(longitudes)
    first = unrolled[0]
    for i in range(1, len(unrolled)):
        unrolled[i] = unrolled[i - 1] + _shorter(unrolled[i] - unrolled[i - 1])
    return unrolled, unrolled[-1] + _shorter(first - unrolled[-1]) - first


def _shorter(degrees: float) -> float:
    return (degrees + 180) % 360 - 180
