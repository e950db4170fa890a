"""One hit for what shows the same, beside a slow twin; and one hit for each file."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from swath.errors import InputError
from swath.search import MemoryGallery, search, search_many
from swath.search.collapse import NEAR, distinct, scenes
from swath.types import Array, Footprint, Query, Tile, Window
from tests.search.galleries import box, ids_of, vectors_of
from tests.tiny import TinyEncoder

RED = Query(texts=("red",))


def groups(sizes: list[int], dim: int = 32) -> tuple[MemoryGallery, NDArray[np.int64]]:
    """Vectors of which so many are near one another, and the number of each one's group."""
    rng = np.random.default_rng(5)
    centres = vectors_of(len(sizes), dim, 3).astype(np.float64)
    group = np.repeat(np.arange(len(sizes)), sizes)
    near = centres[group] + 0.01 * rng.normal(size=(len(group), dim)) / math.sqrt(dim)
    near /= np.linalg.norm(near, axis=1, keepdims=True)
    order = rng.permutation(len(group))
    return MemoryGallery(ids_of(len(group)), {"dense": near[order]}), group[order]


def test_collapsing_fills_up_with_tiles_that_differ() -> None:
    encoder = TinyEncoder()
    gallery, group = groups([40, 1, 1, 30, 2, 1, 60, 1, 1, 1])
    rows = {name.decode(): row for row, name in enumerate(gallery.ids.tolist())}
    whole = search(gallery, RED, encoder, k=len(gallery))
    best = [next(hit for hit in whole if group[rows[hit.tile.id]] == number) for number in range(10)]
    expected = sorted(best, key=lambda hit: hit.rank)
    for k in range(12):
        found = search(gallery, RED, encoder, k=k, collapse=True)
        assert [hit.tile.id for hit in found] == [hit.tile.id for hit in expected[:k]]
        assert [hit.raw for hit in found] == [hit.raw for hit in expected[:k]]
        assert [hit.rank for hit in found] == list(range(1, len(found) + 1))
        # How many of those above the last one, and of all where there are no more, are not shown.
        above = expected[k - 1].rank if 0 < k <= len(expected) else len(gallery) if k else 0
        assert found.trace[-1].stage == "collapse"
        assert found.trace[-1].note == f"{above - len(found)} left out"
    assert len(search(gallery, RED, encoder, k=5, pipeline="dense:4", collapse=True)) < 5


def kept(gallery: MemoryGallery, order: Sequence[int] | None = None, k: int = 1000) -> list[int]:
    rows = np.arange(len(gallery)) if order is None else np.array(order, np.int64)
    places, _ = distinct(gallery, rows, k, gallery.tile)
    return [int(row) for row in rows[places]]


def gallery_of(tiles: Sequence[tuple[str, Window, Footprint | None]], alike: bool = True) -> MemoryGallery:
    ids = [f"{i:032x}" for i in range(len(tiles))]
    made = [Tile(name, *rest) for name, rest in zip(ids, tiles, strict=True)]
    vectors = np.ones((len(ids), 4)) if alike else np.eye(len(ids), max(len(ids), 2))
    return MemoryGallery(ids, {"dense": vectors}, made)


def test_near_is_measured_to_what_was_taken() -> None:
    step = math.acos(NEAR) * 0.7
    chain = np.array([[math.cos(step * i), math.sin(step * i)] for i in range(5)])
    gallery = MemoryGallery([f"{i}" for i in range(5)], {"dense": chain})
    assert kept(gallery) == [0, 2, 4]
    assert kept(gallery, k=2) == [0, 2]
    assert kept(gallery, [1, 0, 2, 3, 4]) == [1, 3]
    assert kept(MemoryGallery(["a", "b", "c"], {"dense": np.zeros((3, 2))})) == [0, 1, 2]
    assert kept(gallery, []) == []


WHOLE = Window(0, 0, 256, 256)


