from __future__ import annotations

import math
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swath.errors import ImageryError
from swath.imagery import bounds, from_wkb, to_wkb
from swath.imagery.footprints import wrap
from swath.types import Footprint

LONGITUDES = st.floats(-180, 180)
LATITUDES = st.floats(-90, 90)
CORNERS = st.tuples(LONGITUDES, LATITUDES)
RINGS = st.lists(CORNERS, min_size=3, max_size=12) | st.lists(CORNERS, min_size=1, max_size=1)


def box(west: float, south: float, east: float, north: float) -> Footprint:
    return Footprint(((west, north), (east, north), (east, south), (west, south)))


@given(RINGS)
def test_wkb_brings_back_the_same_footprint(ring: list[tuple[float, float]]) -> None:
    footprint = Footprint(tuple(ring))
    assert from_wkb(to_wkb(footprint)) == footprint


def test_wkb_is_the_standard_one() -> None:
    assert to_wkb(Footprint(((1.0, 2.0),))).hex() == "0101000000000000000000f03f0000000000000040"
    polygon = to_wkb(Footprint(((0.0, 0.0), (1.0, 0.0), (1.0, 1.0))))
    assert polygon[:13].hex() == "01030000000100000004000000"
    assert polygon[13:29] == polygon[-16:]
    big_endian = struct.pack(">BI2d", 0, 1, 3.0, 4.0)
    assert from_wkb(big_endian) == Footprint(((3.0, 4.0),))


POLYGON = to_wkb(box(0, 0, 1, 1))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x01",
        b"\x02" + POLYGON[1:],
        POLYGON[:-1],
        POLYGON + b"\0",
        POLYGON[:5] + b"\x02" + POLYGON[6:],
        POLYGON[:9] + b"\xff\xff\xff\xff" + POLYGON[13:],
        POLYGON[:-16] + struct.pack("<2d", 5, 5),
        b"\x01\x02" + POLYGON[2:],
    ],
)
def test_bytes_that_are_no_footprint_are_refused(data: bytes) -> None:
    with pytest.raises(ImageryError, match="no footprint"):
        from_wkb(data)


@given(st.floats(-1000, 1000))
def test_wrapping_keeps_the_meridian(longitude: float) -> None:
    wrapped = wrap(longitude)
    assert -180 <= wrapped <= 180
    turns = (wrapped - longitude) / 360
    assert abs(turns - round(turns)) < 1e-9


def test_both_ends_of_the_world_stay_where_they_are() -> None:
    assert wrap(-180.0) == -180.0 and wrap(180.0) == 180.0 and wrap(190.0) == -170.0


@given(LONGITUDES, st.floats(0.001, 179), st.floats(-80, 70), st.integers(0, 3), st.booleans())
def test_bounds_of_a_box(west: float, width: float, south: float, turn: int, mirrored: bool) -> None:
    east = wrap(west + width)
    ring = box(west, south, east, south + 10).ring
    ring = ring[turn:] + ring[:turn]
    footprint = Footprint(ring[::-1] if mirrored else ring)
    found = bounds(footprint)
    assert found[1::2] == (south, south + 10)
    for got, wanted in zip(found[::2], (west, east), strict=True):
        # At the antimeridian itself, 180 and -180 are the same place.
        assert math.isclose((got - wanted + 180) % 360, 180, abs_tol=1e-9)
    assert -180 <= found[0] <= 180 and -180 <= found[2] <= 180


def test_bounds_across_the_antimeridian_have_west_beyond_east() -> None:
    assert bounds(box(179, -1, -178, 1)) == (179, -1, -178, 1)
    assert bounds(box(-179, -1, 178, 1)) == (178, -1, -179, 1)
    assert bounds(box(170, -1, 180, 1)) == (170, -1, 180, 1)
    assert bounds(box(-180, -1, -170, 1)) == (-180, -1, -170, 1)


def test_bounds_of_a_point() -> None:
    assert bounds(Footprint(((7.5, -3.0),))) == (7.5, -3.0, 7.5, -3.0)


def test_bounds_round_a_pole_have_all_longitudes_and_the_pole() -> None:
    ring = ((-135.0, 80.0), (135.0, 81.0), (45.0, 82.0), (-45.0, 83.0))
    assert bounds(Footprint(ring)) == (-180, 80, 180, 90)
    south = tuple((longitude, -latitude) for longitude, latitude in ring[::-1])
    assert bounds(Footprint(south)) == (-180, -90, 180, -80)


def test_bounds_of_the_whole_world() -> None:
    world = [(x, 90.0) for x in (-180.0, -60.0, 60.0, 180.0)] + [
        (x, -90.0) for x in (180.0, 60.0, -60.0, -180.0)
    ]
    assert bounds(Footprint(tuple(world))) == (-180, -90, 180, 90)
