"""What crosses the borders of all runs of a model, as arrays: what stays on chip on a target is looked up at once.

N runs, each with what comes in, what goes out, and the tensors that more than one of its operators touch. Runs that are
alike touch other tensors in the same places.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from onnxroof.mapping.operator import Operators
from onnxroof.mapping.sketch import Outside
from onnxroof.mapping.storage import Storage
from onnxroof.mapping.timeline import WRITTEN

__all__ = ["Borders", "Entries", "borders", "entries"]

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
    alike: Iterable[tuple[Outside, Sequence[int]]],
) -> Borders:
    """The borders of runs of steps.

    Args:
        store: Kernels.
        operators: That they are.
        units: Kernels of each step.
        runs: First and last step of each.
        alike: What crosses the border of runs that are equal but for names, and their numbers.
    """
    numbers: dict[str, int] = {}
    flat: list[int] = []
    begin = np.zeros(len(store.kernels), dtype=np.int64)
    for kernel in sorted({kernel for first, last in runs for unit in units[first : last + 1] for kernel in unit}):
        begin[kernel] = len(flat)
        flat += [numbers.setdefault(name, len(numbers)) for name in operators.of(kernel).tensors]
    tensor_of = np.array(flat, dtype=np.int64)
    reads, writes, shared = (list[tuple[IntArray, IntArray, Sequence[int]]]() for _ in range(3))
    for crossing, members in alike:
        kernels = [[kernel for unit in units[runs[n][0] : runs[n][1] + 1] for kernel in unit] for n in members]
        begins = begin[np.array(kernels, dtype=np.int64)]
        for found, crossed in zip((reads, writes, shared), crossing, strict=True):
            if crossed:
                who, which, size = zip(*crossed, strict=True)
                found.append((np.array(members, dtype=np.int64), tensor_of[begins[:, who] + which], size))
    return Borders(
        numbers=numbers,
        reads=entries(reads),
        writes=entries(writes),
        shared=entries(shared),
        first=np.array([first for first, _ in runs], dtype=np.int64),
        last=np.array([last for _, last in runs], dtype=np.int64),
        repeat=np.array([store.kernels[units[first][0]].op.repeat for first, _ in runs], dtype=np.float64),
        step_of={kernel: step for step, unit in enumerate(units) for kernel in unit},
    )


def entries(parts: Sequence[tuple[IntArray, IntArray, Sequence[int]]]) -> Entries:
    """Entries of runs that are alike, for each kind of runs.

    Args:
        parts: Of each kind the numbers of its runs (R,), of the tensors of each (R, M), and bytes (M,).
    """
    runs = [np.repeat(run, tensor.shape[1]) for run, tensor, _ in parts]
    sizes = [np.tile(np.array(size, dtype=np.float64), len(run)) for run, _, size in parts]
    if not parts:
        return Entries(np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64), np.zeros(0))
    return Entries(np.concatenate(runs), np.concatenate([t.ravel() for _, t, _ in parts]), np.concatenate(sizes))


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

    def shares(self, kept: Collection[str]) -> BoolArray:
        """(N,) whether more than one operator of a run touches a tensor that is not among some."""
        stays = np.zeros(len(self.numbers), dtype=bool)
        stays[[self.numbers[name] for name in kept if name in self.numbers]] = True
        left = ~stays[self.shared.tensor]
        found: BoolArray = np.bincount(self.shared.run[left], minlength=len(self.first)) > 0
        return found
