"""Groups from outside on a target: one group where they fit, whatever it costs, and else apart for a reason."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from oracles.tiny import engine, level, saved, target

from onnxroof.roofline.result import PlanResult, TargetResult
from onnxroof.study.analyze import run_study
from onnxroof.study.result import ModelResult

CHAIN = """g (float[256,64] x) => (float[256,64] y) <float[64,64] v, float[64,64] w> {
    m = MatMul(x, v) r = Relu(m) y = MatMul(r, w) }"""
ALL = ("MatMul_0", "Relu_1", "MatMul_2")
ENGINE = engine("all", "mac vector special", {"FLOAT": "1 TFLOP/s"})


def on_chip(folder: Path, text: str, groups: object, capacity: str) -> TargetResult:
    path = folder / "groups.json"
    path.write_text(json.dumps({"groups": groups}))
    sram = level("sram", capacity, "100 GB/s", rest="keeps = []")
    where = target(ENGINE, level("dram", "1 GB", "1 GB/s"), sram)
    (entry,) = run_study([saved(folder, text)], [where], groups=path).models
    assert isinstance(entry, ModelResult), entry
    return entry.targets[0]


def members(plan: PlanResult) -> list[tuple[str, ...]]:
    return [group.nodes for group in plan.groups]


def test_a_group_that_fits_is_one(tmp_path: Path) -> None:
    plan = on_chip(tmp_path, CHAIN, [ALL], "64 kB").plan("given")
    assert members(plan) == [ALL]
    # x and y of 256 x 64, v and w of 64 x 64 FLOAT, each once; what lies between never leaves.
    assert plan.traffic_bytes["dram"] == 4 * (2 * 256 * 64 + 2 * 64 * 64)
    (fused,) = [one for one in plan.decisions if one.action == "fused"]
    assert fused.subject == "MatMul_0 -> MatMul_2"
    assert plan.groups[0].footprint_bytes["sram"] <= 64_000


def test_a_group_that_does_not_fit_is_taken_apart_with_what_it_needs(tmp_path: Path) -> None:
    result = on_chip(tmp_path, CHAIN, [ALL], "10 B")
    plan = result.plan("given")
    assert members(plan) == [("MatMul_0", "Relu_1"), ("MatMul_2",)]
    (apart,) = [one for one in plan.decisions if one.action == "taken apart"]
    assert apart.subject == "groups[0]"
    assert apart.figures["groups"] == 2
    assert apart.figures["room_bytes"] == 10 < apart.figures["needs_bytes"]
    assert plan.traffic_bytes == result.plan("epilogue").traffic_bytes
    # The figure holds: with so much room it is one group, with a byte less it is not.
    needs = int(apart.figures["needs_bytes"])
    assert members(on_chip(tmp_path, CHAIN, [ALL], f"{needs} B").plan("given")) == [ALL]
    assert members(on_chip(tmp_path, CHAIN, [ALL], f"{needs - 1} B").plan("given")) != [ALL]


def test_what_no_tile_flows_through_is_said(tmp_path: Path) -> None:
    text = """g (float[64,64] x) => (float[1,64] y, int64[1,64] i) <int64[1] k = {1}> {
        a = Relu(x) y, i = TopK <axis = 0> (a, k) }"""
    plan = on_chip(tmp_path, text, [["Relu_0", "TopK_1"]], "64 kB").plan("given")
    assert members(plan) == [("Relu_0",), ("TopK_1",)]
    (apart,) = [one for one in plan.decisions if one.action == "taken apart"]
    assert "it cannot be one group: what TopK touches is no affine function" in apart.reason


def test_operators_that_share_no_tensor_are_apart(tmp_path: Path) -> None:
    text = """g (float[64,64] x, float[64,64] u) => (float[64,64] y, float[64,64] z) {
        y = MatMul(x, x) z = MatMul(u, u) }"""
    plan = on_chip(tmp_path, text, [["MatMul_0", "MatMul_1"]], "64 kB").plan("given")
    assert members(plan) == [("MatMul_0",), ("MatMul_1",)]
    (apart,) = [one for one in plan.decisions if one.action == "taken apart"]
    assert "do not read each other" in apart.reason


def test_the_parts_of_a_group_with_a_barrier_stay_together_where_they_can(tmp_path: Path) -> None:
    text = """g (float[64,64] x) => (float[1,64] y, int64[1,64] i) <float[64,64] v, float[64,64] w, int64[1] k = {1}> {
        m = MatMul(x, v) n = MatMul(m, w) y, i = TopK <axis = 0> (n, k) }"""
    plan = on_chip(tmp_path, text, [["MatMul_0", "MatMul_1", "TopK_2"]], "64 kB").plan("given")
    assert members(plan) == [("MatMul_0", "MatMul_1"), ("TopK_2",)]


def test_the_given_plan_stands_beside_the_others_and_may_be_the_best(tmp_path: Path) -> None:
    result = on_chip(tmp_path, CHAIN, [], "64 kB")
    assert [plan.fusion for plan in result.plans] == ["none", "epilogue", "depth-first", "auto", "given"]
    assert result.plan("given").traffic_bytes == result.plan("none").traffic_bytes
    path = tmp_path / "groups.json"
    path.write_text(json.dumps({"groups": [ALL]}))
    where = target(ENGINE, level("dram", "1 GB", "1 GB/s"), level("sram", "64 kB", "100 GB/s", rest="keeps = []"))
    (entry,) = run_study([saved(tmp_path, CHAIN)], [where], fusion="none", groups=path).models
    assert isinstance(entry, ModelResult)
    assert entry.targets[0].best_plan == "given"
    assert entry.targets[0].best.latency_s == pytest.approx(4 * (2 * 256 * 64 + 2 * 64 * 64) / 1e9)


# Two branches written in turns, the second begun first: whoever runs them one after the other keeps one value less.
TURNS = """g (float[256,64] x) => (float[256,64] y, float[256,64] z) <float[64,64] v, float[64,64] w> {
    a = MatMul(x, v) b = MatMul(x, w) y = Softmax(a) z = Softmax(b) }"""


def test_groups_run_in_the_order_that_they_ask_for(tmp_path: Path) -> None:
    def plan(*nodes: str, names_order: bool) -> PlanResult:
        groups = [{"nodes": [node], **({"order": place} if names_order else {})} for place, node in enumerate(nodes)]
        path = tmp_path / "groups.json"
        path.write_text(json.dumps({"groups": groups}))
        # Room for one value of 256 x 64 FLOAT, a weight and a tile of the other two.
        where = target(ENGINE, level("dram", "1 GB", "1 GB/s"), level("sram", "90 kB", "100 GB/s"))
        (entry,) = run_study([saved(tmp_path, TURNS)], [where], groups=path).models
        assert isinstance(entry, ModelResult), entry
        return entry.targets[0].plan("given")

    turns = ("MatMul_0", "MatMul_1", "Softmax_2", "Softmax_3")
    apart = ("MatMul_0", "Softmax_2", "MatMul_1", "Softmax_3")
    for said in (plan(*apart, names_order=False), plan(*turns, names_order=True)):
        assert [node for nodes in members(said) for node in nodes] == [*turns]
        assert not [one for one in said.decisions if one.action == "reordered"]
    found = plan(*apart, names_order=True)
    assert [node for nodes in members(found) for node in nodes] == [*apart]
    (reason,) = [one.reason for one in found.decisions if one.action == "reordered"]
    assert reason == "not in the order of the file: as the groups ask for"
    # b stays as a does, each while nothing else is alive: its 256 x 64 FLOAT are neither written nor read again.
    saved_bytes = plan(*turns, names_order=True).traffic_bytes["dram"] - found.traffic_bytes["dram"]
    assert saved_bytes == 2 * 4 * 256 * 64
