"""Hits as files: GeoJSON, GeoParquet and CSV; whole archives as GeoParquet, and back."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet
import pytest

import swath
from swath.errors import InputError
from swath.hits import Hits
from swath.serving import geoparquet, read_hits, write_hits
from tests.serving.test_hits import some_hits

MADE_BY = {"model": "tiny", "revision": "abc"}


def geo(path: Path) -> dict[str, Any]:
    metadata: dict[str, Any] = json.loads(pyarrow.parquet.read_metadata(path).metadata[b"geo"])
    return metadata


def check_geoparquet(path: Path) -> None:
    """The rules of GeoParquet 1.1 that a reader relies on, written out."""
    file = pyarrow.parquet.ParquetFile(path)
    metadata = geo(path)
    assert set(metadata) == {"version", "primary_column", "columns"}
    assert (metadata["version"], metadata["primary_column"]) == ("1.1.0", "geometry")
    (column,) = metadata["columns"].values()
    assert column["encoding"] == "WKB" and "crs" not in column
    assert set(column["geometry_types"]) <= {"Point", "Polygon", "MultiPolygon"}
    assert column["orientation"] == "counterclockwise"
    # The geometry is a byte array at the root; the covering names a struct of doubles at the root.
    schema = file.schema
    by_path = {schema.column(i).path: schema.column(i) for i in range(len(schema.names))}
    assert by_path["geometry"].physical_type == "BYTE_ARRAY" and by_path["geometry"].max_repetition_level == 0
    for edge in ("xmin", "ymin", "xmax", "ymax"):
        assert column["covering"]["bbox"][edge] == ["bbox", edge]
        assert by_path[f"bbox.{edge}"].physical_type == "DOUBLE"
    rows = file.read()
    boxes = [box for box in rows["bbox"].to_pylist() if box]
    assert [box is None for box in rows["bbox"].to_pylist()] == [
        place is None for place in rows["geometry"].to_pylist()
    ]
    if boxes:
        low = [min(box[edge] for box in boxes) for edge in ("xmin", "ymin")]
        high = [max(box[edge] for box in boxes) for edge in ("xmax", "ymax")]
        assert column["bbox"] == [*low, *high]
    kinds = {1: "Point", 3: "Polygon", 6: "MultiPolygon"}
    assert set(column["geometry_types"]) == {
        kinds[place[1]] for place in rows["geometry"].to_pylist() if place is not None
    }


@pytest.mark.parametrize("count", [4, 1, 0])
def test_geoparquet(tmp_path: Path, count: int) -> None:
    hits = Hits(some_hits().hits[:count], "dense")
    path = write_hits(hits, tmp_path / "hits.geoparquet", **MADE_BY)
    check_geoparquet(path)
    found = pyarrow.parquet.read_table(path)
    assert found.column_names[:9] == [
        *("id", "rank", "score", "raw", "source", "window", "datetime", "model", "revision")
    ]
    assert found.drop_columns(["model", "revision"]).equals(hits.to_arrow())
    assert set(found["model"].to_pylist()) <= {"tiny"}
    assert [one.name for one in tmp_path.iterdir()] == ["hits.geoparquet"]


def test_geopandas_reads_what_is_written(tmp_path: Path) -> None:
    geopandas = pytest.importorskip("geopandas", reason="pip install 'swath[geo]'")
    hits = some_hits()
    frame = hits.to_geopandas()
    for name in ("hits.parquet", "hits.geojson"):
        path = write_hits(hits, tmp_path / name, **MADE_BY)
        read = geopandas.read_parquet if path.suffix == ".parquet" else geopandas.read_file
        found = read(path)
        places = found.geometry[:3].set_crs(4326, allow_override=True)
        assert places.geom_equals_exact(frame.geometry[:3], 1e-9).all()
        assert found["rank"].tolist() == [1, 2, 3, 4]
        assert found.geometry[3] is None
    inside = geopandas.read_parquet(tmp_path / "hits.parquet", bbox=(-179.5, 0, -179.2, 1))
    assert inside["rank"].tolist() == [2]  # by the covering, across the antimeridian


def test_gdal_reads_the_places_of_a_csv(tmp_path: Path) -> None:
    geopandas = pytest.importorskip("geopandas", reason="pip install 'swath[geo]'")
    path = write_hits(some_hits(), tmp_path / "hits.csv", **MADE_BY)
    found = geopandas.read_file(path)
    assert found.geometry[:3].geom_type.tolist() == ["Polygon", "MultiPolygon", "Point"]


def test_csv(tmp_path: Path) -> None:
    path = write_hits(some_hits(), tmp_path / "hits.csv", **MADE_BY)
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == [
        *("rank", "id", "score", "raw", "lon", "lat", "source", "column", "row", "width", "height"),
        *("datetime", "model", "revision", "cloud", "good", "id_", "sensor", "wkt"),
    ]
    assert (rows[0]["lon"], rows[0]["lat"]) == ("10.5", "50.5")
    assert rows[0]["wkt"].startswith("POLYGON ((10.0 51.0, ")
    assert rows[1]["wkt"].count("((") == 3 - 1
    assert rows[2]["wkt"] == "POINT (-70.0 -33.0)"
    assert (rows[3]["lon"], rows[3]["wkt"], rows[3]["score"]) == ("", "", "")


def test_geojson_has_attributes_by_name_and_together(tmp_path: Path) -> None:
    path = write_hits(some_hits(), tmp_path / "hits.geojson", **MADE_BY)
    first = json.loads(path.read_text())["features"][0]["properties"]
    assert (first["cloud"], first["id_"]) == (3, "own")
    assert first["attributes"] == {"cloud": 3, "id": "own", "good": True}


@pytest.mark.parametrize("name", ["hits.shp", "hits", "nowhere/hits.csv", "nowhere/hits.parquet"])
def test_what_cannot_be_written(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match=r"hits"):
        write_hits(some_hits(), tmp_path / name, **MADE_BY)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["hits.geojson", "hits.parquet", "hits.csv"])
def test_ids_are_read_back(tmp_path: Path, name: str) -> None:
    hits = some_hits()
    path = write_hits(hits, tmp_path / name, **MADE_BY)
    assert read_hits(path) == [(hit.rank, hit.tile.id) for hit in hits]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.json", "{}"),
        ("a.json", "[1]"),
        ("a.json", '{"hits": [{"rank": "1", "id": 2}]}'),
        ("a.json", "no"),
        ("a.csv", "rank,name\n1,x\n"),
        ("a.csv", "rank,id\nx,y\n"),
        ("a.csv", "rank,id\n1\n"),
        ("a.parquet", "PAR1"),
        ("a.txt", ""),
        ("a.geojson", '{"features": [{}]}'),
    ],
)
def test_what_holds_no_hits(tmp_path: Path, name: str, content: str) -> None:
    (tmp_path / name).write_text(content)
    with pytest.raises(InputError, match=r"no hits|name a"):
        read_hits(tmp_path / name)
    with pytest.raises(InputError, match=r"cannot read|name a"):
        read_hits(tmp_path / f"missing{name}")


def test_hits_come_from_stdin(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO('{"hits": [{"rank": 1, "id": "ab"}]}'))
    assert read_hits(Path("-")) == [(1, "ab")]


def test_a_whole_archive_goes_out_and_comes_back(
    town: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from swath.archive.imports import import_table

    monkeypatch.setattr(geoparquet, "ROWS", 8)
    archive = swath.open(town / "town.swath")
    path = tmp_path / "tiles.parquet"
    assert archive.dump(path, embeddings=True) == 19
    check_geoparquet(path)
    file = pyarrow.parquet.ParquetFile(path)
    assert [file.metadata.row_group(i).num_rows for i in range(file.num_row_groups)] == [8, 8, 3]
    rows = file.read()
    assert rows["embedding"].type == pyarrow.list_(pyarrow.float32(), 32)
    vectors = np.stack([np.array(row) for row in rows["embedding"].to_pylist()])
    assert np.array_equal(vectors, archive.gallery.signal("dense"))
    assert rows["id"].to_pylist() == [name.decode() for name in archive.gallery.ids.tolist()]
    report = import_table(tmp_path / "copy.swath", path)
    assert (report.added, report.placed, report.dim) == (19, 12, 32)
    copy = swath.open(tmp_path / "copy.swath", encoder=archive.encoder)
    found, again = archive.search("red", k=19, pipeline="dense"), copy.search("red", k=19, pipeline="dense")
    assert [hit.tile.attributes["id"] for hit in again] == [hit.tile.id for hit in found]
    assert [hit.raw for hit in again] == pytest.approx([hit.raw for hit in found], abs=1e-3)
    placed = {hit.tile.id: hit.tile.footprint for hit in found}
    for hit in again:
        before = placed[str(hit.tile.attributes["id"])]
        assert (before is None) == (hit.tile.footprint is None)
        if before and hit.tile.footprint:
            assert set(before.ring) == set(hit.tile.footprint.ring)


def test_dump_without_embeddings_is_smaller(town: Path, tmp_path: Path) -> None:
    archive = swath.open(town / "town.swath")
    archive.dump(tmp_path / "tiles.geoparquet")
    assert "embedding" not in pyarrow.parquet.read_schema(tmp_path / "tiles.geoparquet").names
    with pytest.raises(InputError, match=r"\.parquet"):
        archive.dump(tmp_path / "tiles.csv")
