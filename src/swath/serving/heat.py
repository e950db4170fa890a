"""Heat maps as translucent pictures: over a tile, and over a whole scene."""

from __future__ import annotations

import io
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

_COLOUR = (255, 92, 0)
_MOST = 150
"""Opacity of the hottest cell, of 255."""
_SIDE = 1024
"""Of the picture of a scene, in pixels."""


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


def picture_shape(size: tuple[int, int]) -> tuple[int, int]:
    """Rows and columns in which a scene of `size` (width, height) is drawn."""
    scale = _SIDE / max(size)
    return max(1, round(size[1] * scale)), max(1, round(size[0] * scale))


def scene_picture(
    pixels: NDArray[np.uint8],
    heat: NDArray[np.float32],
    size: tuple[int, int],
    spots: Sequence[tuple[float, float]],
) -> Image.Image:
    """A scene, half drained of its colours, with its heat map over it and the numbers of its hottest places.

    `pixels` uint8[h, w, 3] and `heat` float32[h, w] (NaN: nothing known) cover the same scene of `size`
    (width, height), in whose pixels the spots are. Coloured is what is hotter than the mean of the scene.
    """
    height, width = pixels.shape[:2]
    colours = Image.fromarray(pixels)
    picture = Image.blend(colours, colours.convert("L").convert("RGB"), 0.7).convert("RGBA")
    known = heat[np.isfinite(heat)]
    low, high = (float(known.mean()), float(known.max())) if known.size else (0.0, 0.0)
    strength = np.clip((np.nan_to_num(heat, nan=low) - low) / max(high - low, 1e-9), 0, 1)
    shade = Image.new("RGBA", (width, height), (*_COLOUR, 0))
    small = Image.fromarray((strength * _MOST).astype(np.uint8))
    shade.putalpha(small.resize((width, height), Image.Resampling.BICUBIC))
    picture.alpha_composite(shade)
    pen = ImageDraw.Draw(picture)
    font = ImageFont.load_default(18)
    for number, (column, row) in enumerate(spots, 1):
        x, y = column * width / size[0], row * height / size[1]
        pen.ellipse((x - 14, y - 14, x + 14, y + 14), fill="#1c1c1a", outline="#ffffff", width=2)
        pen.text((x, y), str(number), "#ffffff", font, anchor="mm")
    return picture.convert("RGB")
