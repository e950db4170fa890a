"""Pixels made smaller: for encoders and for people."""

from __future__ import annotations

import io

import numpy as np
from numpy.typing import NDArray

_QUALITY = 80


def fit(pixels: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    """Squash uint8[h, w, 3] to uint8[side, side, 3] (bicubic); the same array if it has that size."""
    if pixels.shape[:2] == (side, side):
        return pixels
    from PIL import Image

    return np.asarray(Image.fromarray(pixels).resize((side, side), Image.Resampling.BICUBIC))


def thumbnail(pixels: NDArray[np.uint8], side: int = 160) -> bytes:
    """A JPEG of uint8[h, w, 3] in its own proportions, its longer side at most `side` pixels."""
    from PIL import Image

    image = Image.fromarray(pixels)
    image.thumbnail((side, side), Image.Resampling.BICUBIC)
    file = io.BytesIO()
    image.save(file, "JPEG", quality=_QUALITY)
    return file.getvalue()
