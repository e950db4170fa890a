"""What codes keep: figures by width, bias and class, on a set of a few painted pictures."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from swath.captions import CaptionedSet
from swath.encoders import OnnxEncoder
from swath.errors import InputError
from swath.evaluation import evaluate
from swath.evaluation.coding import CANDIDATES, codes_json, measure_codes
from swath.evaluation.hamming import hamming_json, measure_hamming
from tests.evaluation.test_run import mixed
from tests.search.heads import bank, hash_head
from tests.tiny_onnx import build


@pytest.fixture
def encoder(tmp_path: Path) -> OnnxEncoder:
    folder = build(tmp_path / "tiny")
    hash_head(folder)
    bank(folder)
    return OnnxEncoder(folder)


@pytest.fixture
def pictures(tmp_path: Path) -> CaptionedSet:
    dataset = mixed(tmp_path / "mixed")
    images = tuple(replace(image, label="even" if i % 2 else "odd") for i, image in enumerate(dataset.images))
    return replace(dataset, images=images)


def test_figures_are_those_of_an_evaluation(encoder: OnnxEncoder, pictures: CaptionedSet) -> None:
    result = measure_codes(pictures, encoder, widths=(64, 128))
    assert [one.pipeline for one in result.signals] == [
        "dense",
        "dense(bias=csls)",
        "hash64",
        "hash64(bias=ppsr)",
        "hash128",
        "hash128(bias=ppsr)",
    ]
    assert [one.bytes_per_tile for one in result.signals] == [64, 68, 8, 12, 16, 20]
    for one in result.signals:
        whole = evaluate(pictures, encoder, pipeline=one.pipeline)
        assert one.mr == pytest.approx(whole.mr)
        assert one.i2t[10] == pytest.approx(whole.i2t.r10) and one.t2i[1] == pytest.approx(whole.t2i.r1)
        assert one.i2t[CANDIDATES[-1]] == pytest.approx(100)
    assert result.labelled == 12
    assert [(one.bits, one.protocol) for one in result.labels] == [
        (64, "class"),
        (64, "class-duch"),
        (128, "class"),
        (128, "class-duch"),
    ]
    assert all(0 < one.i2t <= 1 and 0 < one.t2i <= 1 for one in result.labels)
    assert json.loads(codes_json(result))["signals"][2]["pipeline"] == "hash64"


def test_a_transductive_bias_is_told(encoder: OnnxEncoder, pictures: CaptionedSet) -> None:
    assert "transductive" not in evaluate(pictures, encoder, pipeline="hash64(bias=ppsr)").flags
    told = evaluate(pictures, encoder, pipeline="hash64(bias=ppsr, bank=queries)")
    assert "transductive" in told.flags and "bank=queries" in told.pipeline


def test_hamming_beside_its_peers() -> None:
    pytest.importorskip("usearch")
    result = measure_hamming((500, 2000), bits=64, k=10, calls=2)
    assert [(one.codes, one.method) for one in result.speeds] == [
        (count, method)
        for count in (500, 2000)
        for method in ("swath hash", "swath hash, biased", "faiss IndexBinaryFlat", "usearch exact")
    ]
    assert all(one.exact == 1 and one.p50 >= one.best > 0 and one.floor > 0 for one in result.speeds)
    assert json.loads(hamming_json(result))["bits"] == 64
    with pytest.raises(InputError, match="70 codes"):
        measure_hamming((50,), k=70)
