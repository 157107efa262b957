"""A graph to a flat list of operators: functions inlined, branches chosen, loop bodies listed with their trips.

Every extent is a number when the walk starts, so each node is inferred once, in order of execution.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import defs, helper

from onnxroof.dtypes import DType
from onnxroof.errors import ModelError
from onnxroof.frontend import control_flow
from onnxroof.frontend.infer import ContradictionError, Inference
from onnxroof.frontend.scope import Scope, execution_order
from onnxroof.frontend.types import ValueType, array_of, most_value_elements
from onnxroof.ir.op import Attributes, Op, OpKind
from onnxroof.ir.tensor import Tensor, TensorKind

__all__ = ["BranchWork", "Clash", "Known", "Lowering"]

# Up to this many elements a computed value is shape arithmetic of the host; above it is real work.
_HOST_ELEMENTS = 64
_MAX_OPS = 1_000_000
_MAX_DEPTH = 200

# They hold a weight's elements in another order or under another shape.
_REARRANGES = frozenset({"Identity", "Transpose", "Reshape", "Squeeze", "Unsqueeze", "Flatten"})
_RANDOM = frozenset(
    {"RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike", "Bernoulli", "Multinomial"}
)
# One input, one output of the same shape: the shape of either gives that of the other.
_SHAPE_KEEPING = frozenset(
    {"Abs", "Cast", "Ceil", "Clip", "Cos", "Elu", "Erf", "Exp", "Floor", "Gelu", "HardSigmoid", "HardSwish", "Identity"}
    | {"LeakyRelu", "Log", "LogSoftmax", "Mish", "Neg", "Not", "Reciprocal", "Relu", "Round", "Selu", "Sigmoid", "Sign"}
    | {"Sin", "Softmax", "Softplus", "Softsign", "Sqrt", "Tan", "Tanh", "ThresholdedRelu"}
)

BranchWork = Callable[[Sequence[Op], Mapping[str, Tensor]], float]


class Clash(Exception):  # noqa: N818 - it is a finding that may be mended, not yet an error
    """The shapes of a node's inputs contradict each other.

    Attributes:
        node: Name of the node in the workload.
        op_type: Its type.
        operands: Names of its inputs.
        shapes: Their extents.
        reason: What onnx's inference says.
        position: How many operators the walk had listed before.
    """

    def __init__(
        self,
        node: str,
        op_type: str,
        operands: tuple[str, ...],
        shapes: tuple[tuple[int | None, ...] | None, ...],
        reason: str,
        position: int,
    ) -> None:
        self.node = node
        self.op_type = op_type
        self.operands = operands
        self.shapes = shapes
        self.reason = reason
        self.position = position
        super().__init__(reason)


@dataclass(frozen=True, slots=True, eq=False)
class Known:
    """What is known of one value of the workload."""

    type: ValueType
    kind: TensorKind
    value: npt.NDArray[Any] | None = None
    origin: str = ""
    is_output: bool = False


@dataclass(slots=True)
class Lowering:
    """State of one walk.

    Attributes:
        path: Of the model file, for messages.
        inference: Shared by repeated walks of the same model.
        functions: Model-local functions by (domain, name, overload).
        given: Dimensions that the user gave; loops look up their trips here.
        branch_work: Work of a list of operators, by which the heavier branch of an If is chosen.
        watched: Name of a node at which the walk stops by raising `Clash`, to look at its shapes; "" for none.
    """

    path: str
    inference: Inference
    functions: Mapping[tuple[str, str, str], onnx.FunctionProto]
    given: Mapping[str, int]
    branch_work: BranchWork
    watched: str = ""
    ops: list[Op] = field(default_factory=list)
    known: dict[str, Known] = field(default_factory=dict)
    notes: dict[str, None] = field(default_factory=dict)
    trips: dict[str, tuple[int, str]] = field(default_factory=dict)
    taken_names: set[str] = field(default_factory=set)
    _reserved: set[str] = field(default_factory=set)

    # -- values ---------------------------------------------------------------------------------------------

    def define(self, name: str, known: Known) -> None:
        """Enters a value; a second definition of a name is an error."""
        if name in self.known:
            raise ModelError.at(self.path, f"`{name}` is produced more than once", "each value may have one producer")
        self.known[name] = known

    def add_initializers(self, graph: onnx.GraphProto, scope: Scope) -> None:
        """Enters the weights of a graph."""
        for tensor in graph.initializer:
            kind = ValueType(DType.from_number(tensor.data_type), tuple(tensor.dims))
            self.define(scope.own(tensor.name), Known(kind, TensorKind.WEIGHT, array_of(tensor)))
        for sparse in graph.sparse_initializer:
            kind = ValueType(DType.from_number(sparse.values.data_type), tuple(sparse.dims))
            self.define(scope.own(sparse.values.name), Known(kind, TensorKind.WEIGHT))

    def tensors(self) -> dict[str, Tensor]:
        """All values as tensors of the workload."""
        return {
            name: Tensor(
                name=name,
                dtype=known.type.dtype,
                shape=known.type.shape,
                kind=known.kind,
                is_output=known.is_output,
                value=known.value,
                origin=known.origin,
            )
            for name, known in self.known.items()
        }

    # -- graphs ---------------------------------------------------------------------------------------------

    def graph(self, nodes: Sequence[onnx.NodeProto], scope: Scope) -> None:
        """Lowers the nodes of one graph or function body, in order of execution."""
        if scope.depth > _MAX_DEPTH:
            raise ModelError.at(
                self.path, f"graphs are nested more than {_MAX_DEPTH} deep at `{scope.path}`",
                "a function that calls itself has no end: break the circle",
            )  # fmt: skip
        order, held_back = execution_order(nodes)
        if held_back:
            names = ", ".join(f"`{nodes[i].name or nodes[i].op_type}`" for i in held_back[:5])
            raise ModelError.at(
                self.path, f"the graph has a cycle through {names}", "a node may not depend on its own output"
            )
        if not scope.path:
            self._reserved.update(node.name for node in nodes if node.name)
        for index in order:
            self.node(nodes[index], index, scope)

    def node(self, node: onnx.NodeProto, index: int, scope: Scope) -> None:
        """Lowers one node."""
        if len(self.ops) >= _MAX_OPS:
            raise ModelError.at(self.path, f"the model unfolds to more than {_MAX_OPS:,} nodes")
        if node.domain == "ai.onnx":
            node = _copy(node, domain="")
        node = _resolved(node, scope)
        function = self.functions.get((node.domain, node.op_type, node.overload))
        if function is not None:
            self._call(node, function, scope)
        elif not node.domain and node.op_type in control_flow.LOWERERS:
            control_flow.LOWERERS[node.op_type](self, node, self.unique_name(node, index, scope), scope)
        elif not node.domain and node.op_type == "Constant":
            self._constant(node, self.unique_name(node, index, scope), scope)
        else:
            self._plain(node, self.unique_name(node, index, scope), scope)

    def unique_name(self, node: onnx.NodeProto, index: int, scope: Scope) -> str:
        """The node's name, or `Relu_17` where that is empty or taken."""
        prefix = f"{scope.path}/" if scope.path else ""
        name = f"{prefix}{node.name}" if node.name else ""
        if not name or name in self.taken_names:
            name = f"{prefix}{node.op_type}_{index}"
            while name in self.taken_names or name in self._reserved:
                name += "_"
        self.taken_names.add(name)
        return name

    def operands(self, node: onnx.NodeProto, scope: Scope) -> tuple[str, ...]:
        """Workload names of a node's inputs, "" for one that is left out."""
        found = []
        for local in node.input:
            name = scope.find(local) if local else ""
            if name is None:
                raise ModelError.at(
                    self.path, f"node `{node.name or node.op_type}` reads `{local}`, which nothing produces",
                    "the file is damaged or was cut out of a larger graph: export it again",
                )  # fmt: skip
            found.append(name)
        return tuple(found)

    def emit_view(
        self, node: onnx.NodeProto, name: str, scope: Scope, inputs: Sequence[str], outputs: Sequence[str]
    ) -> None:
        """Lists a control-flow node itself: it moves nothing, its body is listed beside it."""
        self.ops.append(
            Op(
                name=name, op_type=node.op_type, domain=node.domain, version=scope.opsets.get(node.domain, 1),
                inputs=tuple(inputs), outputs=tuple(outputs), attributes=Attributes(), scope=scope.path,
                repeat=scope.repeat, disposition=OpKind.VIEW,
            )
        )  # fmt: skip

    # -- kinds of nodes -------------------------------------------------------------------------------------

    def _call(self, node: onnx.NodeProto, function: onnx.FunctionProto, scope: Scope) -> None:
        actual = self.operands(node, scope)
        label = node.name or node.op_type
        path, count = (f"{scope.path}/{label}" if scope.path else label), 1
        while f"\0{path}" in self.taken_names:
            path = f"{path.rsplit('#', 1)[0]}#{count}"
            count += 1
        self.taken_names.add(f"\0{path}")
        attributes = {a.name: a for a in function.attribute_proto}
        attributes.update({a.name: a for a in node.attribute})
        opsets = {o.domain: o.version for o in function.opset_import} or scope.opsets
        inner = Scope(
            path=path, repeat=scope.repeat, opsets=opsets, attributes=attributes, depth=scope.depth + 1,
            names={formal: actual[i] if i < len(actual) else "" for i, formal in enumerate(function.input)},
        )  # fmt: skip
        self.graph(function.node, inner)
        for formal, local in zip(function.output, node.output, strict=False):
            made = inner.find(formal)
            if local and made is not None:
                scope.names[local] = made

    def _constant(self, node: onnx.NodeProto, name: str, scope: Scope) -> None:
        kind, value = _constant_content(node)
        output = scope.own(node.output[0])
        self.define(output, Known(kind, TensorKind.WEIGHT, value))
        self._emit(node, name, scope, (), (output,), OpKind.CONSTANT)

    def _plain(self, node: onnx.NodeProto, name: str, scope: Scope) -> None:
        operands = self.operands(node, scope)
        inputs = [self.known[operand] if operand else None for operand in operands]
        shapes = tuple(i.type.shape if i is not None else None for i in inputs)
        if name == self.watched:
            raise Clash(name, node.op_type, operands, shapes, "", len(self.ops))
        try:
            found = self.inference.node(
                node, scope.opsets, [i.type if i is not None else None for i in inputs],
                [i.value if i is not None else None for i in inputs],
            )  # fmt: skip
        except ContradictionError as error:
            raise Clash(name, node.op_type, operands, shapes, str(error), len(self.ops)) from error
        if found.note:
            self.notes[f"{name}: {found.note}"] = None
        types = [_filled(kind, scope.declared.get(local)) for kind, local in zip(found.types, node.output, strict=True)]
        self._fill_backwards(node, operands, types)
        disposition = self._disposition(node, inputs, types, found.values)
        outputs = tuple(scope.own(local) if local else "" for local in node.output)
        for output, kind, value in zip(outputs, types, found.values, strict=True):
            if not output:
                continue
            if disposition is OpKind.CONSTANT:
                origin = ""
                if node.op_type in _REARRANGES and inputs[0] is not None:
                    origin = inputs[0].origin or operands[0]
                self.define(output, Known(kind, TensorKind.WEIGHT, value, origin))
            else:
                self.define(output, Known(kind, TensorKind.ACTIVATION, value))
        self._emit(node, name, scope, operands, outputs, disposition)

    def _disposition(
        self,
        node: onnx.NodeProto,
        inputs: Sequence[Known | None],
        types: Sequence[ValueType],
        values: Sequence[npt.NDArray[Any] | None],
    ) -> OpKind | None:
        present = [i for i in inputs if i is not None]
        if node.op_type in _RANDOM or any(t.container for t in types):
            return None
        # A dequantized weight stays a node: whether it folds or lives on in its reader is decided by a rewrite.
        if node.op_type != "DequantizeLinear" and all(i.kind is TensorKind.WEIGHT for i in present):
            return OpKind.CONSTANT if present or not node.input else None
        is_known = all(value is not None for value, local in zip(values, node.output, strict=True) if local)
        if is_known and sum(value.size for value in values if value is not None) <= _HOST_ELEMENTS:
            return OpKind.HOST
        return None

    def _fill_backwards(self, node: onnx.NodeProto, operands: Sequence[str], types: list[ValueType]) -> None:
        """An elementwise operator behind an unknown one gives that one its output's shape."""
        if node.domain or node.op_type not in _SHAPE_KEEPING or not operands or not operands[0]:
            return
        source = self.known[operands[0]]
        if source.type.shape is None and types[0].shape is not None:
            dtype = source.type.dtype
            if dtype is DType.UNDEFINED and node.op_type != "Cast":
                dtype = types[0].dtype
            self.known[operands[0]] = replace(source, type=ValueType(dtype, types[0].shape))

    def _emit(
        self,
        node: onnx.NodeProto,
        name: str,
        scope: Scope,
        inputs: tuple[str, ...],
        outputs: tuple[str, ...],
        disposition: OpKind | None,
    ) -> None:
        version = scope.opsets.get(node.domain, 1)
        self.ops.append(
            Op(
                name=name, op_type=node.op_type, domain=node.domain, version=version, inputs=inputs, outputs=outputs,
                attributes=_attributes(node, version), scope=scope.path, repeat=scope.repeat, disposition=disposition,
            )
        )  # fmt: skip


