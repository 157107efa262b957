"""The answer in words: how fast and how frugal at best, on which target, and what holds the model back there.

Plain sentences with the names as they stand (after `shown`); each writer escapes them for its own format.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from onnxroof.report.numbers import count, percent, quantity
from onnxroof.report.words import bound_words, comma_list, counted, fusion_words, number_word, share_words, shown
from onnxroof.roofline.result import GroupResult, PlanResult, TargetResult
from onnxroof.study.result import ModelResult

__all__ = ["Cluster", "answer", "assumed_precisions", "coverage_words", "metric", "slowest_cluster", "winner"]


_MOST_NAMED = 2  # targets that the first sentence names as converted; it must stay readable


@dataclass(frozen=True, slots=True, kw_only=True)
class Cluster:
    """Groups with the same leading operator type and the same bound, and their part of the plan's time."""

    op_type: str
    bound: str
    groups: int
    fraction: float


def answer(model: ModelResult, objective: str) -> tuple[str, ...]:
    """Sentences in the order of their weight; the first says what was assumed of the precision, where it was."""
    if not model.targets:
        return (_work_sentence(model), *_missing(model))
    first = winner(model.targets, objective)
    if first is None:
        reason = "no target knows the rates and bandwidths that it takes"
        return (
            f"{_precision_words(model)}No bound on the time of {shown(model.name)} can be given: {reason}.",
            *_missing(model),
        )
    sentences = [_floor_sentence(model, first, objective), _energy_sentence(model, first)]
    cluster = slowest_cluster(first.best)
    if cluster:
        sentences.append(_cluster_sentence(first, cluster))
    if first.unknown:
        numbers = counted(len(first.unknown), "number")
        are = "is unknown and takes" if len(first.unknown) == 1 else "are unknown and take"
        sentences.append(f"{numbers} of {shown(first.target.name)} {are} no time in these bounds.")
    homeless = [shown(result.target.name) for result in model.targets if result.fits is False]
    if homeless:
        sentences.append(f"Weights and activations do not fit the memory of {comma_list(homeless, 4)}.")
    return (*sentences, *_precision_sentence(model), *_missing(model))


def winner(results: Sequence[TargetResult], objective: str) -> TargetResult | None:
    """The target that is least in the objective, among those that the model fits where there is one.

    Where no target knows the objective, the least latency decides; None where no target knows that either.
    """
    housing = [result for result in results if result.fits is not False]
    for pool in (housing, results):
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


def slowest_cluster(plan: PlanResult) -> Cluster | None:
    """The kind of group that takes most of a plan's time; None where a time is unknown."""
    times: dict[tuple[str, str], float] = {}
    sizes: dict[tuple[str, str], int] = {}
    for group in plan.groups:
        if group.latency_s is None:
            return None
        key = (_anchor(group), group.time_bound)
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


def _anchor(group: GroupResult) -> str:
    return shown(group.op_types[0]) if group.op_types else "other"


def _precision_words(model: ModelResult) -> str:
    """The start of the first sentence; which of many targets are meant follows in a sentence of its own."""
    assumed = assumed_precisions(model)
    if not assumed:
        return ""
    converted = sum(map(len, assumed.values()))
    if converted > _MOST_NAMED:
        where = f"to {comma_list(map(shown, assumed))} on {number_word(converted)} targets"
    else:
        where = comma_list(f"to {shown(dtype)} on {comma_list(names)}" for dtype, names in assumed.items())
    return f"As if converted {where}, for want of the model’s own types there: "


def _precision_sentence(model: ModelResult) -> tuple[str, ...]:
    assumed = assumed_precisions(model)
    if sum(map(len, assumed.values())) <= _MOST_NAMED:
        return ()
    parts = [f"{shown(dtype)} on {comma_list(names, 6)}" for dtype, names in assumed.items()]
    return (f"Converted to: {'; '.join(parts)}.",)


def _floor_sentence(model: ModelResult, first: TargetResult, objective: str) -> str:
    assumption, name = _precision_words(model), shown(model.name)
    rank = _rank_words(model) if objective == "latency" else ""
    start = f"{assumption}{'on' if assumption else 'On'} {shown(first.target.name)}, {rank}"
    if first.floor_latency_s is None:
        words = f"{start}the floor of {name} is unknown"
    else:
        words = f"{start}{name} cannot run faster than {quantity(first.floor_latency_s, 's')} (the floor)"
    plan = first.best
    if plan.latency_s is not None:
        words += f"; the least time of its best plan, {fusion_words(plan.fusion)}, is {quantity(plan.latency_s, 's')}"
    return f"{words}."


def _rank_words(model: ModelResult) -> str:
    """What the first target won against: "with the fastest plan of the eight targets, "."""
    targets = len(model.targets)
    if targets == 1:
        return ""
    housing = sum(result.fits is not False for result in model.targets)
    if housing == 1:
        return f"the only one of the {number_word(targets)} targets that it fits, "
    that = "" if housing in (0, targets) else " that it fits"
    return f"with the fastest plan of the {number_word(housing or targets)} targets{that}, "


def _energy_sentence(model: ModelResult, first: TargetResult) -> str:
    least = winner([result for result in model.targets if metric(result, "energy") is not None], "energy")
    if least is None:
        return "Its energy is unknown" + (" on every target." if len(model.targets) > 1 else ".")
    joules = quantity(metric(least, "energy"), "J")
    if len(model.targets) == 1:
        return f"It takes at least {joules} for one run."
    where = "there too" if least is first else f"on {shown(least.target.name)}"
    return f"The least energy for one run is {where}, {joules}."


def _cluster_sentence(first: TargetResult, cluster: Cluster) -> str:
    share = share_words(cluster.fraction)
    groups = f"{number_word(cluster.groups)} {cluster.op_type} group{'' if cluster.groups == 1 else 's'}"
    bound = f"bound by {bound_words(cluster.bound)}" if cluster.bound else "with an unknown bound"
    return f"{share[0].upper()}{share[1:]} of the time on {shown(first.target.name)} goes to {groups} {bound}."


def _work_sentence(model: ModelResult) -> str:
    totals, name = model.totals, shown(model.name)
    weights = f"{count(model.parameter_count)} parameters ({quantity(model.parameter_bytes, 'B')})"
    if totals.macs is None:
        return f"The operations of {name} are not all known; it has {weights}."
    return f"One run of {name} takes {count(totals.macs, 'MAC')} and has {weights}."


def _missing(model: ModelResult) -> tuple[str, ...]:
    missing = model.nodes_total - model.nodes_costed
    if not missing:
        return ()
    return (f"The cost of {missing} of {counted(model.nodes_total, 'node')} is unknown and is not in these figures.",)
