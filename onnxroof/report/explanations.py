"""Why a figure is what it is, as JSON: regimes, waterfalls, ceilings, levers, and elasticities where asked for."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from onnxroof.report.document import Document, Json, number, numbers

if TYPE_CHECKING:  # a count must not wait for what stands behind targets
    from onnxroof.roofline.levers import Exit
    from onnxroof.roofline.ranges import Ranges
    from onnxroof.roofline.regimes import Regime
    from onnxroof.roofline.result import GroupResult, PlanResult, TargetResult

__all__ = ["group_explanation", "plan_explanation", "sensitivity_document", "target_explanation"]


def group_explanation(group: GroupResult, on_host: Collection[str]) -> Document:
    """What is said of a group beside its figures.

    Args:
        group: The group.
        on_host: Names of the operators that would run on the host.
    """
    from onnxroof.roofline.ceilings import group_ceilings
    from onnxroof.roofline.detachment import cause_of
    from onnxroof.roofline.levers import energy_exit_of, exit_of

    leave = exit_of(group.time_terms_s, group.time_bound) if group.time_bound else None
    return {
        "regime": _regime(group.regime, cause_of(group, on_host)),
        "waterfall_s": numbers(group.waterfall_s),
        "ceilings_ops_per_s": numbers(group_ceilings(group.ops, group.waterfall_s, group.regime.power_s)),
        "exit": _exit(leave),
        "energy_exit": _exit(energy_exit_of(group.energy_terms_j)),
    }


def plan_explanation(plan: PlanResult, result: TargetResult) -> Document:
    """What is said of a plan on its target beside its figures."""
    from onnxroof.report.plans import plan_energy_j
    from onnxroof.roofline.detachment import detachment
    from onnxroof.roofline.levers import energy_exit_of, levers

    found, area_mm2, clock = plan.efficiency, result.area_mm2, result.target.clock
    changes: list[Json] = [
        {
            "term": lever.term,
            "twice_latency_s": number(lever.twice_s),
            "limit_latency_s": number(lever.limit_s),
            "exit": _exit(lever.exit),
        }
        for lever in levers(plan.groups)
    ]
    return {
        "regime": _regime(plan.regime, plan.regime.detached_by),
        "detachment_s": {cause: number(time) for cause, time in detachment(result, plan).items()},
        "waterfall_s": numbers(plan.waterfall_s),
        "efficiency": {
            "peak_ops_per_s": number(found.peak_ops_per_s),
            "ops_per_s": number(found.ops_per_s),
            "of_peak": number(found.of_peak),
            "peak_ops_per_j": number(found.peak_ops_per_j),
            "ops_per_j": number(found.ops_per_j),
            "of_peak_energy": number(found.of_peak_energy),
            "ops_per_s_per_mm2": _per_area(found.ops_per_s, area_mm2),
            "ops_per_cycle": number(found.ops_per_s / clock.value if found.ops_per_s is not None and clock else None),
            "j_per_op": number(1 / found.ops_per_j if found.ops_per_j else None),
        },
        "power_w": number(plan.energy_j / plan.latency_s if plan.energy_j is not None and plan.latency_s else None),
        "levers": changes,
        "energy_exit": _exit(energy_exit_of(plan_energy_j(plan))),
    }


def target_explanation(result: TargetResult) -> Document:
    """What is said of a target beside its figures."""
    from onnxroof.roofline.ceilings import precision_ceilings

    ceilings: list[Json] = [
        {
            "engine": ceiling.engine,
            "type": ceiling.dtype,
            "runs": list(ceiling.runs),
            "ops_per_s": number(ceiling.ops_per_s),
            "ops_per_j": number(ceiling.ops_per_j),
        }
        for ceiling in precision_ceilings(result.target)
    ]
    cap = result.target.power_cap
    return {
        "peak_ops_per_j": number(result.peak_ops_per_j),
        "area_mm2": number(result.area_mm2),
        "peak_ops_per_s_per_mm2": _per_area(result.peak_ops_per_s, result.area_mm2),
        "power_cap_w": None if cap is None else number(cap.value),
        "ceilings": ceilings,
        "ranges": _ranges(result.ranges),
    }


def sensitivity_document(result: TargetResult) -> list[Json]:
    """Elasticities of the best plan, the largest effect on its time first; then what is no number, fusion."""
    ordered = sorted(
        result.sensitivity,
        key=lambda one: (one.change != "twice", -abs(one.latency or 0.0), -abs(one.energy or 0.0)),
    )
    return [
        {
            "key": one.key,
            "latency": number(one.latency),
            "energy": number(one.energy),
            "twice_latency": number(one.twice_latency),
            "twice_energy": number(one.twice_energy),
            "change": one.change,
        }
        for one in ordered
    ]


def _ranges(found: Ranges | None) -> Document | None:
    if found is None:
        return None
    named = {
        "latency_s": found.latency_s,
        "energy_j": found.energy_j,
        "floor_latency_s": found.floor_latency_s,
        "floor_energy_j": found.floor_energy_j,
    }
    return {name: None if one is None else [number(one.low), number(one.high)] for name, one in named.items()}


def _regime(regime: Regime, detached_by: str) -> Document:
    return {
        "time": regime.time,
        "energy": regime.energy,
        "roof_s": number(regime.roof_s),
        "roof_share": number(regime.roof_share),
        "lost_s": numbers(regime.lost_s),
        "detached_by": detached_by,
        "reload_s": number(regime.reload_s),
        "power_cap_adds_s": number(regime.power_s),
    }


def _exit(leave: Exit | None) -> Document | None:
    return None if leave is None else {"factor": number(leave.factor), "becomes": leave.becomes}


def _per_area(rate: float | None, area_mm2: float | None) -> float | None:
    return number(rate / area_mm2) if rate is not None and area_mm2 else None
