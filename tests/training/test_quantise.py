"""Quantised weights: close to what they stand for, and small."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")

import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

from swath.training.quantise import int4_rows, int8_rows, quantise


def test_int8_keeps_half_a_step() -> None:
    values = np.random.default_rng(0).normal(size=(64, 48)).astype(np.float32)
    for axis in (0, 1):
        integers, scale = int8_rows(values, axis)
        assert integers.dtype == np.int8 and scale.shape == (values.shape[axis],)
        shaped = scale[:, None] if axis == 0 else scale[None]
        assert np.abs(integers * shaped - values).max() <= scale.max() / 2 + 1e-7


def test_int4_packs_two_values_a_byte() -> None:
    values = np.random.default_rng(1).normal(size=(50, 32)).astype(np.float32)
    values[0] = 0
    packed, scale = int4_rows(values)
    assert packed.shape == (50, 16) and packed.dtype == np.uint8
    restored = (np.concatenate([packed & 15, packed >> 4], 1).astype(np.float32) - 8) * scale
    assert np.abs(restored[0]).max() <= 1e-12
    cosine = (restored * values).sum(1)[1:] / (
        np.linalg.norm(restored, axis=1) * np.linalg.norm(values, axis=1)
    )[1:]
    assert cosine.min() > 0.985


def test_the_mask_of_a_causal_tower_stays_as_it_is(tmp_path: Path) -> None:
    """It is added as a table of positions is, and its infinities have no scale."""
    side = 70
    mask = np.triu(np.full((side, side), -np.inf, np.float32), 1)
    pieces = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [side, side]) for name in ("x", "out")]
    nodes = [
        helper.make_node("Add", ["x", "mask"], ["masked"]),
        helper.make_node("Softmax", ["masked"], ["out"], axis=-1),
    ]
    graph = helper.make_graph(nodes, "g", pieces[:1], pieces[1:], [numpy_helper.from_array(mask, "mask")])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    onnx.checker.check_model(model)
    quantise(model, tmp_path / "g.onnx")
    x = np.random.default_rng(0).standard_normal((side, side)).astype(np.float32)
    (out,) = onnxruntime.InferenceSession(tmp_path / "g.onnx").run(None, {"x": x})
    weights = np.exp(x) * np.isfinite(mask)
    assert np.allclose(out, weights / weights.sum(1, keepdims=True), atol=1e-6)
