"""A heat map as a translucent picture to lay over a tile."""

from __future__ import annotations

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

_COLOUR = (255, 92, 0)
_MOST = 150
"""Opacity of the hottest cell, of 255."""


def overlay(heat: NDArray[np.float32], size: tuple[int, int]) -> Image.Image:
    """RGBA picture of that size (width, height) from float32[G, G] that sums to 1.

    What counts more than an equal share is coloured, fully from twice that share on, so that a map without a
    peak stays clear. A frame marks the hottest cell.
    """
    relative = heat * heat.size
    peak = max(2.0, float(relative.max()))
    strength = np.clip((relative - 1) / (peak - 1), 0, 1)
    small = Image.fromarray((strength * _MOST).astype(np.uint8), "L")
    picture = Image.new("RGBA", size, (*_COLOUR, 0))
    picture.putalpha(small.resize(size, Image.Resampling.BICUBIC))
    side = len(heat)
    row, column = divmod(int(heat.argmax()), side)
    corners = [
        (round(x * size[0] / side), round(y * size[1] / side))
        for x, y in ((column, row), (column + 1, row + 1))
    ]
    (left, top), (right, bottom) = corners
    pen = ImageDraw.Draw(picture)
    pen.rectangle((left, top, right - 1, bottom - 1), outline=(255, 255, 255, 235), width=2)
    return picture


def overlay_png(heat: NDArray[np.float32], size: tuple[int, int]) -> bytes:
    """The same as a PNG file."""
    file = io.BytesIO()
    overlay(heat, size).save(file, "PNG", optimize=True)
    return file.getvalue()
