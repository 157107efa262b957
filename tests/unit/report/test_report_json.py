"""The JSON contract: exact sets of required keys at every level, and what unknown looks like."""

import json
import math
import subprocess
import sys
from dataclasses import replace

import pytest
from oracles.sample_analysis import analysis, board_result, explained, model, npu_result
from oracles.tiny import engine, level, study, target

from onnxroof.report.json import to_json
from onnxroof.study.result import Analysis

MODEL = "name producer ir_version opsets dims coverage parameters peak_activation_bytes totals nodes targets"
COUNTS = "macs vector_ops special_ops read_bytes weight_bytes write_bytes"
NODE = f"name op_type domain scope kind repeat {COUNTS} compute_type outputs"
TARGET = "target name levels fits memory_needed_bytes floor_latency_s floor_energy_j unknown best_plan plans"
LEVEL = (
    "name capacity_bytes instances bandwidth_bytes_per_s energy_j_per_byte ridge_ops_per_byte "
    "energy_ridge_ops_per_byte balance_gap"
)
PLAN = (
    "fusion latency_s energy_j ops_per_s ops_per_j traffic_bytes peak_footprint_bytes assumed_precision "
    "groups decisions"
)
GROUP = (
    "id nodes repeat latency_s energy_j traffic_bytes intensity_ops_per_byte time_bound energy_bound "
    "spatial_utilization temporal_utilization footprint_bytes tile"
)


@pytest.fixture(scope="module")
def document():
    return json.loads(to_json(analysis()))


def keys_in_order(required: str, found: dict) -> bool:
    """Whether all required keys are there, in the order of the contract, others between them allowed."""
    return [key for key in found if key in required.split()] == required.split()


def test_top_level_keys(document):
    assert keys_in_order("schema_version tool conventions models", document)
    assert document["schema_version"] == "1"
    assert set(document["tool"]) == {"name", "version"}
    assert document["tool"]["name"] == "onnxroof"
    assert "1 MAC = 2 ops" in document["conventions"]["mac"]
    assert "one write and one read" in document["conventions"]["partial_sums"]
    assert document["conventions"]["state"].startswith("cold")


def test_model_keys(document):
    answered = document["models"][0]
    assert keys_in_order(MODEL, answered)
    assert answered["dims"]["batch"] == {"value": 1, "source": "default"}
    assert answered["opsets"] == {"": 17, "org.example": 1}
    assert keys_in_order("nodes costed shaped fraction unresolved", answered["coverage"])
    assert set(answered["coverage"]["unresolved"][0]) == {"node", "op_type", "domain", "reason"}
    assert answered["coverage"]["fraction"] == 29 / 30
    assert set(answered["parameters"]) == {"count", "bytes"}
    assert list(answered["totals"]) == COUNTS.split()


def test_node_keys(document):
    nodes = document["models"][0]["nodes"]
    for node in nodes:
        assert list(node) == NODE.split()
        assert list(node["outputs"][0]) == ["name", "dtype", "shape"]
    assert nodes[0]["outputs"][0]["shape"] == [1, None, 64]
    assert nodes[7]["outputs"][0]["shape"] is None
    assert nodes[7]["kind"] == "unknown"


def test_target_plan_group_and_decision_keys(document):
    for result in document["models"][0]["targets"]:
        assert keys_in_order(TARGET, result)
        assert all(list(level) == LEVEL.split() for level in result["levels"])
        for plan in result["plans"]:
            assert keys_in_order(PLAN, plan)
            assert all(keys_in_order(GROUP, group) for group in plan["groups"])
            assert all(list(d) == ["subject", "action", "reason", "figures"] for d in plan["decisions"])


def test_levels_are_outermost_first_in_every_mapping(document):
    target = document["models"][0]["targets"][0]
    assert [level["name"] for level in target["levels"]] == ["dram", "sram", "rf"]
    assert list(target["plans"][0]["traffic_bytes"]) == ["dram", "sram", "rf"]
    assert list(target["plans"][0]["groups"][0]["intensity_ops_per_byte"]) == ["dram", "sram", "rf"]


def test_a_failed_model_has_its_error_in_its_place(document):
    failed = document["models"][1]
    assert list(failed) == ["name", "error"]
    assert list(failed["error"]) == ["message", "diagnostics"]
    assert failed["error"]["diagnostics"] == [
        {"code": "M103", "where": "broken.onnx", "message": "the file ends inside a <tensor>", "hint": "copy it again"}
    ]


def test_count_has_no_targets_key():
    document = json.loads(to_json(analysis(with_targets=False)))
    assert "targets" not in document["models"][0]
    assert "nodes" in document["models"][0]


def test_unknown_is_null_and_known_nothing_is_zero(document):
    board = document["models"][0]["targets"][1]
    assert board["plans"][0]["energy_j"] is None
    assert board["plans"][0]["groups"][7]["intensity_ops_per_byte"] == {"flash<i>": None, "ram": None}
    assert board["plans"][0]["groups"][7]["ops"] is None
    assert board["plans"][0]["groups"][3]["macs"] == 0  # an Add


