"""Figures of the nodes of a model's own graph."""

import pytest
from oracles.tiny import engine, level, study, target

from onnxroof.study.annotate import model_figures, node_figures

LAYERS = """
    g (float[4, 64] x) => (float[4, 32] y) <float[64, 32] w> {
        h = MatMul(x, w)
        r = Relu(h)
        y = Exp(r)
    }"""
NPU = target(
    engine("all", "mac vector special", {"FLOAT": "1 TOP/s, 1 pJ/OP"}),
    level("dram", bandwidth="10 GB/s", energy="10 pJ/B"),
    level("sram", "1 MiB", energy="1 pJ/B"),
)


def test_counts_of_each_node():
    found = node_figures(study(LAYERS))
    assert list(found) == [0, 1, 2]
    # 4 * 64 * 32 MACs; 4 * 64 and 64 * 32 floats in, 4 * 32 out
    assert found[0] == {
        "kind": "compute", "compute_type": "FLOAT", "repeat": 1, "ops": 16_384, "macs": 8_192, "vector_ops": 0,
        "special_ops": 0, "read_bytes": 1_024 + 8_192, "weight_bytes": 8_192, "write_bytes": 512,
    }  # fmt: skip
    assert (found[2]["ops"], found[2]["special_ops"]) == (128, 128)


def test_a_group_is_said_at_each_of_its_nodes_and_timed_at_the_first():
    result = study(LAYERS, NPU, fusion="epilogue")
    found = node_figures(result)
    plan = result.targets[0].best
    assert found[0]["group"] == found[1]["group"] == found[2]["group"] == plan.groups[0].id
    assert found[0]["time_bound"] == found[2]["time_bound"] == "memory:dram"
    assert found[0]["group_latency_s"] == found[2]["group_latency_s"] == plan.latency_s
    assert found[0]["latency_s"] == plan.latency_s
    assert "latency_s" not in found[1]
    assert sum(entry.get("latency_s", 0.0) for entry in found.values()) == pytest.approx(plan.latency_s)
    assert sum(entry.get("energy_j", 0.0) for entry in found.values()) == pytest.approx(plan.energy_j)


def test_a_loop_is_the_sum_of_its_trips():
    text = """
        g (float[4, 8] x) => (float[4, 8] y) <int64 n = {5}, bool t = {1}> {
            r = Relu(x)
            y = Loop(n, t, r) <body = l (int64 i, bool go, float[4, 8] v) => (bool on, float[4, 8] k) {
                on = Identity(go)
                e = Exp(v)
                k = Neg(e)
            }>
        }"""
    result = study(text, NPU, fusion="none")
    found = node_figures(result)
    assert list(found) == [0, 1]
    # five trips of 32 EXP and 32 negations
    assert (found[1]["special_ops"], found[1]["vector_ops"], found[1]["kind"]) == (160, 160, "several")
    assert found[1]["nodes"] == 5  # the two borders of the loop and its body
    assert len(found[1]["group"].split(", ")) == 2
    assert found[0]["latency_s"] + found[1]["latency_s"] == pytest.approx(result.targets[0].best.latency_s)


def test_a_function_is_summed_where_it_is_called():
    text = """<ir_version: 10, opset_import: ["": 21, "local": 1]>
        g (float[4, 8] x) => (float[4, 8] y) { h = local.twice(x)  y = Relu(h) }
        <domain: "local", opset_import: ["": 21]> twice (a) => (b) { c = Neg(a)  b = Neg(c) }"""
    found = node_figures(study(text))
    assert (found[0]["nodes"], found[0]["ops"], found[1]["ops"]) == (2, 64, 32)


def test_what_is_unknown_stays_unknown():
    text = "g (float[4, 8] x) => (float[4, 8] y) { h = my.domain.Mystery(x)  y = Relu(h) }"
    found = node_figures(study(text))
    assert (found[0]["kind"], found[0]["macs"], found[0]["ops"]) == ("unknown", None, None)


def test_of_the_model_it_is_said_under_what_the_figures_are():
    text = "g (float[batch, 8] x) => (float[batch, 8] y) { y = Relu(x) }"
    assert model_figures(study(text, precision="fp16")) == {"dims": "batch=1", "precision": "fp16"}
    found = model_figures(study(text, NPU))
    assert (found["target"], found["fusion"], found["assumed_precision"]) == ("tiny", "none", "none")
    assert found["latency_s"] > 0
