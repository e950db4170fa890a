"""Rasters by rasterio: windows in the raster's own grid, with footprints, times and attributes."""

from __future__ import annotations

import logging
import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import datetime
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from swath.errors import ImageryError
from swath.imagery.exif import parse_time
from swath.imagery.faults import quiet, reading
from swath.imagery.georeference import Georeference, crs_name, footprints, georeference, resolution
from swath.imagery.places import Place, Remote, shown
from swath.imagery.scan import open_regular
from swath.imagery.scenes import Look, Scene, shown_bands
from swath.imagery.sparse import Blocks
from swath.imagery.tiling import (
    TileImage,
    Tiling,
    count,
    is_inside,
    is_kept,
    is_picture,
    outside,
    plan,
    shrunk,
)
from swath.types import Scalar, Window

MOST_WINDOWS = 1_000_000
"""Most windows of one raster (65 gigapixels at 256 pixels): what a list of them may take of the memory."""
_MOST_PLACES = 50_000_000
_QUERY_SIDE = 2048

_SILENCE = logging.NullHandler()
_TIMES = ("TIFFTAG_DATETIME", "EXIF_DateTimeOriginal", "EXIF_DateTime")


@contextmanager
def opened(place: Place, driver: str) -> Iterator[Any]:
    """Open a raster with that driver alone: others would follow references out of the file, to the network.

    Raises `ImageryError`, also for what its user's body raises.
    """
    import rasterio

    # Without a handler of its own, what GDAL logs ends on the standard error stream.
    logging.getLogger("rasterio").addHandler(_SILENCE)
    with reading(place), ExitStack() as stack:
        if isinstance(place, Remote):
            from swath.imagery import remote

            name = remote.gdal_name(place)
            stack.enter_context(rasterio.Env(**remote.gdal_options(place)))
        else:
            open_regular(place).close()
            name = str(stack.enter_context(_named_in_utf8(place)))
        with quiet():
            dataset = rasterio.open(name, driver=driver)
        with dataset:
            yield dataset


class Raster:
    """Context manager over an open raster that is cut into windows; for one thread at a time.

    Whoever reads parts of the same scene with handles of their own hands on the `look` of the first.
    Entering it, and its methods, raise `ImageryError`.
    """

    is_divisible = True
    """Whether several handles read it faster than one."""

    def __init__(self, place: Place, driver: str, tiling: Tiling, look: Look | None = None) -> None:
        self._place = place
        self._driver = driver
        self._tiling = tiling
        self._given = look
        self._stack = ExitStack()
        self._scene: Scene | None = None

    def __enter__(self) -> Raster:
        with ExitStack() as stack:
            self._dataset = stack.enter_context(opened(self._place, self._driver))
            self._bands = shown_bands(self._dataset, self._tiling, self._place)
            self._reference = georeference(self._dataset)
            self._size = self._dataset.width, self._dataset.height
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()  # without the error, which may be its user's own

    @property
    def look(self) -> Look:
        """How its values become colours: given, or measured when it is first asked for."""
        return self._open_scene().look

    @property
    def dataset(self) -> Any:
        """The open dataset of rasterio."""
        return self._dataset

    @property
    def reference(self) -> Georeference | None:
        """What places its pixels on the Earth."""
        return self._reference

    def shrunk_to(self, width: int, height: int) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
        """All of it in that size: RGB uint8[h, w, 3], and which pixels are valid, bool[h, w]."""
        with reading(self._place):
            return self._open_scene().read(Window(0, 0, *self._size), (width, height))

    def windows(self) -> list[Window]:
        """Its windows, from the header alone, less those in blocks that the file leaves out.

        Raises `ImageryError` also for more than `MOST_WINDOWS`.
        """
        width, height = self._size
        with reading(self._place):
            if count(width, height, self._tiling) <= _MOST_PLACES:
                blocks = Blocks(self._dataset, self._bands)
                georeferenced = self._reference is not None
                places = plan(
                    width, height, self._tiling, georeferenced=georeferenced, hold_rows=blocks.hold_rows
                )
                found = list(islice(filter(blocks.hold, places), MOST_WINDOWS + 1))
                if len(found) <= MOST_WINDOWS:
                    return found
        raise ImageryError(
            f"{shown(self._place)}: {width} x {height} pixels are over {MOST_WINDOWS} windows of "
            f"{self._tiling.size}; use larger windows, or cut the raster into several"
        )

    def read(self, windows: Sequence[Window]) -> Iterator[TileImage]:
        """Windows in the order given, less those with too few valid pixels."""
        with reading(self._place):
            scene = self._open_scene()
            reference = self._reference
            whole = is_picture(*self._size, self._tiling, georeferenced=reference is not None)
            time, attributes = _time(self._dataset), _attributes(self._dataset, reference)
            for window, footprint in zip(windows, footprints(reference, windows), strict=True):
                if not is_inside(window, *self._size):
                    raise outside(self._place, window, self._size)
                pixels, valid = scene.read(window, shrunk(window, self._tiling, whole_picture=whole))
                if is_kept(valid, self._tiling, whole_picture=whole):
                    yield TileImage(window, pixels, footprint, time, attributes)

    def _open_scene(self) -> Scene:
        if self._scene is None:
            with reading(self._place):
                self._scene = Scene.of(self._dataset, self._bands, self._tiling, self._given)
        return self._scene


def is_georeferenced(path: Path, driver: str) -> bool:
    """Whether it or the files beside it have a transform, control points or RPCs. Raises `ImageryError`."""
    with opened(path, driver) as dataset:
        return georeference(dataset) is not None


def whole(path: Path, driver: str) -> NDArray[np.uint8]:
    """All of a raster as one picture, uint8[h, w, 3], its longer side at most 2,048 pixels."""
    with opened(path, driver) as dataset:
        width, height = dataset.width, dataset.height
        scene = Scene.of(dataset, shown_bands(dataset, Tiling(), path), Tiling())
        scale = min(1.0, _QUERY_SIDE / max(width, height))
        size = max(1, round(width * scale)), max(1, round(height * scale))
        return scene.read(Window(0, 0, width, height), size)[0]


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
