"""A model that ONNX Runtime can run to show its sizes: all values are outputs, absent weights are made up.

This is the one place that reads weights, and only where a user asked for a run.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
from onnx import external_data_helper

from onnxroof.dtypes import DType, Kind, packed_bytes
from onnxroof.errors import Diagnostic, ModelError
from onnxroof.frontend.places import Places, mark_places
from onnxroof.frontend.read import has_value
from onnxroof.ir.workload import Workload

__all__ = ["MOST_BYTES", "Feed", "Runnable", "runnable"]

MOST_BYTES = 3 * 2**29
"""Weights and values of a run together, 1.5 GiB: protobuf ends at 2 GiB, and a run must not take the machine down."""

_SEED = 7
_NUMPY_NAMES = {
    DType.FLOAT16: "float16", DType.FLOAT: "float32", DType.DOUBLE: "float64", DType.BOOL: "bool",
    DType.STRING: "object", DType.INT8: "int8", DType.INT16: "int16", DType.INT32: "int32", DType.INT64: "int64",
    DType.UINT8: "uint8", DType.UINT16: "uint16", DType.UINT32: "uint32", DType.UINT64: "uint64",
}  # fmt: skip
_TAKES_ROWS = {("", "Gather"): (0, 1), ("com.microsoft", "EmbedLayerNormalization"): (2, 0)}
_WRITES_AT = {("", "TensorScatter"): 2}
_TAKES_SIZES = {("", "Reshape"): 1, ("", "Expand"): 1, ("", "ConstantOfShape"): 0, ("", "Resize"): 3}
_PASSES_VALUES = frozenset({"Cast", "Identity", "Reshape", "Squeeze", "Unsqueeze", "Flatten", "Slice", "Transpose"})


@dataclass(frozen=True, slots=True)
class Feed:
    """An input of the run.

    Attributes:
        kind: NumPy's name for the type of its elements.
        shape: Its extents.
        below: For integers that take rows of a table, the number of its rows; 0 for all others.
        values: Its elements where the model's sizes say what they are, or empty.
    """

    kind: str
    shape: tuple[int, ...]
    below: int = 0
    values: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Runnable:
    """A model prepared for one run.

    Attributes:
        path: Of the file, for messages.
        model: Serialized.
        feeds: Inputs by name.
        values: Names of the outputs whose shapes are wanted.
        places: Of its loops and branches; nodes are named by theirs.
        made_up: How many weights have made-up values.
    """

    path: str
    model: bytes
    feeds: Mapping[str, Feed]
    values: tuple[str, ...]
    places: Places
    made_up: int


def runnable(path: Path, workload: Workload) -> Runnable:
    """Prepares the model of a workload for a run under the same dimensions.

    Args:
        path: Of the file. Weights that it holds, or that lie in files beside it, are read; others are made up.
        workload: The model as lowered, which tells the inputs' extents and how much a run takes.

    Raises:
        ModelError: It is too large to run, an input has no extents or is no tensor, or a data file is damaged.
    """
    _check(path, workload)
    model = onnx.load(str(path), load_external_data=False)
    graph = model.graph
    made_up = _fill(_tensors(model), path)
    given = [value.name for value in graph.output]
    made = list(dict.fromkeys(output for node in graph.node for output in node.output if output))
    graph.output.extend(onnx.ValueInfoProto(name=name) for name in made if name not in given)
    del graph.value_info[:]
    # By what a loop is limited in the end, the last operator at its position: it stands behind its body.
    loops = {op.position: op.name for op in workload.ops if op.key == ("", "Loop") and not op.scope}
    limits = {graph.node[place].input[0]: f"{name}.trips" for place, name in loops.items()}
    places = mark_places(model)
    return Runnable(
        path=str(path), model=model.SerializeToString(), feeds=_feeds(workload, limits),
        values=tuple(dict.fromkeys((*given, *made))), places=places, made_up=made_up,
    )  # fmt: skip


def _check(path: Path, workload: Workload) -> None:
    tensors = [workload.tensors[name] for name in workload.inputs]
    faults = [
        Diagnostic(
            where=f"{path}: input `{tensor.name}`", hint="leave out --shapes-from-run", code="M401",
            message=f"a run needs a tensor of known extents and of a type that NumPy has, this is {tensor.dtype.name}",
        )
        for tensor in tensors
        if not tensor.is_shaped or tensor.dtype not in _NUMPY_NAMES
    ]  # fmt: skip
    if faults:
        raise ModelError(*faults)
    needed = sum(tensor.bytes for tensor in workload.tensors.values() if tensor.is_shaped)
    if needed > MOST_BYTES:
        raise ModelError.at(
            str(path),
            f"a run would hold {needed / 1e9:.3g} GB of weights and values, more than {MOST_BYTES / 1e9:.3g} GB",
            "give smaller dimensions with `-d`, or leave out --shapes-from-run", code="M402",
        )  # fmt: skip


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
            if attribute.HasField("sparse_tensor"):
                yield from (attribute.sparse_tensor.values, attribute.sparse_tensor.indices)
            yield from attribute.tensors
        for graph in _graphs_of(node):
            yield from _of_graph(graph)


def _graphs_of(node: onnx.NodeProto) -> Iterator[onnx.GraphProto]:
    for attribute in node.attribute:
        if attribute.HasField("g"):
            yield attribute.g
        yield from attribute.graphs


def _fill(tensors: Iterable[onnx.TensorProto], path: Path) -> int:
    """Gives every tensor its values, in place; returns how many had to be made up."""
    made_up = 0
    faults = []
    for tensor in tensors:
        try:
            _read(tensor, path.parent)
        except (ValueError, OSError, onnx.checker.ValidationError) as error:
            where, hint = f"{path}: weight `{tensor.name}`", "fetch the data file again, or leave out --shapes-from-run"
            faults.append(Diagnostic(where=where, message=f"its data cannot be read: {error}", hint=hint, code="M404"))
            continue
        if not has_value(tensor):
            _make_up(tensor)
            made_up += 1
    if faults:
        raise ModelError(*faults)
    return made_up


def _read(tensor: onnx.TensorProto, folder: Path) -> None:
    """Reads the values of a tensor from its file, where there is one in the folder of the model."""
    if tensor.data_location != onnx.TensorProto.EXTERNAL:
        return
    location = next((entry.value for entry in tensor.external_data if entry.key == "location"), "")
    file = (folder / location).resolve()
    if location and file.is_relative_to(folder.resolve()) and file.is_file():
        external_data_helper.load_external_data_for_tensor(tensor, str(folder))
        tensor.data_location = onnx.TensorProto.DEFAULT
        del tensor.external_data[:]


def _make_up(tensor: onnx.TensorProto) -> None:
    """Small numbers for floats, zeros for all else."""
    tensor.data_location = onnx.TensorProto.DEFAULT
    del tensor.external_data[:]
    elements, dtype = math.prod(tensor.dims), DType.from_number(tensor.data_type)
    if dtype.kind is Kind.FLOAT and dtype in _NUMPY_NAMES:
        values = 0.02 * np.random.default_rng(_SEED).standard_normal(elements)
        tensor.raw_data = values.astype(_NUMPY_NAMES[dtype]).tobytes()
    else:
        tensor.raw_data = bytes(packed_bytes(elements, dtype))


def _feeds(workload: Workload, limits: Mapping[str, str]) -> dict[str, Feed]:
    """Inputs by name: what takes rows of a table stays below their number, sizes are those of the workload.

    Args:
        workload: The model as lowered.
        limits: Dimensions of trips by the value that limits them.
    """
    source = {name: name for name in workload.inputs}
    for op in workload.ops:
        if op.op_type in _PASSES_VALUES and op.inputs and op.inputs[0] in source:
            source[op.outputs[0]] = source[op.inputs[0]]
    below: dict[str, int] = {}
    for op in workload.ops:
        table, index = _TAKES_ROWS.get(op.key, (0, len(op.inputs)))
        if index < len(op.inputs) and op.inputs[index] in source and workload.tensors[op.inputs[table]].is_shaped:
            axis = op.attributes.integer("axis") if op.op_type == "Gather" else 0
            rows = workload.tensors[op.inputs[table]].dims[axis]
            name = source[op.inputs[index]]
            below[name] = min(below.get(name, rows), rows)
        place = _WRITES_AT.get(op.key, len(op.inputs))
        if place < len(op.inputs) and op.inputs[place] in source:
            below[source[op.inputs[place]]] = 1  # at the start, where there is always room
    sizes = {source[name]: size for name, size in _sizes(workload, limits).items() if name in source}
    feeds = {}
    for name in workload.inputs:
        tensor = workload.tensors[name]
        values = sizes.get(name, ())
        values = values if len(values) == math.prod(tensor.dims) else ()
        feeds[name] = Feed(_NUMPY_NAMES[tensor.dtype], tensor.dims, below.get(name, 0), values)
    return feeds


def _sizes(workload: Workload, limits: Mapping[str, str]) -> dict[str, tuple[int, ...]]:
    """Elements of values that say how large a result is or how often a loop runs."""
    found = {}
    for op in workload.ops:
        place = _TAKES_SIZES.get(op.key, len(op.inputs))
        if place < len(op.inputs) and workload.tensors[op.outputs[0]].is_shaped:
            found[op.inputs[place]] = workload.tensors[op.outputs[0]].dims
    dims = {dim.name: dim.value for dim in workload.dims}
    return found | {value: (dims[dim],) for value, dim in limits.items() if dim in dims}
