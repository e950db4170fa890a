from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
import rasterio
import rasterio.warp as warp

from swath.imagery import Tiling, from_wkb, open_picture, to_wkb, windows
from swath.imagery.faults import quiet
from tests.imagery.make import tiles

pytestmark = pytest.mark.data


@pytest.fixture(scope="module")
def index(data: Path) -> dict[Path, dict[str, str]]:
    folder = data / "geotiff"
    with (folder / "INDEX.tsv").open(newline="") as file:
        return {folder / row["path"]: row for row in csv.DictReader(file, delimiter="\t")}


def test_footprints_fill_the_printed_bounds(index: dict[Path, dict[str, str]]) -> None:
    assert len(index) == 20
    for path, traits in index.items():
        found = tiles(path, Tiling(min_valid=0))
        ring = np.array([corner for t in found if t.footprint is not None for corner in t.footprint.ring])
        assert len(ring) == 4 * len(found)
        if traits["bounds_lonlat"]:
            bounds = [float(number) for number in traits["bounds_lonlat"].split(",")]
            assert np.allclose([*ring.min(0), *ring.max(0)], bounds, rtol=0, atol=5.01e-5), path.name
        else:
            assert np.allclose([*ring.min(0), *ring.max(0)], [75.6052, 9.2256, 78.2046, 11.1904], atol=1e-3)


def test_windows_cover_and_tiles_are_as_rasterio_reads_them(index: dict[Path, dict[str, str]]) -> None:
    for path, traits in index.items():
        width, height = int(traits["width"]), int(traits["height"])
        seen = np.zeros((height, width), bool)
        for window in windows(path, Tiling()):
            seen[window.row : window.row + window.height, window.column : window.column + window.width] = True
        assert seen.all(), path.name
        found = tiles(path)
        assert found, path.name
        with quiet():
            dataset = rasterio.open(path)
        with dataset:
            for t in found:
                w = t.window
                assert t.pixels.shape == (w.height, w.width, 3)
                assert t.attributes["bands"] == int(traits["bands"])
                assert t.footprint is not None and from_wkb(to_wkb(t.footprint)) == t.footprint
                if traits["dtype"] == "uint8":
                    place = rasterio.windows.Window(w.column, w.row, w.width, w.height)
                    values, valid = (
                        dataset.read([1, 2, 3], window=place),
                        dataset.dataset_mask(window=place) > 0,
                    )
                    assert np.array_equal(t.pixels.transpose(2, 0, 1), np.where(valid, values, 0))
        if traits["crs"].startswith("EPSG"):
            assert found[0].attributes["crs"] == traits["crs"]


def test_footprints_are_the_corners_by_rasterio(index: dict[Path, dict[str, str]]) -> None:
    for path in index:
        with quiet():
            dataset = rasterio.open(path)
        with dataset:
            if dataset.transform.is_identity:
                continue
            for t in tiles(path, Tiling(min_valid=0)):
                w, right, bottom = t.window, t.window.column + t.window.width, t.window.row + t.window.height
                points = [(w.column, w.row), (right, w.row), (right, bottom), (w.column, bottom)]
                xs, ys = zip(*(dataset.transform @ point for point in points), strict=True)
                corners = list(zip(*warp.transform(dataset.crs, "EPSG:4326", xs, ys), strict=True))
                assert t.footprint is not None
                assert np.allclose(t.footprint.ring, corners, rtol=0, atol=1e-9), path.name


def test_scenes_of_more_bits_use_the_whole_range(index: dict[Path, dict[str, str]]) -> None:
    for path, traits in index.items():
        if traits["dtype"] != "uint8":
            pixels = np.concatenate([t.pixels.reshape(-1, 3) for t in tiles(path)])
            assert pixels.min() == 0 and pixels.max() == 255 and 20 < pixels.mean() < 200, path.name


def test_rasters_as_query_pictures(index: dict[Path, dict[str, str]]) -> None:
    for path, traits in index.items():
        assert open_picture(path).shape == (int(traits["height"]), int(traits["width"]), 3)
