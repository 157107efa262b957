"""Evaluations are what the equations of the dual roofline say, and every view of one tells the same."""

from __future__ import annotations

import pytest
from oracles.tiny import engine, level, on_target, target

from onnxroof.report.explanations import plan_explanation
from onnxroof.roofline.model import attainable_ops_per_s, efficiency_ops_per_j, energy_shares
from onnxroof.roofline.result import TargetResult
from onnxroof.targets.model import Target

# y = relu(x w + b) with 64 x 64 matrices of FLOAT: 524,288 operations of MACs, 4096 adds, 4096 maxima.
LINEAR = """g (float[64,64] x) => (float[64,64] y) <float[64,64] w, float[64] b>
    { m = MatMul(x, w) a = Add(m, b) y = Relu(a) }"""
MATRIX = engine("matrix", "mac", {"FLOAT": "1 TFLOP/s, 1 pJ/FLOP"})
VECTOR = engine("vector", "vector special", {"FLOAT": "100 GFLOP/s, 2 pJ/FLOP"})
DRAM = level("dram", "1 GB", "10 GB/s", "100 pJ/B")
SRAM = level("sram", "64 KiB", "100 GB/s", "1 pJ/B")


def linear(where: Target) -> TargetResult:
    return on_target(LINEAR, where)


def test_c9_utilization_is_spatial_times_temporal() -> None:
    # 48 x 64 x 64 on 32 x 32 x 1: 2 x 2 steps for 1.5 x 2, 3/4 of the array. 393,216 ops at 1 TFLOP/s are 0.393 us, on
    # the array as it is filled 0.524 us; dram takes (48 + 64 + 48) x 64 x 4 B / 40 GB/s = 1.024 us. U = 0.393 / 1.024.
    text = "g (float[48,64] x) => (float[48,64] y) <float[64,64] w> { y = MatMul(x, w) }"
    array = engine("matrix", "mac", {"FLOAT": "1 TFLOP/s"}, rest="array = { m = 32, n = 32, k = 1 }")
    where = target(array, level("dram", "1 GB", "40 GB/s"), level("sram", "64 KiB"))
    (group,) = on_target(text, where).plan("none").groups
    assert (group.spatial_utilization, group.temporal_utilization) == pytest.approx((0.75, 0.524288 / 1.024))
    assert group.ops is not None
    assert group.latency_s is not None
    used = group.spatial_utilization * group.temporal_utilization
    assert used == pytest.approx(0.393216 / 1.024)
    assert group.ops / group.latency_s == pytest.approx(1e12 * used)  # U x the peak is what it attains


@pytest.mark.parametrize(
    ("dram", "sram", "rest"), [(10, 100, ""), (1000, 20, ""), (1000, 1000, ""), (20, 100, "overlap = false")]
)
def test_c2_c3_an_evaluation_is_what_the_equations_say(dram: int, sram: int, rest: str) -> None:
    # One product alone: its throughput and efficiency are those of `roofline.model` at its own intensities.
    text = "g (float[64,64] x) => (float[64,64] y) <float[64,64] w> { y = MatMul(x, w) }"
    levels = (
        level("dram", "1 GB", f"{dram} GB/s", "100 pJ/B", rest=rest),
        level("sram", "64 KiB", f"{sram} GB/s", "1 pJ/B", rest=rest),
    )
    (group,) = on_target(text, target(MATRIX, *levels)).plan("none").groups
    at = {name: found for name, found in group.intensity_ops_per_byte.items() if found}
    bandwidths = {"dram": dram * 1e9, "sram": sram * 1e9}
    attained, bound = attainable_ops_per_s(1e12, bandwidths, at, overlaps=not rest)
    assert group.ops is not None
    assert group.ops / (group.latency_s or 0) == pytest.approx(attained, rel=1e-9)
    assert group.time_bound == ("compute:matrix" if bound == "compute" else f"memory:{bound}")
    # Each byte of dram is also an access of sram.
    prices = {"dram": 101e-12, "sram": 1e-12}
    assert group.energy_j is not None
    assert group.ops / group.energy_j == pytest.approx(efficiency_ops_per_j(1e-12, prices, at), rel=1e-9)
    shares = energy_shares(group.energy_terms_j)
    assert shares["compute"] == pytest.approx(1e-12 * efficiency_ops_per_j(1e-12, prices, at), rel=1e-9)


def test_c5_every_view_of_a_plan_in_the_json() -> None:
    # At 1 GHz: ops a cycle are GOP/s; W x mm2 views follow from one time and one energy.
    where = target(MATRIX, VECTOR, DRAM, SRAM, static_power="1 W", clock="1 GHz", area="10 mm2")
    result = linear(where)
    plan = result.plan("epilogue")
    document = plan_explanation(plan, result)
    views = document["efficiency"]
    assert isinstance(views, dict)
    ops = 532_480
    assert views["ops_per_s"] == pytest.approx(ops / (plan.latency_s or 1))
    assert views["ops_per_cycle"] == pytest.approx(ops / (plan.latency_s or 1) / 1e9)
    assert views["ops_per_s_per_mm2"] == pytest.approx(ops / (plan.latency_s or 1) / 10)
    assert views["j_per_op"] == pytest.approx((plan.energy_j or 0) / ops)
    assert views["ops_per_j"] == pytest.approx(ops / (plan.energy_j or 1))
    # power = P / eta = P x J/op = J / s
    assert document["power_w"] == pytest.approx(views["ops_per_s"] * views["j_per_op"])
    assert document["power_w"] == pytest.approx(views["ops_per_s"] / views["ops_per_j"])
    unknown = plan_explanation(plan, linear(target(MATRIX, VECTOR, DRAM, SRAM)))["efficiency"]
    assert isinstance(unknown, dict)
    assert (unknown["ops_per_cycle"], unknown["ops_per_s_per_mm2"]) == (None, None)
