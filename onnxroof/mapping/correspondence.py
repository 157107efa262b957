"""Which operators of a model does each node of the graph that a runtime made of it stand for?

A node that was fused writes what the last of its operators wrote, under the same name, and reads what survives of the
tensors before. So it stands for the operators between: from the tensors that it writes back to the next tensors that
are still there. Where a layout change or a requantization renamed a tensor, its maker says whose it is: ONNX Runtime
calls a convolution in its blocked layout after the tensor that it computes (`X_nchwc`), a node that only changes the
layout hands its operand on, and a node that kept its name still makes what it made.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from onnxroof.frontend.runtime_graph import RuntimeGraph, RuntimeNode
from onnxroof.ir.op import Op, OpKind
from onnxroof.ir.workload import Workload
from onnxroof.mapping.given import GivenGroup, GivenGroups
from onnxroof.mapping.plan import Decision
from onnxroof.mapping.storage import Storage

__all__ = ["Correspondence", "correspondence", "runtime_groups"]

_BLOCKED = "_nchwc"
_SUMMED = 3
_HANDS_ON = frozenset(
    {"ReorderInput", "ReorderOutput", "Transpose", "Cast", "Identity", "MemcpyToHost", "MemcpyFromHost"}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Correspondence:
    """Nodes of a runtime's graph as operators of the model.

    Attributes:
        regions: For each node that was mapped the names of its operators, in order; a node whose operators all belong
            to others, or that is new, has none and is not here.
        within: Nodes that make no tensor of the model, each with the one of `regions` that reads it, itself or through
            others of these: what such a node computes lies between that one and the tensors before, and counts to it.
        unmapped: Nodes of which no tensor leads back to the model, and that no node with such a tensor reads.
        unclaimed: Operators that run and that no node stands for.
    """

    regions: tuple[tuple[RuntimeNode, tuple[str, ...]], ...]
    within: tuple[tuple[RuntimeNode, RuntimeNode], ...]
    unmapped: tuple[RuntimeNode, ...]
    unclaimed: tuple[str, ...]


def correspondence(graph: RuntimeGraph, workload: Workload, store: Storage) -> Correspondence:
    """Maps the nodes of a runtime's graph onto the operators of the model that it was made of."""
    model = _Model(workload)
    meant = _meaning(graph, model)
    borders = {name for name in meant.values() if name}
    claimed: dict[str, int] = {}
    regions: list[tuple[RuntimeNode, tuple[str, ...]]] = []
    nameless: list[int] = []
    homes: dict[int, RuntimeNode | None] = {}  # None where all between two tensors belongs to others
    place = {op.name: number for number, op in enumerate(workload.ops)}
    for number, node in enumerate(graph.nodes):
        sources = {meant.get(name, "") for name in node.inputs}
        wanted = [meant.get(name, "") for name in node.outputs if name]
        if not any(wanted):
            nameless.append(number)
            continue
        starts = [name for name in wanted if name and name not in sources]
        ops = _between(starts, borders, model)
        members = [op.name for op in ops if claimed.setdefault(op.name, number) == number]
        if members:
            regions.append((node, tuple(sorted(members, key=place.__getitem__))))
        homes[number] = node if members else None
    for number, reader in _readers(graph, nameless):  # the first reader claimed what lies before it
        if reader in homes:
            homes[number] = homes[reader] or homes.get(number)
    return Correspondence(
        regions=tuple(regions),
        within=tuple((graph.nodes[number], home) for number in nameless if (home := homes.get(number)) is not None),
        unmapped=tuple(graph.nodes[number] for number in nameless if number not in homes),
        unclaimed=tuple(kernel.op.name for kernel in store.kernels if kernel.op.name not in claimed),
    )


