"""Our bytes and times against ZigZag's on its own machines and layers, from results recorded once.

ZigZag's mapping is one that exists, so ours moves no more; what every mapping must move is the same for both. Its known
defects are left out by what they do, not by name: fewer bytes than the tensors have (an unrolling that does not divide
is rounded down), and a time in which its own bytes do not fit through its own port.
"""

import pytest
from validation.layers import figures, layer, machine, recorded

BYTES_PER_CYCLE = 8  # 64 bits on one port; cycles of 1 ns

RECORDED = recorded()
RUNS = [pytest.param(run, id=f"{run['machine']}-{run['layer']}-{run['optimised_for']}") for run in RECORDED["runs"]]


def ours(run):
    description = RECORDED["layers"][run["layer"]]
    return figures(layer(description), machine(run["machine"], description))


@pytest.mark.parametrize("name", RECORDED["layers"])
def test_layers_are_the_same(name):
    nest = layer(RECORDED["layers"][name])
    assert nest.points == RECORDED["layers"][name]["macs"]


@pytest.mark.parametrize("run", RUNS)
def test_the_nested_mapping_moves_no_more_bytes(run):
    found = ours(run)
    assert found.compulsory_bytes == run["compulsory_bytes"]
    assert found.compulsory_bytes <= found.traffic_bytes <= found.mapped_traffic_bytes
    if run["dram_bytes"] >= run["compulsory_bytes"]:
        assert found.mapped_traffic_bytes <= run["dram_bytes"]
    else:
        assert found.mapped_traffic_bytes == found.compulsory_bytes  # it reads less of a tensor than there is


@pytest.mark.parametrize("run", RUNS)
def test_our_time_is_a_bound_of_its_time(run):
    found = ours(run)
    assert found.latency_s <= found.mapped_latency_s
    needed = max(run["dram_bytes"], run["compulsory_bytes"]) / BYTES_PER_CYCLE
    if run["cycles"] < needed:
        assert found.latency_s * 1e9 == pytest.approx(needed)  # what its time has no room for
    else:
        assert found.latency_s * 1e9 <= run["cycles"]


def test_only_what_is_known_to_be_wrong_is_left_out():
    less = {(r["machine"], r["layer"]) for r in RECORDED["runs"] if r["dram_bytes"] < r["compulsory_bytes"]}
    assert less == {("meta_prototype", "conv1x1_14_1024_256"), ("edge_tpu_like", "conv1x1_14_1024_256")}
    faster = {
        (r["machine"], r["layer"])
        for r in RECORDED["runs"]
        if r["cycles"] < max(r["dram_bytes"], r["compulsory_bytes"]) / BYTES_PER_CYCLE
    }
    # A matrix-vector product is all weights: the bytes of the vectors are missing, 0.02 % of the time.
    assert faster == {
        ("tpu_like", "dw3x3_56_144"), ("meta_prototype", "dw3x3_56_144"), ("edge_tpu_like", "dw3x3_56_144"),
        ("eyeriss_like", "gemv_4096"), ("tpu_like", "gemv_4096"), ("edge_tpu_like", "gemv_4096"),
    }  # fmt: skip


def test_our_time_is_close_to_its_time_where_both_unroll_alike():
    # Its latency-optimal mappings. What is left is the first load, which it does not overlap: up to a quarter.
    ratios = []
    for run in RECORDED["runs"]:
        found = ours(run)
        if run["optimised_for"] == "latency" and found.compute_s * 1e9 == pytest.approx(run["temporal_cycles"]):
            ratios.append(found.latency_s * 1e9 / run["cycles"])
    assert len(ratios) >= 14
    assert min(ratios) > 0.75
    assert sorted(ratios)[len(ratios) // 2] > 0.9
