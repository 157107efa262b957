"""What no plan can beat: every figure of the whole model at once, each at the best that the target could do.

The floor assumes perfect fusion, full utilization, no launch overhead, and that weights lie on chip before the run
as far as they fit into levels that keep weights. Work may be spread over all engines that are able to do it, in its own
type or a wider one, and takes the energy of the most frugal. A level that does not hold every operand may be passed by.
A special operation whose cost the target does not state takes one lane operation here: a guess has no place in a bound.
Of what data decide (how many boxes a suppression holds against each other, whether a branch runs) it takes the least.
So nothing that is measured on the target can be faster, whatever its compiler does, as long as it does this model's
arithmetic in this precision.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from onnxroof.costs.cost import Work
from onnxroof.dtypes import DType
from onnxroof.mapping.planned import Border
from onnxroof.roofline.provenance import Doubts, is_uncertain, rests_s
from onnxroof.roofline.rates import Rate, able
from onnxroof.roofline.terms import level_energy_terms, level_time_s
from onnxroof.targets.model import Engine, Target

__all__ = ["Floor", "floor"]


@dataclass(frozen=True, slots=True)
class Floor:
    """Least latency and energy of a model on a target.

    Attributes:
        latency_s: Maximum over engines and levels; None where the target knows no rate and no bandwidth, or where
            nothing is known of what operators of unknown work do.
        energy_j: Sum over engines and levels, and static power over the latency; None where an energy is unknown.
        latency_estimated_s: What of the latency rests on estimates or on memory; None where it is unknown.
        energy_estimated_j: What of the energy does.
        bound: What sets the latency: `compute:ENGINE` or `memory:LEVEL`, "" where nothing is known.
    """

    latency_s: float | None
    latency_estimated_s: float | None
    energy_j: float | None
    energy_estimated_j: float | None
    bound: str


def floor(border: Border, target: Target, *, tf32: bool = True) -> Floor:
    """The floor of a model's border figures on a target."""
    work = [
        _Part(*part, able(target, part[0], DType[dtype], tf32=tf32))
        for dtype, work in border.work.items()
        for part in _counted(work)
    ]
    times, doubtful_s = _compute_s(work, target)
    energies = [part.energy_j for part in work]
    doubts = Doubts.of(target)
    held = 0.0
    reads, writes = [0.0] * len(target.levels), [0.0] * len(target.levels)
    whole = border.input_bytes + border.weight_bytes + border.output_bytes
    for index in range(len(target.levels) - 1, -1, -1):
        level = target.levels[index]
        saved = min(held, border.weight_bytes)
        if "weight" in level.keeps:
            held += math.inf if level.capacity is None else level.capacity.value * level.instances
        if not level.holds_all:
            continue
        reads[index] = border.input_bytes + border.weight_bytes - saved
        writes[index] = float(border.output_bytes)
        time = level_time_s(level, reads[index], writes[index])
        if time is not None:
            times[f"memory:{level.name}"] = time
            if doubts.level_time(index, reads[index], writes[index], whole, saved):
                doubtful_s[f"memory:{level.name}"] = time
    latency_s = max(times.values(), default=None)
    if not border.is_known and not latency_s:
        return Floor(None, None, None, None, "")  # nothing of what is done is known: that is no floor of nothing
    terms = level_energy_terms(target.levels, reads, writes)
    energies += [None] if terms is None else terms.values()
    known = [energy for energy in energies if energy is not None]
    is_known = len(known) == len(energies)
    static_j = latency_s * target.static_power.value if target.static_power and latency_s else 0.0
    doubtful_j = (
        math.fsum(part.doubtful_j for part in work)
        + doubts.energy_j(reads, writes)
        + doubts.static_w * (latency_s or 0.0)
    )
    return Floor(
        latency_s=latency_s,
        latency_estimated_s=None if latency_s is None else rests_s(times, {}, doubtful_s),
        energy_j=math.fsum(known) + static_j if is_known else None,
        energy_estimated_j=doubtful_j if is_known else None,
        bound=max(times, key=lambda name: times[name]) if latency_s else "",
    )


