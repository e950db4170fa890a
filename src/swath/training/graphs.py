"""Torch towers as ONNX files, with weights of 8, 16 or 32 bits."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor, nn

from swath.errors import InputError
from swath.training.quantise import LEAST, quantise, strip

PRECISIONS = ("int8", "fp16", "fp32")
"""How weights are stored; all of them compute in fp32."""

_LARGEST = 2**31 - 1
"""Bytes of a protocol buffer."""


def write_graph(
    tower: nn.Module,
    example: tuple[Tensor, ...],
    shapes: Mapping[str, Any],
    outputs: Sequence[str],
    path: Path,
    *,
    precision: str = "int8",
    bits: Mapping[str, int] | None = None,
) -> None:
    """Write one tower.

    Args:
        tower: in evaluation mode.
        example: inputs, two rows each.
        shapes: input name -> its dynamic dimensions, in the order of `example`.
        outputs: names of the outputs.
        path: the file to write.
        precision: one of `PRECISIONS`.
        bits: by name, word tables that int8 stores in 4 bits.

    Raises:
        InputError: another precision, or a tower too large for one file.
    """
    if precision not in PRECISIONS:
        raise InputError(f"weights are stored as {', '.join(PRECISIONS)}, not as {precision!r}")
    with warnings.catch_warnings():
        # The exporter warns of its own deprecations; none concerns the graph.
        warnings.simplefilter("ignore")
        program = torch.onnx.export(
            tower,
            example,
            input_names=list(shapes),
            output_names=list(outputs),
            dynamic_shapes=tuple(shapes.values()),
            opset_version=20,
            dynamo=True,
            verbose=False,
        )
    assert program is not None
    model = program.model_proto
    if precision == "int8":
        quantise(model, path, bits)
        return
    if precision == "fp16":
        halve(model)
    if model.ByteSize() > _LARGEST:
        raise InputError(f"{path.name} has over 2 GB in {precision}, too much for one file: take int8")
    strip(model)
    onnx.checker.check_model(model)
    path.write_bytes(model.SerializeToString())


def halve(model: onnx.ModelProto) -> None:
    """Store the large weights of a graph in fp16, behind casts that the runtime folds away at load."""
    graph = model.graph
    casts, kept = [], []
    for tensor in graph.initializer:
        if tensor.data_type == TensorProto.FLOAT and int(np.prod(tensor.dims)) >= LEAST:
            name = f"{tensor.name}.half"
            kept.append(numpy_helper.from_array(numpy_helper.to_array(tensor).astype(np.float16), name))
            casts.append(helper.make_node("Cast", [name], [tensor.name], to=TensorProto.FLOAT))
        else:
            kept.append(tensor)
    nodes = [*casts, *graph.node]
    del graph.initializer[:], graph.node[:]
    graph.initializer.extend(kept)
    graph.node.extend(nodes)
