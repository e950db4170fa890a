"""Small files of every kind, made for tests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio import Affine

from swath.imagery import TileImage, Tiling, read, windows
from swath.imagery.faults import quiet

UTM = "EPSG:32618"
GRID = Affine(10, 0, 500_000, 0, -10, 4_500_000)


def noise(*shape: int, seed: int = 0, low: int = 1, high: int = 255) -> NDArray[np.uint8]:
    """Values without 0, which many tests use for no-data."""
    return np.random.default_rng(seed).integers(low, high, shape, np.uint8)


def raster(
    path: Path,
    data: NDArray[Any],
    *,
    crs: Any = UTM,
    transform: Affine | None = GRID,
    gcps: Sequence[Any] = (),
    mask: NDArray[np.bool_] | None = None,
    colours: Sequence[str] | None = None,
    palette: Mapping[int, tuple[int, ...]] | None = None,
    names: Sequence[str] = (),
    tags: dict[str, str] | None = None,
    **profile: Any,
) -> Path:
    """Write data[bands, h, w] as a GeoTIFF (or what `driver` says)."""
    from rasterio.enums import ColorInterp

    bands, height, width = data.shape
    shape = {"count": bands, "height": height, "width": width, "dtype": data.dtype.name}
    options = {"driver": "GTiff", **shape, **profile}
    if gcps:
        options |= {"gcps": list(gcps), "crs": crs}
    elif transform is not None:
        options |= {"transform": transform, "crs": crs}
    with quiet(), rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True), rasterio.open(path, "w", **options) as dataset:
        dataset.write(data)
        if mask is not None:
            dataset.write_mask(mask)
        if colours is not None:
            dataset.colorinterp = [ColorInterp[colour] for colour in colours]
        if palette is not None:
            dataset.write_colormap(1, dict(palette))
        for band, name in enumerate(names, 1):
            dataset.set_band_description(band, name)
        if tags is not None:
            dataset.update_tags(**tags)
    return path


def tiles(path: Path, tiling: Tiling | None = None) -> list[TileImage]:
    """All tiles of a file."""
    tiling = tiling or Tiling()
    return list(read(path, windows(path, tiling), tiling))


def tile(path: Path, tiling: Tiling | None = None) -> TileImage:
    """The only tile of a file."""
    (only,) = tiles(path, tiling)
    return only
