"""Peak and workload efficiency side by side."""

from __future__ import annotations

import pytest
from oracles.tiny import engine, level, on_target, target

from onnxroof.roofline.efficiency import Efficiency, efficiency


def test_c14_peak_and_workload_with_their_ratio() -> None:
    # 1000 ops: 4 s where the busiest engine needs 1 s; 5 J of which 2 J are compute
    found = efficiency(1000, 4.0, 5.0, 1.0, 2.0)
    assert (found.peak_ops_per_s, found.ops_per_s, found.of_peak) == (1000.0, 250.0, 0.25)
    assert (found.peak_ops_per_j, found.ops_per_j, found.of_peak_energy) == (500.0, 200.0, pytest.approx(0.4))


def test_unknown_stays_unknown() -> None:
    assert efficiency(None, None, None, 0.0, None) == Efficiency()
    assert (Efficiency().of_peak, Efficiency().of_peak_energy) == (None, None)


def test_c14_of_a_plan() -> None:
    # 64^3 MACs at 1 TFLOP/s: 524 ns; relu of 4096 at 1 GFLOP/s: 4096 ns; dram 10 GB/s
    text = "g (float[64,64] x) => (float[64,64] z) <float[64,64] w> { y = MatMul(x, w) z = Relu(y) }"
    engines = (
        engine("matrix", "mac", {"FLOAT": "1 TFLOP/s, 1 pJ/FLOP"}),
        engine("vector", "vector", {"FLOAT": "1 GFLOP/s, 2 pJ/FLOP"}),
    )
    plan = on_target(text, target(*engines, level("dram", "1 GB", "10 GB/s", "100 pJ/B"))).plan("epilogue")
    found, ops = plan.efficiency, 2 * 64**3 + 64**2
    assert found.peak_ops_per_s == pytest.approx(ops / 4.096e-6)
    assert (found.ops_per_s, found.ops_per_j) == (plan.ops_per_s, plan.ops_per_j)
    assert found.peak_ops_per_j == pytest.approx(ops / (2 * 64**3 * 1e-12 + 64**2 * 2e-12))
