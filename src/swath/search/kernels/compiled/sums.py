"""The sums of `swath.search.ordering.exact_scores`, compiled."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from swath.archive.lists import fixed
from swath.search.kernels.compiled.options import kernel, reordered
from swath.search.kernels.compiled.sorting import falling, risen
from swath.types import Array

_INFINITE = np.int32(0x7C00)
"""The least bits of a float16 that is not finite."""


def exact_sums(
    vectors: NDArray[np.float16], query: NDArray[np.float32]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """float64[n]: sums of products with float16[n, D], NaN where a number is infinite; and of magnitudes."""
    found: tuple[NDArray[np.float64], NDArray[np.float64]] = _exact_sums(
        fixed(np.ascontiguousarray(vectors).view(np.int16)), query.astype(np.float64)
    )
    return found


def nearest(
    vectors: NDArray[np.float16],
    rows: NDArray[np.int64],
    rough: NDArray[np.float64],
    slack: NDArray[np.float64],
    query: NDArray[np.float32],
    k: int,
) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]:
    """Which of some rows may be among the k best of them, with the sums of `exact_sums`.

    The exact sums of the best so far tell which of the others need none; `rough` is off by `slack` at most.
    """
    bits = vectors.view(np.int16)
    found: tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]
    found = _nearest(fixed(bits), rows, rough, slack, query.astype(np.float64), k)
    return found


@kernel
def _nearest(
    bits: Array, rows: Array, rough: Array, slack: Array, query: Array, k: int
) -> tuple[Array, Array, Array]:
    count, dim = len(rows), bits.shape[1]
    order = np.arange(count)
    falling(order, rough, 0)
    near, sums, sizes = np.empty(count, np.int64), np.empty(count), np.empty(count)
    best = np.full(min(k, count), -np.inf)
    moved, hidden = np.empty(dim, np.int32), np.empty(dim, np.float32)
    kept = 0
    for i in order:
        if rough[i] + slack[i] < best[0]:
            continue
        near[kept] = i
        sums[kept], sizes[kept] = _sum(bits, rows[i], query, moved, hidden)
        # Of NaN nothing is known, and whoever reads the sums looks for it.
        least = sums[kept] - sizes[kept] * (dim + 4) * 2.0**-53
        if least > best[0]:
            risen(best, least)
        kept += 1
    return near[:kept], sums[:kept], sizes[:kept]


@kernel
def _exact_sums(bits: Array, query: Array) -> tuple[Array, Array]:
    count, dim = bits.shape
    sums, sizes = np.empty(count), np.empty(count)
    moved, hidden = np.empty(dim, np.int32), np.empty(dim, np.float32)
    for row in range(count):
        sums[row], sizes[row] = _sum(bits, row, query, moved, hidden)
    return sums, sizes


@reordered
def _sum(bits: Array, row: int, query: Array, moved: Array, hidden: Array) -> tuple[float, float]:
    values = moved.view(np.float32)
    largest = np.int32(0)
    for d in range(len(query)):
        # Exponent and mantissa at their places in a float32. Those without a leading one get it, and give
        # it back: as subnormal numbers they would be zero where the processor flushes these.
        plain = np.int32(bits[row, d]) & np.int32(0x7FFF)
        largest = max(largest, plain)
        small = plain < np.int32(0x400)
        moved[d] = np.int32(plain << np.int32(13)) + np.int32((113 if small else 112) << 23)
        hidden[d] = np.float32(2.0**-14) if small else np.float32(0)
    total, size = np.nan if largest >= _INFINITE else 0.0, 0.0
    for d in range(len(query)):
        value = np.float64(values[d] - hidden[d])
        product = (-value if bits[row, d] < 0 else value) * query[d]
        total += product
        size += abs(product)
    return total, size
