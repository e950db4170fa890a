"""Cross-check against ir-measures, which reads the same runs and qrels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from swath.captions import load
from swath.evaluation import LABEL_PROTOCOLS, evaluate, judge
from swath.evaluation.metrics import Relevance, rank_scores
from tests.captions import lookalike
from tests.tiny import COLOURS, TinyEncoder

ir_measures = pytest.importorskip("ir_measures", reason="needs ir-measures (extra dev)")
from ir_measures import AP, P, Success  # noqa: E402  after the check that it is there


def test_hit_rates_are_its_success_where_nothing_ties() -> None:
    random = np.random.default_rng(4)
    scores = random.permuted(np.tile(np.arange(90.0), (40, 1)), axis=1)
    right = [sorted(random.choice(90, random.integers(1, 6), replace=False).tolist()) for _ in range(40)]
    run = {f"q{q}": {f"d{d}": float(scores[q, d]) for d in range(90)} for q in range(40)}
    qrels = {f"q{q}": {f"d{d}": 1 for d in items} for q, items in enumerate(right)}
    theirs = ir_measures.calc_aggregate([Success @ 1, Success @ 5, Success @ 10], qrels, run)
    ranks = rank_scores(scores, Relevance.of(right))
    for k in (1, 5, 10):
        assert ranks.hits(k).mean() == pytest.approx(theirs[Success @ k], abs=1e-12)


def test_average_precision_and_precision_of_the_class_protocol() -> None:
    random = np.random.default_rng(6)
    distances = random.permuted(np.tile(np.arange(60), (25, 1)), axis=1)
    asked, found = random.integers(0, 4, 25), random.integers(0, 4, 60)
    run = {f"q{q}": {f"d{d}": -float(distances[q, d]) for d in range(60)} for q in range(25)}
    qrels = {f"q{q}": {f"d{d}": int(found[d] == asked[q]) for d in range(60)} for q in range(25)}
    theirs = ir_measures.calc_aggregate([AP, P @ 20], qrels, run)
    score = LABEL_PROTOCOLS["class"].score
    whole = score(lambda query: distances[query], asked, found, k=60)
    assert whole.map == pytest.approx(theirs[AP], abs=1e-12)
    first = score(lambda query: distances[query], asked, found, k=20)
    assert first.precision == pytest.approx(theirs[P @ 20], abs=1e-12)


def test_it_reads_our_files_and_agrees(tmp_path: Path) -> None:
    images = {f"{colour}.png": [f"a {colour} field"] for colour in COLOURS}
    images["grey.png"] = ["a red field next to a green one"]  # stands nearer to others than to its own
    dataset = load("captions", lookalike.karpathy(tmp_path, images), "test")
    result = evaluate(dataset, TinyEncoder(), trec=tmp_path)
    for direction, recalls in (("i2t", result.i2t), ("t2i", result.t2i)):
        run, qrels = tmp_path / f"{direction}.run", tmp_path / f"{direction}.qrels"
        theirs = ir_measures.calc_aggregate(
            [Success @ 1, Success @ 5],
            list(ir_measures.read_trec_qrels(str(qrels))),
            list(ir_measures.read_trec_run(str(run))),
        )
        assert 100 * theirs[Success @ 1] == pytest.approx(recalls.r1)
        assert 100 * theirs[Success @ 5] == pytest.approx(recalls.r5)
        assert judge(run, qrels)[1].hits(1).mean() == pytest.approx(theirs[Success @ 1])
    assert result.mr < 100
