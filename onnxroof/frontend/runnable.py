"""A model that ONNX Runtime can run to show its sizes: all values are outputs, absent weights are made up.

This is the one place that reads weights, and only where a user asked for a run.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
from onnx import external_data_helper

from onnxroof.dtypes import DType, packed_bytes
from onnxroof.errors import Diagnostic, ModelError
from onnxroof.frontend.read import has_value
from onnxroof.ir.workload import Workload

__all__ = ["MOST_BYTES", "Feed", "Runnable", "runnable"]

MOST_BYTES = 3 * 2**29
"""Weights and values of a run together, 1.5 GiB: protobuf ends at 2 GiB, and a run must not take the machine down."""

_SEED = 7
_TAKES_ROWS = {("", "Gather"): (0, 1), ("com.microsoft", "EmbedLayerNormalization"): (2, 0)}
_PASSES_VALUES = frozenset({"Cast", "Identity", "Reshape", "Squeeze", "Unsqueeze", "Flatten", "Slice", "Transpose"})


@dataclass(frozen=True, slots=True)
class Feed:
    """An input of the run: its type, its extents, and for integers a number that all of its elements are below."""

    dtype: DType
    shape: tuple[int, ...]
    below: int


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Runnable:
    """A model prepared for one run.

    Attributes:
        path: Of the file, for messages.
        model: Serialized.
        feeds: Inputs by name.
        values: Names of the outputs whose shapes are wanted.
        trips: By node of a loop the output that has an element for each trip.
        conditions: By node of an If the value that it looks at.
    """

    path: str
    model: bytes
    feeds: Mapping[str, Feed]
    values: tuple[str, ...]
    trips: Mapping[str, str]
    conditions: Mapping[str, str]


def runnable(path: Path, workload: Workload) -> Runnable:
    """Prepares the model of a workload for a run under the same dimensions.

    Args:
        path: Of the file. Weights that it holds, or that lie in files beside it, are read; others are made up.
        workload: The model as lowered, which tells the inputs' extents and how much a run takes.

    Raises:
        ModelError: It is too large to run, or an input has no extents or is no tensor.
    """
    _check(path, workload)
    model = onnx.load(str(path), load_external_data=False)
    for tensor in _tensors(model):
        _fill(tensor, path.parent)
    graph = model.graph
    names = [node.name or f"{node.op_type}_{index}" for index, node in enumerate(graph.node)]
    once = {name for name, count in Counter(names).items() if count == 1}
    trips, conditions = {}, {}
    for index, (name, node) in enumerate(zip(names, graph.node, strict=True)):
        if node.domain not in ("", "ai.onnx") or name not in once:
            continue
        if node.op_type == "Loop":
            trips[name] = _counted(node, f"onnxroof.trips.{index}")
        elif node.op_type == "If":
            conditions[name] = node.input[0]
    given = {value.name for value in graph.output}
    made = [output for node in graph.node for output in node.output if output and output not in given]
    graph.output.extend(onnx.ValueInfoProto(name=name) for name in made)
    del graph.value_info[:]
    return Runnable(
        path=str(path), model=model.SerializeToString(), feeds=_feeds(workload), values=(*given, *made), trips=trips,
        conditions=conditions,
    )  # fmt: skip


def _check(path: Path, workload: Workload) -> None:
    faults = [
        Diagnostic(
            where=f"{path}: input `{name}`",
            message="a run needs a tensor of known extents, this is none",
            hint="leave out --shapes-from-run",
            code="M401",
        )
        for name in workload.inputs
        if not workload.tensors[name].is_shaped or workload.tensors[name].dtype is DType.UNDEFINED
    ]
    if faults:
        raise ModelError(*faults)
    needed = sum(tensor.bytes for tensor in workload.tensors.values() if tensor.is_shaped)
    if needed > MOST_BYTES:
        raise ModelError.at(
            str(path),
            f"a run would hold {needed / 1e9:.3g} GB of weights and values, more than {MOST_BYTES / 1e9:.3g} GB",
            "give smaller dimensions with `-d`, or leave out --shapes-from-run", code="M402",
        )  # fmt: skip


def _counted(node: onnx.NodeProto, name: str) -> str:
    """Gives a loop a further output with an element for each trip, and returns the output's name."""
    body = next(attribute.g for attribute in node.attribute if attribute.name == "body")
    counter = f"{name}.trip"
    body.node.append(onnx.helper.make_node("Identity", [body.input[0].name], [counter]))
    body.output.append(onnx.helper.make_tensor_value_info(counter, onnx.TensorProto.INT64, []))
    node.output.append(name)
    return name


