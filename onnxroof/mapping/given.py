"""Groups that somebody else chose: can they run at all, in which order, and which operators of each share one anchor?

Operators that nobody named are groups of their own. What is a group to its author need not be tiled by one anchor:
each given group is taken apart into the parts that are, by the rule of epilogue fusion, and whether the parts run as
one group is decided on a target (`onnxroof.roofline.evaluate`).
"""

from __future__ import annotations

import difflib
import itertools
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from onnxroof.errors import Diagnostic, UsageError
from onnxroof.ir.workload import Workload
from onnxroof.mapping.plan import Decision, Group, Plan
from onnxroof.mapping.policies import joined
from onnxroof.mapping.storage import Storage

if TYPE_CHECKING:
    import networkx as nx

__all__ = ["GIVEN", "GivenGroup", "GivenGroups", "GivenPlan", "Run", "given_plan"]

GIVEN = "given"
"""Name of the plan of groups that came from outside, where others have that of their policy."""

_MOST_SUGGESTED = 20
_MOST_LISTED = 8
_STRANGE = 0.5  # of the names unknown: then the file is for another model


@dataclass(frozen=True, slots=True, kw_only=True)
class GivenGroup:
    """Names of operators that are to run together, and what the group is called."""

    name: str
    nodes: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class GivenGroups:
    """Groups from a file.

    Attributes:
        where: The file, for messages.
        groups: Operators that are in none of them run alone.
        decisions: What the reader of the file has to say, such as nodes that it could not map.
    """

    where: str
    groups: tuple[GivenGroup, ...]
    decisions: tuple[Decision, ...] = field(default=())


@dataclass(frozen=True, slots=True)
class Run:
    """Consecutive parts `first` to `last` (both included) that are one group to whoever gave it."""

    name: str
    first: int
    last: int


@dataclass(frozen=True, slots=True, kw_only=True)
class GivenPlan:
    """Given groups of a model.

    Attributes:
        plan: The parts in order of execution, those of one given group one after the other.
        runs: Given groups of several parts.
        apart: By first part of a run why its parts do not share an anchor.
    """

    plan: Plan
    runs: tuple[Run, ...]
    apart: Mapping[int, str]


def given_plan(given: GivenGroups, workload: Workload, store: Storage) -> GivenPlan:
    """The groups as a plan.

    Args:
        given: As read.
        workload: The model.
        store: Its kernels. Names of operators that do not run (views, constants) may be in a group and do nothing.

    Raises:
        UsageError: The model has no such operators, one is in two groups, or groups would have to wait for each other;
            all faults at once.
    """
    kernels = store.numbers
    known = {op.name for op in workload.ops}
    faults = [*_unknown(given, known, workload.name), *_twice(given)]
    label = list(range(len(store.kernels)))  # kernels that nobody named are groups of their own
    titles: dict[int, str] = {}
    seen: set[str] = set()
    for group in given.groups:
        members = [kernels[name] for name in group.nodes if name in kernels and name not in seen]
        seen.update(group.nodes)
        for member in members:
            label[member] = min(members)
        if members:
            titles[min(members)] = group.name
    order, cycles = _ordered(store, label)
    faults += [_cycle(given.where, store, titles, cycle) for cycle in cycles]
    if faults:
        raise UsageError(*faults)
    return _in_parts(given, store, label, titles, order)


def _in_parts(
    given: GivenGroups, store: Storage, label: Sequence[int], titles: Mapping[int, str], order: Sequence[int]
) -> GivenPlan:
    found = joined(store, dict(enumerate(label)))
    parts_of: dict[int, list[tuple[int, ...]]] = {}
    for members in found.members:
        parts_of.setdefault(label[members[0]], []).append(members)
    refusals: dict[int, str] = {}
    for _, reader, refusal in found.choices:
        if refusal:
            refusals.setdefault(label[reader], refusal)
    groups: list[Group] = []
    runs: list[Run] = []
    apart: dict[int, str] = {}
    for number in order:
        first = len(groups)
        for members in parts_of[number]:
            ops = [store.kernels[member].op for member in members]
            groups.append(Group(id=f"g{len(groups)}", ops=tuple(op.name for op in ops), repeat=ops[0].repeat))
        if len(parts_of[number]) > 1:
            runs.append(Run(titles[number], first, len(groups) - 1))
            apart[first] = refusals.get(number, "its operators do not read each other")
    plan = Plan(fusion=GIVEN, groups=tuple(groups), reasons=lambda: given.decisions)
    return GivenPlan(plan=plan, runs=tuple(runs), apart=apart)


