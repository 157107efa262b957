"""What must hold of every workload on every target, whatever the figures."""

from __future__ import annotations

import dataclasses
import itertools
import math

import networkx as nx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from properties.strategies import quantity, targets, workloads

from onnxroof.costs.table import CostTable, cost_table
from onnxroof.dtypes import DType
from onnxroof.ir.op import Attributes, Op
from onnxroof.ir.tensor import Tensor, TensorKind
from onnxroof.ir.workload import Workload
from onnxroof.mapping.planned import planned
from onnxroof.mapping.storage import storage
from onnxroof.rewrites.precision import converted
from onnxroof.roofline.evaluate import evaluate
from onnxroof.roofline.result import PlanResult, TargetResult
from onnxroof.targets.model import Engine, MemoryLevel, Peak, Target

POLICIES = ("none", "epilogue", "depth-first", "auto")
RUNNING = ("compute", "move", "unknown")
SLACK = 1 + 1e-9


def run(workload: Workload, target: Target, objective: str = "latency") -> TargetResult:
    costs = cost_table(workload)
    return evaluate(planned(workload, costs, storage(workload, costs), POLICIES), target, objective=objective)


def running(workload: Workload, costs: CostTable) -> list[str]:
    """Names of the operators that run."""
    return [op.name for op, cost in zip(workload.ops, costs.costs, strict=True) if cost.kind.value in RUNNING]


def with_level(target: Target, index: int, level: MemoryLevel) -> Target:
    levels = [*target.levels]
    levels[index] = level
    return dataclasses.replace(target, levels=tuple(levels))


# -- groups -------------------------------------------------------------------------------------------------------


@settings(max_examples=60, deadline=None)
@given(workloads(with_unknown=True), targets(is_known=False))
def test_every_operator_that_runs_is_in_one_group(workload: Workload, target: Target) -> None:
    costs = cost_table(workload)
    for plan in run(workload, target).plans:
        assert sorted(name for group in plan.groups for name in group.nodes) == sorted(running(workload, costs))
        repeats = {op.name: op.repeat for op in workload.ops}
        assert all({repeats[name] for name in group.nodes} == {group.repeat} for group in plan.groups)


@settings(max_examples=60, deadline=None)
@given(workloads(), targets())
def test_work_is_conserved(workload: Workload, target: Target) -> None:
    costs = cost_table(workload)
    macs, ops = (
        sum(
            getattr(cost.work, what) * op.repeat
            for op, cost in zip(workload.ops, costs.costs, strict=True)
            if cost.work is not None
        )
        for what in ("macs", "ops")
    )
    for plan in run(workload, target).plans:
        assert sum(group.macs or 0 for group in plan.groups) == macs
        assert sum(group.ops or 0 for group in plan.groups) == ops
        assert plan.latency_s == pytest.approx(math.fsum(group.latency_s or 0.0 for group in plan.groups))
        if plan.ops_per_s is not None:
            assert plan.ops_per_s * (plan.latency_s or 0) == pytest.approx(ops)


@settings(max_examples=60, deadline=None)
@given(workloads(with_unknown=True), targets())
def test_groups_can_run_in_their_order(workload: Workload, target: Target) -> None:
    for plan in run(workload, target).plans:
        place = {name: index for index, members in enumerate(plan.groups) for name in members.nodes}
        for name, group in place.items():
            # Descendants, not readers alone: a view in between is in no group.
            behind = {op for kind, op in nx.descendants(workload.graph, ("op", name)) if kind == "op"}
            assert all(group <= place[other] for other in behind & place.keys())
    assert nx.is_directed_acyclic_graph(workload.graph)


