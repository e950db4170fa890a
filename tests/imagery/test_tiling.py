from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from swath.errors import InputError
from swath.imagery import Tiling
from swath.imagery.tiling import count, is_inside, is_kept, is_whole, outside, plan
from swath.types import Window

SIZES = st.integers(1, 150)


@st.composite
def tilings(draw: st.DrawFn) -> Tiling:
    size = draw(st.integers(1, 64))
    return Tiling(size=size, stride=draw(st.none() | st.integers(max(1, size // 3), size)))


@settings(deadline=None)
@given(SIZES, SIZES, tilings())
def test_windows_cover_the_raster_and_lie_inside_it(width: int, height: int, tiling: Tiling) -> None:
    seen = np.zeros((height, width), bool)
    windows = list(plan(width, height, tiling, georeferenced=True))
    for window in windows:
        assert is_inside(window, width, height)
        assert (window.width, window.height) == (min(width, tiling.size), min(height, tiling.size))
        seen[window.row : window.row + window.height, window.column : window.column + window.width] = True
    assert seen.all()
    assert len(windows) == len(set(windows)) == count(width, height, tiling)
    assert windows == sorted(windows, key=lambda window: (window.row, window.column))


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
    assert is_whole(whole[0], 1024, 700)


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
