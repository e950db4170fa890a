"""Rasters by rasterio: windows in the raster's own grid, masks, bands and the stretch of the scene."""

from __future__ import annotations

import logging
import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from swath.errors import ImageryError
from swath.imagery import stretch
from swath.imagery.exif import parse_time
from swath.imagery.faults import quiet, reading
from swath.imagery.georeference import crs_name, footprints, georeference, resolution
from swath.imagery.scan import open_regular, shown
from swath.imagery.sparse import Blocks
from swath.imagery.tiling import TileImage, Tiling, count, is_inside, is_kept, is_whole, outside, plan
from swath.types import Scalar, Window

MOST_WINDOWS = 1_000_000
"""Most windows of one raster (65 gigapixels at 256 pixels): what a list of them may take of the memory."""
_MOST_PLACES = 50_000_000
_BLOCK_LIMIT = 2**30
"""Most bytes of a block: whoever reads one pixel of it must decode all of them."""

_QUERY_SIDE = 2048
_OVERVIEW, _READABLE = 1024, 4096
"""The side that a scene is shrunk to for its statistics, and the greatest side from which this is done."""
_PATCH, _MOST_PATCHES, _LATTICES = 128, 1024, (8, 32, 128, 512)
_FEW = 4096
"""Fewer valid values are no sample of a scene: then finer lattices are tried, until sparse ones are hit."""
_UNLIKELY = 1e30
"""Greater floating-point values are fill that nobody declared (-3.4e38 and its kin), never a measurement."""

_SILENCE = logging.NullHandler()
_PALETTE, _ALPHA = "palette", "alpha"
_COLOURS = ("red", "green", "blue")
_TIMES = ("TIFFTAG_DATETIME", "EXIF_DateTimeOriginal", "EXIF_DateTime")


@contextmanager
def opened(path: Path, driver: str) -> Iterator[Any]:
    """Open a raster with that driver alone: others would follow references out of the file, to the network.

    Raises `ImageryError`, also for what its user's body raises.
    """
    import rasterio

    # Without a handler of its own, what GDAL logs ends on the standard error stream.
    logging.getLogger("rasterio").addHandler(_SILENCE)
    with reading(path):
        open_regular(path).close()
        with _named_in_utf8(path) as name:
            with quiet():
                dataset = rasterio.open(name, driver=driver)
            with dataset:
                yield dataset


def is_georeferenced(path: Path, driver: str) -> bool:
    """Whether it or the files beside it have a transform, control points or RPCs. Raises `ImageryError`."""
    with opened(path, driver) as dataset:
        return georeference(dataset) is not None


def windows(path: Path, driver: str, tiling: Tiling) -> list[Window]:
    """Windows of a raster, from its header alone, less those that lie in blocks which the file leaves out.

    Raises `ImageryError`, also for more than `MOST_WINDOWS`.
    """
    with opened(path, driver) as dataset:
        bands = _bands(dataset, tiling, path)
        width, height = dataset.width, dataset.height
        georeferenced = georeference(dataset) is not None
        if count(width, height, tiling) <= _MOST_PLACES:
            blocks = Blocks(dataset, bands)
            places = plan(width, height, tiling, georeferenced=georeferenced, hold_rows=blocks.hold_rows)
            found = list(islice(filter(blocks.hold, places), MOST_WINDOWS + 1))
            if len(found) <= MOST_WINDOWS:
                return found
    raise ImageryError(
        f"{shown(path)}: {width} x {height} pixels are over {MOST_WINDOWS} windows of {tiling.size}; "
        "use larger windows, or cut the raster into several"
    )


