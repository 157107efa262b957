"""What must hold of the policies that look for groups, for every workload on every target."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from properties.strategies import targets, workloads

from onnxroof.costs.table import cost_table
from onnxroof.ir.workload import Workload
from onnxroof.mapping.planned import planned
from onnxroof.mapping.storage import storage
from onnxroof.roofline.evaluate import evaluate
from onnxroof.roofline.result import PlanResult, TargetResult
from onnxroof.targets.model import Target

SLACK = 1 + 1e-9
POLICIES = ("none", "epilogue", "depth-first", "auto")


def run(model: Workload, where: Target, objective: str = "latency", state: str = "cold") -> TargetResult:
    costs = cost_table(model)
    return evaluate(
        planned(model, costs, storage(model, costs), POLICIES), where, objective=objective, state=state
    )  # fmt: skip


def value(plan: PlanResult, objective: str) -> float:
    latency, energy = plan.latency_s or 0.0, plan.energy_j or 0.0
    return {"latency": latency, "energy": energy, "edp": latency * energy}[objective]


@settings(max_examples=60, deadline=None)
@given(workloads(), targets(), st.sampled_from(["latency", "energy", "edp"]), st.sampled_from(["cold", "steady"]))
def test_auto_is_never_worse_than_any_other(model: Workload, where: Target, objective: str, state: str) -> None:
    found = run(model, where, objective, state)
    auto = value(found.plan("auto"), objective)
    for plan in found.plans:
        assert auto <= value(plan, objective) * SLACK
    assert value(found.plan("epilogue"), objective) <= value(found.plan("none"), objective) * SLACK
    assert value(found.best, objective) == pytest.approx(auto)


@settings(max_examples=60, deadline=None)
@given(workloads(with_unknown=True), targets(is_known=False), st.sampled_from(["cold", "steady"]))
def test_depth_first_moves_no_more_over_the_outermost_boundary(model: Workload, where: Target, state: str) -> None:
    found = run(model, where, state=state)
    outermost = where.levels[0].name
    deep, epilogue = (found.plan(name).traffic_bytes[outermost] for name in ("depth-first", "epilogue"))
    assert deep <= epilogue * SLACK


@settings(max_examples=60, deadline=None)
@given(workloads(with_unknown=True), targets(is_known=False))
def test_tiles_and_what_stays_fit_together(model: Workload, where: Target) -> None:
    for plan in run(model, where).plans:
        for level in where.levels[1:]:
            if level.capacity is not None:
                for group in plan.groups:
                    assert group.footprint_bytes[level.name] <= level.capacity.value * level.usable * SLACK


@settings(max_examples=60, deadline=None)
@given(workloads(), targets())
def test_groups_need_what_they_say(model: Workload, where: Target) -> None:
    """The time of a group is the longest of its terms, and no level moves less than what must enter and leave."""
    for plan in run(model, where).plans:
        for group in plan.groups:
            serial = {f"memory:{level.name}" for level in where.levels if not level.overlaps} | {"launch"}
            longest = max((time for name, time in group.time_terms_s.items() if name not in serial), default=0.0)
            rest = math.fsum(time for name, time in group.time_terms_s.items() if name in serial)
            assert group.latency_s == pytest.approx(longest + rest)
            assert group.energy_j == pytest.approx(math.fsum(group.energy_terms_j.values()))
            assert group.recomputed_ops >= 0
            assert group.traffic_bytes[where.levels[0].name] >= 0


@settings(max_examples=60, deadline=None)
@given(workloads(with_unknown=True), targets())
def test_every_edge_between_groups_has_a_reason(model: Workload, where: Target) -> None:
    for name in ("depth-first", "auto"):
        plan = run(model, where).plan(name)
        for decision in plan.decisions:
            assert decision.reason
            if "needs_bytes" in decision.figures:
                assert decision.figures["needs_bytes"] > decision.figures["room_bytes"]
