from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from swath.errors import InputError, SpecError
from swath.hits import Hits
from swath.search import (
    EncodedQuery,
    MemoryGallery,
    Step,
    encode,
    parse,
    run,
    run_many,
    search,
    search_many,
    text_id,
)
from swath.types import Candidates, Gallery, Query, Tile, Window
from tests.search.galleries import ids_of, obvious, places, vectors_of
from tests.tiny import TinyEncoder

pytestmark = pytest.mark.usefixtures("stages")
quick = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])

N = 40
GALLERY = MemoryGallery(ids_of(N), {"dense": vectors_of(N, 32, 4)})
QUERY = EncodedQuery(vectors_of(1, 32, 77)[0].astype(np.float32))
WORDS = EncodedQuery(QUERY.dense, ("words",))
SPECS = (
    "dense",
    "dense:9",
    "dense:9 > reverse",
    "dense:9 > reverse:4",
    "dense:9 > wordy > reverse",
    "dense:9 > grow:20 > reverse",
    "dense > grow",
    "fuse(dense:8, words:8)",
    "fuse(dense, words; sum(0.5, 0.5)) > grow:30",
    "fuse(dense:8, fuse(words:3); sum) > reverse:12",
)


def rows(found: Candidates) -> list[int]:
    return [int(row) for row in found.rows]


def ordered(mask: Sequence[bool] | None = None) -> list[int]:
    allowed = range(N) if mask is None else np.flatnonzero(mask).tolist()
    return [row for row, _ in obvious(GALLERY.signal("dense"), GALLERY.ids, QUERY.dense, N, allowed)]


def test_stages_run_one_after_the_other_and_cut() -> None:
    best = ordered()
    assert rows(run("auto", GALLERY, QUERY, 5)[0]) == best[:5]
    assert rows(run("dense:9 > reverse", GALLERY, QUERY, 5)[0]) == best[:9][::-1][:5]
    assert rows(run("dense:9 > reverse", GALLERY, QUERY, 50)[0]) == best[:9][::-1]
    assert rows(run("dense:9 > reverse:4", GALLERY, QUERY, 50)[0]) == best[:9][::-1][:4]
    assert rows(run("dense:3 > grow", GALLERY, QUERY, 50)[0]) == best
    assert rows(run("fuse(dense:2, words:1; rrf)", GALLERY, WORDS, 50)[0]) == [
        *sorted([best[0], best[-1]], key=lambda row: bytes(GALLERY.ids[row])),
        best[1],
    ]


def test_a_stage_can_be_run_by_itself() -> None:
    stage = Step("dense").build()
    found, cost = stage.run(GALLERY, QUERY, None, 6, None)
    assert rows(found) == ordered()[:6]
    assert (cost.rows, cost.bytes_read) == (N, N * 32 * 2)


@pytest.mark.parametrize("spec", SPECS)
def test_longer_answers_begin_with_shorter_ones(spec: str) -> None:
    whole = run(spec, GALLERY, WORDS, N)[0]
    for k in range(N + 2):
        found = run(spec, GALLERY, WORDS, k)[0]
        assert rows(found) == rows(whole)[:k]
        assert found.scores.tolist() == whole.scores[:k].tolist()


@quick
@given(st.lists(st.booleans(), min_size=N, max_size=N), st.sampled_from(SPECS), st.integers(0, N))
def test_filter_then_search_is_search_then_filter(allowed: list[bool], spec: str, k: int) -> None:
    mask = np.array(allowed)
    found = run(spec, GALLERY, WORDS, k, mask)[0]
    assert mask[found.rows].all()
    if spec in ("dense", "dense > grow"):
        everything = rows(run(spec, GALLERY, WORDS, N)[0])
        assert rows(found) == [row for row in everything if allowed[row]][:k]
    part = MemoryGallery(
        [bytes(name).decode() for name in GALLERY.ids[mask]], {"dense": GALLERY.signal("dense")[mask]}
    )
    alone = run(spec, part, WORDS, k)[0]
    assert GALLERY.ids[found.rows].tolist() == part.ids[alone.rows].tolist()
    assert found.scores.tolist() == alone.scores.tolist()


@pytest.mark.parametrize("spec", SPECS)
def test_the_order_of_rows_does_not_matter(spec: str) -> None:
    order = np.random.default_rng(3).permutation(N)
    moved = MemoryGallery(
        [bytes(name).decode() for name in GALLERY.ids[order]], {"dense": GALLERY.signal("dense")[order]}
    )
    found, again = run(spec, GALLERY, WORDS, N)[0], run(spec, moved, WORDS, N, threads=2)[0]
    assert GALLERY.ids[found.rows].tolist() == moved.ids[again.rows].tolist()
    assert found.scores.tolist() == again.scores.tolist()


