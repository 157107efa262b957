"""What a plan does, as arrays, so that the time and energy of many targets at once are a few array operations.

Axes: S scenarios (targets that differ in their numbers alone), K kinds of groups, L levels, P parts of work (a kind and
a type of it, of special operations a name too). The equations are those of `roofline.evaluate`: a property test holds
the two against each other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from onnxroof.dtypes import DType
from onnxroof.mapping.array import spatial_utilization
from onnxroof.mapping.traffic import GroupShape
from onnxroof.roofline.groups import Figures
from onnxroof.roofline.rates import Rate, resolve
from onnxroof.targets.model import MemoryLevel, Quantity, Target

__all__ = ["Ledger", "Priced", "ledger"]

FloatArray = npt.NDArray[np.float64]

_Part: TypeAlias = tuple[str, str, str]


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Priced:
    """Times and energies of a plan, (S,) each; NaN where unknown."""

    latency_s: FloatArray
    energy_j: FloatArray


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Ledger:
    """What a plan does on a target, whatever the target's numbers.

    Attributes:
        target: The target.
        tf32: Whether FLOAT contractions may use TF32.
        parts: (P,) kind, type and name of each part of work.
        rates: (P,) where each runs.
        counts: (K,) groups of each kind.
        repeats: (K,) launches.
        work: (K, P) operations, all trips, those that are done again among them.
        filled: (K, P) the same over the part of the engine's array that they fill.
        read_bytes, write_bytes: (K, L) all trips.
        has_latency, has_energy: Whether the plan's are known.
    """

    target: Target
    tf32: bool
    parts: tuple[_Part, ...]
    rates: tuple[Rate | None, ...]
    counts: FloatArray
    repeats: FloatArray
    work: FloatArray
    filled: FloatArray
    read_bytes: FloatArray
    write_bytes: FloatArray
    has_latency: bool
    has_energy: bool

    def covers(self, target: Target) -> bool:
        """Whether the plan does on a target what it does on its own: as much room on chip, work on the same engines."""
        mine, other = ([_value(level.capacity) for level in one.levels[1:]] for one in (self.target, target))
        return mine == other and all(
            _place(rate) == _place(found)
            for rate, found in zip(self.rates, _rates(target, self.parts, self.tf32), strict=True)
        )

    def priced(self, targets: Sequence[Target]) -> Priced:
        """Time and energy on targets that it covers."""
        numbers = [_Numbers.of(target, self.parts, self.tf32) for target in targets]
        if not numbers:
            return Priced(latency_s=np.zeros(0), energy_j=np.zeros(0))
        stacked = _Numbers(*(np.array(column) for column in zip(*(one.columns() for one in numbers), strict=True)))
        time = self._time_s(stacked)  # (S, K)
        energy = self._energy_j(stacked, time)
        unknown = np.full(len(targets), np.nan)
        return Priced(
            latency_s=time @ self.counts if self.has_latency else unknown,
            energy_j=energy @ self.counts if self.has_energy else unknown,
        )

    def _time_s(self, numbers: _Numbers) -> FloatArray:
        engines: dict[str, list[int]] = {}
        for place, rate in enumerate(self.rates):
            if rate is not None:
                engines.setdefault(rate.engine.name, []).append(place)
        longest = np.zeros((len(numbers.launch_s), len(self.counts)))
        waits = np.zeros_like(longest)
        for name, places in engines.items():
            busy = numbers.s_per_op[:, places] @ self.filled[:, places].T
            if name in self.target.engines_in_turn:
                waits = waits + busy
            else:
                longest = np.maximum(longest, busy)
        for place, level in enumerate(self.target.levels):
            reads = numbers.read_s_per_byte[:, place, None] * self.read_bytes[None, :, place]
            writes = numbers.write_s_per_byte[:, place, None] * self.write_bytes[None, :, place]
            time = reads + writes if level.shares_port else np.maximum(reads, writes)
            if level.overlaps:
                longest = np.maximum(longest, time)
            else:
                waits = waits + time
        found: FloatArray = longest + waits + numbers.launch_s[:, None] * self.repeats
        return found

    def _energy_j(self, numbers: _Numbers, time_s: FloatArray) -> FloatArray:
        reads, writes = self.read_bytes.copy(), self.write_bytes.copy()
        # What crosses into a level from outside is written there, what leaves it is read.
        reads[:, 1:] += self.write_bytes[:, :-1]
        writes[:, 1:] += self.read_bytes[:, :-1]
        found: FloatArray = (
            numbers.j_per_op @ self.work.T
            + numbers.read_j_per_byte @ reads.T
            + numbers.write_j_per_byte @ writes.T
            + numbers.static_w[:, None] * time_s
        )
        return found


def ledger(
    target: Target,
    figures: Sequence[Figures],
    counts: Sequence[int],
    *,
    tf32: bool,
    has_latency: bool,
    has_energy: bool,
) -> Ledger:
    """The ledger of a plan on a target.

    Args:
        target: The target.
        figures: Of each kind of group.
        counts: Groups of each kind.
        tf32: Whether FLOAT contractions may use TF32.
        has_latency: Whether the plan's latency is known.
        has_energy: Whether its energy is.
    """
    done = {shape: _work(shape) for one in figures for shape in one.shapes}
    parts = tuple(dict.fromkeys(part for work in done.values() for part in work))
    column = {part: number for number, part in enumerate(parts)}
    rates = tuple(_rates(target, parts, tf32))
    work, filled = np.zeros((len(figures), len(parts))), np.zeros((len(figures), len(parts)))
    for row, one in enumerate(figures):
        for shape, times in zip(one.shapes, one.times, strict=True):
            for part, count in done[shape].items():
                number = column[part]
                work[row, number] += count * times
                filled[row, number] += count * times / _used(shape, part, rates[number])
    levels = len(target.levels)
    return Ledger(
        target=target,
        tf32=tf32,
        parts=parts,
        rates=rates,
        counts=np.array(counts, dtype=np.float64),
        repeats=np.array([one.shapes[0].repeat for one in figures], dtype=np.float64),
        work=work,
        filled=filled,
        read_bytes=np.array([one.sheet.rows.read_bytes[one.number, :levels] for one in figures]).reshape(-1, levels),
        write_bytes=np.array([one.sheet.rows.write_bytes[one.number, :levels] for one in figures]).reshape(-1, levels),
        has_latency=has_latency,
        has_energy=has_energy,
    )


def _used(shape: GroupShape, part: _Part, rate: Rate | None) -> float:
    """The part of the engine's array that work fills."""
    if part[0] != "mac" or shape.nest is None or rate is None or rate.engine.array is None:
        return 1.0
    return spatial_utilization(shape.nest, rate.engine.array)


