"""If, Loop and Scan: the branch that counts, and bodies listed once with the number of their trips.

A node of control flow is listed as a view that names its results; a loop has a second one in front of its body,
`NAME/enter`, which names what the body receives. A loop that makes no trip has neither body nor `enter`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from onnxroof.dtypes import DType
from onnxroof.errors import ModelError
from onnxroof.frontend import proto
from onnxroof.frontend.agreement import Clash, Gap
from onnxroof.frontend.growth import growth_of
from onnxroof.frontend.scope import Scope
from onnxroof.frontend.types import Known, ValueType, filled, stated_size, type_of_proto
from onnxroof.ir.contents import Contents
from onnxroof.ir.tensor import TensorKind

if TYPE_CHECKING:
    from onnxroof.frontend.lower import Lowering
    from onnxroof.frontend.marks import Segment

__all__ = ["CONTROL_FLOW", "Lowerer", "activation_of", "lowered_body", "name_results", "named_trips", "subgraph"]

# Lowers a node with graphs in its attributes, of a name in a scope.
Lowerer = Callable[["Lowering", proto.NodeProto, str, Scope], None]

# A trip limit of this size is how exporters write "no limit".
_NO_LIMIT = 1 << 31


def _lower_if(lowering: Lowering, node: proto.NodeProto, name: str, scope: Scope) -> None:
    """A known condition takes its branch; else one of unknown work, or the one with more work, is taken, and said."""
    condition = lowering.value(lowering.operands(node, scope), 0)
    place = lowering.places[name]
    if place in lowering.observed.branches:
        condition = Contents(DType.BOOL, (), (lowering.observed.branches[place],))
    if condition is None or not condition.size:
        names, results = _heavier_branch(lowering, node, name, scope)
    else:
        chosen = "then_branch" if condition.elements[0] else "else_branch"
        names = lowered_body(lowering, subgraph(lowering, node, chosen, name), name, chosen, scope, scope.repeat)
        results = [_alias(lowering, result) for result in names]
    name_results(lowering, node, name, scope, names, results)


def _heavier_branch(
    lowering: Lowering, node: proto.NodeProto, name: str, scope: Scope
) -> tuple[tuple[str, ...], list[Known]]:
    """Lowers both branches, keeps the one with more work; returns the names of its results and what is known of them.

    A branch of unknown work is kept, so that what is not known of it is listed. A branch whose shapes contradict each
    other under these dimensions is not the one that runs. Where the condition is an input of the model, its user
    chooses the branch, as he does a dimension; else a run may take either.
    """
    found: list[tuple[float, str, Segment, tuple[str, ...]]] = []
    types: list[list[ValueType]] = []
    clashes: list[Clash] = []
    conditions = (lowering.known[condition] for condition in lowering.operands(node, scope)[:1] if condition)
    is_chosen = any(condition.kind is TensorKind.INPUT for condition in conditions)
    for label in ("then_branch", "else_branch"):
        mark = lowering.mark()
        try:
            body = subgraph(lowering, node, label, name)
            results = lowered_body(lowering, body, name, label, scope, scope.repeat, is_optional=not is_chosen)
        except Clash as clash:
            lowering.cut(mark)
            clashes.append(clash)
            continue
        ops = lowering.ops[mark.ops :]
        touched = {n for op in ops for n in (*op.inputs, *op.outputs) if n}
        work = lowering.branch_work(ops, lowering.tensors(touched))
        types.append([lowering.known[result].type for result in results])
        found.append((work, label, lowering.cut(mark), results))
    if not found:
        raise clashes[0]
    work, label, segment, results = max(found, key=lambda branch: branch[0])
    lowering.restore(segment)
    why = "the branch with more work"
    if clashes:
        why = "the shapes of the other contradict each other"
    elif math.isinf(work):
        is_one = any(math.isfinite(other) for other, *_ in found)
        why = "its work is not known" if is_one else "the work of neither branch is known"
    lowering.notes[f"{name}: the condition depends on data; `{label}` is counted, {why}"] = None
    made = [activation_of(lowering, result, lowering.known[result].type) for result in results]
    if not is_chosen and not clashes and types[0] != types[1]:
        made = [replace(known, is_at_most=True) for known in made]
    return results, made


def _lower_loop(lowering: Lowering, node: proto.NodeProto, name: str, scope: Scope) -> None:
    """Trip count times the body; a count that depends on data is a named dimension."""
    operands = lowering.operands(node, scope)
    body = subgraph(lowering, node, "body", name)
    carried = operands[2:]
    if "" in carried or len(body.input) != 2 + len(carried) or len(body.output) < 1 + len(carried):
        raise ModelError.at(
            lowering.path, f"the body of loop `{name}` does not take and return what the loop carries", code="M204"
        )
    seen = lowering.observed.trips.get(lowering.places[name])
    trips = _loop_trips(lowering, body, name, operands, seen)
    depends_on_data = seen is None and f"{name}.trips" in lowering.sizes
    # A number of trips that is a dimension is somebody's choice; the limit of one that may stop early is a bound.
    start = operands[1] if len(operands) > 1 else ""
    may_start = bool(start) and lowering.known[start].value is None
    is_bound = seen is None and not depends_on_data and (may_start or (trips > 1 and _may_stop_early(body)))
    initial = [lowering.known[c].type for c in carried]
    counters = [_counter(body.input[0], DType.INT64), _counter(body.input[1], DType.BOOL)]
    if len(operands) > 1 and operands[1]:
        counters[1] = lowering.known[operands[1]].type
    mark = lowering.mark()

    def walked(types: Sequence[ValueType]) -> tuple[str, ...]:
        lowering.cut(mark)
        repeat = scope.repeat * max(trips, 1)
        return lowered_body(
            lowering, body, name, "body", scope, repeat, node, operands, [*counters, *types], is_optional=is_optional
        )

    def carried_types(results: Sequence[str]) -> list[ValueType]:
        return [lowering.known[r].type for r in results[1 : 1 + len(carried)]]

    is_optional = is_bound
    results = walked(initial)
    if not is_optional and trips > 1 and any(lowering.known[r].is_at_most for r in results[1 : 1 + len(carried)]):
        is_optional = True  # what the first trip makes at most, the second one takes in
        results = walked(initial)
    last_condition = lowering.known[results[0]].value
    if trips > 1 and last_condition is not None and last_condition.size and not last_condition.elements[0]:
        trips = 1
        results = walked(initial)
    after = carried_types(results)
    if trips > 1 and after != initial:
        growth = growth_of(initial, after, carried_types(walked(after)), trips)
        results = walked(growth.mean)
        after = growth.final
        if growth.is_growing:
            lowering.notes[f"{name}: a carried value grows from trip to trip; the body is counted at its mean size"] = (
                None
            )
    stacked = [_stacked(lowering.known[r].type, 0, trips) for r in results[1 + len(carried) :]]
    made = [activation_of(lowering, r, t) for r, t in zip(results[1:], [*after, *stacked], strict=True)]
    if depends_on_data:
        made = [replace(known, depends_on_data=True) for known in made]
    if is_bound:
        made = [
            replace(known, is_at_most=known.is_at_most or place >= len(carried) or known.type != initial[place])
            for place, known in enumerate(made)
        ]
    if trips == 0:
        made[: len(carried)] = [replace(lowering.known[c], kind=TensorKind.ACTIVATION, value=None) for c in carried]
        _skip(lowering, node, name, scope, mark.ops, made, carried)
        return
    name_results(lowering, node, name, scope, results[1:], made)


def _loop_trips(
    lowering: Lowering, body: proto.GraphProto, name: str, operands: Sequence[str], seen: int | None
) -> int:
    limit = lowering.value(operands, 0)
    start = lowering.value(operands, 1)
    if start is not None and start.size and not start.elements[0]:
        return 0
    trips = None if limit is None or not limit.size else max(limit.integers[0], 0)
    if trips is None or trips >= _NO_LIMIT:
        return named_trips(lowering, name, seen=seen)
    if seen is not None:
        return seen
    if trips > 1 and _may_stop_early(body):
        lowering.notes[f"{name}: counted with all of its {trips} trips; its condition may end it earlier"] = None
    return trips


def _lower_scan(lowering: Lowering, node: proto.NodeProto, name: str, scope: Scope) -> None:
    """The body once for each element along the scanned axis."""
    operands = lowering.operands(node, scope)
    body = subgraph(lowering, node, "body", name)
    attributes = {a.name: a for a in node.attribute}
    count = attributes["num_scan_inputs"].i if "num_scan_inputs" in attributes else 0
    is_batched = scope.opsets.get("", 1) < 9  # version 8 has sequence_lens first and a batch axis in front
    sources = operands[1:] if is_batched else operands
    if not 0 < count <= len(sources) or "" in sources or len(body.input) != len(sources):
        raise ModelError.at(
            lowering.path, f"the body of scan `{name}` does not take what the scan hands to it", code="M204"
        )
    states, scanned = sources[:-count], sources[-count:]
    in_axes = _axes(attributes, "scan_input_axes") or ([1] if is_batched else [0]) * count
    trips, batch, slices = _slices(lowering, name, scanned, in_axes, is_batched=is_batched)
    initial = [lowering.known[s].type for s in states]
    if is_batched:
        initial = [ValueType(t.dtype, t.shape[1:] if t.shape is not None else None) for t in initial]
    mark = lowering.mark()
    repeat = scope.repeat * max(trips * batch, 1)
    results = lowered_body(lowering, body, name, "body", scope, repeat, node, sources, [*initial, *slices])
    out_axes = _axes(attributes, "scan_output_axes")
    made = []
    for place, result in enumerate(results, start=-len(states)):
        kind = lowering.known[result].type
        if place >= 0:
            kind = _stacked(kind, out_axes[place] if place < len(out_axes) else 0, trips)
        if is_batched and kind.shape is not None:
            kind = ValueType(kind.dtype, (batch, *kind.shape))
        made.append(activation_of(lowering, result, kind))
    if trips * batch == 0:
        _skip(lowering, node, name, scope, mark.ops, made, states)
        return
    name_results(lowering, node, name, scope, results, made)


def _slices(
    lowering: Lowering, name: str, scanned: Sequence[str], axes: Sequence[int], *, is_batched: bool
) -> tuple[int, int, list[ValueType]]:
    """Trips, batch, and the type of what the body receives of each scanned input."""
    lengths: list[int] = []
    batch = 1
    slices = []
    for place, source in enumerate(scanned):
        kind = lowering.known[source].type
        if kind.shape is None:
            slices.append(ValueType(kind.dtype, None))
            continue
        axis = axes[place] if place < len(axes) else 0
        if not -len(kind.shape) <= axis < len(kind.shape) or (is_batched and len(kind.shape) < 2):
            raise ModelError.at(
                lowering.path, f"scan `{name}` walks axis {axis} of `{source}`, which it does not have", code="M204"
            )
        axis %= len(kind.shape)
        length = kind.shape[axis]
        if length is not None:
            lengths.append(length)
        rest = [extent for i, extent in enumerate(kind.shape) if i != axis]
        if is_batched:
            batch = rest.pop(0) or 0
        slices.append(ValueType(kind.dtype, tuple(rest)))
    if len(set(lengths)) > 1:
        shapes = tuple(lowering.known[s].type.shape for s in scanned)
        raise Clash(
            node=name, op_type="Scan", operands=tuple(scanned), shapes=shapes, reason="they are walked together",
            gaps=tuple(Gap(length, lengths[0], "the scanned extents") for length in lengths[1:]), ops=lowering.ops,
        )  # fmt: skip
    return (lengths[0] if lengths else named_trips(lowering, name)), batch, slices


CONTROL_FLOW: Mapping[tuple[str, str], Lowerer] = {
    ("", "If"): _lower_if,
    ("", "Loop"): _lower_loop,
    ("", "Scan"): _lower_scan,
}


def subgraph(lowering: Lowering, node: proto.NodeProto, label: str, name: str) -> proto.GraphProto:
    """The graph of an attribute, which must be there."""
    for attribute in node.attribute:
        if attribute.name == label and attribute.HasField("g"):
            graph: proto.GraphProto = attribute.g
            return graph
    raise ModelError.at(lowering.path, f"node `{name}` ({node.op_type}) has no graph `{label}`", code="M204")


def _axes(attributes: Mapping[str, proto.AttributeProto], name: str) -> list[int]:
    return list(attributes[name].ints) if name in attributes else []


def _counter(formal: proto.ValueInfoProto, dtype: DType) -> ValueType:
    """Type of a loop's trip counter or condition: of the rank that the body states, a scalar else."""
    stated = type_of_proto(formal.type).shape
    return ValueType(dtype, (1,) if stated is not None and len(stated) == 1 else ())


