"""Fusion groups that are alike, taken together: the 48 equal blocks of a network are one line of a summary."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from onnxroof.roofline.result import GroupResult

__all__ = ["Kind", "slowest_kinds"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """Groups of the same operators with the same work, traffic, time and energy: one point of every chart.

    Attributes:
        first: The first of them in order of execution.
        groups: How many there are.
        latency_s: Of all together, None where unknown.
        energy_j: Of all together, None where unknown.
    """

    first: GroupResult
    groups: int
    latency_s: float | None
    energy_j: float | None


def slowest_kinds(groups: Sequence[GroupResult]) -> list[Kind]:
    """Kinds by falling time of all their groups, those of unknown time first: they may be anything."""
    alike: dict[tuple[object, ...], list[GroupResult]] = {}
    for group in groups:
        figures = (group.ops, group.time_bound, group.latency_s, group.energy_j, group.spatial_utilization)
        key = (group.op_types, group.repeat, *figures, *group.traffic_bytes.values())
        alike.setdefault(key, []).append(group)
    kinds = [
        Kind(
            first=members[0],
            groups=len(members),
            latency_s=None if members[0].latency_s is None else members[0].latency_s * len(members),
            energy_j=None if members[0].energy_j is None else members[0].energy_j * len(members),
        )
        for members in alike.values()
    ]
    return sorted(kinds, key=lambda kind: float("-inf") if kind.latency_s is None else -kind.latency_s)
