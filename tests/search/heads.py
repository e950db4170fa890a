"""Heads for the tiny encoder, drawn at random."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from swath.archive import quantise
from swath.encoders import HeadCard, OnnxEncoder, write_bank, write_hash_head, write_head

DIM, HIDDEN = 32, 12


def hash_head(encoder: Path, widths: tuple[int, ...] = (64, 128)) -> Path:
    """A hash head whose modalities share a rotation."""
    rng = np.random.default_rng(3)
    bits = sum(widths)
    rotation = rng.normal(size=(bits, DIM))
    sides = {
        modality: {
            "mean": 0.1 * rng.normal(size=DIM),
            "rotation": rotation,
            "inner": rng.normal(size=(HIDDEN, DIM)),
            "inner_bias": rng.normal(size=HIDDEN),
            "outer": 0.1 * rng.normal(size=(bits, HIDDEN)),
            "outer_bias": np.zeros(bits),
        }
        for modality in ("image", "text")
    }
    folder = _folder(encoder, "cfitr")
    write_hash_head(folder, sides)
    return _sealed(encoder, folder, "cfitr", {"bits": widths})


def bank(encoder: Path, size: int = 50) -> Path:
    """Queries drawn at random."""
    rng = np.random.default_rng(4)
    rows = [quantise(rng.normal(size=(size, DIM)).astype(np.float32)) for _ in range(2)]
    folder = _folder(encoder, "bank")
    write_bank(folder, *rows)
    return _sealed(encoder, folder, "bank", {})


def _folder(encoder: Path, name: str) -> Path:
    folder = encoder / "heads" / name
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _sealed(encoder: Path, folder: Path, kind: str, settings: dict[str, object]) -> Path:
    revision = OnnxEncoder(encoder).revision
    write_head(HeadCard(name=folder.name, kind=kind, encoder=revision, settings=settings), folder)
    return folder


def cross(encoder: Path, words: int = 6) -> Path:
    """A joint model without attention: tanh of pooled words, against the pooled tokens."""
    onnx = pytest.importorskip("onnx", reason="the tiny joint model is made with onnx")
    helper, kind = onnx.helper, onnx.TensorProto
    rng = np.random.default_rng(5)
    node = helper.make_node
    nodes = [
        node("ReduceMean", ["tokens", "second"], ["picture"], keepdims=0),
        node("Cast", ["valid"], ["kept"], to=kind.FLOAT),
        node("Unsqueeze", ["kept", "last"], ["weights"]),
        node("Mul", ["words", "weights"], ["said"]),
        node("ReduceSum", ["said", "second"], ["sums"], keepdims=0),
        node("MatMul", ["sums", "matrix"], ["moved"]),
        node("Tanh", ["moved"], ["bent"]),
        node("Add", ["bent", "guide"], ["asked"]),
        node("Mul", ["picture", "asked"], ["products"]),
        node("ReduceSum", ["products", "last"], ["scores"], keepdims=0),
    ]
    constants = {
        "second": np.array([1]),
        "last": np.array([-1]),
        "matrix": rng.normal(size=(words, 8)).astype(np.float32),
    }
    value = helper.make_tensor_value_info
    inputs = [
        value("tokens", kind.FLOAT, ["n", 5, 8]),
        value("guide", kind.FLOAT, ["n", 8]),
        value("words", kind.FLOAT, ["n", "length", words]),
        value("valid", kind.BOOL, ["n", "length"]),
    ]
    weights = [onnx.numpy_helper.from_array(array, name) for name, array in constants.items()]
    graph = helper.make_graph(nodes, "cross", inputs, [value("scores", kind.FLOAT, ["n"])], weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    folder = _folder(encoder, "cfitr")
    onnx.save(model, folder / "cross.onnx")
    return _sealed(encoder, folder, "cfitr", {"bits": []})