def lowered_body(
    lowering: Lowering,
    graph: proto.GraphProto,
    name: str,
    label: str,
    scope: Scope,
    repeat: int,
    node: proto.NodeProto | None = None,
    operands: Sequence[str] = (),
    types: Sequence[ValueType] = (),
    *,
    is_optional: bool = False,
) -> tuple[str, ...]:
    """Lowers a subgraph and returns the workload names of its outputs.

    With `node`, the subgraph has inputs of the given types, which an enter view takes from `operands`. `is_optional`
    says whether data may leave the subgraph out.
    """
    declared = {v.name: type_of_proto(v.type) for v in (*graph.value_info, *graph.output)}
    inner = Scope(
        path=f"{name}/{label}", repeat=repeat, opsets=scope.opsets, parent=scope, attributes=scope.attributes,
        declared=declared, depth=scope.depth + 1, is_optional=is_optional or scope.is_optional,
        place=f"{lowering.places[name]}/{label}/",
    )  # fmt: skip
    lowering.add_weights(lowering.alike.weights(graph, lowering.path), inner)
    if node is not None:
        received = []
        for place, (formal, kind) in enumerate(zip(graph.input, types, strict=True)):
            operand = operands[place] if place < len(operands) else ""
            source = lowering.known[operand] if operand else None
            known = Known(
                filled(kind, type_of_proto(formal.type)), TensorKind.ACTIVATION,
                depends_on_data=source is not None and source.depends_on_data,
                is_at_most=source is not None and source.is_at_most,
            )  # fmt: skip
            received.append(lowering.define(formal.name, inner, known))
        lowering.emit_view(node, lowering.fresh_name(f"{name}/enter"), scope, operands, received)
    lowering.graph(graph.node, inner)
    results = []
    for output in graph.output:
        found = inner.find(output.name)
        if not found:
            raise ModelError.at(
                lowering.path, f"nothing in `{name}/{label}` produces its output `{output.name}`", code="M201"
            )
        results.append(found)
    return tuple(results)


