"""`locate`: heat maps of scenes as numbers, GeoTIFFs and pictures."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from affine import Affine
from PIL import Image

import swath
from swath.imagery.faults import quiet
from tests.cli.conftest import Run
from tests.imagery.make import raster

GREEN, RED = (30, 200, 30), (220, 30, 30)


@pytest.fixture
def scene(tmp_path: Path) -> Path:
    """Green with a red square at column 96, row 32, and a corner without values."""
    data = np.empty((3, 128, 160), np.uint8)
    data[:] = np.array(GREEN)[:, None, None]
    data[:, 32:64, 96:128] = np.array(RED)[:, None, None]
    mask = np.ones((128, 160), bool)
    mask[96:, :32] = False
    return raster(tmp_path / "scene.tif", data, mask=mask)


def _located(run: Run, *arguments: object) -> dict[str, Any]:
    ended = run("locate", *arguments, "--json", "-q")
    assert (ended.code, ended.err) == (0, "")
    document: dict[str, Any] = json.loads(ended.out)
    return document


def test_the_hottest_place_is_the_object(run: Run, scene: Path) -> None:
    found = _located(run, scene, "red", "--tile-size", 32, "--out", "heat.tif", "--png", "heat.png", "-k", 2)
    assert (found["width"], found["height"], found["map"]) == (160, 128, {"width": 160, "height": 128})
    best, second = found["places"]
    assert 96 <= best["column"] < 128 and 32 <= best["row"] < 64
    assert best["score"] > second["score"]
    with rasterio.open(scene) as whole, rasterio.open("heat.tif") as heat:
        values = heat.read(1)
        assert (heat.dtypes, heat.crs, heat.transform) == (("float32",), whole.crs, whole.transform)
        assert np.isnan(heat.nodata) and heat.profile["tiled"]
        row, column = np.unravel_index(np.nanargmax(values), values.shape)
        assert (column + 0.5, row + 0.5) == (best["column"], best["row"])
        assert values[row, column] == pytest.approx(best["score"])
        assert np.isnan(values[96:, :32]).all() and np.isfinite(values[:96]).all()
        (x,), (y,) = rasterio.warp.transform(
            whole.crs, "EPSG:4326", *([value] for value in whole.transform @ (column + 0.5, row + 0.5))
        )
    assert (best["longitude"], best["latitude"]) == pytest.approx((x, y), abs=1e-6)
    with Image.open("heat.png") as picture:
        assert picture.size == (1024, 819)


def test_a_coarser_map_lies_on_the_grid_of_the_scene(run: Run, scene: Path) -> None:
    _located(run, scene, "red", "--tile-size", 64, "--out", "heat.tif")
    with rasterio.open(scene) as whole, rasterio.open("heat.tif") as heat:
        assert (heat.width, heat.height) == (80, 64)
        assert heat.transform == whole.transform @ Affine.scale(2)
        assert heat.bounds == whole.bounds


def test_an_archive_is_asked_without_encoding(run: Run, scene: Path) -> None:
    swath.index(scene, "a", tile_size=32, overlap=16)
    stored = _located(run, scene, "red", "--archive", "a", "-k", 3)
    os.chdir(scene.parent)
    fresh = _located(run, scene.name, "red", "--tile-size", 32, "-k", 3)
    assert [place["column"] for place in stored["places"]] == [place["column"] for place in fresh["places"]]
    for a, b in zip(stored["places"], fresh["places"], strict=True):
        assert a["score"] == pytest.approx(b["score"], abs=0.05)


def test_levels_and_pictures(run: Run, scene: Path) -> None:
    found = _located(run, scene, "red", "--tile-size", 64, "--levels", 2, "--overlap", 0.25, "-k", 1)
    assert 96 <= found["places"][0]["column"] < 128
    with Image.open(scene) as image:
        image.convert("RGB").save("picture.png")
    found = _located(run, "picture.png", "red", "--tile-size", 32, "-k", 1, "--out", "plain.tif")
    assert 96 <= found["places"][0]["column"] < 128 and found["places"][0]["longitude"] is None
    with quiet(), rasterio.open("plain.tif") as plain:
        assert plain.crs is None
    assert "lat, lon" not in run("locate", "picture.png", "red", "--tile-size", 32).out


def test_what_cannot_be_done(run: Run, scene: Path, town: Path) -> None:
    archive = ("--archive", town / "town.swath")
    for arguments, says in (
        ((scene, "red", *archive), "knows no file"),
        ((scene, "red", *archive, "--levels", 2), "leave --tile-size"),
        ((scene, " "), "the text is empty"),
        ((scene, "red", "--out", "a.png"), "ends in .tif"),
        ((scene, "red", "--png", "a.jpg"), "ends in .png"),
        ((scene, "red", "--out", scene), "the scene itself"),
        ((scene, "red", "--out", "no/a.tif"), "cannot write"),
    ):
        ended = run("locate", *arguments)
        assert (ended.code, says in ended.err) == (2, True), ended.err
    assert run("locate", "nowhere.tif", "red").code == 1


@pytest.mark.parametrize("overlap", ["nan", "inf", "1.0", "-0.1"])
def test_an_overlap_without_measure_is_refused(run: Run, scenes: Path, overlap: str) -> None:
    ended = run("locate", scenes / "red.png", "red", "--overlap", overlap)
    assert (ended.code, ended.out) == (2, "") and "verlap" in ended.err and "unexpected" not in ended.err
