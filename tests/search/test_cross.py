"""Reranking by the joint transformer of a tiny encoder, and the fusion of its scores."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from swath.encoders import OnnxEncoder
from swath.errors import InputError, SpecError
from swath.search import EncodedQuery, MemoryGallery, parse, run
from swath.search.ordering import standardised
from swath.search.stages.cross import pair_scores
from swath.types import Array, Candidates
from tests.search.galleries import ids_of, vectors_of
from tests.search.heads import cross
from tests.tiny_onnx import build

WORDS = 6


@pytest.fixture
def encoder(tmp_path: Path) -> OnnxEncoder:
    folder = build(tmp_path / "tiny")
    cross(folder)
    return OnnxEncoder(folder)


def _tokens(n: int) -> np.ndarray[tuple[int, ...], np.dtype[np.int8]]:
    return np.random.default_rng(1).integers(-127, 128, (n, 5, 8), dtype=np.int8)


def _words(n: int, length: int = 5) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    return np.random.default_rng(2).normal(size=(n, length, WORDS)).astype(np.float32)


def _guides(n: int) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    return np.random.default_rng(3).normal(size=(n, 8)).astype(np.float32)


def _tiles(n: int = 200) -> MemoryGallery:
    return MemoryGallery(ids_of(n), {"dense": vectors_of(n, 32), "tokens": _tokens(n)})


def _query(encoder: OnnxEncoder | None) -> EncodedQuery:
    vector = vectors_of(1, 32, 5)[0].astype(np.float32)
    return EncodedQuery(vector, ("words",), _guides(1)[0], words=_words(1)[0], encoder=encoder)


def test_candidates_come_in_the_order_of_their_pair_scores(encoder: OnnxEncoder) -> None:
    gallery, query = _tiles(), _query(encoder)
    found, trace = run("dense:70 > cross", gallery, query, 70)
    before, _ = run("dense:70", gallery, query, 70)
    assert sorted(found.rows.tolist()) == sorted(before.rows.tolist())
    model = encoder.heads["cfitr"].session("cross.onnx")
    tokens = gallery.signal("tokens")[found.rows]
    guides = np.broadcast_to(_guides(1), (70, 8))
    scores = pair_scores(model, tokens, guides, np.broadcast_to(_words(1), (70, 5, WORDS)))
    assert (found.scores == scores).all() and (np.diff(scores) <= 0).all()
    assert trace[1].rows == 70 and trace[1].bytes_read == 70 * 5 * 8
    assert len(run("dense:70 > cross:5", gallery, query, 70)[0].rows) == 5


def test_a_score_does_not_depend_on_the_batch(encoder: OnnxEncoder) -> None:
    model = encoder.heads["cfitr"].session("cross.onnx")
    tokens, guides, words = _tokens(150), _guides(150), _words(150, 20)
    lengths = np.random.default_rng(0).integers(1, 21, 150)
    words[np.arange(20) >= lengths[:, None]] = 0
    whole = pair_scores(model, tokens, guides, words)
    for size in (1, 7, 64):
        parts = [
            pair_scores(model, tokens[i : i + size], guides[i : i + size], words[i : i + size])
            for i in range(0, 150, size)
        ]
        assert (np.concatenate(parts) == whole).all()
    assert (pair_scores(model, tokens, guides, np.pad(words, ((0, 0), (0, 9), (0, 0)))) == whole).all()
    assert pair_scores(model, tokens[:0], guides[:0], words[:0]).shape == (0,)


def test_texts_are_searched_by_the_tokens_of_a_picture(encoder: OnnxEncoder) -> None:
    words = _words(40)
    signals: dict[str, Array] = {
        "dense": vectors_of(40, 32),
        "guide": _guides(40),
        "words": words.astype(np.float16),
    }
    gallery = MemoryGallery(ids_of(40), signals, modality="text")
    query = EncodedQuery(vectors_of(1, 32, 5)[0].astype(np.float32), tokens=_tokens(1)[0], encoder=encoder)
    found, _ = run("dense:9 > cross", gallery, query, 9)
    model = encoder.heads["cfitr"].session("cross.onnx")
    tokens = np.broadcast_to(_tokens(1), (9, 5, 8))
    guides, spoken = gallery.signal("guide")[found.rows], gallery.signal("words")[found.rows]
    assert (found.scores == pair_scores(model, tokens, guides, spoken)).all()


def test_it_is_skipped_without_words_and_says_so(encoder: OnnxEncoder) -> None:
    query = replace(_query(encoder), texts=(), guide=None, words=None)
    found, trace = run("dense:20 > cross", _tiles(), query, 20)
    assert found.rows.tolist() == run("dense:20", _tiles(), query, 20)[0].rows.tolist()
    assert trace[1].note == "skipped: the query has no guide, word vectors"


def test_an_encoder_without_the_head_is_refused(tmp_path: Path) -> None:
    plain = OnnxEncoder(build(tmp_path / "plain"))
    with pytest.raises(InputError, match=r"encoder tiny has no joint transformer.*swath train cfitr"):
        run("dense:20 > cross", _tiles(), _query(plain), 20)
    with pytest.raises(InputError, match="needs the signal tokens"):
        gallery = MemoryGallery(ids_of(5), {"dense": vectors_of(5, 32)})
        run("dense:5 > cross", gallery, _query(plain), 5)
    with pytest.raises(SpecError, match="from 0 to 1"):
        parse("dense:5 > cross(blend=1.5)")
    with pytest.raises(SpecError, match="no K"):
        parse("hash128 > cross")


def test_scores_of_both_stages_are_standardised_and_blended() -> None:
    coarse, fine = np.array([9, 8, 8]), np.array([0.1, 0.7, 0.7])
    blended = 0.8 * standardised(fine) + 0.2 * standardised(coarse)
    assert blended == pytest.approx([-0.848528137424, 0.424264068712, 0.424264068712])
    assert standardised(np.array([2, 2])).tolist() == [0, 0]
    assert standardised(np.zeros(0)).tolist() == []


def test_what_was_cut_follows_in_coarse_order(encoder: OnnxEncoder, monkeypatch: pytest.MonkeyPatch) -> None:
    vectors = np.zeros((6, 32), np.float16)
    vectors[:, 0] = [9, 8, 8, 7, 6, 5]
    ids = [f"{row:032x}" for row in range(6)]
    gallery = MemoryGallery(ids, {"dense": vectors, "tokens": _tokens(6)})
    scores = np.array([0.1, 0.7, 0.7], np.float32)
    monkeypatch.setattr("swath.search.stages.cross.pair_scores", lambda *_: scores)
    query = replace(_query(encoder), dense=np.eye(32, dtype=np.float32)[0])
    found, _ = run("dense:3 > cross(blend=.8)", gallery, query, 6, complete=True)
    assert isinstance(found, Candidates)
    assert found.rows.tolist() == [1, 2, 0, 3, 4, 5]
    assert found.scores[:3] == pytest.approx([0.424264, 0.424264, -0.848528], abs=1e-5)