@settings(max_examples=60, deadline=None)
@given(workloads(with_unknown=True), targets())
def test_every_choice_of_fusion_has_a_reason(workload: Workload, target: Target) -> None:
    plan = run(workload, target).plan("epilogue")
    members = {name: group.nodes for group in plan.groups for name in group.nodes}
    for decision in plan.decisions:
        assert decision.reason
        producer, _, reader = decision.subject.partition(" -> ")
        if decision.action == "fused":
            assert reader in members[producer]
            assert set(decision.figures) == {"saved_read_bytes", "saved_write_bytes"}
            assert decision.figures["saved_read_bytes"] > 0
        elif decision.action == "not fused":
            assert members[reader][0] == reader  # it starts a group


# -- bytes --------------------------------------------------------------------------------------------------------


def bytes_at_the_border(workload: Workload, costs: CostTable) -> int:
    """Inputs and weights that are read as they come, and what is written to outputs: once each, by their own names."""
    reads: dict[str, int] = {}
    written = 0
    for cost in costs.costs:
        for transfer in cost.reads:
            if workload.tensors[transfer.tensor].kind is not TensorKind.ACTIVATION:
                reads[transfer.tensor] = max(reads.get(transfer.tensor, 0), transfer.bytes)
        written += sum(transfer.bytes for transfer in cost.writes if workload.tensors[transfer.tensor].is_output)
    return sum(reads.values()) + written


@settings(max_examples=100, deadline=None)
@given(workloads(with_unknown=True), targets(is_known=False))
def test_traffic_lies_between_what_must_cross_and_what_would_cross_without_fusion(
    workload: Workload, target: Target
) -> None:
    result = run(workload, target)
    border = bytes_at_the_border(workload, cost_table(workload))
    alone, fused = result.plan("none"), result.plan("epilogue")
    for level in target.levels:
        assert border <= fused.traffic_bytes[level.name] * SLACK
        assert fused.traffic_bytes[level.name] <= alone.traffic_bytes[level.name] * SLACK


@settings(max_examples=60, deadline=None)
@given(workloads(), targets())
def test_what_fusion_says_that_it_saves_it_saves(workload: Workload, target: Target) -> None:
    # In a level that holds everything inside one that does too, each tensor crosses once for each group that needs it,
    # if nothing stays there from group to group: what fusion saves is counted against that.
    roomy = dataclasses.replace(
        target, levels=tuple(dataclasses.replace(t, capacity=None, keeps=frozenset()) for t in target.levels)
    )
    result = run(workload, roomy)
    saved = sum(sum(d.figures.values()) for d in result.plan("epilogue").decisions if d.action == "fused")
    outermost = target.levels[0].name
    difference = result.plan("none").traffic_bytes[outermost] - result.plan("epilogue").traffic_bytes[outermost]
    assert saved <= difference  # a side input that two members share comes in once, which no single choice saves
    shared = any(len({n for n in op.inputs if n}) > 1 for op in workload.ops)
    assert shared or saved == difference


@settings(max_examples=60, deadline=None)
@given(workloads(with_unknown=True), targets())
def test_what_goes_further_inside_goes_at_least_as_often(workload: Workload, target: Target) -> None:
    # Up to the innermost border, which is that of the engines, and where each level is no larger than the one outside.
    for plan in run(workload, target).plans:
        for group in plan.groups:
            moved = [group.traffic_bytes[level.name] for level in target.levels][:-1]
            assert all(outer <= inner * SLACK for outer, inner in itertools.pairwise(moved))


@settings(max_examples=60, deadline=None)
@given(workloads(), targets(), st.integers(min_value=1, max_value=3))
def test_more_capacity_never_raises_traffic(workload: Workload, target: Target, index: int) -> None:
    index = min(index, len(target.levels) - 1)
    level = target.levels[index]
    assert level.capacity is not None
    larger = dataclasses.replace(level, capacity=quantity(level.capacity.value * 4))
    base, more = run(workload, target), run(workload, with_level(target, index, larger))
    # `depth-first` is least in outermost bytes: of plans that are equal in these any may be found.
    boundaries = [("none", index - 1), ("epilogue", index - 1), ("depth-first", 0)]
    for fusion, boundary in boundaries:
        outer = target.levels[boundary].name
        assert more.plan(fusion).traffic_bytes[outer] <= base.plan(fusion).traffic_bytes[outer] * SLACK


