"""Which operators of a model does each node of the graph that a runtime made of it stand for?

A node that was fused writes what the last of its operators wrote, under the same name, and reads what survives of the
tensors before. So it stands for the operators between: from the tensors that it writes back to the next tensors that
are still there. Where a layout change or a requantization renamed a tensor, its maker says whose it is: ONNX Runtime
calls a convolution in its blocked layout after the tensor that it computes (`X_nchwc`), a node that only changes the
layout hands its operand on, and a node that kept its name still makes what it made.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from onnxroof.frontend.runtime_graph import RuntimeGraph, RuntimeNode
from onnxroof.ir.op import Op, OpKind
from onnxroof.ir.workload import Workload
from onnxroof.mapping.given import GivenGroup, GivenGroups
from onnxroof.mapping.plan import Decision
from onnxroof.mapping.storage import Storage

__all__ = ["Correspondence", "correspondence", "runtime_groups"]

_BLOCKED = "_nchwc"
_HANDS_ON = frozenset(
    {"ReorderInput", "ReorderOutput", "Transpose", "Cast", "Identity", "MemcpyToHost", "MemcpyFromHost"}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Correspondence:
    """Nodes of a runtime's graph as operators of the model.

    Attributes:
        regions: For each node that was mapped the names of its operators, in order; a node whose operators all belong
            to others, or that is new, has none and is not here.
        unmapped: Nodes of which no tensor leads back to the model.
        unclaimed: Operators that run and that no node stands for.
    """

    regions: tuple[tuple[RuntimeNode, tuple[str, ...]], ...]
    unmapped: tuple[RuntimeNode, ...]
    unclaimed: tuple[str, ...]


def correspondence(graph: RuntimeGraph, workload: Workload, store: Storage) -> Correspondence:
    """Maps the nodes of a runtime's graph onto the operators of the model that it was made of."""
    producers = {name: op for op in workload.ops for name in op.outputs if name}
    meant = _meaning(graph, workload, producers)
    borders = {name for name in meant.values() if name}
    claimed: dict[str, int] = {}
    regions: list[tuple[RuntimeNode, tuple[str, ...]]] = []
    unmapped: list[RuntimeNode] = []
    place = {op.name: number for number, op in enumerate(workload.ops)}
    for number, node in enumerate(graph.nodes):
        sources = {meant.get(name, "") for name in node.inputs}
        wanted = [meant.get(name, "") for name in node.outputs if name]
        if not any(wanted):
            unmapped.append(node)
            continue
        starts = [name for name in wanted if name and name not in sources]
        ops = _between(starts, borders, producers)
        members = [op.name for op in ops if claimed.setdefault(op.name, number) == number]
        if members:
            regions.append((node, tuple(sorted(members, key=place.__getitem__))))
    unclaimed = tuple(kernel.op.name for kernel in store.kernels if kernel.op.name not in claimed)
    return Correspondence(regions=tuple(regions), unmapped=tuple(unmapped), unclaimed=unclaimed)


def runtime_groups(where: str, found: Correspondence, workload: Workload, store: Storage) -> GivenGroups:
    """The regions as groups; what could not be mapped is told, and runs alone."""
    running = {kernel.op.name for kernel in store.kernels}
    groups = [
        GivenGroup(name=node.name or node.outputs[0], nodes=names)
        for node, names in found.regions
        if running.intersection(names)
    ]
    decisions = [
        Decision(
            subject=where, action="mapped",
            reason="its nodes stand for the operators between the tensors that it has in common with the model",
            figures={
                "nodes": float(len(found.regions)), "unmapped_nodes": float(len(found.unmapped)),
                "operators_in_none": float(len(found.unclaimed)),
            },
        )
    ]  # fmt: skip
    decisions += [
        Decision(
            subject=node.name or next(filter(None, node.outputs), node.op_type), action="not mapped",
            reason=f"this {node.op_type} makes no tensor that the model has: what it computes is not in these groups",
        )
        for node in found.unmapped
        if not _is_shape_arithmetic(node, workload)
    ]  # fmt: skip
    decisions += [
        Decision(
            subject=name,
            action="not mapped",
            reason=f"no node of {where} stands for this operator: it is a group of its own",
        )
        for name in found.unclaimed
    ]
    return GivenGroups(where=where, groups=tuple(groups), decisions=tuple(decisions))


def _is_shape_arithmetic(node: RuntimeNode, workload: Workload) -> bool:
    """Whether a node has a type of which all operators of the model are settled before it runs."""
    kinds = [op.disposition for op in workload.ops if op.op_type == node.op_type]
    return bool(kinds) and all(kind in (OpKind.HOST, OpKind.CONSTANT) for kind in kinds)


def _meaning(graph: RuntimeGraph, workload: Workload, producers: Mapping[str, Op]) -> dict[str, str]:
    """For each tensor of the graph the one of the model that has the same elements, "" where none is known."""
    named = {op.name: op for op in workload.ops if sum(map(bool, op.outputs)) == 1}
    meant = {name: name for name in graph.given if name in workload.tensors}
    for node in graph.nodes:
        outputs = [name for name in node.outputs if name]
        for name in outputs:
            meant[name] = name if name in producers else ""
        if len(outputs) != 1 or meant[outputs[0]]:
            continue
        blocked = node.name.removesuffix(_BLOCKED) if node.name.endswith(_BLOCKED) else ""
        if blocked in producers:
            meant[outputs[0]] = blocked
        elif node.op_type in _HANDS_ON:
            meant[outputs[0]] = meant.get(node.inputs[0], "")
        elif node.name in named:
            meant[outputs[0]] = next(filter(None, named[node.name].outputs))
    return meant


def _between(wanted: list[str], borders: set[str], producers: Mapping[str, Op]) -> Iterator[Op]:
    """Operators from some tensors back to the next border, each once."""
    seen: set[str] = set()
    pending = list(wanted)
    while pending:
        op = producers.get(pending.pop())
        if op is None or op.name in seen:
            continue
        seen.add(op.name)
        yield op
        pending += [name for name in (*op.inputs, *op.parameters) if name and name not in borders]
