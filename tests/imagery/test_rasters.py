from __future__ import annotations

import math
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image
from rasterio import Affine
from rasterio.control import GroundControlPoint

from swath.errors import ImageryError
from swath.imagery import Tiling, bounds, open_picture, read, scenes, windows
from swath.imagery import rasters as rasters_module
from swath.imagery.scenes import _as_stored
from swath.types import Window
from tests.imagery.make import GRID, UTM, noise, raster, tile, tiles

SMALL = Tiling(size=64)


def cut(data: NDArray[Any], window: Window) -> NDArray[Any]:
    """Bands of a window as the pixels of a tile."""
    rows = slice(window.row, window.row + window.height)
    return data[:, rows, window.column : window.column + window.width].transpose(1, 2, 0)


def test_eight_bit_colours_are_left_as_they_are(tmp_path: Path) -> None:
    data = noise(3, 100, 150)
    found = tiles(raster(tmp_path / "a.tif", data), SMALL)
    assert [t.window for t in found] == [Window(c, r, 64, 64) for r in (0, 36) for c in (0, 64, 86)]
    for t in found:
        assert np.array_equal(t.pixels, cut(data, t.window))
        assert t.pixels.flags.c_contiguous and t.pixels.dtype == np.uint8
        assert t.attributes == {"resolution": 10.0, "crs": UTM, "bands": 3}
        assert t.time is None


@pytest.mark.parametrize(
    "options",
    [{"interleave": "band"}, {"interleave": "pixel"}, {"tiled": True, "blockxsize": 32, "blockysize": 16}],
)
@pytest.mark.parametrize("compress", ["none", "lzw", "deflate", "zstd"])
def test_layouts_and_compression(tmp_path: Path, options: dict[str, Any], compress: str) -> None:
    data = noise(3, 90, 70)
    for t in tiles(raster(tmp_path / "a.tif", data, compress=compress, **options), SMALL):
        assert np.array_equal(t.pixels, cut(data, t.window))


def test_one_band_is_grey(tmp_path: Path) -> None:
    data = noise(1, 40, 40)
    assert np.array_equal(
        tile(raster(tmp_path / "a.tif", data)).pixels, cut(data.repeat(3, 0), Window(0, 0, 40, 40))
    )


@pytest.mark.parametrize("count", [4, 7])
def test_of_many_bands_three_are_shown(tmp_path: Path, count: int) -> None:
    data = noise(count, 40, 40)
    path = raster(tmp_path / "a.tif", data)
    whole = Window(0, 0, 40, 40)
    assert np.array_equal(tile(path).pixels, cut(data[:3], whole))
    assert np.array_equal(tile(path, Tiling(bands=(4, 1, 2))).pixels, cut(data[[3, 0, 1]], whole))
    assert np.array_equal(tile(path, Tiling(bands=(4,))).pixels, cut(data[[3, 3, 3]], whole))
    assert tile(path).attributes["bands"] == count
    with pytest.raises(ImageryError, match=rf"a\.tif: has {count} band\(s\), but bands \(9,\) were asked"):
        windows(path, Tiling(bands=(9,)))


def test_two_bands_show_the_first(tmp_path: Path) -> None:
    data = noise(2, 40, 40)
    assert np.array_equal(tile(raster(tmp_path / "a.tif", data)).pixels[..., 2], data[0])


def test_bands_marked_as_colours_come_first(tmp_path: Path) -> None:
    data = noise(4, 40, 40)
    marked = raster(tmp_path / "a.tif", data, colours=["blue", "green", "red", "undefined"])
    named = raster(tmp_path / "b.tif", data, names=["Blue", "Green", "Red", "NIR"], photometric="minisblack")
    for path in (marked, named):
        assert np.array_equal(tile(path).pixels, cut(data[[2, 1, 0]], Window(0, 0, 40, 40)))


