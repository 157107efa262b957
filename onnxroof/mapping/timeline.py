"""Which tensors could stay on chip between operators, from when until when, and what would that save?

The clock is that of one grouping, the most fused that every plan can follow: a step of it is a group of the epilogue
policy. A tensor that stays is there from the step that makes it (or first reads it) to the end of the step that reads
it last.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TypeAlias

from onnxroof.ir.op import Op
from onnxroof.ir.tensor import TensorKind
from onnxroof.ir.workload import Workload
from onnxroof.mapping.liveness import overwritable
from onnxroof.mapping.operands import GroupOperands, Operands, Skipped, Steps, steps
from onnxroof.mapping.shaped import ShapedPlan
from onnxroof.mapping.storage import Storage
from onnxroof.mapping.traffic import GroupShape

__all__ = ["NOBODY", "WRITTEN", "Around", "Candidate", "Timeline", "Use", "timeline"]


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


_Crossing: TypeAlias = tuple[Skipped, Steps]
"""What does not cross a boundary, and what does."""


@dataclass(frozen=True, slots=True, eq=False)
class Around:
    """What of the tensors of groups that are alike stays in the levels of a target.

    Attributes:
        curves: By boundary, outermost first, what crosses it.
        stays: By operand of the anchor's nest the level in which it stays, 0 for none.
    """

    curves: tuple[Steps, ...]
    stays: tuple[int, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Curves:
    """What equal groups move.

    Attributes:
        shape: Of the groups.
        operands: Of the groups.
    """

    shape: GroupShape
    operands: Operands
    _steps: dict[Skipped, Steps] = field(default_factory=dict)
    _around: dict[tuple[Steps, ...], Around] = field(default_factory=dict)

    def of(self, skipped: Skipped) -> Steps:
        """The curve of what crosses."""
        found = self._steps.get(skipped)
        if found is None:
            found = self._steps[skipped] = steps(self.shape, self.operands, skipped)
        return found

    def around(self, crossing: Sequence[_Crossing]) -> Around:
        """What crosses the boundaries, outermost first: one for all groups that are alike."""
        curves = tuple([curve for _, curve in crossing])
        found = self._around.get(curves)
        if found is None:
            found = self._around[curves] = Around(curves, self._stays([skipped for skipped, _ in crossing]))
        return found

    def _stays(self, skipped: Sequence[Skipped]) -> tuple[int, ...]:
        if self.shape.nest is None:
            return ()
        found = [0] * len(self.shape.nest.accesses)
        for boundary, one in enumerate(skipped):
            for listed, slots in ((self.operands.reads, one.reads), (self.operands.writes, one.writes)):
                for slot in slots:
                    for operand in listed[slot][1]:
                        found[operand] = boundary + 1
        return tuple(found)


NOBODY = -1
WRITTEN = -2
"""In place of the kernel that brings a kept tensor in: none does; none does, and it is written out all the same."""


@dataclass(frozen=True, slots=True, eq=False)
class Use:
    """A group of some plan, as far as what stays on chip matters to it.

    Attributes:
        curves: What groups like it move.
        tensors: Its operands.
        step: The step that it belongs to, -1 of a group without kernels.
        kernels: Its kernels.
        local: Those of its tensors that could stay.
    """

    curves: Curves
    tensors: GroupOperands
    step: int
    kernels: tuple[int, ...]
    local: tuple[str, ...]
    _found: dict[tuple[int | None, ...], _Crossing] = field(default_factory=dict)
    _around: dict[tuple[int, tuple[tuple[int, int] | None, ...]], Around] = field(default_factory=dict)

    @property
    def shape(self) -> GroupShape:
        """Its shape."""
        return self.curves.shape

    def curve(self, kept: Mapping[str, int]) -> Steps:
        """What crosses when some tensors stay; `kept` maps each to the kernel that brings it in (or `NOBODY` ...)."""
        return self._crossing(tuple(map(kept.get, self.local)))[1]

    def around(self, homes: Mapping[str, tuple[int, int]], boundaries: int) -> Around:
        """What crosses each boundary when tensors stay in levels of a target.

        Args:
            homes: For each tensor that stays the number of its level, and the kernel that brings it in, as in `curve`.
            boundaries: How many there are, between a level and the next one inside.
        """
        key = (boundaries, tuple(map(homes.get, self.local)))
        found = self._around.get(key)
        if found is None:
            inside = [
                tuple([None if home is None or home[0] <= number else home[1] for home in key[1]])
                for number in range(boundaries)
            ]
            found = self._around[key] = self.curves.around([self._crossing(payers) for payers in inside])
        return found

    def _crossing(self, payers: tuple[int | None, ...]) -> _Crossing:
        """What crosses if local tensors stay: for each the kernel that brings it in, None for those that do not."""
        found = self._found.get(payers)
        if found is None:
            skipped = self._skipped(
                {name: payer for name, payer in zip(self.local, payers, strict=True) if payer is not None}
            )
            found = self._found[payers] = skipped, self.curves.of(skipped)
        return found

    def _skipped(self, kept: Mapping[str, int]) -> Skipped:
        reads = tuple([n for n, name in enumerate(self.tensors.reads) if name in kept])
        return Skipped(
            reads=reads,
            once=tuple([n for n in reads if kept[self.tensors.reads[n]] in self.kernels]),
            writes=tuple([n for n, name in enumerate(self.tensors.writes) if kept.get(name, WRITTEN) != WRITTEN]),
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
        curves = [use.shape.curve for use in self.steps]
        return tuple([0.0 if curve is None else float(curve.capacity_bytes[-1]) for curve in curves])


def timeline(workload: Workload, store: Storage, clock: ShapedPlan, plans: Sequence[ShapedPlan]) -> Timeline:
    """The clock of a model.

    Args:
        workload: The model.
        store: Its kernels.
        clock: The plan whose groups are the steps.
        plans: All plans.
    """
    step_of = {kernel: step for step, kernels in enumerate(clock.kernels) for kernel in kernels}
    cold, steady = _candidates(workload, store, clock, step_of)
    roots = {candidate.root for candidate in (*cold, *steady)}
    curves: dict[tuple[GroupShape, Operands], Curves] = {}
    seen: dict[tuple[int, ...], Use] = {}

    def uses(plan: ShapedPlan) -> tuple[Use, ...]:
        found = []
        for kernels, number, tensors in zip(plan.kernels, plan.index, plan.operands, strict=True):
            use = seen.get(kernels)
            if use is None:
                key = (plan.shapes[number], tensors.operands)
                if key not in curves:
                    curves[key] = Curves(*key)
                local = tuple(dict.fromkeys([name for name in (*tensors.reads, *tensors.writes) if name in roots]))
                step = max([step_of[kernel] for kernel in kernels], default=-1)
                use = seen[kernels] = Use(curves[key], tensors, step, kernels, local)
            found.append(use)
        return tuple(found)

    moments = uses(clock)
    return Timeline(
        steps=moments,
        cold=cold,
        steady=steady,
        overlaps=_overlaps(workload, store, moments, {candidate.root for candidate in cold}),
        uses={plan.plan.fusion: uses(plan) for plan in plans},
    )


def _candidates(
    workload: Workload, store: Storage, clock: ShapedPlan, step_of: Mapping[int, int]
) -> tuple[tuple[Candidate, ...], tuple[Candidate, ...]]:
    """What could stay: (over a part of one run, as weights from run to run)."""
    cold: list[Candidate] = []
    steady: list[Candidate] = []
    barred = {name for kernel in store.kernels for pair in kernel.cost.in_place for name in map(store.root, pair)}
    has_loops = any(shape.repeat != 1 for shape in clock.shapes)
    runs = _runs([clock.shapes[number].repeat != 1 for number in clock.index])
    for root, readers in store.readers.items():
        maker = store.producers.get(root)
        tensor = workload.tensors[root]
        if root in barred or root in store.carried or not tensor.is_shaped:
            continue
        begin, end = store.kernels[readers[0] if maker is None else maker].op, store.kernels[readers[-1]].op
        repeat = begin.repeat
        if has_loops and not _is_together(store, begin, readers):
            continue
        if maker is None and repeat != 1 and not _is_captured(store, root, readers):
            continue
        counts = [store.kernels[reader].reads[root] for reader in readers]
        crossing: dict[int, int] = {}  # by step, what its readers have to bring in
        for reader, count in zip(readers, counts, strict=True):
            step = step_of[reader]
            crossing[step] = max(crossing.get(step, 0), count)
        first, last, read = min(crossing), max(crossing), sum(crossing.values()) * repeat
        if maker is not None:
            size, made = store.sizes[root] or 0, step_of[maker]
            if size and last > made:
                written = sum(t.bytes for t in store.kernels[maker].cost.writes if t.tensor == root) * repeat
                is_output = root in store.outputs
                saved = read + (0 if is_output else written)
                subject = f"{begin.name} -> {end.name}"
                cold.append(_candidate(root, size, (made, last), saved, subject, is_written=is_output))
            continue
        once, size = counts[0], tensor.bytes
        is_weight = tensor.kind is TensorKind.WEIGHT
        if is_weight and once:
            steady.append(_candidate(root, size, (0, len(runs) - 1), read, root, is_weight=True))
        if once < max(counts) or read <= once:
            continue
        span = (first, last)
        if repeat != 1:
            if runs[first] != runs[last]:
                continue
            span = runs[first]
        subject = f"{root} -> {end.name}"
        cold.append(_candidate(root, size, span, read - once, subject, is_weight=is_weight, payer=readers[0]))
    return tuple(cold), tuple(steady)


def _is_together(store: Storage, begin: Op, readers: Sequence[int]) -> bool:
    """Whether readers run as often as an operator, in the same body of a loop if in one."""
    ops = (store.kernels[reader].op for reader in readers)
    return all(op.repeat == begin.repeat and (op.repeat == 1 or op.scope == begin.scope) for op in ops)


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
        for kernel in step.kernels:
            for result, operand in overwritable(workload, store, store.kernels[kernel]):
                readers = store.readers.get(operand, ())
                is_last = readers[-1:] == (kernel,) and all(reader < step.kernels[0] for reader in readers[-2:-1])
                if is_last and operand not in store.outputs and result not in place:
                    place[result] = place.pop(operand, operand)
        pairs = [(result, operand) for result, operand in place.items() if {result, operand} <= roots]
        if pairs:
            found[number] = tuple(pairs)
    return found
