"""int8 rows: their bounds hold, and a search that reads them first answers as the one that does not."""

from __future__ import annotations

from fractions import Fraction
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from swath.errors import ArchiveError
from swath.int8 import quantise
from swath.search import EncodedQuery, MemoryGallery, run, run_many
from swath.search.kernels import exact, half, int8
from swath.types import Candidates
from tests.search.galleries import ids_of, vectors_of

KINDS = ("unit", "coarse", "wild")


def query_of(dim: int, seed: int = 9) -> NDArray[np.float32]:
    return np.asarray(vectors_of(1, dim, seed)[0], np.float32)


def same(first: list[Candidates], second: list[Candidates]) -> None:
    assert len(first) == len(second)
    for one, other in zip(first, second, strict=True):
        assert one.rows.tolist() == other.rows.tolist()
        assert one.scores.tobytes() == other.scores.tobytes()


def near_equal(n: int, dim: int, seed: int = 0) -> NDArray[np.float16]:
    """Copies of one vector, a tenth of the numbers moved by one step of float16: far below a step of int8."""
    rng = np.random.default_rng(seed)
    vectors = np.tile(vectors_of(1, dim, seed), (n, 1))
    nudged = rng.random((n, dim)) < 0.1
    vectors[nudged] = np.nextafter(vectors, np.float16(2))[nudged]
    return vectors


def length_squared(values: list[Fraction]) -> Fraction:
    return sum((value * value for value in values), Fraction(0))


@settings(deadline=None, max_examples=60)
@given(st.integers(1, 40), st.integers(0, 10_000), st.sampled_from(KINDS))
def test_the_stored_bounds_are_above_the_true_lengths(dim: int, seed: int, kind: str) -> None:
    vectors = vectors_of(4, dim, seed, kind)
    vectors[1] = 0
    rows = quantise(vectors)
    assert rows.codes.dtype == np.int8 and rows.codes.min() >= -127
    for row in range(4):
        step = Fraction(float(rows.scale[row]))
        stored = [step * int(code) for code in rows.codes[row].tolist()]
        rest = [Fraction(float(x)) - value for x, value in zip(vectors[row], stored, strict=True)]
        assert Fraction(float(rows.error[row])) ** 2 >= length_squared(rest)
        assert Fraction(float(rows.norm[row])) ** 2 >= length_squared(stored)
        assert max(map(abs, rest)) <= step * Fraction(51, 100)


def test_rows_that_are_not_finite_have_no_bound() -> None:
    vectors = vectors_of(5000, 8)
    vectors[7, 3], vectors[4500, 0] = np.nan, np.inf
    rows = quantise(vectors)
    assert np.flatnonzero(np.isinf(rows.error)).tolist() == [7, 4500]
    assert not rows.codes[[7, 4500]].any() and np.isfinite(rows.scale).all() and np.isfinite(rows.norm).all()
    assert len(quantise(np.zeros((0, 8), np.float16)).codes) == 0


@pytest.mark.parametrize("dim", [1, 7, 32, 63, 64, 65, 512, 1000])
def test_the_products_are_the_integers_of_numpy(dim: int) -> None:
    rng = np.random.default_rng(dim)
    rows = rng.integers(-127, 128, (130, dim)).astype(np.int8)
    rows[0], rows[1] = 127, -127
    scale = np.ones(len(rows), np.float32)
    for count in (1, 3, int8._PACKED, 40):
        codes = rng.integers(-127, 128, (count, dim)).astype(np.int8)
        codes[0] = 127
        expected = rows.astype(np.int64) @ codes.astype(np.int64).T
        product = int8._Product(codes)
        assert (product(rows, scale) == expected).all()
        assert (product(rows[:50], scale[:50]) == expected[:50]).all()
        rows.flags.writeable = False  # as rows that are mapped from a file


@pytest.mark.parametrize("kind", [*KINDS, "near"])
@pytest.mark.parametrize("dim", [3, 96])
@pytest.mark.parametrize("share", [None, 0.5, 0.01])
def test_the_answer_is_that_of_float16(kind: str, dim: int, share: float | None) -> None:
    n = 6000
    vectors = near_equal(n, dim) if kind == "near" else vectors_of(n, dim, 2, kind)
    vectors[::7] = vectors[3]
    ids = np.array(ids_of(n), "S32")
    mask = None if share is None else np.random.default_rng(4).random(n) < share
    queries = np.stack([*(query_of(dim, seed) for seed in range(8)), vectors[3].astype(np.float32) / 1e4])
    compact = quantise(vectors)
    for k in (1, 10, 500):
        expected = exact.top(vectors, ids, queries, k, mask)[0]
        found, work = exact.top(vectors, ids, queries, k, mask, compact=compact, block=700)
        same(found, expected)
        if share is None:
            assert work.kernel.startswith("numkong int8") and work.rows == n
        alone = [exact.top(vectors, ids, q[None], k, mask, compact=compact, threads=3)[0][0] for q in queries]
        same(alone, expected)
        same(exact.top(vectors, ids, queries[:3], k, mask, compact=compact)[0], expected[:3])


