"""Places that people and programs write: GeoJSON areas, distances, and points inside of an archive."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random
from typing import Any

from swath.imagery import scan
from swath.search import search
from swath.serving import make_query
from swath.serving.asking import read_near
from tests.fuzz.mutate import EDGES, garble, written
from tests.fuzz.words import gallery
from tests.imagery.stac import collection, item
from tests.tiny import TinyEncoder

_RING = [[0.5, 0.2], [3.5, 0.2], [3.5, 0.8], [0.5, 0.8], [0.5, 0.2]]
_HOLE = [[1.0, 0.3], [1.2, 0.3], [1.2, 0.5], [1.0, 0.3]]
_POLYGON: dict[str, Any] = {"type": "Polygon", "coordinates": [_RING, _HOLE]}
_AREAS: tuple[dict[str, Any], ...] = (
    _POLYGON,
    {"type": "MultiPolygon", "coordinates": [[_RING], [[[170, -5], [190, -5], [190, 5], [170, -5]]]]},
    {"type": "Feature", "properties": {"name": "x"}, "geometry": _POLYGON},
    {
        "type": "FeatureCollection",
        "crs": {"type": "name", "properties": {"name": "urn:ogc:def:crs:OGC:1.3:CRS84"}},
        "features": [{"type": "Feature", "properties": None, "geometry": _POLYGON}],
    },
    {"type": "GeometryCollection", "geometries": [_POLYGON, _POLYGON]},
)
_NUMBERS = (0.0, 1.5, 180.0, -180.0, 359.0, 90.0, -91.0, 1e9, float("nan"), float("inf"), *map(float, EDGES))


def area(random: Random, folder: Path) -> None:
    """A file with an area, and a search in it."""
    (folder / "area.json").write_bytes(written(random.choice(_AREAS), random))
    _ask(area=folder / "area.json")


def near(random: Random) -> None:
    """A distance from a point, as it is written or as numbers; and a tile by a point in it."""
    if random.random() < 0.5:
        text = random.choice(("1.5,0.5,2km", "1.5,0.5,500m", "-179.9,80,3mi", "0,0,7"))
        _ask(near=read_near(garble(text, (",", "km", "m", "-", ".", "e9", "nan", "181"), random)))
    elif random.random() < 0.5:
        _ask(near=[random.choice(_NUMBERS) for _ in range(random.choice((2, 3, 3, 3, 3, 4)))])
    else:
        _ask(like_at=(random.choice(_NUMBERS), random.choice(_NUMBERS)))


def _ask(**places: Any) -> None:
    asked = make_query("red", **places)
    found = search(gallery(), asked, TinyEncoder(), pipeline="dense", k=6)
    assert len(found) <= 6


def stac(random: Random, folder: Path) -> None:
    """A document of STAC beside the file that it names."""
    (folder / "a.tif").write_bytes(b"II*\0")
    inner = item("a", None, **{"eo:cloud_cover": 3.5, "gsd": 10})
    whole: Any = random.choice(
        (
            inner,
            inner,
            {"type": "FeatureCollection", "features": [inner, inner]},
            collection(("item", "item.json")),
        )
    )
    (folder / "item.json").write_text(json.dumps(inner))
    (folder / "stac.json").write_bytes(written(whole, random))
    skipped: list[tuple[Any, str]] = []
    for found in scan([folder / "stac.json"], lambda place, reason: skipped.append((place, reason))):
        assert isinstance(found.path, Path) and found.path.is_file()
    assert all(reason for _, reason in skipped)
