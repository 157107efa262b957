"""The fusion policies: which operators run as one group, with a reason for every choice and refusal.

`none` runs each operator alone. `epilogue` does what every compiler does: an elementwise operator joins the group of
the last of its producers when it reads that group's result element by element. Joining never raises traffic (one
write and one read of the tensor between them are gone, side inputs are read once as before) and never raises the
time of a roofline (a maximum of sums is at most the sum of maxima), so no cost is compared. `depth-first` and `auto`
compare costs, and so depend on the target: see `onnxroof.roofline.search`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from onnxroof.costs.cost import Coverage
from onnxroof.errors import UsageError
from onnxroof.ir.op import OpKind
from onnxroof.mapping.plan import Decision, Group, Plan
from onnxroof.mapping.storage import Kernel, Storage

__all__ = ["NAMES", "POLICIES", "SEARCHED", "Joined", "check", "joined", "plan"]

SEARCHED = ("depth-first", "auto")
"""Policies whose groups depend on the target: they are found when a model is held against one."""


def check(fusion: str) -> None:
    """Refuses a policy that does not exist; raises `UsageError`."""
    if fusion not in NAMES:
        raise UsageError.at(f"--fusion {fusion}", "no such policy", f"choose one of {', '.join(NAMES)}", code="U201")


def plan(fusion: str, store: Storage) -> Plan:
    """The groups of a policy that is the same for all targets."""
    return POLICIES[fusion](store)


def _none(store: Storage) -> Plan:
    groups = tuple(
        Group(id=f"g{i}", ops=(kernel.op.name,), repeat=kernel.op.repeat) for i, kernel in enumerate(store.kernels)
    )
    return Plan(fusion="none", groups=groups)


@dataclass(frozen=True, slots=True)
class Joined:
    """Kernels joined to groups of one anchor each.

    Attributes:
        members: Kernels of each group in order of execution.
        group_of: Group by kernel.
        choices: (producer, reader, why the reader has not joined it or "") in order of the readers.
    """

    members: tuple[tuple[int, ...], ...]
    group_of: Mapping[int, int]
    choices: tuple[tuple[int, int, str], ...]


def joined(store: Storage, within: Mapping[int, int] | None = None) -> Joined:
    """Every kernel with the group of the last of its producers that it can join.

    Args:
        store: The kernels.
        within: A label by kernel: only kernels of one label are joined; None joins any.
    """
    members: list[list[int]] = []
    group_of: dict[int, int] = {}
    choices: list[tuple[int, int, str]] = []
    for index, kernel in enumerate(store.kernels):
        producers = _producers(store, index)
        if within is not None:
            producers = [p for p in producers if p in group_of and within[p] == within[index]]
        refusal = ""
        home = -1
        if producers:
            # Groups are numbered in order of execution. Joining any but the last producer's could close a cycle.
            home = max(group_of[p] for p in producers)
            inside = [p for p in producers if group_of[p] == home]
            refusal = _refusal(store, kernel, store.kernels[members[home][0]], inside)
            choices.append((inside[-1], index, refusal))
        if home < 0 or refusal:
            home = len(members)
            members.append([])
        members[home].append(index)
        group_of[index] = home
    return Joined(tuple(map(tuple, members)), group_of, tuple(choices))


def _epilogue(store: Storage) -> Plan:
    found = joined(store)
    groups = tuple(
        Group(
            id=f"g{i}",
            ops=tuple([store.kernels[m].op.name for m in indices]),
            repeat=store.kernels[indices[0]].op.repeat,
        )
        for i, indices in enumerate(found.members)
    )
    return Plan(fusion="epilogue", groups=groups, reasons=partial(_choices, store, found))


def _choices(store: Storage, found: Joined) -> Iterator[Decision]:
    """Why each kernel is, or is not, in the group of a producer."""
    sets = [frozenset(indices) for indices in found.members]
    for producer, reader, refusal in found.choices:
        subject = f"{store.kernels[producer].op.name} -> {store.kernels[reader].op.name}"
        if refusal:
            yield Decision(subject=subject, action="not fused", reason=refusal)
        else:
            figures = _saved(store, reader, sets[found.group_of[reader]])
            yield Decision(subject=subject, action="fused", reason=_GAIN, figures=figures)


POLICIES: Mapping[str, Callable[[Storage], Plan]] = {"none": _none, "epilogue": _epilogue}
"""Those that are the same for all targets."""

NAMES = (*POLICIES, *SEARCHED)

_GAIN = "it reads the result element by element, so each tile is finished before it leaves"


def _producers(store: Storage, index: int) -> list[int]:
    """Kernels that write what a kernel reads, in order of execution."""
    found = {store.producers.get(name, index) for name in store.kernels[index].reads}
    found.discard(index)
    return sorted(found)


def _saved(store: Storage, index: int, group: frozenset[int]) -> dict[str, float]:
    """Bytes that a member of a group need not read, and those that nobody has to write once its last reader is in."""
    kernel = store.kernels[index]
    reads = {name: count for name, count in kernel.reads.items() if store.producers.get(name, -1) in group}
    read = sum(reads.values())
    written = sum(
        transfer.bytes
        for name in reads
        if index == store.readers[name][-1] and not store.leaves(name, group)
        for transfer in store.kernels[store.producers[name]].cost.writes
        if transfer.tensor == name
    )
    return {"saved_read_bytes": float(read * kernel.op.repeat), "saved_write_bytes": float(written * kernel.op.repeat)}


def _refusal(store: Storage, kernel: Kernel, anchor: Kernel, inside: Sequence[int]) -> str:
    """Why a kernel cannot join the group of an anchor, in which some of its producers are; "" where it can."""
    for one in (kernel, anchor):
        if one.cost.coverage is not Coverage.EXACT:
            what = "modelled" if one.cost.coverage is Coverage.NOT_MODELLED else "known"
            return f"what {one.op.op_type} does is not {what}"
    nest = kernel.cost.nest
    same = None if nest is None or kernel.cost.kind is not OpKind.COMPUTE else nest.elementwise_reads
    if same is None:
        return (
            f"{kernel.op.op_type} does not work element by element: its tile needs more than one tile of its producer"
        )
    if anchor.op.repeat != kernel.op.repeat or (kernel.op.repeat != 1 and anchor.op.scope != kernel.op.scope):
        return "the two are not in the same body of a loop"
    if any(output in kernel.reads for output, _ in anchor.cost.in_place):
        return "the producer writes a part of it in place, and the reader needs all of it"
    names = kernel.op.inputs
    if all(store.producers.get(store.root(names[a.tensor])) not in inside for a in same if a.tensor < len(names)):
        return "it broadcasts the result: each element is needed by more than one tile"
    return ""
