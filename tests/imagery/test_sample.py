"""The sample world: files, truth, determinism, captioned pictures. Rendered roughly where that is enough."""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from numpy.typing import NDArray

from swath.errors import InputError
from swath.imagery.sample import KINDS, QUESTIONS, chips, layout, render
from swath.imagery.sample.canvas import Canvas, Pen, Point, along, box_ring, curve
from swath.imagery.sample.light import Sun, lit
from swath.imagery.sample.noise import patch
from swath.imagery.sample.truth import area, clipped, window_truths
from swath.imagery.sample.vignettes import VIGNETTES
from swath.imagery.sample.world import SCENES, World

DENSITY = 0.5


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return render(tmp_path_factory.mktemp("world") / "new" / "folder", seed=0, density=DENSITY)


@pytest.fixture(scope="module")
def truth(world: World) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(world.truth.read_text())
    return loaded


def pixels(path: Path) -> NDArray[np.uint8]:
    with rasterio.open(path) as raster:
        array: NDArray[np.uint8] = raster.read()
    return array


def test_scenes_are_tiled_georeferenced_rgb(world: World) -> None:
    assert len(world.scenes) == 6
    for path in world.scenes:
        with rasterio.open(path) as raster:
            assert raster.crs.to_epsg() == 32618
            assert raster.dtypes == ("uint8",) * 3
            assert (raster.width, raster.height) == (768, 768)
            assert raster.block_shapes == [(256, 256)] * 3
            assert raster.res == pytest.approx((0.6, 0.6))
            assert raster.tags()["TIFFTAG_DATETIME"].startswith("2024")


def test_scenes_join_without_gaps(world: World) -> None:
    boxes = []
    for path in world.scenes:
        with rasterio.open(path) as raster:
            boxes.append(raster.bounds)
    for left, right in pairwise(boxes[:3]):
        assert left.right == pytest.approx(right.left)
    for north, south in zip(boxes[:3], boxes[3:], strict=True):
        assert north.bottom == pytest.approx(south.top)
    east_edge = pixels(world.scenes[0])[:, :, -1].astype(float)
    west_edge = pixels(world.scenes[1])[:, :, 0].astype(float)
    assert np.abs(east_edge - west_edge).mean() < 25


def test_pictures_have_contrast_and_colour(world: World) -> None:
    for path in world.scenes:
        values = pixels(path).astype(float)
        assert 40 < values.mean() < 170
        assert values.std() > 20
        assert np.abs(values[0] - values[2]).mean() > 5


def test_truth_names_all_kinds_inside_the_scenes(world: World, truth: dict[str, Any]) -> None:
    assert {f["properties"]["kind"] for f in truth["features"]} == set(KINDS)
    for path in world.scenes:
        with rasterio.open(path) as raster:
            west, south, east, north = rasterio.warp.transform_bounds(raster.crs, "EPSG:4326", *raster.bounds)
            size = raster.width
        mine = [f for f in truth["features"] if f["properties"]["scene"] == path.name]
        assert mine
        for feature in mine:
            ring = np.asarray(feature["geometry"]["coordinates"][0])
            assert ring[0].tolist() == ring[-1].tolist()
            assert area([(x, -y) for x, y in ring[:-1]]) <= 0, "the outer ring runs anticlockwise"
            assert (ring >= (west - 1e-6, south - 1e-6)).all()
            assert (ring <= (east + 1e-6, north + 1e-6)).all()
            column, row, width, height = feature["properties"]["pixels"]
            assert 0 <= column < column + width <= size
            assert 0 <= row < row + height <= size


def test_pixel_boxes_agree_with_positions(world: World, truth: dict[str, Any]) -> None:
    for path in world.scenes:
        with rasterio.open(path) as raster:
            for feature in truth["features"][::25]:
                if feature["properties"]["scene"] != path.name:
                    continue
                ring = np.asarray(feature["geometry"]["coordinates"][0])
                xs, ys = rasterio.warp.transform("EPSG:4326", raster.crs, ring[:, 0], ring[:, 1])
                grid = raster.transform
                columns = [(x - grid.c) / grid.a for x in xs]
                rows = [(y - grid.f) / grid.e for y in ys]
                column, row, width, height = feature["properties"]["pixels"]
                assert min(columns) == pytest.approx(column, abs=1.1)
                assert max(columns) == pytest.approx(column + width, abs=1.1)
                assert min(rows) == pytest.approx(row, abs=1.1)
                assert max(rows) == pytest.approx(row + height, abs=1.1)


def test_every_question_has_a_clear_answer(world: World, truth: dict[str, Any]) -> None:
    assert len(world.windows) == len(truth["windows"]) == 54
    assert len(set(KINDS)) == 10
    for question in QUESTIONS:
        right = [window for window in world.windows if window.answers(question)]
        assert 1 <= len(right) <= 12, question
        assert any(window.kinds[0] == question.kind for window in right), question


def test_windows_show_what_the_pixels_show(world: World) -> None:
    """Forest windows are green and dark, open sea is blue: truth and picture are not shifted."""
    pictures = {path.name: pixels(path).astype(float) for path in world.scenes}

    def mean(scene: str, column: int, row: int) -> NDArray[np.float64]:
        cut = pictures[scene][:, row : row + 256, column : column + 256]
        found: NDArray[np.float64] = cut.mean((1, 2))
        return found

    forests = [w for w in world.windows if w.kinds == ("forest",)]
    seas = [w for w in world.windows if set(w.things) == {"sea"}]
    assert forests
    assert seas
    for w in forests:
        red, green, blue = mean(w.scene, w.window.column, w.window.row)
        assert green > red
        assert green > blue
    for w in seas:
        red, _, blue = mean(w.scene, w.window.column, w.window.row)
        assert blue > red + 20


