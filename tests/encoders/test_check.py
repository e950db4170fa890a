"""`check` finds what is wrong with a folder, and using such a folder is an error and no bad answer."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import msgspec
import numpy as np
import pytest

from swath import encoders
from swath.encoders import OnnxEncoder, file_digest, probes, read_card, write_card
from swath.encoders.check import Finding, check
from swath.errors import EncoderError
from tests.tiny import TinyEncoder
from tests.tiny_onnx import build, onnx

TEXTS = ["a red field", "blue and white", "green"]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A sound folder whose probes are colours, which the tiny tower knows."""
    made = build(tmp_path / "tiny")
    vectors = OnnxEncoder(made).encode_texts(TEXTS).embedding.tolist()
    card = read_card(made)
    write_card(msgspec.structs.replace(card, probes=dict(zip(TEXTS, vectors, strict=True))), made)
    monkeypatch.setattr(probes, "TEXTS", tuple(TEXTS))
    return made


def _sign(folder: Path) -> None:
    """Write the digests that the files have now into the card."""
    card = read_card(folder)
    files = {name: file_digest(folder / name) for name in card.files}
    write_card(msgspec.structs.replace(card, files=files), folder)


def _change(folder: Path, file: str, change: Callable[[onnx.ModelProto], None]) -> None:
    model = onnx.load(folder / file)
    change(model)
    onnx.save(model, folder / file)
    _sign(folder)


def _wrong(folder: Path) -> dict[str, str]:
    return {finding.what: finding.says for finding in check(folder) if not finding.ok}


def test_a_sound_folder(folder: Path) -> None:
    findings = check(folder, OnnxEncoder(folder))
    assert [finding for finding in findings if not finding.ok] == []
    assert {"reference, pictures", "reference, texts", "tokenizer"} <= {f.what for f in findings}


def test_a_card_of_another_model(folder: Path) -> None:
    write_card(msgspec.structs.replace(read_card(folder), dim=48), folder)
    wrong = _wrong(folder)
    assert "[n, 48]" in wrong["image.onnx"] and "[n, 48]" in wrong["text.onnx"]
    with pytest.raises(EncoderError, match=r"image\.onnx, output 1 has shape \[1, 32\] instead of \[1, 48\]"):
        OnnxEncoder(folder).encode_images(np.zeros((1, 32, 32, 3), np.uint8))


def test_no_card_and_a_kind_of_the_future(folder: Path, tmp_path: Path) -> None:
    write_card(msgspec.structs.replace(read_card(folder), kind="holographic"), folder)
    assert "upgrade swath" in _wrong(folder)["card"]
    (folder / "card.json").unlink()
    assert _wrong(folder).keys() == {"card"}
    assert _wrong(tmp_path / "nowhere").keys() == {"card"}


def test_a_swapped_tokenizer(folder: Path) -> None:
    text = (folder / "tokenizer.json").read_text()
    swapped = text.replace('"red"', '"x"').replace('"blue"', '"red"').replace('"x"', '"blue"')
    (folder / "tokenizer.json").write_text(swapped)
    assert _wrong(folder).keys() >= {"digests", "tokenizer"}
    _sign(folder)
    assert "no pair" in _wrong(folder)["tokenizer"]


def test_a_tokenizer_with_more_pieces_than_the_table(folder: Path) -> None:
    write_card(msgspec.structs.replace(read_card(folder), probes={}), folder)
    assert "tokenizer" not in _wrong(folder)
    text = (folder / "tokenizer.json").read_text()
    (folder / "tokenizer.json").write_text(text.replace('"red": 1', '"red": 1, "violet": 8'))
    _sign(folder)
    wrong = _wrong(folder)
    assert "9 pieces, more than the table" in wrong["tokenizer"]


def test_a_text_tower_that_does_not_normalise(folder: Path) -> None:
    def bare(model: onnx.ModelProto) -> None:
        model.graph.output[0].name = "embedding_moved"

    _change(folder, "text.onnx", bare)
    assert "instead of 1" in _wrong(folder)["texts"]
    with pytest.raises(EncoderError, match=r"text\.onnx, output 1 has vectors of length .* instead of 1"):
        OnnxEncoder(folder).encode_texts(TEXTS)


def test_towers_of_two_lengths(folder: Path) -> None:
    def shorten(model: onnx.ModelProto) -> None:
        for tensor in model.graph.initializer:
            if tensor.name in ("dense", "dense_bias"):
                values = onnx.numpy_helper.to_array(tensor)[..., :31]
                tensor.CopyFrom(onnx.numpy_helper.from_array(np.ascontiguousarray(values), tensor.name))
        model.graph.output[0].type.tensor_type.shape.dim[1].dim_value = 31

    _change(folder, "text.onnx", shorten)
    assert "31" in _wrong(folder)["text.onnx"]
    with pytest.raises(EncoderError, match="31"):
        OnnxEncoder(folder).encode_texts(TEXTS)


def test_a_truncated_graph(folder: Path) -> None:
    path = folder / "image.onnx"
    path.write_bytes(path.read_bytes()[:-40])
    wrong = _wrong(folder)
    assert "changed since" in wrong["digests"] and "Is the file whole" in wrong["image.onnx"]


def test_a_reference_that_differs(folder: Path, tmp_path: Path) -> None:
    other = OnnxEncoder(build(tmp_path / "other", seed=1))
    wrong = {f.what: f.says for f in check(folder, other) if not f.ok}
    assert (
        wrong.keys() == {"reference, pictures", "reference, texts"} and "apart" in wrong["reference, texts"]
    )
    lax = check(folder, other, tolerance=3.0)
    assert all(finding.ok for finding in lax)

    class Wide(TinyEncoder):
        dim = 64

    assert Finding(
        "reference", False, "tiny gives 64 numbers for pictures of 32 pixels, this one 32 for 32"
    ) in check(folder, Wide())


def test_probes_are_the_same_in_every_call() -> None:
    assert np.array_equal(probes.pictures(2, 40), probes.pictures(2, 40))
    assert encoders.probes is probes