def name_results(
    lowering: Lowering,
    node: proto.NodeProto,
    name: str,
    scope: Scope,
    results: Sequence[str],
    made: Sequence[Known],
) -> None:
    """Lists the node itself as a view from what its bodies return to its own results."""
    outputs = []
    shapes = lowering.seen_in_run(node, name, scope)
    if len(node.output) > len(made):
        raise ModelError.at(lowering.path, f"node `{name}` has more outputs than its body", code="M204")
    for local, known, seen in zip(node.output, made, shapes, strict=False):
        declared = scope.declared.get(local)
        kind = filled(known.type, declared)
        kind = stated_size(kind, declared) if known.depends_on_data else kind
        kind = kind if seen is None or not local or kind.container else replace(kind, shape=seen)
        known = replace(known, type=kind, is_output=False, is_at_most=known.is_at_most and seen is None)  # noqa: PLW2901
        outputs.append(lowering.define(local, scope, known) if local else "")
    lowering.emit_view(node, name, scope, results, outputs)


def _skip(
    lowering: Lowering,
    node: proto.NodeProto,
    name: str,
    scope: Scope,
    first_op: int,
    made: Sequence[Known],
    carried: Sequence[str],
) -> None:
    """Takes the body of a loop without trips out of the list: what it carries comes out as it went in."""
    del lowering.ops[first_op:]
    lowering.notes[f"{name}: makes no trip; its body does not count"] = None
    results = [*carried, *("" for _ in made[len(carried) :])]
    name_results(lowering, node, name, scope, results, made)


