"""In which regime does a group run: what sets its time, what its energy goes to, and why it lies below its roof?

The roof over a group is its longest term with every array full and both ports of a level in use; what takes its time
above that has a cause, and the causes add up with the roof to the time. The classes follow the terms of the dual
roofline; the tolerance of a tie, the three parts of energy and the order in which causes are told apart are ours.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

__all__ = [
    "CAUSES",
    "ON_THE_ROOF",
    "RIDGE_TOLERANCE",
    "Regime",
    "Regimes",
    "energy_regime",
    "regimes",
    "time_words",
    "together",
]

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]

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


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Regimes:
    """The regimes of N groups; see `Regime`.

    Attributes:
        time: (N,) number of the time regime among `time_words`, -1 for none.
        roof_s, reload_s: (N,).
        lost_s: (N, causes) by `CAUSES`.
    """

    time: IntArray
    roof_s: FloatArray
    reload_s: FloatArray
    lost_s: FloatArray


def time_words(engines: Sequence[str], levels: Sequence[str]) -> tuple[str, ...]:
    """The time regimes of a target, in the order of their numbers."""
    return ("launch", "ridge", *(f"compute:{name}" for name in engines), *(f"memory:{name}" for name in levels))


def regimes(
    engines_s: FloatArray,
    full_engines_s: FloatArray,
    levels_s: FloatArray,
    roof_levels_s: FloatArray,
    least_levels_s: FloatArray,
    runs: BoolArray,
    *,
    is_timed: BoolArray,
    waits: BoolArray,
    in_turn: BoolArray,
    launch_s: FloatArray,
) -> Regimes:
    """The regimes of N groups of known work on E engines and L levels.

    Args:
        engines_s: (N, E) time by engine.
        full_engines_s: (N, E) the same with every array full.
        levels_s: (N, L) time by level.
        roof_levels_s: (N, L) the same at the sum of both ports of a level.
        least_levels_s: (N, L) the same of bytes that each cross once.
        runs: (N, E) whether an engine has work.
        is_timed: (N, L) whether a level has a time.
        waits: (N, L) whether it does not overlap with compute.
        in_turn: (N, E) whether an engine does not overlap with anything.
        launch_s: (N,) launch overhead.
    """
    compute_s, ideal_s = engines_s.max(axis=1, initial=0.0), full_engines_s.max(axis=1, initial=0.0)
    longest_s = levels_s.max(axis=1, initial=0.0)
    beside_s = np.where(in_turn, 0.0, engines_s).max(axis=1, initial=0.0)
    hidden_s = np.where(waits, 0.0, levels_s).max(axis=1, initial=0.0)
    after_s = np.where(waits, levels_s, 0.0).sum(axis=1) + np.where(in_turn, engines_s, 0.0).sum(axis=1)
    roof_s = np.maximum(ideal_s, roof_levels_s.max(axis=1, initial=0.0))
    ports_s = np.maximum(ideal_s, longest_s)
    spatial_s = np.maximum(compute_s, longest_s)
    least_s = np.maximum(ideal_s, least_levels_s.max(axis=1, initial=0.0))
    overlap_s = np.maximum(beside_s, hidden_s) + after_s
    return Regimes(
        time=_time_regimes(np.where(runs, engines_s, -1.0), np.where(is_timed, levels_s, -1.0), launch_s),
        roof_s=roof_s,
        reload_s=roof_s - np.minimum(roof_s, least_s),
        lost_s=np.stack((ports_s - roof_s, spatial_s - ports_s, overlap_s - spatial_s, launch_s), axis=1),
    )


def _time_regimes(engines_s: FloatArray, levels_s: FloatArray, launch_s: FloatArray) -> IntArray:
    """(N,) numbers; what an engine or level that has no time counts for is negative."""
    engine, compute_s = _longest(engines_s)
    level, memory_s = _longest(levels_s)
    longest_s = np.maximum(compute_s, memory_s)
    found = np.where(compute_s > memory_s, 2 + engine, 2 + engines_s.shape[1] + level)
    found[np.abs(compute_s - memory_s) < RIDGE_TOLERANCE * longest_s] = 1
    found[longest_s <= 0] = -1
    found[launch_s > longest_s] = 0
    return found


def _longest(times_s: FloatArray) -> tuple[IntArray, FloatArray]:
    """(N,) the first of the longest times, and that time; 0 where there is none."""
    if not times_s.shape[1]:
        return np.zeros(len(times_s), dtype=np.int64), np.zeros(len(times_s))
    place = times_s.argmax(axis=1)
    return place, np.maximum(times_s[np.arange(len(times_s)), place], 0.0)


def together(
    time: Sequence[str], seconds: Regimes, power_s: FloatArray, latency_s: FloatArray, counts: FloatArray,
    energy_j: Mapping[str, float],
) -> Regime:  # fmt: skip
    """The regime of a plan: times by sums over its groups, the time regime that takes most of them.

    Args:
        time: Words of the time regimes.
        seconds: Of N kinds of groups.
        power_s: (N,) what the power cap would add to a group of each, NaN where unknown.
        latency_s: (N,) of a group of each, NaN where unknown.
        counts: (N,) groups of each kind.
        energy_j: Energy of the plan by `compute`, `memory:LEVEL` and `static`; {} where unknown.
    """
    if np.isnan(latency_s).any():
        return Regime(energy=energy_regime(energy_j))
    shares = np.bincount(seconds.time + 1, weights=latency_s * counts, minlength=len(time) + 1)[1:]
    power = float(power_s @ counts)
    return Regime(
        time=time[int(shares.argmax())] if shares.any() else "",
        energy=energy_regime(energy_j),
        roof_s=float(seconds.roof_s @ counts),
        lost_s=dict(zip(CAUSES, (counts @ seconds.lost_s).tolist(), strict=True)),
        reload_s=float(seconds.reload_s @ counts),
        power_s=None if math.isnan(power) or not len(counts) else power,
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
