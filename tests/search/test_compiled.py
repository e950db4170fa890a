"""Compiled kernels against their slow twins."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from swath.archive.lists import Plan, build
from swath.search import MemoryGallery
from swath.search.kernels import compiling
from swath.search.kernels.lists import Visit, near
from swath.search.ordering import exact_scores
from tests.search.test_lists import World

compiled = pytest.importorskip("swath.search.kernels.compiled", exc_type=ImportError)


pytestmark = pytest.mark.usefixtures("narrow_lead")


@pytest.fixture(scope="module")
def world() -> World:
    return World()


@pytest.fixture(scope="module")
def gallery(world: World) -> MemoryGallery:
    return world.gallery()


@pytest.mark.parametrize("margin", [0.05, 0.3, 3.0])
def test_compiled_visits_are_those_of_numpy(
    world: World, gallery: MemoryGallery, margin: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = gallery.lists
    assert whole is not None
    rng = np.random.default_rng(4)
    gone = replace(whole, rows=np.where(rng.random(len(whole.rows)) < 0.2, -1, whole.rows).astype(np.int32))
    mask = rng.random(len(gallery)) < 0.5
    for lists, allowed, guided in ((whole, None, 0), (whole, mask, 30), (gone, None, 200), (gone, mask, 0)):
        for query in world.queries(3):
            places, found = rng.permutation(len(lists.rows))[:guided], []
            for module in (None, compiled):
                monkeypatch.setattr(compiling, "_module", module)
                visit = Visit(lists, world.dense, gallery.ids, query.dense, 5, allowed)
                if guided:
                    visit.candidates(places)
                count = visit.within(near(lists, visit.turned), margin)
                best = visit.best()
                found.append((count, visit.tiles, visit.floor(), best.rows.tolist(), best.scores.tolist()))
            assert found[0] == found[1]
            assert margin == 3.0 or 8 <= found[0][0] < len(lists.ends)


def test_more_places_are_held_than_there_is_room_for(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Equal tiles are all among the best, so none of them falls behind."""
    dense = np.repeat(world.dense[:1], 5000, 0)
    lists, ids = build(dense, Plan(3)), np.arange(5000).astype("S4")
    for module in (None, compiled):
        monkeypatch.setattr(compiling, "_module", module)
        visit = Visit(lists, dense, ids, world.dense[0].astype(np.float32), 20)
        visit.lists(np.arange(len(lists.ends)))
        assert visit.best().rows.tolist() == sorted(range(5000), key=lambda row: ids[row])[:20]


def test_compiled_sums_are_exact(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(200, 33)).astype(np.float16)
    rows[:50] *= np.float16(2.0**-14)  # most of these are subnormal
    rows[50:60], rows[60:70], rows[70] = 0, -0.0, 65504
    query = rng.normal(size=(1, 33)).astype(np.float32)
    scores = []
    for module in (None, compiled):
        monkeypatch.setattr(compiling, "_module", module)
        scores.append(exact_scores(rows, query))
    np.testing.assert_array_equal(scores[0], scores[1])
    exact = [math.fsum((row.astype(np.float64) * query[0]).tolist()) for row in rows]
    np.testing.assert_array_equal(scores[0][:, 0], np.array(exact).astype(np.float32))