@pytest.mark.parametrize("dtype", ["uint16", "int16", "uint32", "int32", "float32", "float64", "int8"])
def test_other_values_are_stretched_once_for_the_scene(tmp_path: Path, dtype: str) -> None:
    low, high = (-100, 100) if dtype in ("int8", "int16", "float32") else (20, 110)
    ramp = np.linspace(low, high, 200)
    scene = np.stack(
        [np.tile(ramp, (64, 1)), np.tile(ramp[::-1], (64, 1)), np.tile(ramp / 2, (64, 1))]
    ).astype(dtype)
    path = raster(tmp_path / "a.tif", scene)
    picture = np.zeros((64, 200, 3), np.uint8)
    for t in tiles(path, SMALL):
        picture[:, t.window.column : t.window.column + 64] = t.pixels
    assert (picture[:, :3, 0] == 0).all() and (picture[:, -3:, 0] == 255).all()
    assert (np.diff(picture[0, :, 0].astype(int)) >= 0).all()
    assert abs(int(picture[0, 100, 0]) - 128) < 8 and abs(int(picture[0, 100, 2]) - 128) < 8
    assert np.array_equal(picture[:, ::-1, 0], picture[..., 1]) or dtype.startswith(("int", "uint"))
    # A window alone is stretched as among others.
    (alone,) = read(path, [Window(100, 0, 64, 64)], SMALL)
    assert np.array_equal(alone.pixels, picture[:, 100:164])


def test_outliers_do_not_darken_a_scene(tmp_path: Path) -> None:
    data = noise(3, 100, 100, low=100, high=200).astype(np.uint16)
    data[:, 0, 0] = 65_535
    pixels = tile(raster(tmp_path / "a.tif", data)).pixels
    assert pixels[1:].max() == 255 and 100 < pixels.mean() < 150


@pytest.mark.parametrize("value", [0, 7, 65_535])
def test_a_flat_scene_is_black_and_kept(tmp_path: Path, value: int) -> None:
    assert not tile(raster(tmp_path / "a.tif", np.full((3, 40, 40), value, np.uint16))).pixels.any()


def test_two_values_are_told_apart(tmp_path: Path) -> None:
    data = np.zeros((1, 100, 100), np.uint16)
    data[0, 50, 50] = 1
    pixels = tile(raster(tmp_path / "a.tif", data)).pixels
    assert pixels[50, 50, 0] == 255 and pixels.sum() == 3 * 255


def test_few_bits_in_bytes_are_stretched(tmp_path: Path) -> None:
    data = noise(1, 40, 40) % 2
    assert np.array_equal(tile(raster(tmp_path / "a.tif", data, nbits=1)).pixels[..., 0], data[0] * 255)


@pytest.mark.parametrize("fill", [float("nan"), float("inf"), -3.4e38])
def test_floats_that_are_no_numbers_are_not_valid(tmp_path: Path, fill: float) -> None:
    data = np.tile(np.linspace(0, 1, 128, dtype=np.float32), (3, 64, 1))
    data[:, :, :64] = fill
    (only,) = tiles(raster(tmp_path / "a.tif", data), SMALL)
    assert only.window.column == 64
    assert only.pixels[0, 0, 0] == 0 and only.pixels[0, -1, 0] == 255
    everything = tile(raster(tmp_path / "a.tif", data), Tiling(size=128))
    assert not everything.pixels[:, :64].any()


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int16", "float32"])
@pytest.mark.parametrize("nodata", [0, 255])
def test_nodata(tmp_path: Path, dtype: str, nodata: int) -> None:
    data = noise(3, 64, 192).astype(dtype)
    data[:, :, :64] = nodata
    data[:, :40, 64:128] = nodata
    path = raster(tmp_path / "a.tif", data, nodata=nodata)
    assert [t.window.column for t in tiles(path, SMALL)] == [128]
    assert [t.window.column for t in tiles(path, Tiling(size=64, min_valid=0.3))] == [64, 128]
    assert [t.window.column for t in tiles(path, Tiling(size=64, min_valid=0))] == [64, 128]
    assert len(windows(path, SMALL)) == 3


