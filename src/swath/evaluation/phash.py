"""A perceptual hash: 64 bits of how a picture looks, nearly the same after resizing and re-encoding.

The picture in grey at 32 x 32, its two-dimensional DCT, and for each of the 8 x 8 lowest frequencies whether
it is above their median: the definition of the library ImageHash, whose `phash` gives the same bits. It is
written out here because that library brings SciPy and PyWavelets for what are two products with a matrix of
cosines.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from swath.imagery import open_picture

NEAR = 4
"""Bits of 64 that near pictures differ in at most."""

_SIDE = 32
_LOW = 8
_BLOCK = 2048


def phash(pixels: NDArray[np.uint8]) -> int:
    """The hash of uint8[h, w, 3] RGB pixels; the highest bit is the lowest frequency."""
    from PIL import Image

    grey = Image.fromarray(pixels).convert("L").resize((_SIDE, _SIDE), Image.Resampling.LANCZOS)
    places = np.arange(_SIDE)
    cosines = np.cos(np.pi * np.arange(_LOW)[:, None] * (2 * places + 1) / (2 * _SIDE))
    low = cosines @ np.asarray(grey, np.float64) @ cosines.T
    # Flat and mirrored pictures have frequencies that are zero but for rounding errors.
    low = np.round(low, 6)
    bits = low > np.median(low)
    return int.from_bytes(np.packbits(bits.ravel()).tobytes())


def structured(bits: int) -> bool:
    """Whether a hash says anything: a picture without structure has the lowest frequency alone, or none."""
    return bits.bit_count() > 1


def near(one: NDArray[np.uint64], other: NDArray[np.uint64], distance: int) -> list[tuple[int, int, int]]:
    """All (i, j, d), sorted, where d <= `distance` bits differ between one[i] and other[j].

    Every pair is compared, a block of rows at a time, so that memory is bounded.
    """
    found: list[tuple[int, int, int]] = []
    for start in range(0, len(one), _BLOCK):
        for column in range(0, len(other), _BLOCK):
            different = np.bitwise_count(
                one[start : start + _BLOCK, None] ^ other[None, column : column + _BLOCK]
            )
            rows, columns = np.nonzero(different <= distance)
            found += [
                (start + int(row), column + int(place), int(different[row, place]))
                for row, place in zip(rows, columns, strict=True)
            ]
    return sorted(found)


def duplicates(pictures: Sequence[Path], groups: NDArray[np.int64]) -> NDArray[np.int64]:
    """int64[n]: equal numbers for n pictures that look alike, directly or by way of others.

    `groups` int64[n] has equal numbers where pixels are equal already. Pictures without structure are alike
    only where their pixels are.
    """
    firsts, rows = np.unique(groups, return_index=True)
    hashes = [phash(open_picture(pictures[row])) for row in rows]
    places = np.flatnonzero([structured(bits) for bits in hashes])
    values = np.array([hashes[place] for place in places], np.uint64)
    leader = np.arange(len(firsts))
    for one, other, _ in near(values, values, NEAR):
        low, high = sorted((leader[places[one]], leader[places[other]]))
        leader[leader == high] = low
    merged: NDArray[np.int64] = leader[np.searchsorted(firsts, groups)]
    return merged
