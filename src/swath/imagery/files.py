"""One way in for every file: what begins like a raster is read as one, all else as a picture."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from swath.errors import ImageryError, InputError
from swath.imagery import pictures, rasters
from swath.imagery.faults import reading
from swath.imagery.kinds import remedy
from swath.imagery.places import Place, Remote, shown
from swath.imagery.rasters import Raster
from swath.imagery.scan import open_regular
from swath.imagery.scenes import Look
from swath.imagery.tiling import MOST_SIZE, TileImage, Tiling
from swath.types import Window

_TIFF = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_PNG = b"\x89PNG\r\n\x1a\n"
_START = 32
_PNG_DEPTH = 24  # the byte of its header with the bits per sample

# What a plain picture does not have: pixel scale, tie points, transform, GeoKeys, RPCs, GDAL's no-data value.
_RASTER_TAGS = frozenset({33550, 33922, 34264, 34735, 50844, 42113})
_BITS_PER_SAMPLE = 258
_PLAIN_MODES = frozenset({"1", "L", "LA", "P", "PA", "RGB", "RGBA", "RGBX", "CMYK", "YCbCr"})
_PLAIN_PIXELS = 2**24
"""Larger TIFFs are read in windows, not whole."""

_WORLD_FILES = {
    "JPEG": (".jgw", ".jpgw", ".jpegw", ".wld", ".tab"),
    "PNG": (".pgw", ".pngw", ".wld"),
    "WEBP": (".wld",),
    "GTiff": (".tfw", ".tifw", ".tiffw", ".wld", ".tab", "_rpc.txt", ".rpb"),
}
"""What GDAL reads beside a file: world files, MapInfo's tables, RPCs."""


def open_source(file: Place, tiling: Tiling, look: Look | None = None) -> Raster | pictures.Picture:
    """A file to be cut into windows, as a context manager with `windows`, `read`, `look` and `is_divisible`.

    It is for one thread at a time. Several may read parts of one raster, each with a handle of its own: all
    are given the `look` of one of them, so that its values are stretched once. Raises `ImageryError`.
    """
    driver = _raster_driver(file, tiling)
    if driver is None:
        assert isinstance(file, Path), "what is read where it is, is a raster"
        return pictures.Picture(file, tiling)
    return Raster(file, driver, tiling, look)


def windows(file: Place, tiling: Tiling) -> list[Window]:
    """Cut a file into windows by its header alone, level by level, each in raster order.

    A source without georeferencing whose longer side is at most `tiling.picture_side` is one window. Windows
    of sparse TIFFs that lie in blocks which the file leaves out are left out. Raises `ImageryError`.
    """
    with open_source(file, tiling) as source:
        return source.windows()


def read(file: Place, windows: Sequence[Window], tiling: Tiling) -> Iterator[TileImage]:
    """Read windows of a file, in the order given, with one open handle.

    Windows with too few valid pixels (no-data, masks, alpha, NaN) are left out. Pixels stay in the grid of
    the source, shrunk where a window is of a higher level; values other than 8-bit ones are stretched, alike
    in all windows of a file. Raises `ImageryError`, perhaps after some tiles: a file may be damaged in its
    middle.
    """
    with open_source(file, tiling) as source:
        yield from source.read(windows)


def open_picture(path: Path) -> NDArray[np.uint8]:
    """Read a file as one picture, uint8[h, w, 3], its EXIF orientation applied.

    Rasters are shrunk to 2,048 pixels on the longer side. Raises `ImageryError`.
    """
    driver = _raster_driver(path, Tiling())
    return pictures.whole(path) if driver is None else rasters.whole(path, driver)


