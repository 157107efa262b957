"""Groups that somebody else chose: can they run at all, and which operators of each share one anchor?

Operators that nobody named are groups of their own. What is a group to its author need not be tiled by one anchor:
each given group is taken apart into the parts that are, by the rule of epilogue fusion, and whether the parts run as
one group is decided on a target (`onnxroof.roofline.given`). Their order: `onnxroof.mapping.given_order`.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from onnxroof.errors import Diagnostic, UsageError
from onnxroof.ir.workload import Workload
from onnxroof.mapping.given_order import ordered, told_order, too_early
from onnxroof.mapping.plan import Decision, Group, Plan
from onnxroof.mapping.policies import joined
from onnxroof.mapping.storage import Storage

__all__ = ["GIVEN", "GivenGroup", "GivenGroups", "GivenPlan", "Run", "given_plan"]

GIVEN = "given"
"""Name of the plan of groups that came from outside, where others have that of their policy."""

_MOST_SUGGESTED = 20
_MOST_LISTED = 8
_STRANGE = 0.5  # of the names unknown: then the file is for another model


@dataclass(frozen=True, slots=True, kw_only=True)
class GivenGroup:
    """Names of operators that are to run together.

    Attributes:
        name: What the group is called.
        nodes: The operators.
        order: Its place among the groups: lower ones run first. None where the file leaves that open.
    """

    name: str
    nodes: tuple[str, ...]
    order: int | None = None


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
        groups: As read.
        plan: The parts in order of execution, those of one given group one after the other.
        runs: Given groups of several parts.
        apart: By first part of a run why its parts do not share an anchor.
        told: Numbers of the kernels in the order that the file asks for; None where it leaves that open.
    """

    groups: GivenGroups
    plan: Plan
    runs: tuple[Run, ...]
    apart: Mapping[int, str]
    told: tuple[int, ...] | None = None


def given_plan(given: GivenGroups, workload: Workload, store: Storage) -> GivenPlan:
    """The groups as a plan.

    Args:
        given: As read.
        workload: The model.
        store: Its kernels. Names of operators that do not run (views, constants) may be in a group and do nothing.

    Raises:
        UsageError: The model has no such operators, one is in two groups, groups would have to wait for each other or
            come before what they wait for; all faults at once.
    """
    kernels = store.numbers
    faults = [*_unknown(given, workload), *_twice(given)]
    label = list(range(len(store.kernels)))  # kernels that nobody named are groups of their own
    titles: dict[int, str] = {}
    asked: dict[int, tuple[int, list[int]]] = {}
    seen: set[str] = set()
    for group in given.groups:
        members = [kernels[name] for name in group.nodes if name in kernels and name not in seen]
        seen.update(group.nodes)
        for member in members:
            label[member] = min(members)
        if members:
            titles[min(members)] = group.name
            if group.order is not None:
                asked[min(members)] = group.order, members
    order, circles = ordered(store, label)
    faults += [_circle(given.where, store, label, titles, circle) for circle in circles]
    told = None if circles or not asked else told_order(store, label, order, asked)
    faults += _too_early(given.where, store, label, titles, told or ())
    if faults:
        raise UsageError(*faults)
    decisions = list(given.decisions)
    if told is not None and any(kernel.op.repeat != 1 for kernel in store.kernels):
        if [*dict.fromkeys(label[kernel] for kernel in told)] != order:
            reason = "its groups ask for another order than that of the file, but a loop runs trip by trip"
            decisions.append(Decision(subject=workload.name, action="not reordered", reason=reason))
        told = None
    groups, runs, apart = _in_parts(store, label, titles, order)
    plan = Plan(fusion=GIVEN, groups=groups, reasons=lambda: decisions)
    return GivenPlan(groups=given, plan=plan, runs=runs, apart=apart, told=told)


def _in_parts(
    store: Storage, label: Sequence[int], titles: Mapping[int, str], order: Sequence[int]
) -> tuple[tuple[Group, ...], tuple[Run, ...], dict[int, str]]:
    """The parts of given groups that share an anchor, the groups that have several, and why these do."""
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
    return tuple(groups), tuple(runs), apart


def _unknown(given: GivenGroups, workload: Workload) -> Iterator[Diagnostic]:
    known = {op.name for op in workload.ops}
    named = [(group, name) for group in given.groups for name in group.nodes]
    strange = [(group, name) for group, name in named if name not in known]
    listed = f"`onnxroof count {workload.name} --format json` lists the nodes"
    if len(strange) > _MOST_LISTED and len(strange) > _STRANGE * len(named):
        yield Diagnostic(
            where=given.where,
            message=f"{len(strange)} of its {len(named)} nodes are not in `{workload.name}`: it is for another model",
            hint=listed,
            code="U402",
        )
        return
    for number, (group, name) in enumerate(strange):
        yield Diagnostic(
            where=f"{given.where}: group `{group.name}`",
            message=f"`{workload.name}` has no node `{name}`",
            hint=(_nearest(name, workload) if number < _MOST_SUGGESTED else "") or listed,
            code="U402",
        )


def _nearest(name: str, workload: Workload) -> str:
    """Which node could be meant by a name: the one that makes a tensor of that name, or those that are called alike."""
    if name in workload.tensors:
        maker = next((op.name for op in workload.ops if name in op.outputs), "")
        return f"it is a tensor, which `{maker}` makes" if maker else "it is a tensor, which no node makes"
    alike: dict[str, list[str]] = {}  # names that differ by capitals
    for op in workload.ops:
        alike.setdefault(op.name.lower(), []).append(op.name)
    near = [one for found in difflib.get_close_matches(name.lower(), alike, n=3) for one in alike[found]]
    return "nearest: " + ", ".join(f"`{one}`" for one in near[:3]) if near else ""


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


def _circle(
    where: str, store: Storage, label: Sequence[int], titles: Mapping[int, str], circle: Sequence[int]
) -> Diagnostic:
    names = [store.kernels[kernel].op.name for kernel in circle]
    steps = [f"`{reader}` reads what `{maker}` makes" for maker, reader in zip(names[::2], names[1::2], strict=True)]
    told = steps if len(steps) <= _MOST_LISTED else [*steps[: _MOST_LISTED - 1], "..."]
    groups = [f"`{titles[one]}`" for one in sorted({label[kernel] for kernel in circle}) if one in titles]
    listed = groups if len(groups) <= _MOST_LISTED else [*groups[: _MOST_LISTED - 1], "..."]
    return Diagnostic(
        where=f"{where}: group{'s' if len(groups) > 1 else ''} {', '.join(listed)}",
        message=f"groups have to wait for each other: {'; '.join(told)}",
        hint="take what lies between into the group, or take the group apart",
        code="U404",
    )


def _too_early(
    where: str, store: Storage, label: Sequence[int], titles: Mapping[int, str], told: Sequence[int]
) -> Iterator[Diagnostic]:
    seen: set[tuple[int, int]] = set()
    for kernel, other in too_early(store, told):
        pair = label[kernel], label[other]
        if pair not in seen:
            seen.add(pair)
            names = [store.kernels[number].op.name for number in (kernel, other)]
            yield Diagnostic(
                where=f"{where}: group `{titles.get(pair[0], names[0])}`",
                message=f"`{names[0]}` is to run before `{names[1]}`, for which it has to wait",
                hint=f"put it behind group `{titles.get(pair[1], names[1])}`, or leave `order` out of all groups",
                code="U406",
            )
