"""The pointing game: what counts, on a world whose truth is known, with an encoder that knows it too."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from swath.archive import create
from swath.encoders import load
from swath.errors import InputError
from swath.evaluation.pointing import cells_of, pointing_game, scene_pointing
from swath.hits import Hit
from swath.imagery.sample import QUESTIONS, places, render
from swath.imagery.sample.places import Place
from swath.search import MemoryGallery
from swath.types import ImageFeatures, TextFeatures, Tile, Window


def box(scene: str, left: float, top: float, right: float, bottom: float) -> Place:
    return Place(scene, "harbour", "boat", ((left, top), (right, top), (right, bottom), (left, bottom)))


def hit(column: int, row: int) -> Hit:
    return Hit(1, Tile("0" * 32, "world/a.tif", Window(column, row, 256, 256)), 0.5, None)


def test_cells_hold_a_tenth_of_a_cell_or_half_of_an_object() -> None:
    small = box("a.tif", 256 + 70, 10, 256 + 80, 20)
    cells = cells_of([small], hit(256, 0), 4)
    assert np.argwhere(cells).tolist() == [[0, 1]]
    wide = box("a.tif", 0, 60, 256, 140)
    # 60 to 64 is a sliver of the first row, 128 to 140 almost a fifth of the third.
    assert np.argwhere(cells_of([wide], hit(0, 0), 4).all(1)).flatten().tolist() == [1, 2]
    assert not cells_of([box("b.tif", 0, 0, 256, 256)], hit(0, 0), 4).any()


class Knowing:
    """Tokens of a tile are one-hot by the thing they hold, and a text asks for its own thing."""

    name, revision, dim, image_size = "knowing", "0", 16, 8
    folder: Path | None = None

    def encode_images(self, batch: NDArray[np.uint8]) -> ImageFeatures:
        raise AssertionError("not asked")

    def encode_texts(self, texts: Sequence[str]) -> TextFeatures:
        guides = np.zeros((len(texts), 16), np.float32)
        for row, text in enumerate(texts):
            guides[row, [question.text for question in QUESTIONS].index(text)] = 1
        return TextFeatures(guides, guides)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return render(tmp_path_factory.mktemp("world"), density=1.0).folder


def gallery(world: Path, blind: bool) -> MemoryGallery:
    known = places(world)
    tiles: list[Tile] = []
    dense: list[NDArray[np.float64]] = []
    tokens: list[NDArray[np.float64]] = []
    rng = np.random.default_rng(0)
    for scene in sorted({place.scene for place in known}):
        for row, column in np.ndindex(3, 3):
            window = Window(256 * column, 256 * row, 256, 256)
            tile = Tile(f"{len(tiles):032x}", str(world / scene), window)
            cells = np.zeros((16, 16))
            for number, question in enumerate(QUESTIONS):
                things = [place for place in known if place.thing == question.thing]
                cells[:, number] = cells_of(things, Hit(1, tile, 0.0, None), 4).flatten()
            dense.append(cells.sum(0) + 1e-3)
            if blind:
                cells = rng.normal(size=cells.shape)
            tokens.append(np.concatenate([cells.mean(0, keepdims=True), cells + 1e-6]))
            tiles.append(tile)
    vectors = np.array(dense) / np.linalg.norm(dense, axis=1, keepdims=True)
    rows = np.array(tokens)
    stored = np.rint(rows / np.maximum(np.abs(rows).max(-1, keepdims=True), 1e-9) * 127).astype(np.int8)
    return MemoryGallery([tile.id for tile in tiles], {"dense": vectors, "tokens": stored}, tiles)


def test_who_knows_points_right_and_who_is_blind_points_by_chance(world: Path) -> None:
    *each, every = pointing_game(gallery(world, False), Knowing(), world, pipeline="dense", k=5)
    assert [one.question for one in each] == [question.text for question in QUESTIONS]
    assert every.pointed == 1.0 and 0.05 < every.chance < 0.8
    assert every.hits == sum(one.hits for one in each) > 20
    blind = pointing_game(gallery(world, True), Knowing(), world, pipeline="dense", k=5)[-1]
    assert abs(blind.pointed - blind.chance) < 0.3 and blind.pointed < 0.9


class Scenes(MemoryGallery):
    """With the columns of an archive that maps of scenes read."""

    @property
    def windows(self) -> NDArray[np.int64]:
        tiles = [self.tile(row) for row in range(len(self))]
        return np.array([(w.column, w.row, w.width, w.height) for w in (tile.window for tile in tiles)])

    def files(self) -> tuple[NDArray[np.int64], list[str]]:
        sources = [self.tile(row).source for row in range(len(self))]
        names = sorted(set(sources))
        return np.array([names.index(source) for source in sources]), names


@pytest.mark.parametrize("blind", [False, True])
def test_maps_of_scenes_point_right_where_the_vectors_know(world: Path, blind: bool) -> None:
    made = gallery(world, blind)
    tiles = [made.tile(row) for row in range(len(made))]
    dense = made.signal("dense")
    if blind:
        dense = np.random.default_rng(1).normal(size=dense.shape)
    signals = {"dense": dense, "tokens": made.signal("tokens")}
    scenes = Scenes([tile.id for tile in tiles], signals, tiles)
    *each, every = scene_pointing(scenes, Knowing(), world)  # type: ignore[arg-type]
    assert [one.question for one in each] == [question.text for question in QUESTIONS]
    assert every.hits == sum(one.hits for one in each) > 15
    assert 0.05 < every.chance < 0.3
    # A cell of its tokens is larger than a boat, so not even who knows points at every thing.
    assert every.pointed < 0.4 if blind else every.pointed > every.chance + 0.25


@pytest.mark.slow
def test_the_shipped_encoder_points_better_than_chance(world: Path, tmp_path: Path) -> None:
    encoder = load("base")
    store = create(tmp_path / "world.swath", encoder)
    store.add([world], encoder)
    every = pointing_game(store.gallery(), encoder, world, pipeline="dense", k=5)[-1]
    assert every.hits >= 10 and every.pointed > every.chance + 0.15


def test_places_agree_with_the_truth_of_the_windows(world: Path) -> None:
    known = places(world)
    assert {question.thing for question in QUESTIONS} <= {place.thing for place in known}
    # The same polygons, through longitude and latitude and back: within a pixel of the boxes in the file.
    features = json.loads((world / "truth.geojson").read_text())["features"]
    boxes = {
        (f["properties"]["scene"], f["properties"]["thing"], *f["properties"]["pixels"]) for f in features
    }
    for place in known:
        low, high = np.min(place.ring, axis=0), np.max(place.ring, axis=0)
        assert any(
            scene == place.scene
            and thing == place.thing
            and np.abs(low - (left, top)).max() < 1.5
            and np.abs(high - (left + width, top + height)).max() < 1.5
            for scene, thing, left, top, width, height in boxes
        )


def test_a_folder_that_is_no_world(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no sample world"):
        places(tmp_path)
