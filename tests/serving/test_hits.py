"""Hits as other tools take them: GeoJSON, Arrow, GeoPandas."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from typing import Any

import pytest

from swath.columns import attribute_columns
from swath.errors import InputError
from swath.hits import Hit, Hits
from swath.types import Footprint, Scalar, Tile, Window

BOX = Footprint(((10.0, 51.0), (11.0, 51.0), (11.0, 50.0), (10.0, 50.0)))
DATELINE = Footprint(((179.0, 1.0), (-179.0, 1.0), (-179.0, 0.0), (179.0, 0.0)))
TIME = datetime(2024, 6, 1, 12, 30, tzinfo=UTC)


def some_hits() -> Hits:
    """A box, a box across the antimeridian, a point, and a plain picture with an odd name."""
    given: tuple[tuple[Footprint | None, datetime | None, dict[str, Scalar]], ...] = (
        (BOX, TIME, {"cloud": 3, "id": "own", "good": True}),
        (DATELINE, None, {"cloud": 0.5, "sensor": "A"}),
        (Footprint(((-70.0, -33.0),)), TIME, {}),
        (None, None, {}),
    )
    hits = []
    for rank, (footprint, time, attributes) in enumerate(given, 1):
        source = f"/data/{rank}.tif" if rank < 4 else "/data/caf\udce9.png"
        tile = Tile(f"{rank:032x}", source, Window(64 * rank, 0, 64, 32), footprint, time, attributes)
        hits.append(Hit(rank, tile, 1 - rank / 10, None if rank == 4 else 1 / rank))
    return Hits(tuple(hits), "dense")


def test_geo_interface_is_a_feature_collection() -> None:
    document = some_hits().__geo_interface__
    assert document["type"] == "FeatureCollection"
    kinds = [feature["geometry"] and feature["geometry"]["type"] for feature in document["features"]]
    assert kinds == ["Polygon", "MultiPolygon", "Point", None]
    assert document["features"][0] == some_hits()[0].__geo_interface__
    first = document["features"][0]
    assert first["id"] == first["properties"]["id"] == f"{1:032x}"
    assert first["properties"] == {
        "rank": 1,
        "id": f"{1:032x}",
        "raw": 0.9,
        "score": 1.0,
        "source": "/data/1.tif",
        "window": {"column": 64, "row": 0, "width": 64, "height": 32},
        "cloud": 3,
        "id_": "own",
        "good": True,
        "time": "2024-06-01T12:30:00+00:00",
    }
    assert document["features"][3]["properties"]["source"] == "/data/caf\\xe9.png"


def test_arrow() -> None:
    found = some_hits().to_arrow()
    assert found.column_names == [
        *("id", "rank", "score", "raw", "source", "window", "datetime"),
        *("cloud", "good", "id_", "sensor", "bbox", "geometry"),
    ]
    rows = found.to_pylist()
    assert rows[0]["datetime"] == TIME
    assert rows[0]["bbox"] == {"xmin": 10, "ymin": 50, "xmax": 11, "ymax": 51}
    assert rows[1]["bbox"] == {"xmin": -180, "ymin": 0, "xmax": 180, "ymax": 1}
    assert [row["cloud"] for row in rows] == [3, 0.5, None, None]
    assert (rows[3]["geometry"], rows[3]["bbox"], rows[3]["score"]) == (None, None, None)
    assert Hits((), "dense").to_arrow().num_rows == 0


def test_geopandas() -> None:
    geopandas = pytest.importorskip("geopandas", reason="pip install 'swath[geo]'")
    hits = some_hits()
    frame = hits.to_geopandas()
    assert list(frame.columns) == [
        *("id", "rank", "score", "raw", "source", "window", "time"),
        *("cloud", "good", "id_", "sensor", "geometry"),
    ]
    assert frame.crs.to_epsg() == 4326
    assert frame.geometry.geom_type.tolist()[:3] == ["Polygon", "MultiPolygon", "Point"]
    assert frame.geometry[3] is None
    assert frame.geometry[1].area == pytest.approx(2)
    assert frame["time"][0].to_pydatetime() == TIME
    assert frame["rank"].tolist() == [1, 2, 3, 4]
    assert len(Hits((), "dense").to_geopandas()) == 0
    # The other two ways to the same places.
    others = [geopandas.GeoDataFrame.from_features(hits), geopandas.GeoDataFrame.from_arrow(hits.to_arrow())]
    for other in others:
        places = other.geometry[:3].set_crs(4326, allow_override=True)
        assert places.geom_equals(frame.geometry[:3]).all()
        assert other["id"].tolist() == frame["id"].tolist()
    assert others[1].crs.to_string() == "OGC:CRS84"


def test_without_geopandas_a_sentence_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "geopandas", None)
    with pytest.raises(InputError, match=r"pip install 'swath\[geo\]'"):
        some_hits().to_geopandas()


@pytest.mark.parametrize(
    ("names", "columns"),
    [
        (["b", "a"], {"a": "a", "b": "b"}),
        (["id", "id_"], {"id": "id__", "id_": "id_"}),
        (["geometry", "Geometry"], {"geometry": "geometry_", "Geometry": "Geometry"}),
    ],
)
def test_no_attribute_hides_a_column(names: list[str], columns: dict[str, Any]) -> None:
    assert attribute_columns(names) == columns
