"""Which ceilings lie under the peak: of each precision, of a group as it fills, waits and heats, and of a power cap.

A roof says what no work can exceed; a ceiling below it what this work cannot, unless one thing about it changes.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from onnxroof.roofline.waterfall import IDEAL, LAUNCH, SPATIAL
from onnxroof.targets.model import Target

if TYPE_CHECKING:
    from onnxroof.roofline.result import GroupResult

__all__ = [
    "PrecisionCeiling",
    "cheapest_op_j",
    "group_ceilings",
    "highest_mix_ops_per_s",
    "power_roof_ops_per_s",
    "precision_ceilings",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class PrecisionCeiling:
    """Peak of an engine in a type; None where unknown.

    Attributes:
        engine: Its name.
        dtype: Type of the operands.
        runs: Kinds of work that the engine runs.
        ops_per_s: Peak rate.
        ops_per_j: 1 / energy per operation.
    """

    engine: str
    dtype: str
    runs: tuple[str, ...]
    ops_per_s: float | None
    ops_per_j: float | None


def precision_ceilings(target: Target) -> tuple[PrecisionCeiling, ...]:
    """A ceiling for each type of each engine, in the order of the target's file."""
    return tuple(
        PrecisionCeiling(
            engine=engine.name,
            dtype=peak.input.name,
            runs=tuple(sorted(engine.runs)),
            ops_per_s=peak.rate.value if peak.rate else None,
            ops_per_j=1 / peak.energy.value if peak.energy and peak.energy.value else None,
        )
        for engine in target.engines
        for peak in engine.peaks
    )


def group_ceilings(ops: int | None, waterfall_s: Mapping[str, float], power_s: float | None) -> dict[str, float | None]:
    """Ceilings of a group in ops/s, each at most the one before; None where unknown or where nothing takes that time.

    `peak`: its mix of engines with their arrays full; `spatial`: as they are filled; `memory`: with what its levels
    deliver, were all of them hidden behind compute; `overlap`: with those that are not; `launch`: with its starts,
    which is what it attains; `power`: that under a power cap.

    Args:
        ops: Operations.
        waterfall_s: Parts of its latency, as `roofline.waterfall` has them.
        power_s: What a power cap adds to the latency.
    """
    engines = waterfall_s.get(IDEAL, 0.0) + waterfall_s.get(SPATIAL, 0.0)
    hidden = engines + math.fsum(time for name, time in waterfall_s.items() if name.startswith("stall:"))
    serial = [time for name, time in waterfall_s.items() if name.startswith("serial:")]
    attained = math.fsum(waterfall_s.values())
    times = {
        "peak": waterfall_s.get(IDEAL, 0.0),
        "spatial": engines,
        "memory": max(hidden, *serial) if serial else hidden,
        "overlap": hidden + math.fsum(serial),
        "launch": hidden + math.fsum(serial) + waterfall_s.get(LAUNCH, 0.0),
        "power": 0.0 if power_s is None else attained + power_s,
    }
    return {name: ops / time if ops is not None and time else None for name, time in times.items()}


def highest_mix_ops_per_s(groups: Iterable[GroupResult]) -> float:
    """The highest peak of the groups' own mixes of work: ops / the longest of (ops on an engine / its peak).

    Engines work at the same time, so that it can lie above the peak of each. Infinite where no rate is known for any
    work of a group: only its bytes bound it then. 0 without operations.
    """
    highest = 0.0
    for group in groups:
        if group.ops:
            busiest_s = max(group.full_engines_s.values(), default=0.0)
            highest = max(highest, group.ops / busiest_s if busiest_s else math.inf)
    return highest


def cheapest_op_j(groups: Iterable[GroupResult]) -> float | None:
    """The least energy of compute an operation among the groups' own mixes of work; None where none is known."""
    known = (group.energy_terms_j["compute"] / group.ops for group in groups if group.ops and group.energy_terms_j)
    return min(known, default=None)


def power_roof_ops_per_s(
    cap_w: float, static_w: float, compute_j_per_op: float, level_j_per_byte: float, intensity_ops_per_byte: float
) -> float:
    """The power cap as a roof over one level: (P_cap - P_static) x eta with eta = 1 / (e_c + e_l / AI)."""
    return max(cap_w - static_w, 0.0) / (compute_j_per_op + level_j_per_byte / intensity_ops_per_byte)
