"""The part of the JSON that travels inside a page: figures of targets and plans, groups of the best plans."""

from __future__ import annotations

from collections.abc import Sequence

from onnxroof.report.json import (
    Document,
    Json,
    envelope,
    failure_document,
    group_document,
    model_document,
    plan_document,
    target_document,
)
from onnxroof.roofline.result import GroupResult, PlanResult, TargetResult
from onnxroof.study.result import Analysis, Failure

__all__ = ["MOST_GROUPS", "page_data", "slowest_first"]

MOST_GROUPS = 1000  # a target; the slowest are kept, so that a page of eight targets stays within a few megabytes


def page_data(analysis: Analysis) -> Document:
    """The contract's document without nodes and decisions; groups of the best plans alone, slowest first."""
    models: list[Json] = []
    for entry in analysis.models:
        if isinstance(entry, Failure):
            models.append(failure_document(entry))
            continue
        document = model_document(entry)
        if analysis.has_targets:
            document["targets"] = [_target(result) for result in entry.targets]
        models.append(document)
    return envelope(analysis, models)


def slowest_first(groups: Sequence[GroupResult]) -> list[GroupResult]:
    """Groups by falling latency, unknown ones first: they may be anything. The rank of a group is its place."""
    return sorted(groups, key=lambda group: float("-inf") if group.latency_s is None else -group.latency_s)


def _target(result: TargetResult) -> Document:
    return target_document(result, [_plan(plan, is_best=plan.fusion == result.best_plan) for plan in result.plans])


def _plan(plan: PlanResult, *, is_best: bool) -> Document:
    document = plan_document(plan)
    document["groups_total"] = len(plan.groups)
    if is_best:
        document["groups"] = [group_document(group) for group in slowest_first(plan.groups)[:MOST_GROUPS]]
    return document