def test_bytes_beside_unknown_work_are_null():
    text = """g (float[8,64] x) => (float[8,64] y) <float[64,64] w>
        { a = MatMul(x, w) b = my.domain.Frob(a) y = Relu(b) }"""
    chip = target(engine("all", "mac vector", {"FLOAT": "1 TOP/s"}), level("dram", "1 GB", "10 GB/s"))
    found = json.loads(to_json(Analysis(models=(study(text, chip),))))
    plan = found["models"][0]["targets"][0]["plans"][0]
    known, unknown, _ = plan["groups"]
    assert known["traffic_bytes"] == {"dram": 4 * (8 * 64 + 64 * 64 + 8 * 64)}
    for one in (plan, unknown):
        for name in ("traffic_bytes", "traffic_read_bytes", "traffic_write_bytes", "mapped_traffic_bytes"):
            assert one[name] == {"dram": None}
    assert (unknown["time_terms_s"], unknown["latency_s"], plan["latency_s"]) == ({}, None, None)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_is_not_finite_is_null(value):
    broken = replace(npu_result(1), floor_latency_s=value)
    text = to_json(Analysis(models=(replace(model(1), targets=(broken,)),)))
    assert "NaN" not in text
    assert "Infinity" not in text
    assert json.loads(text)["models"][0]["targets"][0]["floor_latency_s"] is None


def test_floats_read_back_to_the_same_bits_and_ints_stay_ints(document):
    result = npu_result(30)
    target = document["models"][0]["targets"][0]
    assert target["plans"][1]["latency_s"] == result.plans[1].latency_s
    assert type(target["memory_needed_bytes"]) is int
    assert type(document["models"][0]["nodes"][0]["macs"]) is int


def test_a_record_is_one_line():
    lines = to_json(analysis(with_failure=False)).splitlines()
    groups = [line for line in lines if line.strip().startswith('{"id": "g')]
    assert len(groups) == 90  # 30 groups of three plans
    assert all(json.loads(line.strip().rstrip(","))["latency_s"] > 0 for line in groups)
    assert len([line for line in lines if line.strip().startswith('{"name": ') and '"op_type"' in line]) == 30


@pytest.mark.parametrize("name", ["nodes", "groups", "levels"])
def test_a_dimension_may_be_named_like_a_record(name):
    named = replace(model(2), dims=(replace(model(2).dims[0], name=name),))
    assert json.loads(to_json(Analysis(models=(named,))))["models"][0]["dims"][name]["value"] == 1


def test_the_text_is_ascii_and_deep_containers_are_indented():
    text = to_json(analysis())
    assert text.isascii()
    assert '\n  {\n   "name": "vision<b>.onnx"' in text


def test_a_group_has_its_peak_and_its_ceiling(document):
    group = document["models"][0]["targets"][0]["plans"][0]["groups"][0]
    assert group["ceiling_ops_per_s"] == pytest.approx(group["peak_ops_per_s"] * group["spatial_utilization"])
    board = document["models"][0]["targets"][1]["plans"][0]["groups"][0]
    assert board["peak_ops_per_s"] is None
    assert board["ceiling_ops_per_s"] is None


@pytest.mark.parametrize("module", ["onnxroof.report.json", "onnxroof.report.text", "onnxroof.report.csv"])
def test_a_count_waits_for_nothing_behind_targets(module):
    code = f"import sys, {module}; print(*sys.modules)"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert module in found
    forbidden = ("onnxroof.targets", "onnxroof.roofline", "onnxroof.mapping", "rich", "jinja2", "pydantic")
    assert [name for name in found if name.startswith(forbidden)] == []


def test_the_same_analysis_gives_the_same_bytes():
    assert to_json(analysis()) == to_json(analysis())
    assert to_json(Analysis(models=())).endswith("\n")


def test_a_target_that_knows_nothing_still_has_every_key():
    bare = replace(board_result(2), levels=(), fits=None, floor_latency_s=None)
    document = json.loads(to_json(Analysis(models=(replace(model(2), targets=(bare,)),))))
    assert keys_in_order(TARGET, document["models"][0]["targets"][0])
    assert document["models"][0]["targets"][0]["fits"] is None


def test_shares_that_rest_on_estimates_stand_beside_their_figures():
    npu = npu_result(3)
    plan = npu.best
    group = replace(plan.groups[0], latency_s=4.0, latency_estimated_s=1.0, energy_j=None, energy_estimated_j=None)
    plan = explained(replace(plan, latency_s=8.0, groups=(group,)), latency_estimated_s=1.0, energy_estimated_j=0.0)
    npu = replace(npu, plans=(plan,), floor_latency_s=2.0, floor_latency_estimated_s=2.0)
    found = json.loads(to_json(replace(analysis(), models=(replace(model(), targets=(npu,)),))))["models"][0][
        "targets"
    ][0]
    assert (found["floor_latency_estimated_share"], found["floor_energy_estimated_share"]) == (1.0, None)
    assert found["plans"][0]["latency_estimated_share"] == 0.125  # 1 of 8
    assert found["plans"][0]["energy_estimated_share"] == 0.0
    first = found["plans"][0]["groups"][0]
    assert (first["latency_estimated_share"], first["energy_estimated_share"]) == (0.25, None)
