"""Pictures and rasters, whole and damaged, on their way into tiles."""

from __future__ import annotations

import io
import struct
import zlib
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
from PIL import Image
from rasterio import Affine

from swath.errors import InputError
from swath.imagery import (
    Tiling,
    bounds,
    cut,
    digest,
    fit,
    from_wkb,
    open_picture,
    read,
    thumbnail,
    to_wkb,
    windows,
)
from swath.imagery.faults import quiet
from swath.types import Footprint
from tests.fuzz.mutate import EDGES, damage
from tests.imagery.make import raster

_MODES = ("1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I;16", "F", "YCbCr")
_FORMATS = ("JPEG", "PNG", "WEBP", "TIFF", "GIF", "BMP")
_CRS = ("EPSG:4326", "EPSG:32633", "EPSG:3413", "EPSG:3857", None)
_MOST_BYTES = 700_000
"""Larger real files take most of a second to be read."""


def picture(random: Random, folder: Path, data: Path | None) -> Path:
    """A small picture in some mode and format, damaged."""
    image = _image(random)
    file = io.BytesIO()
    options: dict[str, Any] = {"exif": _exif(random)} if random.random() < 0.4 else {}
    if random.random() < 0.2:
        options |= {"save_all": True, "append_images": [image]}
    if random.random() < 0.3:
        options |= {"progressive": True, "quality": random.choice((1, 50, 95))}
    kind = random.choice(_FORMATS)
    try:
        with quiet():
            image.save(file, kind, **options)
    # Not every mode, nor damaged EXIF, can be written.
    except (OSError, KeyError, TypeError, ValueError, SyntaxError):
        file = io.BytesIO()
        image.convert("RGB").save(file, kind)
    content = file.getvalue()
    if kind == "PNG" and random.random() < 0.3:
        content = _png(content, random)
    path = folder / f"a{random.choice(('.jpg', '.png', '.tif', '.webp'))}"
    path.write_bytes(damage(content, random))
    if random.random() < 0.05:
        path.with_suffix(".wld").write_text("\n".join(str(random.choice((*EDGES, 0.5))) for _ in range(6)))
    return path


