from __future__ import annotations

import io
import os
import struct
import zlib
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from swath.errors import ImageryError
from swath.imagery import Tiling, open_picture, read, windows
from swath.imagery.pictures import LIMIT
from swath.types import Footprint, Window
from tests.imagery.make import noise, raster, tile, tiles

RED, BLUE = (200, 0, 0), (0, 0, 200)


def halves(width: int = 60, height: int = 40) -> Image.Image:
    """Left red, right blue."""
    image = Image.new("RGB", (width, height), RED)
    image.paste(BLUE, (width // 2, 0, width, height))
    return image


def saved(path: Path, image: Image.Image, **options: Any) -> Path:
    image.save(path, **options)
    return path


def near(pixels: NDArray[Any], colour: tuple[int, int, int], tolerance: int = 12) -> bool:
    return bool((np.abs(pixels.astype(int) - colour) <= tolerance).all())


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("a.jpg", {"quality": 95}),
        ("a.JPEG", {"format": "JPEG", "quality": 95, "progressive": True}),
        ("a.png", {}),
        ("a.webp", {"lossless": True}),
        ("a.tif", {}),
        ("b.tiff", {"compression": "tiff_lzw"}),
        ("disguised.jpg", {"format": "PNG"}),
        ("gif.png", {"format": "GIF"}),
        ("bmp.jpg", {"format": "BMP"}),
    ],
)
def test_formats(tmp_path: Path, name: str, options: dict[str, Any]) -> None:
    path = saved(tmp_path / name, halves(), **options)
    found = tile(path)
    assert found.window == Window(0, 0, 60, 40)
    assert found.pixels.shape == (40, 60, 3) and found.pixels.dtype == np.uint8
    assert found.pixels.flags.c_contiguous
    assert near(found.pixels[:, :26], RED) and near(found.pixels[:, 34:], BLUE)
    assert found.footprint is None and found.time is None and not found.attributes
    assert np.array_equal(open_picture(path), found.pixels)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "YCbCr"])
@pytest.mark.parametrize("suffix", [".png", ".jpg", ".tif", ".webp"])
def test_modes(tmp_path: Path, mode: str, suffix: str) -> None:
    image = Image.new("RGB", (30, 20), (255, 255, 255)).convert(mode)
    try:
        path = saved(tmp_path / f"a{suffix}", image)
        with Image.open(path) as back:
            back.load()
    except (OSError, KeyError):
        pytest.skip(f"this Pillow does not write, or not read back, {mode} {suffix}")
    assert near(tile(path).pixels, (255, 255, 255), 3)


def test_palettes_with_transparency_are_seen_over_black(tmp_path: Path) -> None:
    image = Image.new("P", (20, 10), 0)
    image.putpalette([250, 250, 250, 10, 200, 10])
    image.paste(1, (10, 0, 20, 10))
    path = saved(tmp_path / "a.png", image, transparency=b"\x00\xff")
    pixels = tile(path).pixels
    assert near(pixels[:, :10], (0, 0, 0), 0) and near(pixels[:, 10:], (10, 200, 10), 0)


def test_transparent_pixels_are_seen_over_black(tmp_path: Path) -> None:
    colours = noise(20, 20, 4)
    colours[:, :10, 3], colours[:, 10:, 3] = 0, 255
    pixels = tile(saved(tmp_path / "a.png", Image.fromarray(colours))).pixels
    assert not pixels[:, :10].any() and np.array_equal(pixels[:, 10:], colours[:, 10:, :3])


def test_mostly_transparent_windows_are_left_out_but_whole_pictures_are_kept(tmp_path: Path) -> None:
    colours = noise(128, 256, 4)
    colours[..., 3] = 0
    colours[:, :40, 3] = 255
    path = saved(tmp_path / "a.png", Image.fromarray(colours))
    assert len(tiles(path)) == 1
    assert tiles(path, Tiling(size=64, picture_side=100, min_valid=0.6))[0].window == Window(0, 0, 64, 64)
    assert len(tiles(path, Tiling(size=64, picture_side=100, min_valid=0.6))) == 2
    colours[..., 3] = 0
    assert not tiles(saved(tmp_path / "b.png", Image.fromarray(colours)))


def test_sixteen_bits_are_stretched_not_cut(tmp_path: Path) -> None:
    ramp = np.tile(np.arange(100, 1100, 10, dtype=np.uint16), (50, 1))
    grey = tile(saved(tmp_path / "grey.png", Image.fromarray(ramp)))
    rgb = tile(raster(tmp_path / "rgb.png", np.stack([ramp] * 3), driver="PNG", transform=None))
    tiff = tile(saved(tmp_path / "grey.tif", Image.fromarray(ramp)))
    for found in (grey, rgb, tiff):
        assert found.pixels.shape == (50, 100, 3)
        row = found.pixels[25, :, 0].astype(int)
        assert row[0] == 0 and row[-1] == 255 and (np.diff(row) >= 0).all() and len(set(row.tolist())) > 90
    assert np.array_equal(open_picture(tmp_path / "grey.png"), grey.pixels)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".tif"])
