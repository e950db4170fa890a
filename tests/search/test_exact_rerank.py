"""Exact scores of candidates: `exact` is `dense` over what came before."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from swath.encoders import OnnxEncoder
from swath.errors import SpecError
from swath.search import EncodedQuery, MemoryGallery, exact_scores, parse, run
from tests.search.galleries import ids_of, vectors_of
from tests.search.heads import bank
from tests.tiny_onnx import build

N = 400


@pytest.fixture
def query(tmp_path: Path) -> EncodedQuery:
    folder = build(tmp_path / "tiny")
    bank(folder)
    vector = vectors_of(1, 32, 11)[0].astype(np.float32)
    return EncodedQuery(vector, ("words",), encoder=OnnxEncoder(folder))


def _gallery(kind: str = "unit") -> MemoryGallery:
    return MemoryGallery(ids_of(N), {"dense": vectors_of(N, 32, 3, kind)})


@pytest.mark.parametrize("kind", ["unit", "coarse", "wild"])
@pytest.mark.parametrize("bias", ["", "(bias=csls)", "(bias=dual)"])
def test_over_everything_it_is_dense(query: EncodedQuery, kind: str, bias: str) -> None:
    gallery = _gallery(kind)
    mask = np.arange(N) % 3 != 0
    found, _ = run(f"hash64:{N} > exact{bias}", gallery, query, 60, mask)
    wanted, _ = run(f"dense{bias}", gallery, query, 60, mask)
    assert found.rows.tolist() == wanted.rows.tolist()
    assert (found.scores == wanted.scores).all()


def test_it_only_reorders_and_cuts(query: EncodedQuery) -> None:
    gallery = _gallery()
    before, _ = run("hash64:50", gallery, query, N)
    found, trace = run("hash64:50 > exact:20", gallery, query, N)
    scores = exact_scores(gallery.signal("dense")[before.rows], query.dense[None])[:, 0]
    best = sorted(range(50), key=lambda i: (-scores[i], bytes(gallery.ids[before.rows[i]])))[:20]
    assert found.rows.tolist() == before.rows[best].tolist()
    assert (trace[1].rows, trace[1].bytes_read) == (50, 50 * 32 * 2)


def test_the_spec_is_checked() -> None:
    assert str(parse("hash128:9 > exact( bias=csls ):3")) == "hash128:9 > exact(bias=csls):3"
    with pytest.raises(SpecError, match="no bias 'hub'"):
        parse("hash128:9 > exact(bias=hub)")
    with pytest.raises(SpecError, match="has no K"):
        parse("hash128 > exact")
    with pytest.raises(SpecError, match="start with one that opens"):
        parse("exact:10")