def read(path: Path, driver: str, windows: Sequence[Window], tiling: Tiling) -> Iterator[TileImage]:
    """Windows of a raster, less those with too few valid pixels. Raises `ImageryError`."""
    with opened(path, driver) as dataset:
        scene = _Scene.of(dataset, _bands(dataset, tiling, path))
        size = dataset.width, dataset.height
        reference = georeference(dataset)
        time, attributes = _time(dataset), _attributes(dataset, reference)
        for window, footprint in zip(windows, footprints(reference, windows), strict=True):
            if not is_inside(window, *size):
                raise outside(path, window, size)
            pixels, valid = scene.read(window)
            whole_picture = reference is None and is_whole(window, *size)
            if is_kept(valid, tiling, whole_picture=whole_picture):
                yield TileImage(window, pixels, footprint, time, attributes)


def whole(path: Path, driver: str) -> NDArray[np.uint8]:
    """All of a raster as one picture, uint8[h, w, 3], its longer side at most 2,048 pixels."""
    with opened(path, driver) as dataset:
        scene = _Scene.of(dataset, _bands(dataset, Tiling(), path))
        return scene.read(Window(0, 0, dataset.width, dataset.height), _QUERY_SIDE)[0]


@contextmanager
def _named_in_utf8(path: Path) -> Iterator[Path]:
    """A name that rasterio can take: it encodes names in UTF-8, which not all names can be."""
    path = path.absolute()
    try:
        os.fspath(path).encode("utf-8")
    except UnicodeEncodeError:
        with tempfile.TemporaryDirectory(prefix="swath-") as folder:
            link = Path(folder, "raster")
            link.symlink_to(path)
            yield link
    else:
        yield path


def _bands(dataset: Any, tiling: Tiling, path: Path) -> tuple[int, ...]:
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


def _chosen(dataset: Any, tiling: Tiling, path: Path) -> tuple[int, ...]:
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
    shown_bands = tuple(i for i, meaning in enumerate(meanings, 1) if meaning != _ALPHA) or (1,)
    return shown_bands[:3] if len(shown_bands) >= 3 else shown_bands[:1]


