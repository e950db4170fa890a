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
from swath.imagery.scan import open_regular, shown
from swath.imagery.tiling import TileImage, Tiling
from swath.types import Window

_TIFF = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_PNG = b"\x89PNG\r\n\x1a\n"
_PNG_DEPTH = 24  # the byte of its header with the bits per sample

# What a plain picture does not have: pixel scale, tie points, transform, GeoKeys, RPCs, GDAL's no-data value.
_RASTER_TAGS = frozenset({33550, 33922, 34264, 34735, 50844, 42113})
_BITS_PER_SAMPLE = 258
_PLAIN_MODES = frozenset({"1", "L", "LA", "P", "PA", "RGB", "RGBA", "RGBX", "CMYK", "YCbCr"})
_PLAIN_PIXELS = 2**24
"""Larger TIFFs are read in windows, not whole."""

_WORLD_FILES = {
    "JPEG": (".jgw", ".jpgw", ".jpegw", ".wld"),
    "PNG": (".pgw", ".pngw", ".wld"),
    "WEBP": (".wld",),
    "GTiff": (".tfw", ".tifw", ".tiffw", ".wld"),
}


def windows(file: Path, tiling: Tiling) -> list[Window]:
    """Cut a file into windows, in raster order, by its header alone.

    A source without georeferencing whose longer side is at most `tiling.picture_side` is one window. Windows
    of sparse TIFFs that lie in blocks which the file leaves out are left out. Raises `ImageryError`.
    """
    driver = _raster_driver(file, tiling)
    if driver is None:
        return pictures.windows(file, tiling)
    return rasters.windows(file, driver, tiling)


def read(file: Path, windows: Sequence[Window], tiling: Tiling) -> Iterator[TileImage]:
    """Read windows of a file, in the order given, with one open handle.

    Windows with too few valid pixels (no-data, masks, alpha, NaN) are left out. Pixels stay in the grid of
    the source; values other than 8-bit ones are stretched, alike in all windows of a file. Raises
    `ImageryError`, perhaps after some tiles: a file may be damaged in its middle.
    """
    driver = _raster_driver(file, tiling)
    if driver is None:
        return pictures.read(file, windows, tiling)
    return rasters.read(file, driver, windows, tiling)


def open_picture(path: Path) -> NDArray[np.uint8]:
    """Read a file as one picture, uint8[h, w, 3], its EXIF orientation applied.

    Rasters are shrunk to 2,048 pixels on the longer side. Raises `ImageryError`.
    """
    driver = _raster_driver(path, Tiling())
    return pictures.whole(path) if driver is None else rasters.whole(path, driver)


def cut(file: Path, window: Window, out: Path, tiling: Tiling) -> None:
    """Write one window of a file at full resolution: a `.png` as it is shown, or a `.tif`.

    A `.tif` of a raster keeps its bands, values, no-data, mask and georeferencing (transform and CRS, control
    points or RPCs, moved to the window); that of a picture has its upright RGB pixels.

    Raises `ImageryError` where the file cannot be read or has no such window, and `InputError` for another
    suffix, and where `out` cannot be written.
    """
    from swath.imagery.cutting import write_picture, write_raster

    suffix = out.suffix.lower()
    if suffix not in (".png", ".tif", ".tiff"):
        raise InputError(f"{shown(out)}: a tile is cut out as .png or .tif; choose such a name")
    if out.exists() and file.exists() and out.samefile(file):
        raise InputError(f"{shown(out)} is the file that the tile is cut out of; choose another name")
    driver = _raster_driver(file, tiling)
    try:
        if driver is not None and suffix != ".png":
            write_raster(file, driver, window, out)
            return
        # It was good enough to be indexed: what is asked for is shown, however few of its pixels are valid.
        images = read(file, [window], replace(tiling, min_valid=0.0))
        pixels = next((image.pixels for image in images), None)
        if pixels is None:
            raise ImageryError(f"{shown(file)}: {window} has no valid pixel; index the file again")
        write_picture(pixels, out)
    except OSError as error:
        raise InputError(
            f"{shown(out)} cannot be written: {error.strerror or error}; choose another place"
        ) from error


def _raster_driver(path: Path, tiling: Tiling) -> str | None:
    """The name of GDAL's driver for a raster, None for a picture. Raises `ImageryError`."""
    with reading(path), open_regular(path) as file:
        start = file.read(32)
    if not start:
        raise ImageryError(f"{shown(path)}: is empty; copy it again or leave it out")
    if words := remedy(start):
        raise ImageryError(f"{shown(path)}: {words}, or leave it out")
    if start[:4] in _TIFF:
        return "GTiff" if tiling.bands is not None or _is_raster_tiff(path) else None
    if start[:8] == _PNG:
        # Pillow would cut 16-bit colours down to their upper bytes.
        return "PNG" if start[_PNG_DEPTH : _PNG_DEPTH + 1] == b"\x10" or _has_world(path, "PNG") else None
    if start[:3] == b"\xff\xd8\xff":
        return "JPEG" if _has_world(path, "JPEG") else None
    if start[:4] == b"RIFF" and start[8:12] == b"WEBP":
        return "WEBP" if _has_world(path, "WEBP") else None
    return None


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
    """Whether files beside it say where it lies: a world file, or one of GDAL's .aux.xml."""
    name = os.fspath(path)
    stem = os.path.splitext(name)[0]  # noqa: PTH122
    beside = [f"{name}.aux.xml"]
    for suffix in _WORLD_FILES[driver]:
        beside += [stem + suffix, stem + suffix.upper()]
    # Asked of every picture: strings take a third of the time that paths do.
    return any(map(os.path.exists, beside)) and rasters.is_georeferenced(path, driver)
