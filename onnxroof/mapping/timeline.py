"""Which tensors could stay on chip between operators, from when until when, and what would that save?

The clock is that of one grouping, the most fused that every plan can follow: a step of it is a group of the epilogue
policy. A tensor that stays is there from the step that makes it (or first reads it) to the end of the step that reads
it last.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from onnxroof.ir.tensor import TensorKind
from onnxroof.ir.workload import Workload
from onnxroof.mapping.liveness import overwritable
from onnxroof.mapping.operands import NO_OPERANDS, GroupOperands, Operands, Skipped, Steps, group_operands, steps
from onnxroof.mapping.plan import Plan
from onnxroof.mapping.storage import Storage
from onnxroof.mapping.traffic import GroupShape

__all__ = ["NOBODY", "WRITTEN", "Candidate", "Timeline", "Use", "timeline"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A tensor that could stay.

    Attributes:
        root: Its name.
        is_weight: Else an input or an activation.
        bytes: Room that it takes.
        first, last: Steps from and to which it is there, both included.
        saved_bytes: What need not cross for one run of the model if each use crosses once without it.
        payer: Kernel that still brings it in once, -1 for none.
        is_written: Whether it must be written out all the same.
        subject: Who makes it and who reads it last, for people.
    """

    root: str
    is_weight: bool
    bytes: int
    first: int
    last: int
    saved_bytes: int
    payer: int
    is_written: bool
    subject: str


class StepsCache:
    """Curves of what crosses, one for equal groups of which the same does not cross."""

    def __init__(self) -> None:
        self._steps: dict[tuple[GroupShape, Operands, Skipped], Steps] = {}

    def of(self, shape: GroupShape, operands: Operands, skipped: Skipped) -> Steps:
        """The curve of a group of a shape with such operands."""
        key = (shape, operands, skipped)
        if key not in self._steps:
            self._steps[key] = steps(shape, operands, skipped)
        return self._steps[key]


NOBODY = -1
WRITTEN = -2
"""In place of the kernel that brings a kept tensor in: none does; none does, and it is written out all the same."""


@dataclass(frozen=True, slots=True, eq=False)
class Use:
    """A group of some plan, as far as what stays on chip matters to it.

    Attributes:
        shape: Its shape.
        tensors: Its operands, None where it has no kernel.
        step: The step that it belongs to.
        kernels: Its kernels.
        local: Those of its tensors that could stay.
    """

    shape: GroupShape
    tensors: GroupOperands | None
    step: int
    kernels: tuple[int, ...]
    local: tuple[str, ...]
    _shared: StepsCache
    _curves: dict[tuple[int | None, ...], Steps] = field(default_factory=dict)

    def curve(self, kept: Mapping[str, int]) -> Steps:
        """What crosses when some tensors stay; `kept` maps each to the kernel that brings it in (or `NOBODY` ...)."""
        key = tuple(map(kept.get, self.local))
        found = self._curves.get(key)
        if found is None:
            found = self._curves[key] = self._shared.of(
                self.shape, self.tensors.operands if self.tensors else NO_OPERANDS, self._skipped(kept)
            )
        return found

    def stays(self, inside: Sequence[Mapping[str, int]]) -> tuple[int, ...]:
        """By operand of the anchor's nest the level in which it stays, 0 for none.

        Args:
            inside: By boundary, outermost first, what stays inside it, as in `curve`.
        """
        if self.shape.nest is None:
            return ()
        found = [0] * len(self.shape.nest.accesses)
        for boundary, kept in enumerate(inside):
            skipped = self._skipped(kept)
            if self.tensors is not None:
                parts = ((self.tensors.operands.reads, skipped.reads), (self.tensors.operands.writes, skipped.writes))
                for listed, slots in parts:
                    for slot in slots:
                        for operand in listed[slot][1]:
                            found[operand] = boundary + 1
        return tuple(found)

    def _skipped(self, kept: Mapping[str, int]) -> Skipped:
        if self.tensors is None:
            return Skipped()
        reads = tuple(n for n, name in enumerate(self.tensors.reads) if name in kept)
        return Skipped(
            reads=reads,
            once=tuple(n for n in reads if kept[self.tensors.reads[n]] in self.kernels),
            writes=tuple(n for n, name in enumerate(self.tensors.writes) if kept.get(name, WRITTEN) != WRITTEN),
        )


