"""What do runs of steps take as groups on a target? Times and energies of many at once, from their bytes and work."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from onnxroof.mapping.segments import Kind
from onnxroof.roofline.machines import Machines, machines
from onnxroof.roofline.sheet import level_energies_j, level_times_s, together_s
from onnxroof.targets.model import Target

__all__ = ["Choice", "Draft", "Priced", "Prices", "weighted"]

FloatArray = npt.NDArray[np.float64]
_Amount = TypeVar("_Amount", float, FloatArray)


@dataclass(frozen=True, slots=True, eq=False)
class Choice:
    """A run as a group at a level; all trips.

    Attributes:
        kind: The run.
        level: Number of the level that holds its tiles.
        step: Of its curve.
        read_bytes, write_bytes: (L,) traffic.
        latency_s, energy_j, outer_bytes: What it takes; energy is infinite where unknown.
    """

    kind: Kind
    level: int
    step: int
    read_bytes: FloatArray
    write_bytes: FloatArray
    latency_s: float
    energy_j: float
    outer_bytes: float


@dataclass(frozen=True, slots=True, eq=False)
class Draft:
    """Choices of a run before they are priced: C of them, with a row each of engines, energy, and bytes by level."""

    kind: Kind
    level: npt.NDArray[np.int64]
    step: npt.NDArray[np.int64]
    figures: FloatArray
    repeat: int


@dataclass(frozen=True, slots=True, eq=False)
class Priced:
    """All that a run could be as one group: C choices."""

    kind: Kind
    level: npt.NDArray[np.int64]
    step: npt.NDArray[np.int64]
    read_bytes: FloatArray
    write_bytes: FloatArray
    latency_s: FloatArray
    energy_j: FloatArray

    def least(self, weights: tuple[float, float, float]) -> tuple[float, int]:
        """The least weighted sum of time, energy and outermost bytes, and the choice that has it."""
        cost = weighted(weights, self.latency_s, self.energy_j, self.read_bytes[:, 0] + self.write_bytes[:, 0])
        number = int(np.argmin(cost))
        return float(cost[number]), number

    def choice(self, number: int) -> Choice:
        """One of them."""
        read, write = self.read_bytes[number], self.write_bytes[number]
        return Choice(
            self.kind, int(self.level[number]), int(self.step[number]), read, write, float(self.latency_s[number]),
            float(self.energy_j[number]), float(read[0] + write[0]),
        )  # fmt: skip


@dataclass(frozen=True, eq=False)
class Prices:
    """How a row of figures becomes time and energy.

    A row has the times of the engines, the energy of the work, and the bytes read and written at L levels; all trips.

    Attributes:
        target: The target; its engines are in the order of a row.
        is_energy_known: Else it is infinite.
    """

    target: Target
    is_energy_known: bool

    @cached_property
    def _machine(self) -> Machines:
        """(1, ...) the numbers of the target.

        Where the energies of the steps alone are known, a price that is not known is one of bytes that none moves.
        """
        found = machines([self.target])
        prices = {name: np.nan_to_num(getattr(found, name)) for name in ("launch_s", "static_w", "read_j", "write_j")}
        return replace(found, **prices)

    def priced(self, drafts: Sequence[Draft]) -> list[Priced]:
        """Times and energies of the choices of runs."""
        if not drafts:
            return []
        counts = [len(draft.figures) for draft in drafts]
        launches = np.repeat([float(draft.repeat) for draft in drafts], counts)
        latency, energy = self.of(np.concatenate([draft.figures for draft in drafts]), launches)
        found, end = [], 0
        for draft, count in zip(drafts, counts, strict=True):
            begin, end = end, end + count
            reads, writes = self.bytes(draft.figures)
            found.append(
                Priced(draft.kind, draft.level, draft.step, reads, writes, latency[begin:end], energy[begin:end])
            )
        return found

    def bytes(self, figures: FloatArray) -> tuple[FloatArray, FloatArray]:
        """(..., L) bytes read and written of rows."""
        begin, count = len(self.target.engines) + 1, len(self.target.levels)
        return figures[..., begin : begin + count], figures[..., begin + count :]

    def of(self, figures: FloatArray, launches: FloatArray) -> tuple[FloatArray, FloatArray]:
        """(N,) latencies and energies of rows, which are launched so many times."""
        one, engines = self._machine, len(self.target.engines)
        reads, writes = self.bytes(figures)
        latency = together_s(one, figures[:, :engines], level_times_s(one, reads, writes))
        latency = latency + one.launch_s * launches
        if not self.is_energy_known:
            return latency, np.full(len(figures), math.inf)
        return latency, figures @ self._joules + one.static_w * latency

    @cached_property
    def _joules(self) -> FloatArray:
        """Energy of one of each column of a row, static power apart.

        Alone nothing comes into a level that operands pass by: there this is an approximation, of use for a choice.
        """
        one, engines, levels = self._machine, len(self.target.engines), len(self.target.levels)
        single = np.eye(engines + 1 + 2 * levels)
        energies = level_energies_j(*self.bytes(single), one.read_j, one.write_j, one.holds_all)
        found: FloatArray = energies.sum(axis=1)
        found[engines] = 1.0
        return found


def weighted(weights: Sequence[float], time: _Amount, energy: _Amount, traffic: _Amount) -> _Amount:
    """The sum of time, energy and outermost traffic by three weights."""
    total = weights[0] * time + weights[2] * traffic
    # An unknown energy is infinite and must not count where it has no weight.
    return total + weights[1] * energy if weights[1] else total
