from __future__ import annotations

import numpy as np
import pytest

from swath.evaluation import rank_embeddings
from swath.evaluation.encoding import Encoded
from swath.evaluation.metrics import Relevance
from swath.evaluation.ranking import levels_of, rank_direction
from swath.search import parse
from swath.types import Candidates


def candidates(rows: list[int], scores: list[float]) -> Candidates:
    return Candidates(np.array(rows, np.int64), np.array(scores, np.float32))


def encoded(vectors: np.ndarray, rows: np.ndarray) -> Encoded:
    ids = (f"{row:032x}" for row in np.random.default_rng(0).permutation(len(vectors)))
    return Encoded(tuple(ids), vectors.astype(np.float32), rows.astype(np.int64))


def test_equal_scores_of_the_last_stage_are_tied() -> None:
    assert levels_of(candidates([3, 0, 2, 1], [0.9, 0.5, 0.5, 0.1]), 4).tolist() == [1, 2, 1, 0]


def test_what_the_last_stage_did_not_emit_has_a_place_each() -> None:
    complete = candidates([4, 2, 1, 0, 3], [7.0, 7.0, -np.inf, -np.inf, -np.inf])
    assert levels_of(complete, 7).tolist() == [2, 1, 0, 3, 0, 4, 4]
    assert levels_of(candidates([1, 0], [-np.inf, -np.inf]), 2).tolist() == [1, 0]
    assert levels_of(candidates([], []), 2).tolist() == [0, 0]


def test_distinct_rows_through_the_stages_give_what_all_items_give() -> None:
    random = np.random.default_rng(4)
    queries, gallery = random.normal(size=(6, 8)), random.normal(size=(9, 8))
    asked = encoded(queries, random.integers(0, 6, 20))
    found = encoded(gallery, np.concatenate([np.arange(9), random.integers(0, 9, 21)]))
    relevance = Relevance.of([[i, (3 * i) % 30] for i in range(20)])
    ranks = rank_direction(parse("dense"), asked, asked.rows, found, found.rows, relevance)

    truth = rank_embeddings(asked.embedding[asked.rows], found.embedding[found.rows], relevance)
    assert ranks.above.tolist() == truth.above.tolist()
    assert ranks.tied.tolist() == truth.tied.tolist()
    assert ranks.right.tolist() == truth.right.tolist()


def test_a_cut_takes_the_ties_beyond_it_in_the_order_of_ids() -> None:
    found = Encoded(("c" * 32, "a" * 32, "b" * 32), np.ones((3, 2), np.float32), np.arange(3))
    asked = Encoded(("d" * 32,), np.ones((1, 2), np.float32), np.zeros(3, np.int64))
    relevance = Relevance.of([[0], [1], [2]])

    tied = rank_direction(parse("dense"), asked, asked.rows, found, found.rows, relevance)
    assert tied.hits(1) == pytest.approx([1 / 3] * 3)
    cut = rank_direction(parse("dense:1"), asked, asked.rows, found, found.rows, relevance)
    assert [cut.hits(k).tolist() for k in (1, 2, 3)] == [[0, 1, 0], [0, 1, 1], [1, 1, 1]]


def test_progress_ends_at_the_number_of_distinct_queries() -> None:
    reports: list[tuple[int, int | None, str]] = []
    asked = encoded(np.eye(3), np.array([0, 0, 2, 1]))
    found = encoded(np.eye(3), np.arange(3))
    rank_direction(
        parse("dense"),
        asked,
        asked.rows,
        found,
        found.rows,
        Relevance.of([[0]] * 4),
        lambda done, total, what: reports.append((done, total, what)),
    )
    assert reports == [(3, 3, "queries")]