@dataclass(frozen=True, slots=True)
class _Part:
    """Work of one kind and type.

    Attributes:
        kind: mac | vector | special.
        count: Operations, a MAC is two.
        name: Of a special operation, else "".
        rates: All that it could run on.
    """

    kind: str
    count: float
    name: str
    rates: tuple[Rate, ...]

    def lanes(self, rate: Rate) -> float:
        """Lane operations for all of it."""
        return self.count * (rate.engine.special_cost.get(self.name, 1.0) if self.name else 1.0)

    def fastest(self, engine: Engine) -> tuple[float, bool]:
        """Operations a second on an engine, 0 where it is not able, and whether that is uncertain."""
        speeds = [
            (math.inf if rate.ops_per_s is None else rate.ops_per_s * self.count / self.lanes(rate), rate.peak.rate)
            for rate in self.rates
            if rate.engine is engine
        ]
        speed, stated = max(speeds, key=lambda one: one[0], default=(0.0, None))
        return speed, is_uncertain(stated)

    @property
    def energy_j(self) -> float | None:
        """On the most frugal engine; None where it is not known of one that is able, which might be that."""
        return self._least_j[0]

    @property
    def doubtful_j(self) -> float:
        """What of that is uncertain."""
        energy_j, is_doubtful = self._least_j
        return energy_j if energy_j is not None and is_doubtful else 0.0

    @property
    def _least_j(self) -> tuple[float | None, bool]:
        known = [
            (self.lanes(rate) * rate.energy_j_per_op, is_uncertain(rate.peak.energy))
            for rate in self.rates
            if rate.energy_j_per_op is not None
        ]
        return min(known) if known and len(known) == len(self.rates) else (None, False)


def _counted(work: Work) -> list[tuple[str, float, str]]:
    """Kind, operations and name of the parts of some work."""
    parts = [("mac", 2.0 * work.macs, ""), ("vector", float(work.vector_ops), "")]
    parts += [("special", float(count), name) for name, count in work.special.items()]
    return [part for part in parts if part[1]]


def _compute_s(work: Sequence[_Part], target: Target) -> tuple[dict[str, float], dict[str, float]]:
    """The least time of work that engines share, by what sets it, and what of that is uncertain.

    Each engine gets a weight, all of them 1 together. A unit of work takes, whatever the engine, at least the least of
    weight / speed of all that are able to do it; the sum over the work is then no more than the time of the engine that
    takes longest (linear programming duality). Tried are all weight on one engine, and the weights with which engines
    take as long for some part of the work: with two engines the best is among them.
    """
    if not work or not target.engines:
        return {}, {}
    found = [[part.fastest(engine) for engine in target.engines] for part in work]
    speeds = np.array([[speed for speed, _ in row] for row in found])
    known = speeds[np.isfinite(speeds).all(axis=1) & (speeds > 0).any(axis=1)]
    weights = np.concatenate((np.eye(len(target.engines)), known / known.sum(axis=1, keepdims=True)))
    unit_s = np.full((len(weights), *speeds.shape), np.inf)
    np.divide(weights[:, None], speeds, out=unit_s, where=speeds > 0)
    engine = unit_s.argmin(axis=2)
    least_s = np.take_along_axis(unit_s, engine[..., None], axis=2)[..., 0]
    parts_s = np.where(np.isinf(least_s), 0.0, least_s) * [part.count for part in work]
    best = int(parts_s.sum(axis=1).argmax())
    name = f"compute:{target.engines[int(weights[best].argmax())].name}"
    doubtful = [row[number][1] for row, number in zip(found, engine[best].tolist(), strict=True)]
    time_s = math.fsum(parts_s[best].tolist())
    return ({name: time_s}, {name: math.fsum(parts_s[best][doubtful].tolist())}) if time_s else ({}, {})
