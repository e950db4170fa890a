"""Scores, least scores, and what a batch shares."""

from __future__ import annotations

import math

import numpy as np
import pytest

from swath.encoders import Calibration
from swath.errors import InputError
from swath.hits import Hits
from swath.search import search, search_many
from swath.search.ordering import exact_scores
from swath.types import Query, TextFeatures
from tests.search.galleries import places
from tests.tiny import COLOURS, TinyEncoder

RED = np.full((32, 32, 3), COLOURS["red"], np.uint8)


def fit(intercept: float, raw: float, dense: float = 0.0) -> Calibration:
    return Calibration(intercept=intercept, raw=raw, dense=dense, prior=0.01, error=0.0, queries=1)


class Calibrated(TinyEncoder):
    """Fits for words and pictures by `dense`, and for words by one spec."""

    presets: dict[str, dict[str, float]] = {}  # noqa: RUF012

    def __init__(self, raw: float = 8.0) -> None:
        super().__init__()
        self.calibration = {
            "dense": {"words": fit(-2, raw), "picture": fit(-4, raw)},
            "dense:5": {"words": fit(-1, 3, 5)},
            "ftf": {"words": fit(0, 1)},
        }


def scores(hits: Hits) -> list[float | None]:
    return [hit.score for hit in hits]


def test_scores_are_probabilities_where_the_encoder_is_calibrated() -> None:
    encoder, gallery = Calibrated(), places()
    assert scores(search(gallery, Query(texts=("red",)), TinyEncoder())) == [None] * 6
    for hit in search(gallery, Query(texts=("red",)), encoder):
        assert hit.score == pytest.approx(1 / (1 + math.exp(2 - 8 * hit.raw)))
    for query in (Query(images=(RED,)), Query(likes=("c55",))):
        for hit in search(gallery, query, encoder):
            assert hit.score == pytest.approx(1 / (1 + math.exp(4 - 8 * hit.raw)))
    for other in (
        Query(texts=("red", "blue")),
        Query(texts=("red",), unlikes=("c55",)),
        Query(texts=("red",), images=(RED,)),
        Query(unlike_texts=("red",)),
    ):
        assert not any(scores(search(gallery, other, encoder)))
    assert not any(scores(search(gallery, Query(texts=("red",)), encoder, pipeline="dense:3")))
    extreme = Calibrated(-1e6)
    assert set(scores(search(gallery, Query(texts=("red",)), extreme))) <= {0.0, 1.0}


def test_a_fit_may_use_the_score_of_dense_too() -> None:
    encoder, gallery = Calibrated(), places()
    query = TinyEncoder().encode_texts(["red"]).embedding
    vectors = gallery.signal("dense")
    for hit in search(gallery, Query(texts=("red",)), encoder, pipeline="dense:5"):
        row = gallery.ids.tolist().index(hit.tile.id.encode())
        dense = float(exact_scores(vectors[row : row + 1], query)[0, 0])
        assert hit.score == pytest.approx(1 / (1 + math.exp(1 - 3 * hit.raw - 5 * dense)))


def test_a_least_score_leaves_out_what_is_less_likely() -> None:
    encoder, gallery = Calibrated(), places()
    every = search(gallery, Query(texts=("red",)), encoder)
    for least in (0.0, 1.0, *filter(None, scores(every))):
        found = search(gallery, Query(texts=("red",)), encoder, min_score=least)
        assert found.hits == tuple(hit for hit in every if hit.score is not None and hit.score >= least)
    assert len(search(gallery, Query(texts=("red",)), encoder, min_score=0.0)) == 6


@pytest.mark.parametrize(
    ("query", "pipeline", "says"),
    [
        (Query(texts=("red", "blue")), "dense", "none for 'dense' and several parts together"),
        (Query(texts=("red",)), "dense:3", "none for 'dense:3' and one text"),
        (Query(images=(RED,)), "dense:5", "none for 'dense:5' and one picture or tile"),
    ],
)
def test_a_least_score_needs_a_calibration(query: Query, pipeline: str, says: str) -> None:
    with pytest.raises(InputError, match=says) as error:
        search(places(), query, Calibrated(), pipeline=pipeline, min_score=0.5)
    assert "It has: dense (picture, words), dense:5 (words), ftf (words)" in str(error.value)
    with pytest.raises(InputError, match="It has: none"):
        search(places(), query, TinyEncoder(), min_score=0.5)


@pytest.mark.parametrize("least", [-0.1, 1.5, math.nan, math.inf])
def test_a_least_score_is_a_probability(least: float) -> None:
    with pytest.raises(InputError, match="from 0 to 1"):
        search(places(), Query(texts=("red",)), Calibrated(), min_score=least)


class Counting(TinyEncoder):
    """Counts the calls, and gives word vectors."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[int] = []

    def encode_texts(self, texts: object) -> TextFeatures:
        assert isinstance(texts, list)
        self.calls.append(len(texts))
        plain = super().encode_texts(texts)
        words = np.zeros((len(texts), 4, 3), np.float32)
        mask = np.zeros((len(texts), 4), np.bool_)
        for row, text in enumerate(texts):
            mask[row, : len(text.split())] = True
            words[row, : len(text.split())] = len(text)
        return TextFeatures(plain.embedding, plain.guide, words, mask)


def test_the_words_of_a_batch_are_encoded_together() -> None:
    encoder, gallery = Counting(), places()
    queries = [
        Query(("red",)),
        Query(("red", "blue roof"), unlike_texts=("green",)),
        Query(likes=("c55",)),
        Query(("a blue roof",), where="cloud < 10"),
        Query(unlike_texts=("red",)),
    ]
    together = search_many(gallery, queries, encoder, k=4)
    assert encoder.calls == [4]
    assert [hits.hits for hits in together] == [search(gallery, one, encoder, k=4).hits for one in queries]
    assert [hits.query for hits in together] == queries
    with pytest.raises(InputError, match="Query 3 of 3: A text of the query is empty"):
        search_many(gallery, [*queries[:2], Query((" ",))], encoder)


def test_large_batches_are_answered_in_parts() -> None:
    encoder, gallery = Counting(), places()
    queries = [Query((f"a {word} roof {number}",)) for number in range(100) for word in COLOURS]
    together = search_many(gallery, queries, encoder, k=2)
    assert sum(encoder.calls) == 700 and len(encoder.calls) == 3
    for place in (0, 255, 256, 699):
        assert together[place].hits == search(gallery, queries[place], encoder, k=2).hits
    with pytest.raises(InputError, match="Query 301 of 301: No tile has an id"):
        search_many(gallery, [*queries[:300], Query(likes=("zz",))], encoder)