@dataclass(frozen=True, slots=True)
class _Scene:
    """An open raster, and how its values become colours."""

    dataset: Any
    bands: tuple[int, ...]
    flags: tuple[frozenset[Any], ...]
    """GDAL's mask flags of each of the bands."""
    alpha: tuple[int, ...]
    """Alpha bands that GDAL's own masks leave out of account."""
    palette: NDArray[np.uint8] | None
    """uint8[n, 4]: RGBA of the values of a single band."""
    stretch: stretch.Stretch | None
    """None where the values are colours already."""

    @classmethod
    def of(cls, dataset: Any, bands: tuple[int, ...]) -> _Scene:
        from rasterio.enums import MaskFlags

        meanings = [meaning.name for meaning in dataset.colorinterp]
        all_flags = dataset.mask_flag_enums
        flags = tuple(frozenset(all_flags[band - 1]) for band in bands)
        masked = any(MaskFlags.alpha in of_band for of_band in flags)
        alpha = () if masked else tuple(i for i, meaning in enumerate(meanings, 1) if meaning == _ALPHA)
        if len(bands) == 1 and meanings[bands[0] - 1] == _PALETTE:
            return cls(dataset, bands, flags, alpha, _palette(dataset, bands[0]), None)
        scene = cls(dataset, bands, flags, alpha, None, None)
        kinds = {dataset.dtypes[band - 1] for band in bands}
        colours = kinds == {"uint8"} and not any(_bits(dataset, band) < 8 for band in bands)
        inverted = [_is_inverted(dataset, band) for band in bands]
        if colours and not any(inverted):
            return scene
        limits = stretch.colours(len(bands)) if colours else stretch.measure(scene._sample())
        return cls(dataset, bands, flags, alpha, None, limits.reverse(inverted))

    def read(self, window: Window, side: int | None = None) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
        """Colours uint8[h, w, 3], and which pixels are valid in any band, bool[h, w]; smaller where asked.

        Pixels that are not valid are black, as in pictures: what hides there is not for anyone to find.
        """
        values, valid = self._values(window, side)
        seen = np.asarray(valid.any(0))
        if self.palette is not None:
            colours = self.palette[np.minimum(values[0], len(self.palette) - 1)]
            pixels, seen = np.ascontiguousarray(colours[..., :3]), seen & (colours[..., 3] > 0)
        else:
            if self.stretch is not None:
                values = self.stretch.apply(values, valid)
            pixels = np.stack(list(np.broadcast_to(values, (3, *values.shape[1:]))), axis=-1)
        pixels[~seen] = 0
        return pixels, seen

    def _values(self, window: Window, side: int | None = None) -> tuple[NDArray[Any], NDArray[np.bool_]]:
        """Values and validity, both [n, h, w]; at most `side` pixels wide and high where it is given."""
        from rasterio.windows import Window as RasterWindow

        shrink = 1.0 if side is None else min(1.0, side / max(window.width, window.height))
        height, width = max(1, round(window.height * shrink)), max(1, round(window.width * shrink))
        place = RasterWindow(window.column, window.row, window.width, window.height)
        values = self.dataset.read(list(self.bands), window=place, out_shape=(len(self.bands), height, width))
        valid = np.stack([self._mask(i, values[i], place) for i in range(len(values))])
        for band in self.alpha:
            valid &= self.dataset.read(band, window=place, out_shape=(height, width)) > 0
        if values.dtype.kind == "f":
            valid &= np.abs(values) < _UNLIKELY
        return values, valid

    def _mask(self, i: int, values: NDArray[Any], place: Any) -> NDArray[np.bool_]:
        """Which values of the i-th band shown are valid by the file's own word."""
        from rasterio.enums import MaskFlags

        band, flags = self.bands[i], self.flags[i]
        if MaskFlags.all_valid in flags:
            return np.ones(values.shape, np.bool_)
        nodata = self.dataset.nodatavals[band - 1]
        if MaskFlags.nodata in flags and MaskFlags.per_dataset not in flags:
            return np.asarray(values != _as_stored(nodata, values.dtype))
        # rasterio warns where both no-data and another mask are there.
        with nullcontext() if nodata is None else quiet():
            return np.asarray(self.dataset.read_masks(band, window=place, out_shape=values.shape) > 0)

    def _sample(self) -> list[NDArray[Any]]:
        """Valid values of each band, a million or so: of an overview, or of patches here and there.

        Shrinking a huge raster without overviews would read all of it.
        """
        width, height = self.dataset.width, self.dataset.height
        overviews = self.dataset.overviews(self.bands[0])
        if max(width, height) <= _READABLE * max(overviews, default=1):
            return self._valid_values(Window(0, 0, width, height), _OVERVIEW)
        blocks = Blocks(self.dataset, self.bands)
        values: list[NDArray[Any]] = []
        for steps in _LATTICES:
            patches = [patch for patch in _patches(width, height, steps) if blocks.hold(patch)]
            thinned = patches[:: -(-len(patches) // _MOST_PATCHES) or 1]
            read = [self._valid_values(patch) for patch in thinned]
            values = [np.concatenate(band) for band in zip(*read, strict=True)] or values
            if values and min(band.size for band in values) >= _FEW:
                break
        return values or [np.empty(0)] * len(self.bands)

    def _valid_values(self, window: Window, side: int | None = None) -> list[NDArray[Any]]:
        values, valid = self._values(window, side)
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


def _time(dataset: Any) -> datetime | None:
    """When it was acquired as GDAL tells of satellite products, else the time in its TIFF or EXIF tags."""
    tags = dataset.tags()
    acquired = dataset.tags(ns="IMAGERY").get("ACQUISITIONDATETIME", "")
    texts = [acquired, *(tags.get(name, "") for name in _TIMES)]
    return next((time for time in map(parse_time, texts) if time is not None), None)


def _attributes(dataset: Any, reference: Any) -> dict[str, Scalar]:
    attributes: dict[str, Scalar] = {"bands": int(dataset.count)}
    if reference is not None:
        metres = resolution(reference, dataset.width, dataset.height)
        name = crs_name(reference.crs)
        attributes |= {} if metres is None else {"resolution": metres}
        attributes |= {} if name is None else {"crs": name}
    return attributes
