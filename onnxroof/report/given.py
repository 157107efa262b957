"""Groups that came from outside against ours: what each takes on a target, and what of theirs could not be had."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from onnxroof.mapping.given import GIVEN
from onnxroof.report.estimates import marked
from onnxroof.report.numbers import UNKNOWN, quantity
from onnxroof.report.plans import is_work_known
from onnxroof.report.words import comma_list, counted, fusion_words, shown

if TYPE_CHECKING:
    from onnxroof.mapping.plan import Decision
    from onnxroof.roofline.result import PlanResult, TargetResult

__all__ = ["given_decisions", "given_lines", "given_plan"]

_SAID = ("taken apart", "not mapped", "mapped", "not reordered")


def given_plan(result: TargetResult) -> PlanResult | None:
    """The plan of groups that came from outside, None where there are none."""
    return next((plan for plan in result.plans if plan.fusion == GIVEN), None)


def given_decisions(plan: PlanResult) -> tuple[Decision, ...]:
    """What is to be said of groups that came from outside: what is taken apart, and what is not mapped."""
    return tuple(decision for decision in plan.decisions if decision.action in _SAID)


def given_lines(results: Sequence[TargetResult], objective: str) -> Iterator[str]:
    """Theirs and the best of ours on each target, in words; nothing where no groups were given."""
    from onnxroof.roofline.searched import best_of  # not for those without such groups

    pairs = [(result, plan) for result in results if (plan := given_plan(result)) is not None]
    if pairs:
        yield "the groups given, and the best plan of ours:"
    for result, plan in pairs:
        ours = best_of([other for other in result.plans if other is not plan], objective)
        parts = (
            f"given: {_figures(result, plan)}", f"ours, {fusion_words(ours.fusion)}: {_figures(result, ours)}",
            *_lacks(plan),
        )  # fmt: skip
        yield f"  {shown(result.target.name)}: {'; '.join(parts)}"


def _figures(result: TargetResult, plan: PlanResult) -> str:
    """As in "2.1 ms, 3.4 µJ, 1.2 MB at dram in 33 groups"."""
    outer = result.levels[0].name if result.levels else ""
    time = marked(plan.latency_s, "s", plan.latency_estimated_s)
    energy = marked(plan.energy_j, "J", plan.energy_estimated_j)
    moved = quantity(plan.traffic_bytes.get(outer) if is_work_known(plan) else None, "B")
    parts = (
        f"time {time}" if time == UNKNOWN else time, f"energy {energy}" if energy == UNKNOWN else energy,
        f"{'bytes ' if moved == UNKNOWN else ''}{moved} at {shown(outer)} in {counted(len(plan.groups), 'group')}",
    )  # fmt: skip
    return ", ".join(parts)


def _lacks(plan: PlanResult) -> Iterator[str]:
    """How many groups could not be had as they were given; why is in the report."""
    count = {action: sum(one.action == action for one in plan.decisions) for action in _SAID}
    words = [
        f"{counted(count['taken apart'], 'group')} taken apart" if count["taken apart"] else "",
        f"{counted(count['not mapped'], 'node')} not mapped" if count["not mapped"] else "",
        "in the order of the file" if count["not reordered"] else "",
    ]
    if any(words):
        yield f"{comma_list(filter(None, words))} (the report and the JSON say why)"
