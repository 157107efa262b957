"""Parts of a latency that add up to it, each by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from oracles.tiny import engine, level, on_target, target

from onnxroof.roofline.waterfall import stalls


def stalled(busy_s: float, *levels_s: float) -> list[float]:
    """Stalls of levels that all hide behind compute."""
    times = np.array([levels_s])
    (found,) = stalls(np.array([busy_s]), times, np.ones_like(times, dtype=bool)).tolist()
    return list(found)


def test_c13_stalls_pile_up_to_the_longest_term() -> None:
    # engines 8; rf 10 lies 2 above that, sram 13 another 3
    assert stalled(8.0, 13.0, 10.0) == [3.0, 2.0]
    assert 8.0 + sum(stalled(8.0, 13.0, 10.0)) == max(8.0, 13.0, 10.0)


def test_c13_what_hides_behind_compute_stalls_nothing() -> None:
    assert stalled(8.0, 8.0, 3.0) == [0.0, 0.0]


def test_c13_a_level_that_does_not_overlap_stalls_nothing() -> None:
    found = stalls(np.array([4.0]), np.array([[9.0, 6.0]]), np.array([[False, True]]))
    assert found.tolist() == [[0.0, 2.0]]


def test_c13_of_two_levels_that_tie_one_stalls() -> None:
    assert sorted(stalled(4.0, 6.0, 6.0)) == [0.0, 2.0]


def test_c13_the_last_stall_is_what_raising_that_level_alone_saves() -> None:
    before, after = stalled(8.0, 13.0, 10.0), stalled(8.0, 0.0, 10.0)
    assert math.fsum(before) - math.fsum(after) == before[0]


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
