"""How a source is cut into windows, and what a cut piece is."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from swath.errors import ImageryError, InputError
from swath.imagery.scan import shown
from swath.types import Footprint, Scalar, Window

MOST_SIZE = 8192
"""Largest side of a window: one of three bands takes 1.6 GB while it is stretched."""


@dataclass(frozen=True, slots=True)
class Tiling:
    """How sources are cut. Raises `InputError` for values that cut nothing.

    The last column and row of windows are shifted flush with the edge, so every window has the full size
    unless the raster itself is smaller.
    """

    size: int = 256
    """Width and height of a window, in pixels of the source."""
    stride: int | None = None
    """Pixels from one window to the next, at most `size`; None: `size`, windows side by side."""
    min_valid: float = 0.5
    """Least share of valid pixels, 0 to 1; a window without any valid pixel is always left out."""
    bands: tuple[int, ...] | None = None
    """Bands of a raster to show as grey (one) or as red, green and blue (three), counted from 1.

    None takes the bands marked as colours, else the first three, else the first. Pictures (JPEG, PNG, WebP,
    GIF, BMP) have no bands to choose from and are taken as they are.
    """
    picture_side: int = 1024
    """A source without georeferencing whose longer side is at most this is one tile."""

    def __post_init__(self) -> None:
        if not 1 <= self.size <= MOST_SIZE:
            raise InputError(f"tile size {self.size}: give 1 to {MOST_SIZE} pixels, such as 256")
        if self.stride is not None and not 1 <= self.stride <= self.size:
            raise InputError(f"stride {self.stride}: give 1 to {self.size}, the size of the windows")
        if not 0 <= self.min_valid <= 1:
            raise InputError(f"least valid share {self.min_valid}: give a number from 0 to 1")
        if self.picture_side < 1:
            raise InputError(f"picture side {self.picture_side}: give 1 pixel or more, such as 1024")
        if self.bands is not None and (len(self.bands) not in (1, 3) or min(self.bands) < 1):
            raise InputError(f"bands {self.bands}: give one or three band numbers, counted from 1")


@dataclass(frozen=True, slots=True, eq=False)
class TileImage:
    """The pixels of one window, and what its source says about them."""

    window: Window
    pixels: NDArray[np.uint8]
    """uint8[h, w, 3], RGB, C-contiguous."""
    footprint: Footprint | None = None
    time: datetime | None = None
    """When it was taken; timezone-aware, UTC."""
    attributes: Mapping[str, Scalar] = field(default_factory=dict)
    """Of rasters, where known: `resolution` (float, metres per pixel), `crs` (str), `bands` (int)."""


def plan(
    width: int,
    height: int,
    tiling: Tiling,
    *,
    georeferenced: bool,
    hold_rows: Callable[[int, int], bool] = lambda _row, _height: True,
) -> Iterator[Window]:
    """Windows of a source of that size, in raster order: one for a small picture, else the grid.

    Rows of windows for which `hold_rows(row, height)` is false are left out.
    """
    if not georeferenced and max(width, height) <= tiling.picture_side:
        yield Window(0, 0, width, height)
        return
    window_width, window_height = min(width, tiling.size), min(height, tiling.size)
    for row in filter(lambda row: hold_rows(row, window_height), _starts(height, tiling)):
        for column in _starts(width, tiling):
            yield Window(column, row, window_width, window_height)


def count(width: int, height: int, tiling: Tiling) -> int:
    """Number of windows in the grid of a source of that size."""
    step = tiling.stride or tiling.size
    columns, rows = (1 - min(0, (tiling.size - length) // step) for length in (width, height))
    return columns * rows


def is_whole(window: Window, width: int, height: int) -> bool:
    """Whether the window is all of a source of that size."""
    return window == Window(0, 0, width, height)


def is_inside(window: Window, width: int, height: int) -> bool:
    """Whether the window has pixels and all of them lie in a source of that size."""
    return (
        min(window.column, window.row) >= 0
        and min(window.width, window.height) >= 1
        and window.column + window.width <= width
        and window.row + window.height <= height
    )


def outside(path: Path, window: Window, size: tuple[int, int]) -> ImageryError:
    """The error for a window that a source of that size does not have: it was changed since it was cut."""
    return ImageryError(
        f"{shown(path)}: {window} is not inside its {size[0]} x {size[1]} pixels; cut it again"
    )


def is_kept(valid: NDArray[np.bool_], tiling: Tiling, *, whole_picture: bool) -> bool:
    """Whether enough pixels are valid. A whole picture is somebody's choice of frame: any pixel will do."""
    share = float(np.count_nonzero(valid)) / valid.size
    return share > 0 and (whole_picture or share >= tiling.min_valid)


def _starts(length: int, tiling: Tiling) -> Iterator[int]:
    # Damaged headers name sizes whose starts would fill the memory as a list.
    last = max(0, length - tiling.size)
    yield from range(0, last, tiling.stride or tiling.size)
    yield last