def _copy(node: onnx.NodeProto, domain: str) -> onnx.NodeProto:
    copy = onnx.NodeProto()
    copy.CopyFrom(node)
    copy.domain = domain
    return copy


def _resolved(node: onnx.NodeProto, scope: Scope) -> onnx.NodeProto:
    """The node with references to the function's attributes replaced by the call's."""
    if not any(a.ref_attr_name for a in node.attribute):
        return node
    copy = onnx.NodeProto()
    copy.CopyFrom(node)
    del copy.attribute[:]
    for attribute in node.attribute:
        if not attribute.ref_attr_name:
            copy.attribute.append(attribute)
        elif attribute.ref_attr_name in scope.attributes:
            actual = copy.attribute.add()
            actual.CopyFrom(scope.attributes[attribute.ref_attr_name])
            actual.name = attribute.name
    return copy


def _filled(found: ValueType, declared: ValueType | None) -> ValueType:
    """An inferred type with its gaps filled by what the file declares."""
    if declared is None or found.container or found.is_complete:
        return found
    dtype = declared.dtype if found.dtype is DType.UNDEFINED else found.dtype
    shape = found.shape
    if shape is None:
        shape = declared.shape
    elif declared.shape is not None and len(declared.shape) == len(shape):
        shape = tuple(a if a is not None else b for a, b in zip(shape, declared.shape, strict=True))
    return ValueType(dtype, shape, declared.container if dtype is DType.UNDEFINED else b"")


