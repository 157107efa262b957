"""What holds a plan back, in words."""

from dataclasses import replace

from oracles.sample_analysis import npu_result

from onnxroof.report.bottlenecks import bottlenecks
from onnxroof.report.kinds import slowest_kinds
from onnxroof.roofline.result import GroupResult

BASE = replace(npu_result(2).best.groups[0], nodes=("fc",), op_types=("Gemm", "Relu"), repeat=1, latency_s=4.0)


def said(*groups: GroupResult):
    result = npu_result(2)
    plan = replace(result.best, groups=groups, latency_s=sum(group.latency_s or 0.0 for group in groups))
    return bottlenecks(replace(result, plans=(plan,)), slowest_kinds(groups))


def test_a_memory_bound_says_from_where_on_something_else_binds():
    group = replace(
        BASE,
        time_bound="memory:dram",
        intensity_ops_per_byte={"dram": 50.0},
        time_terms_s={"memory:dram": 4.0, "compute:matrix": 1.0, "memory:sram": 0.5},
    )
    (fact,) = said(group)
    assert (fact.label, fact.value) == ("100 %", "Gemm + Relu, fc")
    # four times fewer bytes, that is four times the intensity, and both take as long
    assert fact.note == (
        "bound by dram bandwidth at 50 ops/byte; above 200, or with 4 times the bandwidth, it would be matrix compute"
    )


def test_what_computes_nothing_only_moves():
    group = replace(
        BASE, time_bound="memory:dram", intensity_ops_per_byte={"dram": 0.0}, time_terms_s={"memory:dram": 4.0}
    )
    assert said(group)[0].note == "bound by dram bandwidth: it moves bytes and computes nothing"


def test_a_launch_bound_says_how_much_work_stands_behind_it():
    group = replace(BASE, repeat=2, time_bound="launch", time_terms_s={"launch": 3.0, "memory:dram": 1.5})
    assert said(group)[0].note == (
        "bound by launch overhead, 1.5 s a start; below 50 % of that it would be dram bandwidth"
    )


def test_an_array_that_is_not_full_is_said():
    group = replace(BASE, time_bound="compute:matrix", time_terms_s={"compute:matrix": 4.0}, spatial_utilization=0.25)
    assert said(group)[0].note == "bound by matrix compute; 25 % of the array is in use"
    assert said(replace(group, spatial_utilization=1.0))[0].note == "bound by matrix compute"
    beside = replace(group, time_terms_s={"compute:matrix": 4.0, "memory:dram": 1.6}, spatial_utilization=1.0)
    # 4 / 1.6
    assert said(beside)[0].note == "bound by matrix compute; with 2.5 times the peak it would be dram bandwidth"


def test_alike_groups_are_told_of_once_and_three_kinds_at_most():
    groups = [replace(BASE, id=f"g{i}", ops=100 + i // 2, latency_s=10.0 - i // 2) for i in range(10)]
    facts = said(*groups)
    assert len(facts) == 3
    assert facts[0].value == "2 × Gemm + Relu, first fc"
    # five kinds of two groups with 10, 9, 8, 7 and 6 s: 20 of 80 s
    assert facts[0].label == "25 %"


def test_an_unknown_time_has_no_bottlenecks():
    result = npu_result(2)
    plan = replace(result.best, latency_s=None)
    assert bottlenecks(replace(result, plans=(plan,)), slowest_kinds(plan.groups)) == ()
