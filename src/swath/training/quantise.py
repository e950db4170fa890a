"""Weights-only quantisation of an exported graph: small on disk, fp32 when it runs.

Activations stay in floating point, since the runtime would give them one scale for a whole batch and a vector
would change with its batch mates. Matrices are int8 with a scale per output channel behind DequantizeLinear,
which the runtime folds away at load. Word tables stay quantised in memory: only rows looked up are scaled.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

LEAST = 4096
"""Smaller tensors stay in fp32."""


def quantise(model: onnx.ModelProto, path: Path, bits: Mapping[str, int] | None = None) -> None:
    """Quantise the weights of an exported tower and write it.

    Args:
        model: the graph, fp32; changed in place.
        path: the file to write.
        bits: by name, tables that are only looked up and stored in 4 bits (two values a byte) and not in 8.

    Raises:
        ValueError: another number of bits.
    """
    bits = bits or {}
    if not set(bits.values()) <= {4, 8}:
        raise ValueError(f"tables are stored in 4 or 8 bits, not {bits}")
    graph = model.graph
    weights = {t.name: t for t in graph.initializer}
    names = parameter_names(graph, weights)
    nodes: list[onnx.NodeProto] = []
    done: dict[str, str] = {}
    for node in graph.node:
        weight = weights.get(node.input[1]) if node.op_type in ("MatMul", "Gemm", "Conv") else None
        if weight is not None and _is_large(weight):
            key = node.input[1]
            if key not in done:
                done[key] = f"{key}.restored"
                by_column = node.op_type == "MatMul" or (node.op_type == "Gemm" and not _flag(node, "transB"))
                nodes.append(_matrix(graph, weight, names.get(key, key), int(by_column), done[key]))
            node.input[1] = done[key]
            nodes.append(node)
        elif node.op_type == "Gather" and _is_large(weights.get(node.input[0])):
            table = node.input[0]
            nodes += _lookup(graph, weights[table], node.input[1], node.output[0], bits.get(table, 8))
        else:
            if node.op_type == "Add":
                for i, name in enumerate(node.input):
                    if _is_large(weights.get(name)):
                        # A table of positions, used once: one scale for each position.
                        restored, axis = f"{name}.restored", len(weights[name].dims) - 2
                        nodes.append(_matrix(graph, weights[name], name, axis, restored))
                        node.input[i] = restored
            nodes.append(node)
    used = {name for node in nodes for name in node.input}
    kept = [t for t in graph.initializer if t.name in used]
    del graph.node[:], graph.initializer[:]
    graph.node.extend(nodes)
    graph.initializer.extend(kept)
    strip(model)
    onnx.checker.check_model(model)
    path.write_bytes(model.SerializeToString())


def strip(model: onnx.ModelProto) -> None:
    """Take away what the exporter noted for debugging: source lines, paths of this machine, inner shapes."""
    graph = model.graph
    for noted in (model, graph, *graph.node, *graph.initializer, *graph.input, *graph.output):
        noted.ClearField("metadata_props")
        noted.ClearField("doc_string")
    del graph.value_info[:]


def _is_large(tensor: onnx.TensorProto | None) -> bool:
    if tensor is None or tensor.data_type != TensorProto.FLOAT:
        return False
    if len(tensor.dims) < 2 or int(np.prod(tensor.dims)) < LEAST:
        return False
    # The mask of a causal text tower is added like a table too, and no scale holds its infinities.
    return bool(np.isfinite(numpy_helper.to_array(tensor)).all())


def _flag(node: onnx.NodeProto, name: str) -> bool:
    return any(a.name == name and a.i for a in node.attribute)


def parameter_names(graph: onnx.GraphProto, weights: dict[str, onnx.TensorProto]) -> dict[str, str]:
    """Names of matrices that the exporter folded and renamed, told by the bias that is added behind them.

    A folded matrix is the transposed parameter: `X.weight` becomes `X.weight.t`.
    """
    made = {node.output[0]: node for node in graph.node}
    names = {}
    for node in graph.node:
        if node.op_type != "Add":
            continue
        source = made.get(node.input[0])
        bias = node.input[1]
        if source is not None and source.op_type == "MatMul" and bias in weights and bias.endswith(".bias"):
            names[source.input[1]] = bias.removesuffix("bias") + "weight.t"
    return names


def int8_rows(values: NDArray[np.float32], axis: int) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """Symmetric int8 with one scale per index of `axis`: values about equal integers * scale."""
    others = tuple(i for i in range(values.ndim) if i != axis)
    scale = np.maximum(np.abs(values).max(others), 1e-12).astype(np.float32) / 127
    shape = [-1 if i == axis else 1 for i in range(values.ndim)]
    return np.rint(values / scale.reshape(shape)).astype(np.int8), scale


def int4_rows(values: NDArray[np.float32]) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Rows float32[n, 2 m] in 4 bits: packed uint8[n, m] (first half low, second half high), scales [n, 1].

    A value is (integer - 8) * scale with integers 0 to 15; the scale of each row is the one of 24 tried that
    has the least squared error.
    """
    peak = np.maximum(np.abs(values).max(1, keepdims=True), 1e-12)
    best = np.full((len(values), 1), np.inf, np.float32)
    scale = peak / 7.5
    for share in np.linspace(0.5, 1.0, 24, dtype=np.float32):
        tried = share * peak / 7.5
        error = np.square(np.clip(np.rint(values / tried), -8, 7) * tried - values).sum(1, keepdims=True)
        scale = np.where(error < best, tried, scale)
        best = np.minimum(error, best)
    integers = (np.clip(np.rint(values / scale), -8, 7) + 8).astype(np.uint8)
    half = values.shape[1] // 2
    return integers[:, :half] | integers[:, half:] << 4, scale.astype(np.float32)


