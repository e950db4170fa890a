"""The heads that ship with the default encoder: whole, small, and of its revision."""

from __future__ import annotations

import numpy as np
import pytest

from swath.encoders import OnnxEncoder, load, read_bank, read_hash_head
from swath.search import parse


@pytest.fixture(scope="module")
def base() -> OnnxEncoder:
    encoder = load("base")
    assert isinstance(encoder, OnnxEncoder)
    return encoder


def test_they_are_whole_and_small(base: OnnxEncoder) -> None:
    heads = {name: base.heads[name] for name in ("bank", "cfitr")}
    assert not any(head.verify() for head in heads.values())
    assert sum(file.stat().st_size for head in heads.values() for file in head.folder.iterdir()) <= 12_000_000
    assert str(parse("cfitr", base.presets)).startswith("hash128(bias=ppsr):")


def test_codes_and_bank_fit_the_embedding(base: OnnxEncoder) -> None:
    bank = read_bank(base.heads["bank"])
    assert bank.text.shape == bank.image.shape == (2048, base.dim)
    head = read_hash_head(base.heads["cfitr"])
    for width in head.widths:
        relaxed = head.relaxed(bank.text, "text", width)
        assert relaxed.shape == (2048, width) and np.abs(relaxed).max() < 1.0001
        # Every bit splits captions: none is the same for nearly all of them.
        assert np.abs(np.where(relaxed >= 0, 1, -1).mean(0)).max() < 0.95


def test_the_joint_model_reads_what_the_stage_gives_it(base: OnnxEncoder) -> None:
    model = base.heads["cfitr"].session("cross.onnx")
    names = {one.name for one in model.get_inputs()}
    assert names == {"tokens", "guide", "words", "valid"}
