"""What an evaluation says of why: parts add up, no point lies above a roof, every view agrees, whatever the figures."""

from __future__ import annotations

import dataclasses
import math
from functools import partial

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from properties.strategies import quantity, targets, workloads

from onnxroof.costs.table import cost_table
from onnxroof.ir.workload import Workload
from onnxroof.mapping.planned import planned
from onnxroof.mapping.storage import storage
from onnxroof.roofline.evaluate import evaluate
from onnxroof.roofline.floor import floor
from onnxroof.roofline.ranges import SPREADS, ranges
from onnxroof.roofline.regimes import CAUSES
from onnxroof.roofline.result import PlanResult, TargetResult
from onnxroof.roofline.sensitivity import numbers
from onnxroof.targets.model import Target

SLACK = 1 + 1e-9
DEFAULT_LANES = 4.0  # of a special operation of which the target says nothing, as the docs have it


def run(workload: Workload, target: Target) -> TargetResult:
    costs = cost_table(workload)
    return evaluate(planned(workload, costs, storage(workload, costs), ("none", "epilogue")), target)


@settings(max_examples=60, deadline=None)
@given(workloads(with_unknown=True), targets(is_known=False, holds_all=False))
def test_c13_waterfalls_and_causes_add_up(workload: Workload, target: Target) -> None:
    for plan in run(workload, target).plans:
        for one in (plan, *plan.groups):
            assert bool(one.waterfall_s) <= (one.latency_s is not None)
            if one.latency_s is None:
                continue
            assert math.fsum(one.waterfall_s.values()) == pytest.approx(one.latency_s, rel=1e-12, abs=1e-30)
            assert all(part >= 0 for part in one.waterfall_s.values())
            if one.regime.roof_s is not None:
                lost = one.regime.lost_s
                assert set(lost) == set(CAUSES)
                assert one.regime.roof_s + math.fsum(lost.values()) == pytest.approx(
                    one.latency_s, rel=1e-12, abs=1e-30
                )
                assert all(part >= -1e-12 * one.latency_s for part in lost.values())
                assert one.regime.reload_s is not None
                assert 0 <= one.regime.reload_s <= one.regime.roof_s * (1 + 1e-12)


@settings(max_examples=60, deadline=None)
@given(workloads(), targets())
def test_c7_no_plan_and_no_operator_lies_above_the_roof_of_its_mix_of_engines(
    workload: Workload, target: Target
) -> None:
    # From the counts and the target alone: ops / max over engines of (lanes of its work / its peak).
    costs = cost_table(workload)
    matrix, vector = target.engines
    assert matrix.peaks[0].rate is not None
    assert vector.peaks[0].rate is not None
    matrix_s = vector_s = 0.0
    ops = 0
    for op, cost in zip(workload.ops, costs.costs, strict=True):
        if cost.work is None:
            continue
        work = cost.work
        lanes = work.vector_ops + sum(
            n * vector.special_cost.get(name, DEFAULT_LANES) for name, n in work.special.items()
        )
        matrix_s += 2 * work.macs * op.repeat / matrix.peaks[0].rate.value
        vector_s += lanes * op.repeat / vector.peaks[0].rate.value
        ops += (2 * work.macs + work.vector_ops + sum(work.special.values())) * op.repeat
    if not ops:
        return
    roof = ops / max(matrix_s, vector_s)
    for plan in run(workload, target).plans:
        assert plan.ops_per_s is not None
        assert plan.ops_per_s <= roof * SLACK
        assert plan.efficiency.peak_ops_per_s == pytest.approx(roof)
        assert plan.efficiency.of_peak is not None
        assert plan.efficiency.of_peak <= SLACK
        if plan.efficiency.of_peak_energy is not None:
            assert plan.efficiency.of_peak_energy <= SLACK


@settings(max_examples=60, deadline=None)
@given(workloads(), targets())
def test_c7_no_group_lies_above_the_roof_over_it(workload: Workload, target: Target) -> None:
    result = run(workload, target)
    for plan in result.plans:
        for group in plan.groups:
            share = group.regime.roof_share
            assert share is None or share <= SLACK
            if not group.ops or not group.latency_s or group.regime.roof_s is None:
                continue
            heights = [
                at * level.bandwidth_bytes_per_s * level.instances
                for level in result.levels
                if (at := group.intensity_ops_per_byte[level.name]) and level.bandwidth_bytes_per_s
            ]
            full_s = max(group.full_engines_s.values(), default=0.0)
            heights += [group.ops / full_s] if full_s else []
            if heights:
                assert group.ops / group.regime.roof_s == pytest.approx(min(heights))


