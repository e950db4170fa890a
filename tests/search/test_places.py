"""Areas, distances and places, beside slow twins in whole numbers and in samples."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any, TypeAlias

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from swath.errors import InputError
from swath.search import MemoryGallery, mask
from swath.search.areas import area_of, destination, disc
from swath.search.places import at
from swath.types import Footprint, Tile, Window
from tests.search.galleries import box, ids_of, places

Ring: TypeAlias = list[tuple[float, float]]
Exact: TypeAlias = list[tuple[Fraction, Fraction]]


def gallery_of(*footprints: Footprint | None) -> MemoryGallery:
    ids = [f"{i:032x}" for i in range(len(footprints))]
    tiles = [
        Tile(name, f"{name}.tif", Window(0, 0, 256, 256), footprint)
        for name, footprint in zip(ids, footprints, strict=True)
    ]
    return MemoryGallery(ids, {"dense": np.ones((len(ids), 4))}, tiles)


def polygon(*rings: Ring) -> dict[str, Any]:
    return {"type": "Polygon", "coordinates": [[list(corner) for corner in ring] for ring in rings]}


def square(west: float, south: float, east: float, north: float) -> Ring:
    return [(west, south), (east, south), (east, north), (west, north), (west, south)]


def within(area: dict[str, Any], *footprints: Footprint | None) -> list[bool]:
    allowed = mask(gallery_of(*footprints), area=area)
    assert allowed is not None
    return [bool(one) for one in allowed]


def near(longitude: float, latitude: float, metres: float, *footprints: Footprint | None) -> list[bool]:
    allowed = mask(gallery_of(*footprints), near=(longitude, latitude, metres))
    assert allowed is not None
    return [bool(one) for one in allowed]


def test_edges_and_corners_count() -> None:
    area = polygon(square(0, 0, 10, 10))
    found = within(
        area,
        box(2, 2, 3, 3),  # inside
        box(-5, -5, 20, 20),  # around it
        box(10, 2, 12, 3),  # a common edge
        box(10, 10, 12, 12),  # a common corner
        box(10.001, 2, 12, 3),
        box(-5, 4, 15, 5),  # no corner of one in the other
        None,
        Footprint(((5.0, 5.0),)),
        Footprint(((10.0, 5.0),)),
        Footprint(((10.1, 5.0),)),
    )
    assert found == [True, True, True, True, False, True, False, True, True, False]


def test_bounds_that_touch_are_not_enough() -> None:
    slanted = Footprint(((0.0, 5.0), (5.0, 10.0), (10.0, 5.0), (5.0, 0.0)))
    assert within(polygon(square(0, 0, 2, 2)), slanted) == [False]
    assert within(polygon(square(0, 0, 2.5, 2.5)), slanted) == [True]
    assert within(polygon([(0, 0), (10, 0), (0, 10), (0, 0)]), box(8, 8, 9, 9), box(5, 5, 6, 6)) == [
        False,
        True,
    ]


def test_what_lies_in_a_hole_is_outside() -> None:
    area = polygon(square(0, 0, 10, 10), square(2, 2, 8, 8))
    found = within(area, box(4, 4, 6, 6), box(1, 4, 3, 6), box(2, 2, 8, 8), Footprint(((5.0, 5.0),)))
    assert found == [False, True, True, False]


@pytest.mark.parametrize(
    "area",
    [
        {"type": "MultiPolygon", "coordinates": [[square(170, -5, 180, 5)], [square(-180, -5, -175, 5)]]},
        polygon(square(170, -5, 185, 5)),
        polygon(square(-190, -5, -175, 5)),
    ],
)
def test_areas_across_the_antimeridian(area: dict[str, Any]) -> None:
    found = within(
        area,
        box(176, -1, 178, 1),
        box(179, -1, -179, 1),
        box(-178, -1, -176, 1),
        box(-180, 5, -179, 6),
        box(-175, 0, -170, 1),
        box(-174, 0, -170, 1),
        box(160, 0, 169, 1),
        box(0, 0, 1, 1),
        Footprint(((-180.0, 0.0),)),
        Footprint(((180.0, 0.0),)),
    )
    assert found == [True, True, True, True, True, False, False, False, True, True]


def test_what_touches_at_the_antimeridian_touches() -> None:
    west, east = box(-180, 0, -170, 1), box(170, 0, 180, 1)
    assert within(polygon(square(175, 0, 180, 1)), west, east) == [True, True]
    assert within(polygon(square(-180, 0, -175, 1)), west, east) == [True, True]
    assert within(polygon(square(175, 0, 179, 1)), west, east) == [False, True]


def test_the_poles() -> None:
    cap = Footprint(((0.0, 85.0), (90.0, 85.0), (180.0, 85.0), (-90.0, 85.0)))
    tip = box(100, 88, 110, 90)
    north = polygon(square(-180, 80, 180, 90))
    assert within(north, cap, tip, box(0, 79, 1, 80), box(0, 70, 1, 79)) == [True, True, True, False]
    # The pole is one point, whatever longitude it is written with.
    assert within(polygon(square(0, 89, 10, 90)), cap, tip, box(100, 88, 110, 89.9)) == [True, True, False]
    assert within(polygon(square(40, 86, 41, 87)), cap, tip) == [True, False]
    assert within(polygon(square(40, -90, 41, -87)), cap, box(0, -90, 1, -80)) == [False, True]
    assert near(0, 90, 111_000, cap, tip, box(20, 85, 21, 88)) == [True, True, False]
    assert near(77, 90, 0, cap, tip, box(0, 80, 1, 89.99)) == [True, True, False]


def test_collections() -> None:
    one, other = polygon(square(0, 0, 1, 1)), polygon(square(5, 5, 6, 6))
    tiles = box(0.5, 0.5, 0.6, 0.6), box(5.5, 5.5, 5.6, 5.6), box(3, 3, 4, 4)
    features = [{"type": "Feature", "properties": None, "geometry": part} for part in (one, None, other)]
    for area in (
        {"type": "GeometryCollection", "geometries": [one, other]},
        {
            "type": "GeometryCollection",
            "geometries": [{"type": "GeometryCollection", "geometries": [one, other]}],
        },
        {"type": "FeatureCollection", "features": features},
        {"type": "MultiPolygon", "coordinates": [one["coordinates"], other["coordinates"]]},
    ):
        assert within(area, *tiles) == [True, True, False]
    assert within(features[0], *tiles) == [True, False, False]
    # Parts that overlap are all of them, not what an even-odd rule leaves.
    twice = {"type": "GeometryCollection", "geometries": [one, one, polygon(square(0, 0, 3, 3))]}
    assert within(twice, *tiles) == [True, False, True]


def test_what_others_write_carelessly_is_read() -> None:
    tiles = box(0.5, 0.5, 0.6, 0.6), box(3, 3, 4, 4)
    open_ring = polygon(square(0, 0, 1, 1)[:-1])
    clockwise = polygon(square(0, 0, 1, 1)[::-1])
    repeated = polygon([corner for corner in square(0, 0, 1, 1) for _ in range(2)])
    heights = {"type": "Polygon", "coordinates": [[(x, y, 120.0) for x, y in square(0, 0, 1, 1)]]}
    named = {**polygon(square(0, 0, 1, 1)), "crs": {"type": "name", "properties": {"name": "EPSG:4326"}}}
    urn = {"type": "name", "properties": {"name": "urn:ogc:def:crs:OGC:1.3:CRS84"}}
    collection = {
        "type": "FeatureCollection",
        "crs": urn,
        "features": [{"type": "Feature", "geometry": open_ring}],
    }
    for area in (open_ring, clockwise, repeated, heights, named, collection):
        assert within(area, *tiles) == [True, False]


CRS = {"type": "name", "properties": {"name": "urn:ogc:def:crs:EPSG::32633"}}


@pytest.mark.parametrize(
    ("area", "says"),
    [
        ({}, "no 'type'"),
        ({"a": 1}, "no 'type'"),
        ({"type": "Topology"}, "'Topology' is no type"),
        ({"type": 3}, "'3' is no type"),
        ({"type": "Polygon"}, "has no list 'coordinates'"),
        ({"type": "Polygon", "coordinates": []}, "no ring"),
        ({"type": "Polygon", "coordinates": [[]]}, "fewer than three"),
        ({"type": "Polygon", "coordinates": 5}, "no list"),
        ({"type": "Polygon", "coordinates": [5]}, "no list of positions"),
        ({"type": "Polygon", "coordinates": [[5, 6, 7]]}, "'5' is no position"),
        ({"type": "Polygon", "coordinates": [[["0", "1"]]]}, "is no position"),
        ({"type": "MultiPolygon", "coordinates": []}, "no polygon"),
        ({"type": "FeatureCollection", "features": []}, "no polygon"),
        ({"type": "FeatureCollection", "features": [7]}, "'7' is no GeoJSON object"),
        ({"type": "Feature", "geometry": None}, "no polygon"),
        ({"type": "Point", "coordinates": [1, 2]}, "a Point covers nothing"),
        (
            {"type": "GeometryCollection", "geometries": [{"type": "LineString"}]},
            "a LineString covers nothing",
        ),
        (polygon([(0, 0), (1, 1), (1, 0), (0, 1)]), "Self-intersection"),
        (polygon([(0, 0), (1, 1), (2, 2)]), "not valid"),
        (polygon([(0, 0), (1, 1), (0, 0)]), "fewer than three"),
        (polygon(square(0, 0, 1, 1), square(5, 5, 6, 6)), "Hole lies outside"),
        (polygon([(0, 0), (1, math.nan), (1, 1)]), "not 1, nan"),
        (polygon([(0, 0), (1, math.inf), (1, 1)]), "not 1, inf"),
        (polygon(square(40, 100, 41, 101)), "latitude 100, beyond 90 degrees: the longitude comes first"),
        (polygon(square(500000, 0, 500100, 1)), "longitude 500000"),
        (polygon(square(-350, 0, 350, 1)), "700 degrees of longitude wide"),
        ({**polygon(square(0, 0, 1, 1)), "crs": CRS}, "EPSG::32633.* reproject"),
        ({**polygon(square(0, 0, 1, 1)), "crs": None}, "its CRS is 'None'"),
    ],
)
def test_what_is_no_area_is_refused(area: dict[str, Any], says: str) -> None:
    with pytest.raises(InputError, match=says):
        mask(places(), area=area)


def test_nesting_has_no_end() -> None:
    area = polygon(square(0, 0, 1, 1))
    for _ in range(20_000):
        area = {"type": "GeometryCollection", "geometries": [area]}
    assert within(area, box(0.5, 0.5, 2, 2)) == [True]


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ((0, 91, 5), "latitude 91, beyond 90"),
        ((400, 0, 5), "longitude 400"),
        ((0, math.nan, 5), "not 0, nan"),
        ((0, 0, -1), "0 or more, not -1"),
        ((0, 0, math.inf), "0 or more, not inf"),
        ((0, 0, math.nan), "0 or more, not nan"),
    ],
)
def test_what_is_no_distance_is_refused(given: tuple[float, float, float], says: str) -> None:
    with pytest.raises(InputError, match=says):
        mask(places(), near=given)


def test_all_filters_hold_together() -> None:
    area, gallery = polygon(square(-1, -1, 1, 1)), places()

    def found(**filters: Any) -> str:
        allowed = mask(gallery, **filters)
        assert allowed is not None
        return " ".join(bytes(name).decode() for name in gallery.ids[allowed])

    assert found(area=area) == "aa0 aa1"
    assert found(area=area, where="cloud < 10") == "aa0"
    assert found(area=area, bbox=(1.5, 1.5, 3, 3)) == "aa1"
    assert found(area=area, near=(0, 0, 1000)) == "aa0"
    assert found(area=area, near=(0, 0, 1e6), where="cloud > 10", bbox=(0, 0, 5, 5)) == "aa1"
    assert found(near=(180, -9.5, 0)) == "ab2 b33"
    assert found(near=(-180, -9.5, 0)) == "ab2 b33"
    assert found(near=(10, 50, 1)) == "b34"


# Polygons and tiles on a coarse grid, where whole numbers decide exactly.


def _side(a: tuple[Fraction, Fraction], b: tuple[Fraction, Fraction], c: tuple[Fraction, Fraction]) -> int:
    value = (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])
    return (value > 0) - (value < 0)


def _on(a: tuple[Fraction, Fraction], b: tuple[Fraction, Fraction], c: tuple[Fraction, Fraction]) -> bool:
    """Whether c, on the line through a and b, lies between them."""
    return min(a[0], b[0]) <= c[0] <= max(a[0], b[0]) and min(a[1], b[1]) <= c[1] <= max(a[1], b[1])


def _meet(first: Exact, other: Exact) -> bool:
    """Whether an edge of one ring has a point in common with an edge of the other."""
    for a, b in zip(first, [*first[1:], first[0]], strict=True):
        for c, d in zip(other, [*other[1:], other[0]], strict=True):
            sides = _side(a, b, c), _side(a, b, d), _side(c, d, a), _side(c, d, b)
            if sides[0] != sides[1] and sides[2] != sides[3]:
                return True
            on = ((a, b, c), (a, b, d), (c, d, a), (c, d, b))
            if any(side == 0 and _on(*three) for side, three in zip(sides, on, strict=True)):
                return True
    return False


def _holds(ring: Exact, spot: tuple[Fraction, Fraction]) -> bool:
    """Whether a point off the ring lies inside it: how often a ray to the east leaves."""
    inside = False
    for (x0, y0), (x1, y1) in zip(ring, [*ring[1:], ring[0]], strict=True):
        if (y0 > spot[1]) != (y1 > spot[1]) and spot[0] < x0 + (x1 - x0) * (spot[1] - y0) / (y1 - y0):
            inside = not inside
    return inside


def obviously_touching(rings: list[Ring], tile: Ring) -> bool:
    shell, *holes = [[(Fraction(x), Fraction(y)) for x, y in ring] for ring in rings]
    for turn in (-720, -360, 0, 360, 720):
        turned = [(Fraction(x) + turn, Fraction(y)) for x, y in tile]
        if any(_meet(ring, turned) for ring in (shell, *holes)):
            return True
        if _holds(shell, turned[0]) and not any(_holds(hole, turned[0]) for hole in holes):
            return True
        if _holds(turned, shell[0]):
            return True
    poles = ({y for _, y in ring if abs(y) == 90} for ring in (rings[0], tile))
    return bool(set.intersection(*poles))


@st.composite
def triangles_with_holes(draw: st.DrawFn) -> list[Ring]:
    """A triangle over up to 300 degrees, and perhaps a smaller one in it, written with odd longitudes."""
    x, y = st.integers(-60, 60).map(lambda x: x * 5), st.integers(-18, 18).map(lambda y: y * 5)
    shell = draw(
        st.lists(st.tuples(x, y), min_size=3, max_size=3).filter(
            lambda c: (
                _side(*[(Fraction(x), Fraction(y)) for x, y in c]) != 0
                and max(p[0] for p in c) - min(p[0] for p in c) <= 360
            )
        )
    )
    if not draw(st.booleans()):
        return [[(float(x), float(y)) for x, y in shell]]
    middle = [sum(c[i] for c in shell) / 3 for i in (0, 1)]
    hole = [((x + middle[0]) / 2, (y + middle[1]) / 2) for x, y in shell]
    return [[(float(x), float(y)) for x, y in shell], hole]


@st.composite
def tiles_of(draw: st.DrawFn) -> tuple[Footprint, Ring]:
    """A footprint as archives have it, and its ring without jumps."""
    west, south = draw(st.integers(-36, 35)) * 5, draw(st.integers(-18, 17)) * 5
    width, height = draw(st.integers(1, 30)) * 5, draw(st.integers(1, 8)) * 5
    ring = square(west, south, west + width, min(90, south + height))[:-1]
    if draw(st.booleans()):  # slanted
        ring = [(x + (width / 2 if y == south else 0), y) for x, y in ring]
    return Footprint(tuple((float((x + 180) % 360 - 180 if x > 180 else x), float(y)) for x, y in ring)), ring


@settings(deadline=None, max_examples=300)
@given(triangles_with_holes(), st.lists(tiles_of(), min_size=1, max_size=5))
def test_areas_agree_with_whole_numbers(rings: list[Ring], tiles: list[tuple[Footprint, Ring]]) -> None:
    found = within(polygon(*rings), *(footprint for footprint, _ in tiles))
    assert found == [obviously_touching(rings, ring) for _, ring in tiles]


# Distances along the ellipsoid, by other formulae than those of the search.


def lambert(longitude: float, latitude: float, x: np.ndarray[Any, Any], y: np.ndarray[Any, Any]) -> Any:
    """Metres from a point to others: Lambert's formulae for long lines."""
    a, f = 6378137.0, 1 / 298.257223563
    own, other = (
        np.arctan((1 - f) * np.tan(np.radians(np.clip(v, -89.9999999, 89.9999999)))) for v in (latitude, y)
    )
    half = (
        np.sin((other - own) / 2) ** 2
        + np.cos(own) * np.cos(other) * np.sin(np.radians(x - longitude) / 2) ** 2
    )
    angle = 2 * np.arcsin(np.sqrt(np.clip(half, 0, 1)))
    p, q = (own + other) / 2, (other - own) / 2
    with np.errstate(divide="ignore", invalid="ignore"):
        big = (angle - np.sin(angle)) * (np.sin(p) * np.cos(q) / np.cos(angle / 2)) ** 2
        small = (angle + np.sin(angle)) * (np.cos(p) * np.sin(q) / np.sin(angle / 2)) ** 2
    return a * (angle - f / 2 * (np.nan_to_num(big) + np.nan_to_num(small)))


