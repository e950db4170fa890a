"""What bug reports of raster software are about: each file is read as people see it, or refused in words."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from PIL import Image
from rasterio import Affine

from swath.errors import ImageryError
from swath.imagery import Tiling, bounds, cut, windows
from swath.types import Window
from tests.imagery.make import GRID, UTM, noise, raster, tile, tiles

WORLD = "10\n0\n0\n-10\n500005\n4499995\n"


def test_what_hides_under_invalid_pixels_is_black(tmp_path: Path) -> None:
    data, hidden = noise(3, 60, 60), np.zeros((60, 60), bool)
    hidden[:20] = True
    opaque = np.where(hidden, 0, 255).astype(np.uint8)[None]
    plain = raster(tmp_path / "plain.tif", data)
    alpha = raster(
        tmp_path / "alpha.tif", np.concatenate([data, opaque]), colours=["red", "green", "blue", "alpha"]
    )
    mask = raster(tmp_path / "mask.tif", data, mask=~hidden)
    nodata = raster(tmp_path / "nodata.tif", np.where(hidden, 255, data).astype(np.uint8), nodata=255)
    png = tmp_path / "a.png"
    Image.fromarray(np.concatenate([data, opaque]).transpose(1, 2, 0)).save(png)
    picture = tile(png).pixels
    (tmp_path / "a.pgw").write_text(WORLD)
    expected = np.where(hidden[..., None], 0, tile(plain).pixels)
    assert np.array_equal(picture, expected)
    for path in (alpha, mask, nodata, png):
        assert np.array_equal(tile(path).pixels, expected), path.name


def test_a_valid_pixel_keeps_the_band_that_has_the_nodata_value(tmp_path: Path) -> None:
    data = np.full((3, 40, 40), 100, np.uint8)
    data[0] = 255
    pixels = tile(raster(tmp_path / "a.tif", data, nodata=255)).pixels
    assert pixels[0, 0].tolist() == [255, 100, 100]


def test_alpha_behind_more_bands_counts(tmp_path: Path) -> None:
    data = noise(5, 60, 60)
    data[4] = 255
    data[4, :20] = 0
    path = raster(tmp_path / "a.tif", data, colours=["red", "green", "blue", "undefined", "alpha"])
    pixels = tile(path).pixels
    assert not pixels[:20].any() and np.array_equal(pixels[20:], data[:3, 20:].transpose(1, 2, 0))


@pytest.mark.parametrize("bits", [1, 8, 16])
def test_zero_is_white_where_the_file_says_so(tmp_path: Path, bits: int) -> None:
    dark = np.zeros((1, 40, 40), np.uint16 if bits == 16 else np.uint8)
    dark[0, :, 20:] = {1: 1, 8: 255, 16: 4000}[bits]
    pixels = tile(raster(tmp_path / "a.tif", dark, photometric="MINISWHITE", nbits=bits)).pixels
    assert (pixels[:, :20] == 255).all() and (pixels[:, 20:] == 0).all()


def test_a_cut_out_tile_is_white_where_its_file_is(tmp_path: Path) -> None:
    path = raster(tmp_path / "a.tif", noise(1, 40, 40), photometric="MINISWHITE")
    cut(path, Window(0, 0, 20, 20), tmp_path / "b.tif", Tiling())
    assert np.array_equal(tile(tmp_path / "b.tif").pixels, tile(path).pixels[:20, :20])


def test_scale_and_offset_change_nothing_but_a_negative_one_reverses(tmp_path: Path) -> None:
    ramp = np.tile(np.arange(-50, 50, dtype=np.int16), (3, 40, 1))
    path = raster(tmp_path / "a.tif", ramp)
    plain = tile(path).pixels
    for scale, expected in ((1e-4, plain), (-1e-4, plain[:, ::-1])):
        with rasterio.open(path, "r+") as dataset:
            dataset.scales, dataset.offsets = (scale,) * 3, (-0.1,) * 3
        assert np.abs(tile(path).pixels.astype(int) - expected).max() <= 3


def test_twelve_bits_in_sixteen_use_the_whole_range(tmp_path: Path) -> None:
    path = raster(tmp_path / "a.tif", noise(3, 40, 40).astype(np.uint16) * 16, nbits=12)
    pixels = tile(path).pixels
    assert pixels.min() == 0 and pixels.max() == 255


@pytest.mark.parametrize(
    "options",
    [{"compress": "jpeg", "photometric": "YCBCR"}, {"compress": "webp"}, {"compress": "jpeg", "tiled": True}],
)
def test_lossy_colours_are_near(tmp_path: Path, options: dict[str, Any]) -> None:
    flat = np.array([200, 30, 60], np.uint8)[:, None, None].repeat(64, 1).repeat(64, 2)
    layout: dict[str, Any] = {"blockxsize": 64, "blockysize": 64} if "tiled" in options else {}
    pixels = tile(raster(tmp_path / "a.tif", flat, **options, **layout)).pixels
    assert np.abs(pixels.astype(int) - [200, 30, 60]).max() <= 4


@pytest.mark.parametrize("photometric", ["CMYK", "CIELAB"])
def test_other_colour_spaces_are_shown_as_rgb(tmp_path: Path, photometric: str) -> None:
    # Full cyan without black; in CIELAB, full lightness without colour.
    data = np.zeros((4 if photometric == "CMYK" else 3, 40, 40), np.uint8)
    data[0] = 255
    pixels = tile(raster(tmp_path / "a.tif", data, photometric=photometric)).pixels
    # The white of CIELAB is that of warmer light.
    wanted = [0, 255, 255] if photometric == "CMYK" else [255, 252, 222]
    assert np.abs(pixels[0, 0].astype(int) - wanted).max() <= 3


@pytest.mark.parametrize("name", ["a.png", "a.jpg"])
def test_palettes_and_cmyk_beside_a_world_file(tmp_path: Path, name: str) -> None:
    if name == "a.jpg":
        Image.new("CMYK", (40, 40), (255, 0, 0, 0)).save(tmp_path / name)
    else:
        image = Image.new("P", (40, 40), 1)
        image.putpalette([9, 9, 9, 0, 255, 255])
        image.save(tmp_path / name)
    (tmp_path / "a.wld").write_text(WORLD)
    found = tile(tmp_path / name)
    assert np.abs(found.pixels.astype(int) - [0, 255, 255]).max() <= 3
    assert "bands" in found.attributes


def test_sixteen_bit_palettes(tmp_path: Path) -> None:
    data = noise(1, 40, 40).astype(np.uint16) % 3
    colours = {0: (9, 9, 9, 255), 1: (200, 0, 0, 255), 2: (0, 200, 0, 255)}
    pixels = tile(raster(tmp_path / "a.tif", data, palette=colours)).pixels
    assert np.array_equal(pixels, np.array([colours[i][:3] for i in range(3)], np.uint8)[data[0]])


def test_a_nodata_value_that_its_type_cannot_hold_is_no_value(tmp_path: Path) -> None:
    data = noise(3, 40, 40)
    path = raster(tmp_path / "a.tif", data, nodata=200)
    changed = path.read_bytes().replace(b"200\0", b"-99\0")
    assert changed != path.read_bytes()
    path.write_bytes(changed)
    assert np.array_equal(tile(path).pixels, data.transpose(1, 2, 0))


def test_reading_is_in_the_grid_of_the_file_however_it_lies(tmp_path: Path) -> None:
    """South-up, mirrored and turned rasters keep their rows; the footprint alone says how they lie."""
    data = noise(3, 70, 90)
    for place, grid in enumerate((GRID, Affine(10, 0, 5e5, 0, 10, 4.4e6), Affine(8, 6, 5e5, 6, -8, 4.5e6))):
        pixels = tile(raster(tmp_path / f"{place}.tif", data, transform=grid)).pixels
        assert np.array_equal(pixels, data.transpose(1, 2, 0))


def test_control_points_without_a_crs_give_no_footprint(tmp_path: Path) -> None:
    from rasterio.control import GroundControlPoint

    points = [GroundControlPoint(row=r, col=c, x=c, y=-r) for r in (0, 40) for c in (0, 40)]
    found = tile(raster(tmp_path / "a.tif", noise(3, 40, 40), crs=rasterio.CRS(), gcps=points))
    assert found.footprint is None and "crs" not in found.attributes


@pytest.mark.parametrize(
    "corners",
    [[(0, 0), (0, 20), (0, 40)], [(7, 7)] * 5, [(i, 2 * i) for i in range(6)]],
    ids=["row", "one point", "slanting"],
)
def test_control_points_that_determine_nothing_give_no_footprint(
    tmp_path: Path, corners: list[tuple[int, int]]
) -> None:
    from rasterio.control import GroundControlPoint

    points = [GroundControlPoint(row=r, col=c, x=c * 0.01, y=-r * 0.01) for r, c in corners]
    data = noise(3, 40, 40)
    found = tile(raster(tmp_path / "a.tif", data, crs="EPSG:4326", gcps=points))
    assert found.footprint is None and "resolution" not in found.attributes
    assert np.array_equal(found.pixels, data.transpose(1, 2, 0))


@pytest.mark.parametrize(
    "grid",
    [Affine(0, 0, 5e5, 0, 0, 4.5e6), Affine(10, 0, 5e5, 0, 0, 4.5e6), Affine(np.nan, 0, 5e5, 0, -10, 4.5e6)],
    ids=["a point", "a line", "no numbers"],
)
def test_pixels_without_a_size_have_no_footprint(tmp_path: Path, grid: Affine) -> None:
    found = tile(raster(tmp_path / "a.tif", noise(3, 40, 40), transform=grid))
    assert found.footprint is None and found.attributes == {"bands": 3}


def test_another_world_is_known_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From the Moon there is no way to longitudes of the Earth, whatever the point."""
    import rasterio.warp

    asked: list[int] = []
    transform = rasterio.warp.transform

    def counting(*arguments: Any) -> Any:
        asked.append(len(arguments[2]))
        return transform(*arguments)

    monkeypatch.setattr(rasterio.warp, "transform", counting)
    place = Affine(0.1, 0, 0, 0, -0.1, 20)
    path = raster(tmp_path / "a.tif", noise(1, 160, 160), crs="IAU_2015:30100", transform=place)
    found = tiles(path, Tiling(size=16))
    assert len(found) == 100
    assert all(one.footprint is None and one.attributes["crs"] == "IAU_2015:30100" for one in found)
    assert len(asked) <= 2, "one for the footprints, one for the resolution"