def cut(file: Place, window: Window, out: Path, tiling: Tiling) -> None:
    """Write one window of a file at full resolution: a `.png` as it is shown, or a `.tif`.

    A `.tif` of a raster keeps its bands, values, no-data, mask and georeferencing (transform and CRS, control
    points or RPCs, moved to the window); that of a picture has its upright RGB pixels.

    Raises `ImageryError` where the file cannot be read or has no such window, or one too large to be held in
    memory, and `InputError` for another suffix and where `out` cannot be written.
    """
    from swath.imagery.cutting import write_picture, write_raster

    suffix = out.suffix.lower()
    if suffix not in (".png", ".tif", ".tiff"):
        raise InputError(f"{shown(out)}: a tile is cut out as .png or .tif; choose such a name")
    if window.width * window.height > MOST_SIZE**2:
        raise ImageryError(
            f"{window} is too large to be cut out at full resolution: cut out tiles of a finer level"
        )
    driver = _raster_driver(file, tiling)
    try:
        if isinstance(file, Path) and out.exists() and out.samefile(file):
            raise InputError(f"{shown(out)} is the file that the tile is cut out of; choose another name")
        if driver is not None and suffix != ".png":
            write_raster(file, driver, window, out)
            return
        # It was good enough to be indexed: what is asked for is shown, however few of its pixels are valid.
        images = read(file, [window], replace(tiling, min_valid=0.0, levels=1))
        pixels = next((image.pixels for image in images), None)
        if pixels is None:
            raise ImageryError(f"{shown(file)}: {window} has no valid pixel; index the file again")
        write_picture(pixels, out)
    except OSError as error:
        raise InputError(
            f"{shown(out)} cannot be written: {error.strerror or error}; choose another place"
        ) from error


def _raster_driver(path: Place, tiling: Tiling) -> str | None:
    """The name of GDAL's driver for a raster, None for a picture. Raises `ImageryError`."""
    start = _start(path)
    if not start:
        raise ImageryError(f"{shown(path)}: is empty; copy it again or leave it out")
    if words := remedy(start):
        raise ImageryError(f"{shown(path)}: {words}, or leave it out")
    if isinstance(path, Remote):
        if start[:4] not in _TIFF:
            raise ImageryError(
                f"{shown(path)}: is no TIFF, and only these are read where they are; download it, and index "
                "the file"
            )
        return "GTiff"
    if start[:4] in _TIFF:
        chosen = tiling.bands is not None or tiling.stretch is not None
        return "GTiff" if chosen or _is_raster_tiff(path) else None
    if start[:8] == _PNG:
        # Pillow would cut 16-bit colours down to their upper bytes.
        return "PNG" if start[_PNG_DEPTH : _PNG_DEPTH + 1] == b"\x10" or _has_world(path, "PNG") else None
    if start[:3] == b"\xff\xd8\xff":
        return "JPEG" if _has_world(path, "JPEG") else None
    if start[:4] == b"RIFF" and start[8:12] == b"WEBP":
        return "WEBP" if _has_world(path, "WEBP") else None
    return None


def _start(path: Place) -> bytes:
    """The first bytes of a file."""
    if isinstance(path, Remote):
        from swath.imagery import remote

        return remote.look(path).start
    with reading(path), open_regular(path) as file:
        return file.read(_START)


def _is_raster_tiff(path: Path) -> bool:
    try:
        with pictures.header(path) as image:
            tags = dict(image.tag_v2)  # type: ignore[attr-defined]
            is_plain = (
                image.mode in _PLAIN_MODES
                and image.width * image.height <= _PLAIN_PIXELS
                and max(tags.get(_BITS_PER_SAMPLE, (1,))) <= 8
                and not tags.keys() & _RASTER_TAGS
            )
    except ImageryError:
        # Pillow knows few kinds of TIFF; GDAL has the last word.
        return True
    return not is_plain or _has_world(path, "GTiff")


def _has_world(path: Path, driver: str) -> bool:
    """Whether files beside it say where it lies: those above, or one of GDAL's .aux.xml."""
    name = os.fspath(path)
    stem = os.path.splitext(name)[0]  # noqa: PTH122
    beside = [f"{name}.aux.xml"]
    for suffix in _WORLD_FILES[driver]:
        beside += [stem + suffix, stem + suffix.upper()]
    # Asked of every picture: strings take a third of the time that paths do.
    return any(map(os.path.exists, beside)) and rasters.is_georeferenced(path, driver)