@pytest.mark.parametrize("alike", [True, False])
def test_windows_of_one_file_compare_in_its_grid(alike: bool) -> None:
    tiles = [
        ("a.tif", Window(0, 0, 100, 100), None),
        ("a.tif", Window(50, 0, 100, 100), None),  # exactly half
        ("a.tif", Window(0, 49, 100, 100), None),  # more
        ("a.tif", Window(100, 0, 400, 400), None),  # a level of the pyramid above: holds the second's half
        ("a.tif", Window(300, 0, 100, 100), None),
        ("a.tif", Window(400, 400, 100, 100), None),
    ]
    assert kept(gallery_of(tiles, alike)) == [0, 1, 3, 5]
    assert kept(gallery_of(tiles, alike), [4, 3, 2, 1, 0]) == [4, 2, 1]
    # The grid decides, not what the footprints say; equal places and far ones.
    footprints = [replace(t, footprint=box(0, 0, 1, 1)) for t in map(gallery_of(tiles).tile, range(6))]
    again = MemoryGallery([t.id for t in footprints], {"dense": np.ones((6, 4))}, footprints)
    assert kept(again) == [0, 1, 3, 5]


@pytest.mark.parametrize("alike", [True, False])
def test_files_compare_by_their_footprints(alike: bool) -> None:
    footprints = [
        box(0, 0, 1, 1),
        box(0.5, 0, 1.5, 1),  # half
        box(0.49, 0, 1.49, 1),  # more
        box(0.2, 0.2, 0.3, 0.3),  # within
        box(-10, -10, 10, 10),  # around
        box(20, 20, 21, 21),
        box(179.9, 0, -179.9, 1),
        box(179.99, 0, -179.8, 1),  # across the antimeridian
        box(180, 0, -179.9, 1),  # half of it
    ]
    tiles = [(f"{i}.tif", WHOLE, footprint) for i, footprint in enumerate(footprints)]
    assert kept(gallery_of(tiles, alike)) == [0, 1, 5, 6]
    assert kept(gallery_of(tiles, alike), [8, 7, 6]) == [8]
    assert kept(gallery_of(tiles, alike), [4, 0, 1, 5]) == [4, 5]


def test_places_at_the_poles() -> None:
    cap = Footprint(((0.0, 85.0), (90.0, 85.0), (180.0, 85.0), (-90.0, 85.0)))
    turned = Footprint(((45.0, 85.0), (135.0, 85.0), (-135.0, 85.0), (-45.0, 85.0)))
    tiles = [
        ("a", WHOLE, cap),
        ("b", WHOLE, turned),
        ("c", WHOLE, box(0, 80, 90, 84)),
        ("d", WHOLE, box(0, 86, 50, 90)),
    ]
    assert kept(gallery_of(tiles)) == [0, 2]


def test_tiles_without_an_area_compare_by_looks() -> None:
    here, there = Footprint(((1.0, 1.0),)), Footprint(((50.0, 50.0),))
    tiles = [
        ("a.jpg", WHOLE, None),
        ("b.jpg", WHOLE, here),
        ("c.tif", WHOLE, box(0, 0, 1, 1)),
        ("d.tif", WHOLE, box(5, 5, 6, 6)),
        ("e.jpg", WHOLE, there),
    ]
    assert kept(gallery_of(tiles)) == [0]
    assert kept(gallery_of(tiles), [2, 3, 0, 1, 4]) == [2, 3]  # two places that look alike
    assert kept(gallery_of(tiles, alike=False)) == [0, 1, 2, 3, 4]


def _equal_area(footprint: Footprint) -> shapely.Polygon:
    return shapely.Polygon([(x, math.sin(math.radians(y))) for x, y in footprint.ring])


def obviously_distinct(gallery: MemoryGallery) -> list[int]:
    """One after the other, with every one that was taken, by other geometry."""
    taken: list[int] = []
    for row in range(len(gallery)):
        if not any(_same(gallery, row, other) for other in taken):
            taken.append(row)
    return taken


