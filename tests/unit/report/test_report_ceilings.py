"""How high a group can come."""

from dataclasses import replace

import pytest
from oracles.sample_analysis import npu, npu_result

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
)


def test_macs_alone_have_the_peak_of_the_engine_lowered_by_the_array():
    found = ceilings(GROUP, npu())
    assert found is not None
    assert found.peak_ops_per_s == pytest.approx(1000)
    assert found.ceiling_ops_per_s == pytest.approx(250)


def test_work_beside_the_macs_counts_in_the_peak():
    # 100 vector ops on their own engine meanwhile: 2100 ops in the 2 s that a full array takes
    found = ceilings(replace(GROUP, vector_ops=100, ops=2100), npu())
    assert found is not None
    assert found.peak_ops_per_s == pytest.approx(1050)


@pytest.mark.parametrize(
    "changes",
    [
        {"macs": 0, "spatial_utilization": None},
        {"macs": None, "ops": None},
        {"time_terms_s": {"memory:dram": 4.0}},
        {"time_terms_s": {"compute:vector": 4.0}},
    ],
)
def test_without_macs_or_their_rate_there_is_no_ceiling(changes):
    assert ceilings(replace(GROUP, **changes), npu()) is None