def test_nodata_of_64_bits_is_exact(tmp_path: Path) -> None:
    """2^53 + 1 is a value beside the no-data value 2^53, though a double cannot tell them apart."""
    data = np.full((1, 40, 80), 2**53 + 1, np.int64)
    data[:, :, :40] = 2**53
    found = tiles(raster(tmp_path / "a.tif", data, nodata=2**53), Tiling(size=40))
    assert [one.window.column for one in found] == [40]


def test_a_huge_and_empty_raster_is_cut_at_once(tmp_path: Path) -> None:
    """90 gigapixels, of which one block is stored: neither time nor memory goes with the size."""
    path, side = tmp_path / "a.tif", 300_000
    shape = {"width": side, "height": side, "count": 1, "dtype": "uint8"}
    layout = {"tiled": True, "blockxsize": 1024, "blockysize": 1024, "SPARSE_OK": True, "BIGTIFF": "YES"}
    with rasterio.open(path, "w", driver="GTiff", crs=UTM, transform=GRID, **shape, **layout) as dataset:
        dataset.write(noise(1, 300, 300), window=rasterio.windows.Window(102_400, 204_800, 300, 300))
    found = windows(path, Tiling())
    assert found == [
        Window(102_400 + x, 204_800 + y, 256, 256) for y in range(0, 1024, 256) for x in range(0, 1024, 256)
    ]
    assert len(tiles(path)) == 16