@pytest.mark.parametrize("nodata", [0.1, -9999.9, -3.4028234663852886e38, float("nan")])
def test_nodata_in_single_precision(tmp_path: Path, nodata: float) -> None:
    data = noise(3, 64, 128).astype(np.float32)
    data[:, :, :64] = nodata
    (only,) = tiles(raster(tmp_path / "a.tif", data, nodata=nodata), SMALL)
    assert only.window.column == 64
    assert _as_stored(-1.7e308, np.dtype(np.float32)) == -math.inf


def test_nodata_does_not_enter_the_stretch(tmp_path: Path) -> None:
    data = noise(3, 64, 64, low=100, high=200).astype(np.int16)
    clean = tile(raster(tmp_path / "a.tif", data)).pixels
    data[:, :20] = -9999
    holed = tile(raster(tmp_path / "b.tif", data, nodata=-9999)).pixels
    assert not holed[:20].any()
    assert np.abs(holed[20:].astype(int) - clean[20:]).max() <= 3


def test_a_pixel_is_valid_where_any_band_is(tmp_path: Path) -> None:
    data = np.zeros((3, 64, 64), np.uint8)
    data[2] = 200
    assert np.array_equal(
        tile(raster(tmp_path / "a.tif", data, nodata=0)).pixels, cut(data, Window(0, 0, 64, 64))
    )


@pytest.mark.parametrize(
    "options", [{"nodata": 0}, {"mask": np.zeros((100, 100), bool)}, {"tags": {"A": "b"}}]
)
def test_scenes_without_any_valid_pixel_give_no_tiles(tmp_path: Path, options: dict[str, Any]) -> None:
    for dtype in ("uint8", "uint16", "float32"):
        data = np.full((3, 100, 100), float("nan")) if dtype == "float32" else np.zeros((3, 100, 100))
        path = raster(tmp_path / "a.tif", data.astype(dtype), **options)
        assert len(tiles(path, SMALL)) == (4 if "tags" in options and dtype != "float32" else 0)


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
@pytest.mark.parametrize("nodata", [None, 3])
def test_alpha(tmp_path: Path, dtype: str, nodata: int | None) -> None:
    data = noise(4, 64, 128).astype(dtype)
    data[3] = np.iinfo(dtype).max
    data[3, :, :64] = 0
    path = raster(tmp_path / "a.tif", data, colours=["red", "green", "blue", "alpha"], nodata=nodata)
    (only,) = tiles(path, SMALL)
    assert only.window.column == 64
    grey = raster(tmp_path / "b.tif", data[[0, 3]], alpha="yes", nodata=nodata)
    assert [t.window.column for t in tiles(grey, SMALL)] == [64]


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_internal_masks(tmp_path: Path, dtype: str) -> None:
    data = noise(3, 64, 128).astype(dtype)
    mask = np.zeros((64, 128), bool)
    mask[:, 64:] = True
    (only,) = tiles(raster(tmp_path / "a.tif", data, mask=mask), SMALL)
    assert only.window.column == 64


def test_palettes(tmp_path: Path) -> None:
    data = noise(1, 64, 128, low=1, high=3)
    data[:, :, :64] = 0
    palette = {0: (9, 9, 9, 0), 1: (10, 20, 30, 255), 2: (200, 100, 50, 255)}
    path = raster(tmp_path / "a.tif", data, palette=palette, nodata=0)
    (only,) = tiles(path, SMALL)
    table = np.array([palette[value][:3] for value in range(3)], np.uint8)
    assert np.array_equal(only.pixels, table[data[0, :, 64:]])


def test_complex_values_are_refused(tmp_path: Path) -> None:
    path = raster(tmp_path / "a.tif", np.ones((1, 20, 20), np.complex64))
    with pytest.raises(ImageryError, match=r"a\.tif: its values are complex numbers; store their magnitude"):
        tiles(path)


def test_blocks_that_no_memory_holds_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = raster(tmp_path / "a.tif", noise(3, 64, 64), compress="lzw", blockysize=64)
    assert len(tiles(path)) == 1
    monkeypatch.setattr(scenes, "_BLOCK_LIMIT", 64 * 64 * 3 - 1)
    with pytest.raises(ImageryError, match=r"a\.tif: its blocks of 64 x 64 pixels are too large"):
        windows(path, Tiling())


