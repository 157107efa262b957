"""A model file to a workload: dimensions bound, graph lowered, contradictions mended or named."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from onnxroof.dtypes import DType, Kind
from onnxroof.errors import Diagnostic, ModelError, UsageError
from onnxroof.frontend import proto
from onnxroof.frontend.alike import Alike
from onnxroof.frontend.dims import Bound, InputDims, Settled, bind_dims, is_placeholder
from onnxroof.frontend.expressions import evaluate_dim
from onnxroof.frontend.infer import Inference
from onnxroof.frontend.lower import BranchWork, Lowering
from onnxroof.frontend.read import read_model
from onnxroof.frontend.scope import Scope, in_order
from onnxroof.frontend.solve import Solution, UnsolvedError, solve
from onnxroof.frontend.types import Known, ValueType, filled, stated_size, type_of_proto
from onnxroof.frontend.unfold import FunctionKey, check_unfolding
from onnxroof.ir.observed import NOTHING_OBSERVED, Observed
from onnxroof.ir.op import Op
from onnxroof.ir.tensor import Tensor, TensorKind
from onnxroof.ir.workload import DimBinding, Workload

__all__ = ["Loader", "load_workload", "loader"]

# Bytes of which the bits do not fit in 64 bits with a sign, in which footprints of tiles are worked out.
_LEAST_TOO_LARGE = 2**60

Loader = Callable[[Mapping[str, int], Observed], Workload]
"""A model under any values of named dimensions, and with what a run of it showed."""


def load_workload(
    path: Path, given: Mapping[str, int], branch_work: BranchWork, observed: Observed = NOTHING_OBSERVED
) -> Workload:
    """Reads a model without its weights and gives every dimension a value.

    Args:
        path: Of the model file.
        given: Values of named dimensions. Names that the model lacks are ignored: the caller checks them over all
            models of a study by `Workload.dims`.
        branch_work: Work of a list of operators (inf: unknown), by which the heavier branch of an If is chosen.
        observed: Sizes of a run, taken before anything that is inferred or assumed.

    Raises:
        ModelError: The file is not a sound model, or the dimensions contradict it.
        UsageError: A value is negative.
    """
    for name, value in given.items():
        if value < 0:
            raise UsageError.at(f"-d {name}={value}", "a dimension cannot be negative", code="U101")
    return loader(path, branch_work)(given, observed)


def loader(path: Path, branch_work: BranchWork) -> Loader:
    """Reads a model once, for any number of workloads: what is inferred of a node that is the same in two is kept.

    Raises `ModelError` as `load_workload` does, and so does what it returns.
    """
    model = read_model(path)
    check_unfolding(str(path), model)
    weights = {t.name for t in model.graph.initializer} | {t.values.name for t in model.graph.sparse_initializer}
    # Files before IR version 4 list their initializers among the inputs.
    inputs = tuple(value for value in model.graph.input if value.name not in weights)
    alike, nodes = Alike(), tuple(model.graph.node)
    read = _Read(
        path=path, model=model, inputs=inputs, dims=_input_dims(inputs), nodes=nodes, order=in_order(str(path), nodes),
        inference=Inference(model.ir_version or 3), alike=alike, weights=tuple(alike.weights(model.graph, str(path))),
        functions={(f.domain, f.name, f.overload): f for f in model.functions},
        values=_value_names(model.graph), names=frozenset(node.name for node in nodes),
        declared={value.name: value for value in (*model.graph.value_info, *model.graph.output)},
    )  # fmt: skip

    def loaded(given: Mapping[str, int], observed: Observed) -> Workload:
        walk = _Walk(read, given, branch_work, observed)
        try:
            return _workload(walk, solve(walk.bind, walk.lower, given))
        except UnsolvedError as error:
            raise _contradiction(path, error) from error

    return loaded


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class _Read:
    """A model's file, and what is the same in all walks of it.

    Attributes:
        path: Of the file.
        model: Its content.
        inputs: Those that are no weights.
        dims: Of the inputs.
        nodes: Of the model's own graph, as objects that stay.
        order: In which they run.
        inference: Types and values of nodes that were inferred.
        alike: Findings of nodes.
        weights: Initializers and what is known of them.
        functions: By domain, name and overload.
        values: Names of all values of the model's own graph.
        names: Names of its nodes.
        declared: What the file says of values, by name.
    """

    path: Path
    model: proto.ModelProto
    inputs: tuple[proto.ValueInfoProto, ...]
    dims: tuple[InputDims, ...]
    nodes: tuple[proto.NodeProto, ...]
    order: Sequence[int]
    inference: Inference
    alike: Alike
    weights: tuple[tuple[str, Known], ...]
    functions: Mapping[FunctionKey, proto.FunctionProto]
    values: frozenset[str]
    names: frozenset[str]
    declared: Mapping[str, proto.ValueInfoProto]


@dataclass(frozen=True, slots=True, eq=False)
class _Walk:
    """A model that can be lowered again and again under other dimensions."""

    read: _Read
    given: Mapping[str, int]
    branch_work: BranchWork
    observed: Observed

    def bind(self, given: Mapping[str, int], settled: Mapping[str, Settled]) -> Bound:
        """The dimensions, with values that the graph implies in place of defaults."""
        return bind_dims(self.read.dims, given, {**self.observed.settled, **settled})

    def lower(self, bound: Bound, watched: str = "") -> Lowering:
        """One walk; raises `Clash` where shapes contradict each other, `WatchedNodeError` at the watched node."""
        read = self.read
        graph, path = read.model.graph, str(read.path)
        lowering = Lowering(
            path=path, inference=read.inference, alike=read.alike, functions=read.functions, given=self.given,
            branch_work=self.branch_work, observed=self.observed, watched=watched, reserved_values=read.values,
            reserved_nodes=read.names,
        )  # fmt: skip
        scope = Scope(path="", repeat=1, opsets=_opsets(read.model), declared=_Declared(read.declared, bound))
        lowering.add_weights(read.weights, scope)
        for value in read.inputs:
            kind = type_of_proto(value.type)
            if kind.shape is not None:
                kind = replace(kind, shape=bound.shapes[value.name])
            lowering.define(value.name, scope, read.alike.value(Known(kind, TensorKind.INPUT)))
        lowering.graph(read.nodes, scope, read.order)
        for output in graph.output:
            name = scope.find(output.name)
            if not name:
                raise ModelError.at(path, f"the output `{output.name}` is produced by no node", code="M201")
            known = lowering.known[name]
            stated = known.type
            if known.depends_on_data or not stated.is_complete:
                declared = scope.declared.get(output.name)
                stated = filled(stated, declared)
                stated = stated_size(stated, declared) if known.depends_on_data else stated
            lowering.known[name] = replace(known, is_output=True, type=stated)
        lowering.outputs = tuple(scope.find(output.name) or "" for output in graph.output)
        return lowering


def _value_names(graph: proto.GraphProto) -> frozenset[str]:
    names = {name for node in graph.node for name in node.output}
    names.update(value.name for value in (*graph.input, *graph.initializer))
    names.update(sparse.values.name for sparse in graph.sparse_initializer)
    return frozenset(names)


def _input_dims(inputs: tuple[proto.ValueInfoProto, ...]) -> tuple[InputDims, ...]:
    found = []
    for value in inputs:
        if value.type.WhichOneof("value") != "tensor_type":
            continue
        tensor = value.type.tensor_type
        dims: list[int | str | None] = []
        for dim in tensor.shape.dim:
            if dim.WhichOneof("value") == "dim_value":
                dims.append(dim.dim_value if dim.dim_value > 0 else None)  # unknown is -1 in Paddle, 0 in MXNet
            else:
                dims.append(dim.dim_param.strip() or None)
        is_float = DType.from_number(tensor.elem_type).kind is Kind.FLOAT
        found.append(InputDims(value.name, is_float, tuple(dims)))
    return tuple(found)


def _opsets(model: proto.ModelProto) -> dict[str, int]:
    """Imported versions by domain; a file without any is of the first version."""
    return {("" if o.domain == "ai.onnx" else o.domain): o.version for o in model.opset_import} or {"": 1}


class _Declared(Mapping[str, ValueType]):
    """Types that the file states, with its named dimensions replaced by their values; read where they are needed."""

    def __init__(self, values: Mapping[str, proto.ValueInfoProto], bound: Bound) -> None:
        self._values = values
        self._bound = bound

    def __getitem__(self, name: str) -> ValueType:
        proto = self._values[name].type
        kind = type_of_proto(proto)
        if kind.shape is None:
            return kind
        dims = zip(proto.tensor_type.shape.dim, kind.shape, strict=True)
        return replace(kind, shape=tuple(_declared_extent(dim, extent, self._bound) for dim, extent in dims))

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)


def _declared_extent(dim: proto.TensorShapeProto.Dimension, extent: int | None, bound: Bound) -> int | None:
    if extent is not None:
        return extent if extent > 0 else None
    label = dim.dim_param.strip()
    if is_placeholder(label):
        return None
    return bound.values[label] if label in bound.values else evaluate_dim(label, bound.values)


def _workload(walk: _Walk, solution: Solution) -> Workload:
    model, bound, lowering = walk.read.model, solution.bound, solution.lowering
    dims = [DimBinding(name=n, value=v, source=bound.sources[n]) for n, v in bound.values.items()]
    dims += [DimBinding(name=n, value=v, source=source) for n, (v, source) in lowering.sizes.items()]
    tensors = lowering.tensors(lowering.known)
    _check_sizes(walk.read.path, tensors, lowering.ops, dims)
    return Workload(
        name=walk.read.path.name,
        producer=f"{model.producer_name} {model.producer_version}".strip(),
        ir_version=model.ir_version,
        opsets=_opsets(model),
        dims=tuple(dims),
        ops=tuple(lowering.ops),
        tensors=tensors,
        inputs=tuple(value.name for value in walk.read.inputs),
        outputs=lowering.outputs,
        notes=(*solution.notes, *lowering.notes),
    )


def _check_sizes(path: Path, tensors: Mapping[str, Tensor], ops: Sequence[Op], dims: Sequence[DimBinding]) -> None:
    """Refuses tensors that nothing could hold; raises `ModelError` for each that no other of them explains."""
    large = {name for name, tensor in tensors.items() if tensor.is_shaped and tensor.bytes >= _LEAST_TOO_LARGE}
    if not large:
        return
    follow = {name for op in ops if not large.isdisjoint(op.inputs) for name in op.outputs}
    values = ", ".join(f"{dim.name}={dim.value} ({dim.source})" for dim in dims)
    hint = f"the dimensions are {values}: give smaller ones with `-d NAME=INT`" if dims else "the file fixes its sizes"
    raise ModelError(
        *(
            Diagnostic(
                where=f"{path}: tensor `{name}`",
                message=f"expected fewer than 2^60 B, found {list(tensors[name].dims)} of {tensors[name].dtype.name}",
                hint=hint,
                code="M302",
            )
            for name in tensors
            if name in large and name not in follow
        )
    )


def _contradiction(path: Path, error: UnsolvedError) -> ModelError:
    """Names both sides: the shapes that do not go together, and the dimensions that they come from."""
    clash, bound = error.clash, error.bound
    operands = ", ".join(
        f"`{name}` {list(shape)}" for name, shape in zip(clash.operands, clash.shapes, strict=True) if shape is not None
    )
    dims = ", ".join(
        f"{name}={value} ({bound.sources[name]})" for name, value in bound.values.items() if name in error.suspects
    )
    hint = "no dimension has a part in it: the file contradicts itself"
    if dims:
        hint = f"the dimensions behind it are {dims}: give those that go together with `-d NAME=INT`"
    where = f"{path}: node `{clash.node}` ({clash.op_type})"
    message = f"the shapes of its inputs contradict each other: {operands}: {clash.reason}"
    return ModelError(Diagnostic(where=where, message=message, hint=hint, code="M301"))
