"""Partial dense search: the exact answer where all is visited, and what is promised where it is not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import msgspec
import numpy as np
import pytest
from numpy.typing import NDArray

from swath.archive.lists import Lists, Plan, build
from swath.encoders import Terms
from swath.errors import ArchiveError, InputError, SpecError
from swath.search import EncodedQuery, MemoryGallery, parse, run
from swath.search.calibrate import calibrate, needs
from swath.search.kernels.lists import Visit, first_lists, near, turning
from swath.search.ordering import best_first, exact_scores
from swath.search.pipeline import Step
from swath.search.selection import Rule, conformal
from tests.search.galleries import ids_of

DIM, SCENES = 24, 40
WORDS = tuple(f"scene{chr(97 + i // 26)}{chr(97 + i % 26)}" for i in range(SCENES))


def unit(rows: NDArray[Any]) -> NDArray[np.float32]:
    made: NDArray[np.float32] = (rows / np.linalg.norm(rows, axis=-1, keepdims=True)).astype(np.float32)
    return made


class World:
    """Tiles around scenes, and texts that lie apart from all tiles, as captions do."""

    def __init__(self, tiles: int = 3000, seed: int = 0) -> None:
        self.rng = np.random.default_rng(seed)
        self.scenes = unit(self.rng.normal(size=(SCENES, DIM)))
        self.gap = 0.6 * unit(self.rng.normal(size=DIM))
        owner = self.rng.integers(SCENES, size=tiles)
        self.dense = unit(self.scenes[owner] + 0.25 * self.rng.normal(size=(tiles, DIM))).astype(np.float16)
        eye = np.eye(DIM, dtype=np.float32)
        self.terms = Terms(
            WORDS, eye, np.ones(DIM, np.float32), np.zeros(DIM, np.float32), self.scenes,
            np.full(SCENES, -1.0, np.float32), image_terms=6,
        )  # fmt: skip

    def gallery(self, facts: Mapping[str, Any] | None = None, **more: Any) -> MemoryGallery:
        lists = build(self.dense, Plan(60), terms=self.terms)
        ids = ids_of(len(self.dense))
        return MemoryGallery(
            ids, {"dense": self.dense}, compact=True, lists=replace(lists, facts=facts or {}, **more)
        )

    def queries(self, count: int, texts: bool = True) -> list[EncodedQuery]:
        owner = self.rng.integers(SCENES, size=count)
        noise = 0.3 * self.rng.normal(size=(count, DIM))
        vectors = unit(self.scenes[owner] + noise + (self.gap if texts else 0))
        names = [(f"a picture of {WORDS[scene]}",) if texts else () for scene in owner]
        return [EncodedQuery(vector, name) for vector, name in zip(vectors, names, strict=True)]


@pytest.fixture(scope="module")
def world() -> World:
    return World()


pytestmark = pytest.mark.usefixtures("narrow_lead")


@pytest.fixture(scope="module")
def gallery(world: World) -> MemoryGallery:
    return world.gallery()


ALL = ("lists(1.0)", "lists", "lists(1.0, rule=union)", "lists(tiles=1.0)", "lists(tiles=1.0, rule=centroid)")


@pytest.mark.usefixtures("kernel")
@pytest.mark.parametrize("stage", ALL)
def test_all_lists_give_the_exact_answer(world: World, gallery: MemoryGallery, stage: str) -> None:
    mask = np.random.default_rng(1).random(len(gallery)) < 0.8
    everything = len(gallery) * [True]
    for query in world.queries(8):
        for allowed in (None, np.array(everything), mask):
            exact, _ = run("dense", gallery, query, 25, allowed)
            found, trace = run(f"sparse:50 > {stage}:100", gallery, query, 25, allowed)
            np.testing.assert_array_equal(found.rows, exact.rows)
            np.testing.assert_array_equal(found.scores, exact.scores)
            assert "certificate: exact" in trace[-1].note


def test_a_picture_asks_by_the_words_that_it_shows(world: World, gallery: MemoryGallery) -> None:
    (query,) = world.queries(1, texts=False)
    found, trace = run("sparse:50 > lists(tiles=0.2):10", gallery, query, 10)
    assert len(found.rows) == 10 and "words: scene" in trace[0].note


def test_few_tiles_are_visited(world: World, gallery: MemoryGallery) -> None:
    (query,) = world.queries(1)
    _, trace = run("ivf(tiles=0.1)", gallery, query, 10)
    assert 0 < trace[-1].rows <= 0.1 * len(gallery)
    assert "certificate: none" in trace[-1].note


@pytest.mark.parametrize("share", [0.1, 0.01, 0.001])
def test_a_filter_acts_before_lists_are_chosen(world: World, gallery: MemoryGallery, share: float) -> None:
    recall = []
    for number, query in enumerate(world.queries(20)):
        mask = np.random.default_rng(number).random(len(gallery)) < share
        exact, _ = run("dense", gallery, query, 10, mask)
        found, _ = run("sparse:50 > lists(tiles=0.3):100", gallery, query, 10, mask)
        assert mask[found.rows].all() and len(found.rows) == len(exact.rows)
        recall.append(np.isin(exact.rows, found.rows).mean() if len(exact.rows) else 1.0)
    assert np.mean(recall) == 1.0, "so few tiles are scanned exactly"


def test_no_filter_passes_nothing(world: World, gallery: MemoryGallery) -> None:
    (query,) = world.queries(1)
    found, _ = run("sparse:50 > lists:100", gallery, query, 10, np.zeros(len(gallery), bool))
    assert not len(found.rows)


def test_without_candidates_centroids_choose(world: World, gallery: MemoryGallery) -> None:
    query = replace(world.queries(1)[0], texts=("nothing known",))
    silent = replace(gallery.lists, terms=None)  # type: ignore[type-var]
    other = MemoryGallery(ids_of(len(gallery)), {"dense": world.dense}, lists=silent)
    guided, trace = run("sparse:50 > lists(tiles=0.1):50", other, query, 20)
    plain, _ = run("ivf(tiles=0.1)", other, query, 20)
    assert trace[0].rows == 0
    np.testing.assert_array_equal(guided.rows, plain.rows)


def test_tiles_that_came_later_are_always_found(world: World) -> None:
    late = World(200, seed=5)
    dense = np.concatenate([world.dense, late.dense])
    lists = replace(build(world.dense, Plan(60), terms=world.terms), size=len(dense))
    both = MemoryGallery(ids_of(len(dense)), {"dense": dense}, lists=lists)
    for row in (3000, 3100, 3199):
        query = EncodedQuery(dense[row].astype(np.float32), (WORDS[0],))
        for spec in ("ivf(tiles=0.02)", "sparse:50 > lists(tiles=0.02):50"):
            assert row in run(spec, both, query, 5)[0].rows
        assert row in run("sparse:3200", both, EncodedQuery(query.dense), 3200)[0].rows


def test_tiles_that_are_gone_are_not_found(world: World) -> None:
    lists = build(world.dense, Plan(60), terms=world.terms)
    kept = np.random.default_rng(2).random(len(world.dense)) < 0.7
    renumbered = np.where(kept, np.cumsum(kept) - 1, -1).astype(np.int32)
    less = replace(lists, size=int(kept.sum()), rows=renumbered[lists.rows])
    gallery = MemoryGallery(ids_of(less.size), {"dense": world.dense[kept]}, lists=less)
    for query in world.queries(5):
        exact, _ = run("dense", gallery, query, 20)
        found, _ = run("sparse:50 > lists(1.0):50", gallery, query, 20)
        np.testing.assert_array_equal(found.rows, exact.rows)
        assert (run("sparse:50", gallery, query, 50)[0].rows < less.size).all()


def test_both_sides_are_complete_before_they_are_mixed(world: World, gallery: MemoryGallery) -> None:
    (query,) = world.queries(1)
    dense_alone, _ = run("sparse:50 > lists(1.0, weight=1.0):50", gallery, query, 50)
    exact, _ = run("dense", gallery, query, 50)
    np.testing.assert_array_equal(dense_alone.rows, exact.rows)
    mixed, _ = run("sparse:50 > lists(1.0, weight=0.3):50", gallery, query, 50)
    words, _ = run(f"sparse:{len(gallery)}", gallery, query, len(gallery))
    weighed = dict(zip(words.rows.tolist(), words.scores.tolist(), strict=True))
    union = sorted({*exact.rows.tolist(), *words.rows[:50].tolist()})
    everything, _ = run("dense", gallery, query, len(gallery))
    scored = dict(zip(everything.rows.tolist(), everything.scores.tolist(), strict=True))
    sides = [np.array([side.get(row, 0.0) for row in union]) for side in (scored, weighed)]
    scaled = [(side - side.min()) / (side.max() - side.min()) for side in sides]
    expected = dict(zip(union, 0.3 * scaled[0] + 0.7 * scaled[1], strict=True))
    np.testing.assert_allclose(mixed.scores, [expected[row] for row in mixed.rows.tolist()], atol=1e-6)
    assert mixed.rows[0] == max(expected, key=lambda row: expected[row])


@pytest.mark.parametrize(("guide", "rule"), [("sparse", "best"), (None, "centroid"), ("sparse", "union")])
def test_the_stated_share_of_queries_is_covered(
    world: World, gallery: MemoryGallery, guide: str | None, rule: Rule
) -> None:
    """Over 24 splits by picture: the mean is not below the promise by more than chance explains."""
    step = None if guide is None else Step(guide, k=50)
    # The prior comes from queries that are neither fitted nor measured afterwards.
    prior = None if step is None else np.array(calibrate(gallery, world.queries(40), step)["prior"])
    pictures = 100
    needed = needs(gallery, world.queries(2 * pictures), step, rule, prior)
    groups = np.repeat(np.arange(pictures), 2)
    rng = np.random.default_rng(7)
    for coverage in (0.9, 0.95, 0.98):
        shares = []
        for _ in range(24):
            fitted = np.isin(groups, rng.permutation(pictures)[: pictures // 2])
            limit = conformal(needed[fitted], coverage)
            assert limit is not None
            shares.append(np.mean(needed[~fitted] <= limit))
        # One-sided: 100 queries are fitted and 100 measured, and both err.
        error = np.sqrt(2 * coverage * (1 - coverage) / pictures)
        assert np.mean(shares) >= coverage - 1.645 * error


@pytest.mark.usefixtures("kernel")
def test_a_search_covers_what_the_calibration_says(world: World) -> None:
    queries = world.queries(160)
    bare = world.gallery()
    facts = {
        "guides": {
            "sparse:50": calibrate(bare, queries[:100], Step("sparse", k=50)),
            "": calibrate(bare, queries[:100], None),
        }
    }
    assert msgspec.json.decode(msgspec.json.encode(facts)) == facts, "every limit is finite"
    gallery = world.gallery(facts)
    for spec in ("sparse:50 > lists(0.9):10", "ivf(0.9)", "sparse:50 > lists(0.9, rule=union):10"):
        covered, visited = [], []
        for query in queries[100:]:
            exact, _ = run("dense", gallery, query, 10)
            found, trace = run(spec, gallery, query, 10)
            covered.append(np.isin(exact.rows, found.rows).all())
            visited.append(trace[-1].rows)
            assert "certificate: conformal, 90 %" in trace[-1].note or "exact" in trace[-1].note
        assert np.mean(covered) >= 0.9 - 1.645 * np.sqrt(0.09 / 60 + 0.09 / 100)
        assert np.mean(visited) < 0.6 * len(gallery)


def test_calibration_needs_lists_and_queries(world: World, gallery: MemoryGallery) -> None:
    with pytest.raises(InputError, match="build lists"):
        calibrate(MemoryGallery(["a"], {"dense": world.dense[:1]}), world.queries(3), None)
    with pytest.raises(InputError, match="more queries"):
        calibrate(gallery, world.queries(1), None)


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("sparse:9 > lists(0.9, tiles=0.1)", "one limit"),
        ("sparse:9 > lists(1.5)", "share"),
        ("sparse:9 > lists(rule=bset)", "did you mean 'best'"),
        ("sparse:9 > lists(weight=2.0)", "from 0 to 1"),
        ("ivf(0.9, rule=best)", "no guide"),
        ("lists(0.9)", "start with one that opens"),
    ],
)
def test_specs_that_make_no_sense(spec: str, message: str) -> None:
    with pytest.raises(SpecError, match=message):
        parse(spec)


def test_the_preset() -> None:
    assert str(parse("sgpd")) == "sparse:1000 > lists(0.98):100"


def test_lists_are_the_same_every_time(world: World) -> None:
    first, again = (build(world.dense, Plan(60), terms=world.terms) for _ in range(2))
    for name in ("rows", "ends", "centroids"):
        np.testing.assert_array_equal(getattr(first, name), getattr(again, name))


def all_rows(lists: Lists) -> list[int]:
    return sorted(lists.rows.tolist())


def test_every_tile_is_in_one_list_and_no_list_is_large(world: World) -> None:
    dense = np.concatenate([world.dense, np.repeat(world.dense[:1], 700, 0)])  # many equal tiles
    lists = build(dense, Plan(60))
    assert all_rows(lists) == list(range(len(dense)))
    assert lists.sizes.max() <= 3 * -(-len(dense) // 60)
    many = build(world.dense, Plan(1500))
    assert all_rows(many) == list(range(len(world.dense)))


def test_the_first_lists_are_those_of_the_whole_order() -> None:
    scores = np.random.default_rng(0).integers(30, size=200).astype(float)  # many ties
    order = np.argsort(-scores, kind="stable")
    for count in (1, 7, 100, 199, 200, 300):
        first = first_lists(scores, count)
        assert len(first) >= min(count, 200)
        np.testing.assert_array_equal(first, order[: len(first)])


@pytest.mark.usefixtures("kernel")
def test_lists_are_near_by_their_centroids(world: World, gallery: MemoryGallery) -> None:
    lists = gallery.lists
    assert lists is not None
    leading = lists.directions[: lists.lead.codes.shape[1]]
    radius = np.sqrt(1 - (lists.centroids**2).sum(1))
    for query in world.queries(5):
        products = (lists.centroids @ leading.T) @ (leading @ query.dense)
        found = near(lists, lists.turned(query.dense))
        np.testing.assert_allclose(found, products + 0.4 * radius, atol=0.02)


def test_directions_turn_and_nothing_else(world: World, gallery: MemoryGallery) -> None:
    lists = gallery.lists
    assert lists is not None
    assert 0 < lists.lead.codes.shape[1] < DIM
    np.testing.assert_allclose(lists.directions @ lists.directions.T, np.eye(DIM), atol=1e-6)
    energy = ((world.dense @ lists.directions.T) ** 2).sum(0)
    assert energy[: lists.lead.codes.shape[1]].min() > energy[lists.lead.codes.shape[1] :].max()
    dense = np.hstack([part.codes * part.scale[:, None] for part in (lists.lead, lists.rest)])
    error = np.linalg.norm(dense @ lists.directions - world.dense[lists.rows], axis=1)
    assert (error <= np.hypot(lists.lead.error, lists.rest.error) * (1 + 1e-4)).all()


@pytest.mark.usefixtures("kernel")
def test_a_visit_in_pieces_knows_the_best_of_what_it_saw(world: World, gallery: MemoryGallery) -> None:
    whole = gallery.lists
    assert whole is not None
    rng = np.random.default_rng(3)
    gone = replace(whole, rows=np.where(rng.random(len(whole.rows)) < 0.2, -1, whole.rows).astype(np.int32))
    mask = rng.random(len(gallery)) < 0.5
    for lists, allowed in ((whole, None), (whole, mask), (gone, None), (gone, mask)):
        for query in world.queries(4):
            visit = Visit(lists, world.dense, gallery.ids, query.dense, 15, allowed)
            places = rng.permutation(len(lists.rows))[:40]
            visit.candidates(places)
            order = rng.permutation(len(lists.ends))[:9]
            for part in (order[:1], order[1:4], order[4:]):
                visit.lists(part)
            seen = {*places.tolist(), *np.flatnonzero(np.isin(lists.list_of, order)).tolist()}
            rows = lists.rows[sorted(seen)]
            rows = rows[(rows >= 0) & (True if allowed is None else mask[rows])]
            exact = exact_scores(world.dense[rows], query.dense[None])[:, 0]
            best = best_first(rows.astype(np.int64), exact, gallery.ids, 15)
            found = visit.best()
            np.testing.assert_array_equal(found.rows, best.rows)
            np.testing.assert_array_equal(found.scores, best.scores)
            assert visit.floor() == pytest.approx(np.sort(exact)[-10], abs=0.02)


@pytest.mark.usefixtures("kernel")
@pytest.mark.parametrize("k", [700, 1500, 5500, 9000])
def test_many_are_wanted(k: int) -> None:
    world = World(6000, seed=8)
    gallery = world.gallery()
    for query in world.queries(2):
        exact, _ = run("dense", gallery, query, k)
        found, _ = run("ivf(tiles=1.0)", gallery, query, k)
        assert (found.rows.tolist(), found.scores.tolist()) == (exact.rows.tolist(), exact.scores.tolist())


@pytest.mark.usefixtures("kernel")
@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # of products, by some libraries
@pytest.mark.parametrize("value", [np.inf, np.nan])
def test_a_broken_vector_is_refused_where_it_is_met(world: World, value: float) -> None:
    dense = world.dense.copy()
    dense[17, 3] = value
    gallery = MemoryGallery(ids_of(len(dense)), {"dense": dense}, lists=build(dense, Plan(60)))
    with pytest.raises(ArchiveError, match="not finite"):
        run("ivf(tiles=1.0)", gallery, world.queries(1)[0], 10)


def test_a_query_is_turned_as_exactly_as_is_said() -> None:
    rng = np.random.default_rng(5)
    directions = np.linalg.qr(rng.normal(size=(96, 96)))[0].astype(np.float32)
    for scale in (1e-3, 1.0, 40.0):
        query = (scale * rng.normal(size=96)).astype(np.float32)
        exact = directions.astype(np.float64) @ query.astype(np.float64)
        off = np.linalg.norm(np.vecdot(directions, query) - exact)
        assert 0 < off <= turning(query) < 1e-3 * np.linalg.norm(query)
