"""Dense search with a bias: exact, whatever has to be looked at for it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from swath.encoders import OnnxEncoder
from swath.errors import SpecError
from swath.search import EncodedQuery, MemoryGallery, exact_scores, parse, run, run_many
from swath.search.biases import dense_bias
from swath.search.coding import bank_of
from swath.search.hubness import Csls
from tests.search.galleries import ids_of, vectors_of
from tests.search.heads import bank
from tests.tiny_onnx import build


@pytest.fixture
def encoder(tmp_path: Path) -> OnnxEncoder:
    folder = build(tmp_path / "tiny")
    bank(folder)
    return OnnxEncoder(folder)


def _asked(encoder: OnnxEncoder, seed: int) -> EncodedQuery:
    return EncodedQuery(vectors_of(1, 32, seed)[0].astype(np.float32), ("words",), encoder=encoder)


@pytest.mark.parametrize("bias", ["csls", "ppsr", "softmax", "dual"])
@pytest.mark.parametrize(("k", "least"), [(1, 1), (10, 256), (500, 1), (900, 1)])
def test_it_is_the_order_of_score_less_bias(
    encoder: OnnxEncoder, bias: str, k: int, least: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("swath.search.biased._LEAST", least)
    monkeypatch.setattr("swath.search.biased._AT_FIRST", 1)
    gallery = MemoryGallery(ids_of(700), {"dense": vectors_of(700, 32)})
    queries = [_asked(encoder, seed) for seed in (11, 12, 13)]
    mask = np.arange(700) % 4 != 0
    taken = dense_bias(gallery, queries[0], bias, "train")
    for allowed in (None, mask):
        found, _ = run_many(f"dense(bias={bias})", gallery, queries, k, allowed)
        for one, query in zip(found, queries, strict=True):
            scores = exact_scores(gallery.signal("dense"), query.dense[None])[:, 0] - taken
            rows = np.arange(700) if allowed is None else np.flatnonzero(allowed)
            wanted = sorted(rows.tolist(), key=lambda row: (-scores[row], bytes(gallery.ids[row])))[:k]
            assert one.rows.tolist() == wanted
            assert (one.scores == scores[wanted]).all()


def test_the_bias_is_that_of_the_bank(encoder: OnnxEncoder) -> None:
    gallery = MemoryGallery(ids_of(50), {"dense": vectors_of(50, 32)})
    made = dense_bias(gallery, _asked(encoder, 1), "csls", "train")
    vectors = gallery.signal("dense").astype(np.float32)
    assert made == pytest.approx(Csls().fit(bank_of(encoder).text @ vectors.T), abs=1e-6)
    texts = MemoryGallery(ids_of(50), {"dense": vectors_of(50, 32)}, modality="text")
    other = dense_bias(texts, _asked(encoder, 1), "csls", "train")
    assert other == pytest.approx(Csls().fit(bank_of(encoder).image @ vectors.T), abs=1e-6)


def test_a_search_without_words_may_have_a_bias_too(encoder: OnnxEncoder) -> None:
    gallery = MemoryGallery(ids_of(50), {"dense": vectors_of(50, 32)})
    found, trace = run("dense(bias=csls):5", gallery, replace(_asked(encoder, 1), texts=()), 9)
    assert len(found.rows) == 5 and trace[0].kernel.endswith("biased")


def test_the_spec_is_checked() -> None:
    assert str(parse("dense( bias=csls ):100 > btgi")) == "dense(bias=csls):100 > btgi"
    with pytest.raises(SpecError, match="no bias 'hub'"):
        parse("dense(bias=hub)")
