"""Several galleries as one, beside the one gallery that a merge would make of them."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from swath.errors import InputError
from swath.search import MemoryGallery, Shards, mask, search, search_many
from swath.search.coding import derived, kept
from swath.search.shards import firsts
from swath.types import Array, Gallery, Query, Tile, Window
from tests.search.galleries import box, ids_of, vectors_of
from tests.tiny import TinyEncoder

PIPELINES = (
    "auto",
    "dense",
    "dense:5",
    "dense:6 > btgi",
    "dense:9 > btgi(blend=.5):4",
    "hash32:7",
    "hash64:9 > btgi",
    "fuse(dense:5, hash32:6)",
    "fuse(dense:5, hash32:6; sum(norm=zscore)) > btgi:3",
)


def galleries(
    counts: list[int], seed: int, shared: float, kind: str, compact: bool
) -> tuple[list[MemoryGallery], MemoryGallery]:
    """Parts that share ids, and the whole: of equal ids the first part's row, unlike the others'."""
    rng = np.random.default_rng(seed)
    names = ids_of(max(1, int(sum(counts) * (1 - shared)) + max(counts)), seed)
    chosen = [rng.permutation(len(names))[:count].tolist() for count in counts]
    parts = []
    for place, rows in enumerate(chosen):
        tiles = [
            Tile(
                names[row],
                f"part{place}/{row % 3}.tif",
                Window(row, place, 32, 32),
                None if row % 4 == 0 else box(row % 50, place, row % 50 + 1, place + 1),
                None if row % 5 == 0 else datetime(2020 + row % 3, 1, 1, tzinfo=UTC),
                {} if row % 3 == 0 else {f"cloud{place % 2}": float(row % 7), "zone": str(row % 2)},
            )
            for row in rows
        ]
        signals: dict[str, Array] = {
            "dense": vectors_of(len(rows), 32, seed + place, kind),
            "tokens": rng.integers(-127, 128, (len(rows), 5, 8)).astype(np.int8),
        }
        parts.append(MemoryGallery([names[row] for row in rows], signals, tiles, compact=compact))
    seen: set[bytes] = set()
    first: list[tuple[MemoryGallery, int]] = []
    for part in parts:
        mine = [bytes(name) for name in part.ids.tolist()]
        first += [(part, row) for row, name in enumerate(mine) if name not in seen]
        seen |= set(mine)
    whole = MemoryGallery(
        [bytes(part.ids[row]).decode() for part, row in first],
        {
            name: np.stack([part.signal(name)[row] for part, row in first])
            if first
            else parts[0].signal(name)[:0]
            for name in ("dense", "tokens")
        },
        [part.tile(row) for part, row in first],
        compact=compact,
    )
    return parts, whole


worlds = st.tuples(
    st.lists(st.integers(0, 40), min_size=1, max_size=4),
    st.integers(0, 10_000),
    st.sampled_from([0.0, 0.3, 1.0]),
    st.sampled_from(["unit", "coarse"]),
    st.booleans(),
)


@settings(deadline=None, max_examples=60)
@given(world=worlds, k=st.sampled_from([0, 1, 3, 10, 200]), pipeline=st.sampled_from(PIPELINES))
def test_every_pipeline_answers_as_on_the_whole(
    world: tuple[list[int], int, float, str, bool], k: int, pipeline: str
) -> None:
    parts, whole = galleries(*world)
    shards, tiny = Shards(parts), TinyEncoder()
    queries = [
        Query(("red",)),
        Query(("blue", "grey"), unlike_texts=("red",)),
        Query(("green",), where="width > 1"),
    ]
    if len(whole) > 3:
        liked = [bytes(whole.ids[row]).decode() for row in (0, len(whole) - 1)]
        queries += [Query(likes=(liked[0],)), Query(("red",), likes=(liked[1],), unlikes=(liked[0],))]
        where = 'zone = 1 or time < 2021 or source != "part0/1.tif"'
        queries += [Query(("red",), where=where), Query(("red",), bbox=(-1, -1, 30, 1.5))]
        area = {"type": "Polygon", "coordinates": [[[2, -1], [30, 0], [20, 3], [2, -1]]]}
        queries += [Query(("red",), area=area), Query(("blue",), near=(10.5, 1.0, 900_000.0))]
    for collapse in (False, True):
        expected = search_many(whole, queries, tiny, pipeline=pipeline, k=k, collapse=collapse)
        found = search_many(shards, queries, tiny, pipeline=pipeline, k=k, collapse=collapse)
        assert [answer.hits for answer in found] == [answer.hits for answer in expected]
        grouped = [
            [answer.hits for answer in search_many(each, queries, tiny, pipeline="dense", k=k, group="scene")]
            for each in (shards, whole)
        ]
        assert grouped[0] == grouped[1]
        alone = [search(shards, one, tiny, pipeline=pipeline, k=k, collapse=collapse) for one in queries]
        assert [answer.hits for answer in alone] == [answer.hits for answer in expected]


@settings(deadline=None, max_examples=40)
@given(world=worlds)
def test_every_column_is_that_of_the_whole(world: tuple[list[int], int, float, str, bool]) -> None:
    parts, whole = galleries(*world)
    shards = Shards(parts)
    assert len(shards) == len(whole)
    assert shards.ids.tolist() == whole.ids.tolist()
    assert set(shards.attributes) >= set(whole.attributes)
    for name in whole.attributes:
        assert shards.attribute(name).tolist() == pytest.approx(whole.attribute(name).tolist(), nan_ok=True)
    np.testing.assert_array_equal(shards.bounds, whole.bounds)
    for mine, other in zip(shards.corners, whole.corners, strict=True):
        np.testing.assert_array_equal(mine, other)
    assert [shards.tile(row) for row in range(len(whole))] == [whole.tile(row) for row in range(len(whole))]
    rng = np.random.default_rng(0)
    for name in ("dense", "tokens"):
        stacked, plain = shards.signal(name), whole.signal(name)
        assert (stacked.shape, stacked.dtype, len(stacked)) == (plain.shape, plain.dtype, len(plain))
        rows = rng.integers(0, max(1, len(plain)), 2 * len(plain))
        np.testing.assert_array_equal(stacked[rows], plain[rows])
        for first, end in pairwise(sorted(rng.integers(0, len(plain) + 2, 6).tolist())):
            np.testing.assert_array_equal(stacked[first:end], plain[first:end])


@settings(deadline=None, max_examples=60)
@given(st.lists(st.lists(st.integers(0, 30), unique=True), min_size=1, max_size=4), st.booleans())
def test_the_first_gallery_with_an_id_keeps_it(parts: list[list[int]], alike: bool) -> None:
    """Also where ids agree in the digits that tell most of them apart."""
    names = [[f"{0 if alike else n:016x}{n:016x}".encode() for n in part] for part in parts]
    kept = firsts([np.array(part, "S32") for part in names])
    seen: set[bytes] = set()
    for part, rows in zip(names, kept, strict=True):
        expected = [row for row, name in enumerate(part) if name not in seen]
        assert (list(range(len(part))) if rows is None else rows.tolist()) == expected
        seen |= set(part)


def test_what_no_part_can_give_is_refused() -> None:
    parts, _ = galleries([5, 5], 1, 0.0, "unit", False)
    shards, tiny = Shards(parts), TinyEncoder()
    with pytest.raises(InputError, match=r"swath merge.*swath tune"):
        search(shards, Query(("red",)), tiny, pipeline="ivf:5")
    with pytest.raises(InputError, match="unknown attribute"):
        mask(shards, "clouds > 3")
    with pytest.raises(KeyError):
        shards.signal("guide")
    with pytest.raises(KeyError):
        shards.attribute("clouds")
    with pytest.raises(IndexError):
        shards.tile(10)
    with pytest.raises(IndexError):
        shards.signal("dense")[::2]


def test_what_is_derived_is_kept_by_each_part() -> None:
    ids = ids_of(40)
    parts = [MemoryGallery(part, {"dense": vectors_of(20, 8)}) for part in (ids[:20], ids[20:])]
    made: list[int] = []

    def count(part: Gallery, rows: slice) -> Array:
        made.append(len(part))
        return np.arange(rows.start, rows.stop)

    for _ in range(2):
        assert derived(Shards(parts), "numbers", count).tolist() == [*range(20), *range(20)]
    assert made == [20, 20]
    for part in parts:
        assert kept(part).get("numbers") is not None
