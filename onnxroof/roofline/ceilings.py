"""Which ceilings lie under the peak: of each precision, of a group as it fills, waits and heats, and of a power cap.

A roof says what no work can exceed; a ceiling below it what this work cannot, unless one thing about it changes.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from onnxroof.roofline.waterfall import IDEAL, LAUNCH, SPATIAL
from onnxroof.targets.model import Target

__all__ = ["PrecisionCeiling", "group_ceilings", "power_roof_ops_per_s", "precision_ceilings"]


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


def power_roof_ops_per_s(
    cap_w: float, static_w: float, compute_j_per_op: float, level_j_per_byte: float, intensity_ops_per_byte: float
) -> float:
    """The power cap as a roof over one level: (P_cap - P_static) x eta with eta = 1 / (e_c + e_l / AI)."""
    return max(cap_w - static_w, 0.0) / (compute_j_per_op + level_j_per_byte / intensity_ops_per_byte)