def test_orientations_are_applied(tmp_path: Path, orientation: int, suffix: str) -> None:
    upright = Image.fromarray(np.kron(noise(3, 5, 3), np.ones((16, 16, 1), np.uint8)))
    turn = Image.Transpose
    undo = {
        2: turn.FLIP_LEFT_RIGHT,
        3: turn.ROTATE_180,
        4: turn.FLIP_TOP_BOTTOM,
        5: turn.TRANSPOSE,
        6: turn.ROTATE_90,
        7: turn.TRANSVERSE,
        8: turn.ROTATE_270,
    }
    stored = upright.transpose(undo[orientation]) if orientation in undo else upright
    exif = Image.Exif()
    exif[0x0112] = orientation
    options: dict[str, Any] = {"quality": 95, "subsampling": 0} if suffix == ".jpg" else {}
    options |= {"lossless": True} if suffix == ".webp" else {}
    path = saved(tmp_path / f"a{suffix}", stored, exif=exif, **options)
    assert windows(path, Tiling()) == [Window(0, 0, 80, 48)]
    assert windows(path, Tiling(size=16, picture_side=1))[-1] == Window(64, 32, 16, 16)
    found = tile(path).pixels.astype(int)
    assert np.abs(found - np.asarray(upright).astype(int)).mean() < 4
    (corner,) = read(path, [Window(64, 0, 16, 16)], Tiling())
    assert np.array_equal(corner.pixels, found[:16, 64:])


def gps_exif() -> bytes:
    exif = Image.Exif()
    exif[0x0132] = "2023:01:01 00:00:00"
    exif[0x8769] = {0x9003: "2024:05:17 14:00:00", 0x9011: "+02:00"}
    exif[0x8825] = {1: "S", 2: (33.0, 30.0, 0.0), 3: "W", 4: (70.0, 36.0, 0.0)}
    return exif.tobytes()


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".tif"])
def test_place_and_time_of_a_photograph(tmp_path: Path, suffix: str) -> None:
    found = tile(saved(tmp_path / f"a{suffix}", halves(), exif=gps_exif()))
    assert found.footprint == Footprint(((-70.6, -33.5),))
    assert found.time == datetime(2024, 5, 17, 12, tzinfo=UTC)


def test_damaged_exif_does_no_harm(tmp_path: Path) -> None:
    good = gps_exif()
    for suffix in (".jpg", ".png", ".webp"):
        none = saved(tmp_path / f"a{suffix}", halves(), exif=b"Exif\0\0neither end first")
        assert tile(none).time is None
    for cut in range(6, len(good), 7):
        for damaged in (good[:cut], good[:cut] + b"\xff" * 9 + good[cut + 9 :]):
            path = saved(tmp_path / "a.jpg", halves(), exif=damaged)
            assert len(tiles(path)) == 1


@pytest.mark.parametrize(("suffix", "options"), [(".gif", {}), (".webp", {"lossless": True}), (".png", {})])
def test_the_first_frame_of_what_moves(tmp_path: Path, suffix: str, options: dict[str, Any]) -> None:
    frames = [Image.new("RGB", (30, 20), colour) for colour in (RED, BLUE, RED)]
    path = saved(tmp_path / f"a{suffix}", frames[0], save_all=True, append_images=frames[1:], **options)
    assert near(tile(path).pixels, RED)


def test_the_first_page_of_a_tiff(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.tif", Image.new("RGB", (30, 20), RED), save_all=True, append_images=[halves()])
    assert near(tile(path).pixels, RED, 0)


def test_large_pictures_are_cut(tmp_path: Path) -> None:
    colours = noise(600, 1100, 3)
    path = saved(tmp_path / "a.png", Image.fromarray(colours))
    found = tiles(path)
    assert len(found) == 5 * 3
    for piece in found:
        w = piece.window
        assert np.array_equal(piece.pixels, colours[w.row : w.row + w.height, w.column : w.column + w.width])
    assert open_picture(path).shape == (600, 1100, 3)


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".tif", ".gif", ".bmp"])
def test_truncated_pictures_are_refused(tmp_path: Path, suffix: str) -> None:
    path = saved(tmp_path / f"a{suffix}", Image.fromarray(noise(200, 200, 3)))
    data = path.read_bytes()
    for share in (0.02, 0.5, 0.9):
        path.write_bytes(data[: int(len(data) * share)])
        with pytest.raises(ImageryError, match=r"a\.\w+: .*; check the file or leave it out"):
            tiles(path)
        with pytest.raises(ImageryError):
            open_picture(path)


