"""From an encoder's ONNX graphs back to the torch modules that they were exported from."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import numpy_helper
from torch import Tensor

from swath.encoders import OnnxEncoder, load
from swath.errors import EncoderError
from swath.models.recipe import ImagePart, Recipe, TextPart
from swath.training.dual import Towers
from swath.training.quantise import parameter_names

Weights = dict[str, NDArray[Any]]


def trainable(name: str | Path) -> OnnxEncoder:
    """An encoder, by name or folder, whose weights can be read back; else `EncoderError`."""
    encoder = load(name)
    if not isinstance(encoder, OnnxEncoder):
        raise EncoderError(
            f"encoder {encoder.name} is no folder of ONNX graphs: it cannot be trained further"
        )
    return encoder


def started_from(plan: Recipe, encoder: OnnxEncoder) -> Recipe:
    """The recipe with the geometry of the encoder that training starts from; views and dropout stay its own.

    Raises `EncoderError` where the encoder does not say what it is made of.
    """
    try:
        image = msgspec.convert(encoder.card.recipe["image"], ImagePart)
        text = msgspec.convert(encoder.card.recipe["text"], TextPart)
        heads = msgspec.convert(encoder.card.recipe["heads"], type(plan.heads))
    except (KeyError, msgspec.ValidationError) as error:
        raise EncoderError(
            f"the card of encoder {encoder.name} has no recipe that this version reads ({error}): "
            "only encoders that `swath train` made can be trained further"
        ) from error
    start = f"{encoder.name}@{encoder.revision[:16]}"
    return msgspec.structs.replace(
        plan,
        image=msgspec.structs.replace(image, start=start, views=plan.image.views),
        text=msgspec.structs.replace(text, start=start, tuned=plan.text.tuned, dropout=plan.text.dropout),
        heads=msgspec.structs.replace(heads, dropout=plan.heads.dropout),
    )


def restore(towers: Towers, encoder: OnnxEncoder) -> dict[str, Any]:
    """Load an encoder's weights into towers of its geometry; gives the content of its tokenizer.

    Scene classifiers and temperatures are not part of an encoder and stay as they are. Raises `EncoderError`
    where a weight is missing or has another shape.
    """
    assert encoder.folder is not None
    state = towers.state_dict()
    found: dict[str, Tensor] = {}
    for tower in ("image", "text"):
        wanted = {
            name.removeprefix(f"{tower}."): tuple(value.shape)
            for name, value in state.items()
            if name.startswith(f"{tower}.") and not name.startswith("image.scenes.")
        }
        weights = read_weights(encoder.folder / f"{tower}.onnx", wanted)
        lacking = sorted(n for n, shape in wanted.items() if n not in weights or weights[n].shape != shape)
        if lacking:
            raise EncoderError(
                f"{encoder.folder / tower}.onnx lacks {', '.join(lacking[:3])} in the shape that the recipe "
                "in its card says: it was made by another version and cannot be trained further by this one"
            )
        for name in wanted:
            found[f"{tower}.{name}"] = torch.from_numpy(weights[name].copy()).to(
                state[f"{tower}.{name}"].dtype
            )
    towers.load_state_dict(found, strict=False)
    content: dict[str, Any] = json.loads((encoder.folder / "tokenizer.json").read_text())
    return content


def read_weights(path: Path, wanted: dict[str, tuple[int, ...]]) -> Weights:
    """The parameters of an exported graph in floating point, by the names they have in torch.

    Undoes what `training.quantise` did: integers are multiplied by their scales, pairs of 4-bit values are
    unpacked, transposed matrices turned back. Tables that the exporter renamed are told by their shape, which
    no other nameless constant may have.
    """
    graph = onnx.load(path).graph
    tensors = {t.name: t for t in graph.initializer}
    axes = {
        node.input[0]: next(a.i for a in node.attribute if a.name == "axis")
        for node in graph.node
        if node.op_type == "DequantizeLinear"
    }
    renamed = parameter_names(graph, tensors)
    weights: Weights = {}
    for name, tensor in tensors.items():
        values = numpy_helper.to_array(tensor)
        if f"{name}.scale" in tensors:
            values = _restored(values, numpy_helper.to_array(tensors[f"{name}.scale"]), axes.get(name))
        name = renamed.get(name, name)
        weights[name.removesuffix(".t")] = values.T if name.endswith(".t") else values
    for name, shape in wanted.items():
        if name not in weights:
            alike = [n for n, values in weights.items() if n not in wanted and values.shape == shape]
            if len(alike) == 1:
                weights[name] = weights[alike[0]]
    return weights


def _restored(values: NDArray[Any], scale: NDArray[np.float32], axis: int | None) -> NDArray[np.float32]:
    """float32 from int8 with a scale for each index of `axis`, or from rows (int8, or 4 bits in uint8)."""
    if axis is not None:
        return values.astype(np.float32) * scale.reshape([-1 if i == axis else 1 for i in range(values.ndim)])
    if values.dtype == np.uint8:
        values = np.concatenate([values & 15, values >> 4], 1).astype(np.float32) - 8
    return values.astype(np.float32) * scale
