"""In which regime does a group run: what sets its time, what its energy goes to, and why it lies below its roof?

The roof over a group is its longest term with every array full and both ports of a level in use; what takes its time
above that has a cause, and the causes add up with the roof to the time. The classes follow the terms of the dual
roofline; the tolerance of a tie, the three parts of energy and the order in which causes are told apart are ours.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

__all__ = [
    "CAUSES",
    "ON_THE_ROOF",
    "RIDGE_TOLERANCE",
    "Regime",
    "energy_regime",
    "power_capped_s",
    "regime",
    "together",
]

RIDGE_TOLERANCE = 0.01
"""Compute and a level that differ by less than this part of the longer one are a tie: the group is at the ridge."""

ON_THE_ROOF = 0.95
"""From this part of the roof on, a group counts as on it."""

CAUSES = ("ports", "spatial", "overlap", "launch")
"""Why a group may lie below its roof, in the order in which the causes are told apart."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Regime:
    """The regime of a group, or of a plan.

    Attributes:
        time: `compute:ENGINE`, `memory:LEVEL`, `ridge` (compute and a level tie) or `launch`; "" where unknown. Of a
            plan: that of the groups that take most of its time.
        energy: `compute` (at least half of the energy), `memory:LEVEL` (the largest level) or `static`; "" where
            unknown.
        roof_s: Time at the roof: the longest term, arrays full, both ports of a level in use. None where unknown.
        lost_s: What is lost to each of `CAUSES`; with `roof_s` it adds up to the latency. {} where unknown.
        reload_s: Part of `roof_s` that goes to bytes that cross a level more than once: what the roof would fall by if
            each crossed once. None where unknown.
        power_s: What the power cap would add to the latency, if it held at each moment; None without a cap or where
            the energy is unknown. It is part of no latency.
    """

    time: str = ""
    energy: str = ""
    roof_s: float | None = None
    lost_s: Mapping[str, float] = field(default_factory=dict)
    reload_s: float | None = None
    power_s: float | None = None

    @property
    def roof_share(self) -> float | None:
        """Time at the roof / latency: 1 on the roof. None where unknown, or where nothing takes time at the roof."""
        if not self.roof_s:
            return None
        return self.roof_s / (self.roof_s + math.fsum(self.lost_s.values()))

    @property
    def detached_by(self) -> str:
        """The cause that takes most of what is lost, `power` among them; "" on the roof and where unknown."""
        if not self.lost_s:
            return ""
        lost = {**self.lost_s, "power": self.power_s or 0.0}
        if self.roof_s and self.roof_s >= ON_THE_ROOF * (self.roof_s + math.fsum(lost.values())):
            return ""
        cause = max(lost, key=lambda name: lost[name])
        return cause if lost[cause] > 0 else ""


def regime(
    engines_s: Mapping[str, float],
    full_engines_s: Mapping[str, float],
    levels_s: Mapping[str, float],
    roof_levels_s: Mapping[str, float],
    *,
    least_levels_s: Mapping[str, float],
    serial: Iterable[str],
    in_turn: Collection[str] = (),
    launch_s: float,
    energy_j: Mapping[str, float],
    power_s: float | None,
) -> Regime:
    """The regime of a group of known work.

    Args:
        engines_s: Time by engine.
        full_engines_s: The same with every array full.
        levels_s: Time by level.
        roof_levels_s: The same at the sum of both ports of a level.
        least_levels_s: The same of bytes that each cross once.
        serial: Levels that do not overlap with compute.
        in_turn: Engines that do not overlap with anything.
        launch_s: Launch overhead.
        energy_j: Energy by `compute`, `memory:LEVEL` and `static`; {} where unknown.
        power_s: What the power cap would add.
    """
    compute_s, ideal_s = max(engines_s.values(), default=0.0), max(full_engines_s.values(), default=0.0)
    waits = frozenset(serial)
    beside_s = max((time for name, time in engines_s.items() if name not in in_turn), default=0.0)
    longest_s = max(levels_s.values(), default=0.0)
    hidden_s = max((time for name, time in levels_s.items() if name not in waits), default=0.0)
    steps = [
        max(ideal_s, *roof_levels_s.values(), 0.0),
        max(ideal_s, longest_s),
        max(compute_s, longest_s),
        max(beside_s, hidden_s)
        + math.fsum(time for name, time in levels_s.items() if name in waits)
        + math.fsum(time for name, time in engines_s.items() if name in in_turn),
    ]
    lost = [after - before for before, after in itertools.pairwise(steps)]
    return Regime(
        time=_time_regime(engines_s, levels_s, launch_s),
        energy=energy_regime(energy_j),
        roof_s=steps[0],
        lost_s=dict(zip(CAUSES, (*lost, launch_s), strict=True)),
        reload_s=steps[0] - min(steps[0], max(ideal_s, *least_levels_s.values(), 0.0)),
        power_s=power_s,
    )