def _alias(lowering: Lowering, name: str) -> Known:
    """Another name for a value: a weight stays one and shares its storage."""
    known = lowering.known[name]
    if known.kind is TensorKind.WEIGHT:
        return replace(known, origin=known.origin or name)
    return replace(known, kind=TensorKind.ACTIVATION)


def activation_of(lowering: Lowering, name: str, kind: ValueType) -> Known:
    """A value of some type that comes from another, and depends on data where that does."""
    source = lowering.known[name]
    return Known(kind, TensorKind.ACTIVATION, depends_on_data=source.depends_on_data, is_at_most=source.is_at_most)


def named_trips(lowering: Lowering, name: str, stated: int | None = None, *, seen: int | None = None) -> int:
    """Trips that depend on data, as a named dimension; what the model states as the most, where it does."""
    usual = 1 if stated is None else stated
    return lowering.named_size(f"{name}.trips", usual, is_stated=stated is not None, seen=seen)


def _may_stop_early(body: proto.GraphProto) -> bool:
    """Whether the condition that a body returns is anything but the one it got or a constant."""
    result = body.output[0].name
    for _ in range(len(body.node) + 1):
        if result == body.input[1].name or any(t.name == result for t in body.initializer):
            return False
        producer = next((n for n in body.node if result in n.output), None)
        if producer is not None and producer.op_type == "Constant":
            return False
        if producer is None or producer.op_type not in ("Identity", "Cast") or not producer.input:
            return True
        result = producer.input[0]
    return True


def _stacked(kind: ValueType, axis: int, trips: int) -> ValueType:
    """A scan output: one more extent, the number of trips."""
    if kind.shape is None:
        return kind
    extents = list(kind.shape)
    extents.insert(axis % (len(extents) + 1), trips)
    return ValueType(kind.dtype, tuple(extents))
