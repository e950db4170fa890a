from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from swath.errors import ArchiveError, EncoderError, InputError
from swath.int8 import quantise
from swath.search.kernels import exact
from swath.search.ordering import best_first, exact_scores
from swath.types import Array, Candidates, Int8Rows
from tests.search.galleries import ids_of, obvious, vectors_of

KINDS = ("unit", "coarse", "wild")


def top(
    vectors: NDArray[np.float16],
    ids: Array,
    queries: NDArray[np.float32],
    k: int,
    mask: NDArray[np.bool_] | None = None,
    *,
    compact: Int8Rows | None = None,
    block: int | None = None,
    threads: int | None = None,
) -> list[Candidates]:
    return exact.top(vectors, ids, queries, k, mask, compact=compact, block=block, threads=threads)[0]


def pairs(found: Candidates) -> list[tuple[int, float]]:
    assert found.rows.dtype == np.int64 and found.scores.dtype == np.float32
    return list(zip(found.rows.tolist(), found.scores.tolist(), strict=True))


def query_of(dim: int, seed: int, kind: str = "unit") -> NDArray[np.float32]:
    return np.asarray(vectors_of(1, dim, seed + 1000, kind)[0], np.float32)


@settings(deadline=None, max_examples=60)
@given(
    n=st.integers(0, 90),
    dim=st.integers(1, 70),
    seed=st.integers(0, 10_000),
    kind=st.sampled_from(KINDS),
    share=st.sampled_from([None, 0.0, 0.05, 0.4, 0.9, 1.0]),
    block=st.sampled_from([1, 7, 32, 1000]),
    threads=st.integers(1, 3),
)
def test_equals_the_obvious_search(
    n: int, dim: int, seed: int, kind: str, share: float | None, block: int, threads: int
) -> None:
    rng = np.random.default_rng(seed)
    vectors, ids, query = (
        vectors_of(n, dim, seed, kind),
        np.array(ids_of(n), "S32"),
        query_of(dim, seed, kind),
    )
    if n > 4:
        vectors[rng.integers(0, n, n // 2)] = vectors[0]
    mask = None if share is None else rng.random(n) < share
    allowed = range(n) if mask is None else np.flatnonzero(mask).tolist()
    batch = np.stack([query, -query, query] * (3 if n % 2 else 1))
    compact = quantise(vectors)
    for k in sorted({0, 1, 2, n // 5, n // 2, n, n + 5}):
        expected, opposite = (obvious(vectors, ids, one, k, allowed) for one in batch[:2])
        for rows in (None, compact):
            single = top(vectors, ids, query[None], k, mask, compact=rows, block=block, threads=threads)
            assert pairs(single[0]) == expected
            many = top(vectors, ids, batch, k, mask, compact=rows, block=block)
            assert [pairs(found) for found in many] == [expected, opposite, expected] * (len(batch) // 3)


@pytest.mark.parametrize("kind", KINDS)
def test_the_answer_is_the_same_in_every_layout(kind: str) -> None:
    n, dim, k = 5000, 48, 30
    vectors, ids, query = vectors_of(n, dim, 3, kind), np.array(ids_of(n), "S32"), query_of(dim, 5, kind)
    mask = np.random.default_rng(1).random(n) < 0.6
    found = top(vectors, ids, query[None], k, mask)[0]
    named = [(bytes(ids[row]), score) for row, score in pairs(found)]
    order = np.random.default_rng(2).permutation(n)
    moved = top(vectors[order], ids[order], query[None], k, mask[order], block=333, threads=2)[0]
    assert [(bytes(ids[order][row]), score) for row, score in pairs(moved)] == named
    columns = np.asfortranarray(vectors)
    assert pairs(top(columns, ids, query[None], k, mask)[0]) == pairs(found)
    wide = np.concatenate([vectors, vectors], 1)[:, :dim]
    assert pairs(top(wide, ids, query[None], k, mask, block=100)[0]) == pairs(found)


@pytest.mark.parametrize("k", [1, 50, 3000])
def test_scores_closer_than_the_error_of_float32_are_told_apart(k: int) -> None:
    n, dim = 6000, 96
    vectors = np.tile(vectors_of(1, dim, 6), (n, 1))
    rng = np.random.default_rng(8)
    nudged = rng.random((n, dim)) < 0.1
    vectors[nudged] = np.nextafter(vectors, np.float16(0))[nudged]
    ids, query = np.array(ids_of(n), "S32"), query_of(dim, 9) * np.float32(2**-10)
    query[:4] = [1, -1, 1, -1]
    vectors[:, :4] = 0.5
    expected = best_first(np.arange(n), exact_scores(vectors, query[None])[:, 0], ids, k)
    assert len(set(expected.scores.tolist())) > min(k, 100) // 2
    for block, threads in [(None, None), (100, 1), (4096, 2)]:
        assert pairs(top(vectors, ids, query[None], k, block=block, threads=threads)[0]) == pairs(expected)
    assert pairs(top(vectors, ids, np.stack([query, -query]), k)[0]) == pairs(expected)


@pytest.mark.parametrize("kind", KINDS)
def test_longer_answers_begin_with_shorter_ones(kind: str) -> None:
    vectors, ids, query = vectors_of(300, 16, 1, kind), np.array(ids_of(300), "S32"), query_of(16, 2, kind)
    whole = pairs(top(vectors, ids, query[None], 300)[0])
    for k in range(0, 300, 7):
        assert pairs(top(vectors, ids, query[None], k, block=64)[0]) == whole[:k]


def test_many_queries_are_the_same_as_one_at_a_time() -> None:
    vectors, ids = vectors_of(700, 24), np.array(ids_of(700), "S32")
    queries = vectors_of(300, 24, 9).astype(np.float32)
    for k in (10, 700):
        together = top(vectors, ids, queries, k)
        alone = [top(vectors, ids, query[None], k)[0] for query in queries]
        assert [pairs(found) for found in together] == [pairs(found) for found in alone]


def test_scores_are_the_correctly_rounded_sums() -> None:
    # The second sum is exactly half-way between two float32 numbers but for its last, tiny term.
    vectors = np.array([[1, 2**-12, 0, 0], [1, 2**-12, 2**-24, 0], [0, 0, 0, 0]], np.float16)
    query = np.array([[1, 2**-12, 2**-40, 1]], np.float32)
    halfway = 1 + 2**-24
    assert exact_scores(vectors, query)[:, 0].tolist() == [
        float(np.float32(halfway)),
        float(np.float32(halfway)),  # 2**-64 is lost in the rounding to float64
        0.0,
    ]


def test_there_is_one_zero() -> None:
    least = np.array([[2**-24]], np.float16), np.array([[-(2**-149)]], np.float32)
    for vectors, query in [least, (np.zeros((1, 3), np.float16), -np.ones((1, 3), np.float32))]:
        score = exact_scores(vectors, query)
        assert score == 0 and not np.signbit(score)


def test_cancelling_sums_keep_their_small_rest() -> None:
    terms = [(60000, 1e4), (60000, -1e4), (2**-14, 2**-60), (2**-10, 2**-64)]
    for order in permutations(terms):
        vector, query = zip(*order, strict=True)
        score = exact_scores(np.array([vector], np.float16), np.array([query], np.float32))
        assert score.tolist() == [[2.0**-73]]


def test_equal_scores_are_ordered_by_id_then_row() -> None:
    ids = np.array([b"b", b"a", b"c", b"a"])
    found = best_first(np.arange(4), np.array([1, 1, 2, 1], np.float32), ids, 3)
    assert found.rows.tolist() == [2, 1, 3]
    assert best_first(np.arange(4), np.zeros(4, np.float32), ids).rows.tolist() == [1, 3, 0, 2]


def test_the_whole_tie_at_the_cut_is_ordered_by_id() -> None:
    n = 6000
    vectors = np.tile(vectors_of(1, 8), (n, 1))
    ids = np.array(ids_of(n), "S32")
    found = top(vectors, ids, query_of(8, 1)[None], 25)[0]
    assert found.rows.tolist() == np.argsort(ids)[:25].tolist()


def test_broken_vectors_are_refused() -> None:
    vectors, ids = vectors_of(50, 8), np.array(ids_of(50), "S32")
    vectors[7, 3] = np.nan
    with pytest.raises(ArchiveError, match=bytes(ids[7]).decode()):
        top(vectors, ids, query_of(8, 0)[None], 5)
    allowed = np.arange(50) != 7
    assert len(top(vectors, ids, query_of(8, 0)[None], 60, allowed)[0].rows) == 49


def test_queries_that_do_not_fit_are_refused() -> None:
    vectors, ids = vectors_of(5, 8), np.array(ids_of(5), "S32")
    with pytest.raises(EncoderError, match="9 numbers"):
        top(vectors, ids, query_of(9, 0)[None], 5)
    with pytest.raises(InputError, match="normalise"):
        top(vectors, ids, np.full((1, 8), np.inf, np.float32), 5)
