"""The part of the JSON that travels inside a page: figures of targets and plans, kinds of groups of the best plans."""

from __future__ import annotations

from onnxroof.report.document import Document, Json
from onnxroof.report.json import (
    envelope,
    failure_document,
    group_document,
    model_document,
    plan_document,
    target_document,
)
from onnxroof.report.kinds import slowest_kinds
from onnxroof.roofline.result import PlanResult, TargetResult
from onnxroof.study.result import Analysis, Failure

__all__ = ["MOST_KINDS", "page_data"]

MOST_KINDS = 300  # a target; the slowest are kept, so that a page of eight targets stays small


def page_data(analysis: Analysis) -> Document:
    """The contract's document in part: of the best plans one group of each kind, the slowest first, and no more.

    No nodes, decisions and mappings, nor why a group's figures are what they are.
    A mapping of all levels is searched for the JSON alone: a page must not wait for it.

    Two keys are the page's own: a group's `alike`, how many groups its figures stand for, and a plan's `groups_total`.
    """
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


def _target(result: TargetResult) -> Document:
    plans: list[Json] = [_plan(plan, result, is_best=plan.fusion == result.best_plan) for plan in result.plans]
    return target_document(result, plans)


def _plan(plan: PlanResult, result: TargetResult, *, is_best: bool) -> Document:
    document = plan_document(plan, result, is_whole=False)
    document["groups_total"] = len(plan.groups)
    if is_best:
        kinds = slowest_kinds(plan.groups)[:MOST_KINDS]
        document["groups"] = [{**group_document(kind.first, is_whole=False), "alike": kind.groups} for kind in kinds]
    return document
