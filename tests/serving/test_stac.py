"""Archives as STAC catalogues."""

from __future__ import annotations

import json
import re
import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pyarrow.parquet
import pytest

import swath
from swath.errors import InputError
from swath.serving.stac import EMBEDDING, _outline
from swath.types import Footprint, Tile, Window

RFC3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")


@pytest.fixture(scope="module")
def catalogue(town: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("stac") / "made" / "here"
    assert swath.open(town / "town.swath").stac(folder) == 8
    return folder


def _read(path: Path) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(path.read_text(encoding="ascii"))
    return document


def _items(catalogue: Path) -> list[dict[str, Any]]:
    collection = _read(catalogue / "collection.json")
    hrefs = [link["href"] for link in collection["links"] if link["rel"] == "item"]
    return [_read(catalogue / href) for href in hrefs]


def test_collection_follows_the_rules(catalogue: Path, town: Path) -> None:
    collection = _read(catalogue / "collection.json")
    required = {"type", "stac_version", "id", "description", "license", "extent", "links"}
    assert required <= set(collection)
    assert (collection["type"], collection["stac_version"]) == ("Collection", "1.1.0")
    assert collection["stac_extensions"] == [EMBEDDING]
    (box,) = collection["extent"]["spatial"]["bbox"]
    assert len(box) == 4 and 14 < box[0] < box[2] < 16 and 45 < box[1] < box[3] < 46
    ((start, end),) = collection["extent"]["temporal"]["interval"]
    assert start is None and RFC3339.fullmatch(end)
    assert collection["emb:type"] == "chip" and collection["emb:dimensions"] == 32
    assert collection["emb:chip_layout"] == {
        "layout_type": "regular_grid",
        "chip_size": [32, 32],
        "stride": [32, 32],
    }
    rels = [link["rel"] for link in collection["links"]]
    assert rels.count("item") == 8 and {"root", "emb:model", "emb:source-data"} <= set(rels)
    (model,) = [link for link in collection["links"] if link["rel"] == "emb:model"]
    assert json.loads(Path(unquote(urlsplit(model["href"]).path)).read_text())["name"] == "base"
    (asset,) = collection["assets"].values()
    table = pyarrow.parquet.read_table(catalogue / asset["href"])
    assert len(table) == 19 and "embedding" in table.column_names


def test_items_follow_the_rules(catalogue: Path, town: Path) -> None:
    items = _items(catalogue)
    assert len({item["id"] for item in items}) == 8
    for item in items:
        assert {"type", "stac_version", "id", "geometry", "properties", "links", "assets"} <= set(item)
        assert (item["type"], item["stac_version"], item["stac_extensions"]) == (
            "Feature",
            "1.1.0",
            [EMBEDDING],
        )
        assert item["collection"] == "town.swath" and re.fullmatch(r"[A-Za-z0-9_-]+", item["id"])
        # A box where there is a place, and none where there is none.
        assert (item["geometry"] is None) == ("bbox" not in item)
        properties = item["properties"]
        assert properties["datetime"] is None
        assert RFC3339.fullmatch(properties["start_datetime"]) and RFC3339.fullmatch(
            properties["end_datetime"]
        )
        assert properties["start_datetime"] < properties["end_datetime"]
        for link in item["links"]:
            assert link["rel"] in ("root", "parent", "collection", "emb:source-data")
            if link["href"].startswith(".."):
                assert (catalogue / "items" / link["href"]).resolve().is_file()
        source = item["assets"]["source"]
        file = Path(unquote(urlsplit(source["href"]).path))
        assert file.parent == (town / "scenes").resolve() and file.is_file()
        assert source["type"] == ("image/png" if file.suffix == ".png" else "image/tiff; application=geotiff")
    (raster,) = [item for item in items if item["geometry"]]
    assert raster["properties"]["gsd"] == 10.0 and raster["properties"]["swath:tiles"] == 12
    assert raster["geometry"]["type"] == "Polygon"
    xs, ys = zip(*raster["geometry"]["coordinates"][0], strict=True)
    assert raster["bbox"] == [min(xs), min(ys), max(xs), max(ys)]
    # Twelve windows side by side are one outline of four corners.
    assert len(xs) == 5


def _tile(ring: tuple[tuple[float, float], ...], time: datetime | None = None) -> Tile:
    return Tile("0" * 32, "/a.tif", Window(0, 0, 1, 1), Footprint(ring), time)


def test_outline_across_the_antimeridian() -> None:
    west = _tile(((178.0, 1.0), (179.5, 1.0), (179.5, 0.0), (178.0, 0.0)))
    east = _tile(((179.5, 1.0), (-179.0, 1.0), (-179.0, 0.0), (179.5, 0.0)))
    place, box = _outline([west, east])
    assert place is not None and place["type"] == "MultiPolygon"
    assert box == [178.0, 0.0, -179.0, 1.0]
    world = _tile(
        (
            (-180.0, 1.0),
            (-60.0, 1.0),
            (60.0, 1.0),
            (180.0, 1.0),
            (180.0, 0.0),
            (60.0, 0.0),
            (-60.0, 0.0),
            (-180.0, 0.0),
        )
    )
    assert _outline([world])[1] == [-180.0, 0.0, 180.0, 1.0]
    assert _outline([_tile(((5.0, 6.0),))]) == ({"type": "Point", "coordinates": [5.0, 6.0]}, [5, 6, 5, 6])


def test_times(town: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from dataclasses import replace

    archive = swath.open(town / "town.swath")
    gallery = archive.gallery
    tile = gallery.tile
    moment = datetime(2024, 6, 1, 10, tzinfo=UTC)
    monkeypatch.setattr(gallery, "tile", lambda row: replace(tile(row), time=moment))
    from swath.serving.stac import write_catalogue

    write_catalogue(gallery, archive.info(), tmp_path)
    for item in _items(tmp_path):
        assert item["properties"]["datetime"] == "2024-06-01T10:00:00Z"
        assert "start_datetime" not in item["properties"]
    interval = _read(tmp_path / "collection.json")["extent"]["temporal"]["interval"]
    assert interval == [["2024-06-01T10:00:00Z"] * 2]


def test_the_longest_name_of_a_file_is_no_trouble(town: Path, tmp_path: Path, tiny_home: Path) -> None:
    scenes = tmp_path / "scenes"
    scenes.mkdir()
    for letter in "ab":
        shutil.copy(town / "scenes" / "red.png", scenes / f"{'x' * 250}{letter}.png")
        shutil.copy(town / "scenes" / "blue.png", scenes / f"{letter * 251}.png")
    swath.index(scenes, tmp_path / "a.swath", tiny_home / "encoders" / "base")
    assert swath.open(tmp_path / "a.swath").stac(tmp_path / "out") == 2
    items = _items(tmp_path / "out")
    assert len({item["id"] for item in items}) == 2 and all(len(item["id"]) < 120 for item in items)


def test_an_archive_without_tiles_has_nothing_to_describe(tmp_path: Path, tiny_home: Path) -> None:
    (tmp_path / "none").mkdir()
    empty = swath.index(tmp_path / "none", tmp_path / "a.swath", tiny_home / "encoders" / "base")
    with pytest.raises(InputError, match=r"a\.swath holds no tiles to describe: index imagery first"):
        empty.stac(tmp_path / "out")
    assert not (tmp_path / "out").exists()