@pytest.mark.parametrize(
    ("start", "says"),
    [
        (b"<!DOCTYPE html><html>", "is an HTML page.*download it again"),
        (b"\n  <HTML><body>", "is an HTML page"),
        (b"\xef\xbb\xbf<?xml version='1.0'?>", "is XML"),
        (b"version https://git-lfs.github.com/spec/v1\n", "is a Git LFS pointer.*git lfs pull"),
        (b'{"message": "Not found"}', "is JSON"),
        (b"\0\0\0\x18ftypheic\0\0\0\0", "is HEIF or AVIF.*convert it to JPEG or PNG"),
        (b"\0\0\0\x0cjP  \r\n\x87\n", "is JPEG 2000.*GeoTIFF"),
        (b"\xff\x4f\xff\x51\0", "is JPEG 2000"),
        (b"\x89HDF\r\n\x1a\n", "is HDF5 or netCDF"),
        (b"CDF\x01", "is netCDF"),
        (b"PK\x03\x04", "is a zip archive"),
        (b"%PDF-1.7", "is a PDF"),
        (b"<VRTDataset rasterXSize='9'>", "is a virtual raster"),
    ],
)
def test_what_is_something_else_is_called_by_its_name(tmp_path: Path, start: bytes, says: str) -> None:
    for name in ("a.jpg", "b.tif"):
        (tmp_path / name).write_bytes(start + b"x" * 50)
        with pytest.raises(ImageryError, match=rf"{name}: {says}"):
            windows(tmp_path / name, Tiling())


