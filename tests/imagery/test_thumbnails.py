from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from swath.imagery import fit, thumbnail
from tests.imagery.make import noise


def test_fit_squashes_to_a_square() -> None:
    pixels = np.zeros((40, 100, 3), np.uint8)
    pixels[:, 50:] = 200
    small = fit(pixels, 16)
    assert small.shape == (16, 16, 3) and small.dtype == np.uint8
    assert small[:, :7].max() <= 5 and small[:, 9:].min() >= 195
    assert fit(pixels[:1, :1], 16).shape == (16, 16, 3)


def test_fit_leaves_the_right_size_alone() -> None:
    pixels = noise(16, 16, 3)
    assert fit(pixels, 16) is pixels


@pytest.mark.parametrize(
    ("shape", "size"), [((320, 640), (160, 80)), ((50, 30), (30, 50)), ((5000, 2), (1, 160))]
)
def test_thumbnails_keep_proportions_and_never_grow(shape: tuple[int, int], size: tuple[int, int]) -> None:
    data = thumbnail(noise(*shape, 3))
    with Image.open(io.BytesIO(data)) as image:
        assert (image.format, image.size, image.mode) == ("JPEG", size, "RGB")
    assert thumbnail(noise(*shape, 3)) == data
