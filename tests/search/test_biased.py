"""Dense search with a bias: exact, whatever has to be looked at for it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from swath.encoders import OnnxEncoder
from swath.errors import SpecError
from swath.int8 import quantise
from swath.search import EncodedQuery, MemoryGallery, exact_scores, parse, run, run_many
from swath.search.biases import dense_bias
from swath.search.coding import bank_of
from swath.search.hubness import Csls
from swath.search.kernels.exact import top
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
    monkeypatch.setattr("swath.search.kernels.biased._LEAST", least)
    monkeypatch.setattr("swath.search.kernels.biased._AT_FIRST", 1)
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


@pytest.mark.parametrize("spread", [0.0, 0.01, 1.0, 1e4])
@pytest.mark.parametrize("queries", [1, 3, 20])
@pytest.mark.parametrize("k", [1, 10, 100])
def test_int8_rows_prove_what_bias_leaves(spread: float, queries: int, k: int) -> None:
    random = np.random.default_rng(7)
    vectors, ids = vectors_of(3000, 32), np.array(ids_of(3000), "S32")
    vectors[100:140] = vectors[0]  # ties, but for the bias
    bias = (spread * random.standard_normal(3000)).astype(np.float32)
    bias[100:120] = bias[0]
    asked = vectors_of(queries, 32, 5).astype(np.float32)
    for mask in (None, random.random(3000) < 0.5):
        rows = np.arange(3000) if mask is None else np.flatnonzero(mask)
        for compact in (None, quantise(vectors)):
            found, _ = top(vectors, ids, asked, k, mask, bias=bias, compact=compact, block=500)
            for one, query in zip(found, asked, strict=True):
                scores = exact_scores(vectors, query[None])[:, 0] - bias
                wanted = sorted(rows.tolist(), key=lambda row: (-scores[row], bytes(ids[row])))[:k]
                assert one.rows.tolist() == wanted
                assert (one.scores == scores[wanted]).all()