@settings(max_examples=60, deadline=None)
@given(workloads(), targets())
def test_c5_power_is_throughput_over_efficiency_in_every_view(workload: Workload, target: Target) -> None:
    for plan in run(workload, target).plans:
        for ops, latency_s, energy_j, terms in [
            (group.ops, group.latency_s, group.energy_j, group.energy_terms_j) for group in plan.groups
        ] + [(None, plan.latency_s, plan.energy_j, None)]:
            if not latency_s or not energy_j:
                continue
            power_w = energy_j / latency_s
            if ops:
                assert (ops / latency_s) / (ops / energy_j) == pytest.approx(power_w)
            if terms is not None:
                assert math.fsum(terms.values()) / latency_s == pytest.approx(power_w)
            elif plan.ops_per_s and plan.ops_per_j:
                assert plan.ops_per_s / plan.ops_per_j == pytest.approx(power_w)
                found = plan.efficiency
                assert (found.ops_per_s or 0) / (found.ops_per_j or 1) == pytest.approx(power_w)


@settings(max_examples=60, deadline=None)
@given(workloads(), targets(holds_all=False))
def test_c3_shares_add_to_one_static_included(workload: Workload, target: Target) -> None:
    for plan in run(workload, target).plans:
        for group in plan.groups:
            if group.energy_j:
                shares = {name: part / group.energy_j for name, part in group.energy_terms_j.items()}
                assert math.fsum(shares.values()) == pytest.approx(1.0, abs=1e-12)
                assert ("static" in shares) == (target.static_power is not None)


@settings(max_examples=60, deadline=None)
@given(workloads(), targets(), st.floats(min_value=1e-3, max_value=1e3))
def test_c33_a_power_cap_changes_no_latency_and_no_floor(workload: Workload, target: Target, cap_w: float) -> None:
    base = run(workload, target)
    capped = run(workload, dataclasses.replace(target, power_cap=quantity(cap_w)))
    static_w = target.static_power.value if target.static_power else 0.0
    assert capped.floor_latency_s == base.floor_latency_s
    for plan in capped.plans:
        assert plan.latency_s == base.plan(plan.fusion).latency_s
        for group in plan.groups:
            power_s = group.regime.power_s
            assert (power_s is None) == (cap_w <= static_w)
            if power_s is None or not group.energy_j or not group.ops or group.latency_s is None:
                continue
            # P <= P_cap x eta, where eta has the static power of the time that the cap leaves.
            time_s = group.latency_s + power_s
            energy_j = group.energy_j + static_w * power_s
            assert group.ops / time_s <= cap_w * group.ops / energy_j * SLACK


@settings(max_examples=40, deadline=None)
@given(workloads(), targets(), st.sampled_from([2, 4]))
def test_c8_more_units_of_an_array_never_cost_time_for_fixed_traffic(
    workload: Workload, target: Target, more: int
) -> None:
    # Twice the units in k at twice the peak: each step does twice as much. A wider array moves other bytes at the
    # innermost level, so the times of the engines are compared.
    matrix = target.engines[0]
    if matrix.array is None or matrix.peaks[0].rate is None:
        return
    larger = dataclasses.replace(
        matrix,
        array=dataclasses.replace(matrix.array, k=matrix.array.k * more),
        peaks=(dataclasses.replace(matrix.peaks[0], rate=quantity(matrix.peaks[0].rate.value * more)),),
    )
    base = run(workload, target)
    grown = run(workload, dataclasses.replace(target, engines=(larger, *target.engines[1:])))
    for plan in base.plans:
        for before, after in zip(plan.groups, grown.plan(plan.fusion).groups, strict=True):
            at_first = before.time_terms_s.get("compute:matrix", 0.0)
            assert after.time_terms_s.get("compute:matrix", 0.0) <= at_first * SLACK


@settings(max_examples=60, deadline=None)
@given(
    workloads(with_unknown=True),
    targets(is_known=False, holds_all=False),
    st.lists(st.sampled_from([0.5, 1.0, 3.0]), min_size=40),
)
def test_a_ledger_prices_a_plan_as_it_is_evaluated(workload: Workload, target: Target, factors: list[float]) -> None:
    # All numbers of the target changed one after the other, each by a factor of its own; capacities but the outermost
    # and engines that take over are not in a ledger, which must say so.
    changed = [target]
    for position, factor in enumerate(factors):
        found = list(numbers(changed[-1]))
        if position < len(found):
            changed.append(found[position].scaled(factor))
    for plan in run(workload, target).plans:
        ledger = plan.ledger
        assert ledger is not None
        assert ledger.covers(target)
        covered = [other for other in changed if ledger.covers(other)]
        priced = ledger.priced(covered)
        for other, latency_s, energy_j in zip(covered, priced.latency_s, priced.energy_j, strict=True):
            again = run(workload, other).plan(plan.fusion)
            for mine, evaluated in ((latency_s, again.latency_s), (energy_j, again.energy_j)):
                assert math.isnan(mine) == (evaluated is None)
                if evaluated is not None:
                    assert mine == pytest.approx(evaluated, rel=1e-12, abs=1e-30)


