"""Figures of a plan that every view shows: what binds its time, how much of the peak it attains, whether it fits."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

from onnxroof.report.numbers import UNKNOWN
from onnxroof.report.words import common_stem, shown

if TYPE_CHECKING:
    from onnxroof.roofline.result import PlanResult, TargetResult

__all__ = [
    "best_in",
    "efficiency_words",
    "fastest",
    "fits_words",
    "fractions",
    "housing",
    "in_reach",
    "is_rankable",
    "is_work_known",
    "over_fastest",
    "peak_share",
    "plan_energy_j",
    "pools",
    "stem_of",
    "time_by_bound",
]

_BY_REACH = ("none", "epilogue", "depth-first")
"""What target files say of a compiler, each able to do what stands before it."""


def time_by_bound(plan: PlanResult) -> dict[str, float]:
    """Fraction of the plan's time in groups of each bound, largest first; {} where a group's time is unknown."""
    return fractions((group.time_bound, group.latency_s) for group in plan.groups)


def plan_energy_j(plan: PlanResult) -> dict[str, float]:
    """Energy of the plan by contribution, {} where a group's is unknown."""
    sums: dict[str, float] = {}
    for group in plan.groups:
        if group.energy_j is None:
            return {}
        for term, energy in group.energy_terms_j.items():
            sums[term] = sums.get(term, 0.0) + energy
    return sums


def peak_share(result: TargetResult) -> float | None:
    """Operations of MACs per second in the best plan / peak of the engine that runs them; all of a model without MACs.

    What other engines do beside them does not count: it would let a share pass the whole.
    """
    plan, peak = result.best, result.peak_ops_per_s
    if plan.ops_per_s is None or not plan.latency_s or not peak:
        return None
    macs = sum(group.macs or 0 for group in plan.groups)
    return (2 * macs / plan.latency_s if macs else plan.ops_per_s) / peak


def is_rankable(result: TargetResult) -> bool:
    """Whether the times of a target say enough to call it faster than another.

    The peak and the bandwidth of the outermost level must be known: what is unknown takes no time, so that the target
    of which nobody knows anything would be the fastest of all.
    """
    return bool(result.peak_ops_per_s and result.levels and result.levels[0].bandwidth_bytes_per_s)


def housing(results: Iterable[TargetResult]) -> list[TargetResult]:
    """Targets that the model may fit."""
    return [result for result in results if result.fits is not False]


def pools(results: Sequence[TargetResult]) -> tuple[Sequence[TargetResult], ...]:
    """Targets among which the best in a figure is sought: in the first pool where one knows the figure.

    They are those that the model fits and whose times can be ranked, those that it fits, and all.
    """
    fitting = housing(results)
    return list(filter(is_rankable, fitting)), fitting, results


def best_in(results: Sequence[TargetResult], figure: Callable[[TargetResult], float | None]) -> tuple[bool, ...]:
    """Of each target, whether it is the best in a figure, every one of a tie; none is where nothing differs.

    As in the answer, what does not fit or cannot be ranked does not contend while something else fits and can be.
    """
    known = ({id(one): value for one in pool if (value := figure(one)) is not None} for pool in pools(results))
    contending = next(filter(None, known), {})
    if len(set(contending.values())) < 2:
        return (False,) * len(results)
    least = min(contending.values())
    return tuple(contending.get(id(one)) == least for one in results)


def is_work_known(plan: PlanResult) -> bool:
    """Whether the work of all its groups is: else it is not known either what they move."""
    return all(group.ops is not None for group in plan.groups)


def in_reach(result: TargetResult) -> PlanResult | None:
    """The fastest plan that the target's compiler is known to be able to make.

    What a target's file says of fusion is the most that its compiler does: such a compiler may also fuse less, so every
    policy up to that one counts, as far as it was planned. None where the file does not say, where no such policy was
    planned, or where no time is known.
    """
    fusion = result.target.fusion
    if fusion is None:
        return None
    reach = _BY_REACH[: _BY_REACH.index(fusion) + 1]
    return fastest(plan for plan in result.plans if plan.fusion in reach)


def over_fastest(result: TargetResult) -> float | None:
    """Least time of the plan in reach of the target's compiler / that of the fastest plan; None where unknown."""
    plan, least = in_reach(result), fastest(result.plans)
    if plan is None or least is None or not plan.latency_s or not least.latency_s:
        return None
    return plan.latency_s / least.latency_s


def fastest(plans: Iterable[PlanResult]) -> PlanResult | None:
    """The plan with the least time of those whose time is known, the first of equal ones."""
    return min((plan for plan in plans if plan.latency_s), key=lambda plan: plan.latency_s or 0.0, default=None)


def stem_of(plan: PlanResult) -> str:
    """What the names of most groups of a plan start with, so that a table can leave it out."""
    return common_stem(group.nodes[0] for group in plan.groups if group.nodes)


def fits_words(result: TargetResult) -> str:
    """Whether weights and activations fit the memories that must hold them."""
    return {True: "fits", False: "does not fit", None: UNKNOWN}[result.fits]


def efficiency_words(result: TargetResult) -> str:
    """As in "matrix 0.63 (fitted on 8 points)", the source of each behind it."""
    by_source: dict[str, list[str]] = {}
    for name, quantity in result.target.efficiency.items():
        by_source.setdefault(quantity.source.title, []).append(f"{shown(name)} {quantity.value:.3g}")
    return "; ".join(f"{', '.join(names)} ({shown(title)})" for title, names in by_source.items())


def fractions(values: Iterable[tuple[str, float | None]]) -> dict[str, float]:
    """Sums by name over the whole, largest first; {} where one is unknown or there is nothing."""
    sums: dict[str, float] = {}
    for name, value in values:
        if value is None:
            return {}
        sums[name] = sums.get(name, 0.0) + value
    total = sum(sums.values())
    if not total:
        return {}
    return {name: value / total for name, value in sorted(sums.items(), key=lambda item: -item[1]) if value}
