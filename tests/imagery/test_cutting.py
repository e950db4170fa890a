"""Tiles cut out of their files at full resolution."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from affine import Affine
from PIL import Image
from rasterio.control import GroundControlPoint
from rasterio.crs import CRS
from rasterio.windows import Window as Part

from swath.errors import ImageryError, InputError
from swath.imagery import Tiling, cut, windows
from swath.imagery.faults import quiet
from swath.types import Window
from tests.imagery.make import GRID, UTM, noise, raster, tile, tiles

PLACE = Window(20, 10, 30, 40)
PART = Part(20, 10, 30, 40)


def _opened(path: Path) -> Any:
    with quiet():
        return rasterio.open(path)


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int16", "float32"])
def test_rasters_keep_bands_values_and_place(tmp_path: Path, dtype: str) -> None:
    data = (noise(5, 80, 90).astype(np.float64) * 7 - 300).clip(0 if dtype[0] == "u" else -300).astype(dtype)
    source = raster(tmp_path / "in.tif", data, nodata=17, names=["a", "", "nir"], tags={"ORIGIN": "made"})
    cut(source, PLACE, tmp_path / "out.tif", Tiling())
    with _opened(tmp_path / "out.tif") as out:
        assert np.array_equal(out.read(), data[:, 10:50, 20:50])
        assert (out.crs.to_string(), out.nodata, out.dtypes[0]) == (UTM, 17, dtype)
        assert out.transform == Affine(10, 0, 500_200, 0, -10, 4_499_900)
        assert out.descriptions == ("a", None, "nir", None, None)
        assert out.tags()["ORIGIN"] == "made"
    assert [path.name for path in sorted(tmp_path.iterdir())] == ["in.tif", "out.tif"]


def test_footprints_of_cut_tiles_are_those_of_the_tiles(tmp_path: Path) -> None:
    source = raster(tmp_path / "in.tif", noise(3, 70, 100), transform=GRID @ GRID.rotation(30))
    for number, one in enumerate(tiles(source, Tiling(32))):
        out = tmp_path / f"{number}.tif"
        cut(source, one.window, out, Tiling(32))
        again = tile(out, Tiling(32))
        assert again.footprint is not None
        assert one.footprint is not None
        assert np.allclose(again.footprint.ring, one.footprint.ring, atol=1e-9)
        assert np.array_equal(again.pixels, one.pixels)


def test_control_points_move_along(tmp_path: Path) -> None:
    corners = ((0, 0), (0, 90), (80, 90), (80, 0), (40, 45))
    points = [
        GroundControlPoint(r, c, 500_000 + 10 * c, 4_500_000 - 10 * r, id=str(i))
        for i, (r, c) in enumerate(corners)
    ]
    source = raster(tmp_path / "in.tif", noise(3, 80, 90), gcps=points, transform=None)
    cut(source, PLACE, tmp_path / "out.tif", Tiling())
    with _opened(tmp_path / "out.tif") as out:
        moved, crs = out.gcps
        assert crs.to_string() == UTM
        assert [(p.row, p.col) for p in moved] == [(r - 10, c - 20) for r, c in corners]


def test_masks_palettes_and_alpha_come_along(tmp_path: Path) -> None:
    mask = noise(80, 90) > 100
    masked = raster(tmp_path / "mask.tif", noise(3, 80, 90), mask=mask)
    cut(masked, PLACE, tmp_path / "mask_out.tif", Tiling())
    with _opened(tmp_path / "mask_out.tif") as out:
        assert np.array_equal(out.read_masks(1) > 0, mask[10:50, 20:50])
    colours = {value: (value, 255 - value, 7, 255) for value in range(256)}
    mapped = raster(tmp_path / "palette.tif", noise(1, 80, 90), palette=colours)
    cut(mapped, PLACE, tmp_path / "palette_out.tif", Tiling())
    with _opened(tmp_path / "palette_out.tif") as out:
        assert out.colormap(1)[9] == (9, 246, 7, 255)
    alpha = raster(tmp_path / "alpha.tif", noise(4, 80, 90), colours=["red", "green", "blue", "alpha"])
    cut(alpha, PLACE, tmp_path / "alpha_out.tif", Tiling())
    with _opened(tmp_path / "alpha_out.tif") as out:
        assert [meaning.name for meaning in out.colorinterp] == ["red", "green", "blue", "alpha"]


def test_scales_and_odd_meanings_come_along(tmp_path: Path) -> None:
    source = raster(tmp_path / "in.tif", noise(2, 80, 90), colours=["blue", "undefined"])
    with rasterio.open(source, "r+") as file:
        file.scales, file.offsets = (0.5, 2.0), (0.0, -3.0)
    cut(source, PLACE, tmp_path / "out.tif", Tiling())
    with _opened(tmp_path / "out.tif") as out:
        assert (out.scales, out.offsets) == ((0.5, 2.0), (0.0, -3.0))
        assert [meaning.name for meaning in out.colorinterp] == ["blue", "undefined"]
    assert not list(tmp_path.glob(".*"))


def test_the_source_is_never_written_over(tmp_path: Path) -> None:
    source = raster(tmp_path / "in.tif", noise(3, 80, 90))
    (tmp_path / "link.tif").symlink_to(source)
    before = source.read_bytes()
    for name in ("in.tif", "link.tif"):
        with pytest.raises(InputError, match="choose another name"):
            cut(source, PLACE, tmp_path / name, Tiling())
    assert source.read_bytes() == before


def test_png_is_the_tile_as_it_is_shown(tmp_path: Path) -> None:
    source = raster(tmp_path / "in.tif", noise(3, 70, 100).astype(np.uint16) * 100)
    one = tiles(source, Tiling(32))[3]
    cut(source, one.window, tmp_path / "out.png", Tiling(32))
    with Image.open(tmp_path / "out.png") as out:
        assert np.array_equal(np.asarray(out), one.pixels)


@pytest.mark.parametrize("name", ["out.png", "out.TIF"])
def test_pictures_are_upright(tmp_path: Path, name: str) -> None:
    image = Image.fromarray(noise(20, 30, 3))
    exif = image.getexif()
    exif[0x0112] = 6
    image.save(tmp_path / "in.png", exif=exif)
    (window,) = windows(tmp_path / "in.png", Tiling())
    assert (window.width, window.height) == (20, 30)
    cut(tmp_path / "in.png", window, tmp_path / name, Tiling())
    with Image.open(tmp_path / name) as out:
        assert np.array_equal(np.asarray(out), np.asarray(image.transpose(Image.Transpose.ROTATE_270)))


def test_what_cannot_be_cut(tmp_path: Path) -> None:
    source = raster(tmp_path / "in.tif", noise(3, 20, 20))
    with pytest.raises(InputError, match=r"\.png or \.tif"):
        cut(source, Window(0, 0, 9, 9), tmp_path / "out.jpg", Tiling())
    for name in ("out.tif", "out.png"):
        with pytest.raises(ImageryError, match="not inside"):
            cut(source, Window(15, 0, 9, 9), tmp_path / name, Tiling())
        with pytest.raises(InputError, match="cannot be written"):
            cut(source, Window(0, 0, 9, 9), tmp_path / "nowhere" / name, Tiling())
    assert [path.name for path in tmp_path.iterdir()] == ["in.tif"]


@pytest.mark.data
def test_real_rasters(data: Path, tmp_path: Path) -> None:
    for source in sorted((data / "geotiff").glob("*.tif")):
        window = windows(source, Tiling(64))[-1]
        cut(source, window, tmp_path / "out.tif", Tiling(64))
        part = Part(window.column, window.row, window.width, window.height)
        with _opened(source) as whole, _opened(tmp_path / "out.tif") as out:
            assert np.array_equal(out.read(), whole.read(window=part), equal_nan=True), source.name
            assert out.crs == whole.crs
            if not whole.transform.is_identity:
                corner = whole.transform @ (window.column, window.row)
                assert np.allclose([out.transform.c, out.transform.f], corner, rtol=0, atol=1e-9), source.name
                assert out.transform[:2] == whole.transform[:2]


def test_control_points_without_a_crs_move_along_too(tmp_path: Path) -> None:
    points = [
        GroundControlPoint(row, column, column / 10, -row / 10) for row in (0, 80) for column in (0, 90)
    ]
    source = raster(tmp_path / "in.tif", noise(3, 80, 90), gcps=points, transform=None)
    with rasterio.open(source, "r+") as file:
        file.gcps = (points, CRS())
    with _opened(source) as file:
        assert file.gcps[1] is None
    cut(source, PLACE, tmp_path / "out.tif", Tiling())
    with _opened(tmp_path / "out.tif") as out:
        assert [(p.row, p.col) for p in out.gcps[0]] == [(p.row - 10, p.col - 20) for p in points]


@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_names_may_be_as_long_as_names_can_be(tmp_path: Path, suffix: str) -> None:
    source, window = raster(tmp_path / "in.tif", noise(3, 20, 20)), Window(0, 0, 9, 9)
    longest = tmp_path / ("a" * (255 - len(suffix)) + suffix)
    cut(source, window, longest, Tiling())
    with _opened(longest) as out:
        assert out.shape == (9, 9)
    with pytest.raises(InputError, match="cannot be written: File name too long"):
        cut(source, window, tmp_path / f"a{longest.name}", Tiling())


@pytest.mark.parametrize("bits", [1, 4, 12])
def test_few_bits_stay_few(tmp_path: Path, bits: int) -> None:
    """A tile of 4 bits is stretched like its file: eight bits of such values are nearly black."""
    dtype = np.uint8 if bits < 8 else np.uint16
    data = np.arange(80 * 90).reshape(1, 80, 90) % 2**bits
    source = raster(tmp_path / "in.tif", data.astype(dtype), nbits=bits, transform=None, crs=None)
    with quiet(), rasterio.open(source, "r+") as file:
        file.crs = "EPSG:4326"
    cut(source, PLACE, tmp_path / "out.tif", Tiling())
    with _opened(source) as whole, _opened(tmp_path / "out.tif") as out:
        assert (
            out.tags(1, ns="IMAGE_STRUCTURE") == whole.tags(1, ns="IMAGE_STRUCTURE") == {"NBITS": str(bits)}
        )
        assert out.crs == whole.crs == CRS.from_epsg(4326)
        assert np.array_equal(out.read(), whole.read(window=PART))
