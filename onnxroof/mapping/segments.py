"""Every run of steps of the clock that could be one group, with the curves of what it moves.

Runs that are equal but for names share one curve: a block of a network that occurs eighty times is worked out once.
A run counts if its steps hang together by the tensors that they touch, in whatever order: two that have nothing in
common may be held together by a third.
"""

from __future__ import annotations

import itertools
import math
from bisect import bisect_left, bisect_right
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from onnxroof.ir.op import OpKind
from onnxroof.mapping.again import Again
from onnxroof.mapping.borders import Borders, borders
from onnxroof.mapping.fused import WORK_LIMITS, FusedCurve, fused_curve
from onnxroof.mapping.operator import Operators
from onnxroof.mapping.sketch import Outside, Sketch, Sketches, hangs_together, outside, unfusible
from onnxroof.mapping.stacks import PlacedStack, stack_of
from onnxroof.mapping.storage import Storage

__all__ = ["MOST_IN_ALL", "MOST_STEPS", "Fronts", "Kind", "Segment", "Segments", "kind_of", "segments"]

MOST_STEPS = 8
"""So many steps of the clock are one group at most, without those that only move elements,"""

MOST_IN_ALL = 12
"""and so many with them: attention would be too long for the transpositions around its products."""

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

Fronts: TypeAlias = tuple[tuple[list[float], list[int]], ...]
"""By limit to the work: capacities, and the step of the curve to take from each on."""


@dataclass(frozen=True, eq=False)
class Kind:
    """Equal runs, of whatever model; all is worked out when it is first asked for.

    Attributes:
        sketch: Their operators.
    """

    sketch: Sketch

    @cached_property
    def hangs_together(self) -> bool:
        """Whether they could be one group."""
        return hangs_together(self.sketch)

    @cached_property
    def outside(self) -> Outside:
        """What crosses their borders whatever the tile."""
        return outside(self.sketch)

    @cached_property
    def placed(self) -> PlacedStack:
        """Their stack, and where they have its operands."""
        return stack_of(self.sketch)

    @cached_property
    def curve(self) -> FusedCurve:
        """What they move."""
        return fused_curve(self.placed.stack)

    @property
    def has_curve(self) -> bool:
        """Whether somebody asked for it before."""
        return "curve" in vars(self)

    @cached_property
    def again(self) -> Again:
        """What they move beyond once in some room, before there is a curve."""
        return Again(self.placed.stack)

    @cached_property
    def fronts(self) -> Fronts:
        """Of the bytes of all operands, if nothing stays around the run."""
        return self.fronts_of(self.curve.total_bytes)

    def fronts_of(self, moved_bytes: FloatArray) -> Fronts:
        """The steps that move fewer bytes than all that need less room.

        Args:
            moved_bytes: (S,) by step of the curve.
        """
        found: list[tuple[list[float], list[int]]] = []
        for allowed in self._allowed:
            moved = moved_bytes[allowed]
            steps = allowed[np.concatenate(([True], moved[1:] < np.minimum.accumulate(moved)[:-1]))]
            front = (self.curve.capacity_bytes[steps].tolist(), steps.tolist())
            if not found or front != found[-1]:
                found.append(front)
        return tuple(found)

    @cached_property
    def _allowed(self) -> tuple[IntArray, ...]:
        """Steps of the curve within each limit to the work, equal ones once."""
        share = self.curve.again_ops / max(1, sum(member.ops for member in self.placed.stack.members))
        found: dict[int, IntArray] = {}
        for limit in WORK_LIMITS:
            allowed = np.flatnonzero(share <= (share.min() + 1) * limit - 1 + 1e-9)
            found[len(allowed)] = allowed  # the more work, the more steps
        return tuple(found.values())

    @cached_property
    def sums(self) -> tuple[FloatArray, FloatArray]:
        """(S,) bytes in and out of all operands."""
        return self.curve.read_bytes.sum(axis=1), self.curve.write_bytes.sum(axis=1)

    def known_bytes(self, room: float) -> tuple[float, float]:
        """Bytes in and out that move at least beyond once each operand; infinite if there is not room enough.

        Nothing is worked out for it: what others asked for tells. It counts if nothing stays around the run.
        """
        if self.has_curve:
            capacities, reads, writes = self._least_moved
            place = bisect_right(capacities, room) - 1
            return (reads[place], writes[place]) if place >= 0 else (math.inf, math.inf)
        return (self.again.known_bytes(room), 0.0) if "again" in vars(self) else (0.0, 0.0)

    @cached_property
    def _least_moved(self) -> tuple[list[float], list[float], list[float]]:
        """By step of the curve its capacity, and what moves at least with it, in and out, beyond once."""
        once = (self.outside.reads[:, 2].sum(), self.outside.writes[:, 2].sum())
        reads, writes = (
            np.maximum(np.minimum.accumulate(moved) - least, 0.0) for moved, least in zip(self.sums, once, strict=True)
        )
        return self.curve.capacity_bytes.tolist(), reads.tolist(), writes.tolist()

    @property
    def least_bytes(self) -> float:
        """The least capacity with which the run can be one group."""
        return float(self.curve.capacity_bytes[0])


