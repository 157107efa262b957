"""If, Loop and Scan: the branch that counts, and bodies listed once with the number of their trips.

A node of control flow is listed as a view that names its results; a loop has a second one in front of its body,
`NAME/enter`, which names what the body receives.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import onnx

from onnxroof.dtypes import DType
from onnxroof.frontend.scope import Scope
from onnxroof.frontend.types import ValueType, type_of_proto
from onnxroof.ir.tensor import Tensor, TensorKind

if TYPE_CHECKING:
    from onnxroof.frontend.lower import Known, Lowering

__all__ = ["LOWERERS"]

# A trip limit of this size is how exporters write "no limit".
_NO_LIMIT = 1 << 31


def _lower_if(lowering: Lowering, node: onnx.NodeProto, name: str, scope: Scope) -> None:
    """A known condition takes its branch; else the branch with more work is taken, and said."""
    (condition,) = lowering.operands(node, scope)
    branches = {a.name: a.g for a in node.attribute}
    value = lowering.known[condition].value
    if value is not None:
        chosen = "then_branch" if bool(value.reshape(-1)[0]) else "else_branch"
    else:
        work = {}
        for branch, graph in branches.items():
            mark = _mark(lowering)
            _body(lowering, graph, name, branch, scope, scope.repeat)
            work[branch] = _work_since(lowering, mark)
            _rollback(lowering, mark)
        chosen = max(("then_branch", "else_branch"), key=lambda branch: work[branch])
        lowering.notes[f"{name}: the condition depends on data; `{chosen}` is counted, the branch with more work"] = (
            None
        )
    results = _body(lowering, branches[chosen], name, chosen, scope, scope.repeat)
    _name_results(lowering, node, name, scope, results, [lowering.known[r].type for r in results])


def _lower_loop(lowering: Lowering, node: onnx.NodeProto, name: str, scope: Scope) -> None:
    """Trip count times the body; a count that depends on data is a named dimension."""
    operands = lowering.operands(node, scope)
    body = next(a.g for a in node.attribute if a.name == "body")
    carried = operands[2:]
    limit = lowering.known[operands[0]].value if operands and operands[0] else None
    start = lowering.known[operands[1]].value if len(operands) > 1 and operands[1] else None
    trips = None if limit is None else int(limit.reshape(-1)[0])
    if start is not None and not bool(start.reshape(-1)[0]):
        trips = 0
    if trips is None or trips >= _NO_LIMIT:
        trips = _named_trips(lowering, name)
    elif _may_stop_early(body):
        lowering.notes[f"{name}: counted with all of its {trips} trips; its condition may end it earlier"] = None
    types = [ValueType(DType.INT64, ()), ValueType(DType.BOOL, ()), *(lowering.known[c].type for c in carried)]
    mark = _mark(lowering)
    results = _loop_body(lowering, node, body, name, scope, operands, types, trips)
    growth = _growth(types[2:], [lowering.known[r].type for r in results[1 : 1 + len(carried)]])
    if growth and trips > 1:
        # A value that grows by some rows a trip (an appended sequence): the mean trip stands for all of them.
        _rollback(lowering, mark)
        middle = [*types[:2], *_grown(types[2:], growth, (trips - 1) / 2)]
        results = _loop_body(lowering, node, body, name, scope, operands, middle, trips)
        lowering.notes[f"{name}: a carried value grows from trip to trip; the body is counted at its mean size"] = None
    finals = (
        _grown(types[2:], growth, trips) if growth else [lowering.known[r].type for r in results[1 : 1 + len(carried)]]
    )
    stacked = [_stacked(lowering.known[r].type, 0, trips) for r in results[1 + len(carried) :]]
    _name_results(lowering, node, name, scope, results[1:], [*finals, *stacked])


def _loop_body(
    lowering: Lowering,
    node: onnx.NodeProto,
    body: onnx.GraphProto,
    name: str,
    scope: Scope,
    operands: Sequence[str],
    types: Sequence[ValueType],
    trips: int,
) -> tuple[str, ...]:
    return _body(lowering, body, name, "body", scope, scope.repeat * max(trips, 1), node, operands, types)


def _lower_scan(lowering: Lowering, node: onnx.NodeProto, name: str, scope: Scope) -> None:
    """The body once for each element along the scanned axis."""
    operands = lowering.operands(node, scope)
    attributes = {a.name: a for a in node.attribute}
    body = attributes["body"].g
    count = int(attributes["num_scan_inputs"].i)
    batched = scope.opsets.get("", 1) < 9  # version 8 has sequence_lens first and a batch axis in front
    sources = operands[1:] if batched else operands
    states, scanned = sources[: len(sources) - count], sources[len(sources) - count :]
    axes = (
        list(attributes["scan_input_axes"].ints) if "scan_input_axes" in attributes else [1 if batched else 0] * count
    )
    out_axes = list(attributes["scan_output_axes"].ints) if "scan_output_axes" in attributes else []
    trips: int | None = None
    batch = 1
    slices = []
    for source, axis in zip(scanned, axes, strict=True):
        kind = lowering.known[source].type
        if kind.shape is None:
            slices.append(ValueType(kind.dtype, None))
            continue
        position = axis % len(kind.shape) if kind.shape else 0
        trips = kind.shape[position] if trips is None else trips
        rest = [e for i, e in enumerate(kind.shape) if i != position]
        if batched:
            batch = rest.pop(0) or 1
        slices.append(ValueType(kind.dtype, tuple(rest)))
    if trips is None:
        trips = _named_trips(lowering, name)
    initial = [lowering.known[s].type for s in states]
    if batched:
        initial = [ValueType(t.dtype, t.shape[1:] if t.shape is not None else None) for t in initial]
    repeat = scope.repeat * max(trips, 1) * batch
    results = _body(lowering, body, name, "body", scope, repeat, node, operands, [*initial, *slices])
    types = []
    for i, result in enumerate(results):
        kind = lowering.known[result].type
        if i >= len(states):
            place = i - len(states)
            kind = _stacked(kind, out_axes[place] if place < len(out_axes) else 0, trips)
        if batched and kind.shape is not None:
            kind = ValueType(kind.dtype, (batch, *kind.shape))
        types.append(kind)
    _name_results(lowering, node, name, scope, results, types)


LOWERERS: Mapping[str, Callable[[Lowering, onnx.NodeProto, str, Scope], None]] = {
    "If": _lower_if,
    "Loop": _lower_loop,
    "Scan": _lower_scan,
}


def _body(
    lowering: Lowering,
    graph: onnx.GraphProto,
    name: str,
    label: str,
    scope: Scope,
    repeat: int,
    node: onnx.NodeProto | None = None,
    operands: Sequence[str] = (),
    types: Sequence[ValueType] = (),
) -> tuple[str, ...]:
    """Lowers a subgraph and returns the workload names of its outputs.

    With `node`, the subgraph has inputs of the given types, which an enter view takes from `operands`.
    """
    declared = {v.name: type_of_proto(v.type) for v in graph.value_info}
    inner = Scope(
        path=f"{name}/{label}", repeat=repeat, opsets=scope.opsets, parent=scope, attributes=scope.attributes,
        declared=declared, depth=scope.depth + 1,
    )  # fmt: skip
    lowering.add_initializers(graph, inner)
    if node is not None:
        received = []
        for formal, kind in zip(graph.input, types, strict=False):
            stated = type_of_proto(formal.type)
            if kind.shape is None and stated.shape is not None:
                kind = ValueType(kind.dtype if kind.dtype is not DType.UNDEFINED else stated.dtype, stated.shape)  # noqa: PLW2901
            received.append(inner.own(formal.name))
            lowering.define(received[-1], _activation(kind))
        lowering.emit_view(node, f"{name}/enter", scope, operands, received)
    lowering.graph(graph.node, inner)
    results = []
    for output in graph.output:
        found = inner.find(output.name)
        if found is None:
            found = inner.own(output.name)
            lowering.define(found, _activation(type_of_proto(output.type)))
        results.append(found)
    return tuple(results)


def _name_results(
    lowering: Lowering,
    node: onnx.NodeProto,
    name: str,
    scope: Scope,
    results: Sequence[str],
    types: Sequence[ValueType],
) -> None:
    outputs = []
    for local, kind in zip(node.output, types, strict=False):
        outputs.append(scope.own(local) if local else "")
        if local:
            lowering.define(outputs[-1], _activation(kind))
    lowering.emit_view(node, name, scope, results, outputs)


def _activation(kind: ValueType) -> Known:
    from onnxroof.frontend.lower import Known

    return Known(kind, TensorKind.ACTIVATION)


def _named_trips(lowering: Lowering, name: str) -> int:
    dim = f"{name}.trips"
    trips = lowering.given.get(dim, 1)
    lowering.trips[dim] = (trips, "given" if dim in lowering.given else "default")
    return trips


def _may_stop_early(body: onnx.GraphProto) -> bool:
    """Whether the condition that a body returns is anything but the one it got or a constant."""
    result = body.output[0].name
    while True:
        if len(body.input) > 1 and result == body.input[1].name:
            return False
        if any(t.name == result for t in body.initializer):
            return False
        producer = next((n for n in body.node if result in n.output), None)
        if producer is None or producer.op_type not in ("Identity", "Constant", "Cast"):
            return True
        if producer.op_type == "Constant":
            return False
        result = producer.input[0]


def _growth(before: Sequence[ValueType], after: Sequence[ValueType]) -> list[tuple[int, ...] | None]:
    """By how much each extent of each carried value grows in one trip; empty where none does."""
    found: list[tuple[int, ...] | None] = []
    for old, new in zip(before, after, strict=True):
        if not old.is_complete or not new.is_complete or len(old.shape or ()) != len(new.shape or ()):
            found.append(None)
            continue
        found.append(tuple((b or 0) - (a or 0) for a, b in zip(old.shape or (), new.shape or (), strict=True)))
    return found if any(step and any(step) for step in found) else []


def _grown(types: Sequence[ValueType], growth: Sequence[tuple[int, ...] | None], trips: float) -> list[ValueType]:
    result = []
    for kind, step in zip(types, growth, strict=True):
        if step is None or kind.shape is None:
            result.append(kind)
        else:
            extents = tuple(max((e or 0) + int(s * trips), 0) for e, s in zip(kind.shape, step, strict=True))
            result.append(ValueType(kind.dtype, extents))
    return result


def _stacked(kind: ValueType, axis: int, trips: int) -> ValueType:
    """A scan output: one more extent, the number of trips."""
    if kind.shape is None:
        return kind
    extents = list(kind.shape)
    extents.insert(axis % (len(extents) + 1), trips)
    return ValueType(kind.dtype, tuple(extents))


def _mark(lowering: Lowering) -> tuple[int, int, int, frozenset[str]]:
    return len(lowering.ops), len(lowering.known), len(lowering.notes), frozenset(lowering.taken_names)


def _rollback(lowering: Lowering, mark: tuple[int, int, int, frozenset[str]]) -> None:
    ops, known, notes, names = mark
    del lowering.ops[ops:]
    for name in list(lowering.known)[known:]:
        del lowering.known[name]
    for note in list(lowering.notes)[notes:]:
        del lowering.notes[note]
    lowering.taken_names.intersection_update(names)


def _work_since(lowering: Lowering, mark: tuple[int, int, int, frozenset[str]]) -> float:
    added = lowering.ops[mark[0] :]
    tensors: dict[str, Tensor] = lowering.tensors()
    return lowering.branch_work(added, tensors)
