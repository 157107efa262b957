"""From a result to what its chart shows."""

from dataclasses import replace

import pytest
from oracles.sample_analysis import PEAK, npu_result
from oracles.tiny import engine, level, on_target, target

from onnxroof.report.kinds import slowest_kinds
from onnxroof.report.roofline_view import rooflines_of
from onnxroof.roofline.result import TargetResult


def chart(result: TargetResult):
    return rooflines_of(result, slowest_kinds(result.best.groups))


def filled(parts: list[float]) -> TargetResult:
    """The first groups of the sample with arrays that are filled so far."""
    result = npu_result(len(parts))
    groups = tuple(
        replace(group, spatial_utilization=part) for group, part in zip(result.best.groups, parts, strict=True)
    )
    return replace(result, plans=(replace(result.best, groups=groups),))


def test_c10_a_ceiling_is_the_peak_times_the_utilization():
    (ceiling,) = chart(npu_result(30)).array_ceilings
    assert ceiling.ops_per_s == 0.75 * PEAK
    assert ceiling.label == "75 % of the array: 6.14 TOP/s"


def test_a_full_array_has_no_ceiling_of_its_own():
    assert chart(filled([1.0, 0.999])).array_ceilings == ()


def test_few_ceilings_are_drawn_and_well_apart():
    heights = [c.ops_per_s / PEAK for c in chart(filled([0.5, 0.49, 0.3, 0.2, 0.1, 0.05, 0.95])).array_ceilings]
    assert len(heights) == 4
    assert heights == sorted(heights, reverse=True)
    assert all(low < 0.91 * high for high, low in zip([1.0, *heights], heights, strict=False))


def test_without_a_peak_there_are_none():
    assert chart(replace(npu_result(3), peak_ops_per_s=None)).array_ceilings == ()


def test_alike_groups_are_one_dot_with_the_share_of_all():
    result = npu_result(2)
    one = result.best.groups[0]
    plan = replace(result.best, groups=(one, replace(one, id="g5")), latency_s=2 * one.latency_s)
    dots = [dot for dot in chart(replace(result, plans=(plan,))).time_dots if dot.level == 0]
    assert [(dot.groups, dot.share) for dot in dots] == [(2, pytest.approx(1.0))]
    assert "× 2" in dots[0].title


def test_no_dot_lies_above_the_peak_or_a_slope():
    result = npu_result(30)
    drawn = chart(result)
    for dot in drawn.time_dots:
        bandwidth = drawn.roofs[dot.level].bandwidth or 0.0
        assert dot.height <= bandwidth * dot.intensity * (1 + 1e-9)


def test_work_that_is_no_contraction_meets_the_float_peak_of_the_other_engine():
    result = npu_result(2)
    labels = [ceiling.label for ceiling in chart(replace(result, peak_type="TF32")).lower_peaks]
    assert labels
    assert all("(" in label for label in labels)


def test_c22_an_arrow_leads_from_no_fusion_to_the_plan_on_both_charts():
    # 64^3 and a Relu in FLOAT: 524,288 + 4096 ops. Unfused x, w, m | m, y: 5 x 16,384 B; fused x, w, y: 3 x 16,384 B.
    text = "g (float[64,64] x) => (float[64,64] y) <float[64,64] w> { m = MatMul(x, w) y = Relu(m) }"
    engines = engine("all", "mac vector", {"FLOAT": "1 TFLOP/s, 0.1 pJ/FLOP"})
    dram = level("dram", "1 GB", "10 GB/s", "10 pJ/B")
    result = on_target(text, target(engines, dram, level("sram", "16 KiB", energy="1 pJ/B", rest="keeps = []")))
    assert result.best_plan == "epilogue"
    before, after = result.plan("none"), result.best
    found = chart(result)
    places = [(524_288 + 4096) / plan.traffic_bytes["dram"] for plan in (before, after)]
    assert found.time_shift is not None
    assert found.time_shift.start == pytest.approx((places[0], before.ops_per_s))
    assert found.time_shift.end == pytest.approx((places[1], after.ops_per_s))
    assert found.energy_shift is not None
    assert found.energy_shift.start == pytest.approx((places[0], before.ops_per_j))
    assert found.energy_shift.end == pytest.approx((places[1], after.ops_per_j))
    # To the right at the outermost level, and up on both.
    for shift in (found.time_shift, found.energy_shift):
        assert shift.end > shift.start
        assert shift.end[1] > shift.start[1]
    priceless = on_target(text, target(engines, dram, level("sram", "16 KiB", rest="keeps = []")))
    assert chart(priceless).energy_shift is None


def test_where_nothing_is_fused_there_is_no_arrow():
    result = npu_result(3)
    assert chart(replace(result, best_plan="none")).time_shift is None
    assert chart(replace(result, plans=(result.best,))).time_shift is None


def test_c10_peaks_of_other_types_of_the_engine_are_ceilings():
    types = {"FLOAT16": "1 TFLOP/s", "BFLOAT16": "1 TFLOP/s", "INT8": "2 TOP/s", "UINT4": "4 TOP/s", "INT4": "4 TOP/s"}
    where = target(engine("matrix", "mac", types), level("dram", "1 GB", "10 GB/s"))
    text = "g (float16[64,64] x) => (float16[64,64] y) <float16[64,64] w> { y = MatMul(x, w) }"
    drawn = chart(on_target(text, where))
    assert drawn.peak is not None
    assert drawn.peak.ops_per_s == 1e12
    found = [(ceiling.label, ceiling.ops_per_s) for ceiling in drawn.precisions]
    assert found == [("in UINT4 and INT4 4 TOP/s", 4e12), ("in INT8 2 TOP/s", 2e12)]


def test_c7_two_engines_at_once_come_above_the_peak_of_each():
    # 64^3 and one addition an element: 524,288 at 1 TFLOP/s and 4096 at 1 TFLOP/s run side by side: 528,384 / 0.524 us.
    # Both take 1 pJ and 0.1 pJ: (524,288 + 409.6) / 528,384 pJ an operation.
    engines = (
        engine("matrix", "mac", {"FLOAT": "1 TFLOP/s, 1 pJ/FLOP"}),
        engine("vector", "vector", {"FLOAT": "1 TFLOP/s, 0.1 pJ/FLOP"}),
    )
    text = "g (float[64,64] x) => (float[64,64] y) <float[64,64] w, float[64] b> { m = MatMul(x, w) y = Add(m, b) }"
    drawn = chart(on_target(text, target(*engines, level("dram", "1 GB", "10 TB/s", "1 pJ/B"))))
    assert drawn.mix is not None
    assert drawn.mix.ops_per_s == pytest.approx(528_384 / 524_288 * 1e12)
    assert drawn.top == drawn.mix.ops_per_s
    assert drawn.time_dots[0].height == pytest.approx(drawn.top)
    assert drawn.cheapest_op == pytest.approx((524_288 + 409.6) / 528_384 * 1e-12)


def test_c7_work_of_an_unknown_rate_is_bounded_by_bytes_alone():
    engines = (engine("matrix", "mac", {"FLOAT": "1 GFLOP/s"}), engine("vector", "vector", {"FLOAT": ""}))
    text = (
        """g (float[64,64] x) => (float[64,64] y, float[64,64] z) <float[64,64] w> { y = MatMul(x, w) z = Relu(x) }"""
    )
    drawn = chart(on_target(text, target(*engines, level("dram", "1 GB", "1000 GB/s"))))
    assert drawn.is_open
    assert drawn.top is None
    assert drawn.mix is None