def _same(gallery: MemoryGallery, row: int, other: int) -> bool:
    one, two = gallery.tile(row), gallery.tile(other)
    if one.source == two.source:
        pixels = [
            {(x, y) for x in range(w.column, w.column + w.width) for y in range(w.row, w.row + w.height)}
            for w in (one.window, two.window)
        ]
        return 2 * len(pixels[0] & pixels[1]) > min(map(len, pixels))
    if one.footprint and two.footprint:
        shapes = [_equal_area(tile.footprint) for tile in (one, two) if tile.footprint]
        return bool(2 * shapes[0].intersection(shapes[1]).area > min(shape.area for shape in shapes))
    vectors = gallery.signal("dense")[[row, other]].astype(np.float64)
    return bool(vectors[0] @ vectors[1] >= NEAR * np.linalg.norm(vectors[0]) * np.linalg.norm(vectors[1]))


@st.composite
def crowds(draw: st.DrawFn) -> MemoryGallery:
    """Tiles of a few files that overlap: windows, turned and slanted footprints, and pictures."""
    tiles, vectors = [], []
    for i in range(draw(st.integers(1, 40))):
        source = draw(st.sampled_from("abcdefg"))
        column, row, side = (
            draw(st.integers(0, 12)),
            draw(st.integers(0, 12)),
            draw(st.sampled_from((2, 4, 8))),
        )
        slant = draw(st.sampled_from((0.0, 0.31, -0.77, 1.37)))
        x, y = column + ord(source) / 97, 40 + row
        ring = ((x, y + side), (x + side, y + side + slant), (x + side + slant, y), (x + slant, y - slant))
        footprint = None if source in "fg" else Footprint(ring)
        tiles.append(Tile(f"{i:032x}", source, Window(column, row, side, side), footprint))
        vectors.append(np.eye(3)[draw(st.integers(0, 2))])
    return MemoryGallery([tile.id for tile in tiles], {"dense": np.array(vectors)}, tiles)


@settings(deadline=None, max_examples=100)
@given(crowds(), st.integers(0, 45))
def test_what_is_kept_is_what_a_slow_twin_keeps(gallery: MemoryGallery, k: int) -> None:
    assert kept(gallery, k=k) == obviously_distinct(gallery)[:k]


def test_blocks_do_not_matter() -> None:
    """More tiles than are looked at together, each of which overlaps the next by more than half."""
    tiles = [("a.tif", Window(40 * i, 0, 100, 100), None) for i in range(900)]
    gallery = gallery_of(tiles)
    assert kept(gallery) == list(range(0, 900, 2))
    assert kept(gallery, k=17) == list(range(0, 34, 2))
    footprints = [(f"{i}.tif", WHOLE, box(i * 0.04, 0, i * 0.04 + 0.1, 0.1)) for i in range(900)]
    assert kept(gallery_of(footprints)) == list(range(0, 900, 2))


def overlapping(n: int = 400, files: int = 40) -> MemoryGallery:
    """Tiles of scenes that overlap, in an order that has nothing to do with their place."""
    rng = np.random.default_rng(2)
    ids, tiles = ids_of(n), []
    for i in range(n):
        x, y, source = rng.integers(0, 40), rng.integers(0, 40), int(rng.integers(0, files))
        ring = box(10 + x / 100, 50 + y / 100, 10.03 + x / 100, 50.03 + y / 100)
        tiles.append(Tile(ids[i], f"{source}.tif", Window(int(x), int(y), 3, 3), ring))
    return MemoryGallery(ids, {"dense": vectors_of(n, 32, 7)}, tiles)


@pytest.mark.parametrize("how", [{"collapse": True}, {"group": "scene"}])
@pytest.mark.parametrize("pipeline", ["auto", "dense", "dense:60", "fuse(dense:80, dense:30; rrf)"])
def test_the_first_are_those_of_a_longer_answer(how: dict[str, str | bool], pipeline: str) -> None:
    encoder, gallery = TinyEncoder(), overlapping()
    longest = search(gallery, RED, encoder, k=400, pipeline=pipeline, **how)  # type: ignore[arg-type]
    assert 5 < len(longest) < 400
    for k in (0, 1, 2, 3, 5, 8, 20, len(longest), len(longest) + 1):
        found = search(gallery, RED, encoder, k=k, pipeline=pipeline, **how)  # type: ignore[arg-type]
        assert found.hits == longest.hits[:k]


