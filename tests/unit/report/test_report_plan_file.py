"""Plans as a file: what stands in it, and that it says the same when it is read back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from oracles.tiny import engine, level, saved, target

from onnxroof.report.plan_file import to_plan_file
from onnxroof.roofline.result import PlanResult
from onnxroof.study.analyze import run_study
from onnxroof.study.result import ModelResult
from onnxroof.targets.model import Target

# Two products with an activation between and behind: a block of rows of both fits a small memory.
CHAIN = """g (float[256,64] x) => (float[256,64] y) <float[64,64] v, float[64,64] w> {
    m = MatMul(x, v) r = Relu(m) n = MatMul(r, w) y = Sigmoid(n) }"""
BRANCHES = """g (float[1,8,32,32] x) => (float[1,8,32,32] y) <float[8,8,3,3] v, float[8,8,3,3] w> {
    a = Conv <pads = [1,1,1,1]> (x, v) b = Relu(a) c = Conv <pads = [1,1,1,1]> (b, w) d = Add(c, x) y = Relu(d) }"""
ENGINE = engine("all", "mac vector special", {"FLOAT": "1 TFLOP/s, 1 pJ/FLOP"})
DRAM = level("dram", "1 GB", "1 GB/s", "20 pJ/B")


def chip(capacity: str, name: str = "chip", keeps: str = "") -> Target:
    return target(ENGINE, DRAM, level("sram", capacity, "100 GB/s", "1 pJ/B", rest=keeps), name=name)


CHIPS = (chip("48 kB", "small", "keeps = []"), chip("1 MB", "large"))


def document(folder: Path, text: str, **options: Any) -> Any:
    return json.loads(to_plan_file(run_study([saved(folder, text)], CHIPS, **options)))


def test_what_a_compiler_reads(tmp_path: Path) -> None:
    found = document(tmp_path, CHAIN)
    assert (found["kind"], found["schema_version"], found["objective"]) == ("onnxroof plans", "1", "latency")
    assert [(plan["target"], plan["fusion"]) for plan in found["plans"]] == [
        (name, fusion) for name in ("small", "large") for fusion in ("none", "epilogue", "depth-first", "auto")
    ]
    assert [plan["is_best"] for plan in found["plans"] if plan["target"] == "large"].count(True) == 1
    fused = found["plans"][1]
    assert [group["name"] for group in fused["groups"]] == ["MatMul_0 .. Relu_1", "MatMul_2 .. Sigmoid_3"]
    assert [group["order"] for group in fused["groups"]] == [0, 1]
    first = fused["groups"][0]
    assert first["nodes"] == ["MatMul_0", "Relu_1"]
    # x and the result are 256 x 64, v is 64 x 64 FLOAT, and each crosses once.
    assert first["traffic_bytes"]["dram"] == 4 * (2 * 256 * 64 + 64 * 64)
    assert first["mapping"][0]["level"] == "sram"
    assert set(first["mapping"][0]["tile"]) == {"m", "k", "n"} >= set(first["mapping"][0]["order"])
    assert 0 < first["footprint_bytes"]["sram"] <= 48_000


def test_what_stays_on_chip_says_from_which_group_to_which(tmp_path: Path) -> None:
    plans = document(tmp_path, CHAIN)["plans"]
    small, large = (next(p for p in plans if (p["target"], p["fusion"]) == (t, "epilogue")) for t in ("small", "large"))
    assert small["residents"] == []
    (kept,) = large["residents"]
    assert kept == {
        "tensor": "r", "kind": "activation", "level": "sram", "bytes": 4 * 256 * 64, "from": "MatMul_0 .. Relu_1",
        "to": "MatMul_2 .. Sigmoid_3",
    }  # fmt: skip


def test_a_tensor_inside_a_group_is_no_resident(tmp_path: Path) -> None:
    (plan,) = (p for p in document(tmp_path, CHAIN)["plans"] if (p["target"], p["fusion"]) == ("large", "depth-first"))
    assert len(plan["groups"]) == 1 or [r["tensor"] for r in plan["residents"]] == ["r"]


@pytest.mark.parametrize("text", [CHAIN, BRANCHES])
@pytest.mark.parametrize("fusion", ["none", "epilogue", "auto"])
@pytest.mark.parametrize("objective", ["latency", "energy"])
def test_a_plan_that_is_read_back_has_the_same_groups_and_figures(
    tmp_path: Path, text: str, fusion: str, objective: str
) -> None:
    path = tmp_path / "plan.json"
    study = run_study([saved(tmp_path, text)], CHIPS, fusion=fusion, objective=objective)
    path.write_text(to_plan_file(study))
    (entry,) = run_study([saved(tmp_path, text)], CHIPS, fusion=fusion, objective=objective, groups=path).models
    assert isinstance(entry, ModelResult)
    for result in entry.targets:
        ours, back = result.plan(fusion), result.plan("given")
        assert facts(back) == facts(ours)
        assert result.best_plan == fusion  # of two that are equal the first


def facts(plan: PlanResult) -> object:
    groups = [(group.nodes, group.latency_s, dict(group.traffic_bytes), dict(group.tile)) for group in plan.groups]
    return (
        groups,
        plan.latency_s,
        plan.energy_j,
        dict(plan.traffic_bytes),
        dict(plan.peak_footprint_bytes),
        tuple(plan.residents),
    )
