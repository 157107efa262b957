"""What keeps a plan, or a group of it, below its roofs? Every cause that there is, in seconds; None where unknown."""

from __future__ import annotations

from collections.abc import Collection

from onnxroof.costs.conversions import CONVERSIONS
from onnxroof.roofline.result import GroupResult, PlanResult, TargetResult

__all__ = ["CONVERSION", "HOST", "POWER", "RELOAD", "SPARSITY", "cause_of", "detachment", "host_nodes"]

RELOAD, CONVERSION, POWER, HOST, SPARSITY = "reload", "conversion", "power", "host", "sparsity"


def detachment(result: TargetResult, plan: PlanResult) -> dict[str, float | None]:
    """Seconds by cause; {} where the plan's latency is unknown.

    `ports`, `spatial`, `overlap` and `launch` add up, with the time at the roof, to the latency. `reload` is a part of
    the time at the roof, `conversion` one of the latency: of groups that do nothing but convert types. `power` and
    `host` would come on top: what a power cap adds, and the least time of what crosses the link to the host. Both are
    None where they are unknown; `host` is 0 where all runs on the device. `sparsity` is always None: every element
    counts as dense, so that no time is known to be lost to skipping some.
    """
    regime = plan.regime
    if not regime.lost_s:
        return {}
    conversion = 0.0
    for group in plan.groups:
        conversion += (group.latency_s or 0.0) if _only_converts(group) else 0.0
    offload = result.offload
    host_s: float | None = None
    if offload is not None and offload.is_known:
        host_s = result.link_s if offload.fallbacks else 0.0
    return {
        RELOAD: regime.reload_s,
        **regime.lost_s,
        CONVERSION: conversion,
        POWER: regime.power_s,
        HOST: host_s,
        SPARSITY: None,
    }


def cause_of(group: GroupResult, on_host: Collection[str]) -> str:
    """What most of a group's distance to the roof is lost to; "" on the roof and where it is unknown.

    Args:
        group: The group.
        on_host: Names of the operators that would run on the host: a group with one of them is not on the device's roof
            at all.
    """
    if any(name in on_host for name in group.nodes):
        return HOST
    return CONVERSION if _only_converts(group) else group.regime.detached_by


def host_nodes(result: TargetResult) -> frozenset[str]:
    """Names of the operators that would run on the host, by what is documented."""
    fallbacks = result.offload.fallbacks if result.offload else ()
    return frozenset(name for fallback in fallbacks for name in fallback.nodes)


def _only_converts(group: GroupResult) -> bool:
    return bool(group.op_types) and CONVERSIONS.issuperset(group.op_types)