@pytest.mark.parametrize("spec", SPECS)
def test_many_queries_are_the_same_as_one_at_a_time(spec: str) -> None:
    queries = [EncodedQuery(vector, ("w",)) for vector in vectors_of(9, 32, 8).astype(np.float32)]
    together, trace = run_many(spec, GALLERY, queries, 7)
    assert [rows(found) for found in together] == [rows(run(spec, GALLERY, query, 7)[0]) for query in queries]
    assert [part.stage for part in trace] == [part.stage for part in run(spec, GALLERY, WORDS, 7)[1]]
    assert run_many(spec, GALLERY, [], 7)[0] == []


def test_many_searches_are_the_same_as_one_at_a_time(tiny: TinyEncoder) -> None:
    tiles = [Tile(name, "", Window(0, 0, row, 1)) for row, name in enumerate(ids_of(N))]
    gallery = MemoryGallery(ids_of(N), {"dense": vectors_of(N, 32, 4)}, tiles)
    likes = [bytes(gallery.ids[row]).decode() for row in (3, 8)]
    queries = [
        Query(("red",)),
        Query(("blue",)),
        Query(("blue",), likes=(likes[0],)),
        Query(likes=(likes[1],)),
        Query(("red",), where="width < 20"),
        Query(("grey",), unlike_texts=("white",), where="width < 20"),
        Query(unlikes=(likes[0],)),
    ]
    together = search_many(gallery, queries, tiny, pipeline="dense:9", k=5)
    for query, found in zip(queries, together, strict=True):
        alone = search(gallery, query, tiny, pipeline="dense:9", k=5)
        assert found.hits == alone.hits
        assert found.pipeline == alone.pipeline
        assert [part.stage for part in found.trace] == [part.stage for part in alone.trace]
    assert [hits.trace[-1].note for hits in together] == [
        *["2 queries together"] * 2,
        *["", ""],
        *["2 queries together"] * 2,
        "",
    ]
    assert search_many(gallery, [], tiny) == []
    with pytest.raises(InputError, match="Query 2 of 2: The query is empty"):
        search_many(gallery, [Query(("red",)), Query()], tiny)


def test_a_complete_answer_appends_what_was_cut_in_the_order_before() -> None:
    best = ordered()
    found = run("dense:9 > reverse:4", GALLERY, QUERY, N, complete=True)[0]
    assert rows(found) == [*best[:9][::-1][:4], *best[:5], *best[9:]]
    assert np.isfinite(found.scores[:4]).all() and np.isneginf(found.scores[4:]).all()
    assert rows(run("dense:9 > reverse:4", GALLERY, QUERY, 6, complete=True)[0]) == rows(found)[:6]
    assert rows(run("dense:9", GALLERY, QUERY, N, complete=True)[0]) == best
    grown = run("dense:3 > grow:5", GALLERY, QUERY, N, complete=True)[0]
    assert rows(grown) == best and np.isneginf(grown.scores[5:]).all()
    for spec in SPECS:
        everything = rows(run(spec, GALLERY, WORDS, N, complete=True)[0])
        shown = rows(run(spec, GALLERY, WORDS, N)[0])
        assert everything[: len(shown)] == shown and len(set(everything)) == len(everything)


def test_stages_that_need_words_are_skipped_without_them() -> None:
    found, trace = run("dense:9 > wordy:5 > reverse", GALLERY, QUERY, N)
    assert rows(found) == ordered()[:5][::-1]
    assert [part.note for part in trace] == ["", "skipped: the query has no words", ""]
    found, trace = run("fuse(dense:4, words:4)", GALLERY, QUERY, N)
    assert rows(found) == ordered()[:4]
    assert trace[1].note == "skipped: the query has no words"
    for spec in ("words:9 > reverse", "fuse(words, words)"):
        with pytest.raises(InputError, match="add words"):
            run(spec, GALLERY, QUERY, N)
    with pytest.raises(InputError, match="share a batch"):
        run_many("dense", GALLERY, [QUERY, WORDS], 3)