def _tensors(model: onnx.ModelProto) -> Iterator[onnx.TensorProto]:
    """Every tensor of a model, in bodies and functions too."""
    yield from _of_graph(model.graph)
    for function in model.functions:
        yield from _of_nodes(function.node)


def _of_graph(graph: onnx.GraphProto) -> Iterator[onnx.TensorProto]:
    yield from graph.initializer
    for sparse in graph.sparse_initializer:
        yield from (sparse.values, sparse.indices)
    yield from _of_nodes(graph.node)


def _of_nodes(nodes: Iterable[onnx.NodeProto]) -> Iterator[onnx.TensorProto]:
    for node in nodes:
        for attribute in node.attribute:
            if attribute.HasField("t"):
                yield attribute.t
            yield from attribute.tensors
            for graph in (*((attribute.g,) if attribute.HasField("g") else ()), *attribute.graphs):
                yield from _of_graph(graph)


def _fill(tensor: onnx.TensorProto, folder: Path) -> None:
    """Reads the values of a tensor from its file, or makes them up: small numbers for floats, zeros for all else."""
    if tensor.data_location == onnx.TensorProto.EXTERNAL:
        location = next((entry.value for entry in tensor.external_data if entry.key == "location"), "")
        file = (folder / location).resolve()
        if location and file.is_relative_to(folder.resolve()) and file.is_file():
            external_data_helper.load_external_data_for_tensor(tensor, str(folder))
            tensor.data_location = onnx.TensorProto.DEFAULT
            del tensor.external_data[:]
    if has_value(tensor):
        return
    tensor.data_location = onnx.TensorProto.DEFAULT
    del tensor.external_data[:]
    elements, dtype = math.prod(tensor.dims), DType.from_number(tensor.data_type)
    kind = {DType.FLOAT: np.float32, DType.DOUBLE: np.float64, DType.FLOAT16: np.float16}.get(dtype)
    if kind is None:
        tensor.raw_data = bytes(packed_bytes(elements, dtype))
    else:
        tensor.raw_data = (0.02 * np.random.default_rng(_SEED).standard_normal(elements)).astype(kind).tobytes()


def _feeds(workload: Workload) -> dict[str, Feed]:
    """Integers are below the rows of all tables that they take rows of; others are 0 and 1, which index anything."""
    source = {name: name for name in workload.inputs}
    below: dict[str, int] = {}
    for op in workload.ops:
        if op.op_type in _PASSES_VALUES and op.inputs and op.inputs[0] in source:
            source[op.outputs[0]] = source[op.inputs[0]]
        table, index = _TAKES_ROWS.get(op.key, (0, len(op.inputs)))
        if index < len(op.inputs) and op.inputs[index] in source and workload.tensors[op.inputs[table]].is_shaped:
            axis = op.attributes.integer("axis") if op.op_type == "Gather" else 0
            rows = workload.tensors[op.inputs[table]].dims[axis]
            name = source[op.inputs[index]]
            below[name] = min(below.get(name, rows), rows)
    return {
        name: Feed(workload.tensors[name].dtype, workload.tensors[name].dims, max(below.get(name, 2), 1))
        for name in workload.inputs
    }
