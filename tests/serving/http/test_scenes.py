"""Where the imagery lies: outlines against slow, obvious ones, cells, previews."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

pytest.importorskip("starlette", reason="needs the extra serve")

import swath
from swath.serving.http.scenes import Scenes, hull, scenes_document
from tests.serving.http.helpers import client_of, problem

_GRID = st.tuples(st.integers(-4, 4).map(float), st.integers(-4, 4).map(float))


@given(st.lists(_GRID, min_size=1, max_size=30))
def test_a_hull_holds_all_points_and_has_only_them_as_corners(points: list[tuple[float, float]]) -> None:
    corners = hull(points)
    assert set(corners) <= set(points)
    for a, b in zip(corners, [*corners[1:], corners[0]], strict=True):
        turns = [(b[0] - a[0]) * (y - a[1]) - (b[1] - a[1]) * (x - a[0]) for x, y in points]
        assert len(corners) == 1 or min(turns) >= 0


def test_a_scene_is_outlined_by_its_tiles(town: Path) -> None:
    archive = swath.open(town / "town.swath")
    scenes = Scenes(archive.gallery)
    assert len(scenes.all) == 8 and len(scenes.placed) == 1
    (feature,) = scenes.features
    assert feature["properties"]["tiles"] == 12
    corners = np.array(feature["geometry"]["coordinates"][0])
    bounds = archive.gallery.bounds[scenes.placed[0].rows]
    assert np.allclose(corners.min(0), bounds[:, :2].min(0), rtol=0, atol=1e-9)
    assert np.allclose(corners.max(0), bounds[:, 2:].max(0), rtol=0, atol=1e-9)
    tiles = scenes.tiles(scenes.placed[0])
    by_place = {(tile.window.column, tile.window.row): tile for tile in tiles}
    assert by_place[0, 0].footprint and by_place[96, 64].footprint
    quad = feature["properties"]["corners"]
    assert np.allclose(quad[0], by_place[0, 0].footprint.ring[0], atol=1e-5)
    assert np.allclose(quad[2], by_place[96, 64].footprint.ring[2], atol=1e-5)


def test_the_document_counts_and_bounds(town: Path) -> None:
    scenes = Scenes(swath.open(town / "town.swath").gallery)
    document = scenes_document([scenes], 100)
    assert (document["scenes"], document["tiles"], document["placed"]) == (8, 19, 12)
    assert not document["simplified"] and document["times"] is None
    many = scenes_document([scenes], 0)
    assert many["simplified"] and sum(one["properties"]["tiles"] for one in many["features"]) == 12


def test_previews_show_the_thumbnails_at_their_places(town: Path) -> None:
    archive = swath.open(town / "town.swath")
    with client_of(town / "town.swath") as client:
        (feature,) = client.get("/scenes").json()["features"]
        answer = client.get(f"/scenes/{feature['id']}/preview")
        assert answer.headers["content-type"] == "image/webp"
        preview = np.asarray(Image.open(io.BytesIO(answer.content)).convert("RGB"), float)
        assert preview.shape == (96, 128, 3)
        scenes = Scenes(archive.gallery)
        for tile in scenes.tiles(scenes.placed[0]):
            thumbnail = Image.open(io.BytesIO(archive.thumbnails([tile.id])[tile.id]))
            x, y = tile.window.column, tile.window.row
            there = preview[y : y + 32, x : x + 32]
            assert np.abs(there.mean((0, 1)) - np.asarray(thumbnail, float).mean((0, 1))).max() < 12
        problem(client.get("/scenes/0000000000000000/preview"), 404)
        problem(client.get("/scenes/..%2f..%2fetc/preview"), 404)


def test_an_archive_without_places(town: Path, tmp_path: Path, tiny_home: Path) -> None:
    swath.index(town / "scenes" / "red.png", tmp_path / "a", tiny_home / "encoders" / "base")
    with client_of(tmp_path / "a") as client:
        document = client.get("/scenes").json()
    assert document["features"] == [] and document["bbox"] is None and document["placed"] == 0
