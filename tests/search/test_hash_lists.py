"""Codes of the nearest lists alone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from swath.errors import InputError, SpecError
from swath.search import MemoryGallery, parse, run
from swath.search.kernels.lists import near
from tests.search.galleries import ids_of
from tests.search.test_lists import World


@pytest.fixture(scope="module")
def world() -> World:
    return World()


def _allowed(n: int, share: float) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    return np.random.default_rng(1).random(n) < share


@pytest.mark.parametrize("share", [1.0, 0.3, 0.02])
def test_all_lists_are_all_codes(world: World, share: float) -> None:
    gallery = world.gallery()
    mask = None if share == 1 else _allowed(len(gallery), share)
    for query in world.queries(10):
        every, _ = run("hash64", gallery, query, 30, mask)
        some, _ = run("hash64(tiles=1)", gallery, query, 30, mask)
        assert (every.rows.tolist(), every.scores.tolist()) == (some.rows.tolist(), some.scores.tolist())


@pytest.mark.parametrize("share", [1.0, 0.3])
def test_a_share_of_the_tiles_is_the_nearest_lists(world: World, share: float) -> None:
    gallery = world.gallery()
    mask = np.ones(len(gallery), np.bool_) if share == 1 else _allowed(len(gallery), share)
    lists = gallery.lists
    assert lists is not None
    for query in world.queries(10):
        found, (trace,) = run("hash64(tiles=0.1)", gallery, query, 3000, mask)
        order = np.argsort(-near(lists, lists.turned(query.dense)), kind="stable")
        wanted: set[int] = set()
        for one in order.tolist():
            more = {int(row) for row in lists.rows[lists.list_of == one] if mask[row]}
            if wanted and len(wanted) + len(more) > 0.1 * mask.sum():
                break
            wanted |= more
        assert set(found.rows.tolist()) == wanted
        assert trace.rows == len(wanted) and trace.note.endswith("lists")


def test_what_is_in_no_list_is_looked_at_and_what_is_gone_is_not(world: World) -> None:
    gallery = world.gallery()
    lists = gallery.lists
    assert lists is not None
    rows = lists.rows.copy()
    moved = rows[:5].tolist()
    rows[:5] = -1
    late = MemoryGallery(ids_of(len(gallery)), {"dense": world.dense}, lists=replace(lists, rows=rows))
    for query in world.queries(5):
        found, _ = run("hash64(tiles=0.05)", late, query, 3000)
        assert set(moved) <= set(found.rows.tolist()) and -1 not in found.rows


def test_arguments(world: World) -> None:
    assert str(parse("hash128(tiles=0.1):70")) == "hash128(tiles=0.1):70"
    for bad in ("0", "1.5", "-1"):
        with pytest.raises(SpecError, match="share"):
            parse(f"hash64(tiles={bad})")
    plain = MemoryGallery(ids_of(len(world.dense)), {"dense": world.dense})
    with pytest.raises(InputError, match="swath tune"):
        run("hash64(tiles=0.1)", plain, world.queries(1)[0], 5)