@settings(max_examples=60, deadline=None)
@given(workloads(with_unknown=True), targets(is_known=False))
def test_c1_sums_c3_shares_and_footprints(workload: Workload, target: Target) -> None:
    capacities = {level.name: level.capacity for level in target.levels}
    for plan in run(workload, target).plans:
        for name in plan.traffic_bytes:
            assert plan.traffic_bytes[name] == pytest.approx(math.fsum(g.traffic_bytes[name] for g in plan.groups))
            for one in (plan, *plan.groups):
                moved = one.traffic_read_bytes[name] + one.traffic_write_bytes[name]
                assert moved == pytest.approx(one.traffic_bytes[name])
            ops = [group.ops for group in plan.groups]
            at = plan.intensity_ops_per_byte[name]
            if at is not None:
                assert at == pytest.approx(sum(n or 0 for n in ops) / plan.traffic_bytes[name])
            elif plan.latency_s:
                assert None in ops or not plan.traffic_bytes[name]
        for name, most in plan.peak_footprint_bytes.items():
            assert most == max((group.footprint_bytes[name] for group in plan.groups), default=0)
        for group in plan.groups:
            assert math.fsum(group.energy_terms_j.values()) == pytest.approx(group.energy_j or 0.0)
            for name, footprint in group.footprint_bytes.items():
                capacity = capacities[name]
                assert capacity is None or footprint <= capacity.value


@settings(max_examples=60, deadline=None)
@given(workloads())
def test_the_peak_holds_at_least_any_operator_and_at_most_everything(workload: Workload) -> None:
    costs = cost_table(workload)
    store = storage(workload, costs)
    peak = store.peak_activation_bytes
    assert peak is not None
    sizes = {name: t.bytes for name, t in workload.tensors.items() if t.kind is not TensorKind.WEIGHT}
    assert peak <= sum(sizes.values())
    for op in workload.ops:
        if op.name in running(workload, costs) and op.op_type not in ("Concat", "ScatterND"):
            needed = {store.root(name) for name in (*op.inputs, *op.outputs)} & sizes.keys()
            assert peak >= sum(sizes[name] for name in needed)


@settings(max_examples=40, deadline=None)
@given(workloads(with_unknown=True), targets(is_known=False))
def test_one_nested_mapping_is_no_better_than_each_level_at_its_own_optimum(workload: Workload, target: Target) -> None:
    capacities = {level.name: level.capacity for level in target.levels}
    for plan in run(workload, target).plans:
        assert (plan.mapped.latency_s is None) == (plan.latency_s is None)
        for group in plan.groups:
            mapped = group.mapped
            assert (mapped.latency_s or 0) * SLACK >= (group.latency_s or 0)
            for name, moved in group.traffic_bytes.items():
                assert mapped.traffic_bytes[name] * SLACK >= moved
            tiles = [held.tile for held in mapped.levels]
            assert all(inner[loop] <= outer[loop] for outer, inner in itertools.pairwise(tiles) for loop in outer)
            assert {held.level for held in mapped.levels} <= capacities.keys()
        for name, moved in plan.mapped.traffic_bytes.items():
            assert moved == pytest.approx(math.fsum(group.mapped.traffic_bytes[name] for group in plan.groups))


# -- time, energy, floor ------------------------------------------------------------------------------------------


def assert_at_most(better: PlanResult, worse: PlanResult) -> None:
    for name in ("latency_s", "energy_j"):
        first, second = getattr(better, name), getattr(worse, name)
        assert (first is None) == (second is None)
        assert first is None or first <= second * SLACK


