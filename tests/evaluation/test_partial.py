"""SGPD in an evaluation: both directions, by the stages that a search runs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from swath.captions import load
from swath.encoders import Terms
from swath.evaluation import evaluate, listing
from tests.captions import lookalike
from tests.tiny import COLOURS, TinyEncoder


@pytest.fixture
def head(monkeypatch: pytest.MonkeyPatch) -> Terms:
    words = tuple(sorted(COLOURS))
    tiny = TinyEncoder()
    eye = np.eye(32, dtype=np.float32)
    embeddings = tiny.encode_texts(words).embedding
    terms = Terms(
        words, eye, np.ones(32, np.float32), np.zeros(32, np.float32), embeddings, -np.ones(7, np.float32)
    )
    monkeypatch.setattr(listing, "word_terms", lambda encoder: terms)
    return terms


def test_all_lists_rank_as_exact_search_does(head: Terms, tmp_path: Path) -> None:
    data = load("rsicd", lookalike.rsicd(tmp_path / "rsicd"), "val")
    exact = evaluate(data, TinyEncoder(), pipeline="dense")
    partial = evaluate(data, TinyEncoder(), pipeline="sparse:100 > lists(tiles=1.0):100")
    assert partial.mr == exact.mr and partial.i2t == exact.i2t


def test_words_alone(head: Terms, tmp_path: Path) -> None:
    data = load("rsicd", lookalike.rsicd(tmp_path / "rsicd"), "val")
    assert evaluate(data, TinyEncoder(), pipeline="sparse").mr > 50
    mixed = evaluate(data, TinyEncoder(), pipeline="sparse:100 > lists(tiles=1.0, weight=0.5):100")
    assert mixed.pipeline == "sparse:100 > lists(tiles=1.0, weight=0.5):100" and mixed.mr > 50