@dataclass(frozen=True, slots=True, eq=False)
class _Numbers:
    """What a target's numbers make of work and bytes: of one target, or stacked along S; what is unknown is 0."""

    s_per_op: FloatArray
    j_per_op: FloatArray
    read_s_per_byte: FloatArray
    write_s_per_byte: FloatArray
    read_j_per_byte: FloatArray
    write_j_per_byte: FloatArray
    launch_s: FloatArray
    static_w: FloatArray

    @classmethod
    def of(cls, target: Target, parts: Sequence[_Part], tf32: bool) -> _Numbers:
        prices = [_price(part, rate) for part, rate in zip(parts, _rates(target, parts, tf32), strict=True)]
        return cls(
            np.array([s_per_op for s_per_op, _ in prices]),
            np.array([j_per_op for _, j_per_op in prices]),
            np.array([_s_per_byte(level, level.read_bandwidth) for level in target.levels]),
            np.array([_s_per_byte(level, level.write_bandwidth) for level in target.levels]),
            np.array([_value(level.read_energy) or 0.0 for level in target.levels]),
            np.array([_value(level.write_energy) or 0.0 for level in target.levels]),
            np.array(_value(target.launch_overhead) or 0.0),
            np.array(_value(target.static_power) or 0.0),
        )

    def columns(self) -> tuple[FloatArray, ...]:
        """The arrays in the order of the fields."""
        return (
            self.s_per_op, self.j_per_op, self.read_s_per_byte, self.write_s_per_byte, self.read_j_per_byte,
            self.write_j_per_byte, self.launch_s, self.static_w,
        )  # fmt: skip


def _work(shape: GroupShape) -> dict[_Part, float]:
    """Operations of a group by part, all trips."""
    found: dict[_Part, float] = {}
    parts: list[tuple[_Part, int]] = [(("mac", dtype, ""), 2 * count) for dtype, count in shape.macs]
    parts += [(("vector", dtype, ""), count) for dtype, count in shape.vector_ops]
    parts += [(("special", dtype, name), count) for (name, dtype), count in shape.special_ops]
    for part, count in parts:
        found[part] = found.get(part, 0.0) + float(count * shape.repeat)
    return found


def _rates(target: Target, parts: Sequence[_Part], tf32: bool) -> list[Rate | None]:
    return [resolve(target, kind, DType[dtype], tf32=tf32).rate for kind, dtype, _ in parts]


def _price(part: _Part, rate: Rate | None) -> tuple[float, float]:
    """Seconds and joules of an operation, its array full."""
    if rate is None:
        return 0.0, 0.0
    lanes = rate.special_lanes(part[2]) if part[2] else 1.0
    return lanes / rate.ops_per_s if rate.ops_per_s else 0.0, lanes * (rate.energy_j_per_op or 0.0)


def _place(rate: Rate | None) -> tuple[str, DType] | None:
    return None if rate is None else (rate.engine.name, rate.peak.input)


def _s_per_byte(level: MemoryLevel, bandwidth: Quantity | None) -> float:
    return 0.0 if bandwidth is None else 1 / (bandwidth.value * level.instances)


def _value(quantity: Quantity | None) -> float | None:
    return None if quantity is None else quantity.value