@dataclass(frozen=True, eq=False, kw_only=True)
class Timeline:
    """The clock of a model and what could stay over its steps.

    Attributes:
        steps: The groups that make the clock.
        cold: Candidates if every weight comes from outside in each run.
        steady: Candidates besides these if weights may lie on chip from run to run.
        overlaps: (result, operand) roots by step, of which the first takes the place of the second.
        uses: For each plan its groups.
    """

    steps: tuple[Use, ...]
    cold: tuple[Candidate, ...]
    steady: tuple[Candidate, ...]
    overlaps: Mapping[int, tuple[tuple[str, str], ...]]
    uses: Mapping[str, tuple[Use, ...]]

    @cached_property
    def needed_bytes(self) -> tuple[float, ...]:
        """For each step, the tile that moves nothing twice."""
        return tuple(use.curve({}).capacity_bytes[-1] for use in self.steps)


def timeline(
    workload: Workload,
    store: Storage,
    clock: tuple[Plan, Sequence[GroupShape]],
    plans: Sequence[tuple[Plan, Sequence[GroupShape]]],
) -> Timeline:
    """The clock of a model.

    Args:
        workload: The model.
        store: Its kernels.
        clock: The plan whose groups are the steps, with the shape of each group.
        plans: All plans, likewise.
    """
    number = {kernel.op.name: index for index, kernel in enumerate(store.kernels)}
    step_of = {number[name]: step for step, group in enumerate(clock[0].groups) for name in group.ops}
    cold, steady = _candidates(workload, store, clock, step_of)
    roots = {candidate.root for candidate in (*cold, *steady)}
    shared = StepsCache()
    seen: dict[tuple[int, ...], Use] = {}

    def uses(plan: Plan, shapes: Sequence[GroupShape]) -> tuple[Use, ...]:
        found = []
        for group, shape in zip(plan.groups, shapes, strict=True):
            kernels = tuple(number[name] for name in group.ops if name in number)
            if kernels not in seen:
                tensors = group_operands(store, kernels) if kernels else None
                names = dict.fromkeys((*tensors.reads, *tensors.writes)) if tensors else ()
                local = tuple(name for name in names if name in roots)
                step = max((step_of[kernel] for kernel in kernels), default=0)
                seen[kernels] = Use(shape, tensors, step, kernels, local, shared)
            found.append(seen[kernels])
        return tuple(found)

    moments = uses(*clock)
    return Timeline(
        steps=moments,
        cold=cold,
        steady=steady,
        overlaps=_overlaps(workload, store, moments, {candidate.root for candidate in cold}),
        uses={plan.fusion: uses(plan, shapes) for plan, shapes in plans},
    )