def _constant_content(node: onnx.NodeProto) -> tuple[ValueType, npt.NDArray[Any] | None]:
    for attribute in node.attribute:
        if attribute.name == "value":
            tensor = attribute.t
            return ValueType(DType.from_number(tensor.data_type), tuple(tensor.dims)), array_of(tensor)
        if attribute.name == "sparse_value":
            sparse = attribute.sparse_tensor
            return ValueType(DType.from_number(sparse.values.data_type), tuple(sparse.dims)), None
        if attribute.name in _CONSTANT_FORMS:
            dtype, element = _CONSTANT_FORMS[attribute.name]
            if element is None:
                count = 1 if attribute.name == "value_string" else len(attribute.strings)
                return ValueType(dtype, () if attribute.name == "value_string" else (count,)), None
            array = np.asarray(helper.get_attribute_value(attribute), dtype=element)
            return ValueType(dtype, array.shape), array if array.size <= most_value_elements(dtype) else None
    return ValueType(DType.UNDEFINED, None), None


_CONSTANT_FORMS: Mapping[str, tuple[DType, type[np.generic] | None]] = {
    "value_float": (DType.FLOAT, np.float32),
    "value_floats": (DType.FLOAT, np.float32),
    "value_int": (DType.INT64, np.int64),
    "value_ints": (DType.INT64, np.int64),
    "value_string": (DType.STRING, None),
    "value_strings": (DType.STRING, None),
}


