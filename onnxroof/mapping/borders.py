"""What crosses the borders of all runs of a model, as arrays: what stays on chip on a target is looked up at once.

N runs, each with what comes in, what goes out, and the tensors that more than one of its operators touch. Runs that are
alike touch other tensors in the same places.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from onnxroof.mapping.storage import Storage
from onnxroof.mapping.timeline import WRITTEN

__all__ = ["Borders", "Crossings", "Entries", "Outside", "borders", "entries", "touched_roots"]

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


class Outside(NamedTuple):
    """The tensors that cross the border of a run whatever the tile, each once with its bytes of one trip.

    Attributes:
        reads: What comes in, by root.
        writes: What goes out.
        shared: Roots that more than one of its operators touch: only these can cross less often.
    """

    reads: dict[str, int]
    writes: dict[str, int]
    shared: tuple[str, ...]


def touched_roots(store: Storage, kernel: int) -> set[str]:
    """Roots of what a kernel reads and writes."""
    one = store.kernels[kernel]
    return {*one.reads, *(store.root(transfer.tensor) for transfer in one.cost.writes)}


class Crossings:
    """What runs of kernels as one group must move at least: the operands of their stacks, without making one.

    Args:
        store: The kernels.
    """

    def __init__(self, store: Storage) -> None:
        self._store = store
        self._touched = [tuple(touched_roots(store, kernel)) for kernel in range(len(store.kernels))]
        self._taken: list[list[tuple[str, int, int]]] = []
        self._made: list[list[tuple[str, int]]] = []
        for kernel in store.kernels:
            self._taken.append([(root, size, store.producers.get(root, -1)) for root, size in kernel.reads.items()])
            accesses = kernel.cost.nest.accesses if kernel.cost.nest else ()
            made = {kernel.op.outputs[access.tensor] for access in accesses if access.is_write}
            self._made.append([(one.tensor, one.bytes) for one in kernel.cost.writes if one.tensor in made])

    def of(self, kernels: Sequence[int]) -> Outside:
        """Of some kernels, in the order in which they run."""
        reads: dict[str, int] = {}
        writes: dict[str, int] = {}
        used: dict[str, int] = {}
        inside = frozenset(kernels)
        for kernel in kernels:
            for root, size, maker in self._taken[kernel]:
                if maker not in inside or maker >= kernel:
                    reads[root] = max(reads.get(root, 0), size)
            for name, size in self._made[kernel]:
                if self._store.leaves(name, inside):
                    writes[name] = writes.get(name, 0) + size
            for name in self._touched[kernel]:
                used[name] = used.get(name, 0) + 1
        return Outside(reads, writes, tuple(name for name, count in used.items() if count > 1))


def borders(store: Storage, units: Sequence[Sequence[int]], runs: Sequence[tuple[int, int, int]]) -> Borders:
    """The borders of runs of steps.

    Args:
        store: Kernels.
        units: Those of each step.
        runs: First and last step of each, and a number that runs share which are equal but for names.
    """
    alike: dict[int, list[int]] = {}
    for number, (_, _, kind) in enumerate(runs):
        alike.setdefault(kind, []).append(number)
    slots, crossings = _Slots(store), Crossings(store)
    reads, writes, shared = (list[tuple[IntArray, IntArray, Sequence[int]]]() for _ in range(3))
    for members in alike.values():
        kernels = [[kernel for unit in units[runs[n][0] : runs[n][1] + 1] for kernel in unit] for n in members]
        one, places = crossings.of(kernels[0]), slots.places(kernels[0])
        for found, names, sizes in (
            (reads, one.reads, one.reads.values()),
            (writes, one.writes, one.writes.values()),
            (shared, one.shared, [0] * len(one.shared)),
        ):
            if names:
                tensors = slots.tensors(kernels, [places[name] for name in names])
                found.append((np.array(members, dtype=np.int64), tensors, [*sizes]))
    return Borders(
        numbers=slots.numbers,
        reads=entries(reads),
        writes=entries(writes),
        shared=entries(shared),
        first=np.array([first for first, _, _ in runs], dtype=np.int64),
        last=np.array([last for _, last, _ in runs], dtype=np.int64),
        repeat=np.array([store.kernels[units[first][0]].op.repeat for first, _, _ in runs], dtype=np.float64),
        step_of={kernel: step for step, unit in enumerate(units) for kernel in unit},
    )


class _Slots:
    """Where the kernels have which tensors: runs that are alike have theirs in the same places."""

    def __init__(self, store: Storage) -> None:
        self.numbers: dict[str, int] = {}
        self._names: list[list[str]] = []
        begin: list[int] = []
        flat: list[int] = []
        for kernel in store.kernels:
            op = kernel.op
            read = [store.root(name) for name in (*op.inputs, *op.parameters)]
            names = [*read, *op.outputs, *(store.root(name) for name in op.outputs)]
            self._names.append(names)
            begin.append(len(flat))
            flat += [self.numbers.setdefault(name, len(self.numbers)) for name in names]
        self._flat, self._begin = np.array(flat, dtype=np.int64), np.array(begin, dtype=np.int64)

    def places(self, kernels: Sequence[int]) -> dict[str, tuple[int, int]]:
        """For each tensor of a run the first of its kernels that has it, and the place there."""
        found: dict[str, tuple[int, int]] = {}
        for member, kernel in enumerate(kernels):
            for slot, name in enumerate(self._names[kernel]):
                found.setdefault(name, (member, slot))
        return found

    def tensors(self, kernels: Sequence[Sequence[int]], places: Sequence[tuple[int, int]]) -> IntArray:
        """(R, M) numbers of the tensors at M places in the kernels of R runs."""
        members, slots = np.array(places, dtype=np.int64).T
        found: IntArray = self._flat[self._begin[np.array(kernels, dtype=np.int64)[:, members]] + slots]
        return found


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
