"""Maps of whole scenes: against a slow twin, and where nothing is known."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from swath.search.localise import REFINED, Windows, hottest, joined, map_shape, scene_map
from swath.types import TextFeatures
from tests.tiny import TinyEncoder


class Asking(TinyEncoder):
    """A text that looks along the first axis."""

    def __init__(self, guided: bool = True) -> None:
        super().__init__()
        self._guided = guided

    def encode_texts(self, texts: Sequence[str]) -> TextFeatures:
        axis = np.eye(4, dtype=np.float32)[:1].repeat(len(texts), 0)
        return TextFeatures(axis, axis if self._guided else None)


def windows(side: int, step: int, size: tuple[int, int], seed: int = 0) -> Windows:
    rng = np.random.default_rng(seed)
    starts = [range(0, length - side + 1, step) for length in size]
    places = np.array([(x, y, side, side) for y in starts[1] for x in starts[0]])
    dense = rng.normal(size=(len(places), 4))
    tokens = rng.integers(-127, 128, (len(places), 5, 4)).astype(np.int8)
    return Windows(places, dense / np.linalg.norm(dense, axis=1, keepdims=True), tokens)


def slow(found: Windows, size: tuple[int, int], guided: bool) -> NDArray[np.float64]:
    """Pixel by pixel, window by window, without a change of resolution: cells are squares of equal values."""
    assert found.tokens is not None
    sums, counts = np.zeros(size[::-1]), np.zeros(size[::-1])
    scores = found.dense[:, 0]
    scores = (scores - scores.mean()) / scores.std()
    for (column, row, side, _), score, tokens in zip(found.places, scores, found.tokens, strict=True):
        x = tokens[1:].astype(float)
        looked = np.exp(x[:, 0] / np.linalg.norm(x, axis=1) / 0.1)
        cells = REFINED * (4 * looked / looked.sum() - 1) if guided else np.zeros(4)
        for y in range(side):
            for z in range(side):
                value = score + cells[(2 * y // side) * 2 + 2 * z // side]
                share = [1 - abs((t + 0.5) / side * 2 - 1) * 0.95 for t in (y, z)]
                sums[row + y, column + z] += share[0] * share[1] * value
                counts[row + y, column + z] += share[0] * share[1]
    return np.where(counts > 0, sums / np.maximum(counts, 1e-12), np.nan)


@pytest.mark.parametrize("guided", [False, True])
def test_against_a_slow_twin(guided: bool) -> None:
    size = (24, 16)
    found = windows(8, 4, size)
    heat = scene_map(found, Asking(guided), "x", size, (16, 24))
    expected = slow(found, size, guided)
    if guided:
        # Between the middles of cells the fast way goes smoothly; there they agree in the mean.
        assert np.corrcoef(heat.ravel(), expected.ravel())[0, 1] > 0.95
        assert heat.mean() == pytest.approx(expected.mean(), abs=0.02)
        assert not np.allclose(heat, slow(found, size, False), atol=0.05)
    else:
        assert np.allclose(heat, expected, atol=1e-5)


def test_sizes_of_windows_are_compared_among_themselves() -> None:
    size = (32, 32)
    large, small = windows(16, 8, size), windows(8, 8, size, seed=1)
    shifted = Windows(small.places, small.dense + 5, small.tokens)
    one, other = (
        scene_map(joined([large, part]), Asking(), "x", size, (32, 32)) for part in (small, shifted)
    )
    assert np.allclose(one, other, atol=1e-4)


def test_where_no_window_lies_nothing_is_known() -> None:
    found = windows(8, 8, (16, 16))
    heat = scene_map(found, Asking(), "x", (32, 16), (16, 32))
    assert np.isfinite(heat[:, :16]).all() and np.isnan(heat[:, 16:]).all()
    without = Windows(found.places, found.dense, None)
    assert np.isfinite(scene_map(without, Asking(), "x", (16, 16), (16, 16))).all()
    assert joined([found, without]).tokens is None


def test_alike_windows_give_a_flat_map() -> None:
    found = windows(8, 8, (16, 16))
    same = Windows(found.places, np.ones((4, 4)), None)
    assert (scene_map(same, Asking(), "x", (16, 16), (16, 16)) == 0).all()


def test_hottest_places_lie_apart() -> None:
    heat = np.zeros((10, 20), np.float32)
    heat[2, 3], heat[2, 4], heat[8, 15] = 3, 2.5, 2
    heat[5, 5] = np.nan
    spots = hottest(heat, (200, 100), 3, 50)
    assert [(spot.rank, spot.score, spot.column, spot.row) for spot in spots[:2]] == [
        (1, 3.0, 35.0, 25.0),
        (2, 2.0, 155.0, 85.0),
    ]
    for a in spots:
        for b in spots:
            assert a is b or (a.column - b.column) ** 2 + (a.row - b.row) ** 2 >= 50**2
    assert len(hottest(heat, (200, 100), 1000, 0)) == 199
    assert hottest(np.full((2, 2), np.nan, np.float32), (2, 2), 3, 1) == []


def test_maps_are_bounded() -> None:
    places = np.array([[0, 0, 256, 256]])
    assert map_shape((768, 512), places) == (64, 96)
    assert map_shape((10**6, 10), places) == (1, 4096)
    assert map_shape((10, 20), np.array([[0, 0, 10, 10]])) == (20, 10)