def _attributes(node: onnx.NodeProto, version: int) -> Attributes:
    """The node's attributes with the schema's defaults; graphs are lowered elsewhere and left out."""
    values: dict[str, Any] = dict(_defaults(node.op_type, node.domain, version))
    for attribute in node.attribute:
        if attribute.type in (onnx.AttributeProto.GRAPH, onnx.AttributeProto.GRAPHS):
            continue
        if attribute.type == onnx.AttributeProto.TENSOR:
            values[attribute.name] = array_of(attribute.t)
        elif attribute.type in (onnx.AttributeProto.SPARSE_TENSOR, onnx.AttributeProto.TYPE_PROTO):
            continue
        else:
            values[attribute.name] = helper.get_attribute_value(attribute)
    return Attributes(values)


_DEFAULTS: dict[tuple[str, str, int], Mapping[str, Any]] = {}


def _defaults(op_type: str, domain: str, version: int) -> Mapping[str, Any]:
    key = (op_type, domain, version)
    if key not in _DEFAULTS:
        try:
            schema = defs.get_schema(op_type, version, domain)
        except defs.SchemaError:
            _DEFAULTS[key] = {}
        else:
            _DEFAULTS[key] = {
                name: helper.get_attribute_value(attribute.default_value)
                for name, attribute in schema.attributes.items()
                if attribute.default_value.type
            }
    return _DEFAULTS[key]
