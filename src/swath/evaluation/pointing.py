"""The pointing game (Zhang et al. 2018) on the sample world: is the hottest cell in the named object?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from swath.hits import Hit
from swath.imagery.sample import QUESTIONS, places
from swath.search import Pipeline, heat_maps, search
from swath.search.localise import Windows, map_shape, scene_map
from swath.types import Encoder, Gallery, Query

if TYPE_CHECKING:
    from swath.archive import ArchiveGallery
    from swath.imagery.sample.places import Place

_SHARE_OF_CELL, _SHARE_OF_OBJECT = 0.1, 0.5
_TOLERANCE = 15
"""Pixels."""


@dataclass(frozen=True, slots=True)
class Pointing:
    """What came of one question, or of all."""

    question: str
    hits: int
    """Hits that show the named object and something else."""
    pointed: float
    """Share of them whose hottest cell lies in it."""
    chance: float
    """The same for a cell drawn at random."""


def pointing_game(
    gallery: Gallery, encoder: Encoder, world: Path, *, pipeline: Pipeline | str = "auto", k: int = 5
) -> list[Pointing]:
    """Ask the sample world's questions, and look where the heat maps of the hits point.

    Hits that do not show the named object are left out, for there is nothing to point at, and those that show
    it in every cell, for nothing can miss. A cell lies in an object where that covers a tenth of the cell, or
    half of the object is in it.

    Args:
        gallery: an archive of the world.
        encoder: the encoder that made it.
        world: the folder of the world, for its truth.
        pipeline: how to search.
        k: hits for each question.

    Returns:
        One entry for each question, and one called `all` over all hits.
    """
    known = places(world)
    every: list[tuple[bool, float]] = []
    found = []
    for question in QUESTIONS:
        hits = search(gallery, Query((question.text,)), encoder, pipeline=pipeline, k=k)
        heat = heat_maps(gallery, encoder, [question.text], [hit.tile.id for hit in hits])
        things = [place for place in known if place.thing == question.thing]
        outcomes = []
        for hit in hits:
            grid = heat[hit.tile.id]
            cells = cells_of(things, hit, len(grid))
            if cells.any() and not cells.all():
                outcomes.append((bool(cells.flat[grid.argmax()]), float(cells.mean())))
        found.append(_summary(question.text, outcomes))
        every += outcomes
    return [*found, _summary("all", every)]


def scene_pointing(gallery: ArchiveGallery, encoder: Encoder, world: Path) -> list[Pointing]:
    """Ask for every thing in every scene of a sample world that shows it, and look where the map points.

    The map is that of `swath locate` over the windows that the archive holds of the scene. `hits` counts the
    scenes that show the thing, and what is at most 15 pixels off counts, as in the game's paper.

    Args:
        gallery: an archive of the world; windows that overlap make better maps.
        encoder: the encoder that made it.
        world: the folder of the world, for its truth.

    Returns:
        One entry for each question, and one called `all` over all questions and scenes.
    """
    known = places(world)
    codes, paths = gallery.files()
    every: list[tuple[bool, float]] = []
    found = []
    for question in QUESTIONS:
        outcomes = []
        for code, path in enumerate(paths):
            things = [p for p in known if p.thing == question.thing and p.scene == Path(path).name]
            rows = np.flatnonzero(codes == code)
            if not things or not len(rows):
                continue
            tokens = gallery.signal("tokens")[rows] if "tokens" in gallery.signals else None
            windows = Windows(gallery.windows[rows], gallery.signal("dense")[rows], tokens)
            right, bottom = (windows.places[:, :2] + windows.places[:, 2:]).max(0).tolist()
            shape = map_shape((right, bottom), windows.places)
            heat = scene_map(windows, encoder, question.text, (right, bottom), shape)
            inside = _near(things, (right, bottom), shape)
            if inside.any():
                outcomes.append((bool(inside.flat[np.nanargmax(heat)]), float(inside.mean())))
        found.append(_summary(question.text, outcomes))
        every += outcomes
    return [*found, _summary("all", every)]


def _near(things: Sequence[Place], size: tuple[int, int], shape: tuple[int, int]) -> NDArray[np.bool_]:
    """bool[shape]: which cells of a map over a scene lie in one of the things, or `_TOLERANCE` from it."""
    from PIL import Image, ImageDraw

    wide, high = shape[1] / size[0], shape[0] / size[1]
    picture = Image.new("L", (shape[1], shape[0]))
    pen = ImageDraw.Draw(picture)
    for thing in things:
        ring = [(x * wide, y * high) for x, y in thing.ring]
        pen.polygon(ring, fill=1)
        pen.line([*ring, ring[0]], fill=1, width=max(1, round(2 * _TOLERANCE * wide)), joint="curve")
    return np.asarray(picture) > 0


def cells_of(things: Sequence[Place], hit: Hit, side: int) -> NDArray[np.bool_]:
    """bool[G, G]: which cells of a hit's tile lie in one of the things."""
    window, scene = hit.tile.window, Path(hit.tile.source).name
    cells = np.zeros((side, side), bool)
    width, height = window.width / side, window.height / side
    for thing in things:
        if thing.scene != scene:
            continue
        for row, column in np.ndindex(side, side):
            left, top = window.column + column * width, window.row + row * height
            inside = thing.inside(left, top, left + width, top + height)
            if inside >= _SHARE_OF_CELL * width * height or inside > _SHARE_OF_OBJECT * thing.size:
                cells[row, column] = True
    return cells


def _summary(question: str, outcomes: Sequence[tuple[bool, float]]) -> Pointing:
    if not outcomes:
        return Pointing(question, 0, float("nan"), float("nan"))
    pointed, chance = np.mean(np.array(outcomes, np.float64), 0).tolist()
    return Pointing(question, len(outcomes), pointed, chance)