@pytest.mark.parametrize("code", [9, 65535])
def test_a_compression_that_nobody_here_knows_is_named(tmp_path: Path, code: int) -> None:
    path = raster(tmp_path / "a.tif", noise(3, 64, 64), compress="deflate", photometric="RGB")
    _patch(path, 259, code)
    with pytest.raises(ImageryError, match=rf"a\.tif: .*missing codec of code {code}; store it with another"):
        tiles(path)


def test_what_the_decoder_said_is_passed_on(tmp_path: Path) -> None:
    path = raster(tmp_path / "a.tif", noise(3, 64, 64), compress="deflate", photometric="RGB")
    _patch(path, 259, 5)  # LZW, which it is not
    with pytest.raises(ImageryError, match=r"a\.tif: cannot be read: .*band 1: .*; check the file") as told:
        tiles(path)
    assert "See previous" not in str(told.value)


TABLE = """!table
!version 300
!charset WindowsLatin1

Definition Table
  File "{name}"
  Type "RASTER"
  (10,45) (0,0) Label "1",
  (10.4,45) (40,0) Label "2",
  (10,44.6) (0,40) Label "3"
  CoordSys Earth Projection 1, 104
  Units "degree"
"""


@pytest.mark.parametrize("name", ["a.tif", "a.jpg"])
def test_a_table_of_mapinfo_beside_a_picture(tmp_path: Path, name: str) -> None:
    Image.fromarray(noise(40, 40, 3)).save(tmp_path / name)
    assert tile(tmp_path / name).footprint is None
    (tmp_path / "a.tab").write_text(TABLE.format(name=name))
    with rasterio.open(tmp_path / name) as source:
        if source.crs is None:
            pytest.skip(f"GDAL {rasterio.__gdal_version__} reads no CRS from a table beside {name}")
    found = tile(tmp_path / name).footprint
    assert found is not None
    assert np.allclose(found.ring, [(10, 45), (10.4, 45), (10.4, 44.6), (10, 44.6)], rtol=0, atol=1e-6)


def test_rpcs_beside_a_plain_picture(tmp_path: Path) -> None:
    """As satellite companies deliver them: `NAME_RPC.TXT`."""
    Image.fromarray(noise(128, 128, 3)).save(tmp_path / "a.tif")
    offsets = {"LINE": (64, 64), "SAMP": (64, 64), "LAT": (40, 0.5), "LONG": (20, 0.5), "HEIGHT": (0, 500)}
    lines = [f"{name}_OFF: {offset}" for name, (offset, _) in offsets.items()]
    lines += [f"{name}_SCALE: {scale}" for name, (_, scale) in offsets.items()]
    one = {"LINE_NUM": (3, -1.0), "LINE_DEN": (1, 1.0), "SAMP_NUM": (2, 1.0), "SAMP_DEN": (1, 1.0)}
    for name, (place, value) in one.items():
        lines += [f"{name}_COEFF_{i}: {value if i == place else 0}" for i in range(1, 21)]
    (tmp_path / "a_RPC.TXT").write_text("\n".join(lines) + "\n")
    found = tile(tmp_path / "a.tif", Tiling(size=128)).footprint
    assert found is not None
    west, south, east, north = bounds(found)
    assert np.allclose((west, south, east, north), (19.5, 39.5, 20.5, 40.5), atol=0.02)


def _patch(path: Path, tag: int, value: int) -> None:
    """Change a short in the first directory of a little-endian TIFF."""
    data = bytearray(path.read_bytes())
    (start,) = struct.unpack_from("<I", data, 4)
    (count,) = struct.unpack_from("<H", data, start)
    entries = [start + 2 + 12 * i for i in range(count)]
    (entry,) = [at for at in entries if struct.unpack_from("<H", data, at) == (tag,)]
    struct.pack_into("<H", data, entry + 8, value)
    path.write_bytes(data)
