"""What a plan does, as arrays, so that the time and energy of many targets at once are a few array operations.

Axes: S scenarios (targets that differ in their numbers alone), K kinds of groups, L levels, P parts of work (a kind and
a type of it, of special operations a name too).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from onnxroof.dtypes import DType
from onnxroof.mapping.array import spatial_utilization
from onnxroof.mapping.traffic import GroupShape
from onnxroof.roofline.groups import Figures
from onnxroof.roofline.machines import machines
from onnxroof.roofline.rates import Rate
from onnxroof.roofline.sheet import level_energies_j, level_times_s, together_s
from onnxroof.roofline.worked import Part, parts_of, rates_of
from onnxroof.targets.model import Quantity, Target

__all__ = ["Ledger", "Priced", "ledger"]

FloatArray = npt.NDArray[np.float64]


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
    parts: tuple[Part, ...]
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
            for rate, found in zip(self.rates, rates_of(target, self.parts, tf32=self.tf32), strict=True)
        )

    def priced(self, targets: Sequence[Target]) -> Priced:
        """Time and energy on targets that it covers."""
        if not targets:
            return Priced(latency_s=np.zeros(0), energy_j=np.zeros(0))
        each = machines(targets)
        by_group = each.of(np.arange(len(targets))[:, None])  # (S, 1, ...)
        rates = [rates_of(target, self.parts, tf32=self.tf32) for target in targets]
        prices = np.array([list(map(_price, self.parts, row)) for row in rates]).reshape(len(rates), len(self.parts), 2)
        levels_s = level_times_s(by_group, self.read_bytes, self.write_bytes)
        time_s = together_s(by_group, self._engines_s(prices[..., 0], each.in_turn.shape[1]), levels_s)
        time_s = time_s + np.nan_to_num(each.launch_s)[:, None] * self.repeats
        levels_j = level_energies_j(
            self.read_bytes, self.write_bytes, by_group.read_j, by_group.write_j, by_group.holds_all
        )
        energy_j = prices[..., 1] @ self.work.T + levels_j.sum(axis=-1) + np.nan_to_num(each.static_w)[:, None] * time_s
        unknown = np.full(len(targets), np.nan)
        return Priced(
            latency_s=time_s @ self.counts if self.has_latency else unknown,
            energy_j=energy_j @ self.counts if self.has_energy else unknown,
        )

    def _engines_s(self, s_per_op: FloatArray, engines: int) -> FloatArray:
        """(S, K, E) time by engine."""
        number = {engine.name: place for place, engine in enumerate(self.target.engines)}
        found = np.zeros((len(s_per_op), len(self.counts), engines))
        for place, rate in enumerate(self.rates):
            if rate is not None:
                found[..., number[rate.engine.name]] += s_per_op[:, place, None] * self.filled[:, place]
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
    done = {shape: parts_of(shape) for one in figures for shape in one.shapes}
    parts = tuple(dict.fromkeys(part for work in done.values() for part, _ in work))
    column = {part: number for number, part in enumerate(parts)}
    rates = rates_of(target, parts, tf32=tf32)
    work, filled = np.zeros((len(figures), len(parts))), np.zeros((len(figures), len(parts)))
    for row, one in enumerate(figures):
        for shape, times in zip(one.shapes, one.times, strict=True):
            for part, count in done[shape]:
                number, ops = column[part], float(count * shape.repeat) * times
                work[row, number] += ops
                filled[row, number] += ops / _used(shape, part, rates[number])
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


def _used(shape: GroupShape, part: Part, rate: Rate | None) -> float:
    """The part of the engine's array that work fills."""
    if part[0] != "mac" or shape.nest is None or rate is None or rate.engine.array is None:
        return 1.0
    return spatial_utilization(shape.nest, rate.engine.array)


def _price(part: Part, rate: Rate | None) -> tuple[float, float]:
    """Seconds and joules of an operation, its array full."""
    if rate is None:
        return 0.0, 0.0
    lanes = rate.special_lanes(part[2]) if part[2] else 1.0
    return lanes / rate.ops_per_s if rate.ops_per_s else 0.0, lanes * (rate.energy_j_per_op or 0.0)


def _place(rate: Rate | None) -> tuple[str, DType] | None:
    return None if rate is None else (rate.engine.name, rate.peak.input)


def _value(quantity: Quantity | None) -> float | None:
    return None if quantity is None else quantity.value