def _readers(graph: RuntimeGraph, numbers: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Some nodes with the nodes that read what they make, from back to front and the first reader last."""
    found: dict[str, list[int]] = {}
    for number, node in enumerate(graph.nodes):
        for name in dict.fromkeys(filter(None, node.inputs)):
            found.setdefault(name, []).append(number)
    for number in reversed(numbers):
        readers = {reader for name in graph.nodes[number].outputs for reader in found.get(name, ())}
        yield from ((number, reader) for reader in sorted(readers, reverse=True))


def runtime_groups(where: str, found: Correspondence, workload: Workload, store: Storage) -> GivenGroups:
    """The regions as groups; what could not be mapped is told, and runs alone."""
    running = {kernel.op.name for kernel in store.kernels}
    groups = [GivenGroup(name=_name(node), nodes=names) for node, names in found.regions if running.intersection(names)]
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
            subject=f"{_name(node)} -> {_name(home)}", action="mapped",
            reason=f"this {node.op_type} makes no tensor that the model has: what it computes counts to its reader",
        )
        for node, home in found.within
        if not _is_shape_arithmetic(node, workload)
    ]  # fmt: skip
    decisions += [
        Decision(
            subject=_name(node), action="not mapped",
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


def _name(node: RuntimeNode) -> str:
    return node.name or next(filter(None, node.outputs), node.op_type)


def _is_shape_arithmetic(node: RuntimeNode, workload: Workload) -> bool:
    """Whether a node has a type of which all operators of the model are settled before it runs."""
    kinds = [op.disposition for op in workload.ops if op.op_type == node.op_type]
    return bool(kinds) and all(kind in (OpKind.HOST, OpKind.CONSTANT) for kind in kinds)


class _Model:
    """Who makes and who reads a tensor; all names around an absorbed quantize or dequantize are one tensor."""

    def __init__(self, workload: Workload) -> None:
        self._same: dict[str, str] = {}
        for op in workload.ops:
            if op.disposition is OpKind.ABSORBED and op.inputs and op.outputs:
                one, other = self.tensor(op.inputs[0]), self.tensor(op.outputs[0])
                if one != other:
                    self._same[other] = one
        running = [op for op in workload.ops if op.disposition is not OpKind.ABSORBED]
        self.tensors = {self.tensor(name) for name in workload.tensors}
        self.makers = {self.tensor(name): op for op in running for name in op.outputs if name}
        self.named = {op.name: op for op in running if sum(map(bool, op.outputs)) == 1}
        self.readers: dict[str, list[Op]] = {}
        for op in running:
            for name in dict.fromkeys(self.tensor(name) for name in op.inputs if name):
                self.readers.setdefault(name, []).append(op)

    def tensor(self, name: str) -> str:
        """The one name of a tensor."""
        while name in self._same:
            name = self._same[name]
        return name

    def after(self, name: str, op_type: str) -> str:
        """The result of the only reader of a tensor if that is of a type, else the tensor itself."""
        readers = self.readers.get(name, [])
        if len(readers) != 1 or readers[0].op_type != op_type:
            return name
        return self.tensor(next(filter(None, readers[0].outputs), name))


def _meaning(graph: RuntimeGraph, model: _Model) -> dict[str, str]:
    """For each tensor of the graph the one of the model that has the same elements, "" where none is known."""
    meant = {name: model.tensor(name) for name in graph.given if model.tensor(name) in model.tensors}
    for node in graph.nodes:
        outputs = [name for name in node.outputs if name]
        for name in outputs:
            meant[name] = model.tensor(name) if model.tensor(name) in model.tensors else ""
        if len(outputs) != 1 or meant[outputs[0]]:
            continue
        blocked = model.tensor(node.name.removesuffix(_BLOCKED)) if node.name.endswith(_BLOCKED) else ""
        if blocked in model.makers:
            meant[outputs[0]] = _behind(node, blocked, model)
        elif node.op_type in _HANDS_ON:
            meant[outputs[0]] = meant.get(node.inputs[0], "")
        elif node.name in model.named:
            meant[outputs[0]] = model.tensor(next(filter(None, model.named[node.name].outputs)))
    return meant


def _behind(node: RuntimeNode, name: str, model: _Model) -> str:
    """What a convolution in the blocked layout writes: it keeps its name when a sum and a function are fused behind it.

    Its fourth operand is what it adds (com.microsoft.nchwc Conv: X, W, B, Sum).
    """
    if len(node.inputs) > _SUMMED and node.inputs[_SUMMED]:
        name = model.after(name, "Add")
    return model.after(name, node.activation) if node.activation else name


def _between(wanted: list[str], borders: set[str], model: _Model) -> Iterator[Op]:
    """Operators from some tensors back to the next border, each once."""
    seen: set[str] = set()
    pending = list(wanted)
    while pending:
        op = model.makers.get(pending.pop())
        if op is None or op.name in seen:
            continue
        seen.add(op.name)
        yield op
        read = (model.tensor(name) for name in (*op.inputs, *op.parameters) if name)
        pending += [name for name in read if name not in borders]