@settings(max_examples=100, deadline=None)
@given(workloads(), targets(is_known=False, holds_all=False))
def test_fusion_never_costs_and_the_floor_lies_below(workload: Workload, target: Target) -> None:
    result = run(workload, target)
    assert_at_most(result.plan("epilogue"), result.plan("none"))
    for plan in result.plans:
        assert (result.floor_latency_s or 0) <= (plan.latency_s or 0) * SLACK
        if plan.energy_j is not None and result.floor_energy_j is not None:
            assert result.floor_energy_j <= plan.energy_j * SLACK


@settings(max_examples=60, deadline=None)
@given(workloads(with_unknown=True), targets(is_known=False), st.sampled_from(["latency", "energy", "edp"]))
def test_unknown_is_contagious_and_nothing_is_infinite(workload: Workload, target: Target, objective: str) -> None:
    result = run(workload, target, objective)
    is_known = not any(op.op_type == "Foo" for op in workload.ops)
    assert result.best_plan in POLICIES
    assert (result.memory_needed_bytes is None) <= (result.fits is not True)
    numbers = [result.floor_latency_s, result.floor_energy_j, result.memory_needed_bytes]
    for plan in result.plans:
        # A time is known where all work is and the target knows a rate or a bandwidth for some of it.
        is_timed = not plan.groups or any(group.time_terms_s for group in plan.groups)
        assert (plan.latency_s is not None) == (is_known and is_timed)
        if target.static_power is None:  # with it, groups of unknown time have no energy
            assert (plan.energy_j is not None) == all(group.energy_j is not None for group in plan.groups)
        elif plan.latency_s is None:
            assert plan.energy_j is None
        numbers += [plan.latency_s, plan.energy_j, plan.ops_per_s, plan.ops_per_j, *plan.traffic_bytes.values()]
        for group in plan.groups:
            numbers += [group.latency_s, group.energy_j, group.temporal_utilization, group.spatial_utilization]
            numbers += [*group.intensity_ops_per_byte.values(), *group.time_terms_s.values()]
            if group.latency_s is None:
                assert group.time_bound == ""
                assert group.energy_j is None or (group.ops is not None and target.static_power is None)
                assert group.ops is None or not group.time_terms_s
    assert all(math.isfinite(number) and number >= 0 for number in numbers if number is not None)
    for level in target.levels:
        assert (f"memory[{level.name}].capacity" in result.unknown) == (
            level.capacity is None and bool(result.plans[0].groups)
        )


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
            if group.macs and group.latency_s and result.peak_ops_per_s and result.peak_engine == "matrix":
                assert 2 * group.macs / group.latency_s <= result.peak_ops_per_s * SLACK


@settings(max_examples=60, deadline=None)
@given(workloads(), targets())
def test_c11_waiting_in_turn_is_never_faster(workload: Workload, target: Target) -> None:
    at_once, in_turn = (
        dataclasses.replace(
            target,
            levels=tuple(dataclasses.replace(x, overlaps=overlaps) for x in target.levels),
            engines=tuple(dataclasses.replace(x, overlaps=overlaps) for x in target.engines),
        )
        for overlaps in (True, False)
    )
    faster, slower = run(workload, at_once), run(workload, in_turn)
    assert faster.floor_latency_s == slower.floor_latency_s
    for plan in faster.plans:
        assert (plan.latency_s or 0) <= (slower.plan(plan.fusion).latency_s or 0) * SLACK


