"""The answer in words: how fast and how frugal at best, on which target, and what holds the model back there.

Plain sentences with the names as they stand (after `shown`); each writer escapes them for its own format.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from onnxroof.ir.workload import AS_IS
from onnxroof.report.estimates import rests_words
from onnxroof.report.numbers import count, percent, quantity
from onnxroof.report.offload import fallback_words
from onnxroof.report.plans import housing, is_rankable, pools
from onnxroof.report.ranking import turn_sentence
from onnxroof.report.words import bound_words, comma_list, counted, fusion_words, number_word, share_words, shown

if TYPE_CHECKING:
    from onnxroof.roofline.result import GroupResult, PlanResult, TargetResult
    from onnxroof.study.result import ModelResult

__all__ = ["Answer", "Cluster", "answer", "assumed_precisions", "coverage_words", "metric", "slowest_cluster", "winner"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a reader wants to know first.

    Attributes:
        assumption: How the first sentence starts where a precision is asked for or assumed, "Taken as INT8 ..., ", else
            "".
        headline: The rest of the first sentence: on which target, the least time and the floor.
        findings: Sentences on what binds there, the least energy, and the lowest floor.
        caveats: Sentences on what the figures leave out or assume.
    """

    assumption: str
    headline: str
    findings: tuple[str, ...] = ()
    caveats: tuple[str, ...] = ()

    @property
    def sentences(self) -> tuple[str, ...]:
        """All of it in the order of its weight."""
        return (self.assumption + self.headline, *self.findings, *self.caveats)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cluster:
    """Groups of the same leading operator type and the same bound, and their part of the plan's time."""

    op_type: str
    bound: str
    groups: int
    fraction: float


def answer(model: ModelResult, objective: str) -> Answer:
    """The answer for one model: among its targets the one that is least in the objective leads."""
    if not model.targets:
        return Answer(assumption=_assumption(model), headline=_work_sentence(model), caveats=_missing(model))
    assumption, first = _assumption(model), winner(model.targets, objective)
    if first is None:
        missing = model.nodes_total - model.nodes_costed
        reason = (
            f"the cost of {missing} of {counted(model.nodes_total, 'node')} is unknown"
            if missing
            else "no target knows the rates and bandwidths that it takes"
        )
        return Answer(
            assumption=assumption,
            headline=f"{'no' if assumption else 'No'} bound on the time of {shown(model.name)} can be given: {reason}.",
            findings=_floor_sentence(model, None),
            caveats=_precision_sentence(model),
        )
    cluster = slowest_cluster(first.best, {node.name: node.macs or 0 for node in model.nodes})
    return Answer(
        assumption=assumption,
        headline=_headline(model, first, objective),
        findings=(
            *((_cluster_sentence(cluster),) if cluster else ()),
            *_energy_sentence(model, first, objective),
            *(_floor_sentence(model, first) if objective == "latency" else ()),
        ),
        caveats=(
            *_misfits(model),
            *_unranked(model, first),
            *_turn(model, first, objective),
            *_unknown_sentence(first),
            *_estimates_sentence(first),
            *_fallback_sentence(first),
            *_precision_sentence(model),
            *_missing(model),
        ),
    )


def winner(results: Sequence[TargetResult], objective: str) -> TargetResult | None:
    """The target that is least in the objective, among those that the model fits and whose times can be ranked.

    Where there is no such target, among those that it fits, else among all. Where no target knows the objective, the
    least latency decides; None where no target knows that either.
    """
    for pool in pools(results):
        for wanted in (objective, "latency"):
            known = [(value, result) for result in pool if (value := metric(result, wanted)) is not None]
            if known:
                return min(known, key=lambda pair: pair[0])[1]
    return None


def metric(result: TargetResult, objective: str) -> float | None:
    """Latency (s), energy (J) or their product of the best plan of a target; None where unknown."""
    if not result.plans:
        return None
    plan = result.best
    if objective == "latency":
        return plan.latency_s
    if objective == "energy":
        return plan.energy_j
    return None if plan.latency_s is None or plan.energy_j is None else plan.latency_s * plan.energy_j