def _unknown(given: GivenGroups, known: set[str], model: str) -> Iterator[Diagnostic]:
    named = [(group, name) for group in given.groups for name in group.nodes]
    strange = [(group, name) for group, name in named if name not in known]
    if len(strange) > _MOST_LISTED and len(strange) > _STRANGE * len(named):
        yield Diagnostic(
            where=given.where,
            message=f"{len(strange)} of its {len(named)} nodes are not in `{model}`: it is for another model",
            hint=f"`onnxroof count {model} --format json` lists the nodes",
            code="U402",
        )
        return
    for number, (group, name) in enumerate(strange):
        near = difflib.get_close_matches(name, known, n=3) if number < _MOST_SUGGESTED else []
        yield Diagnostic(
            where=f"{given.where}: group `{group.name}`",
            message=f"`{model}` has no node `{name}`",
            hint="nearest: " + ", ".join(f"`{one}`" for one in near) if near else "",
            code="U402",
        )


def _twice(given: GivenGroups) -> Iterator[Diagnostic]:
    home: dict[str, str] = {}
    for group in given.groups:
        for name in group.nodes:
            if name in home:
                other = "twice in it" if home[name] == group.name else f"in group `{home[name]}` already"
                yield Diagnostic(
                    where=f"{given.where}: group `{group.name}`",
                    message=f"the node `{name}` is {other}",
                    hint="a node runs in one group",
                    code="U403",
                )
            home.setdefault(name, group.name)


def _ordered(store: Storage, label: Sequence[int]) -> tuple[list[int], list[list[int]]]:
    """Groups in order of execution, and circles of kernels that keep others from any order."""
    import networkx as nx

    edges: dict[tuple[int, int], tuple[int, int]] = {}
    graph: nx.DiGraph = nx.DiGraph()
    graph.add_nodes_from(dict.fromkeys(label))
    for reader, kernel in enumerate(store.kernels):
        for transfer in kernel.cost.reads:
            maker = store.producers.get(store.root(transfer.tensor), reader)
            # What a trip of a loop hands to the next one is made behind its reader, and orders nothing.
            if maker < reader and label[maker] != label[reader]:
                edges.setdefault((label[maker], label[reader]), (maker, reader))
                graph.add_edge(label[maker], label[reader])
    knots = [knot for knot in nx.strongly_connected_components(graph) if len(knot) > 1]
    if knots:
        return [], [_circle(graph.subgraph(knot), edges) for knot in sorted(knots, key=min)]
    return list(nx.lexicographical_topological_sort(graph)), []


def _circle(graph: nx.DiGraph, edges: Mapping[tuple[int, int], tuple[int, int]]) -> list[int]:
    """Makers and readers in turn along a shortest circle through the first group of a knot."""
    start = min(graph.nodes)
    came: dict[int, int] = {}
    queue = deque([start])
    while start not in came:
        group = queue.popleft()
        for after in graph.successors(group):
            if after not in came:
                came[after] = group
                queue.append(after)
    way = [start]
    while len(way) == 1 or way[-1] != start:
        way.append(came[way[-1]])
    way.reverse()
    return [kernel for pair in itertools.pairwise(way) for kernel in edges[pair]]


def _cycle(where: str, store: Storage, titles: Mapping[int, str], circle: Sequence[int]) -> Diagnostic:
    names = [store.kernels[kernel].op.name for kernel in circle]
    steps = [f"`{reader}` reads what `{maker}` makes" for maker, reader in zip(names[::2], names[1::2], strict=True)]
    told = steps if len(steps) <= _MOST_LISTED else [*steps[: _MOST_LISTED - 1], "..."]
    return Diagnostic(
        where=where,
        message=f"groups have to wait for each other: {'; '.join(told)}",
        hint="take what lies between into the group, or take the group apart",
        code="U404",
    )
