"""Parts of a latency that add up to it, each by hand."""

from __future__ import annotations

import math

import pytest
from oracles.tiny import engine, level, on_target, target

from onnxroof.roofline.waterfall import waterfall


def test_c13_parts_pile_up_to_the_latency() -> None:
    # ideal 4, an array that is half full: 8; rf 10 lies 2 above that, sram 13 another 3; dram waits its own 6; 1 launch
    parts = waterfall(4.0, 8.0, {"sram": 13.0, "rf": 10.0}, {"dram": 6.0}, 1.0)
    assert parts == {
        "ideal": 4.0, "spatial": 4.0, "stall:sram": 3.0, "stall:rf": 2.0, "serial:dram": 6.0, "launch": 1.0,
    }  # fmt: skip
    assert math.fsum(parts.values()) == max(8.0, 13.0, 10.0) + 6.0 + 1.0


def test_c13_what_hides_behind_compute_stalls_nothing() -> None:
    parts = waterfall(8.0, 8.0, {"dram": 8.0, "sram": 3.0}, {}, 0.0)
    assert parts == {"ideal": 8.0, "spatial": 0.0, "stall:dram": 0.0, "stall:sram": 0.0, "launch": 0.0}


def test_c13_the_last_stall_is_what_raising_that_level_alone_saves() -> None:
    before = waterfall(4.0, 8.0, {"sram": 13.0, "rf": 10.0}, {}, 0.0)
    after = waterfall(4.0, 8.0, {"sram": 0.0, "rf": 10.0}, {}, 0.0)
    assert math.fsum(before.values()) - math.fsum(after.values()) == before["stall:sram"]


def test_c13_waterfall_of_a_group_and_of_its_plan() -> None:
    # 48 x 64 x 64 on an array of 32 x 32 x 1: 2 x 2 steps of 64 for 1.5 x 2, so 3/4 of it is used.
    text = "g (float[48,64] x) => (float[48,64] z) <float[64,64] w> { y = MatMul(x, w) z = Relu(y) }"
    matrix = engine("matrix", "mac", {"FLOAT": "1 GFLOP/s"}, rest="array = { m = 32, n = 32, k = 1 }")
    vector = engine("vector", "vector special", {"FLOAT": "1 GFLOP/s"})
    where = target(
        matrix, vector, level("dram", "1 GB", "0.1 GB/s", rest="overlap = false"),
        level("sram", "1 MB", "0.05 GB/s", rest="keeps = []"), launch_overhead="5 us",
    )  # fmt: skip
    result = on_target(text, where)
    product, relu = result.plan("none").groups
    ideal = 2 * 48 * 64 * 64 / 1e9  # 393 us
    assert product.spatial_utilization == pytest.approx(0.75)
    # x, w and y: (48 + 64 + 48) x 64 x 4 B = 40,960 B in and out of dram. Into the array: it keeps 32 x 32 sums while
    # k is walked, for each of its 4 steps 48/2 (mean) rows of x and 32 columns of w.
    sram_s = product.traffic_bytes["sram"] / 0.05e9
    parts = product.waterfall_s
    assert parts["ideal"] == pytest.approx(ideal)
    assert parts["spatial"] == pytest.approx(ideal / 0.75 - ideal)
    assert parts["stall:sram"] == pytest.approx(sram_s - ideal / 0.75)
    assert parts["serial:dram"] == pytest.approx(40_960 / 0.1e9)
    assert parts["launch"] == pytest.approx(5e-6)
    assert product.latency_s == pytest.approx(sram_s + 40_960 / 0.1e9 + 5e-6)
    both = result.plan("none").waterfall_s
    assert both == {name: pytest.approx(parts[name] + relu.waterfall_s[name]) for name in parts}
    assert math.fsum(both.values()) == pytest.approx(result.plan("none").latency_s)


def test_c13_an_unknown_latency_has_no_waterfall() -> None:
    text = "g (float[8] x) => (float[8] z) { y = Relu(x) z = my.domain.Foo(y) }"
    plan = on_target(text, target(engine("v", "vector", {"FLOAT": "1 GFLOP/s"}), level("dram"))).plan("none")
    relu, unknown = plan.groups
    assert relu.waterfall_s["ideal"] == pytest.approx(8e-9)
    assert (unknown.waterfall_s, plan.waterfall_s) == ({}, {})
