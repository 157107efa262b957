"""What no plan can beat: every figure of the whole model at once, each at the best that the target could do.

The floor assumes perfect fusion, full utilization, no launch overhead, and that weights lie on chip before the run
as far as they fit into levels that keep weights. A special operation whose cost the target does not state takes one
lane operation here: a guess has no place in a bound. Of what data decide (how many boxes a suppression holds against
each other, whether a branch runs) it takes the least. So nothing that is measured on the target can be faster,
whatever its compiler does, as long as it does this model's arithmetic in this precision.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from onnxroof.costs.cost import Work
from onnxroof.dtypes import DType
from onnxroof.mapping.planned import Border
from onnxroof.roofline.rates import resolve
from onnxroof.roofline.terms import level_energy_terms, level_time_s
from onnxroof.targets.model import Target

__all__ = ["Floor", "floor"]


@dataclass(frozen=True, slots=True)
class Floor:
    """Least latency and energy of a model on a target.

    Attributes:
        latency_s: Maximum over engines and levels; None where the target knows no rate and no bandwidth.
        energy_j: Sum over engines and levels, and static power over the latency; None where an energy is unknown.
        bound: What sets the latency: `compute:ENGINE` or `memory:LEVEL`, "" where nothing is known.
    """

    latency_s: float | None
    energy_j: float | None
    bound: str


def floor(border: Border, target: Target, *, tf32: bool = True) -> Floor:
    """The floor of a model's border figures on a target."""
    times: dict[str, float] = {}
    energies: list[float | None] = []
    for dtype, work in border.work.items():
        _add_work(times, energies, target, DType[dtype], work, tf32=tf32)
    held = 0.0
    reads, writes = [0.0] * len(target.levels), [0.0] * len(target.levels)
    for index in range(len(target.levels) - 1, -1, -1):
        level = target.levels[index]
        reads[index] = border.input_bytes + max(0.0, border.weight_bytes - held)
        writes[index] = float(border.output_bytes)
        time = level_time_s(level, reads[index], writes[index])
        if time is not None:
            times[f"memory:{level.name}"] = time
        if "weight" in level.keeps:
            held += math.inf if level.capacity is None else level.capacity.value * level.instances
    latency_s = max(times.values(), default=None)
    terms = level_energy_terms(target.levels, reads, writes)
    energies.extend([None] if terms is None else terms.values())
    known = [energy for energy in energies if energy is not None]
    static_j = latency_s * target.static_power.value if target.static_power and latency_s else 0.0
    return Floor(
        latency_s=latency_s,
        energy_j=math.fsum(known) + static_j if len(known) == len(energies) else None,
        bound=max(times, key=lambda name: times[name]) if latency_s else "",
    )


def _add_work(
    times: dict[str, float],
    energies: list[float | None],
    target: Target,
    dtype: DType,
    work: Work,
    *,
    tf32: bool,
) -> None:
    parts = [("mac", 2.0 * work.macs, ""), ("vector", float(work.vector_ops), "")]
    parts += [("special", float(count), name) for name, count in work.special.items()]
    for kind, count, name in parts:
        if not count:
            continue
        rate = resolve(target, kind, dtype, tf32=tf32).rate
        if rate is None:
            energies.append(None)
            continue
        lanes = count * rate.engine.special_cost.get(name, 1.0) if name else count
        if rate.ops_per_s:
            key = f"compute:{rate.engine.name}"
            times[key] = times.get(key, 0.0) + lanes / rate.ops_per_s
        energies.append(None if rate.energy_j_per_op is None else lanes * rate.energy_j_per_op)
