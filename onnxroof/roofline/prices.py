"""What do runs of steps take as groups on a target? Times and energies of many at once, from their bytes and work."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from onnxroof.mapping.segments import Kind
from onnxroof.targets.model import MemoryLevel, Quantity, Target

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


@dataclass(frozen=True, slots=True, eq=False)
class Prices:
    """How a row of figures becomes time and energy.

    A row has the times of the engines, the energy of the work, and the bytes read and written at L levels; all trips.

    Attributes:
        target: The target.
        engines: Their names, in the order of a row.
        is_energy_known: Else it is infinite.
    """

    target: Target
    engines: tuple[str, ...]
    is_energy_known: bool

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
        begin, count = len(self.engines) + 1, len(self.target.levels)
        return figures[..., begin : begin + count], figures[..., begin + count :]

    def of(self, figures: FloatArray, launches: FloatArray) -> tuple[FloatArray, FloatArray]:
        """(N,) latencies and energies of rows, which are launched so many times."""
        reads, writes = self.bytes(figures)
        latency = self._time(figures[:, : len(self.engines)], reads, writes)
        if self.target.launch_overhead is not None:
            latency = latency + self.target.launch_overhead.value * launches
        return latency, self._energy(figures[:, len(self.engines)], reads, writes, latency)

    def _time(self, engines_s: FloatArray, reads: FloatArray, writes: FloatArray) -> FloatArray:
        """As `overlapped_time_s` of the engines and levels, for many groups at once."""
        in_turn = np.array([name in self.target.engines_in_turn for name in self.engines], dtype=bool)
        longest: FloatArray = engines_s[:, ~in_turn].max(axis=1, initial=0.0)
        serial: FloatArray = engines_s[:, in_turn].sum(axis=1)
        for number, level in enumerate(self.target.levels):
            time = _level_time(level, reads[:, number], writes[:, number])
            if time is None:
                continue
            if level.overlaps:
                longest = np.maximum(longest, time)
            else:
                serial = serial + time
        return longest + serial

    def _energy(
        self, compute_j: FloatArray, reads: FloatArray, writes: FloatArray, latency_s: FloatArray
    ) -> FloatArray:
        """As `level_energy_terms`, with compute and static power."""
        if not self.is_energy_known:
            return np.full(len(reads), math.inf)
        total = compute_j.copy()
        for number, level in enumerate(self.target.levels):
            read, write = reads[:, number], writes[:, number]
            if number:
                read, write = read + writes[:, number - 1], write + reads[:, number - 1]
            total += read * _value(level.read_energy) + write * _value(level.write_energy)
        if self.target.static_power is not None:
            total += self.target.static_power.value * latency_s
        return total


def weighted(weights: Sequence[float], time: _Amount, energy: _Amount, traffic: _Amount) -> _Amount:
    """The sum of time, energy and outermost traffic by three weights."""
    total = weights[0] * time + weights[2] * traffic
    # An unknown energy is infinite and must not count where it has no weight.
    return total + weights[1] * energy if weights[1] else total


def _level_time(level: MemoryLevel, reads: FloatArray, writes: FloatArray) -> FloatArray | None:
    """`level_time_s` for many groups at once."""
    if level.shares_port:
        bandwidth = level.read_bandwidth
        return None if bandwidth is None else (reads + writes) / (bandwidth.value * level.instances)
    times = [
        count / (bandwidth.value * level.instances)
        for count, bandwidth in ((reads, level.read_bandwidth), (writes, level.write_bandwidth))
        if bandwidth is not None
    ]
    if not times:
        return None
    return times[0] if len(times) == 1 else np.maximum(times[0], times[1])


def _value(quantity: Quantity | None) -> float:
    return 0.0 if quantity is None else quantity.value