def test_one_hit_for_each_file() -> None:
    encoder, gallery = TinyEncoder(), overlapping()
    whole = search(gallery, RED, encoder, k=400)
    best = {hit.tile.source: hit for hit in reversed(whole.hits)}
    expected = sorted(best.values(), key=lambda hit: hit.rank)
    for k in (1, 10, 40, 50):
        found = search(gallery, RED, encoder, k=k, group="scene", collapse=True)
        assert [(hit.tile.id, hit.raw) for hit in found] == [(hit.tile.id, hit.raw) for hit in expected[:k]]
        assert found.trace[-1].stage == "group"
    # Where every file is there, nothing more is ranked.
    found = search(overlapping(500, 1), RED, encoder, k=9, group="scene")
    assert (len(found), [one.stage for one in found.trace]) == (1, ["encode", "dense", "group"])
    assert len(search(gallery, replace(RED, where="source < 2"), encoder, k=500, group="scene")) == 12
    with pytest.raises(InputError, match="grouped by 'scene', not by 'file'"):
        search(gallery, RED, encoder, group="file")


def test_many_rows_are_grouped_as_few_are() -> None:
    gallery = overlapping(1500, 30)
    order = np.random.default_rng(0).permutation(1500)
    few = [gallery.tile(int(row)).source for row in order]
    places, _ = scenes(gallery, order, 1000, gallery.tile)
    assert places.tolist() == [few.index(source) for source in dict.fromkeys(few)]
    assert scenes(gallery, order, 7, gallery.tile)[0].tolist() == places.tolist()[:7]


def test_batches_are_collapsed_as_single_queries_are() -> None:
    encoder, gallery = TinyEncoder(), overlapping()
    queries = [
        RED,
        Query(texts=("blue",)),
        Query(texts=("a grey sea",)),
        replace(RED, bbox=(10, 50, 10.2, 50.2)),
    ]
    for how in ({"collapse": True}, {"group": "scene"}):
        many = search_many(gallery, queries, encoder, k=30, **how)
        alone = [search(gallery, one, encoder, k=30, **how) for one in queries]
        assert [hits.hits for hits in many] == [hits.hits for hits in alone]


class Reranking(TinyEncoder):
    """Its card recommends a reranker that hands on 20."""

    presets = {"ftf": {"k": 20, "balance": 0.5, "temperature": 0.1, "blend": 0.5, "gain": True}}  # noqa: RUF012


def test_auto_reranks_where_that_is_enough() -> None:
    encoder = Reranking()
    pixels = np.random.default_rng(1).integers(0, 255, (60, 32, 32, 3), np.uint8)
    features = encoder.encode_images(pixels)
    assert features.tokens is not None
    tokens = np.rint(features.tokens * 127).astype(np.int8)
    ids = ids_of(60)
    apart = [Tile(name, f"{name}.tif", WHOLE, box(i, 0, i + 1, 1)) for i, name in enumerate(ids)]
    stacked = [replace(tile, footprint=box(i // 3, 0, i // 3 + 1, 1)) for i, tile in enumerate(apart)]
    signals: dict[str, Array] = {"dense": features.embedding, "tokens": tokens}
    reranked = search(MemoryGallery(ids, signals, apart), RED, encoder, collapse=True)
    assert "btgi" in reranked.pipeline and len(reranked) == 20
    few = search(MemoryGallery(ids, signals, stacked), RED, encoder, k=3, collapse=True)
    assert "btgi" in few.pipeline and len(few) == 3
    # Twenty that are reranked are fewer than twenty that differ: more are reranked then.
    deep = search(MemoryGallery(ids, signals, stacked), RED, encoder, collapse=True)
    assert deep.pipeline.startswith("dense:160 > btgi") and len(deep) == 20
    spec = deep.pipeline
    assert (
        deep.hits
        == search(MemoryGallery(ids, signals, stacked), RED, encoder, pipeline=spec, collapse=True).hits
    )
    stated = search(MemoryGallery(ids, signals, stacked), RED, encoder, pipeline="ftf", collapse=True)
    assert stated.pipeline.startswith("dense:20 > btgi") and 0 < len(stated) < 20
