"""A reranker is evaluated in both directions by the stages that a search runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from swath.captions import load
from swath.errors import InputError
from swath.evaluation import evaluate, evaluate_many
from swath.evaluation.packing import unpack
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


def test_several_pipelines_share_the_encoding(tmp_path: Path, tiny: TinyEncoder) -> None:
    images = {f"{colour}.png": [f"a {colour} field", f"{colour} land"] for colour in COLOURS}
    dataset = load("captions", lookalike.karpathy(tmp_path, images), "test")
    specs = ["dense", "dense:3 > btgi(temperature=0.01)", "dense:4 > btgi:2 > btgi(blend=0)"]
    together = evaluate_many(dataset, tiny, specs)
    for spec, one in zip(specs, together, strict=True):
        alone = evaluate(dataset, tiny, pipeline=spec)
        assert (one.pipeline, one.ranks, one.interval) == (spec, alone.ranks, alone.interval)
    with pytest.raises(InputError, match="one pipeline, not of 3"):
        evaluate_many(dataset, tiny, specs, trec=tmp_path / "trec")


@pytest.mark.parametrize(
    ("pipeline", "k"),
    [
        ("dense", None),
        ("dense:4", None),
        ("dense:4 > btgi", 4),
        ("dense:4 > btgi:2 > btgi(blend=0)", 2),
        ("dense:2 > btgi:4 > btgi(blend=0)", 2),
        ("ivf(tiles=1.0):4 > btgi", 4),
        ("fuse(dense:4, ivf(tiles=1.0):4) > btgi", None),
    ],
)
def test_candidate_recall_is_that_of_the_stages_before(
    tmp_path: Path, tiny: TinyEncoder, pipeline: str, k: int | None
) -> None:
    images = {f"{colour}.png": [f"a {colour} field", f"{colour} land"] for colour in COLOURS}
    dataset = load("captions", lookalike.karpathy(tmp_path, images), "test")
    found = evaluate(dataset, tiny, pipeline=pipeline).candidates
    assert (None if found is None else found.k) == k
    if found is not None and pipeline.startswith("dense"):
        plain = evaluate(dataset, tiny).ranks
        assert plain is not None
        for direction, value in ((plain.i2t, found.i2t), (plain.t2i, found.t2i)):
            assert value == pytest.approx(100 * unpack(direction)[0].hits(found.k).mean())