kind_of = lru_cache(maxsize=16384)(Kind)
"""The kind of runs with a sketch."""


@dataclass(frozen=True, slots=True, eq=False)
class Segment:
    """Steps `first` to `last` (both included) as one group."""

    first: int
    last: int
    kind: Kind


@dataclass(frozen=True, eq=False)
class Segments:
    """All runs of a model.

    Attributes:
        store: Kernels of the model.
        operators: That they are.
        units: Kernels of each step.
        barriers: By step why it can be in no group with others, "" where it can.
        moves: By step whether it only moves elements.
        by_last: For each step the runs that end with it, by ascending length.
        kinds: Distinct kinds.
    """

    store: Storage
    operators: Operators
    units: tuple[tuple[int, ...], ...]
    barriers: tuple[str, ...]
    moves: tuple[bool, ...]
    by_last: tuple[tuple[Segment, ...], ...]
    kinds: tuple[Kind, ...]
    _operands: dict[tuple[int, int], tuple[tuple[bool, str], ...]] = field(default_factory=dict)

    def is_too_long(self, first: int, last: int) -> bool:
        """Whether steps are too many for one group."""
        return _is_too_long(self.moves[first : last + 1])

    def kernels(self, first: int, last: int) -> tuple[int, ...]:
        """Kernels of a run in order."""
        return tuple(kernel for unit in self.units[first : last + 1] for kernel in unit)

    def operands(self, first: int, last: int, kind: Kind) -> tuple[tuple[bool, str], ...]:
        """For each operand of a run of a kind whether it is written, and its root."""
        found = self._operands.get((first, last))
        if found is None:
            kernels = self.kernels(first, last)
            names = []
            for member, is_written, position in kind.placed.where:
                op = self.store.kernels[kernels[member]].op
                listed = op.outputs if is_written else (*op.inputs, *op.parameters)
                names.append((is_written, listed[position] if is_written else self.store.root(listed[position])))
            found = self._operands[first, last] = tuple(names)
        return found

    @cached_property
    def borders(self) -> Borders:
        """What crosses the borders of all `runs`."""
        return borders(
            self.store, self.operators, self.units, [(one.first, one.last) for one in self.runs], self.numbers,
            [kind.outside for kind in self.kinds],
        )  # fmt: skip

    @cached_property
    def runs(self) -> tuple[Segment, ...]:
        """All of them, in the order of `by_last`."""
        return tuple(itertools.chain(*self.by_last))

    @cached_property
    def numbers(self) -> IntArray:
        """By run the number of its kind."""
        numbers = {kind: number for number, kind in enumerate(self.kinds)}
        return np.array([numbers[run.kind] for run in self.runs], dtype=np.int64)


