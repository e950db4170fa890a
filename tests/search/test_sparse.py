"""Exact search over postings, against scipy and figures worked out by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from swath.archive.lists import Postings, build_postings, in_memory
from swath.archive.lists.postings import impacts_of
from swath.encoders import SparseRows
from swath.search.kernels.sparse import scores_of, search

pytestmark = pytest.mark.usefixtures("kernel")

scipy_sparse = pytest.importorskip("scipy.sparse")

WORDS = ("zero", "one", "two", "three")


def postings(table: np.ndarray[tuple[int, int], np.dtype[np.float64]], block: int = 2) -> Postings:
    """Of a dense table of weights, float[n, V]; words are called so that their order stays."""
    rows, terms = np.nonzero(table)
    sparse = SparseRows(
        np.cumsum(np.bincount(rows, minlength=len(table))),
        terms.astype(np.int32),
        table[rows, terms].astype(np.float32),
    )

    def part(places: slice) -> SparseRows:
        start = int(sparse.ends[places.start - 1]) if places.start else 0
        stop = int(sparse.ends[places.stop - 1])
        return SparseRows(sparse.ends[places] - start, sparse.terms[start:stop], sparse.weights[start:stop])

    words = [f"w{number:04d}" for number in range(table.shape[1])]
    made = build_postings(len(table), words, part, lambda p: [()] * (p.stop - p.start), in_memory)
    return reblocked(made, block)


def reblocked(made: Postings, block: int) -> Postings:
    ends, blocks, firsts, maxima, start = [], [], [], [], 0
    for end in made.ends.tolist():
        number = made.places[start:end] // block
        first = np.flatnonzero(np.diff(number, prepend=-1))
        blocks += number[first].tolist()
        firsts += first.tolist()
        maxima += np.maximum.reduceat(made.impacts[start:end], first).tolist()
        ends.append(len(blocks))
        start = end
    return replace(
        made,
        block=block,
        block_ends=np.array(ends, np.int64),
        blocks=np.array(blocks, np.int32),
        firsts=np.array(firsts, np.int32),
        maxima=np.array(maxima, np.uint8),
    )


HAND = np.array([[1.7, 0, 0.4, 0], [0, 2.0, 0, 0], [0.3, 0.9, 0, 1.2], [0, 0, 1.1, 0.5]])
QUERY = [(0, 1.0), (1, 0.5), (3, 2.0)]


def test_impacts_by_hand() -> None:
    made = postings(HAND)
    assert made.delta == pytest.approx(2 / 255)
    by_word = [made.impacts[made.part(number)].tolist() for number in range(4)]
    assert by_word == [[217, 38], [255, 115], [51, 140], [153, 64]]
    assert impacts_of(np.array([1e-4], np.float16), made.delta).tolist() == [1], "nothing rounds to nothing"


def test_order_by_hand() -> None:
    made = postings(HAND)
    scores = scores_of(made, QUERY, np.arange(4))
    np.testing.assert_allclose(scores, [1.7, 1.0, 3.15, 1.0], atol=2e-3)
    one = search(made, QUERY, 4, 1)
    assert one.places[np.argmax(one.scores)] == 2
    # The places 1 and 3 are apart as integers and equal as weights: both must be looked at.
    three = search(made, QUERY, 4, 3)
    assert {0, 1, 2, 3} == set(three.places.tolist())


def test_blocks_that_cannot_matter_are_left_out() -> None:
    table = np.zeros((40_000, 3))
    table[:, 0] = 0.1
    table[123, 1] = 3.0
    found = search(postings(table, 256), [(0, 1.0), (1, 1.0)], len(table), 1)
    assert found.blocks < 100 and found.places.tolist() == [123]


def test_more_places_tie_than_there_is_room_for() -> None:
    """No place of equal weight may be dropped, so what is kept outgrows what was set aside for it."""
    table = np.full((3_000, 1), 0.5)
    found = search(postings(table, 16), [(0, 1.0)], len(table), 2)
    assert found.places.tolist() == list(range(3_000)) and set(found.scores.tolist()) == {0.5}


@given(
    seed=st.integers(0, 10_000),
    count=st.integers(1, 120),
    k=st.integers(1, 30),
    block=st.sampled_from([1, 3, 16, 256]),
    coarse=st.booleans(),
    masked=st.booleans(),
)
def test_it_is_the_exact_search(
    seed: int, count: int, k: int, block: int, coarse: bool, masked: bool
) -> None:
    rng = np.random.default_rng(seed)
    table = rng.exponential(size=(count, 12)) * (rng.random((count, 12)) < 0.4)
    if coarse:  # many ties
        table = np.ceil(table)
    table[0, 0] = 1.0
    made = postings(table, block)
    stored = table.astype(np.float16).astype(np.float64)
    kept = [number for number in range(12) if table[:, number].any()]
    query = [
        (number, float(np.float32(rng.exponential() + 1e-3)))
        for number in range(len(kept))
        if rng.random() < 0.6
    ]
    allowed = rng.random(count) < 0.5 if masked else None
    matrix = scipy_sparse.csr_matrix(stored[:, kept])
    weights = np.zeros(len(kept))
    for number, weight in query:
        weights[number] = weight
    exact = (matrix @ weights).astype(np.float32)
    found = search(made, query, count, k, allowed)
    np.testing.assert_allclose(found.scores, exact[found.places], rtol=1e-6)
    wanted = np.flatnonzero((exact > 0) if allowed is None else (exact > 0) & allowed)
    best = np.sort(exact[wanted])[::-1][:k]
    least = best[-1] if len(best) else np.inf
    # Everything that reaches the k-th best is there, whichever way ties are ordered afterwards.
    assert set(wanted[exact[wanted] > least * (1 + 1e-6)].tolist()) <= set(found.places.tolist())
    np.testing.assert_allclose(np.sort(found.scores)[::-1][: len(best)], best, rtol=1e-6)
    if allowed is not None:
        assert allowed[found.places].all()