def corners(path: Path, window: Window) -> list[tuple[float, float]]:
    """What rasterio itself makes of a window's corners."""
    from rasterio.warp import transform

    with rasterio.open(path) as dataset:
        a, b, c, d, e, f = dataset.transform[:6]
        left, top = window.column, window.row
        right, bottom = left + window.width, top + window.height
        points = [(left, top), (right, top), (right, bottom), (left, bottom)]
        xs, ys = [a * x + b * y + c for x, y in points], [d * x + e * y + f for x, y in points]
        return list(zip(*transform(dataset.crs, "EPSG:4326", xs, ys), strict=True))


GRIDS = {
    "projected": (UTM, GRID),
    "rotated": (UTM, Affine(8, 6, 500_000, 6, -8, 4_500_000)),
    "sheared": (UTM, Affine(10, 3, 500_000, 0, -10, 4_500_000)),
    "south up": (UTM, Affine(10, 0, 500_000, 0, 10, 4_400_000)),
    "mirrored": (UTM, Affine(-10, 0, 500_000, 0, -10, 4_500_000)),
    "geographic": ("EPSG:4326", Affine(0.001, 0, 12, 0, -0.001, 45)),
    "other datum": ("EPSG:4267", Affine(0.001, 0, -100, 0, -0.001, 40)),
    "mercator": ("EPSG:3857", Affine(0.6, 0, 14_321_853, 0, -0.6, 4_533_021)),
    "feet": ("EPSG:2263", Affine(1, 0, 980_000, 0, -1, 200_000)),
    "arctic": ("EPSG:3413", Affine(30, 0, -500_000, 0, -30, 700_000)),
    "antarctic": ("EPSG:3031", Affine(30, 0, 1_500_000, 0, -30, -700_000)),
    "no register": ("+proj=laea +lat_0=10 +lon_0=20 +datum=WGS84", Affine(30, 0, 1000, 0, -30, 2000)),
}
RESOLUTIONS = {
    **dict.fromkeys(("projected", "rotated", "sheared", "south up", "mirrored"), 10.0),
    **dict.fromkeys(("arctic", "antarctic", "no register"), 30.0),
    "geographic": 93.6,
    "other datum": 97.4,
    "mercator": 0.4745,
    "feet": 0.3048,
}


@pytest.mark.parametrize("kind", GRIDS)
def test_footprints_are_the_corners_by_the_transform(tmp_path: Path, kind: str) -> None:
    crs, transform = GRIDS[kind]
    path = raster(tmp_path / "a.tif", noise(3, 130, 150), crs=crs, transform=transform)
    found = tiles(path, SMALL)
    assert len(found) == 9
    for t in found:
        assert t.footprint is not None
        assert np.allclose(t.footprint.ring, corners(path, t.window), rtol=0, atol=1e-9)
        west, south, east, north = bounds(t.footprint)
        assert west < east and south < north
    metres = found[0].attributes["resolution"]
    assert isinstance(metres, float)
    assert math.isclose(metres, RESOLUTIONS[kind], rel_tol=0.04)
    name = found[0].attributes["crs"]
    assert name == crs or (kind == "no register" and isinstance(name, str) and len(name) < 30)


@pytest.mark.parametrize("kind", GRIDS)
def test_pixel_to_place_and_back(tmp_path: Path, kind: str) -> None:
    from rasterio.warp import transform as warp

    crs, transform = GRIDS[kind]
    path = raster(tmp_path / "a.tif", noise(1, 70, 90), crs=crs, transform=transform)
    for t in tiles(path, SMALL):
        assert t.footprint is not None
        longitudes, latitudes = zip(*t.footprint.ring, strict=True)
        xs, ys = warp("EPSG:4326", crs, longitudes, latitudes)
        a, b, c, d, e, f, *_ = ~transform
        w = t.window
        wanted = [
            *((w.column, w.row), (w.column + w.width, w.row)),
            *((w.column + w.width, w.row + w.height), (w.column, w.row + w.height)),
        ]
        found = [(a * x + b * y + c, d * x + e * y + f) for x, y in zip(xs, ys, strict=True)]
        assert np.allclose(found, wanted, rtol=0, atol=1e-3)


