"""How high a group can come: the peak of its own mix of work, and that peak lowered by the part of the array it fills.

The engine that runs the MACs of a group attains `peak_ops_per_s` with its array full and `ceiling_ops_per_s` with the
array filled as it is: `peak_ops_per_s x spatial_utilization` where the MACs are all that it does. For a group of MACs
alone the peak is that of the engine; other work beside them moves it by its share: it counts as operations, and it may
run on another engine at the same time (the peak rises a little) or on the same one (it falls, and less of its time
depends on the array).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from onnxroof.roofline.result import GroupResult

__all__ = ["Ceilings", "ceilings"]


@dataclass(frozen=True, slots=True)
class Ceilings:
    """ops/s with the array full, and with the array filled as it is."""

    peak_ops_per_s: float
    ceiling_ops_per_s: float


def ceilings(group: GroupResult) -> Ceilings | None:
    """None for a group without MACs, or where the rate of these is unknown."""
    full_s = max((group.full_engines_s[name] for name in group.mac_engines), default=0.0)
    filled_s = max((group.time_terms_s[f"compute:{name}"] for name in group.mac_engines), default=0.0)
    if not group.ops or not full_s or not filled_s:
        return None
    peak = group.ops / full_s
    return Ceilings(peak, peak * (full_s / filled_s))
