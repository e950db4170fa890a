"""How a source is cut into windows, and what a cut piece is."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from swath.errors import ImageryError, InputError
from swath.imagery.places import Place, shown
from swath.types import Footprint, Scalar, Window

MOST_SIZE = 8192
"""Largest side of a tile's pixels: three bands of it take 1.6 GB while they are stretched."""
MOST_LEVELS = 12
"""Windows of 256 pixels become 524,288 wide there, more than any scene."""


@dataclass(frozen=True, slots=True)
class Tiling:
    """How sources are cut. Raises `InputError` for values that cut nothing.

    The last column and row of windows are shifted flush with the edge, so every window has the full size
    unless the raster itself is smaller.
    """

    size: int = 256
    """Width and height of a window of the first level, in pixels of the source, and of all tiles' pixels."""
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
    levels: int = 1
    """Levels of the pyramid: the windows of each cover twice the width and height of those of the level
    before, with twice the stride, and are read shrunk to `size`. A source has no more than it takes until one
    window covers it whole."""
    stretch: tuple[float, float] | None = None
    """The values, as rasters store them, that become black and white in every raster; None: 8-bit values as
    they are, all others by the percentiles of the scene. Palettes and pictures are taken as they are."""

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
        if not 1 <= self.levels <= MOST_LEVELS:
            raise InputError(f"levels {self.levels}: give 1 to {MOST_LEVELS}, such as 4")
        if self.stretch is not None and not (
            all(map(math.isfinite, self.stretch)) and self.stretch[0] < self.stretch[1]
        ):
            raise InputError(
                f"stretch {self.stretch}: give the value shown black and a greater one, as 0,3000"
            )


@dataclass(frozen=True, slots=True, eq=False)
class TileImage:
    """The pixels of one window, and what its source says about them."""

    window: Window
    pixels: NDArray[np.uint8]
    """uint8[h, w, 3], RGB, C-contiguous; as large as the window, or shrunk where it is of a higher level."""
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
    """Windows of a source of that size: one for a small picture, else the grid of every level.

    Levels come one after the other, the finest first, each in raster order. Rows of windows for which
    `hold_rows(row, height)` is false are left out.
    """
    if is_picture(width, height, tiling, georeferenced=georeferenced):
        yield Window(0, 0, width, height)
        return
    for level in range(levels(width, height, tiling)):
        size, step = tiling.size << level, (tiling.stride or tiling.size) << level
        window_width, window_height = min(width, size), min(height, size)
        for row in _starts(height, size, step):
            if hold_rows(row, window_height):
                for column in _starts(width, size, step):
                    yield Window(column, row, window_width, window_height)


def is_picture(width: int, height: int, tiling: Tiling, *, georeferenced: bool) -> bool:
    """Whether a source of that size is one tile, at its full resolution."""
    return not georeferenced and max(width, height) <= tiling.picture_side


def levels(width: int, height: int, tiling: Tiling) -> int:
    """Number of levels that a source of that size has: the last may be one window that covers it whole."""
    number = 1
    while number < tiling.levels and max(width, height) > tiling.size << (number - 1):
        number += 1
    return number


def count(width: int, height: int, tiling: Tiling) -> int:
    """Number of windows in the grids of a source of that size."""
    total = 0
    for level in range(levels(width, height, tiling)):
        size, step = tiling.size << level, (tiling.stride or tiling.size) << level
        columns, rows = (1 - min(0, (size - length) // step) for length in (width, height))
        total += columns * rows
    return total


def shrunk(window: Window, tiling: Tiling, *, whole_picture: bool) -> tuple[int, int]:
    """Width and height in which a window is read: `size` on the longer side where it is of a higher level."""
    longer = max(window.width, window.height)
    if whole_picture or tiling.levels == 1 or longer <= tiling.size:
        return window.width, window.height
    scale = tiling.size / longer
    return max(1, round(window.width * scale)), max(1, round(window.height * scale))


def is_inside(window: Window, width: int, height: int) -> bool:
    """Whether the window has pixels and all of them lie in a source of that size."""
    return (
        min(window.column, window.row) >= 0
        and min(window.width, window.height) >= 1
        and window.column + window.width <= width
        and window.row + window.height <= height
    )


def outside(path: Place, window: Window, size: tuple[int, int]) -> ImageryError:
    """The error for a window that a source of that size does not have: it was changed since it was cut."""
    return ImageryError(
        f"{shown(path)}: {window} is not inside its {size[0]} x {size[1]} pixels; cut it again"
    )


def is_kept(valid: NDArray[np.bool_], tiling: Tiling, *, whole_picture: bool) -> bool:
    """Whether enough pixels are valid. A whole picture is somebody's choice of frame: any pixel will do."""
    share = float(np.count_nonzero(valid)) / valid.size
    return share > 0 and (whole_picture or share >= tiling.min_valid)


def _starts(length: int, size: int, step: int) -> Iterator[int]:
    # Damaged headers name sizes whose starts would fill the memory as a list.
    last = max(0, length - size)
    yield from range(0, last, step)
    yield last
