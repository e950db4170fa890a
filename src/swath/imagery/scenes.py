"""An open raster as colours: which bands are shown, which values are valid, and how they are stretched."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from swath.errors import ImageryError
from swath.imagery import stretch
from swath.imagery.faults import quiet
from swath.imagery.places import Place, shown
from swath.imagery.sparse import Blocks
from swath.imagery.tiling import Tiling
from swath.types import Window

_BLOCK_LIMIT = 2**30
"""Most bytes of a block: whoever reads one pixel of it must decode all of them."""

_OVERVIEW, _READABLE = 1024, 4096
"""The side that a scene is shrunk to for its statistics, and the greatest side from which this is done."""
_PATCH, _MOST_PATCHES, _LATTICES = 128, 1024, (8, 32, 128, 512)
_FEW = 4096
"""Fewer valid values are no sample of a scene: then finer lattices are tried, until sparse ones are hit."""
_UNLIKELY = 1e30
"""Greater floating-point values are fill that nobody declared (-3.4e38 and its kin), never a measurement."""

_PALETTE, _ALPHA = "palette", "alpha"
_COLOURS = ("red", "green", "blue")


def shown_bands(dataset: Any, tiling: Tiling, path: Place) -> tuple[int, ...]:
    """The bands to show, one or three. Raises `ImageryError` where they cannot be shown."""
    bands = _chosen(dataset, tiling, path)
    if any(dataset.dtypes[band - 1].startswith("complex") for band in bands):
        raise ImageryError(f"{shown(path)}: its values are complex numbers; store their magnitude")
    height, width = dataset.block_shapes[bands[0] - 1]
    together = dataset.count if _by_pixel(dataset) else 1
    if height * width * together * np.dtype(dataset.dtypes[bands[0] - 1]).itemsize > _BLOCK_LIMIT:
        raise ImageryError(
            f"{shown(path)}: its blocks of {width} x {height} pixels are too large to decode; make it tiled"
        )
    return bands


def _chosen(dataset: Any, tiling: Tiling, path: Place) -> tuple[int, ...]:
    if tiling.bands is not None:
        if max(tiling.bands) > dataset.count:
            raise ImageryError(
                f"{shown(path)}: has {dataset.count} band(s), but bands {tiling.bands} were asked for; "
                "choose others, or index it apart"
            )
        return tiling.bands
    meanings = [meaning.name for meaning in dataset.colorinterp]
    names = [(name or "").strip().lower() for name in dataset.descriptions]
    for labels in (meanings, names):
        if all(colour in labels for colour in _COLOURS):
            return tuple(labels.index(colour) + 1 for colour in _COLOURS)
    plain = tuple(i for i, meaning in enumerate(meanings, 1) if meaning != _ALPHA) or (1,)
    return plain[:3] if len(plain) >= 3 else plain[:1]


@dataclass(frozen=True, slots=True)
class Look:
    """How the values of a scene become colours: measured once, and alike for whoever reads a part of it."""

    limits: stretch.Stretch | None
    """None where the values are colours already."""


@dataclass(frozen=True, slots=True)
class Scene:
    """An open raster, and how its values become colours."""

    dataset: Any
    bands: tuple[int, ...]
    flags: tuple[frozenset[Any], ...]
    """GDAL's mask flags of each of the bands."""
    alpha: tuple[int, ...]
    """Alpha bands that GDAL's own masks leave out of account."""
    palette: NDArray[np.uint8] | None
    """uint8[n, 4]: RGBA of the values of a single band."""
    look: Look

    @classmethod
    def of(cls, dataset: Any, bands: tuple[int, ...], tiling: Tiling, look: Look | None = None) -> Scene:
        """The bands of an open dataset; without a look, one is measured where the values need it."""
        from rasterio.enums import MaskFlags

        meanings = [meaning.name for meaning in dataset.colorinterp]
        all_flags = dataset.mask_flag_enums
        flags = tuple(frozenset(all_flags[band - 1]) for band in bands)
        masked = any(MaskFlags.alpha in of_band for of_band in flags)
        alpha = () if masked else tuple(i for i, meaning in enumerate(meanings, 1) if meaning == _ALPHA)
        plain = Look(None)
        if len(bands) == 1 and meanings[bands[0] - 1] == _PALETTE:
            return cls(dataset, bands, flags, alpha, _palette(dataset, bands[0]), plain)
        scene = cls(dataset, bands, flags, alpha, None, plain)
        return replace(scene, look=scene._look(tiling) if look is None else look)

    def read(self, window: Window, size: tuple[int, int]) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
        """Colours uint8[h, w, 3], and which pixels are valid in any band, bool[h, w].

        `size` is w and h: where they are less than those of the window, the means of pixels are read, from
        overviews where there are any, and never more than a few blocks of the full resolution at once.

        Pixels that are not valid are black, as in pictures: what hides there is not for anyone to find.
        """
        values, valid = self._values(window, size, smooth=True)
        seen = np.asarray(valid.any(0))
        if self.palette is not None:
            colours = self.palette[np.minimum(values[0], len(self.palette) - 1)]
            pixels, seen = np.ascontiguousarray(colours[..., :3]), seen & (colours[..., 3] > 0)
        else:
            if self.look.limits is not None:
                values = self.look.limits.apply(values, valid)
            pixels = np.stack(list(np.broadcast_to(values, (3, *values.shape[1:]))), axis=-1)
        pixels[~seen] = 0
        return pixels, seen

    def _look(self, tiling: Tiling) -> Look:
        kinds = {self.dataset.dtypes[band - 1] for band in self.bands}
        colours = kinds == {"uint8"} and not any(_bits(self.dataset, band) < 8 for band in self.bands)
        inverted = [_is_inverted(self.dataset, band) for band in self.bands]
        if tiling.stretch is not None:
            return Look(stretch.fixed(*tiling.stretch, len(self.bands)).reverse(inverted))
        if colours and not any(inverted):
            return Look(None)
        limits = stretch.colours(len(self.bands)) if colours else stretch.measure(self._sample())
        return Look(limits.reverse(inverted))

    def _values(
        self, window: Window, size: tuple[int, int], *, smooth: bool
    ) -> tuple[NDArray[Any], NDArray[np.bool_]]:
        """Values and validity, both [n, h, w]; smaller ones are means where `smooth`, else samples."""
        from rasterio.enums import Resampling
        from rasterio.windows import Window as RasterWindow

        width, height = size
        mean = smooth and self.palette is None and size != (window.width, window.height)
        how: dict[str, Any] = {
            "window": RasterWindow(window.column, window.row, window.width, window.height),
            "resampling": Resampling.average if mean else Resampling.nearest,
        }
        bands = list(self.bands)
        values = self.dataset.read(bands, out_shape=(len(bands), height, width), **how)
        valid = np.stack([self._mask(i, values[i], how) for i in range(len(values))])
        for band in self.alpha:
            valid &= self.dataset.read(band, out_shape=(height, width), **how) > 0
        if values.dtype.kind == "f":
            valid &= np.abs(values) < _UNLIKELY
        return values, valid

    def _mask(self, i: int, values: NDArray[Any], how: dict[str, Any]) -> NDArray[np.bool_]:
        """Which values of the i-th band shown are valid by the file's own word."""
        from rasterio.enums import MaskFlags

        band, flags = self.bands[i], self.flags[i]
        if MaskFlags.all_valid in flags:
            return np.ones(values.shape, np.bool_)
        nodata = self.dataset.nodatavals[band - 1]
        # rasterio tells the no-data value in double precision, which whole numbers of 64 bits go beyond.
        exact = values.dtype.kind == "f" or values.dtype.itemsize < 8
        if MaskFlags.nodata in flags and MaskFlags.per_dataset not in flags and exact:
            return np.asarray(values != _as_stored(nodata, values.dtype))
        # rasterio warns where both no-data and another mask are there.
        with nullcontext() if nodata is None else quiet():
            return np.asarray(self.dataset.read_masks(band, out_shape=values.shape, **how) > 0)

    def _sample(self) -> list[NDArray[Any]]:
        """Valid values of each band, a million or so: of an overview, or of patches here and there.

        Shrinking a huge raster without overviews would read all of it.
        """
        width, height = self.dataset.width, self.dataset.height
        overviews = self.dataset.overviews(self.bands[0])
        if max(width, height) <= _READABLE * max(overviews, default=1):
            scale = min(1.0, _OVERVIEW / max(width, height))
            size = max(1, round(width * scale)), max(1, round(height * scale))
            return self._valid_values(Window(0, 0, width, height), size)
        blocks = Blocks(self.dataset, self.bands)
        values: list[NDArray[Any]] = []
        for steps in _LATTICES:
            patches = [patch for patch in _patches(width, height, steps) if blocks.hold(patch)]
            thinned = patches[:: -(-len(patches) // _MOST_PATCHES) or 1]
            read = [self._valid_values(patch, (patch.width, patch.height)) for patch in thinned]
            values = [np.concatenate(band) for band in zip(*read, strict=True)] or values
            if values and min(band.size for band in values) >= _FEW:
                break
        return values or [np.empty(0)] * len(self.bands)

    def _valid_values(self, window: Window, size: tuple[int, int]) -> list[NDArray[Any]]:
        values, valid = self._values(window, size, smooth=False)
        return [band[mask] for band, mask in zip(values, valid, strict=True)]


def _as_stored(nodata: float, dtype: np.dtype[Any]) -> float:
    """The no-data value with the precision that the file's values have."""
    with np.errstate(over="ignore"):
        return float(np.float32(nodata)) if dtype == np.float32 else nodata


def _patches(width: int, height: int, steps: int) -> Iterator[Window]:
    """Small windows spread evenly over a raster, `steps` in each direction where it is large enough."""
    patch_width, patch_height = min(_PATCH, width), min(_PATCH, height)
    columns = min(steps, -(-width // _PATCH))
    rows = min(steps, -(-height // _PATCH))
    for row in np.linspace(0, height - patch_height, rows).astype(int).tolist():
        for column in np.linspace(0, width - patch_width, columns).astype(int).tolist():
            yield Window(column, row, patch_width, patch_height)


def _palette(dataset: Any, band: int) -> NDArray[np.uint8]:
    colours = dataset.colormap(band)
    table = np.zeros((max(colours) + 1, 4), np.uint8)
    for value, colour in colours.items():
        table[value] = colour
    return table


def _by_pixel(dataset: Any) -> bool:
    return bool(dataset.profile.get("interleave") == "pixel")


def _bits(dataset: Any, band: int) -> int:
    return int(dataset.tags(band, ns="IMAGE_STRUCTURE").get("NBITS", 8))


def _is_inverted(dataset: Any, band: int) -> bool:
    """Whether great values of a band are dark: 0 means white in it, or its scale factor is negative."""
    min_is_white = dataset.tags(ns="IMAGE_STRUCTURE").get("MINISWHITE") == "YES"
    return bool(min_is_white != (dataset.scales[band - 1] < 0))
