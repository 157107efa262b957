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
from onnxroof.mapping.timeline import NOBODY
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
def test_c21_auto_is_never_worse_than_any_other(model: Workload, where: Target, objective: str, state: str) -> None:
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
            serial |= {f"compute:{name}" for name in where.engines_in_turn}
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


@settings(max_examples=80, deadline=None)
@given(workloads(max_ops=12, with_unknown=True))
def test_no_tensor_is_lost(model: Workload) -> None:
    """What enters and leaves a run, by the graph alone; each at least once, and no more than that at the best."""
    costs = cost_table(model)
    found = planned(model, costs, storage(model, costs), POLICIES)
    store = found.store
    stays = dict.fromkeys(sorted(found.workload.tensors)[::2], NOBODY)
    borders = found.segments.borders
    crossing = [zip(*(part.tolist() for part in borders.crossing(kept)), strict=True) for kept in ({}, stays)]
    shares = iter(borders.shares(stays).tolist())
    for segment in (one for here in found.segments.by_last for one in here):
        kernels = found.segments.kernels(segment.first, segment.last)
        made = {name for kernel in kernels for name in store.kernels[kernel].op.outputs}
        reads: dict[str, int] = {}
        writes: dict[str, int] = {}
        for kernel in kernels:
            cost = store.kernels[kernel].cost
            for transfer in cost.reads:
                root = store.root(transfer.tensor)
                if root not in made:
                    reads[root] = max(reads.get(root, 0), transfer.bytes)
            for transfer in cost.writes:
                readers = store.readers.get(transfer.tensor, ())
                is_wanted = transfer.tensor in store.outputs or transfer.tensor in store.carried or not readers
                if is_wanted or any(reader not in kernels for reader in readers):
                    writes[transfer.tensor] = transfer.bytes
        operands = found.segments.operands(segment.first, segment.last, segment.kind)
        assert {name for is_written, name in operands if not is_written} == set(reads)
        assert {name for is_written, name in operands if is_written} == set(writes)
        curve = segment.kind.curve
        for number, (is_written, name) in enumerate(operands):
            moved = curve.write_bytes[:, number] if is_written else curve.read_bytes[:, number]
            assert moved.min() >= (writes if is_written else reads)[name]
        assert curve.total_bytes.min() == sum(reads.values()) + sum(writes.values())
        # What a search takes instead of a curve where that is enough, whatever stays around the run.
        roots = [found.segments.operators.of(store.kernels[kernel]).tensors for kernel in kernels]
        outside = [
            {roots[member][tensor]: size for member, tensor, size in crossed.tolist()}
            for crossed in segment.kind.outside
        ]
        assert outside[:2] == [reads, writes]
        repeat = store.kernels[kernels[0]].op.repeat
        for kept, crosses in zip(({}, stays), crossing, strict=True):
            read, write = (sum(n for name, n in part.items() if name not in kept) for part in (reads, writes))
            assert next(crosses) == (read * repeat, write * repeat)
        assert next(shares) == any(name not in stays for name in outside[2])
        # And what is said of some room before: each step of the curve moves no less, with or without one operand.
        again = segment.kind.again
        for aside in (frozenset(), frozenset({0})):
            counted = [number for number in range(len(operands)) if number not in aside]
            base = sum((writes if operands[number][0] else reads)[operands[number][1]] for number in counted)
            moved = curve.read_bytes[:, counted].sum(axis=1) + curve.write_bytes[:, counted].sum(axis=1)
            for room, total in zip(curve.capacity_bytes.tolist(), moved.tolist(), strict=True):
                rough, exact = (again.least_bytes(room, aside, is_exact=is_exact) for is_exact in (False, True))
                assert base + rough <= (base + exact) * SLACK
                assert base + exact <= total * SLACK
        assert (curve.work >= 1).all()
        assert (curve.again_ops >= 0).all()
