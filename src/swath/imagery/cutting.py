"""Windows of files as files of their own."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from swath.errors import ImageryError
from swath.imagery.faults import quiet
from swath.imagery.places import Place
from swath.imagery.rasters import opened
from swath.imagery.tiling import is_inside, outside
from swath.types import Window


def write_picture(pixels: NDArray[np.uint8], out: Path) -> None:
    """uint8[h, w, 3] RGB pixels as a PNG or TIFF, by the suffix. Raises `OSError`."""
    from PIL import Image

    with replacing(out) as temporary:
        Image.fromarray(pixels).save(temporary)


def write_raster(file: Place, driver: str, window: Window, out: Path) -> None:
    """A window with all bands, as they are stored, as a GeoTIFF where the source has a georeference.

    Raises `ImageryError` where it cannot be read, and `OSError` where it cannot be written.
    """
    import rasterio
    from rasterio.enums import MaskFlags
    from rasterio.windows import Window as Part

    part = Part(window.column, window.row, window.width, window.height)
    with opened(file, driver) as dataset:
        size = dataset.width, dataset.height
        if not is_inside(window, *size):
            raise outside(file, window, size)
        values = dataset.read(window=part)
        masked = MaskFlags.per_dataset in dataset.mask_flag_enums[0]
        masked = masked and MaskFlags.alpha not in dataset.mask_flag_enums[0]
        mask = dataset.read_masks(1, window=part) if masked else None
        profile = {
            "driver": "GTiff",
            "width": window.width,
            "height": window.height,
            "count": dataset.count,
            "dtype": dataset.dtypes[0],
            "nodata": dataset.nodata,
            "compress": "deflate",
            **_georeference(dataset, window),
        }
        if dataset.tags(ns="IMAGE_STRUCTURE").get("MINISWHITE") == "YES":
            profile["photometric"] = "MINISWHITE"
        bits = dataset.tags(1, ns="IMAGE_STRUCTURE").get("NBITS")
        if bits is not None:
            profile["nbits"] = bits
        meanings, names = dataset.colorinterp, dataset.descriptions
        scales, offsets = dataset.scales, dataset.offsets
        colours = dataset.colormap(1) if meanings[0].name == "palette" else None
        tags = {key: value for key, value in dataset.tags().items() if key != "AREA_OR_POINT"}
    with (
        replacing(out) as temporary,
        quiet(),
        rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True),
        rasterio.open(temporary, "w", **profile) as made,
    ):
        made.colorinterp = meanings
        if colours is not None:
            made.write_colormap(1, colours)
        made.write(values)
        if mask is not None:
            made.write_mask(mask)
        made.update_tags(**tags)
        if set(scales) != {1.0} or set(offsets) != {0.0}:
            made.scales, made.offsets = scales, offsets
        for band, name in enumerate(names, 1):
            if name:
                made.set_band_description(band, name)


def is_chip(path: Path, window: Window) -> bool:
    """Whether a file is a PNG or TIFF of the size of a window, and sound to its end."""
    if not path.is_file():
        return False
    try:
        with opened(path, "PNG" if path.suffix.lower() == ".png" else "GTiff") as dataset:
            dataset.read()
            return bool((dataset.width, dataset.height) == (window.width, window.height))
    except ImageryError:
        return False


def _georeference(dataset: Any, window: Window) -> dict[str, Any]:
    """What places the window, in the words of a rasterio profile."""
    if not dataset.transform.is_identity:
        from rasterio import Affine

        a, b, c, d, e, f = dataset.transform[:6]
        c, f = a * window.column + b * window.row + c, d * window.column + e * window.row + f
        return {"crs": dataset.crs, "transform": Affine(a, b, c, d, e, f)}
    points, crs = dataset.gcps
    if points:
        from rasterio.control import GroundControlPoint
        from rasterio.crs import CRS

        moved = [GroundControlPoint(p.row - window.row, p.col - window.column, p.x, p.y, p.z) for p in points]
        # rasterio asks the CRS for its text, also where there is none.
        return {"crs": crs or CRS(), "gcps": moved}
    if dataset.rpcs is not None:
        rpcs = dataset.rpcs
        rpcs.line_off -= window.row
        rpcs.samp_off -= window.column
        return {"rpcs": rpcs}
    return {} if dataset.crs is None else {"crs": dataset.crs}


@contextmanager
def replacing(out: Path) -> Iterator[Path]:
    """A name to write to beside `out`, which takes its place when all went well."""
    # Not made of its own name, which may be as long as names can be.
    temporary = out.with_name(f".swath.{os.getpid()}.{threading.get_ident()}{out.suffix}")
    # Where GDAL puts what a TIFF has no tag for.
    beside = temporary.with_name(f"{temporary.name}.aux.xml")
    try:
        yield temporary
        temporary.replace(out)
        if beside.exists():
            beside.replace(out.with_name(f"{out.name}.aux.xml"))
    finally:
        temporary.unlink(missing_ok=True)
        beside.unlink(missing_ok=True)
