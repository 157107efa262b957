"""A model file to a workload: dimensions bound, graph lowered, contradictions mended or named."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import onnx

from onnxroof.dtypes import DType, Kind
from onnxroof.errors import Diagnostic, ModelError, UsageError
from onnxroof.frontend.dims import Bound, InputDims, bind_dims, evaluate_dim
from onnxroof.frontend.infer import Inference
from onnxroof.frontend.lower import BranchWork, Clash, Known, Lowering
from onnxroof.frontend.read import read_model
from onnxroof.frontend.scope import Scope
from onnxroof.frontend.solve import solve_clash
from onnxroof.frontend.types import ValueType, type_of_proto
from onnxroof.ir.tensor import TensorKind
from onnxroof.ir.workload import DimBinding, Workload

__all__ = ["load_workload"]


@dataclass(frozen=True, slots=True, eq=False)
class _Walk:
    """A model that can be lowered again and again under other dimensions."""

    path: Path
    model: onnx.ModelProto
    inputs: tuple[InputDims, ...]
    given: Mapping[str, int]
    branch_work: BranchWork
    inference: Inference

    def bind(self, solved: Mapping[str, int]) -> Bound:
        """The dimensions, with values that the graph implies in place of defaults."""
        return bind_dims(self.inputs, self.given, solved)

    def lower(self, bound: Bound, watched: str = "") -> Lowering:
        """One walk; raises `Clash` where shapes contradict each other, or at the node that is watched."""
        graph = self.model.graph
        lowering = Lowering(
            path=str(self.path), inference=self.inference, given=self.given, branch_work=self.branch_work,
            functions={(f.domain, f.name, f.overload): f for f in self.model.functions}, watched=watched,
        )  # fmt: skip
        scope = Scope(path="", repeat=1, opsets=_opsets(self.model), declared=_declared(graph, bound))
        lowering.add_initializers(graph, scope)
        for value in graph.input:
            if value.name in scope.names:  # an initializer that is listed as an input, as files before IR 4 do
                continue
            kind = type_of_proto(value.type)
            if value.name in bound.shapes and value.type.tensor_type.HasField("shape"):
                kind = replace(kind, shape=bound.shapes[value.name])
            lowering.define(scope.own(value.name), Known(kind, TensorKind.INPUT))
        lowering.graph(graph.node, scope)
        for output in graph.output:
            self._mark_output(lowering, scope, output.name)
        return lowering

    def _mark_output(self, lowering: Lowering, scope: Scope, output: str) -> None:
        name = scope.find(output)
        if not name:
            raise ModelError.at(str(self.path), f"the output `{output}` is produced by no node")
        known = lowering.known[name]
        stated = scope.declared.get(output)
        kind = known.type
        if kind.shape is None and not kind.container and stated is not None and stated.shape is not None:
            kind = stated
        lowering.known[name] = replace(known, is_output=True, type=kind)


def load_workload(path: Path, given: Mapping[str, int], branch_work: BranchWork) -> Workload:
    """Reads a model without its weights and gives every dimension a value.

    Args:
        path: Of the model file.
        given: Values of named dimensions. Names that the model lacks are ignored: the caller checks them over all
            models of a study by `Workload.dims`.
        branch_work: Work of a list of operators, by which the heavier branch of an If is chosen.

    Raises:
        ModelError: The file is not a sound model, or the dimensions contradict it.
        UsageError: A value is negative.
    """
    for name, value in given.items():
        if value < 0:
            raise UsageError.at(f"-d {name}={value}", "a dimension cannot be negative")
    model = read_model(path)
    walk = _Walk(path, model, _inputs(model.graph), given, branch_work, Inference(model.ir_version or 3))
    solved: Mapping[str, int] = {}
    for _ in range(4 * len(walk.inputs) + 1):
        bound = walk.bind(solved)
        try:
            return _workload(walk, bound, walk.lower(bound))
        except Clash as clash:
            found = solve_clash(clash, solved, walk.bind, walk.lower)
            if found is None:
                raise _contradiction(path, clash, bound) from clash
            solved = found
    raise ModelError.at(str(path), "its dimensions contradict each other in too many places", "give them with `-d`")


def _inputs(graph: onnx.GraphProto) -> tuple[InputDims, ...]:
    weights = {t.name for t in graph.initializer}
    found = []
    for value in graph.input:
        if value.name in weights or value.type.WhichOneof("value") != "tensor_type":
            continue
        tensor = value.type.tensor_type
        dims: list[int | str | None] = []
        for dim in tensor.shape.dim:
            kind = dim.WhichOneof("value")
            if kind == "dim_value":
                dims.append(dim.dim_value if dim.dim_value >= 0 else None)  # paddle2onnx writes -1
            else:
                dims.append(dim.dim_param.strip() if kind == "dim_param" else None)
        is_float = DType.from_number(tensor.elem_type).kind is Kind.FLOAT
        found.append(InputDims(value.name, is_float, tuple(dims)))
    return tuple(found)


def _opsets(model: onnx.ModelProto) -> dict[str, int]:
    """Imported versions by domain; a file without any is of the first version."""
    return {("" if o.domain == "ai.onnx" else o.domain): o.version for o in model.opset_import} or {"": 1}


def _declared(graph: onnx.GraphProto, bound: Bound) -> dict[str, ValueType]:
    """Types that the file states, with its named dimensions replaced by their values."""
    found = {}
    for value in (*graph.value_info, *graph.output):
        kind = type_of_proto(value.type)
        if kind.shape is not None:
            dims = value.type.tensor_type.shape.dim
            extents = [_declared_extent(d, e, bound) for d, e in zip(dims, kind.shape, strict=True)]
            kind = replace(kind, shape=tuple(extents))
        found[value.name] = kind
    return found


def _declared_extent(dim: onnx.TensorShapeProto.Dimension, extent: int | None, bound: Bound) -> int | None:
    if extent is not None:
        return extent if extent >= 0 else None
    label = dim.dim_param.strip()
    if not label:
        return None
    return bound.values[label] if label in bound.values else evaluate_dim(label, bound.values)


def _workload(walk: _Walk, bound: Bound, lowering: Lowering) -> Workload:
    model = walk.model
    dims = [DimBinding(name=n, value=v, source=bound.sources[n]) for n, v in bound.values.items()]
    dims += [DimBinding(name=n, value=v, source=source) for n, (v, source) in lowering.trips.items()]
    weights = {t.name for t in model.graph.initializer}
    return Workload(
        name=walk.path.name,
        producer=f"{model.producer_name} {model.producer_version}".strip(),
        ir_version=model.ir_version,
        opsets=_opsets(model),
        dims=tuple(dims),
        ops=tuple(lowering.ops),
        tensors=lowering.tensors(),
        inputs=tuple(v.name for v in model.graph.input if v.name not in weights),
        outputs=tuple(v.name for v in model.graph.output),
        notes=tuple(lowering.notes),
    )


def _contradiction(path: Path, clash: Clash, bound: Bound) -> ModelError:
    operands = ", ".join(
        f"`{name}` {list(shape)}" for name, shape in zip(clash.operands, clash.shapes, strict=True) if shape is not None
    )
    dims = ", ".join(f"{name}={value} ({bound.sources[name]})" for name, value in bound.values.items())
    hint = "no dimension of this model is free: the file contradicts itself"
    if dims:
        hint = f"the dimensions are {dims}: give those that go together with `-d NAME=INT`"
    where = f"{path}: node `{clash.node}` ({clash.op_type})"
    message = f"the shapes of its inputs contradict each other: {operands}: {clash.reason}"
    return ModelError(Diagnostic(where=where, message=message, hint=hint))
