"""Ceilings under the peak, each by hand."""

from __future__ import annotations

import pytest
from oracles.tiny import engine, level, on_target, target

from onnxroof.roofline.ceilings import group_ceilings, power_roof_ops_per_s, precision_ceilings


def test_a_ceiling_for_each_precision() -> None:
    where = target(
        engine("matrix", "mac", {"FLOAT16": "4 TFLOP/s, 0.5 pJ/FLOP", "INT8": "8 TOP/s"}),
        engine("vector", "vector special", {"FLOAT": "2 pJ/FLOP"}),
        level("dram"),
    )
    found = [(c.engine, c.dtype, c.runs, c.ops_per_s, c.ops_per_j) for c in precision_ceilings(where)]
    assert found == [
        ("matrix", "FLOAT16", ("mac",), 4e12, pytest.approx(2e12)),  # 1 / 0.5 pJ
        ("matrix", "INT8", ("mac",), 8e12, None),
        ("vector", "FLOAT", ("special", "vector"), None, pytest.approx(5e11)),
    ]


def test_c10_ceilings_fall_by_what_is_lost() -> None:
    parts = {"ideal": 2.0, "spatial": 2.0, "stall:sram": 1.0, "serial:dram": 3.0, "launch": 2.0}
    assert group_ceilings(60, parts, 2.0) == {
        "peak": 30.0,  # 60 / 2
        "spatial": 15.0,  # 60 / 4
        "memory": 12.0,  # 60 / 5: dram hidden takes 3 of these 5
        "overlap": 7.5,  # 60 / 8
        "launch": 6.0,  # 60 / 10
        "power": 5.0,  # 60 / 12
    }
    longer = {**parts, "serial:dram": 6.0}
    assert group_ceilings(60, longer, None)["memory"] == 10.0  # hidden, dram would still take 6
    assert group_ceilings(60, parts, None)["power"] is None
    assert set(group_ceilings(None, parts, 2.0).values()) == {None}
    assert group_ceilings(60, {"ideal": 0.0, "launch": 2.0}, None)["peak"] is None


def test_c10_the_ceiling_is_peak_times_spatial_utilization() -> None:
    # 1024 x 1024 x 48 on 32 columns: 48 / 64
    matrix = engine("matrix", "mac", {"FLOAT": "1 TFLOP/s"}, rest="array = { m = 32, n = 32, k = 1 }")
    text = "g (float[1024,1024] x) => (float[1024,48] y) <float[1024,48] w> { y = MatMul(x, w) }"
    (group,) = on_target(text, target(matrix, level("dram", "1 GB", "10 GB/s"))).plan("none").groups
    found = group_ceilings(group.ops, group.waterfall_s, group.regime.power_s)
    assert found["peak"] == pytest.approx(1e12)
    assert found["spatial"] == pytest.approx(1e12 * 0.75)
    assert found["launch"] == pytest.approx((group.ops or 0) / (group.latency_s or 1))


def test_c33_the_power_roof_is_the_cap_times_the_efficiency() -> None:
    # (5 - 1) W / (0.02 + 87.5 / 256 pJ) = 4 x 2.76398e12; at AI_E = 4375 half of 4 / 0.02 pJ
    assert power_roof_ops_per_s(5.0, 1.0, 0.02e-12, 87.5e-12, 256.0) == pytest.approx(4 / 0.361796875e-12)
    assert power_roof_ops_per_s(5.0, 1.0, 0.02e-12, 87.5e-12, 4375.0) == pytest.approx(0.5 * 4 / 0.02e-12, rel=1e-9)
    assert power_roof_ops_per_s(1.0, 2.0, 0.02e-12, 87.5e-12, 256.0) == 0.0
