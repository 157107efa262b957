"""A graph to a flat list of operators: functions inlined, branches chosen, loop bodies listed with their trips.

Every extent is a number when the walk starts, so each node is inferred once, in order of execution.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field, replace

from onnxroof.dtypes import DType
from onnxroof.errors import ModelError
from onnxroof.frontend import proto
from onnxroof.frontend.agreement import Clash, ContradictionError, Operands, WatchedNodeError, gaps_of, unchecked_gap
from onnxroof.frontend.alike import Alike, Finding, Stated
from onnxroof.frontend.attributes import attributes_of, constant_content, resolved
from onnxroof.frontend.bodies import BODIES, standard_body
from onnxroof.frontend.control_flow import CONTROL_FLOW
from onnxroof.frontend.data_sizes import open_extents, usual_extents, with_rank
from onnxroof.frontend.defaults import missing_input
from onnxroof.frontend.disposition import disposition_of
from onnxroof.frontend.infer import Inference, NodeValue
from onnxroof.frontend.marks import Mark, Segment, popped
from onnxroof.frontend.ml_tables import enter_tables
from onnxroof.frontend.scope import Scope, in_order
from onnxroof.frontend.search import SEARCHES
from onnxroof.frontend.tops import tops_of, tops_of_value
from onnxroof.frontend.types import UNKNOWN_TYPE, Known, Shape, ValueType, filled, stated_size, type_of_proto
from onnxroof.frontend.unfold import FunctionKey, function_key
from onnxroof.ir.contents import Contents
from onnxroof.ir.observed import NOTHING_OBSERVED, Observed
from onnxroof.ir.op import Attributes, Op, OpKind
from onnxroof.ir.tensor import Tensor, TensorKind

__all__ = ["LOWERERS", "BranchWork", "Lowering"]

# Nodes with graphs in their attributes, by domain and type: their bodies are listed instead.
LOWERERS = {**CONTROL_FLOW, **SEARCHES}

# They hold a weight's elements in another order or under another shape.
_REARRANGES = frozenset({"Identity", "Transpose", "Reshape", "Squeeze", "Unsqueeze", "Flatten"})
# One input, one output of the same shape: the shape of either gives that of the other.
_SHAPE_KEEPING = frozenset(
    {"Abs", "Cast", "Ceil", "Clip", "Cos", "Elu", "Erf", "Exp", "Floor", "Gelu", "HardSigmoid", "HardSwish", "Identity"}
    | {"LeakyRelu", "Log", "LogSoftmax", "Mish", "Neg", "Not", "Reciprocal", "Relu", "Round", "Selu", "Sigmoid", "Sign"}
    | {"Sin", "Softmax", "Softplus", "Softsign", "Sqrt", "Tan", "Tanh", "ThresholdedRelu"}
)
# Their operands stand side by side, element by element.
_SIDE_BY_SIDE = frozenset({"Add", "Sub", "Mul", "Div", "Pow", "Max", "Min", "Where", "Equal", "Less", "Greater"})

BranchWork = Callable[[Sequence[Op], Mapping[str, Tensor]], float]


@dataclass(slots=True)
class Lowering:
    """State of one walk.

    Attributes:
        path: Of the model file, for messages.
        inference: Shared by repeated walks of the same model.
        alike: What was found of nodes, shared likewise.
        functions: Model-local functions by (domain, name, overload).
        given: Dimensions that the user gave; loops look up their trips here.
        branch_work: Work of a list of operators (inf: unknown), by which the heavier branch of an If is chosen.
        observed: Sizes of a run of the model.
        reserved_values: Names of values of the model's own graph, which those of inner graphs must not take.
        reserved_nodes: Names of nodes of the model's own graph, likewise.
        watched: Name of a node at which the walk stops by raising `WatchedNodeError`; "" for none.
        ops: The operators listed so far.
        known: The values by workload name.
        notes: What the reader of a report should know, each once.
        sizes: Trip counts and extents that depend on data, by the name of their dimension, with their sources.
        places: Of the nodes by their names.
        outputs: Workload names of the model's outputs, once the walk has ended.
        position: Of the node of the model's own graph at which the walk is.
    """

    path: str
    inference: Inference
    alike: Alike
    functions: Mapping[FunctionKey, proto.FunctionProto]
    given: Mapping[str, int]
    branch_work: BranchWork
    observed: Observed = NOTHING_OBSERVED
    reserved_values: frozenset[str] = frozenset()
    reserved_nodes: frozenset[str] = frozenset()
    watched: str = ""
    ops: list[Op] = field(default_factory=list)
    known: dict[str, Known] = field(default_factory=dict)
    notes: dict[str, None] = field(default_factory=dict)
    sizes: dict[str, tuple[int, str]] = field(default_factory=dict)
    places: dict[str, str] = field(default_factory=dict)
    outputs: tuple[str, ...] = ()
    position: int = -1
    _taken_names: dict[str, None] = field(default_factory=dict)
    _claimed: dict[str, None] = field(default_factory=dict)

    # -- values ---------------------------------------------------------------------------------------------

    def claim(self, local: str, scope: Scope) -> str:
        """A workload name for a value that is made in a scope; a second producer of a name is an error."""
        if local in scope.names:
            place = f" in `{scope.path}`" if scope.path else ""
            raise ModelError.at(
                self.path,
                f"`{local}` is produced more than once{place}",
                "each value may have one producer",
                code="M202",
            )
        name = scope.results.get(local, "")
        if not name:
            name = f"{scope.path}/{local}" if scope.path else local
            while name in self._claimed or (scope.path and name in self.reserved_values):
                name += "_"
            self._claimed[name] = None
        scope.names[local] = name
        return name

    def define(self, local: str, scope: Scope, known: Known) -> str:
        """Enters a value that is made in a scope and returns its workload name."""
        name = self.claim(local, scope)
        self.known[name] = known
        return name

    def value(self, operands: Sequence[str], index: int) -> Contents | None:
        """Elements of an operand where they are known, None also where it is left out."""
        return self.known[operands[index]].value if index < len(operands) and operands[index] else None

    def named_size(self, dim: str, usual: int, *, is_stated: bool = False, seen: int | None = None) -> int:
        """A number that depends on data, as a named dimension: what the user gave, else the usual value.

        Args:
            dim: Its name.
            usual: Its value where the user gives none.
            is_stated: Whether the model states the usual value, so that it is no default of ours.
            seen: Its value in a run, before which only an equal one may be given.
        """
        value = self.given.get(dim, usual if seen is None else seen)
        if seen is not None and value != seen:
            raise ModelError.at(
                self.path, f"`-d {dim}={value}` is given, and in the run it is {seen}",
                "leave out one of `-d` and --shapes-from-run", code="M405",
            )  # fmt: skip
        source = "run" if seen is not None else "model" if is_stated else "default"
        self.sizes[dim] = (value, "given" if dim in self.given else source)
        return value

    def add_weights(self, weights: Iterable[tuple[str, Known]], scope: Scope) -> None:
        """Enters the weights of a graph."""
        for name, known in weights:
            self.define(name, scope, known)

    def tensors(self, names: Iterable[str]) -> dict[str, Tensor]:
        """Values as tensors of the workload."""
        return {name: self.alike.tensor(name, self.known[name]) for name in names}

    # -- going back -----------------------------------------------------------------------------------------

    def mark(self) -> Mark:
        """How far the walk has come."""
        return Mark(len(self.ops), len(self.known), len(self.notes), len(self._taken_names), len(self._claimed))

    def cut(self, mark: Mark) -> Segment:
        """Goes back to a mark and returns what is undone."""
        ops = tuple(self.ops[mark.ops :])
        del self.ops[mark.ops :]
        return Segment(
            ops, popped(self.known, mark.known), tuple(k for k, _ in popped(self.notes, mark.notes)),
            tuple(k for k, _ in popped(self._taken_names, mark.taken_names)),
            tuple(k for k, _ in popped(self._claimed, mark.claimed)),
        )  # fmt: skip

    def restore(self, segment: Segment) -> None:
        """Takes up again what was cut."""
        self.ops.extend(segment.ops)
        self.known.update(segment.known)
        self.notes.update(dict.fromkeys(segment.notes))
        self._taken_names.update(dict.fromkeys(segment.taken_names))
        self._claimed.update(dict.fromkeys(segment.claimed))

    # -- graphs ---------------------------------------------------------------------------------------------

    def graph(self, nodes: Sequence[proto.NodeProto], scope: Scope, order: Sequence[int] = ()) -> None:
        """Lowers the nodes of one graph or function body, in order of execution, which is looked for if not given."""
        for index in order or in_order(self.path, nodes):
            if not scope.path:
                self.position = index
            node = nodes[index]
            stated = None if scope.path else self.alike.remembered(node)
            if stated is None:
                self.node(node, index, scope)
            else:
                self._plain(stated, self._entered(stated, index, scope), scope)

    def node(self, node: proto.NodeProto, index: int, scope: Scope) -> None:
        """Lowers one node."""
        message = node
        if node.domain == "ai.onnx":
            node = deepcopy(node)
            node.domain = ""
        node = resolved(node, scope.attributes)
        function = self.functions.get(function_key(node))
        if function is not None:
            self._call(node, function, scope, f"{scope.place}{index}/")
            return
        if (node.domain, node.op_type) in BODIES:
            types = [self.known[operand].type if operand else None for operand in self.operands(node, scope)]
            function = standard_body(node, types, scope.opsets)
            if function is not None:
                # Graphs in its attributes may read what is around the node.
                self._call(node, function, scope, f"{scope.place}{index}/", parent=scope)
                return
        name = self._entered(node, index, scope)
        lowerer = LOWERERS.get((node.domain, node.op_type))
        if lowerer is not None:
            lowerer(self, node, name, scope)
        elif not node.domain and node.op_type == "Constant" and node.output:
            kind, value = constant_content(node)
            output = self.define(node.output[0], scope, Known(kind, TensorKind.WEIGHT, value))
            version = scope.opsets.get("", 1)
            self.ops.append(
                Op(
                    name=name, op_type="Constant", domain="", version=version, inputs=(), outputs=(output,),
                    attributes=attributes_of(node, version), scope=scope.path, repeat=scope.repeat,
                    disposition=OpKind.CONSTANT, position=self.position, is_at_most=scope.is_optional,
                )
            )  # fmt: skip
        else:
            self._plain(self.alike.stated(node, None if scope.path else message), name, scope)

    def _entered(self, node: proto.NodeProto | Stated, index: int, scope: Scope) -> str:
        """The node's name in the workload, under which its place is entered."""
        name = self.unique_name(node, index, scope)
        self.places[name] = f"{scope.place}{index}"
        return name

    def unique_name(self, node: proto.NodeProto | Stated, index: int, scope: Scope) -> str:
        """The node's name, or `Relu_17` where that is empty or taken."""
        prefix = f"{scope.path}/" if scope.path else ""
        name = f"{prefix}{node.name}" if node.name else ""
        if not name or name in self._taken_names or (scope.path and name in self.reserved_nodes):
            return self.fresh_name(f"{prefix}{node.op_type}_{index}")
        self._taken_names[name] = None
        return name

    def fresh_name(self, name: str) -> str:
        """A node name that no other node has."""
        while name in self._taken_names or name in self.reserved_nodes:
            name += "_"
        self._taken_names[name] = None
        return name

    def operands(self, node: proto.NodeProto | Stated, scope: Scope) -> tuple[str, ...]:
        """Workload names of a node's inputs, "" for one that is left out."""
        found = []
        for local in node.input:
            name = scope.find(local) if local else ""
            if name is None:
                raise ModelError.at(
                    self.path, f"node `{node.name or node.op_type}` reads `{local}`, which nothing produces",
                    "the file is damaged or was cut out of a larger graph: export it again", code="M201",
                )  # fmt: skip
            found.append(name)
        return tuple(found)

    def emit_view(
        self, node: proto.NodeProto, name: str, scope: Scope, inputs: Sequence[str], outputs: Sequence[str]
    ) -> None:
        """Lists a control-flow node itself: it moves nothing, its body is listed beside it."""
        self.ops.append(
            Op(
                name=name, op_type=node.op_type, domain=node.domain, version=scope.opsets.get(node.domain, 1),
                inputs=tuple(inputs), outputs=tuple(outputs), attributes=Attributes(), scope=scope.path,
                repeat=scope.repeat, disposition=OpKind.VIEW, position=self.position,
            )
        )  # fmt: skip

    # -- kinds of nodes -------------------------------------------------------------------------------------

    def _call(
        self, node: proto.NodeProto, body: proto.FunctionProto, scope: Scope, place: str, parent: Scope | None = None
    ) -> None:
        """The function's body in place of the call; its results take the names that the caller gives them."""
        actual = self.operands(node, scope)
        label = node.name or node.op_type
        path, count = (f"{scope.path}/{label}" if scope.path else label), 1
        while f"\0{path}" in self._taken_names:
            path = f"{path.rsplit('#', 1)[0]}#{count}"
            count += 1
        self._taken_names[f"\0{path}"] = None
        attributes = {a.name: a for a in body.attribute_proto} | {a.name: a for a in node.attribute}
        opsets = {("" if o.domain == "ai.onnx" else o.domain): o.version for o in body.opset_import}
        results = {
            formal: self.claim(local, scope)
            for formal, local in zip(body.output, node.output, strict=False)
            if local and formal not in body.input
        }
        inner = Scope(
            path=path, repeat=scope.repeat, opsets=opsets or scope.opsets, attributes=attributes, depth=scope.depth + 1,
            names={formal: actual[i] if i < len(actual) else "" for i, formal in enumerate(body.input)},
            declared={v.name: type_of_proto(v.type) for v in body.value_info}, results=results, parent=parent,
            is_optional=scope.is_optional, place=place,
        )  # fmt: skip
        self.graph(body.node, inner)
        for formal, local in zip(body.output, node.output, strict=False):
            made = inner.find(formal)
            if local and not made:
                raise ModelError.at(
                    self.path, f"function `{body.name}` does not produce its output `{formal}`", code="M201"
                )
            if local and made:
                scope.names[local] = made

    def _plain(self, node: Stated, name: str, scope: Scope) -> None:
        """A node without graphs: as one that is alike, if there was one."""
        operands = self.operands(node, scope)
        inputs = tuple(self.known[operand] if operand else None for operand in operands)
        version = scope.opsets.get(node.domain, 1)
        finding = None
        if self.observed is NOTHING_OBSERVED and name != self.watched:
            finding = self.alike.found(node.structure, version, inputs)
        if finding is None:
            finding, has_names = self._found(node.node, name, scope, operands, inputs)
            if not has_names:
                finding = replace(finding, known=tuple(map(self.alike.value, finding.known)))
                self.alike.keep(node.structure, version, inputs, finding)
        outputs = tuple(
            self.define(local, scope, known) if local else ""
            for local, known in zip(node.output, finding.known, strict=True)
        )
        is_at_most = scope.is_optional or any(known is not None and known.is_at_most for known in inputs)
        parameters = enter_tables(self, node.node, name)
        op = self.alike.last_op(node)
        if (
            op is None
            or (op.name, op.inputs, op.outputs, op.parameters) != (name, operands, outputs, parameters)
            or (op.disposition, op.is_at_most) != (finding.disposition, is_at_most)
        ):
            op = Op(
                name=name, op_type=node.op_type, domain=node.domain, version=version, inputs=operands, outputs=outputs,
                attributes=self.alike.attributes(node, version), scope=scope.path, repeat=scope.repeat,
                disposition=finding.disposition, parameters=parameters, position=self.position, is_at_most=is_at_most,
                lacks=missing_input(node.op_type, node.domain, version, tuple(map(bool, operands))),
            )  # fmt: skip
            self.alike.keep_op(node, op)
        self.ops.append(op)

    def _found(
        self,
        node: proto.NodeProto,
        name: str,
        scope: Scope,
        operands: tuple[str, ...],
        inputs: Sequence[Known | None],
    ) -> tuple[Finding, bool]:
        """What can be said of a node's outputs, and whether names had a part in it."""
        found = self._inferred(node, name, scope, operands, inputs)
        types = [
            kind if kind.is_complete else filled(kind, scope.declared.get(local))
            for kind, local in zip(found.types, node.output, strict=True)
        ]
        shapes = self.seen_in_run(node, name, scope)
        depends_on_data = self._size(node, name, scope, inputs, found.types, types, shapes) or bool(found.note)
        types = [k if s is None or k.container else replace(k, shape=s) for k, s in zip(types, shapes, strict=True)]
        is_seen = bool(self.observed.shapes) and None not in shapes
        depends_on_data = not is_seen and (depends_on_data or any(i is not None and i.depends_on_data for i in inputs))
        is_at_most = not is_seen and (bool(found.note) or any(i is not None and i.is_at_most for i in inputs))
        if depends_on_data:
            types = [stated_size(kind, scope.declared.get(n)) for kind, n in zip(types, node.output, strict=True)]
        self._fill_backwards(node, operands, types)
        disposition = disposition_of(node, inputs, types, found.values, scope.opsets.get(node.domain, 1))
        kind = TensorKind.WEIGHT if disposition is OpKind.CONSTANT else TensorKind.ACTIVATION
        origin = ""
        if disposition is OpKind.CONSTANT and node.op_type in _REARRANGES and inputs and inputs[0] is not None:
            origin = inputs[0].origin or operands[0]
        tops = None
        if types and types[0].dtype in (DType.INT32, DType.INT64) and not depends_on_data and found.values[0] is None:
            seen = _seen(inputs)
            tops = tops_of(node, [i.type if i else None for i in inputs], seen.tops, seen.values, types[0])
        known = tuple(
            Known(
                kind_, kind, found.values[i], origin, depends_on_data=depends_on_data, is_at_most=is_at_most,
                tops=None if i else tops,
            )
            for i, kind_ in enumerate(types)
        )  # fmt: skip
        has_names = (
            depends_on_data
            or bool(origin)
            or self.observed is not NOTHING_OBSERVED
            or any(not kind_.is_complete for kind_ in found.types)
            or any(i is not None and not i.type.is_complete for i in inputs)
        )
        return Finding(known, disposition), has_names

    def seen_in_run(self, node: proto.NodeProto, name: str, scope: Scope) -> list[Shape]:
        """Extents of the outputs in a run, () for one that nobody wants, None where they were not seen."""
        inner = self.observed.inner.get(self.places[name])
        if inner is not None and len(inner) == sum(map(bool, node.output)):
            found = iter(inner)
            return [next(found) if local else () for local in node.output]
        names = [scope.results.get(local, "" if scope.path else local) for local in node.output]
        return [self.observed.shapes.get(name) if local else () for name, local in zip(names, node.output, strict=True)]

    def _size(
        self,
        node: proto.NodeProto,
        name: str,
        scope: Scope,
        inputs: Sequence[Known | None],
        inferred: Sequence[ValueType],
        types: list[ValueType],
        observed: Sequence[Shape],
    ) -> bool:
        """Gives each extent that data alone decide a name and a value, in place; returns whether there is any."""
        sources = [i.type if i is not None else None for i in inputs]
        has_any = False
        for place, local in enumerate(node.output):
            if types[place].dtype is DType.UNDEFINED or inferred[place].dtype is DType.UNDEFINED:
                continue  # not a size that is missing: what comes out is not known
            kind = with_rank(node, sources, types[place])
            if kind.is_complete:
                continue
            stated = filled(kind, scope.declared.get(local))
            axes = open_extents(node, sources, stated) if local else ()
            if not axes:
                continue
            extents = list(usual_extents(node, sources, stated))
            seen = shape if (shape := observed[place]) is not None and len(shape) == len(extents) else None
            for axis in axes:
                dim = f"{name}.extent{axis}" if place == 0 else f"{name}.{place}.extent{axis}"
                extents[axis] = self.named_size(dim, extents[axis], seen=None if seen is None else seen[axis])
            types[place] = ValueType(stated.dtype, tuple(extents))
            has_any = True
        return has_any

    def _inferred(
        self,
        node: proto.NodeProto,
        name: str,
        scope: Scope,
        operands: tuple[str, ...],
        inputs: Sequence[Known | None],
    ) -> NodeValue:
        """Types and values of a node's outputs; raises `Clash` where its inputs do not go together."""
        types = [i.type if i is not None else None for i in inputs]
        seen = _seen(inputs)
        if name == self.watched:
            raise WatchedNodeError(gaps_of(node, seen))
        try:
            gap = unchecked_gap(node, seen)
            if gap is not None:
                raise ContradictionError(f"{gap.reason} differ: {gap.have} and {gap.want}")
            found = self.inference.node(node, scope.opsets, types, seen.values)
        except ContradictionError as error:
            if any(i is not None and i.depends_on_data for i in inputs):
                # Sizes that depend on data need not go together as they are taken: side by side, they are the others'.
                certain = next((i.type.shape for i in inputs if i and not i.depends_on_data), None)
                if certain is not None and not node.domain and node.op_type in _SIDE_BY_SIDE:
                    pairs = zip(inputs, types, strict=True)
                    alike = [replace(t, shape=certain) if t and i and i.depends_on_data else t for i, t in pairs]
                    with contextlib.suppress(ContradictionError):
                        return self.inference.node(node, scope.opsets, alike, seen.values)
                self.notes[f"{name}: the sizes of its inputs depend on data, that of its output is not known"] = None
                return NodeValue((UNKNOWN_TYPE,) * len(node.output), (None,) * len(node.output))
            raise Clash(
                node=name, op_type=node.op_type, operands=operands, shapes=tuple(seen.shapes), reason=str(error),
                gaps=gaps_of(node, seen), ops=self.ops,
            ) from error  # fmt: skip
        if found.note and (not self.observed.shapes or None in self.seen_in_run(node, name, scope)):
            self.notes[f"{name}: {found.note}"] = None
        if node.op_type == "DequantizeLinear":
            # Whether a dequantized weight folds or lives on in its reader is decided by a rewrite.
            return replace(found, values=(None,) * len(node.output))
        return found

    def _fill_backwards(self, node: proto.NodeProto, operands: Sequence[str], types: list[ValueType]) -> None:
        """An elementwise operator behind an unknown one gives that one its output's shape."""
        if node.domain or node.op_type not in _SHAPE_KEEPING or not operands or not operands[0] or not types:
            return
        source = self.known[operands[0]]
        if source.type.shape is None and types[0].shape is not None:
            dtype = source.type.dtype
            if dtype is DType.UNDEFINED and node.op_type != "Cast":
                dtype = types[0].dtype
            self.known[operands[0]] = replace(source, type=ValueType(dtype, types[0].shape))


def _seen(inputs: Sequence[Known | None]) -> Operands:
    shapes = [i.type.shape if i is not None else None for i in inputs]
    values = [i.value if i is not None else None for i in inputs]
    return Operands(shapes, values, [None if i is None else i.tops or tops_of_value(i.value) for i in inputs])
