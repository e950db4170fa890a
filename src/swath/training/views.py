"""Augmented views of a picture, whose trunk features are cached while the trunk is frozen."""

from __future__ import annotations

import zlib
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from swath.imagery import fit

Pixels = NDArray[np.uint8]


def _original(pixels: Pixels, rng: np.random.Generator) -> Pixels:
    del rng
    return pixels


def _turned(pixels: Pixels, rng: np.random.Generator) -> Pixels:
    """One of the seven turns and mirrorings that are not the picture itself: overhead, all are as likely."""
    turn = int(rng.integers(1, 8))
    return np.rot90(pixels[:, ::-1] if turn >= 4 else pixels, turn % 4)


def _cropped(pixels: Pixels, rng: np.random.Generator) -> Pixels:
    """A crop of 50 to 100 % of the area, turned or mirrored or not."""
    height, width = pixels.shape[:2]
    share = float(np.sqrt(rng.uniform(0.5, 1.0)))
    rows, columns = max(1, round(height * share)), max(1, round(width * share))
    top, left = int(rng.integers(height - rows + 1)), int(rng.integers(width - columns + 1))
    turn = int(rng.integers(0, 8))
    crop = pixels[top : top + rows, left : left + columns]
    return np.rot90(crop[:, ::-1] if turn >= 4 else crop, turn % 4)


VIEWS: dict[str, Callable[[Pixels, np.random.Generator], Pixels]] = {
    "original": _original,
    "turned": _turned,
    "cropped": _cropped,
}
"""Views by name. A name with a number behind it (`cropped2`) is the same view drawn again."""


def view(name: str, pixels: Pixels, key: str, size: int) -> Pixels:
    """One view of a picture, uint8[h, w, 3] -> uint8[size, size, 3]; `name` and `key` seed what is drawn."""
    rng = np.random.default_rng(zlib.crc32(f"{name}\n{key}".encode()))
    return fit(np.ascontiguousarray(VIEWS[name.rstrip("0123456789")](pixels, rng)), size)
