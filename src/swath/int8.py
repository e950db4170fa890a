"""Vectors as int8 with a proof of how far each is off: what an exact scan reads first."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from swath.types import Int8Rows

_BLOCK = 4096
_LARGEST = 127


def quantise(vectors: NDArray[np.floating]) -> Int8Rows:
    """float[n, D] as int8 with one scale a row. The bounds are sums in float64, rounded up."""
    n, dim = vectors.shape
    made = Int8Rows(
        np.empty((n, dim), np.int8),
        np.empty(n, np.float32),
        np.empty(n, np.float32),
        np.empty(n, np.float32),
    )
    for start in range(0, n, _BLOCK):
        part = slice(start, start + _BLOCK)
        x = vectors[part].astype(np.float64)
        largest = np.abs(x).max(1, initial=0.0)
        finite = np.isfinite(largest)
        x[~finite] = 0
        scale = np.where(finite, largest / _LARGEST, 0.0).astype(np.float32)
        step = scale.astype(np.float64)[:, None]
        codes = np.rint(np.divide(x, step, out=np.zeros_like(x), where=step > 0))
        np.clip(codes, -_LARGEST, _LARGEST, out=codes)
        made.codes[part] = codes
        made.scale[part] = scale
        made.error[part] = np.where(finite, _above(x - step * codes), np.inf)
        made.norm[part] = _above(step * codes)
    return made


def _above(x: NDArray[np.float64]) -> NDArray[np.float32]:
    length = np.sqrt((x * x).sum(1)).astype(np.float32)
    return np.asarray(np.nextafter(length, np.float32(np.inf)), np.float32)
