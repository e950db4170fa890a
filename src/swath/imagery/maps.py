"""A whole scene at a coarser resolution: looked at, and given values that are written as a GeoTIFF."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from swath.imagery import files, pictures
from swath.imagery.cutting import replacing
from swath.imagery.faults import quiet
from swath.imagery.georeference import footprints
from swath.imagery.places import Place
from swath.imagery.rasters import Raster
from swath.imagery.tiling import Tiling
from swath.types import Footprint, Window


@dataclass(frozen=True, slots=True, eq=False)
class Overview:
    """All of a scene, shrunk."""

    size: tuple[int, int]
    """Width and height of the scene in its own pixels."""
    pixels: NDArray[np.uint8]
    """uint8[h, w, 3], RGB."""
    valid: NDArray[np.bool_]
    """bool[h, w]: where any band shown has a value."""


def overview(file: Place, tiling: Tiling, shape: tuple[int, int]) -> Overview:
    """A scene at `shape` (rows and columns). Raises `ImageryError`."""
    rows, columns = shape
    with files.open_source(file, tiling) as source:
        if isinstance(source, Raster):
            dataset = source.dataset
            return Overview((dataset.width, dataset.height), *source.shrunk_to(columns, rows))
        return _of_picture(file, shape)


def scene_size(file: Place, tiling: Tiling) -> tuple[int, int]:
    """Width and height of a scene in its own pixels. Raises `ImageryError`."""
    with files.open_source(file, tiling) as source:
        if isinstance(source, Raster):
            return source.dataset.width, source.dataset.height
        return source.size


def pixel_places(file: Place, tiling: Tiling, pixels: Sequence[tuple[int, int]]) -> list[Footprint | None]:
    """Footprints of single pixels (column, row) of a scene; None without a place. Raises `ImageryError`."""
    with files.open_source(file, tiling) as source:
        reference = source.reference if isinstance(source, Raster) else None
        return footprints(reference, [Window(column, row, 1, 1) for column, row in pixels])


def write_map(file: Place, tiling: Tiling, values: NDArray[np.float32], out: Path) -> None:
    """Values float32[h, w] over a whole scene as a GeoTIFF: its georeference, tiled, compressed, NaN no data.

    Raises `ImageryError` where the scene cannot be read, `OSError` where the file cannot be written.
    """
    import rasterio

    height, width = values.shape
    georeference: dict[str, Any] = {}
    with files.open_source(file, tiling) as source:
        if isinstance(source, Raster):
            georeference = _georeference(source.dataset, width, height)
    profile = {
        "driver": "GTiff",
        "width": width,
        "height": height,
        "count": 1,
        "dtype": "float32",
        "nodata": np.nan,
        "tiled": True,
        "blockxsize": 256,
        "blockysize": 256,
        "compress": "deflate",
        "predictor": 3,
        **georeference,
    }
    with replacing(out) as temporary, quiet(), rasterio.open(temporary, "w", **profile) as made:
        made.write(values, 1)


def _of_picture(file: Place, shape: tuple[int, int]) -> Overview:
    from PIL import Image

    assert isinstance(file, Path), "what is read where it is, is a raster"
    pixels = pictures.whole(file)
    rows, columns = shape
    small = Image.fromarray(pixels).resize((columns, rows), Image.Resampling.BOX)
    height, width = pixels.shape[:2]
    return Overview((width, height), np.asarray(small), np.ones(shape, np.bool_))


def _georeference(dataset: Any, width: int, height: int) -> dict[str, Any]:
    """What places a raster of that size over all of a dataset, in the words of a rasterio profile."""
    wide, high = dataset.width / width, dataset.height / height
    if not dataset.transform.is_identity:
        from rasterio import Affine

        a, b, c, d, e, f = dataset.transform[:6]
        return {"crs": dataset.crs, "transform": Affine(a * wide, b * high, c, d * wide, e * high, f)}
    points, crs = dataset.gcps
    if points:
        from rasterio.control import GroundControlPoint

        moved = [GroundControlPoint(p.row / high, p.col / wide, p.x, p.y, p.z) for p in points]
        return {"crs": crs, "gcps": moved}
    if dataset.rpcs is not None:
        rpcs = dataset.rpcs
        # Offsets are those of pixel centres.
        rpcs.line_off, rpcs.line_scale = (rpcs.line_off + 0.5) / high - 0.5, rpcs.line_scale / high
        rpcs.samp_off, rpcs.samp_scale = (rpcs.samp_off + 0.5) / wide - 0.5, rpcs.samp_scale / wide
        return {"rpcs": rpcs}
    return {}