def test_distances_are_those_of_the_ellipsoid() -> None:
    # Flinders Peak to Buninyong (Geoscience Australia; GRS 80 is WGS 84 to a millimetre).
    azimuth = math.radians(306 + 52 / 60 + 5.37 / 3600)
    x, y = destination(
        144 + 25 / 60 + 29.52440 / 3600, -(37 + 57 / 60 + 3.72030 / 3600), np.array([azimuth]), 54972.271
    )
    assert x[0] == pytest.approx(143 + 55 / 60 + 35.38390 / 3600, abs=2e-8)
    assert y[0] == pytest.approx(-(37 + 39 / 60 + 10.15610 / 3600), abs=2e-8)
    azimuths = np.linspace(0, 2 * np.pi, 33)
    for longitude, latitude in ((0.0, 0.0), (179.0, 45.0), (-10.0, -89.0), (30.0, 89.9999)):
        for metres in (1.0, 500.0, 2e4, 1e6, 9e6):
            far = lambert(longitude, latitude, *destination(longitude, latitude, azimuths, metres))
            assert np.abs(far / metres - 1).max() < 1e-3


def sampled(footprint: Ring) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Many points of a tile: of its edges, and of lines through it."""
    ring = np.array(footprint)
    shares = np.linspace(0, 1, 400)[:, None]
    lines = [(1 - shares) * ring[i] + shares * ring[(i + 1) % 4] for i in range(4)]
    across = np.linspace(0, 1, 60)[:, None, None]
    inner = (1 - across) * lines[0][::8] + across * lines[2][::-8]
    points = np.concatenate([*lines, inner.reshape(-1, 2)])
    return points[:, 0], points[:, 1]


@settings(deadline=None, max_examples=150)
@given(
    st.floats(-180, 180),
    st.floats(-90, 90) | st.sampled_from((90.0, -90.0, 0.0)),
    st.floats(1, 7).map(lambda power: 10**power) | st.floats(1e7, 1.9e7),
    st.data(),
)
def test_distances_agree_with_many_points(
    longitude: float, latitude: float, metres: float, data: st.DataObject
) -> None:
    """Except within half a per cent of the distance, and of what the samples miss."""
    side = data.draw(st.sampled_from((0.01, 0.2, 2.0)))
    # About as far away as asked, where it is decided.
    azimuth = np.array([data.draw(st.floats(0, 2 * math.pi))])
    share = data.draw(st.floats(0.2, 1.5))
    x, y = destination(longitude, latitude, azimuth, min(metres * share, 1.99e7))
    west = float(x[0])
    south = min(max(float(y[0]), -90.0), 90 - side)
    ring = square(west, south, west + side, south + side)[:-1]
    footprint = Footprint(tuple(((x + 180) % 360 - 180 if x > 180 else x, y) for x, y in ring))
    away = float(lambert(longitude, latitude, *sampled(ring)).min())
    missed = 2 * side * 111_000 / 59  # between two samples
    (found,) = near(longitude, latitude, metres, footprint)
    if away <= metres * 0.995 or (away - missed > metres * 1.005):
        assert found == (away <= metres)


def test_a_point_inside_is_at_no_distance() -> None:
    assert near(5, 5, 0, box(0, 0, 10, 10), box(5, 5, 6, 6), box(5.001, 5, 6, 6)) == [True, True, False]
    # 111.2 m to the west edge at the equator's scale.
    assert near(5, 0, 112, box(5.001, 0, 6, 1)) == [True]
    assert near(5, 0, 110, box(5.001, 0, 6, 1)) == [False]


def test_all_of_the_earth_and_nearly_all() -> None:
    tiles = (
        box(0, 0, 1, 1),
        box(179, -1, -179, 1),
        Footprint(((180.0, 0.0),)),
        box(0, 89, 1, 90),
        box(90, 0, 91, 1),
    )
    assert near(0, 0, 2.1e7, *tiles) == [True] * 5
    assert near(0, 0, 1.99e7, *tiles) == [True, True, False, True, True]
    assert near(0, 0, 1.01e7, *tiles) == [True, False, False, True, True]
    assert near(0, 0, 9.9e6, *tiles) == [True, False, False, True, False]
    assert near(0, 0, 9.8e6, *tiles) == [True, False, False, False, False]


def test_odd_footprints() -> None:
    crossing = Footprint(((0.0, 0.0), (2.0, 2.0), (2.0, 0.0), (0.0, 2.0)))
    flat = Footprint(((0.0, 0.0), (1.0, 1.0), (2.0, 2.0), (1.0, 1.0)))
    assert within(polygon(square(-1, 0.5, 0.2, 1.5)), crossing, flat) == [True, False]
    assert within(polygon(square(1.9, 0.9, 3, 1.1)), crossing, flat) == [True, False]
    assert within(polygon(square(0.4, 0.4, 0.6, 0.6)), crossing, flat) == [True, True]
    many = Footprint(
        tuple((x, 60.0) for x in range(-180, 180, 60)) + tuple((x, 50.0) for x in range(120, -181, -60))
    )
    assert within(polygon(square(100, 52, 101, 53)), many) == [True]


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 2**32), st.floats(-180, 180), st.floats(-85, 85), st.floats(0, 6e6))
def test_short_cuts_agree_with_whole_shapes(
    seed: int, longitude: float, latitude: float, metres: float
) -> None:
    """One corner, and what is certainly far, decide most of many tiles; here each is asked for alone."""
    import shapely

    rng = np.random.default_rng(seed)
    sides = 10.0 ** rng.uniform(-3, 1, 40)
    corners = [(float(rng.uniform(-180, 180)), float(rng.uniform(-80, 70))) for _ in sides]
    area = disc(longitude, latitude, metres)
    rings = [square(x, y, x + side, y + side) for (x, y), side in zip(corners, sides, strict=True)]
    expected = [
        any(
            shapely.intersects(area.shape, shapely.Polygon([(x + turn, y) for x, y in ring]))
            for turn in (-360, 0, 360)
        )
        for ring in rings
    ]
    tiles = [
        Footprint(tuple(((x + 180) % 360 - 180 if x > 180 else x, y) for x, y in ring[:-1])) for ring in rings
    ]
    assert near(longitude, latitude, metres, *tiles) == expected


def test_the_tile_at_a_place() -> None:
    levels = [
        box(0, 0, 1, 1),
        box(1, 0, 2, 1),
        box(0, 0, 4, 4),
        box(0.5, 0, 1.5, 1),
        None,
        box(179, 0, -179, 2),
    ]
    gallery = gallery_of(*levels, Footprint(((20.0, 20.0),)))
    assert [at(gallery, x, y) for x, y in ((0.1, 0.5), (0.8, 0.5), (1.8, 0.5), (3, 3))] == [0, 3, 1, 2]
    assert at(gallery, 180, 1) == at(gallery, -180, 1) == at(gallery, 181, 1) == 5
    assert at(gallery, 20, 20) == 6
    # Where centres are equally near, the order of ids decides.
    assert at(gallery, 0.75, 0.5) == 0


def test_outside_of_every_footprint_the_nearest_is_named() -> None:
    gallery = gallery_of(box(0, 0, 1, 1), box(10, 0, 11, 1), None, box(-179, 0, -178, 1))
    for place, row, away in (
        ((2, 0.5), 0, "111.3 km"),
        ((11.001, 1), 1, "111 m"),
        ((179, 0.5), 3, "222.6 km"),
    ):
        with pytest.raises(InputError, match=f"nearest tile, {row:032x}, is about") as error:
            at(gallery, *place)
        said = float(str(error.value).split("about ")[1].split()[0])
        assert said == pytest.approx(float(away.split()[0]), rel=0.005)
        assert str(error.value).split()[-2] == away.split()[1]
    with pytest.raises(InputError, match="no tile of the archive has a footprint"):
        at(gallery_of(None), 0, 0)
    with pytest.raises(InputError, match="the longitude comes first"):
        at(gallery, 52, 113)


def test_ids_do_not_have_to_be_in_order() -> None:
    """Rows are those of the gallery, wherever corners begin: tiles with none, one and many of them."""
    footprints = [None, Footprint(((1.0, 1.0),)), box(0, 0, 2, 2), None, Footprint(((5.0, 5.0),))]
    names = ids_of(5)
    tiles = [Tile(n, "a", Window(0, 0, 1, 1), f) for n, f in zip(names, footprints, strict=True)]
    gallery = MemoryGallery(names, {"dense": np.ones((5, 2))}, tiles)
    allowed = mask(gallery, area=polygon(square(0, 0, 1, 1)))
    assert allowed is not None and allowed.tolist() == [False, True, True, False, False]
    assert area_of(polygon(square(0, 0, 1, 1))).bounds == (0, 0, 1, 1)