def test_what_is_no_picture_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    with pytest.raises(ImageryError, match="No such file"):
        windows(path, Tiling())
    path.touch()
    with pytest.raises(ImageryError, match="is empty"):
        windows(path, Tiling())
    for data in (
        b"<html>",
        b"\xff\xd8\xff",
        b"II*\0",
        b"\x89PNG\r\n\x1a\n",
        b"\0" * 100,
        b"%!PS-Adobe-3.0 EPSF-3.0\n",
    ):
        path.write_bytes(data)
        with pytest.raises(ImageryError, match=r"a\.jpg"):
            windows(path, Tiling())
    for wrong in (tmp_path, Path("a\0b.jpg")):
        with pytest.raises(ImageryError):
            windows(wrong, Tiling())
    os.mkfifo(tmp_path / "pipe.jpg")
    with pytest.raises(ImageryError, match="not a regular file"):
        windows(tmp_path / "pipe.jpg", Tiling())


def test_a_file_that_may_not_be_read_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = saved(tmp_path / "a.jpg", halves())

    def refuse(self: Path, *args: object, **options: object) -> io.BufferedReader:
        raise PermissionError(13, "Permission denied", str(self))

    if os.geteuid() == 0:
        monkeypatch.setattr(Path, "open", refuse)  # root may read everything
    else:
        path.chmod(0)
    with pytest.raises(ImageryError, match=r"a\.jpg: cannot be read: Permission denied"):
        windows(path, Tiling())


def png_header(width: int, height: int) -> bytes:
    """A PNG that claims to be that large."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">2I5B", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(b"\0"))
        + chunk(b"IEND", b"")
    )


def test_bombs_are_refused_with_a_clear_word(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "bomb.png"
    path.write_bytes(png_header(30_000, 30_000))
    for limit in (Image.MAX_IMAGE_PIXELS, None):
        monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", limit)
        with pytest.raises(ImageryError, match=r"bomb\.png: has more than 178 million pixels.*GeoTIFF"):
            windows(path, Tiling())
    # Below the limit, yet more than Pillow warns at: no warning may leak.
    path.write_bytes(png_header(LIMIT // 12_000 - 1, 12_000))
    assert len(windows(path, Tiling(size=8192))) == 4


def test_windows_outside_are_refused(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.png", halves())
    with pytest.raises(ImageryError, match="60 x 40 pixels; cut it again"):
        list(read(path, [Window(0, 0, 61, 40)], Tiling()))


def test_names_of_any_bytes(tmp_path: Path) -> None:
    for name in (b"\xff\xfe.png", b"a b\n\x01.png", "é#?!.png".encode()):
        path = tmp_path / os.fsdecode(name)
        assert near(tile(saved(path, Image.new("RGB", (9, 9), RED), format="PNG")).pixels, RED, 0)


def test_bands_are_no_matter_of_pictures(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.png", halves())
    assert np.array_equal(tile(path, Tiling(bands=(3, 2, 1))).pixels, tile(path).pixels)


def test_decoding_of_many_files_leaves_warnings_as_they_were(tmp_path: Path) -> None:
    import warnings
    from concurrent.futures import ThreadPoolExecutor

    paths = [saved(tmp_path / f"{i}.tif", Image.fromarray(noise(40, 40, 3, seed=i))) for i in range(40)]
    before = list(warnings.filters)
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(tiles, paths))
    assert [len(of_one) for of_one in found] == [1] * 40
    assert list(warnings.filters) == before


def encoded(kind: str) -> bytes:
    file = io.BytesIO()
    options: dict[str, Any] = {"exif": gps_exif()} if kind in ("JPEG", "PNG", "WEBP", "TIFF") else {}
    Image.fromarray(noise(24, 24, 3)).save(file, kind, **options)
    return file.getvalue()


KINDS = ("JPEG", "PNG", "WEBP", "TIFF", "GIF", "BMP")
Damage = Callable[[bytes], bytes]


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.sampled_from(KINDS),
    st.lists(st.tuples(st.floats(0, 1), st.binary(max_size=6)), max_size=4),
    st.floats(0, 1),
)
def test_damaged_files_give_tiles_or_the_one_error(
    tmp_path: Path, kind: str, blows: list[tuple[float, bytes]], end: float
) -> None:
    data = bytearray(encoded(kind))
    for place, blow in blows:
        at = int(place * len(data))
        data[at : at + len(blow)] = blow
    path = tmp_path / "a.bin"
    path.write_bytes(bytes(data[: max(1, int(len(data) * min(1, end * 2)))]))
    try:
        for found in tiles(path):
            assert found.pixels.shape == (found.window.height, found.window.width, 3)
    except ImageryError as error:
        assert str(path) in str(error)
