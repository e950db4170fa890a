"""Levels of a pyramid, and one stretch for a whole collection."""

from __future__ import annotations

import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from numpy.typing import NDArray
from PIL import Image
from rasterio.enums import Resampling

from swath.errors import ImageryError
from swath.imagery import Tiling, cut, open_picture, open_source, read, windows
from swath.types import Window
from tests.imagery.make import noise, raster, tiles
from tests.imagery.test_rasters import corners

PYRAMID = Tiling(size=32, levels=3)


def means(data: NDArray[np.uint8], window: Window, factor: int) -> NDArray[np.float64]:
    """The slow twin: the mean of every square of `factor` pixels, [h, w, bands]."""
    part = data[:, window.row : window.row + window.height, window.column : window.column + window.width]
    bands, height, width = part.shape
    squares = part.reshape(bands, height // factor, factor, width // factor, factor)
    mean: NDArray[np.float64] = squares.mean(axis=(2, 4)).transpose(1, 2, 0)
    return mean


def test_windows_of_higher_levels_are_means_of_their_pixels(tmp_path: Path) -> None:
    data = noise(3, 128, 160)
    path = raster(tmp_path / "a.tif", data)
    found = tiles(path, PYRAMID)
    assert [t.window.width for t in found] == [32] * 20 + [64] * 6 + [128] * 2
    for t in found:
        factor = t.window.width // 32
        assert t.pixels.shape == (32, 32, 3)
        assert np.abs(t.pixels - means(data, t.window, factor)).max() <= 0.5 + 1e-9
        assert t.footprint is not None
        assert np.allclose(t.footprint.ring, corners(path, t.window), rtol=0, atol=1e-9)


def test_pictures_have_levels_too(tmp_path: Path) -> None:
    data = noise(3, 128, 160)
    Image.fromarray(data.transpose(1, 2, 0)).save(tmp_path / "a.png")
    tiling = Tiling(size=32, levels=3, picture_side=100)
    found = tiles(tmp_path / "a.png", tiling)
    assert len(found) == 28
    for t in found:
        # Pillow rounds after each of the two directions.
        assert np.abs(t.pixels - means(data, t.window, t.window.width // 32)).max() <= 1
    (one,) = tiles(tmp_path / "a.png", PYRAMID)
    assert one.pixels.shape == (128, 160, 3)


def test_overviews_are_read_where_there_are_any(tmp_path: Path) -> None:
    path = raster(tmp_path / "a.tif", noise(3, 256, 256), tiled=True, blockxsize=64, blockysize=64)
    with rasterio.open(path, "r+") as dataset:
        dataset.build_overviews([2, 4], Resampling.nearest)
    with rasterio.open(path, overview_level=0) as dataset:
        half = dataset.read()
    found = {t.window: t.pixels for t in tiles(path, PYRAMID)}
    # The means would differ from the nearest pixels, which are what the overview holds.
    assert np.array_equal(found[Window(64, 0, 64, 64)], half[:, :32, 32:64].transpose(1, 2, 0))


def test_the_least_valid_share_counts_for_every_window(tmp_path: Path) -> None:
    data = noise(1, 64, 64)
    data[:, :, 40:] = 0
    path = raster(tmp_path / "a.tif", data, nodata=0)
    kept = [t.window for t in tiles(path, Tiling(size=32, levels=2, min_valid=0.6))]
    assert kept == [Window(0, 0, 32, 32), Window(0, 32, 32, 32), Window(0, 0, 64, 64)]
    kept = [t.window for t in tiles(path, Tiling(size=32, levels=2, min_valid=0.7))]
    assert kept == [Window(0, 0, 32, 32), Window(0, 32, 32, 32)]
    whole = tiles(path, Tiling(size=32, levels=2, min_valid=0.6))[-1]
    assert (whole.pixels[:, :20] > 0).all()
    assert (whole.pixels[:, 20:] == 0).all()


def test_palettes_are_not_mixed(tmp_path: Path) -> None:
    data = np.tile(np.array([[0, 2]], np.uint8), (64, 32))[None]
    path = raster(
        tmp_path / "a.tif", data, palette={0: (255, 0, 0, 255), 1: (0, 255, 0, 255), 2: (0, 0, 255, 255)}
    )
    whole = tiles(path, Tiling(size=32, levels=2))[-1].pixels
    assert not whole[..., 1].any()


def test_a_large_window_is_never_whole_in_memory(tmp_path: Path) -> None:
    layout: dict[str, Any] = {"tiled": True, "blockxsize": 256, "blockysize": 256, "compress": "deflate"}
    path = raster(tmp_path / "a.tif", np.full((3, 4096, 4096), 7, np.uint8), **layout)
    tiling = Tiling(size=64, levels=7)
    tracemalloc.start()
    (image,) = read(path, [Window(0, 0, 4096, 4096)], tiling)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (image.pixels == 7).all()
    assert peak < 2**20  # 50 MB at full resolution


def test_cutting_out_gives_the_full_resolution(tmp_path: Path) -> None:
    data = noise(3, 128, 128)
    path = raster(tmp_path / "a.tif", data)
    window = windows(path, PYRAMID)[-1]
    assert window == Window(0, 0, 128, 128)
    for name in ("out.png", "out.tif"):
        cut(path, window, tmp_path / name, PYRAMID)
        assert np.array_equal(open_picture(tmp_path / name), data.transpose(1, 2, 0))
    with pytest.raises(ImageryError, match="finer level"):
        cut(path, Window(0, 0, 8193, 8192), tmp_path / "out.png", PYRAMID)


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
def test_one_stretch_for_all_scenes(tmp_path: Path, dtype: str) -> None:
    tiling = Tiling(size=32, stretch=(50.0, 150.0))
    for seed, name in enumerate(("dark.tif", "bright.tif")):
        data = (noise(3, 32, 32, seed=seed, low=1, high=100) + 100 * seed).astype(dtype)
        (found,) = tiles(raster(tmp_path / name, data), tiling)
        expected = np.rint((np.clip(data.astype(float), 50, 150) - 50) * 2.55)
        assert np.array_equal(found.pixels, expected.transpose(1, 2, 0))


def test_plain_tiffs_are_stretched_as_well_and_other_pictures_are_not(tmp_path: Path) -> None:
    data = noise(20, 20, 3)
    for name in ("a.tif", "a.png"):
        Image.fromarray(data).save(tmp_path / name)
    tiling = Tiling(stretch=(0.0, 510.0))
    assert np.array_equal(tiles(tmp_path / "a.tif", tiling)[0].pixels, np.rint(data / 2).astype(np.uint8))
    assert np.array_equal(tiles(tmp_path / "a.png", tiling)[0].pixels, data)


def test_a_dark_band_stays_reversed_under_a_fixed_stretch(tmp_path: Path) -> None:
    path = raster(tmp_path / "a.tif", noise(1, 32, 32), photometric="MINISWHITE")
    given = tiles(path, Tiling(stretch=(0.0, 255.0)))[0].pixels
    assert np.array_equal(given, tiles(path)[0].pixels)


def test_a_look_is_handed_on_instead_of_measured(tmp_path: Path) -> None:
    data = noise(1, 64, 64).astype(np.uint16) * 9
    path = raster(tmp_path / "a.tif", data)
    other = raster(tmp_path / "b.tif", data // 2)
    tiling = Tiling(size=64)
    with open_source(path, tiling) as source, open_source(other, tiling, source.look) as follower:
        (bright,), (dark,) = source.read(source.windows()), follower.read(follower.windows())
        assert follower.look is source.look
    assert dark.pixels.max() < 0.6 * bright.pixels.max()
