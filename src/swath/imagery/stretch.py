"""From the values of bands to 8 bits, alike for neighbouring tiles: one stretch per scene, or for all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

_PERCENTILES = (2, 98)


@dataclass(frozen=True, slots=True)
class Stretch:
    """The values of each band that become 0 and 255; `low` > `high` where great values are dark."""

    low: NDArray[np.float64]
    high: NDArray[np.float64]

    def reverse(self, bands: Sequence[bool]) -> Stretch:
        """The same with dark and bright exchanged in the bands marked."""
        low, high = np.where(bands, self.high, self.low), np.where(bands, self.low, self.high)
        return Stretch(low, high)

    def apply(self, bands: NDArray[Any], valid: NDArray[np.bool_]) -> NDArray[np.uint8]:
        """Stretch bands[n, h, w] to uint8[n, h, w]; invalid pixels become 0."""
        low, high = self.low[:, None, None], self.high[:, None, None]
        values = np.clip(np.where(valid, bands, low), np.minimum(low, high), np.maximum(low, high))
        return np.asarray(np.rint((values - low) * (255 / (high - low))).astype(np.uint8))


def colours(bands: int) -> Stretch:
    """The stretch that leaves 8-bit values as they are."""
    return Stretch(np.zeros(bands), np.full(bands, 255.0))


def fixed(low: float, high: float, bands: int) -> Stretch:
    """The stretch that shows `low` as black and `high` as white in every band."""
    return Stretch(np.full(bands, low), np.full(bands, high))


def measure(bands: Sequence[NDArray[Any]]) -> Stretch:
    """Limits from the valid values of each band: their 2nd and 98th percentile.

    Where those are equal, the least and the greatest value; where these are equal too, or none is valid, the
    value (or 0) and one more, so that a flat band becomes black.
    """
    limits = []
    for values in bands:
        low, high = np.percentile(values, _PERCENTILES) if values.size else (0.0, 0.0)
        if low == high and values.size:
            low, high = float(values.min()), float(values.max())
        limits.append((low, high if high > low else np.nextafter(low, np.inf) + 1))
    lows, highs = np.array(limits, np.float64).T
    return Stretch(lows, highs)
