"""The sums of `swath.search.ordering.exact_scores`, compiled."""

from __future__ import annotations

import numba
import numpy as np
from numpy.typing import NDArray

from swath.types import Array

_REORDERED = {"reassoc", "contract", "nsz", "arcp"}
"""Sums may be reordered, which lets them use vector registers; NaN and infinity keep their meaning."""


def exact_sums(
    vectors: NDArray[np.float16], query: NDArray[np.float32]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """float64[n] sums of products with float16[n, D] of finite numbers, and of their magnitudes."""
    found: tuple[NDArray[np.float64], NDArray[np.float64]] = _exact_sums(
        np.ascontiguousarray(vectors).view(np.int16), query.astype(np.float64)
    )
    return found


@numba.njit(cache=True, nogil=True, fastmath=_REORDERED)  # type: ignore[untyped-decorator]
def _exact_sums(bits: Array, query: Array) -> tuple[Array, Array]:
    count, dim = bits.shape
    sums, sizes = np.empty(count), np.empty(count)
    moved, hidden = np.empty(dim, np.int32), np.empty(dim, np.float32)
    values = moved.view(np.float32)
    for row in range(count):
        for d in range(dim):
            # Exponent and mantissa at their places in a float32. Those without a leading one get it, and give
            # it back: as subnormal numbers they would be zero where the processor flushes these.
            plain = np.int32(bits[row, d]) & np.int32(0x7FFF)
            small = plain < np.int32(0x400)
            moved[d] = np.int32(plain << np.int32(13)) + np.int32((113 if small else 112) << 23)
            hidden[d] = np.float32(2.0**-14) if small else np.float32(0)
        total, size = 0.0, 0.0
        for d in range(dim):
            value = np.float64(values[d] - hidden[d])
            product = (-value if bits[row, d] < 0 else value) * query[d]
            total += product
            size += abs(product)
        sums[row], sizes[row] = total, size
    return sums, sizes