def slowest_cluster(plan: PlanResult, macs: Mapping[str, int]) -> Cluster | None:
    """The kind of group that takes most of a plan's time; None where a time is unknown.

    Args:
        plan: On a target.
        macs: Of each node: a group is called by the operator that has most of them, else by its first.
    """
    times: dict[tuple[str, str], float] = {}
    sizes: dict[tuple[str, str], int] = {}
    for group in plan.groups:
        if group.latency_s is None:
            return None
        key = (_anchor(group, macs), group.time_bound)
        times[key] = times.get(key, 0.0) + group.latency_s
        sizes[key] = sizes.get(key, 0) + 1
    total = sum(times.values())
    if not total:
        return None
    key = max(times, key=lambda name: times[name])
    return Cluster(op_type=key[0], bound=key[1], groups=sizes[key], fraction=times[key] / total)


def coverage_words(model: ModelResult) -> str:
    """As in "coverage 93 % (28 of 30 nodes)"."""
    return f"coverage {percent(model.coverage)} ({model.nodes_costed} of {counted(model.nodes_total, 'node')})"


def assumed_precisions(model: ModelResult) -> dict[str, list[str]]:
    """Names of the targets whose best plan assumes a conversion of the model, by the type that is assumed."""
    assumed: dict[str, list[str]] = {}
    for result in model.targets:
        if result.plans and result.best.assumed_precision:
            assumed.setdefault(result.best.assumed_precision, []).append(shown(result.target.name))
    return assumed


def _anchor(group: GroupResult, macs: Mapping[str, int]) -> str:
    members = list(zip(group.nodes, group.op_types, strict=True))
    return shown(max(members, key=lambda member: macs.get(member[0], 0))[1]) if members else "other"


def _assumption(model: ModelResult) -> str:
    """The start of the first sentence; which targets are meant is said by a sentence of its own."""
    types = comma_list(map(shown, assumed_precisions(model)), conjunction="or")
    where = "where a target lacks the model’s types" if len(model.targets) > 1 else "for want of the model’s own types"
    parts = [f"read as if exported in {shown(model.precision)}"] if model.precision != AS_IS else []
    parts += [f"taken as {types} {where}"] if types else []
    words = " and ".join(parts)
    return f"{words[0].upper()}{words[1:]}, " if words else ""


def _precision_sentence(model: ModelResult) -> tuple[str, ...]:
    assumed = assumed_precisions(model)
    if not assumed or len(model.targets) == 1:
        return ()
    parts = [f"as {shown(dtype)} on {comma_list(names, 6)}" for dtype, names in assumed.items()]
    return (f"Taken {'; '.join(parts)}.",)


_LEAST_IN = {"latency": "is fastest", "energy": "takes least energy", "edp": "takes least energy × time"}


def _headline(model: ModelResult, first: TargetResult, objective: str) -> str:
    name, target, plan = shown(model.name), shown(first.target.name), first.best
    least_in = objective if metric(first, objective) is not None else "latency"
    time = f"at least {quantity(plan.latency_s, 's')}"
    figures = time if least_in == "latency" else f"{quantity(plan.energy_j, 'J')} and {time}"
    fusion = "without fusion" if plan.fusion == "none" else f"with {fusion_words(plan.fusion)}"
    if len(model.targets) == 1:
        words = f"{name} takes {figures} {fusion} on {target}"
    elif len(housing(model.targets)) == 1:
        words = f"{name} fits {target} alone and takes {figures} there {fusion}"
    else:
        words = f"{name} {_LEAST_IN[least_in]} on {target}: {figures} {fusion}"
    if first.floor_latency_s is None:
        return f"{words}; the floor is unknown."
    return f"{words}; no plan can beat {quantity(first.floor_latency_s, 's')} (the floor)."


def _cluster_sentence(cluster: Cluster) -> str:
    share = share_words(cluster.fraction)
    groups = f"{number_word(cluster.groups)} {cluster.op_type} group{'' if cluster.groups == 1 else 's'}"
    bound = f"bound by {bound_words(cluster.bound)}" if cluster.bound else "with an unknown bound"
    return f"{share[0].upper()}{share[1:]} of that time goes to {groups} {bound}."