def test_equal_seeds_give_equal_worlds(world: World, tmp_path: Path) -> None:
    again = render(tmp_path / "again", seed=0, density=DENSITY)
    for first, second in zip([*world.scenes, world.truth], [*again.scenes, again.truth], strict=True):
        assert first.read_bytes() == second.read_bytes()
    assert again.windows == world.windows


def test_another_seed_gives_another_world_with_the_same_kinds(world: World) -> None:
    canvas = Canvas(layout.WIDTH, layout.HEIGHT, np.random.default_rng([3, 0]), 0.25)
    layout.draw(canvas)
    windows = window_truths(canvas.records, SCENES)
    assert windows != world.windows
    for question in QUESTIONS:
        assert any(window.answers(question) for window in windows), question


def test_a_folder_that_cannot_be_is_an_input_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("swath.imagery.sample.layout.draw", lambda canvas: None)
    file = tmp_path / "file"
    file.write_text("")
    with pytest.raises(InputError, match="name another folder"):
        render(file / "below")


def test_chips_take_turns_and_repeat() -> None:
    first = list(chips(len(VIGNETTES), seed=5))
    assert {chip.kind for chip in first} == set(KINDS)
    for chip, again in zip(first[:2], chips(2, seed=5), strict=True):
        assert chip.pixels.dtype == np.uint8
        assert chip.pixels.shape == (224, 224, 3)
        assert chip.pixels.std() > 4
        assert (chip.pixels == again.pixels).all()
    assert (next(iter(chips(1, seed=6))).pixels != first[0].pixels).any()
    for chip in first:
        assert len(chip.captions) >= 3
        assert len(set(chip.captions)) == len(chip.captions)
        assert all(caption == caption.strip().lower() for caption in chip.captions)


@pytest.mark.parametrize("count", [0, 1])
def test_few_chips(count: int) -> None:
    assert len(list(chips(count))) == count


def empty(side: int = 60) -> Canvas:
    canvas = Canvas(side, side, np.random.default_rng(0), density=2.0)
    canvas.albedo[:] = 128
    return canvas


def test_pen_turns_moves_and_enlarges() -> None:
    pen = Pen(empty(), 30, 30).moved(10, 0, 90, 2.0).moved(5, 0)
    assert pen.units([(0, 0), (1, 0)]) == pytest.approx(np.array([(40, 40), (40, 42)]))
    region = pen.region([box_ring(0, 0, 4, 2)])
    assert region is not None
    u, v = pen.grid(region)
    inside = region.mask
    assert np.abs(u[inside]).max() < 2.5
    assert np.abs(v[inside]).max() < 1.5


def test_drawing_outside_changes_nothing() -> None:
    canvas = empty()
    Pen(canvas, -500, 20).rect(0, 0, 10, 10, (255, 0, 0), 5.0)
    assert (canvas.albedo == 128).all()
    assert not canvas.relief.any()


@pytest.mark.parametrize(("east", "south"), [(1, 2), (0, 2), (-2, 1), (1, -1)])
def test_shadows_fall_away_from_the_sun(east: int, south: int) -> None:
    canvas = empty()
    Pen(canvas, 30, 30).rect(0, 0, 8, 8, (128, 128, 128), 12.0)
    whole = slice(0, 120)
    bright = lit(canvas, whole, whole, Sun(east, south, 45.0), np.random.default_rng(0)).mean(0)
    step = 20 / np.hypot(east, south)
    behind = bright[round(60 - south * step), round(60 - east * step)]
    before = bright[round(60 + south * step), round(60 + east * step)]
    assert behind < 0.6 * before


@pytest.mark.parametrize(
    ("ring", "expected"),
    [
        (box_ring(5, 5, 4, 4), 16.0),
        (box_ring(0, 5, 4, 4), 8.0),
        (box_ring(0, 0, 4, 4), 4.0),
        (box_ring(5, 5, 100, 100), 100.0),
        (box_ring(50, 5, 4, 4), 0.0),
        ([(0, 0), (20, 0), (0, 20)], 100.0),
    ],
)
def test_clipping(ring: Sequence[Point], expected: float) -> None:
    assert abs(area(clipped(ring, 0, 0, 10, 10))) == pytest.approx(expected)


def test_curves_pass_through_their_points() -> None:
    knots = [(0.0, 0.0), (40.0, 10.0), (80.0, -5.0)]
    line = curve(knots)
    for knot in knots:
        assert min(np.hypot(x - knot[0], y - knot[1]) for x, y in line) < 1e-6
    stations = along([(0, 0), (0, 100)], 10, 20)
    assert [(x, y) for x, y, _ in stations] == [(0, 10), (0, 30), (0, 50), (0, 70), (0, 90)]
    assert {heading for _, _, heading in stations} == {90.0}


@pytest.mark.parametrize("kind", ["cloud", "rough", "fine"])
def test_textures_have_the_asked_size(kind: Any) -> None:
    rng = np.random.default_rng(1)
    for scale in (1.0, 0.4, 7.5):
        cut = patch(rng, kind, 33, 70, scale)
        assert cut.shape == (33, 70)
        assert cut.dtype == np.float32
        assert np.isfinite(cut).all()