def test_across_the_antimeridian(tmp_path: Path) -> None:
    west_of_it = raster(
        tmp_path / "a.tif",
        noise(1, 64, 64),
        crs="EPSG:32660",
        transform=Affine(1000, 0, 800_000, 0, -1000, 0),
    )
    beyond = raster(
        tmp_path / "b.tif", noise(1, 64, 64), crs="EPSG:4326", transform=Affine(0.1, 0, 177, 0, -0.1, 5)
    )
    for path in (west_of_it, beyond):
        t = tile(path, SMALL)
        assert t.footprint is not None and len(t.footprint.ring) == 4
        assert all(-180 <= longitude <= 180 for longitude, _ in t.footprint.ring)
        west, _, east, _ = bounds(t.footprint)
        assert 176 < west < 180 and -180 < east < -175


def test_longitudes_from_0_to_360(tmp_path: Path) -> None:
    path = raster(
        tmp_path / "a.tif", noise(1, 64, 64), crs="EPSG:4326", transform=Affine(0.1, 0, 350, 0, -0.1, 5)
    )
    footprint = tile(path, SMALL).footprint
    assert footprint is not None
    assert np.allclose(bounds(footprint), (-10, -1.4, -3.6, 5))


@pytest.mark.parametrize(("crs", "pole"), [("EPSG:3413", 90), ("EPSG:3031", -90)])
def test_round_a_pole(tmp_path: Path, crs: str, pole: int) -> None:
    path = raster(
        tmp_path / "a.tif", noise(1, 64, 64), crs=crs, transform=Affine(1000, 0, -32_000, 0, -1000, 32_000)
    )
    t = tile(path, SMALL)
    assert t.footprint is not None
    west, south, east, north = bounds(t.footprint)
    assert (west, east) == (-180, 180) and pole in (south, north)
    metres = t.attributes["resolution"]
    assert isinstance(metres, float) and 950 < metres < 1050


def test_world_maps(tmp_path: Path) -> None:
    world = raster(
        tmp_path / "a.tif", noise(1, 181, 360), crs="EPSG:4326", transform=Affine(1, 0, -180, 0, -1, 90.5)
    )
    found = tiles(world)
    assert [bounds(t.footprint) for t in found if t.footprint] == [(-180, -90, 76, 90), (-76, -90, 180, 90)]
    tiny = raster(
        tmp_path / "b.tif", noise(1, 18, 36), crs="EPSG:4326", transform=Affine(10, 0, -180, 0, -10, 90)
    )
    footprint = tile(tiny).footprint
    assert footprint is not None and bounds(footprint) == (-180, -90, 180, 90)
    assert footprint.ring[0] == (-180, 90)


def test_beyond_the_rim_of_the_earth_there_is_no_footprint(tmp_path: Path) -> None:
    disk = Affine(20_000, 0, -6_000_000, 0, -20_000, 6_000_000)
    path = raster(
        tmp_path / "a.tif", noise(1, 600, 600), crs="+proj=geos +h=35785831 +lon_0=0", transform=disk
    )
    found = {t.window: t.footprint for t in tiles(path, Tiling(size=100))}
    assert found[Window(0, 0, 100, 100)] is None
    middle = found[Window(200, 200, 100, 100)]
    assert middle is not None and np.allclose(middle.ring[2], (0, 0), atol=1e-6)


@pytest.mark.parametrize("crs", [None, 'LOCAL_CS["mine",UNIT["metre",1]]'])
def test_without_a_crs_of_the_earth_there_is_no_footprint(tmp_path: Path, crs: str | None) -> None:
    found = tiles(raster(tmp_path / "a.tif", noise(3, 100, 100), crs=crs), SMALL)
    assert len(found) == 4
    assert all(t.footprint is None and "resolution" not in t.attributes for t in found)
    assert found[0].attributes.get("crs") == (crs and "mine")