def segments(
    store: Storage,
    operators: Operators,
    units: Sequence[tuple[int, ...]],
    within: Sequence[int] | None = None,
) -> Segments:
    """The runs of a model.

    Args:
        store: Its kernels.
        operators: That they are.
        units: Kernels of each step of the clock.
        within: A label by step: a run holds steps of one label, as many as there are; None for any.
    """
    barriers = [next(filter(None, (unfusible(store.kernels[kernel]) for kernel in unit)), "") for unit in units]
    known: dict[Hashable, int] = {}
    signs = [
        0 if barriers[step] else known.setdefault(_signature(store, operators, unit), len(known) + 1)
        for step, unit in enumerate(units)
    ]
    body = [_body(store, unit) for unit in units]
    moves = tuple([all(store.kernels[kernel].cost.kind is OpKind.MOVE for kernel in unit) for unit in units])
    kinds: dict[tuple[int, ...], Kind | None] = {}
    by_last: list[tuple[Segment, ...]] = []
    for last in range(len(units)):
        found: list[Segment] = []
        first = last - 1
        sketches, sketched = Sketches(store, operators), last + 1
        while (
            not barriers[last]
            and first >= 0
            and (not _is_too_long(moves[first : last + 1]) if within is None else within[first] == within[last])
            and not barriers[first]
            and body[first] == body[last]
        ):
            key = tuple(signs[first : last + 1])
            if within is not None:  # steps that somebody chose may lie anywhere, and signs hold relative places
                key += tuple(unit[0] - units[first][0] for unit in units[first + 1 : last + 1])
            if key not in kinds:
                while sketched > first:
                    sketched -= 1
                    sketch = sketches.with_step(units[sketched])
                one = kind_of(sketch)
                kinds[key] = one if one.hangs_together else None
            kind = kinds[key]
            if kind is not None:
                found.append(Segment(first, last, kind))
            first -= 1
        by_last.append(tuple(found))
    distinct = tuple(dict.fromkeys(kind for kind in kinds.values() if kind is not None))
    return Segments(store, operators, tuple(units), tuple(barriers), moves, tuple(by_last), distinct)


def _is_too_long(moves: Sequence[bool]) -> bool:
    """Whether steps are too many for one group, of which some only move elements."""
    return len(moves) > MOST_IN_ALL or len(moves) - sum(moves) > MOST_STEPS


def _body(store: Storage, unit: Sequence[int]) -> Hashable:
    """What must be equal for two steps to run together: the trips of the loops around them, and which loops."""
    op = store.kernels[unit[0]].op
    return (op.repeat, op.scope if op.repeat != 1 else "")


def _signature(store: Storage, operators: Operators, unit: Sequence[int]) -> Hashable:
    """All that matters of a step to a run that it is in, without names; places of kernels are relative."""
    parts: list[Hashable] = []
    for kernel in unit:
        operator, names = operators.of(store.kernels[kernel])
        taken: list[Hashable] = []
        for number, _ in operator.sizes:
            # Who made it, or of what comes from outside who read it before, and which of the tensors there it is: two
            # readers of one tensor fetch it once, two readers of two that one kernel made do not.
            name = names[number]
            maker = store.producers.get(name)
            other = _reader_before(store, name, kernel) if maker is None else maker
            place = [*store.kernels[other].reads].index(name) if maker is None else _result(store, other, name)
            taken.append((maker is not None, kernel - other, place))
        left = [
            (tuple([reader - kernel for reader in store.readers.get(name, ())]),
             name in store.outputs or name in store.carried)
            for name in (names[number] for number in operator.outputs if number >= 0)
        ]  # fmt: skip
        parts.append((operator, tuple(taken), tuple(left)))
    return tuple(parts)


def _result(store: Storage, maker: int, name: str) -> int:
    """Which of the results of a kernel a tensor is."""
    return store.kernels[maker].op.outputs.index(name)


def _reader_before(store: Storage, name: str, kernel: int) -> int:
    """The last kernel before one that reads a tensor; the kernel itself where there is none."""
    readers = store.readers.get(name, ())
    place = bisect_left(readers, kernel)
    return readers[place - 1] if place else kernel
