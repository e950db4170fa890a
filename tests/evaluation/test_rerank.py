"""A reranker is evaluated in both directions by the stages that a search runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from swath.captions import load
from swath.evaluation import evaluate
from tests.captions import lookalike
from tests.tiny import COLOURS, TinyEncoder


def test_btgi_both_ways(tmp_path: Path, tiny: TinyEncoder) -> None:
    images = {f"{colour}.png": [f"a {colour} field", f"{colour} land"] for colour in COLOURS}
    dataset = load("captions", lookalike.karpathy(tmp_path, images), "test")
    plain = evaluate(dataset, tiny)
    same = evaluate(dataset, tiny, pipeline="dense:3 > btgi(blend=0)")
    assert same.pipeline == "dense:3 > btgi(blend=0)" and same.t2i == plain.t2i
    fine = evaluate(dataset, tiny, pipeline="dense:3 > btgi(temperature=0.01)")
    assert fine.mr > 60 and fine.i2t.r10 == fine.t2i.r10 == pytest.approx(100)
