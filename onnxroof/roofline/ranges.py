"""How far may a figure be off, where numbers of the target are estimates, remembered, or defaults of ours?

Each such number may be too large or too small by the spread of its kind of source. Time and energy never fall when a
rate or a bandwidth falls or a price rises, so that the two ends are exact: all uncertain numbers at their best, and all
at their worst. Whatever they are in between, the figure lies in the range. Capacities stay as they are written: what a
tile that no longer fits would do comes in steps, which the elasticities show. So do costs of special operations that a
target states, which have no source of their own, and the plan with its bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

from onnxroof.roofline.floor import Floor
from onnxroof.roofline.rates import DEFAULT_SPECIAL_LANES
from onnxroof.roofline.result import PlanResult
from onnxroof.roofline.sensitivity import figures_on
from onnxroof.targets.model import Engine, MemoryLevel, Peak, Quantity, Target

__all__ = ["SPREADS", "Range", "Ranges", "ranges"]

SPREADS: Mapping[str, float] = MappingProxyType({"estimate": 2.0, "default": 2.0, "recalled": 1.25})
"""By the kind of a source, the factor by which a number may be too large or too small.

2 is how far the estimated energies lie from power fits of four GPUs (`targets.energy_defaults`), and is taken for all
estimates and defaults. 1.25 for what was written from memory is a choice: it covers boost against base clock and a
memory's pin rate against the one that shipped; nothing was measured for it.
"""


_ENDS = (True, False)  # better, worse


@dataclass(frozen=True, slots=True, kw_only=True)
class Range:
    """Least and greatest value of a figure."""

    low: float
    high: float

    @property
    def is_wide(self) -> bool:
        """Whether the two differ."""
        return self.high > self.low * (1 + 1e-9)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranges:
    """Of the best plan on a target and of its floors; None where the figure is unknown."""

    latency_s: Range | None = None
    energy_j: Range | None = None
    floor_latency_s: Range | None = None
    floor_energy_j: Range | None = None


def ranges(
    target: Target,
    plan: PlanResult,
    evaluated: Callable[[Target], PlanResult],
    least: Callable[[Target], Floor],
) -> Ranges:
    """The ranges of a plan's figures and of the floors.

    Args:
        target: The target.
        plan: The plan on it.
        evaluated: The plan on another target.
        least: The floor of the model on another target.
    """
    guessed = frozenset(name for kind, _, name in (plan.ledger.parts if plan.ledger else ()) if kind == "special")
    (low_s, low_j), (high_s, high_j) = figures_on(plan, [_end(target, guessed, better=b) for b in _ENDS], evaluated)
    # A guessed cost has no place in a floor, which takes one operation where the target states nothing.
    best, worst = (least(_end(target, frozenset(), better=b)) for b in _ENDS)
    middle = least(target)
    return Ranges(
        latency_s=_range(low_s, plan.latency_s, high_s),
        energy_j=_range(low_j, plan.energy_j, high_j),
        floor_latency_s=_range(best.latency_s, middle.latency_s, worst.latency_s),
        floor_energy_j=_range(best.energy_j, middle.energy_j, worst.energy_j),
    )


def _range(low: float | None, value: float | None, high: float | None) -> Range | None:
    """The ends, and never less than the figure itself: sums in another order differ in their last digit."""
    if low is None or value is None or high is None:
        return None
    return Range(low=min(low, value), high=max(high, value))


def _end(target: Target, guessed: frozenset[str], *, better: bool) -> Target:
    """The target with all its uncertain numbers at their best or at their worst, and the special costs guessed so."""
    return replace(
        target,
        engines=tuple(_engine(engine, guessed, better=better) for engine in target.engines),
        levels=tuple(_level(level, better=better) for level in target.levels),
        static_power=_moved(target.static_power, up=not better),
        launch_overhead=_moved(target.launch_overhead, up=not better),
    )


def _engine(engine: Engine, guessed: frozenset[str], *, better: bool) -> Engine:
    lanes = DEFAULT_SPECIAL_LANES * (1 / SPREADS["default"] if better else SPREADS["default"])
    costs = dict.fromkeys(guessed, lanes) if "special" in engine.runs else {}
    return replace(
        engine,
        peaks=tuple(_peak(peak, better=better) for peak in engine.peaks),
        special_cost={**costs, **engine.special_cost},
    )


def _peak(peak: Peak, *, better: bool) -> Peak:
    return replace(peak, rate=_moved(peak.rate, up=better), energy=_moved(peak.energy, up=not better))


def _level(level: MemoryLevel, *, better: bool) -> MemoryLevel:
    return replace(
        level,
        read_bandwidth=_moved(level.read_bandwidth, up=better),
        write_bandwidth=_moved(level.write_bandwidth, up=better),
        read_energy=_moved(level.read_energy, up=not better),
        write_energy=_moved(level.write_energy, up=not better),
    )


def _moved(quantity: Quantity | None, *, up: bool) -> Quantity | None:
    """A number as large or as small as the kind of its source lets it be."""
    if quantity is None or quantity.source.kind not in SPREADS:
        return quantity
    spread = SPREADS[quantity.source.kind]
    return replace(quantity, value=quantity.value * spread if up else quantity.value / spread)