def test_without_any_georeference_a_small_raster_is_one_tile(tmp_path: Path) -> None:
    data = noise(7, 300, 300)
    t = tile(raster(tmp_path / "a.tif", data, transform=None))
    assert t.window == Window(0, 0, 300, 300) and t.footprint is None
    assert t.attributes == {"bands": 7}
    assert np.array_equal(t.pixels, cut(data[:3], t.window))
    assert len(tiles(raster(tmp_path / "b.tif", noise(7, 300, 1100), transform=None))) == 2 * 5
    plain = raster(tmp_path / "c.tif", data[:3], transform=None)
    assert tile(plain).attributes == {}
    assert np.array_equal(tile(plain, Tiling(bands=(3, 2, 1))).pixels, cut(data[[2, 1, 0]], t.window))


def test_smaller_than_a_tile(tmp_path: Path) -> None:
    t = tile(raster(tmp_path / "a.tif", noise(3, 1, 5)))
    assert t.window == Window(0, 0, 5, 1) and t.pixels.shape == (1, 5, 3) and t.footprint is not None


def gcps(transform: Affine, width: int, height: int) -> list[GroundControlPoint]:
    a, b, c, d, e, f = transform[:6]
    return [
        GroundControlPoint(row=y, col=x, x=a * x + b * y + c, y=d * x + e * y + f, z=0)
        for y in (0, height / 2, height)
        for x in (0, width / 2, width)
    ]


@pytest.mark.parametrize("kind", ["projected", "rotated", "geographic"])
def test_ground_control_points_alone(tmp_path: Path, kind: str) -> None:
    crs, transform = GRIDS[kind]
    data = noise(3, 128, 128)
    path = raster(tmp_path / "a.tif", data, crs=crs, gcps=gcps(transform, 128, 128))
    same = raster(tmp_path / "b.tif", data, crs=crs, transform=transform)
    found, wanted = tiles(path, SMALL), tiles(same, SMALL)
    assert len(found) == 4
    for one, other in zip(found, wanted, strict=True):
        assert one.footprint is not None and other.footprint is not None
        assert np.allclose(one.footprint.ring, other.footprint.ring, rtol=0, atol=1e-6)
        assert one.attributes == other.attributes


def test_ground_control_points_across_the_antimeridian(tmp_path: Path) -> None:
    points = gcps(Affine(0.02, 0, 179, 0, -0.02, 10), 100, 100)
    for point in points:
        point.x = point.x - 360 if point.x > 180 else point.x
    footprint = tile(raster(tmp_path / "a.tif", noise(1, 100, 100), crs="EPSG:4326", gcps=points)).footprint
    assert footprint is not None
    assert np.allclose(bounds(footprint), (179, 8, -179, 10))


def test_rational_polynomials_alone(tmp_path: Path) -> None:
    from rasterio.rpc import RPC

    line, samples = [0.0] * 20, [0.0] * 20
    line[2], samples[1] = -1.0, 1.0  # rows run against latitude, columns with longitude
    one = [1.0] + [0.0] * 19
    rpcs = RPC(
        height_off=0,
        height_scale=500,
        lat_off=40,
        lat_scale=0.5,
        long_off=20,
        long_scale=0.5,
        line_off=64,
        line_scale=64,
        samp_off=64,
        samp_scale=64,
        line_num_coeff=line,
        line_den_coeff=one,
        samp_num_coeff=samples,
        samp_den_coeff=one,
    )
    path = raster(tmp_path / "a.tif", noise(3, 128, 128).astype(np.uint16), transform=None, rpcs=rpcs)
    footprint = tile(path, Tiling(size=128)).footprint
    assert footprint is not None
    assert np.allclose(bounds(footprint), (19.5, 39.5, 20.5, 40.5), atol=0.02)