@pytest.mark.parametrize("most", [0, 100])
@pytest.mark.parametrize("at_once", [1, 4096])
def test_what_int8_cannot_tell_apart_is_scanned_as_float16(most: int, at_once: int) -> None:
    n, dim, k = 9000, 64, 12
    vectors, ids = near_equal(n, dim), np.array(ids_of(n), "S32")
    queries = np.stack([query_of(dim), -query_of(dim)])
    compact = quantise(vectors)
    with patch.object(int8, "_MOST", most), patch.object(exact, "_AT_ONCE", at_once):
        assert int8.shortlists(compact, queries, k) == [None, None]
        found, work = exact.top(vectors, ids, queries, k, compact=compact)
        same(found, exact.top(vectors, ids, queries, k)[0])
        assert work.bytes_read == n * (dim + int8.ROW_TERMS) + 2 * n * dim * 2
    with patch.object(exact, "_AT_ONCE", at_once):
        same(exact.top(vectors, ids, queries, k, compact=compact)[0], found)


def test_one_query_of_a_batch_may_be_lost() -> None:
    n, dim, k = 9000, 64, 12
    vectors, ids = vectors_of(n, dim), np.array(ids_of(n), "S32")
    vectors[: n // 2, 0] = 0
    vectors[n // 2 :] = 0
    queries = np.stack([query_of(dim), np.eye(dim, dtype=np.float32)[0], *np.tile(query_of(dim, 3), (9, 1))])
    compact = quantise(vectors)
    with patch.object(int8, "_MOST", 11 * 1000):
        lists = int8.shortlists(compact, queries, k, threads=1)
        assert [one is None for one in lists] == [False, True, *[False] * 9]
        found = exact.top(vectors, ids, queries, k, compact=compact, threads=2)[0]
    same(found, exact.top(vectors, ids, queries, k)[0])


def test_a_shortlist_is_short_and_holds_the_best() -> None:
    n, dim, k = 20_000, 128, 10
    vectors, query = vectors_of(n, dim), query_of(dim)
    (short,) = int8.shortlists(quantise(vectors), query[None], k)
    assert short is not None and k < len(short.rows) < n // 50
    scores = vectors.astype(np.float64) @ query.astype(np.float64)
    assert set(np.argsort(-scores)[:k].tolist()) <= set(short.rows.tolist())
    assert (np.abs(scores[short.rows] - short.rough) <= short.slack).all()


def test_equal_rows_are_cut_by_id() -> None:
    n = 6000
    vectors, ids = np.tile(vectors_of(1, 8), (n, 1)), np.array(ids_of(n), "S32")
    found = exact.top(vectors, ids, query_of(8)[None], 25, compact=quantise(vectors))[0][0]
    assert found.rows.tolist() == np.argsort(ids)[:25].tolist()


@pytest.mark.parametrize("query", [np.zeros(8, np.float32), query_of(8), np.full(8, 1e-40, np.float32)])
def test_broken_rows_are_never_left_out(query: NDArray[np.float32]) -> None:
    vectors, ids = vectors_of(5000, 8), np.array(ids_of(5000), "S32")
    vectors[4000, 3] = -np.inf
    compact = quantise(vectors)
    for queries in (query[None], np.stack([query] * 9)):
        with pytest.raises(ArchiveError, match=bytes(ids[4000]).decode()):
            exact.top(vectors, ids, queries, 5, compact=compact)
    allowed = np.arange(5000) != 4000
    same(
        exact.top(vectors, ids, query[None], 5, allowed, compact=compact)[0],
        exact.top(vectors, ids, query[None], 5, allowed)[0],
    )


def test_a_gallery_brings_its_int8_rows_to_the_stage() -> None:
    ids, vectors = ids_of(400), vectors_of(400, 32)
    plain, compact = (MemoryGallery(ids, {"dense": vectors}, compact=flag) for flag in (False, True))
    queries = [EncodedQuery(query_of(32, seed)) for seed in range(20)]
    assert plain.compact is None and compact.signals == plain.signals
    for k in (0, 1, 100, 101, 400):
        found, (trace,) = run_many("dense", compact, queries, k)
        same(found, run_many("dense", plain, queries, k)[0])
        assert trace.kernel.startswith("numkong int8" if 0 < k <= 100 else half.KERNEL)
        same([run("dense", compact, query, k)[0] for query in queries], found)