def rounded_words(table: NDArray[np.float32], bits: int) -> NDArray[np.float32]:
    """A word table float32[n, d] as it is after storage, so that training sees what will be shipped."""
    if bits == 8:
        integers, scale = int8_rows(table, 0)
        return integers * scale[:, None]
    packed, scales = int4_rows(table)
    return (np.concatenate([packed & 15, packed >> 4], 1).astype(np.float32) - 8) * scales


def _matrix(
    graph: onnx.GraphProto, weight: onnx.TensorProto, name: str, axis: int, output: str
) -> onnx.NodeProto:
    integers, scale = int8_rows(numpy_helper.to_array(weight), axis)
    graph.initializer.append(numpy_helper.from_array(integers, name))
    graph.initializer.append(numpy_helper.from_array(scale, f"{name}.scale"))
    if name == weight.name:
        # The integers take the parameter's name; the fp32 tensor must not keep it.
        weight.name = f"{name}.fp32"
    return helper.make_node("DequantizeLinear", [name, f"{name}.scale"], [output], axis=axis)


def _lookup(
    graph: onnx.GraphProto, table: onnx.TensorProto, rows: str, output: str, bits: int
) -> list[onnx.NodeProto]:
    name, values = table.name, numpy_helper.to_array(table)
    if bits == 8:
        integers, flat = int8_rows(values, 0)
        stored, scale = numpy_helper.from_array(integers, name), flat[:, None]
    else:
        packed, scale = int4_rows(values)
        stored = numpy_helper.from_array(packed, name)
    table.name = f"{name}.fp32"
    graph.initializer.append(stored)
    graph.initializer.append(numpy_helper.from_array(scale, f"{name}.scale"))
    n = name.replace(".", "_")
    nodes = [
        helper.make_node("Gather", [name, rows], [f"{n}_packed"]),
        helper.make_node("Gather", [f"{name}.scale", rows], [f"{n}_scale"]),
    ]
    if bits == 8:
        nodes.append(helper.make_node("Cast", [f"{n}_packed"], [f"{n}_values"], to=TensorProto.FLOAT))
    else:
        for constant, value in (("mask", 15), ("shift", 4)):
            graph.initializer.append(numpy_helper.from_array(np.array(value, np.uint8), f"{n}_{constant}"))
        graph.initializer.append(numpy_helper.from_array(np.array(8, np.float32), f"{n}_middle"))
        nodes += [
            helper.make_node("BitwiseAnd", [f"{n}_packed", f"{n}_mask"], [f"{n}_low"]),
            helper.make_node("BitShift", [f"{n}_packed", f"{n}_shift"], [f"{n}_high"], direction="RIGHT"),
            helper.make_node("Concat", [f"{n}_low", f"{n}_high"], [f"{n}_integers"], axis=-1),
            helper.make_node("Cast", [f"{n}_integers"], [f"{n}_floats"], to=TensorProto.FLOAT),
            helper.make_node("Sub", [f"{n}_floats", f"{n}_middle"], [f"{n}_values"]),
        ]
    return [*nodes, helper.make_node("Mul", [f"{n}_values", f"{n}_scale"], [output])]