@pytest.mark.parametrize(
    ("tags", "time"),
    [
        ({"TIFFTAG_DATETIME": "2018:07:16 06:06:23"}, datetime(2018, 7, 16, 6, 6, 23, tzinfo=UTC)),
        ({"TIFFTAG_DATETIME": "unknown"}, None),
    ],
)
def test_times(tmp_path: Path, tags: dict[str, str], time: datetime | None) -> None:
    assert tile(raster(tmp_path / "a.tif", noise(3, 20, 20), tags=tags)).time == time


def test_world_files_beside_pictures(tmp_path: Path) -> None:
    Image.fromarray(noise(100, 100, 3)).save(tmp_path / "a.jpg")
    Image.fromarray(noise(100, 100, 3)).save(tmp_path / "b.tif")
    assert len(tiles(tmp_path / "a.jpg", SMALL)) == 1
    for name in ("a.jgw", "b.tfw"):
        (tmp_path / name).write_text("10\n0\n0\n-10\n500005\n4499995\n")
    # Statistics alone, as viewers leave them, are no georeference.
    Image.fromarray(noise(100, 100, 3)).save(tmp_path / "c.png")
    (tmp_path / "c.png.aux.xml").write_text("<PAMDataset></PAMDataset>")
    assert [len(tiles(tmp_path / name, SMALL)) for name in ("a.jpg", "b.tif", "c.png")] == [4, 4, 1]
    (tmp_path / "a.jpg.aux.xml").write_text("<PAMDataset><SRS>EPSG:32618</SRS></PAMDataset>")
    first = tiles(tmp_path / "a.jpg", SMALL)[0]
    assert first.footprint is not None
    assert np.allclose(first.footprint.ring, corners(tmp_path / "a.jpg", first.window), rtol=0, atol=1e-9)


def test_sparse_rasters_cost_only_what_they_hold(tmp_path: Path) -> None:
    shape = {"width": 100_000, "height": 100_000, "count": 3, "dtype": "uint16"}
    layout = {
        "tiled": True,
        "blockxsize": 512,
        "blockysize": 512,
        "SPARSE_OK": True,
        "compress": "lzw",
        "BIGTIFF": "YES",
    }
    path = tmp_path / "a.tif"
    data = noise(3, 512, 512).astype(np.uint16)
    with rasterio.open(
        path, "w", driver="GTiff", crs=UTM, transform=GRID, nodata=0, **shape, **layout
    ) as dataset:
        dataset.write(data, window=rasterio.windows.Window(8192, 8192, 512, 512))
    tiling = Tiling(size=512)
    assert len(windows(path, tiling)) == 1
    (only,) = tiles(path, tiling)
    assert only.window == Window(8192, 8192, 512, 512)
    assert only.pixels.std() > 50


def test_too_many_windows_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = raster(tmp_path / "a.tif", noise(1, 100, 100))
    for limit in ("MOST_WINDOWS", "_MOST_PLACES"):
        with monkeypatch.context() as patch, pytest.raises(ImageryError, match="100 x 100 pixels are over"):
            patch.setattr(rasters_module, limit, 99)
            windows(path, Tiling(size=10))
    assert len(windows(path, Tiling(size=10))) == 100


@pytest.mark.parametrize("overviews", [(), (2, 4, 8)])
def test_the_stretch_of_large_rasters_reads_little(tmp_path: Path, overviews: tuple[int, ...]) -> None:
    ramp = np.linspace(1000, 3000, 5000).astype(np.uint16)
    path = raster(tmp_path / "a.tif", np.tile(ramp, (1, 600, 1)), tiled=True, compress="deflate")
    if overviews:
        with rasterio.open(path, "r+") as dataset:
            dataset.build_overviews(list(overviews))
    left, right = read(path, [Window(0, 0, 256, 256), Window(4744, 0, 256, 256)], Tiling())
    assert left.pixels[0, 0, 0] == 0 and right.pixels[0, -1, 0] == 255
    assert 5 < left.pixels[0, -1, 0] < 20