@settings(max_examples=60, deadline=None)
@given(workloads(), targets(), st.floats(min_value=1.0, max_value=8.0), st.data())
def test_c8_a_better_target_is_never_worse(
    workload: Workload, target: Target, more: float, data: st.DataObject
) -> None:
    base = run(workload, target)
    index = data.draw(st.integers(min_value=0, max_value=len(target.levels) - 1))
    level = target.levels[index]
    assert level.read_bandwidth is not None
    assert level.read_energy is not None
    assert level.write_bandwidth is not None
    assert level.write_energy is not None
    wider = dataclasses.replace(
        level,
        read_bandwidth=quantity(level.read_bandwidth.value * more),
        write_bandwidth=quantity(level.write_bandwidth.value * more),
    )
    cheaper = dataclasses.replace(
        level,
        read_energy=quantity(level.read_energy.value / more),
        write_energy=quantity(level.write_energy.value / more),
    )
    faster = tuple(
        dataclasses.replace(
            engine,
            peaks=tuple(
                dataclasses.replace(peak, rate=quantity(peak.rate.value * more)) if peak.rate else peak
                for peak in engine.peaks
            ),
        )
        for engine in target.engines
    )
    for changed in (
        with_level(target, index, wider),
        with_level(target, index, cheaper),
        dataclasses.replace(target, engines=faster),
    ):
        better = run(workload, changed)
        assert (better.floor_latency_s or 0) <= (base.floor_latency_s or 0) * SLACK
        # What looks for groups may find others there: `auto` is best in time alone, `depth-first` in bytes.
        for fusion in ("none", "epilogue"):
            assert_at_most(better.plan(fusion), base.plan(fusion))
        first, second = better.plan("auto").latency_s, base.plan("auto").latency_s
        assert (first is None) == (second is None)
        assert first is None or second is None or first <= second * (1 + 1e-6)


@settings(max_examples=40, deadline=None)
@given(workloads())
def test_elements_of_half_the_width_move_half_the_bytes(workload: Workload) -> None:
    base, narrow = (cost_table(model) for model in (workload, converted(workload, DType.INT8)))
    for before, after in zip(base.costs, narrow.costs, strict=True):
        indices = sum(t.bytes for t in before.reads if workload.tensors[t.tensor].dtype is DType.INT64)
        assert 2 * (after.read_bytes - indices) == before.read_bytes - indices
        assert 2 * after.write_bytes == before.write_bytes
        assert after.work == before.work


@settings(max_examples=60, deadline=None)
@given(workloads(), targets())
def test_c19_the_compulsory_intensity_is_the_right_limit(workload: Workload, target: Target) -> None:
    outermost = target.levels[0].name
    for plan in run(workload, target).plans:
        for group in plan.groups:
            at, most = group.intensity_ops_per_byte[outermost], group.compulsory_intensity_ops_per_byte
            if at is not None:
                assert most is not None
                assert at <= most * SLACK


def test_c19_the_compulsory_intensity_of_a_product_by_hand() -> None:
    # 16 x 24 x 8 MACs = 6144 ops; FLOAT16: (16 x 24 + 24 x 8 + 16 x 8) x 2 B = 1408 B
    tensors = {
        "x": Tensor(name="x", dtype=DType.FLOAT16, shape=(16, 24), kind=TensorKind.INPUT),
        "w": Tensor(name="w", dtype=DType.FLOAT16, shape=(24, 8), kind=TensorKind.WEIGHT),
        "y": Tensor(name="y", dtype=DType.FLOAT16, shape=(16, 8), kind=TensorKind.ACTIVATION, is_output=True),
    }
    product = Op(
        name="p", op_type="MatMul", domain="", version=17, inputs=("x", "w"), outputs=("y",), attributes=Attributes()
    )
    workload = Workload(
        name="m", producer="", ir_version=9, opsets={"": 17}, dims=(), ops=(product,), tensors=tensors,
        inputs=("x",), outputs=("y",),
    )  # fmt: skip
    matrix = Engine(
        name="matrix",
        runs=frozenset({"mac"}),
        peaks=(Peak(input=DType.FLOAT16, accumulate=DType.FLOAT, rate=quantity(1e12)),),
    )
    target = Target(
        id="t", name="T", klass="academic", engines=(matrix,), levels=(MemoryLevel(name="dram"),), sources={}
    )
    (group,) = run(workload, target).plan("none").groups
    assert group.compulsory_intensity_ops_per_byte == pytest.approx(6144 / 1408)
