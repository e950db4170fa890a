"""An encoder folder of a few kilobytes: what `TinyEncoder` does, as ONNX that a subprocess can load."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers

from swath.encoders import Calibration, Card, Source, file_digest, write_card
from tests.tiny import COLOURS

onnx = pytest.importorskip("onnx", reason="the tiny encoder is made with onnx: pip install 'swath[train]'")
helper, TensorProto = onnx.helper, onnx.TensorProto

_DIM, _TOKEN = 32, 8
CALIBRATION = Calibration(intercept=-4.0, raw=8.0, prior=0.5, error=0.01, queries=7)
_WORDS = ["[UNK]", *COLOURS]


def build(folder: Path, *, seed: int = 0, name: str = "tiny", **card: Any) -> Path:
    """Write the folder; another seed makes another encoder. `card` adds fields to the card."""
    folder.mkdir(parents=True)
    rng = np.random.default_rng(seed)
    shared = {
        "dense": rng.normal(size=(12, _DIM)),
        "dense_bias": 0.1 * rng.normal(size=_DIM),
        "token": rng.normal(size=(3, _TOKEN)),
        "token_bias": 0.1 * rng.normal(size=_TOKEN),
    }
    _save(folder / "image.onnx", _image(shared))
    _save(folder / "text.onnx", _text(shared))
    tokenizer = Tokenizer(models.WordLevel({word: i for i, word in enumerate(_WORDS)}, "[UNK]"))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.save(str(folder / "tokenizer.json"))
    fields: dict[str, Any] = {
        "description": "Mean colours on a 2 x 2 grid.",
        "data": (Source(name="paint", part="train", terms="no restriction"),),
        "terms": "public domain",
        "figures": {"paint test, strict": {"mr": 93.21}},
        "calibration": {"dense": {"words": CALIBRATION}},
        **card,
    }
    files = {file.name: file_digest(file) for file in sorted(folder.iterdir())}
    write_card(
        Card(name=name, dim=_DIM, image_size=32, grid=2, token_dim=_TOKEN, files=files, **fields), folder
    )
    return folder


# Nodes, constants, inputs and outputs of a graph.
Parts = tuple[list[Any], dict[str, NDArray[Any]], list[Any], list[Any]]


def _image(shared: dict[str, NDArray[np.float64]]) -> Parts:
    node = helper.make_node
    nodes = [
        node("Cast", ["pixels"], ["floats"], to=TensorProto.FLOAT),
        node("Reshape", ["floats", "blocks"], ["blocked"]),
        node("ReduceMean", ["blocked", "inner"], ["means"], keepdims=0),
        node("Div", ["means", "half"], ["scaled"]),
        node("Sub", ["scaled", "one"], ["centred"]),
        node("Reshape", ["centred", "flat"], ["grid"]),
        node("Reshape", ["centred", "rows"], ["cells"]),
        node("ReduceMean", ["cells", "second"], ["whole"], keepdims=1),
        node("Concat", ["whole", "cells"], ["all"], axis=1),
        *_project("grid", "dense", "embedding"),
        *_project("all", "token", "tokens"),
    ]
    constants: dict[str, NDArray[Any]] = {
        "blocks": np.array([0, 2, 16, 2, 16, 3]),
        "flat": np.array([0, 12]),
        "rows": np.array([0, 4, 3]),
        "inner": np.array([2, 4]),
        "second": np.array([1]),
        "half": np.array(127.5, np.float32),
        "one": np.array(1, np.float32),
        **{key: value.astype(np.float32) for key, value in shared.items()},
    }
    value = helper.make_tensor_value_info
    inputs = [value("pixels", TensorProto.UINT8, ["n", 32, 32, 3])]
    outputs = [
        value("embedding", TensorProto.FLOAT, ["n", _DIM]),
        value("tokens", TensorProto.FLOAT, ["n", 5, _TOKEN]),
    ]
    return nodes, constants, inputs, outputs


def _text(shared: dict[str, NDArray[np.float64]]) -> Parts:
    node = helper.make_node
    nodes = [
        node("Gather", ["words", "ids"], ["found"]),
        node("Cast", ["mask"], ["kept"], to=TensorProto.FLOAT),
        node("Unsqueeze", ["kept", "last"], ["weights"]),
        node("Mul", ["found", "weights"], ["weighed"]),
        node("ReduceSum", ["weighed", "second"], ["sums"], keepdims=0),
        node("Split", ["sums", "parts"], ["colours", "count"], axis=1),
        node("Div", ["colours", "count"], ["colour"]),
        node("Concat", ["colour"] * 4, ["grid"], axis=1),
        *_project("grid", "dense", "embedding"),
        *_project("colour", "token", "guide"),
    ]
    colours = np.array([(0.0, 0.0, 0.0), *(np.array(rgb) / 127.5 - 1 for rgb in COLOURS.values())])
    # A word that is no colour hardly counts beside one that is.
    weight = np.array([[1e-3], *[[1.0]] * len(COLOURS)])
    constants: dict[str, NDArray[Any]] = {
        "words": np.concatenate([colours * weight, weight], 1).astype(np.float32),
        "last": np.array([-1]),
        "second": np.array([1]),
        "parts": np.array([3, 1]),
        **{key: value.astype(np.float32) for key, value in shared.items()},
    }
    value = helper.make_tensor_value_info
    inputs = [value(name, TensorProto.INT64, ["n", "length"]) for name in ("ids", "mask")]
    outputs = [
        value("embedding", TensorProto.FLOAT, ["n", _DIM]),
        value("guide", TensorProto.FLOAT, ["n", _TOKEN]),
    ]
    return nodes, constants, inputs, outputs


def _project(source: str, matrix: str, out: str) -> list[Any]:
    return [
        helper.make_node("MatMul", [source, matrix], [f"{out}_raw"]),
        helper.make_node("Add", [f"{out}_raw", f"{matrix}_bias"], [f"{out}_moved"]),
        helper.make_node("LpNormalization", [f"{out}_moved"], [out], axis=-1, p=2),
    ]


def _save(path: Path, parts: Parts) -> None:
    nodes, constants, inputs, outputs = parts
    weights = [onnx.numpy_helper.from_array(value, key) for key, value in constants.items()]
    graph = helper.make_graph(nodes, path.stem, inputs, outputs, weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    onnx.checker.check_model(model)
    onnx.save(model, path)
