"""What must hold of every workload on every target, whatever the figures."""

from __future__ import annotations

import dataclasses
import math

import networkx as nx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import quantity, targets, workloads

from onnxroof.costs.table import cost_table
from onnxroof.ir.tensor import TensorKind
from onnxroof.ir.workload import Workload
from onnxroof.mapping.planned import planned
from onnxroof.mapping.storage import storage
from onnxroof.roofline.evaluate import evaluate
from onnxroof.roofline.result import TargetResult
from onnxroof.targets.model import MemoryLevel, Target

POLICIES = ("none", "epilogue")
SLACK = 1 + 1e-9


def run(workload: Workload, target: Target) -> TargetResult:
    costs = cost_table(workload)
    return evaluate(planned(workload, costs, storage(workload, costs), POLICIES), target)


@settings(max_examples=60, deadline=None)
@given(workloads(), targets())
def test_work_is_conserved_and_every_operator_is_in_one_group(workload: Workload, target: Target) -> None:
    costs = cost_table(workload)
    running = [op.name for op, cost in zip(workload.ops, costs.costs, strict=True) if cost.kind.value in _RUNNING]
    macs = sum(cost.work.macs for cost in costs.costs if cost.work)
    for plan in run(workload, target).plans:
        grouped = [name for group in plan.groups for name in group.nodes]
        assert sorted(grouped) == sorted(running)
        assert sum(group.macs or 0 for group in plan.groups) == macs
        assert plan.latency_s == pytest.approx(math.fsum(group.latency_s or 0.0 for group in plan.groups))


_RUNNING = ("compute", "move", "unknown")


@settings(max_examples=60, deadline=None)
@given(workloads(), targets())
def test_groups_can_run_in_their_order(workload: Workload, target: Target) -> None:
    for plan in run(workload, target).plans:
        place = {name: index for index, group in enumerate(plan.groups) for name in group.nodes}
        for op in workload.ops:
            for _, tensor in workload.graph.out_edges(("op", op.name)):
                for _, (_, reader) in workload.graph.out_edges(tensor):
                    assert place[op.name] <= place[reader]
    assert nx.is_directed_acyclic_graph(workload.graph)


@settings(max_examples=100, deadline=None)
@given(workloads(), targets())
def test_fusion_never_costs_and_the_floor_lies_below(workload: Workload, target: Target) -> None:
    result = run(workload, target)
    alone, fused = result.plan("none"), result.plan("epilogue")
    outermost = target.levels[0].name
    assert fused.traffic_bytes[outermost] <= alone.traffic_bytes[outermost] * SLACK
    assert (fused.latency_s or 0) <= (alone.latency_s or 0) * SLACK
    assert (fused.energy_j or 0) <= (alone.energy_j or 0) * SLACK
    for plan in result.plans:
        assert (result.floor_latency_s or 0) <= (plan.latency_s or 0) * SLACK
        assert (result.floor_energy_j or 0) <= (plan.energy_j or 0) * SLACK


@settings(max_examples=60, deadline=None)
@given(workloads(), targets())
def test_traffic_is_at_least_what_crosses_the_border(workload: Workload, target: Target) -> None:
    # Each input and weight that is read comes in, each output goes out, at least once.
    read = {name for op in workload.ops for name in op.inputs}
    made = {name for op in workload.ops for name in op.outputs}
    border = sum(
        tensor.bytes
        for name, tensor in workload.tensors.items()
        if (name in read and tensor.kind is not TensorKind.ACTIVATION) or (name in made and tensor.is_output)
    )
    for plan in run(workload, target).plans:
        assert plan.traffic_bytes[target.levels[0].name] >= border / SLACK


@settings(max_examples=60, deadline=None)
@given(workloads(), targets())
def test_c7_no_group_lies_above_a_roof(workload: Workload, target: Target) -> None:
    result = run(workload, target)
    for plan in result.plans:
        for group in plan.groups:
            assert group.latency_s is not None
            assert group.ops is not None
            assert group.latency_s >= max(group.time_terms_s.values(), default=0.0) / SLACK
            for level in result.levels:
                intensity = group.intensity_ops_per_byte[level.name]
                if intensity and level.bandwidth_bytes_per_s and group.latency_s:
                    roof = intensity * level.bandwidth_bytes_per_s * level.instances
                    assert group.ops / group.latency_s <= roof * SLACK


@settings(max_examples=60, deadline=None)
@given(workloads(), targets())
def test_c1_sums_and_c3_shares(workload: Workload, target: Target) -> None:
    for plan in run(workload, target).plans:
        for name in plan.traffic_bytes:
            assert plan.traffic_bytes[name] == pytest.approx(math.fsum(g.traffic_bytes[name] for g in plan.groups))
        for group in plan.groups:
            assert math.fsum(group.energy_terms_j.values()) == pytest.approx(group.energy_j or 0.0)
            for name, footprint in group.footprint_bytes.items():
                level = next(level for level in target.levels if level.name == name)
                assert level.capacity is not None
                assert footprint <= level.capacity.value


@settings(max_examples=60, deadline=None)
@given(workloads(), targets(), st.floats(min_value=1.0, max_value=8.0), st.data())
def test_c8_a_better_target_is_never_worse(workload: Workload, target: Target, more: float, data: st.DataObject) -> None:
    base = run(workload, target)
    index = data.draw(st.integers(min_value=0, max_value=len(target.levels) - 1))
    level = target.levels[index]
    assert level.read_bandwidth is not None
    assert level.read_energy is not None
    wider = quantity(level.read_bandwidth.value * more)
    cheaper = quantity(level.read_energy.value / more)
    for changed in (
        dataclasses.replace(level, read_bandwidth=wider, write_bandwidth=wider),
        dataclasses.replace(level, read_energy=cheaper, write_energy=cheaper),
    ):
        better = run(workload, _with_level(target, index, changed))
        for plan in base.plans:
            assert (better.plan(plan.fusion).latency_s or 0) <= (plan.latency_s or 0) * SLACK
            assert (better.plan(plan.fusion).energy_j or 0) <= (plan.energy_j or 0) * SLACK


@settings(max_examples=40, deadline=None)
@given(workloads(), targets(), st.integers(min_value=1, max_value=3))
def test_more_capacity_never_raises_traffic(workload: Workload, target: Target, index: int) -> None:
    index = min(index, len(target.levels) - 1)
    level = target.levels[index]
    assert level.capacity is not None
    larger = dataclasses.replace(level, capacity=quantity(level.capacity.value * 4))
    base, more = run(workload, target), run(workload, _with_level(target, index, larger))
    outer = target.levels[index - 1].name
    for plan in base.plans:
        assert more.plan(plan.fusion).traffic_bytes[outer] <= plan.traffic_bytes[outer] * SLACK


def _with_level(target: Target, index: int, level: MemoryLevel) -> Target:
    levels = [*target.levels]
    levels[index] = level
    return dataclasses.replace(target, levels=tuple(levels))
