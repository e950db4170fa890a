"""Geometries of other writers: dimensions, byte orders, parts, holes, and what is no place."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swath.archive.imports.geometry import (
    MOST_CORNERS,
    from_box,
    from_point,
    from_wkb,
    from_wkt,
    transform_from,
)
from swath.types import Footprint

SQUARE = [(1.0, 2.0), (3.0, 2.0), (3.0, 4.0), (1.0, 4.0)]


def _polygon(
    ring: list[tuple[float, float]], *, order: str = "<", kind: int = 3, width: int = 2, srid: bool = False
) -> bytes:
    closed = [*ring, ring[0]]
    numbers = [number for corner in closed for number in (*corner, *[9.0] * (width - 2))]
    head = struct.pack(f"{order}BI", order == "<", kind | (0x20000000 if srid else 0))
    return (
        head
        + (struct.pack(f"{order}I", 4326) if srid else b"")
        + struct.pack(f"{order}II{len(numbers)}d", 1, len(closed), *numbers)
    )


@pytest.mark.parametrize(
    "data",
    [
        _polygon(SQUARE),
        _polygon(SQUARE, order=">"),
        _polygon(SQUARE, kind=1003, width=3),
        _polygon(SQUARE, kind=2003, width=3),
        _polygon(SQUARE, kind=3003, width=4),
        _polygon(SQUARE, kind=0x80000003, width=3),
        _polygon(SQUARE, kind=0x80000003, width=3, srid=True),
        _polygon(SQUARE, srid=True),
    ],
    ids=["plain", "big-endian", "Z", "M", "ZM", "extended Z", "extended Z SRID", "SRID"],
)
def test_a_polygon_in_every_dialect(data: bytes) -> None:
    assert from_wkb(data) == Footprint(tuple(SQUARE))


def test_the_largest_part_and_no_holes() -> None:
    small = [(50.0, 50.0), (50.1, 50.0), (50.1, 50.1)]
    parts = _polygon(small) + _polygon(SQUARE)
    assert from_wkb(struct.pack("<BII", 1, 6, 2) + parts) == Footprint(tuple(SQUARE))
    hole = "(1.5 2.5, 2 2.5, 2 3, 1.5 2.5)"
    text = f"(((50 50, 50.1 50, 50.1 50.1, 50 50)), ((1 2, 3 2, 3 4, 1 4, 1 2), {hole}))"
    assert from_wkt(f"MULTIPOLYGON {text}") == Footprint(tuple(SQUARE))
    assert from_wkt("SRID=4326;POLYGON Z ((1 2 0, 3 2 0, 3 4 0, 1 4 0, 1 2 0))") == Footprint(tuple(SQUARE))


def test_points_and_nothing() -> None:
    assert from_wkb(struct.pack("<BI2d", 1, 1, 5, 6)) == from_wkt("POINT (5 6)") == from_point(5, 6)
    nan = float("nan")
    assert from_wkb(struct.pack("<BI2d", 1, 1, nan, nan)) is None
    assert from_wkb(struct.pack("<BII", 1, 3, 0)) is None and from_wkt("POLYGON EMPTY") is None


def test_a_coastline_becomes_its_box() -> None:
    ring = [(x / 100, (x * x % 7) / 10) for x in range(MOST_CORNERS + 1)]
    assert from_wkb(_polygon(ring)) == from_box(0, 0, MOST_CORNERS / 100, 0.4)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x07",
        struct.pack("<BI", 1, 3),
        struct.pack("<BII", 1, 2, 0),
        _polygon([(500.0, 0.0)] * 3),
        struct.pack("<BII", 1, 6, 1) * 2000,
    ],
    ids=["empty", "order", "cut", "line", "metres", "nested"],
)
def test_what_is_no_place(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"no WKB|not a point or polygon|no longitude"):
        from_wkb(data)


@given(st.binary(max_size=120))
def test_any_bytes_are_a_place_or_a_value_error(data: bytes) -> None:
    try:
        found = from_wkb(data)
    except ValueError:
        return
    assert found is None or len(found.ring) != 2


@given(st.text(max_size=60))
def test_any_text_is_a_place_or_a_value_error(text: str) -> None:
    try:
        from_wkt(text)
    except ValueError:
        return


def test_coordinate_systems() -> None:
    assert transform_from("EPSG:4326") is None
    to_degrees = transform_from("EPSG:3857")
    assert to_degrees is not None and to_degrees([(111319.49, 0.0)])[0] == pytest.approx((1, 0), abs=1e-4)
    with pytest.raises(ValueError, match="not known"):
        transform_from("EPSG:1")
