"""The JSON of real studies against the contract: keys, kinds of values, sums, and bounds that are bounds."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from oracles.tiny import saved

from onnxroof.report.json import to_json
from onnxroof.study.analyze import run_study

MODELS = sorted((Path(__file__).parents[2] / "models").glob("*.onnx"))
TARGETS = ("nvidia-h100-sxm", "google-tpu-v4", "raspberry-pi-5")

COUNTS = {"macs", "vector_ops", "special_ops", "read_bytes", "weight_bytes", "write_bytes"}
ROOT = {"schema_version", "tool", "conventions", "models"}
MODEL = {
    "name", "producer", "ir_version", "opsets", "dims", "coverage", "parameters", "peak_activation_bytes", "totals",
    "nodes", "precision",
}  # fmt: skip
NODE = COUNTS | {"name", "op_type", "domain", "scope", "kind", "repeat", "compute_type", "outputs"}
KINDS = {"compute", "move", "view", "constant", "absorbed", "host", "unknown"}
TARGET = {
    "target", "name", "levels", "fits", "memory_needed_bytes", "floor_latency_s", "floor_energy_j", "unknown",
    "best_plan", "plans",
}  # fmt: skip
LEVEL = {
    "name", "capacity_bytes", "instances", "bandwidth_bytes_per_s", "energy_j_per_byte", "ridge_ops_per_byte",
    "energy_ridge_ops_per_byte",
}  # fmt: skip
PLAN = {
    "fusion", "latency_s", "energy_j", "ops_per_s", "ops_per_j", "traffic_bytes", "peak_footprint_bytes",
    "mapped_traffic_bytes", "mapped_latency_s",
    "assumed_precision", "groups", "decisions",
}  # fmt: skip
GROUP = {
    "id", "nodes", "repeat", "latency_s", "energy_j", "traffic_bytes", "intensity_ops_per_byte", "time_bound",
    "energy_bound", "spatial_utilization", "temporal_utilization", "footprint_bytes", "tile", "mapped_traffic_bytes",
    "mapped_latency_s", "mapping",
}  # fmt: skip
DECISION = {"subject", "action", "reason", "figures"}


def refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no JSON")


@pytest.fixture(scope="module", params=MODELS, ids=lambda path: path.stem)
def model(request: pytest.FixtureRequest) -> Any:
    text = to_json(run_study([request.param], TARGETS))
    document = json.loads(text, parse_constant=refuse)  # NaN and Infinity
    assert set(document) >= ROOT
    (entry,) = document["models"]
    return entry


def plans(model: Any) -> Iterator[tuple[Any, Any]]:
    for target in model["targets"]:
        for plan in target["plans"]:
            yield target, plan


def test_required_keys_are_there_and_counts_are_whole(model: Any) -> None:
    assert set(model) >= MODEL | {"targets"}
    assert set(model["coverage"]) >= {"nodes", "costed", "shaped", "fraction", "unresolved"}
    assert set(model["parameters"]) == {"count", "bytes"}
    assert set(model["totals"]) == COUNTS
    assert all(set(dim) == {"value", "source"} for dim in model["dims"].values())
    for node in model["nodes"]:
        assert set(node) >= NODE
        assert node["kind"] in KINDS
        assert all(type(node[key]) is int and node[key] >= 0 for key in COUNTS)
        assert all(set(output) == {"name", "dtype", "shape"} for output in node["outputs"])
    names = [node["name"] for node in model["nodes"]]
    assert len(set(names)) == len(names)


def test_everything_of_a_shipped_model_is_known(model: Any) -> None:
    assert model["coverage"]["fraction"] == 1
    assert model["coverage"]["unresolved"] == []
    assert model["coverage"]["nodes"] == model["coverage"]["shaped"] == len(model["nodes"])


def test_totals_are_sums_over_nodes_and_trips(model: Any) -> None:
    for key, total in model["totals"].items():
        assert total == sum(node[key] * node["repeat"] for node in model["nodes"])
    assert model["totals"]["weight_bytes"] <= model["totals"]["read_bytes"]


def test_required_keys_of_targets_plans_and_groups(model: Any) -> None:
    assert [target["target"] for target in model["targets"]] == list(TARGETS)
    for target, plan in plans(model):
        assert set(target) >= TARGET
        assert all(set(level) >= LEVEL for level in target["levels"])
        levels = [level["name"] for level in target["levels"]]
        assert set(plan) >= PLAN
        assert [list(plan["traffic_bytes"]), list(plan["peak_footprint_bytes"])] == [levels, levels[1:]]
        assert target["best_plan"] in {one["fusion"] for one in target["plans"]}
        assert all(set(decision) == DECISION for decision in plan["decisions"])
        for group in plan["groups"]:
            assert set(group) >= GROUP
            assert list(group["traffic_bytes"]) == list(group["intensity_ops_per_byte"]) == levels
            assert list(group["footprint_bytes"]) == levels[1:]


def test_each_running_node_is_in_one_group_and_no_other_node_in_any(model: Any) -> None:
    running = sorted(node["name"] for node in model["nodes"] if node["kind"] in ("compute", "move", "unknown"))
    for _, plan in plans(model):
        assert sorted(name for group in plan["groups"] for name in group["nodes"]) == running


def test_plans_are_sums_of_their_groups(model: Any) -> None:
    ops = 2 * model["totals"]["macs"] + model["totals"]["vector_ops"] + model["totals"]["special_ops"]
    for _, plan in plans(model):
        assert plan["latency_s"] == pytest.approx(math.fsum(group["latency_s"] for group in plan["groups"]))
        # A converted model has fewer conversions to do, and nothing else is missing.
        slack = 1e-9 if plan["assumed_precision"] is None else 1e-3
        assert plan["ops_per_s"] == pytest.approx(ops / plan["latency_s"], rel=slack)
        for name, moved in plan["traffic_bytes"].items():
            assert moved == pytest.approx(math.fsum(group["traffic_bytes"][name] for group in plan["groups"]))
        for name, most in plan["peak_footprint_bytes"].items():
            assert most == max(group["footprint_bytes"][name] for group in plan["groups"])


def test_no_plan_beats_the_floor_and_fusion_never_costs(model: Any) -> None:
    for target in model["targets"]:
        alone, fused, deep, auto = target["plans"]
        outermost = target["levels"][0]["name"]
        assert 0 < target["floor_latency_s"] <= fused["latency_s"] <= alone["latency_s"]
        assert target["floor_latency_s"] <= auto["latency_s"] <= min(deep["latency_s"], fused["latency_s"])
        assert deep["traffic_bytes"][outermost] <= fused["traffic_bytes"][outermost]
        assert fused["traffic_bytes"][outermost] <= alone["traffic_bytes"][outermost]
        if fused["energy_j"] is not None:
            assert 0 < target["floor_energy_j"] <= fused["energy_j"] <= alone["energy_j"]
            assert target["floor_energy_j"] <= min(deep["energy_j"], auto["energy_j"])


def test_no_group_lies_above_a_roof(model: Any) -> None:
    for target, plan in plans(model):
        for group in plan["groups"]:
            assert 0 <= (group["spatial_utilization"] or 0) <= 1
            if group["latency_s"] == 0:  # a move of what stays on chip, where the level's bandwidth is not known
                assert (group["temporal_utilization"], group["time_bound"]) == (None, "")
                continue
            assert 0 <= group["temporal_utilization"] <= 1 + 1e-9
            assert group["time_bound"].partition(":")[0] in ("compute", "memory", "launch")
            for level in target["levels"]:
                moved, bandwidth = group["traffic_bytes"][level["name"]], level["bandwidth_bytes_per_s"]
                if bandwidth is not None:
                    assert group["latency_s"] * bandwidth * level["instances"] >= moved / (1 + 1e-9)
                capacity = level["capacity_bytes"]
                assert capacity is None or group["footprint_bytes"].get(level["name"], 0) <= capacity


def test_unknown_is_null_and_never_zero(tmp_path: Path) -> None:
    text = """g (float[8,16] x) => (float[8,16] y) <float[16,16] w>
        { m = MatMul(x, w) q = my.domain.Foo(m) r = Relu(q) y = my.domain.Foo(r) }"""
    document = json.loads(to_json(run_study([saved(tmp_path, text)], ["coral-edge-tpu-usb"])), parse_constant=refuse)
    (model,) = document["models"]
    assert model["totals"] == dict.fromkeys(COUNTS)
    assert model["peak_activation_bytes"] is None
    foo = model["nodes"][1]
    assert (foo["kind"], foo["macs"], foo["read_bytes"], foo["write_bytes"]) == ("unknown", None, None, None)
    assert foo["outputs"] == [{"name": "q", "dtype": "UNDEFINED", "shape": None}]
    (target,) = model["targets"]
    assert (target["memory_needed_bytes"], target["fits"]) == (None, None)
    for plan in target["plans"]:
        assert (plan["latency_s"], plan["energy_j"], plan["ops_per_s"], plan["ops_per_j"]) == (None,) * 4
        group = plan["groups"][1]
        assert (group["latency_s"], group["energy_j"]) == (None, None)
        assert set(group["intensity_ops_per_byte"].values()) == {None}


def test_a_count_has_no_targets_and_a_failure_stands_in_its_place(tmp_path: Path) -> None:
    good = saved(tmp_path, "g (float[8] x) => (float[8] y) { y = Relu(x) }", "good.onnx")
    bad = tmp_path / "bad.onnx"
    bad.write_bytes(b"not a model")
    document = json.loads(to_json(run_study([good, bad, good], None)))
    first, second, third = document["models"]
    assert "targets" not in first
    assert first == third
    assert second["name"] == "bad.onnx"
    assert "error" in second
    assert "totals" not in second


@pytest.mark.parametrize("fusion", ["none", "epilogue"])
def test_a_policy_that_is_asked_for_is_the_only_plan(tmp_path: Path, fusion: str) -> None:
    path = saved(tmp_path, "g (float[8] x) => (float[8] y) { a = Relu(x) y = Neg(a) }")
    document = json.loads(to_json(run_study([path], ["raspberry-pi-5"], fusion=fusion)))
    (target,) = document["models"][0]["targets"]
    assert [plan["fusion"] for plan in target["plans"]] == [fusion]
    assert target["best_plan"] == fusion