def together(
    regimes: Sequence[Regime], latencies_s: Sequence[float | None], counts: Sequence[int], energy_j: Mapping[str, float]
) -> Regime:
    """The regime of a plan: times by sums over its groups, the time regime that takes most of them.

    Args:
        regimes: Of each kind of group.
        latencies_s: Of a group of each kind.
        counts: Groups of each kind.
        energy_j: Of the plan, as in `regime`.
    """
    roof, lost, reload, power, times = 0.0, dict.fromkeys(CAUSES, 0.0), 0.0, 0.0, dict[str, float]()
    has_power = True
    for one, latency, count in zip(regimes, latencies_s, counts, strict=True):
        if one.roof_s is None or latency is None:
            return Regime(energy=energy_regime(energy_j))
        roof += one.roof_s * count
        for cause, time in one.lost_s.items():
            lost[cause] += time * count
        reload += (one.reload_s or 0.0) * count
        has_power = has_power and one.power_s is not None
        power += (one.power_s or 0.0) * count
        times[one.time] = times.get(one.time, 0.0) + latency * count
    times.pop("", None)
    return Regime(
        time=max(times, key=lambda name: times[name], default=""),
        energy=energy_regime(energy_j),
        roof_s=roof,
        lost_s=lost,
        reload_s=reload,
        power_s=power if has_power and regimes else None,
    )


def energy_regime(terms_j: Mapping[str, float]) -> str:
    """`compute` where it takes at least half of the energy, else `static` or the largest level, whichever part is more.

    Half, since there the energy roof is at half of its peak: the energy ridge.
    """
    total = math.fsum(terms_j.values())
    if total <= 0:
        return ""
    levels = {name: energy for name, energy in terms_j.items() if name.startswith("memory:")}
    static = terms_j.get("static", 0.0)
    if terms_j.get("compute", 0.0) >= 0.5 * total:
        return "compute"
    if not levels or static > math.fsum(levels.values()):
        return "static"
    return max(levels, key=lambda name: levels[name])


def power_capped_s(energy_j: Mapping[str, float], cap_w: float, static_w: float) -> float | None:
    """Least time in which a group can spend its energy under a power cap: dynamic energy / (cap - static power).

    The same as `P <= P_cap x eta`, static power in eta. None where the energy is unknown, or static power alone takes
    the cap.
    """
    if not energy_j or cap_w <= static_w:
        return None
    return math.fsum(energy for name, energy in energy_j.items() if name != "static") / (cap_w - static_w)


def _time_regime(engines_s: Mapping[str, float], levels_s: Mapping[str, float], launch_s: float) -> str:
    engine = max(engines_s, key=lambda name: engines_s[name], default="")
    level = max(levels_s, key=lambda name: levels_s[name], default="")
    compute_s, memory_s = engines_s.get(engine, 0.0), levels_s.get(level, 0.0)
    longest_s = max(compute_s, memory_s)
    if launch_s > longest_s:
        return "launch"
    if longest_s <= 0:
        return ""
    if abs(compute_s - memory_s) < RIDGE_TOLERANCE * longest_s:
        return "ridge"
    return f"compute:{engine}" if compute_s > memory_s else f"memory:{level}"
