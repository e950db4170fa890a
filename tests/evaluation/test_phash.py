from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from swath.evaluation.phash import near, phash


def scene(seed: int, side: int = 224) -> NDArray[np.uint8]:
    coarse = np.random.default_rng(seed).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    return np.asarray(Image.fromarray(coarse).resize((side, side), Image.Resampling.BICUBIC))


def slow(pixels: NDArray[np.uint8]) -> int:
    """The definition, term by term."""
    grey = Image.fromarray(pixels).convert("L").resize((32, 32), Image.Resampling.LANCZOS)
    values = np.asarray(grey, float)
    place = np.arange(32)
    low = [
        sum(
            values[y, x] * np.cos(np.pi * u * (2 * y + 1) / 64) * np.cos(np.pi * v * (2 * x + 1) / 64)
            for y in place
            for x in place
        )
        for u in range(8)
        for v in range(8)
    ]
    return int("".join(str(int(value > np.median(low))) for value in low), 2)


def test_the_bits_are_those_of_the_definition() -> None:
    assert phash(scene(1)) == slow(scene(1))
    assert phash(scene(1)).bit_count() == 32


def test_another_size_brightness_and_encoding_change_few_bits() -> None:
    pixels = scene(2)
    smaller = np.asarray(Image.fromarray(pixels).resize((150, 140)))
    darker = (pixels * 0.8).astype(np.uint8)
    for changed in (smaller, darker):
        assert (phash(pixels) ^ phash(changed)).bit_count() <= 4
    assert (phash(pixels) ^ phash(scene(3))).bit_count() > 16


@pytest.mark.parametrize("level", [0, 7, 255])
def test_a_flat_picture_has_no_bit_but_its_level(level: int) -> None:
    assert phash(np.full((50, 40, 3), level, np.uint8)).bit_count() == (level > 0)


def test_near_pairs_across_blocks() -> None:
    random = np.random.default_rng(0)
    one = random.integers(0, 2**64, 2100, dtype=np.uint64)
    other = random.integers(0, 2**64, 2060, dtype=np.uint64)
    other[2055] = one[2090] ^ np.uint64(0b1011)
    other[3] = one[2090]
    assert near(one, other, 3) == [(2090, 3, 0), (2090, 2055, 3)]
    assert near(one, other, 2) == [(2090, 3, 0)]
    assert near(one[:0], other, 4) == []
