"""What crosses the borders of all runs of a model, as arrays: what stays on chip on a target is looked up at once.

N runs, each with what comes in, what goes out, and the tensors that more than one of its operators touch. Runs that are
alike touch other tensors in the same places.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from onnxroof.mapping.operator import Operators
from onnxroof.mapping.sketch import Outside
from onnxroof.mapping.storage import Storage
from onnxroof.mapping.timeline import WRITTEN

__all__ = ["Borders", "Entries", "borders"]

BoolArray = npt.NDArray[np.bool_]
FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

_APART = -3
"""In place of who brings a tensor in: it does not stay."""


@dataclass(frozen=True, slots=True, eq=False)
class Entries:
    """Tensors of runs: (E,) numbers of the runs, numbers of the tensors, and bytes of one trip."""

    run: IntArray
    tensor: IntArray
    bytes: FloatArray


def borders(
    store: Storage,
    operators: Operators,
    units: Sequence[Sequence[int]],
    runs: Sequence[tuple[int, int]],
    kind: IntArray,
    kinds: Sequence[Outside],
) -> Borders:
    """The borders of N runs of steps.

    Args:
        store: Kernels.
        operators: That they are.
        units: Kernels of each step.
        runs: First and last step of each.
        kind: (N,) the same number for runs that are equal but for names.
        kinds: By this number what crosses their border.
    """
    used = np.zeros(len(units) + 1, dtype=np.int64)
    first, last = np.array(runs, dtype=np.int64).reshape(-1, 2).T
    np.add.at(used, first, 1)
    np.add.at(used, last + 1, -1)
    numbers: dict[str, int] = {}
    tensors: list[int] = []
    begin: list[int] = []  # of a kernel in `tensors`, one step after the other
    steps: list[int] = []  # of a step in `begin`
    for unit, count in zip(units, np.cumsum(used).tolist(), strict=False):
        steps.append(len(begin))
        for kernel in unit:
            begin.append(len(tensors))
            if count:  # others may have no loop nest
                names = operators.of(store.kernels[kernel]).tensors
                tensors += [numbers.setdefault(name, len(numbers)) for name in names]
    slots = _Slots(kind, np.array(steps)[first], np.array(begin), np.array(tensors))
    return Borders(
        numbers=numbers,
        reads=slots.entries([one.reads for one in kinds]),
        writes=slots.entries([one.writes for one in kinds]),
        shared=slots.entries([one.shared for one in kinds]),
        first=first,
        last=last,
        repeat=np.array([store.kernels[units[step][0]].op.repeat for step in first.tolist()], dtype=np.float64),
        step_of={kernel: step for step, unit in enumerate(units) for kernel in unit},
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Slots:
    """Where runs have which tensors: those that are alike have theirs in the same places.

    Attributes:
        kind: (N,) of the runs.
        place: (N,) of the first kernel of each run in `begin`.
        begin: Of each kernel in `tensors`.
        tensors: Numbers of the tensors of all kernels.
    """

    kind: IntArray
    place: IntArray
    begin: IntArray
    tensors: IntArray

    def entries(self, kinds: Sequence[IntArray]) -> Entries:
        """The entries of all runs, from (operator, tensor there, bytes) of each kind."""
        if not len(self.kind):
            return Entries(self.kind, self.kind, np.zeros(0))
        sizes = np.array([len(one) for one in kinds], dtype=np.int64)
        counts = sizes[self.kind]
        run = np.repeat(np.arange(len(counts)), counts)
        within = np.arange(len(run)) - np.repeat(np.cumsum(counts) - counts, counts)
        row = np.concatenate(kinds)[(np.cumsum(sizes) - sizes)[self.kind[run]] + within]
        tensor = self.tensors[self.begin[self.place[run] + row[:, 0]] + row[:, 1]]
        return Entries(run, tensor, row[:, 2].astype(np.float64))


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Borders:
    """The borders of N runs.

    Attributes:
        numbers: Of the tensors, by root.
        reads, writes: What comes in and goes out.
        shared: What more than one of a run's operators touch; bytes do not count.
        first, last: (N,) steps.
        repeat: (N,) trips.
        step_of: The step of each kernel.
    """

    numbers: Mapping[str, int]
    reads: Entries
    writes: Entries
    shared: Entries
    first: IntArray
    last: IntArray
    repeat: FloatArray
    step_of: Mapping[int, int]

    def crossing(self, kept: Mapping[str, int]) -> tuple[FloatArray, FloatArray]:
        """(N,) bytes of all trips that come in and go out at least.

        Args:
            kept: What stays inside the boundary, with the kernel that brings each in (or `NOBODY`, `WRITTEN`).
        """
        payers = np.full(len(self.numbers), _APART)
        steps = np.full(len(self.numbers), -1)
        for name, payer in kept.items():
            number = self.numbers.get(name)
            if number is not None:
                payers[number], steps[number] = payer, self.step_of.get(payer, -1)
        step = steps[self.reads.tensor]
        pays = (step >= self.first[self.reads.run]) & (step <= self.last[self.reads.run])
        # What a kernel of the run brings in comes once, whatever the trips.
        trips = np.where(payers[self.reads.tensor] == _APART, self.repeat[self.reads.run], pays.astype(float))
        leaves = np.isin(payers[self.writes.tensor], (_APART, WRITTEN)) * self.repeat[self.writes.run]
        return self._sums(self.reads, trips), self._sums(self.writes, leaves)

    def _sums(self, entries: Entries, times: FloatArray) -> FloatArray:
        found: FloatArray = np.bincount(entries.run, entries.bytes * times, minlength=len(self.first)).astype(float)
        return found

    def touches(self, kept: Collection[str]) -> BoolArray:
        """(N,) whether some tensor that crosses the border of a run is among some."""
        stays = np.zeros(len(self.numbers), dtype=bool)
        stays[[self.numbers[name] for name in kept if name in self.numbers]] = True
        found = np.zeros(len(self.first), dtype=bool)
        for entries in (self.reads, self.writes):
            found[entries.run[stays[entries.tensor]]] = True
        return found

    def shares(self, kept: Collection[str]) -> BoolArray:
        """(N,) whether more than one operator of a run touches a tensor that is not among some."""
        stays = np.zeros(len(self.numbers), dtype=bool)
        stays[[self.numbers[name] for name in kept if name in self.numbers]] = True
        left = ~stays[self.shared.tensor]
        found: BoolArray = np.bincount(self.shared.run[left], minlength=len(self.first)) > 0
        return found
