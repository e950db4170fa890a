"""Footprints as GeoJSON."""

from __future__ import annotations

from itertools import pairwise

import pytest

from swath.geojson import centre
from swath.imagery import bounds
from swath.serving import geometry
from swath.types import Footprint


def _box(west: float, south: float, east: float, north: float) -> Footprint:
    return Footprint(((west, north), (east, north), (east, south), (west, south)))


def _area(ring: list[list[float]]) -> float:
    return sum(a[0] * b[1] - b[0] * a[1] for a, b in pairwise(ring)) / 2


def test_nothing_and_a_point() -> None:
    assert geometry(None) is None
    assert geometry(Footprint(((10.0, 50.0),))) == {"type": "Point", "coordinates": [10.0, 50.0]}


@pytest.mark.parametrize(
    "footprint", [_box(-1, -2, 3, 4), Footprint(tuple(reversed(_box(-1, -2, 3, 4).ring)))]
)
def test_polygon_is_closed_and_counter_clockwise(footprint: Footprint) -> None:
    found = geometry(footprint)
    assert found is not None
    assert found["type"] == "Polygon"
    (ring,) = found["coordinates"]
    assert ring[0] == ring[-1] == list(footprint.ring[0])
    assert sorted(map(tuple, ring[:-1])) == sorted(footprint.ring)
    assert _area(ring) == pytest.approx(24)


def test_antimeridian_is_cut() -> None:
    found = geometry(_box(179, -10, -178, -9))
    assert found is not None
    assert found["type"] == "MultiPolygon"
    (near,), (far,) = found["coordinates"]
    assert {x for x, _ in near} == {179, 180}
    assert {x for x, _ in far} == {-180, -178}
    assert _area(near) == pytest.approx(1)
    assert _area(far) == pytest.approx(2)


def test_antimeridian_from_the_east() -> None:
    found = geometry(Footprint(((-179.0, 1.0), (179.0, 1.0), (179.0, 0.0), (-179.0, 0.0))))
    assert found is not None
    parts = [{x for x, _ in part[0]} for part in found["coordinates"]]
    assert parts == [{-180, -179}, {179, 180}]


def test_tile_that_ends_at_the_antimeridian_is_whole() -> None:
    found = geometry(_box(178, 0, 180, 1))
    assert found is not None
    assert found["type"] == "Polygon"


@pytest.mark.parametrize(
    ("footprint", "middle"),
    [
        (_box(0, 0, 2, 4), (1, 2)),
        (_box(179, -10, -177, -8), (-179, -9)),
        (Footprint(((10.0, 50.0),)), (10, 50)),
    ],
)
def test_centre(footprint: Footprint, middle: tuple[float, float]) -> None:
    assert centre(footprint) == pytest.approx(middle)


@pytest.mark.parametrize("pole", [90, -90])
@pytest.mark.parametrize(
    ("longitudes", "at"),
    [((-45, 45, 135, -135), 85), ((-135, 135, 45, -45), 85), ((-180, -90, 0, 90), 85), ((0, 120, -120), 85)],
)
def test_round_a_pole(pole: int, longitudes: tuple[float, ...], at: float) -> None:
    latitude = at if pole > 0 else -at
    footprint = Footprint(tuple((x, latitude) for x in longitudes))
    found = geometry(footprint)
    assert found is not None
    assert found["type"] == "Polygon"
    (ring,) = found["coordinates"]
    assert ring[0] == ring[-1]
    assert len({tuple(corner) for corner in ring[:-1]}) == len(ring) - 1
    west, south, east, north = bounds(footprint)
    xs, ys = [x for x, _ in ring], [y for _, y in ring]
    assert (min(xs), min(ys), max(xs), max(ys)) == (west, south, east, north)
    assert pole in ys
    assert _area(ring) == pytest.approx(360 * 5)
    assert centre(footprint) == (0, pole)


def test_pole_off_the_middle() -> None:
    found = geometry(Footprint(((-90.0, 88.0), (80.0, 89.0), (170.0, 80.0), (-170.0, 84.0))))
    assert found is not None
    (ring,) = found["coordinates"]
    # The antimeridian is crossed half way between the corners at 80 and 84 degrees.
    assert {y for x, y in ring if abs(x) == 180} == {82, 90}
    assert [80.0, 89.0] in ring
