"""How high a group can come."""

from dataclasses import replace

import pytest
from oracles.sample_analysis import npu_result
from oracles.tiny import engine, level, on_target, target

from onnxroof.report.ceilings import ceilings

# 1000 MACs = 2000 ops on an array of 1000 ops/s that is filled to a quarter: 2000 / (1000 x 0.25) = 8 s.
GROUP = replace(
    npu_result(1).best.groups[0],
    macs=1000,
    vector_ops=0,
    special_ops=0,
    ops=2000,
    latency_s=10.0,
    spatial_utilization=0.25,
    time_terms_s={"compute:matrix": 8.0, "memory:dram": 4.0, "launch": 2.0},
    full_engines_s={"matrix": 2.0},
    mac_engines=("matrix",),
)


def test_macs_alone_have_the_peak_of_the_engine_lowered_by_the_array():
    found = ceilings(GROUP)
    assert found is not None
    assert found.peak_ops_per_s == pytest.approx(1000)
    assert found.ceiling_ops_per_s == pytest.approx(250)


def test_work_beside_the_macs_counts_in_the_peak():
    # 100 vector ops on their own engine meanwhile: 2100 ops in the 2 s that a full array takes
    found = ceilings(replace(GROUP, vector_ops=100, ops=2100))
    assert found is not None
    assert found.peak_ops_per_s == pytest.approx(1050)


def test_work_on_another_engine_that_also_runs_macs_is_not_that_of_the_array():
    # 5000 vector ops take 20 s on an engine that could run MACs too: the array is done with its own in 2 s if full, in
    # 8 s as it is filled, and 7000 ops are done in that.
    changes = {"vector_ops": 5000, "ops": 7000, "latency_s": 22.0}
    times = {**GROUP.time_terms_s, "compute:cores": 20.0}
    found = ceilings(replace(GROUP, **changes, time_terms_s=times, full_engines_s={"matrix": 2.0, "cores": 20.0}))
    assert found is not None
    assert found.peak_ops_per_s == pytest.approx(7000 / 2)
    assert found.ceiling_ops_per_s == pytest.approx(7000 / 8)


def test_work_on_the_same_engine_takes_its_time_whatever_the_array():
    # 8000 vector ops at 1000 ops/s on the engine of the MACs: 2 + 8 s if the array is full, 8 + 8 s as it is filled
    changes = {"vector_ops": 8000, "ops": 10_000, "latency_s": 18.0}
    times = {**GROUP.time_terms_s, "compute:matrix": 16.0}
    found = ceilings(replace(GROUP, **changes, time_terms_s=times, full_engines_s={"matrix": 10.0}))
    assert found is not None
    assert found.peak_ops_per_s == pytest.approx(1000)  # what the engine does at most in any mix
    assert found.ceiling_ops_per_s == pytest.approx(625)


@pytest.mark.parametrize(
    "changes",
    [
        {"macs": 0, "spatial_utilization": None, "mac_engines": ()},
        {"macs": None, "ops": None},
        {"time_terms_s": {"memory:dram": 4.0}, "full_engines_s": {}, "mac_engines": ()},
        {"time_terms_s": {"compute:vector": 4.0}, "full_engines_s": {"vector": 4.0}, "mac_engines": ()},
    ],
)
def test_without_macs_or_their_rate_there_is_no_ceiling(changes):
    assert ceilings(replace(GROUP, **changes)) is None


def test_the_array_of_the_macs_is_found_among_engines_that_could_run_them():
    # 16 x 64 MACs in FLOAT16 fill half of the array of 32 columns: at 1 TFLOP/s 2.048 ns if full. The vector work runs
    # on the other engine, 16 ReLUs at 1 GFLOP/s: 16 ns.
    text = "g (float16[1,64] x) => (float16[1,16] y) <float16[64,16] w> { t = MatMul(x, w) y = Relu(t) }"
    matrix = engine("matrix", "mac", {"FLOAT16": "1 TFLOP/s"}, rest="array = { m = 1, n = 32, k = 32 }")
    cores = engine("cores", "mac vector", {"FLOAT16": "1 GFLOP/s"})
    (group,) = on_target(text, target(matrix, cores, level("dram", bandwidth="10 GB/s"))).plan("epilogue").groups
    assert (group.mac_engines, group.spatial_utilization) == (("matrix",), 0.5)
    found = ceilings(group)
    assert found is not None
    ops = 2 * 16 * 64 + 16
    assert found.peak_ops_per_s == pytest.approx(ops / 2.048e-9)
    assert found.ceiling_ops_per_s == pytest.approx(ops / 4.096e-9)