def _candidates(
    workload: Workload, store: Storage, clock: tuple[Plan, Sequence[GroupShape]], step_of: Mapping[int, int]
) -> tuple[tuple[Candidate, ...], tuple[Candidate, ...]]:
    """What could stay: (over a part of one run, as weights from run to run)."""
    cold: list[Candidate] = []
    steady: list[Candidate] = []
    barred = {name for kernel in store.kernels for pair in kernel.cost.in_place for name in map(store.root, pair)}
    runs = _runs([shape.repeat != 1 for shape in clock[1]])
    for root, readers in store.readers.items():
        maker = store.producers.get(root)
        tensor = workload.tensors[root]
        if root in barred or root in store.carried or not tensor.is_shaped:
            continue
        counts = {
            reader: transfer.bytes
            for reader in readers
            for transfer in store.kernels[reader].cost.reads
            if store.root(transfer.tensor) == root
        }
        ops = [store.kernels[kernel].op for kernel in ((*readers,) if maker is None else (maker, *readers))]
        repeat = ops[0].repeat
        if any(op.repeat != repeat or (repeat != 1 and op.scope != ops[0].scope) for op in ops):
            continue
        if maker is None and repeat != 1 and not _is_captured(store, root, readers):
            continue
        used = [step_of[reader] for reader in readers]
        read = sum({step: max(counts[r] for r in readers if step_of[r] == step) for step in used}.values()) * repeat
        if maker is not None:
            size = store.sizes[root] or 0
            first, last = step_of[maker], max(used)
            if size and last > first:
                written = sum(t.bytes for t in store.kernels[maker].cost.writes if t.tensor == root) * repeat
                saved = read + (0 if root in store.outputs else written)
                subject = f"{ops[0].name} -> {ops[-1].name}"
                cold.append(_candidate(root, size, (first, last), saved, subject, is_written=root in store.outputs))
            continue
        payer = readers[0]
        once, size = counts[payer], tensor.bytes
        is_weight = tensor.kind is TensorKind.WEIGHT
        if is_weight and once:
            steady.append(_candidate(root, size, (0, len(runs) - 1), read, root, is_weight=True))
        if once < max(counts.values()) or read <= once:
            continue
        span = (min(used), max(used))
        if repeat != 1:
            if runs[span[0]] != runs[span[1]]:
                continue
            span = runs[span[0]]
        subject = f"{root} -> {ops[-1].name}"
        cold.append(_candidate(root, size, span, read - once, subject, is_weight=is_weight, payer=payer))
    return tuple(cold), tuple(steady)


def _is_captured(store: Storage, root: str, readers: Sequence[int]) -> bool:
    """Whether the body of a loop reads a tensor by its own name: else it is where a value begins that trips change."""
    read = (transfer.tensor for reader in readers for transfer in store.kernels[reader].cost.reads)
    return all(name == root for name in read if store.root(name) == root)


def _candidate(
    root: str,
    size: int,
    span: tuple[int, int],
    saved: int,
    subject: str,
    *,
    is_weight: bool = False,
    payer: int = NOBODY,
    is_written: bool = False,
) -> Candidate:
    return Candidate(
        root=root, is_weight=is_weight, bytes=size, first=span[0], last=span[1], saved_bytes=saved, payer=payer,
        is_written=is_written, subject=subject,
    )  # fmt: skip


def _runs(is_loop: Sequence[bool]) -> list[tuple[int, int]]:
    """For each step the first and last of the steps around it that all are in loops (or none of them)."""
    found: list[tuple[int, int]] = []
    begin = 0
    for index, flag in enumerate(is_loop):
        if index + 1 == len(is_loop) or flag != is_loop[index + 1]:
            found += [(begin, index)] * (index + 1 - begin)
            begin = index + 1
    return found


def _overlaps(
    workload: Workload, store: Storage, steps: Sequence[Use], roots: set[str]
) -> dict[int, tuple[tuple[str, str], ...]]:
    """Of each step the results that take the place of an operand which only the overwriting kernel reads there, last.

    Inside a step a chain of operators hands the place on. An operand that the loops of the anchor walk with a halo or
    again is not overwritten, as the overwriting kernel is then not its only reader.
    """
    found: dict[int, tuple[tuple[str, str], ...]] = {}
    for number, step in enumerate(steps):
        place: dict[str, str] = {}
        pairs = []
        for kernel in step.kernels:
            for result, operand in overwritable(workload, store, store.kernels[kernel]):
                readers = [reader for reader in store.readers.get(operand, ()) if reader >= step.kernels[0]]
                if readers == [kernel] and operand not in store.outputs and result not in place:
                    place[result] = place.pop(operand, operand)
        pairs = [(result, operand) for result, operand in place.items() if {result, operand} <= roots]
        if pairs:
            found[number] = tuple(pairs)
    return found
