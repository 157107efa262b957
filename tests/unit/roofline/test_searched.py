"""Plans that are looked for on a target: what stays on chip is chosen anew around their groups."""

from __future__ import annotations

import pytest
from oracles.tiny import engine, level, on_target, target, workload

from onnxroof.costs.table import cost_table
from onnxroof.mapping.given import GivenGroup, GivenGroups
from onnxroof.mapping.planned import planned
from onnxroof.mapping.storage import storage
from onnxroof.roofline.evaluate import evaluate
from onnxroof.roofline.result import PlanResult
from onnxroof.roofline.searched import best_of
from onnxroof.targets.model import Target

# `u` (64 KiB) waits until the last product, as nothing flows through TopK; `s` (128 KiB) is between two products.
WAITS = """g (float[256,16] x) => (float[8,64] y) <float[16,64] a, float[64,128] b, float[128,8] c, int64[1] k = {256}>
    { u = MatMul(x, a) s = MatMul(u, b) t = MatMul(s, c) p, i = TopK<axis=0>(t, k)
      q = Transpose<perm=[1,0]>(p) y = MatMul(q, u) }"""
# Once each: x, the three weights, y, and the indices of TopK, which nobody reads.
ONCE = 4 * (256 * 16 + 16 * 64 + 64 * 128 + 128 * 8 + 8 * 64) + 8 * 256 * 8
KIB = 1024


# Nothing flows through TopK: as written, the two larger parts of `y` wait outside until it has run.
JOINED = """g (float[256,16] x) => (float[256,144] y, int64[256,8] i) <float[16,64] a, float[16,64] b, float[8,16] c,
    int64[1] k = {8}>
    { s = MatMul(x, a) t = MatMul(x, b) p, i = TopK(x, k) u = MatMul(p, c) y = Concat<axis=1>(s, t, u) }"""
JOINED_ONCE = 4 * (256 * 16 + 2 * 16 * 64 + 8 * 16 + 256 * 144) + 8 * 256 * 8


def chip(capacity: str) -> Target:
    return target(
        engine("matrix", "mac vector special", {"FLOAT": "1 TOP/s, 1 pJ/OP"}),
        level("dram", "1 GB", "10 GB/s", "100 pJ/B"),
        level("sram", capacity, "100 GB/s", "1 pJ/B"),
    )


@pytest.mark.parametrize("capacity", ["120 KiB", "150 KiB", "170 KiB"])
def test_what_is_inside_of_a_group_leaves_its_room_to_others(capacity: str) -> None:
    result = on_target(WAITS, chip(capacity))
    # Step by step not both fit, and `s` saves more: `u` is written, and read for two products, if not more often.
    alone = result.plan("epilogue")
    if capacity == "150 KiB":
        assert [one.tensor for one in alone.residents] == ["s", "t", "p", "q"]
        assert alone.traffic_bytes["dram"] >= ONCE + 3 * 64 * KIB
    # Inside of a group nothing of `s` stays, and `u` has the room.
    for policy in ("depth-first", "auto"):
        plan = result.plan(policy)
        assert tuple(plan.groups[0].nodes) == ("MatMul_0", "MatMul_1", "MatMul_2")
        assert [one.tensor for one in plan.residents] == ["u", "t", "p", "q"]
        assert plan.traffic_bytes["dram"] == ONCE


def test_nothing_is_said_of_what_passes_inside_of_a_group() -> None:
    # In 120 KiB `s` stays nowhere if its product and its reader run apart; as one group they do not ask for that.
    result = on_target(WAITS, chip("120 KiB"))
    subject = "MatMul_1 -> MatMul_2"
    said = {policy: {one.subject: one.action for one in result.plan(policy).decisions} for policy in ("none", "auto")}
    assert said["none"][subject] == "evicted"
    assert "evicted" not in said["auto"].values()


@pytest.mark.parametrize("policy", ["depth-first", "auto"])
def test_short_branches_are_tried_next_to_what_joins_them(policy: str) -> None:
    result = on_target(JOINED, chip("48 KiB"))
    plan = result.plan(policy)
    assert [sorted(group.nodes) for group in plan.groups] == [
        ["TopK_2"], ["Concat_4", "MatMul_0", "MatMul_1", "MatMul_3"],
    ]  # fmt: skip
    assert plan.traffic_bytes["dram"] == JOINED_ONCE
    # `s` and `t`, 64 KiB each, have no room to stay: alone they go out and come in again.
    assert result.plan("epilogue").traffic_bytes["dram"] >= JOINED_ONCE + 4 * 64 * KIB
    (reason,) = [one.reason for one in plan.decisions if one.action == "reordered"]
    assert reason.endswith("the longest chain first")


@pytest.mark.parametrize("policy", ["depth-first", "auto"])
def test_a_policy_alone_finds_what_it_finds_among_others(policy: str) -> None:
    (among, alone) = (on_target(WAITS, chip("150 KiB"), **options).plan(policy) for options in ({}, {"fusion": policy}))
    assert [group.nodes for group in among.groups] == [group.nodes for group in alone.groups]
    assert (among.latency_s, among.energy_j, among.traffic_bytes) == (
        alone.latency_s, alone.energy_j, alone.traffic_bytes,
    )  # fmt: skip


def test_groups_from_outside_leave_room_too() -> None:
    model, where = workload(WAITS), chip("150 KiB")
    costs = cost_table(model)
    groups = GivenGroups(where="a.json", groups=(GivenGroup(name="0", nodes=("MatMul_0", "MatMul_1", "MatMul_2")),))
    found = evaluate(planned(model, costs, storage(model, costs), ("none",), given=groups), where).plan("given")
    assert found.traffic_bytes["dram"] == ONCE
    assert [one.tensor for one in found.residents] == ["u", "t", "p", "q"]


def plan(latency_s: float | None, outer_bytes: float) -> PlanResult:
    return PlanResult(
        fusion="none", latency_s=latency_s, energy_j=None, ops_per_s=None, ops_per_j=None,
        traffic_bytes={"dram": outer_bytes}, assumed_precision=None, groups=(), decisions=(),
    )  # fmt: skip


def test_the_best_is_the_fastest_then_what_moves_least_then_the_first() -> None:
    slow, fast, same = plan(2.0, 1.0), plan(1.0, 3.0), plan(1.0, 3.0)
    less = plan(1.0 + 1e-16, 2.0)
    assert best_of((slow, fast, same), "latency") is fast
    assert best_of((slow, fast, less), "latency") is less
    assert best_of((plan(None, 2.0), slow, fast), "latency") is slow  # a time is not known of all