@settings(max_examples=30, deadline=None)
@given(workloads(), targets())
def test_a_ledger_covers_every_number_but_capacities_on_chip(workload: Workload, target: Target) -> None:
    inner = {f"memory[{level.name}].capacity" for level in target.levels[1:]}
    ledger = run(workload, target).best.ledger
    assert ledger is not None
    for number in numbers(target):
        assert ledger.covers(number.scaled(2.0)) == (number.key not in inner)


@settings(max_examples=60, deadline=None)
@given(workloads(), targets(), st.data())
def test_whatever_uncertain_numbers_are_within_their_spread_the_figure_is_in_its_range(
    workload: Workload, target: Target, data: st.DataObject
) -> None:
    # All numbers of these targets are estimates; capacities, and costs of special operations that are stated, stay.
    changed = target
    for position, number in enumerate(numbers(target)):
        if number.key.endswith("capacity") or "special_cost" in number.key:
            continue
        spread = SPREADS["estimate"]
        exponent = data.draw(st.floats(min_value=-1, max_value=1))
        changed = list(numbers(changed))[position].scaled(spread**exponent)
    costs = cost_table(workload)

    def evaluated(other: Target) -> PlanResult:
        model = planned(workload, costs, storage(workload, costs), ("epilogue",))
        return evaluate(model, other).best

    border = planned(workload, costs, storage(workload, costs), ("epilogue",)).border
    found = ranges(target, evaluated(target), evaluated, partial(floor, border))
    least, other = floor(border, changed), evaluated(changed)
    for inside, value in (
        (found.latency_s, other.latency_s),
        (found.energy_j, other.energy_j),
        (found.floor_latency_s, least.latency_s),
        (found.floor_energy_j, least.energy_j),
    ):
        assert (inside is None) == (value is None)
        if inside is not None and value is not None:
            assert inside.low <= value * SLACK
            assert value <= inside.high * SLACK


@settings(max_examples=30, deadline=None)
@given(workloads(), targets(holds_all=False))
def test_a_ledger_of_a_plan_that_was_searched_for_prices_it(workload: Workload, target: Target) -> None:
    # Groups of several steps, of which some are done again.
    costs = cost_table(workload)
    store = storage(workload, costs)
    result = evaluate(planned(workload, costs, store, ("none", "depth-first", "auto")), target)
    for plan in result.plans:
        assert plan.ledger is not None
        priced = plan.ledger.priced([target])
        assert priced.latency_s[0] == pytest.approx(plan.latency_s, rel=1e-12)
        assert priced.energy_j[0] == pytest.approx(plan.energy_j, rel=1e-12)
        assert math.fsum(plan.waterfall_s.values()) == pytest.approx(plan.latency_s, rel=1e-12, abs=1e-30)


@settings(max_examples=40, deadline=None)
@given(workloads(), targets(), st.floats(min_value=1.0, max_value=16.0))
def test_c8_no_number_made_better_costs_anything_for_fixed_traffic(
    workload: Workload, target: Target, factor: float
) -> None:
    # More of a rate or a bandwidth, less of a price, of static power, of launch overhead, of lanes for a special one.
    better = []
    for number in numbers(target):
        if "capacity" not in number.key:
            is_more = number.key.endswith(("rate", "bandwidth"))
            better.append(number.scaled(factor if is_more else 1 / factor))
    for plan in run(workload, target).plans:
        ledger = plan.ledger
        assert ledger is not None
        priced = ledger.priced([target, *better])
        for figures in (priced.latency_s, priced.energy_j):
            assert (figures[1:] <= figures[0] * SLACK).all()
        ops = sum(group.ops or 0 for group in plan.groups)
        if ops and plan.latency_s and plan.energy_j:  # so attainable throughput and efficiency never fall
            assert plan.ops_per_s == pytest.approx(ops / priced.latency_s[0])
            assert plan.ops_per_j == pytest.approx(ops / priced.energy_j[0])
