"""How high a group can come: the peak of its own mix of work, and that peak lowered by the part of the array it fills.

The engine that runs the MACs of a group attains `peak_ops_per_s` with its array full and
`ceiling_ops_per_s = peak_ops_per_s x spatial_utilization` with the array filled as it is. For a group of MACs alone
the peak is that of the engine; other work beside them moves it by its share: it counts as operations, and it may run
on another engine at the same time (the peak rises a little) or on the same one (it falls).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from onnxroof.roofline.result import GroupResult
    from onnxroof.targets.model import Target

__all__ = ["Ceilings", "ceilings"]


@dataclass(frozen=True, slots=True)
class Ceilings:
    """ops/s with the array full, and with the array filled as it is."""

    peak_ops_per_s: float
    ceiling_ops_per_s: float


def ceilings(group: GroupResult, target: Target) -> Ceilings | None:
    """None for a group without MACs, or where the rate of these is unknown."""
    time_s = _mac_time_s(group, target)
    if not time_s or not group.ops or not group.spatial_utilization:
        return None
    peak = group.ops / (time_s * group.spatial_utilization)
    return Ceilings(peak, peak * group.spatial_utilization)


def _mac_time_s(group: GroupResult, target: Target) -> float:
    """Time of the engine that runs the group's MACs, 0 for none."""
    if not group.macs:
        return 0.0
    engines = (engine.name for engine in target.engines if "mac" in engine.runs)
    return max((group.time_terms_s.get(f"compute:{name}", 0.0) for name in engines), default=0.0)
