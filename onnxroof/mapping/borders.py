"""What crosses the borders of all runs of a model, as arrays: what stays on chip on a target is looked up at once.

N runs, each with what comes in, what goes out, and the tensors that more than one of its operators touch.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from onnxroof.mapping.timeline import WRITTEN

__all__ = ["Borders", "Run"]

BoolArray = npt.NDArray[np.bool_]
FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

_APART = -3
"""In place of who brings a tensor in: it does not stay."""


@dataclass(frozen=True, slots=True, eq=False)
class Run:
    """A run of steps, tensors by root with their bytes; one trip.

    Attributes:
        steps: The first and the last.
        repeat: Trips.
        reads, writes: What comes in and goes out.
        shared: What more than one of its operators touch.
    """

    steps: tuple[int, int]
    repeat: int
    reads: Mapping[str, int]
    writes: Mapping[str, int]
    shared: Collection[str]


class _Entries:
    """Tensors of runs: (E,) numbers of the runs, of the tensors, and bytes."""

    def __init__(self, of: Iterable[Mapping[str, int]], numbers: dict[str, int]) -> None:
        found = [
            (run, numbers.setdefault(name, len(numbers)), size)
            for run, sizes in enumerate(of)
            for name, size in sizes.items()
        ]
        self.run, self.tensor, sizes = np.array(found, dtype=np.int64).reshape(-1, 3).T
        self.bytes = sizes.astype(float)


class Borders:
    """The borders of runs.

    Args:
        runs: What crosses them.
        step_of: The step of each kernel.
    """

    def __init__(self, runs: Sequence[Run], step_of: Mapping[int, int]) -> None:
        self._numbers: dict[str, int] = {}
        self._reads = _Entries((run.reads for run in runs), self._numbers)
        self._writes = _Entries((run.writes for run in runs), self._numbers)
        self._shared = _Entries((dict.fromkeys(run.shared, 0) for run in runs), self._numbers)
        self._first, self._last = np.array([run.steps for run in runs], dtype=np.int64).reshape(-1, 2).T
        self._repeat = np.array([run.repeat for run in runs], dtype=float)
        self._step_of = step_of

    def crossing(self, kept: Mapping[str, int]) -> tuple[FloatArray, FloatArray]:
        """(N,) bytes of all trips that come in and go out at least.

        Args:
            kept: What stays inside the boundary, with the kernel that brings each in (or `NOBODY`, `WRITTEN`).
        """
        payers = np.full(len(self._numbers), _APART)
        steps = np.full(len(self._numbers), -1)
        for name, payer in kept.items():
            number = self._numbers.get(name)
            if number is not None:
                payers[number], steps[number] = payer, self._step_of.get(payer, -1)
        step = steps[self._reads.tensor]
        pays = (step >= self._first[self._reads.run]) & (step <= self._last[self._reads.run])
        # What a kernel of the run brings in comes once, whatever the trips.
        trips = np.where(payers[self._reads.tensor] == _APART, self._repeat[self._reads.run], pays.astype(float))
        leaves = np.isin(payers[self._writes.tensor], (_APART, WRITTEN)) * self._repeat[self._writes.run]
        return self._sums(self._reads, trips), self._sums(self._writes, leaves)

    def _sums(self, entries: _Entries, times: FloatArray) -> FloatArray:
        found: FloatArray = np.bincount(entries.run, entries.bytes * times, minlength=len(self._first)).astype(float)
        return found

    def shares(self, kept: Collection[str]) -> BoolArray:
        """(N,) whether more than one operator of a run touches a tensor that is not among some."""
        stays = np.zeros(len(self._numbers), dtype=bool)
        stays[[self._numbers[name] for name in kept if name in self._numbers]] = True
        left = ~stays[self._shared.tensor]
        found: BoolArray = np.bincount(self._shared.run[left], minlength=len(self._first)) > 0
        return found
