"""Random textures: periodic fields with a power-law spectrum, cut at random places."""

from __future__ import annotations

from functools import cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Floats = NDArray[np.float32]
Texture = Literal["cloud", "rough", "fine"]

_SIDE = 1024
_EXPONENTS: dict[Texture, float] = {"cloud": 1.75, "rough": 1.1, "fine": 0.35}
"""Amplitude falls as 1 / frequency ** exponent: clouds drift slowly, fine is nearly white."""


@cache
def _texture(kind: Texture) -> Floats:
    """float32[1024, 1024] of mean 0 and deviation 1 that continues over its edges."""
    rng = np.random.default_rng([7, list(_EXPONENTS).index(kind)])
    spectrum = np.fft.rfft2(rng.standard_normal((_SIDE, _SIDE)))
    frequency = np.hypot(np.fft.fftfreq(_SIDE)[:, None], np.fft.rfftfreq(_SIDE)[None, :])
    frequency[0, 0] = 1.0
    field: NDArray[np.float64] = np.fft.irfft2(
        spectrum / np.maximum(frequency, 3 / _SIDE) ** _EXPONENTS[kind], s=(_SIDE, _SIDE)
    )
    level: Floats = np.clip((field - field.mean()) / field.std(), -3.0, 3.0).astype(np.float32)
    return level


def resized(field: Floats, height: int, width: int) -> Floats:
    """Bicubic resampling of one float32 plane to [height, width]."""
    picture = Image.fromarray(np.ascontiguousarray(field))
    return np.array(picture.resize((width, height), Image.Resampling.BICUBIC), np.float32)


def patch(
    rng: np.random.Generator, kind: Texture, height: int, width: int, scale: float = 1.0, stretch: float = 1.0
) -> Floats:
    """Cut float32[height, width] of mean about 0 and deviation about 1 from a texture at a random place.

    `scale` enlarges the grain; `stretch` enlarges it further along the columns alone.
    """
    rows = int(np.ceil(height / scale)) + 1
    columns = int(np.ceil(width / (scale * stretch))) + 1
    top, left = rng.integers(0, _SIDE, 2)
    cut = _texture(kind).take(range(top, top + rows), axis=0, mode="wrap")
    cut = cut.take(range(left, left + columns), axis=1, mode="wrap")
    if scale == 1.0 and stretch == 1.0:
        return cut[:height, :width]
    return resized(cut, height, width)


def smooth(low: float, high: float, value: Floats) -> Floats:
    """Rise smoothly from 0 at `low` to 1 at `high` (or fall, where low > high)."""
    t: Floats = np.clip((value - np.float32(low)) / np.float32(high - low), 0.0, 1.0)
    eased: Floats = t * t * (3.0 - 2.0 * t)
    return eased