def _energy_sentence(model: ModelResult, first: TargetResult, objective: str) -> tuple[str, ...]:
    least = winner([result for result in model.targets if metric(result, "energy") is not None], "energy")
    if least is None:
        return ("Its energy is unknown" + (" on every target." if len(model.targets) > 1 else "."),)
    if least is first and objective != "latency":
        return ()
    joules = quantity(metric(least, "energy"), "J")
    if len(model.targets) == 1:
        return (f"One run takes {joules}.",)
    known = "known " if any(metric(result, "energy") is None for result in model.targets) else ""
    where = f"there too: {joules}" if least is first else f"{joules}, on {shown(least.target.name)}"
    # Other plans may take less: a target's best plan is that of the objective.
    return (f"With the best plans, the least {known}energy of a run is {where}.",)


def _floor_sentence(model: ModelResult, first: TargetResult | None) -> tuple[str, ...]:
    """Which target could be faster than the first with plans that nobody has made yet."""
    rankable = filter(is_rankable, housing(model.targets))
    lowest = min(
        (result for result in rankable if result.floor_latency_s is not None),
        key=lambda result: result.floor_latency_s or 0.0,
        default=first,
    )
    if lowest is first or lowest is None:
        return ()
    return (f"The lowest floor is {quantity(lowest.floor_latency_s, 's')}, on {shown(lowest.target.name)}.",)


def _misfits(model: ModelResult) -> tuple[str, ...]:
    homeless = [shown(result.target.name) for result in model.targets if result.fits is False]
    if not homeless:
        return ()
    return (f"Weights and activations do not fit the memory of {comma_list(homeless, 4)}.",)


def _unranked(model: ModelResult, first: TargetResult) -> tuple[str, ...]:
    """Targets that are left out of the comparison, if the first is one that is not."""
    names = [shown(result.target.name) for result in housing(model.targets) if not is_rankable(result)]
    if not names or not is_rankable(first):
        return ()
    unknown = "its peak or the bandwidth of its memory is unknown"
    if len(names) > 1:
        unknown = "their peaks or the bandwidths of their memories are unknown"
    return (f"{comma_list(names, 4)} {'are' if len(names) > 1 else 'is'} not ranked: {unknown}.",)


def _turn(model: ModelResult, first: TargetResult, objective: str) -> tuple[str, ...]:
    """Which targets could take the first's place, if the first is one that can be ranked."""
    if not is_rankable(first):
        return ()
    wanted = objective if metric(first, objective) is not None else "latency"
    return turn_sentence(first, list(filter(is_rankable, housing(model.targets))), wanted)


def _unknown_sentence(first: TargetResult) -> tuple[str, ...]:
    if not first.unknown:
        return ()
    numbers = counted(len(first.unknown), "number")
    are = "is unknown and takes" if len(first.unknown) == 1 else "are unknown and take"
    return (f"{numbers} of {shown(first.target.name)} {are} no time in these bounds.",)


def _estimates_sentence(first: TargetResult) -> tuple[str, ...]:
    words = rests_words(first)
    return (f"Of {shown(first.target.name)}, {words}.",) if words else ()


def _fallback_sentence(first: TargetResult) -> tuple[str, ...]:
    words = fallback_words(first)
    return (f"Of {shown(first.target.name)}, {words}; the figures take them as if they ran there.",) if words else ()


def _work_sentence(model: ModelResult) -> str:
    totals, name = model.totals, shown(model.name)
    is_later = model.precision != AS_IS  # in its sentence
    weights = f"{count(model.parameter_count)} parameters ({quantity(model.parameter_bytes, 'B')})"
    if totals.macs is None:
        return f"{'the' if is_later else 'The'} operations of {name} are not all known; it has {weights}."
    return f"{'one' if is_later else 'One'} run of {name} takes {count(totals.macs, 'MAC')} and has {weights}."


def _missing(model: ModelResult) -> tuple[str, ...]:
    missing = model.nodes_total - model.nodes_costed
    if not missing:
        return ()
    return (f"The cost of {missing} of {counted(model.nodes_total, 'node')} is unknown and is not in these figures.",)
