"""Ranks from embeddings are those of exact scores, whatever the blocks and however many tie."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from numpy.typing import NDArray

from swath.errors import InputError
from swath.evaluation import rank_embeddings
from swath.evaluation.metrics import Ranks, Relevance, rank_scores
from swath.search import exact_scores
from tests.evaluation.slow import dense_score


def same(one: Ranks, other: Ranks) -> bool:
    columns = ("above", "tied", "right")
    return all(np.array_equal(getattr(one, name), getattr(other, name)) for name in columns)


@pytest.mark.parametrize("memory", [1, 1 << 12, 1 << 28])
def test_embeddings_in_blocks_follow_the_score_rule(memory: int) -> None:
    random = np.random.default_rng(3)
    queries = random.normal(size=(20, 6)).astype(np.float32)
    gallery = random.normal(size=(30, 6)).astype(np.float32)
    gallery[10:20] = gallery[:10]
    relevance = Relevance.of([[i, (7 * i) % 30] for i in range(20)])
    ranks = rank_embeddings(queries, gallery, relevance, memory=memory)

    scores = np.array([[dense_score(query, item) for item in gallery] for query in queries])
    truth = rank_scores(scores, relevance)
    assert (ranks.above.tolist(), ranks.tied.tolist()) == (truth.above.tolist(), truth.tied.tolist())
    assert ranks.right.tolist() == truth.right.tolist()
    assert ranks.tied.max() == 2


def test_blocks_of_the_gallery_make_no_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(5)
    queries, gallery = (random.normal(size=(n, 8)).astype(np.float32) for n in (9, 50))
    relevance = Relevance.of([[i] for i in range(9)])
    whole = rank_embeddings(queries, gallery, relevance)
    monkeypatch.setattr("swath.evaluation.blockwise._GALLERY_BLOCK", 7)
    assert rank_embeddings(queries, gallery, relevance).above.tolist() == whole.above.tolist()


def exactly(queries: NDArray[np.float32], gallery: NDArray[np.float32], relevance: Relevance) -> Ranks:
    return rank_scores(exact_scores(gallery.astype(np.float16), queries).T, relevance)


@pytest.mark.parametrize("spread", [1.0, 1e-3, 1e-6])
def test_scores_closer_than_the_error_of_float32_are_told_apart(spread: float) -> None:
    random = np.random.default_rng(8)
    middle = random.normal(size=64)
    gallery = (middle + spread * random.normal(size=(3000, 64))).astype(np.float32)
    queries = (middle + random.normal(size=(40, 64))).astype(np.float32)
    relevance = Relevance.of([random.choice(3000, 5, replace=False).tolist() for _ in range(40)])
    assert same(rank_embeddings(queries, gallery, relevance), exactly(queries, gallery, relevance))


def test_all_tied_features_get_what_chance_gets() -> None:
    queries, gallery = np.ones((6, 8), np.float32), np.ones((50, 8), np.float32)
    ranks = rank_embeddings(queries, gallery, Relevance.of([[i, i + 6] for i in range(6)]))

    assert (ranks.above.tolist(), ranks.tied.tolist(), ranks.right.tolist()) == ([0] * 6, [50] * 6, [2] * 6)
    assert ranks.hits(1) == pytest.approx([2 / 50] * 6)
    zeros = rank_embeddings(0 * queries, gallery, Relevance.of([[0]] * 6))
    assert zeros.tied.tolist() == [50] * 6


def test_one_query_and_k_beyond_the_gallery() -> None:
    ranks = rank_embeddings(
        np.array([[1.0, 0.0]], np.float32), np.eye(2, dtype=np.float32), Relevance.of([[1]])
    )
    assert (ranks.hits(1)[0], ranks.hits(2)[0], ranks.hits(1000)[0]) == (0, 1, 1)
    nothing = rank_embeddings(np.zeros((0, 4), np.float32), np.ones((3, 4)), Relevance.of([]))
    assert len(nothing.above) == 0


def test_features_that_are_not_finite_are_refused() -> None:
    for bad in (np.nan, np.inf):
        with pytest.raises(InputError, match="not finite"):
            rank_embeddings(np.full((1, 2), bad, np.float32), np.ones((1, 2)), Relevance.of([[0]]))
        with pytest.raises(InputError, match="not finite"):
            rank_embeddings(np.ones((1, 2), np.float32), np.full((1, 2), bad), Relevance.of([[0]]))


def test_memory_is_bounded_whatever_the_sizes() -> None:
    random = np.random.default_rng(1)
    gallery = random.normal(size=(40_000, 16)).astype(np.float16)
    queries = random.normal(size=(400, 16)).astype(np.float32)
    tracemalloc.start()
    rank_embeddings(queries, gallery, Relevance.of([[i] for i in range(400)]), memory=1 << 22)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 4 * (1 << 22) < 4 * len(queries) * len(gallery)
