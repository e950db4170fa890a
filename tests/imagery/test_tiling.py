from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from swath.errors import InputError
from swath.imagery import Tiling
from swath.imagery.tiling import count, is_inside, is_kept, is_picture, levels, outside, plan, shrunk
from swath.types import Window

SIZES = st.integers(1, 150)


@st.composite
def tilings(draw: st.DrawFn) -> Tiling:
    size = draw(st.integers(3, 64))
    stride = draw(st.none() | st.integers(max(1, size // 3), size))
    return Tiling(size=size, stride=stride, levels=draw(st.integers(1, 5)))


@settings(deadline=None)
@given(SIZES, SIZES, tilings())
def test_windows_cover_the_raster_and_lie_inside_it(width: int, height: int, tiling: Tiling) -> None:
    windows = list(plan(width, height, tiling, georeferenced=True))
    assert len(windows) == len(set(windows)) == count(width, height, tiling)
    number = levels(width, height, tiling)
    assert windows == sorted(
        windows, key=lambda window: (max(window.width, window.height), window.row, window.column)
    )
    left = set(windows)
    for level in range(number):
        side = tiling.size << level
        seen = np.zeros((height, width), bool)
        mine = [w for w in windows if (w.width, w.height) == (min(width, side), min(height, side))]
        for window in mine:
            assert is_inside(window, width, height)
            seen[window.row : window.row + window.height, window.column : window.column + window.width] = True
            assert max(shrunk(window, tiling, whole_picture=False)) <= tiling.size
        assert seen.all()
        left -= set(mine)
    assert not left
    # No level is missing that would show more, and none is there that shows the same again.
    assert number == tiling.levels or tiling.size << (number - 1) >= max(width, height)
    assert number == 1 or tiling.size << (number - 2) < max(width, height)


def test_the_levels_of_a_pyramid() -> None:
    tiling = Tiling(size=256, stride=192, levels=3)
    windows = list(plan(1000, 600, tiling, georeferenced=True))
    assert [w for w in windows if w.width == 512] == [
        Window(column, row, 512, 512) for row in (0, 88) for column in (0, 384, 488)
    ]
    assert windows[-1] == Window(0, 0, 1000, 600)
    assert shrunk(Window(0, 0, 1000, 600), tiling, whole_picture=False) == (256, 154)
    assert shrunk(Window(0, 88, 512, 512), tiling, whole_picture=False) == (256, 256)
    assert shrunk(Window(0, 0, 1000, 600), tiling, whole_picture=True) == (1000, 600)
    assert shrunk(Window(0, 0, 1000, 600), Tiling(), whole_picture=False) == (1000, 600)
    assert list(plan(1000, 600, tiling, georeferenced=False)) == [Window(0, 0, 1000, 600)]


def test_the_last_windows_are_flush_with_the_edge() -> None:
    columns = [window.column for window in plan(700, 256, Tiling(), georeferenced=True)]
    assert columns == [0, 256, 444]
    assert [w.column for w in plan(512, 1, Tiling(), georeferenced=True)] == [0, 256]
    assert [w.column for w in plan(512, 1, Tiling(stride=128), georeferenced=True)] == [0, 128, 256]


def test_a_small_picture_is_one_tile_and_georeferencing_or_size_ends_that() -> None:
    whole = [Window(0, 0, 1024, 700)]
    assert list(plan(1024, 700, Tiling(), georeferenced=False)) == whole
    assert len(list(plan(1024, 700, Tiling(), georeferenced=True))) == 4 * 3
    assert len(list(plan(1025, 700, Tiling(), georeferenced=False))) == 5 * 3
    assert is_picture(1024, 700, Tiling(), georeferenced=False)


@pytest.mark.parametrize(
    "options",
    [
        {"size": 0},
        {"size": 8193},
        {"stride": 0},
        {"size": 100, "stride": 101},
        {"min_valid": 1.1},
        {"min_valid": float("nan")},
        {"picture_side": 0},
        {"bands": ()},
        {"bands": (1, 2)},
        {"bands": (0, 1, 2)},
        {"levels": 0},
        {"levels": 13},
        {"stretch": (5.0, 5.0)},
        {"stretch": (0.0, float("nan"))},
    ],
)
def test_what_cuts_nothing_is_refused(options: dict[str, object]) -> None:
    with pytest.raises(InputError, match="give"):
        Tiling(**options)  # type: ignore[arg-type]


def test_kept_by_the_share_of_valid_pixels() -> None:
    half = np.array([[True, False]])
    assert is_kept(half, Tiling(), whole_picture=False)
    assert not is_kept(half, Tiling(min_valid=0.6), whole_picture=False)
    assert is_kept(half, Tiling(min_valid=0.6), whole_picture=True)
    assert not is_kept(~half & half, Tiling(min_valid=0), whole_picture=False)


def test_a_window_outside_is_said_to_be_so() -> None:
    for window in (Window(0, 0, 11, 5), Window(-1, 0, 5, 5), Window(0, 6, 5, 5), Window(0, 0, 0, 5)):
        assert not is_inside(window, 10, 10)
    assert "10 x 9" in str(outside(Path("a.tif"), Window(5, 0, 6, 6), (10, 9)))