def made_raster(random: Random, folder: Path, data: Path | None) -> Path:
    """A small GeoTIFF with any of the traits that rasters have, damaged in its bytes or in its tags."""
    bands, height, width = random.choice((1, 2, 3, 4, 7)), random.randrange(1, 70), random.randrange(1, 70)
    dtype = random.choice(
        ("uint8", "uint8", "int8", "uint16", "int16", "int32", "float32", "float64", "complex64")
    )
    values = (
        np.random.default_rng(random.randrange(2**32)).integers(0, 100, (bands, height, width)).astype(dtype)
    )
    options: dict[str, Any] = {"compress": random.choice(("none", "lzw", "deflate", "packbits"))}
    if random.random() < 0.4:
        options |= {"tiled": True, "blockxsize": 16, "blockysize": 16, "SPARSE_OK": True}
    if random.random() < 0.3 and dtype != "complex64":
        options |= {"nodata": random.choice((0, 7, 99))}
    if random.random() < 0.2 and dtype[0] == "f":
        values[:, : height // 2] = random.choice((np.nan, np.inf, -3.4e38))
    if random.random() < 0.2:
        options |= {"mask": values[0].real > random.choice((0, 50, 1000))}
    if random.random() < 0.2:
        options |= {"interleave": "band", "BIGTIFF": "YES"}
    place = [random.choice((1.0, -0.5, 0.001, 1e9, 0.0)) for _ in range(6)]
    options |= {"transform": random.choice((None, Affine(*place))), "crs": random.choice(_CRS)}
    path = raster(folder / "made.tif", values, **options)
    content = path.read_bytes()
    path.write_bytes(_tags(content, random) if random.random() < 0.5 else damage(content, random))
    return path


def real_raster(random: Random, folder: Path, data: Path | None) -> Path:
    """One of the smaller real rasters, damaged; a made one where the data are not there."""
    files = () if data is None else _real(data)
    if not files:
        return made_raster(random, folder, data)
    content = random.choice(files)
    path = folder / "real.tif"
    path.write_bytes(_tags(content, random) if random.random() < 0.5 else damage(content, random))
    return path


def into_tiles(path: Path, random: Random) -> None:
    """All that an index, a query picture and a cut-out tile do with a file."""
    tiling = _tiling(random)
    digest(path)
    found = windows(path, tiling)
    for tile in read(path, found[:12], tiling):
        assert tile.pixels.shape == (tile.window.height, tile.window.width, 3)
        assert tile.pixels.dtype == np.uint8 and tile.pixels.flags.c_contiguous
        fit(tile.pixels, 32)
        thumbnail(tile.pixels)
        if tile.footprint is not None:
            assert from_wkb(to_wkb(tile.footprint)) == tile.footprint
            bounds(tile.footprint)
    if random.random() < 0.2:
        assert open_picture(path).ndim == 3
    if found and random.random() < 0.2:
        cut(path, found[0], path.with_name(random.choice(("out.png", "out.tif"))), tiling)


def footprint_bytes(random: Random) -> bytes:
    """Well-known binary, damaged."""
    ring = tuple(
        (random.uniform(-180, 180), random.uniform(-90, 90)) for _ in range(random.choice((1, 3, 4)))
    )
    return damage(to_wkb(Footprint(ring)), random)


def _tiling(random: Random) -> Tiling:
    while True:
        try:
            return Tiling(
                size=random.choice((16, 64, 256)),
                stride=random.choice((None, None, 16, 40)),
                min_valid=random.choice((0.0, 0.5, 1.0)),
                bands=random.choice((None, None, (1,), (3, 2, 1))),
                picture_side=random.choice((16, 1024)),
            )
        except InputError:
            continue


def _image(random: Random) -> Image.Image:
    mode = random.choice(_MODES)
    size = random.randrange(1, 40), random.randrange(1, 40)
    image = Image.frombytes("RGB", size, random.randbytes(size[0] * size[1] * 3))
    return image.convert("L").convert(mode) if mode in ("I;16", "F") else image.convert(mode)


def _exif(random: Random) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = random.choice((*range(10), 255))
    exif[0x0132] = random.choice(("2023:01:01 00:00:00", "0000:00:00 00:00:00", "x"))
    exif[0x8825] = {1: "S", 2: (33.0, 30.0, 0.0), 3: "W", 4: (70.0, 36.0, 0.0), 29: "2024:01:01"}
    content = exif.tobytes()
    return damage(content, random) if random.random() < 0.5 else content


def _png(content: bytes, random: Random) -> bytes:
    """A PNG whose chunks have other contents and right checksums, so that decoders go on."""
    parts, at = [content[:8]], 8
    while at < len(content):
        (length,) = struct.unpack_from(">I", content, at)
        kind, body = content[at + 4 : at + 8], content[at + 8 : at + 8 + length]
        if random.random() < 0.4:
            body = damage(body, random)
        parts.append(struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body)))
        at += 12 + length
    return b"".join(parts)


def _tags(content: bytes, random: Random) -> bytes:
    """A little-endian classic TIFF with other values in the entries of its first directory."""
    if content[:4] != b"II*\0":
        return damage(content, random)
    changed = bytearray(content)
    (start,) = struct.unpack_from("<I", content, 4)
    (entries,) = struct.unpack_from("<H", content, start)
    for _ in range(random.choice((1, 1, 2, 3))):
        at = start + 2 + 12 * random.randrange(entries)
        field, width = random.choice(((0, 2), (2, 2), (4, 4), (8, 4), (8, 4), (8, 4)))
        value = random.choice((*EDGES, random.randrange(2**16), random.randrange(40)))
        changed[at + field : at + field + width] = (value % 2 ** (8 * width)).to_bytes(width, "little")
    return bytes(changed)


@cache
def _real(data: Path) -> tuple[bytes, ...]:
    files = sorted((data / "geotiff").glob("*.tif"))
    return tuple(file.read_bytes() for file in files if file.stat().st_size <= _MOST_BYTES)