@pytest.mark.parametrize("name", [b"\xff\xfe.tif", b"a#b?c!.tif", b"a b\n.tif", b"zip+a:b.tif"])
def test_names_of_any_bytes(tmp_path: Path, name: bytes) -> None:
    data = noise(3, 20, 20)
    path = raster(tmp_path / "plain.tif", data).rename(tmp_path / os.fsdecode(name))
    assert np.array_equal(tile(path).pixels, cut(data, Window(0, 0, 20, 20)))


def test_references_to_other_files_are_not_followed(tmp_path: Path) -> None:
    raster(tmp_path / "real.tif", noise(3, 20, 20))
    (tmp_path / "a.tif").write_text(
        '<VRTDataset rasterXSize="20" rasterYSize="20"><VRTRasterBand dataType="Byte" band="1"><SimpleSource>'
        f"<SourceFilename>{tmp_path / 'real.tif'}</SourceFilename>"
        "</SimpleSource></VRTRasterBand></VRTDataset>"
    )
    with pytest.raises(ImageryError, match=r"a\.tif"):
        windows(tmp_path / "a.tif", Tiling())


@pytest.mark.parametrize("share", [0.01, 0.3, 0.95])
@pytest.mark.parametrize(
    "options", [{}, {"compress": "deflate", "tiled": True, "blockxsize": 64, "blockysize": 64}]
)
def test_truncated_rasters_are_refused(tmp_path: Path, share: float, options: dict[str, Any]) -> None:
    path = raster(tmp_path / "a.tif", noise(3, 300, 300).astype(np.uint16), **options)
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    with pytest.raises(ImageryError, match=r"a\.tif"):
        tiles(path)


def test_windows_outside_are_refused(tmp_path: Path) -> None:
    path = raster(tmp_path / "a.tif", noise(3, 50, 50))
    with pytest.raises(ImageryError, match="50 x 50 pixels; cut it again"):
        list(read(path, [Window(10, 0, 50, 50)], Tiling()))


def test_a_raster_as_a_picture(tmp_path: Path) -> None:
    data = noise(3, 100, 150)
    assert np.array_equal(open_picture(raster(tmp_path / "a.tif", data)), cut(data, Window(0, 0, 150, 100)))
    large = raster(tmp_path / "b.tif", np.tile(np.arange(5000, dtype=np.uint16), (1, 100, 1)))
    assert open_picture(large).shape == (41, 2048, 3)


def test_no_warning_and_no_word_leaks(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    raster(tmp_path / "a.tif", noise(7, 50, 50), transform=None)
    tiles(tmp_path / "a.tif")
    (tmp_path / "b.tif").write_bytes((tmp_path / "a.tif").read_bytes()[:300])
    with pytest.raises(ImageryError):
        tiles(tmp_path / "b.tif")
    assert capfd.readouterr() == ("", "")


def test_equal_files_give_equal_tiles(tmp_path: Path) -> None:
    path = raster(tmp_path / "a.tif", noise(3, 200, 200).astype(np.uint16))
    for one, other in zip(tiles(path, SMALL), tiles(path, SMALL), strict=True):
        assert np.array_equal(one.pixels, other.pixels)
        assert (one.footprint, one.attributes) == (other.footprint, other.attributes)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.tuples(st.floats(0, 1), st.binary(max_size=6)), max_size=4), st.floats(0, 1), st.booleans()
)
def test_damaged_rasters_give_tiles_or_the_one_error(
    tmp_path: Path, blows: list[tuple[float, bytes]], end: float, tiled: bool
) -> None:
    path = tmp_path / "a.tif"
    layout: dict[str, Any] = {"tiled": True, "blockxsize": 16, "blockysize": 16} if tiled else {}
    good = raster(tmp_path / "good.tif", noise(4, 24, 40).astype(np.uint16), nodata=0, **layout)
    data = bytearray(good.read_bytes())
    for place, blow in blows:
        at = int(place * len(data))
        data[at : at + len(blow)] = blow
    path.write_bytes(bytes(data[: max(1, int(len(data) * min(1, end * 2)))]))
    try:
        for found in tiles(path):
            assert found.pixels.shape == (found.window.height, found.window.width, 3)
    except ImageryError as error:
        assert str(path) in str(error)
