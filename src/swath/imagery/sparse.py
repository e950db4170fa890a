"""Blocks that sparse TIFFs leave out, so that empty space costs neither reading nor memory."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from swath.types import Window


class Blocks:
    """Which blocks of an open rasterio dataset are stored; all of them unless it is a TIFF.

    A row of blocks is looked up when it is first asked for, one byte a block is kept.
    """

    def __init__(self, dataset: Any, bands: Sequence[int]) -> None:
        self._dataset = dataset
        self._height, self._width = dataset.block_shapes[bands[0] - 1]
        self._columns = -(-dataset.width // self._width)
        # Where bands are interleaved by pixel, they share their blocks.
        self._planes = bands[:1] if dataset.profile.get("interleave") == "pixel" else bands
        self._all = dataset.driver != "GTiff"
        self._rows: dict[int, NDArray[np.bool_]] = {}

    def hold_rows(self, row: int, height: int) -> bool:
        """Whether any block of these rows of pixels is stored."""
        return self._all or any(self._row(y).any() for y in self._touched(row, height))

    def hold(self, window: Window) -> bool:
        """Whether any block that a window touches is stored."""
        if self._all:
            return True
        first, last = window.column // self._width, (window.column + window.width - 1) // self._width
        return any(self._row(y)[first : last + 1].any() for y in self._touched(window.row, window.height))

    def _touched(self, row: int, height: int) -> range:
        return range(row // self._height, (row + height - 1) // self._height + 1)

    def _row(self, y: int) -> NDArray[np.bool_]:
        if y not in self._rows:
            found = (any(self._is_stored(x, y, band) for band in self._planes) for x in range(self._columns))
            self._rows[y] = np.fromiter(found, np.bool_, self._columns)
        return self._rows[y]

    def _is_stored(self, x: int, y: int, band: int) -> bool:
        return self._dataset.get_tag_item(f"BLOCK_OFFSET_{x}_{y}", "TIFF", bidx=band) is not None