def test_what_does_not_fit_the_gallery_is_refused() -> None:
    with pytest.raises(InputError, match="needs the signal bits64, and the archive stores dense"):
        run("fuse(dense, bits64)", GALLERY, QUERY, 3)
    with pytest.raises(InputError, match="A mask has one truth value for each of 40 rows"):
        run("dense", GALLERY, QUERY, 3, np.ones(3, bool))


def test_hits_lead_to_tiles_and_name_what_ran(tiny: TinyEncoder) -> None:
    gallery: Gallery = places()
    hits = search(gallery, Query(texts=("red",), where="cloud >= 0"), tiny, k=3)
    assert isinstance(hits, Hits) and len(hits) == 3
    assert [hit.rank for hit in hits] == [1, 2, 3]
    assert hits[0].tile.source == f"scenes/{hits[0].tile.id}.tif"
    assert [hit.raw for hit in hits] == sorted((hit.raw for hit in hits), reverse=True)
    assert all(hit.score is None for hit in hits)
    assert hits.pipeline == "dense"
    assert [part.stage for part in hits.trace] == ["filter", "encode", "dense"]
    assert hits.trace[0].note == "4 of 6 rows pass"
    assert hits.trace[2].rows == 4 and hits.trace[2].bytes_read == 4 * 32 * 2
    assert "numpy" in hits.trace[2].kernel and hits.trace[2].milliseconds > 0


@pytest.mark.parametrize(("k", "found"), [(0, 0), (1, 1), (6, 6), (7, 6), (10**9, 6)])
def test_k_is_exact(tiny: TinyEncoder, k: int, found: int) -> None:
    assert len(search(places(), Query(texts=("red",)), tiny, k=k)) == found
    assert len(search(places(), Query(texts=("red",)), tiny, k=k, pipeline="dense:3")) == min(found, 3)


def test_bad_questions_get_a_sentence(tiny: TinyEncoder) -> None:
    with pytest.raises(InputError, match="at least 0, not -1"):
        search(places(), Query(texts=("red",)), tiny, k=-1)
    with pytest.raises(SpecError):
        search(places(), Query(texts=("red",)), tiny, pipeline="dens")
    empty = MemoryGallery([], {"dense": np.zeros((0, 32), np.float16)})
    assert len(search(empty, Query(texts=("red",), bbox=(0, 0, 1, 1), where="width > 3"), tiny)) == 0


def test_texts_are_a_gallery_like_any_other(tiny: TinyEncoder) -> None:
    texts = ["red", "green", "a blue roof", "red"]
    gallery = MemoryGallery([text_id(text) for text in texts], {"dense": tiny.encode_texts(texts).embedding})
    assert gallery.signal("dense").dtype == np.float16
    query = encode(Query(images=(np.full((32, 32, 3), (220, 30, 30), np.uint8),)), tiny, gallery)
    found = run("dense", gallery, query, 2)[0]
    assert rows(found) == [0, 3]
    assert gallery.tile(2).id == text_id("a blue roof") and len(text_id("\udcff")) == 32


def test_galleries_whose_parts_do_not_fit_are_refused() -> None:
    with pytest.raises(InputError, match="2 ids has 3 rows of dense"):
        MemoryGallery(["a", "b"], {"dense": vectors_of(3, 4)})
    with pytest.raises(InputError, match="1 rows of tiles"):
        MemoryGallery(["a", "b"], {}, [Tile("a", "", Window(0, 0, 1, 1))])
    for name in ("é", ""):
        with pytest.raises(InputError, match="ASCII"):
            MemoryGallery([name], {})
    with pytest.raises(KeyError):
        places().attribute("nope")
    with pytest.raises(KeyError):
        places().signal("tokens")


def test_a_pipeline_may_be_given_parsed(tiny: TinyEncoder) -> None:
    hits = search(places(), Query(texts=("red",)), tiny, pipeline=parse("dense:4 > reverse"))
    assert hits.pipeline == "dense:4 > reverse" and len(hits) == 4


def test_a_search_imports_nothing_heavy() -> None:
    code = """
import sys
import numpy as np
from swath.search import MemoryGallery, search
from swath.types import Query
from tests.tiny import TinyEncoder
tiny = TinyEncoder()
gallery = MemoryGallery(["a"], {"dense": tiny.encode_texts(["red"]).embedding})
assert len(search(gallery, Query(texts=("red",), where="width = 0"), tiny)) == 1
heavy = {"torch", "numba", "lance", "pyarrow", "rasterio", "faiss", "PIL", "rich", "onnxruntime", "numkong"}
print(sorted(heavy & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
