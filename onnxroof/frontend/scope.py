"""Names and settings that hold while one graph, branch, loop body or function body is lowered."""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from onnxroof.errors import ModelError
from onnxroof.frontend import proto
from onnxroof.frontend.types import ValueType

__all__ = ["Scope", "captured_names", "execution_order", "in_order", "subgraphs"]


@dataclass(slots=True)
class Scope:
    """Where a node stands.

    Attributes:
        path: Call path of functions, loops and branches, "" for the model's own graph.
        repeat: Trips of all loops around it.
        opsets: Imported versions by domain (functions import their own).
        parent: The graph around a subgraph, whose names it sees; None for a graph or function of its own.
        attributes: Actual attributes of the function call that this body stands for.
        names: Local name to name in the workload, "" for an optional input of a function that the call leaves out.
        results: Names in the workload that the results of a function's body take, by local name.
        declared: Types that the file states, by local name.
        depth: Nesting, against runaway recursion.
        place: What stands before the position of its nodes in their places (`onnxroof.frontend.places`).
        is_optional: Whether data may leave it out: a branch that a run need not take, trips that it need not make.
    """

    path: str
    repeat: int
    opsets: Mapping[str, int]
    parent: Scope | None = None
    attributes: Mapping[str, proto.AttributeProto] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)
    results: Mapping[str, str] = field(default_factory=dict)
    declared: Mapping[str, ValueType] = field(default_factory=dict)
    depth: int = 0
    place: str = ""
    is_optional: bool = False

    def find(self, local: str) -> str | None:
        """Name in the workload of a local name, None where nothing of that name is in sight."""
        scope: Scope | None = self
        while scope is not None:
            if local in scope.names:
                return scope.names[local]
            scope = scope.parent
        return None


def subgraphs(node: proto.NodeProto) -> Iterator[proto.GraphProto]:
    """The graphs among a node's attributes."""
    for attribute in node.attribute:
        if attribute.type == proto.AttributeProto.GRAPH:
            yield attribute.g
        elif attribute.type == proto.AttributeProto.GRAPHS:
            yield from attribute.graphs


def captured_names(graph: proto.GraphProto) -> frozenset[str]:
    """Names that a subgraph takes from the graphs around it."""
    inside = {v.name for v in graph.input} | {t.name for t in graph.initializer}
    inside.update(name for node in graph.node for name in node.output)
    outside = {v.name for v in graph.output if v.name not in inside}
    for node in graph.node:
        outside.update(name for name in node.input if name and name not in inside)
        for inner in subgraphs(node):
            outside.update(captured_names(inner) - inside)
    return frozenset(outside)


def in_order(path: str, nodes: Sequence[proto.NodeProto]) -> list[int]:
    """Indices of the nodes of a graph in order of execution; raises `ModelError` for a cycle."""
    order, cycle = execution_order(nodes)
    if cycle:
        names = " -> ".join(f"`{nodes[i].name or nodes[i].op_type}`" for i in [*cycle, cycle[0]])
        raise ModelError.at(
            path, f"the graph has a cycle: {names}", "no node may depend on its own output", code="M203"
        )
    return order


def execution_order(nodes: Sequence[proto.NodeProto]) -> tuple[list[int], list[int]]:
    """Indices of the nodes in an order in which each follows what it reads, and those of a cycle if there is one.

    The file's order is kept wherever it is one.
    """
    needs = [
        {name for name in node.input if name}.union(*(captured_names(g) for g in subgraphs(node))) for node in nodes
    ]
    producer = {name: i for i, node in enumerate(nodes) for name in node.output if name}
    if all(producer.get(name, -1) < i for i, names in enumerate(needs) for name in names):
        return list(range(len(nodes))), []
    waiting = [{producer[name] for name in names if name in producer} for names in needs]
    readers: dict[int, list[int]] = {}
    for i, sources in enumerate(waiting):
        for source in sources:
            readers.setdefault(source, []).append(i)
    ready = [i for i, sources in enumerate(waiting) if not sources]
    heapq.heapify(ready)
    order: list[int] = []
    while ready:
        i = heapq.heappop(ready)
        order.append(i)
        for reader in readers.get(i, ()):
            waiting[reader].discard(i)
            if not waiting[reader]:
                heapq.heappush(ready, reader)
    return order, _cycle(waiting)


def _cycle(waiting: Sequence[set[int]]) -> list[int]:
    """Indices of one cycle among nodes that wait for others, in the order of the flow of data."""
    place = next((i for i, sources in enumerate(waiting) if sources), None)
    seen: dict[int, None] = {}
    while place is not None and place not in seen:
        seen[place] = None
        place = min(waiting[place])  # a node that waits does so for one that waits, so this ends in a circle
    found = list(seen)
    return found[found.index(place) :][::-1] if place is not None else []
