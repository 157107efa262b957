"""Groups that a search found with their figures, and the reasons for those that it did not make."""

from __future__ import annotations

from pathlib import Path

import pytest
from oracles.tiny import engine, level, on_target, target

import onnxroof
from onnxroof.mapping.plan import Decision
from onnxroof.mapping.segments import MOST_IN_ALL, MOST_STEPS
from onnxroof.roofline.result import PlanResult
from onnxroof.study.analyze import run_study
from onnxroof.study.result import ModelResult
from onnxroof.targets.model import Target

MODELS = Path(__file__).resolve().parents[3] / "models"

PAIR = """g (float[1,16,64,64] x) => (float[1,16,64,64] y) <float[16,16,3,3] v, float[16,16,3,3] w>
    { m = Conv<pads=[1,1,1,1]>(x, v) y = Conv<pads=[1,1,1,1]>(m, w) }"""
MAP = 4 * 16 * 64 * 64
WEIGHTS = 2 * 4 * 16 * 16 * 9


def chip(capacity: str, rest: str = "") -> Target:
    return target(
        engine("matrix", "mac vector special", {"FLOAT": "1 TOP/s, 1 pJ/OP"}),
        level("dram", "1 GB", "10 GB/s", "100 pJ/B"),
        level("sram", capacity, "100 GB/s", "1 pJ/B", rest=rest),
    )


def launching() -> Target:
    """A chip on which a launch takes a microsecond."""
    return target(
        engine("matrix", "mac vector special", {"FLOAT": "1 TOP/s"}),
        level("dram", "1 GB", "10 GB/s"),
        level("sram", "64 KiB", "100 GB/s"),
        launch_overhead="1 us",
    )


def plan(text: str, where: Target, fusion: str = "depth-first", **options: object) -> PlanResult:
    return on_target(text, where, **options).plan(fusion)


def refusals(found: PlanResult) -> list[Decision]:
    return [one for one in found.decisions if one.action == "not fused"]


def test_two_convolutions_stay_on_chip() -> None:
    found = plan(PAIR, chip("64 KiB"))
    (group,) = found.groups
    assert group.traffic_bytes["dram"] == 2 * MAP + WEIGHTS  # x in, y out, both weights once
    # At the inner level the two move what they did: x, m, m and y, and their weights.
    assert group.traffic_bytes["sram"] == 4 * MAP + WEIGHTS
    assert group.nodes == ("Conv_0", "Conv_1")
    assert set(group.tile) >= {"oy", "ox"}
    assert group.recomputed_ops == 0
    assert 0 < group.footprint_bytes["sram"] <= 64 * 1024
    (fused,) = [one for one in found.decisions if one.action == "fused"]
    assert fused.subject == "Conv_0 -> Conv_1"
    saved_s = plan(PAIR, chip("64 KiB"), "epilogue").latency_s - found.latency_s
    assert fused.figures == {
        "footprint_bytes": group.footprint_bytes["sram"],
        "saved_bytes": 2 * MAP,
        "saved_s": pytest.approx(saved_s),
    }
    assert saved_s > 0
    assert "sram" in fused.reason
    assert not refusals(found)


def test_the_figure_of_a_refusal_is_what_it_takes() -> None:
    (refused,) = refusals(plan(PAIR, chip("128 B")))
    assert refused.subject == "Conv_0 -> Conv_1"
    needs = refused.figures["needs_bytes"]
    assert refused.figures["room_bytes"] == 128 < needs
    assert f"fits from {needs:.0f} B" in refused.reason
    for capacity, is_short in ((needs - 1, True), (needs, False)):
        again = refusals(plan(PAIR, chip(f"{capacity:.0f} B")))
        assert any("needs_bytes" in one.figures for one in again) == is_short


def test_where_tiles_of_both_move_more_it_says_so() -> None:
    found = plan(PAIR, chip("8 KiB"))
    (refused,) = refusals(found)
    assert refused.figures["fused_bytes"] >= refused.figures["apart_bytes"] == found.traffic_bytes["dram"]
    assert refused.figures["costs_bytes"] == 2 * MAP
    # Both are bound by the same memory, so they are no faster either.
    assert refused.figures["fused_s"] >= refused.figures["apart_s"] == pytest.approx(found.latency_s)
    assert refused.reason.startswith("tiles of both gain nothing: of the two alone ")


def test_what_stays_on_chip_anyway_is_the_reason_where_there_is_room() -> None:
    # 64 KiB of m lie in 1 MiB until they are read, and nothing has to be launched: one group moves the same bytes.
    found = plan(PAIR, chip("1 MiB"))
    assert [one.subject for one in found.decisions if one.action == "kept"] == ["Conv_0 -> Conv_1"]
    (refused,) = refusals(found)
    assert refused.reason == "what the two share stays on chip as they are: one group of both would save nothing"
    assert refused.figures == {}


def skipped(convolutions: int) -> str:
    """Convolutions of 8 channels in a row, and a sum of the results of the first and the last."""
    row = " ".join(f"c{n + 1} = Conv<pads=[1,1,1,1]>(c{n}, w{n})" for n in range(convolutions))
    weights = ", ".join(f"float[8,8,3,3] w{n}" for n in range(convolutions))
    sizes = "g (float[1,8,64,64] c0) => (float[1,8,64,64] y)"
    return f"{sizes} <{weights}> {{ {row} y = Add(c1, c{convolutions}) }}"


def refusal_of(found: PlanResult, subject: str) -> Decision:
    (refused,) = [one for one in refusals(found) if one.subject == subject]
    return refused


def test_figures_are_those_of_the_two_that_are_not_one_group() -> None:
    text = skipped(4)
    refused = refusal_of(plan(text, chip("4 KiB")), "Conv_0 -> Add_4")
    # The sum is an epilogue of the fourth step; what would be one group are all four, not the third and the fourth.
    apart = plan(text, chip("4 KiB"), "epilogue").traffic_bytes["dram"]
    assert refused.figures["apart_bytes"] == apart < refused.figures["fused_bytes"]
    assert refused.reason.startswith("tiles of both gain nothing: of the 4 steps that hold both alone ")


def test_what_is_too_far_apart_for_one_group_says_so() -> None:
    refused = refusal_of(plan(skipped(11), chip("24 KiB")), "Conv_0 -> Add_11")
    assert refused.reason == (
        f"one group has {MOST_STEPS} steps at most, {MOST_IN_ALL} with those that only move elements; "
        "from the one to the other there are 11"
    )
    # 8 x 64 x 64 numbers are written and read again; nothing is said of what lies between.
    assert refused.figures == {"costs_bytes": 2 * 4 * 8 * 64 * 64, "steps": 11, "moves": 0}


def test_that_groups_have_no_more_steps_is_the_reason_where_more_would_gain() -> None:
    # Twelve products in a row whose results all fit the memory: each that is joined saves a launch.
    products = " ".join(f"t{n + 1} = MatMul(t{n}, w{n})" for n in range(12))
    weights = ", ".join(f"float[8,8] w{n}" for n in range(12))
    text = f"g (float[8,8] t0) => (float[8,8] t12) <{weights}> {{ {products} }}"
    found = plan(text, launching(), "auto")
    (refused,) = refusals(found)
    assert len(found.groups) == 2
    assert refused.reason.startswith(
        f"one group has {MOST_STEPS} steps at most, {MOST_IN_ALL} with those that only move elements; "
        "both together have 12: "
    )
    assert (refused.figures["steps"], refused.figures["moves"]) == (12, 0)
    assert refused.figures["apart_s"] - refused.figures["fused_s"] == pytest.approx(1e-6)  # the launch


def test_reasons_go_with_their_figures() -> None:
    model = onnxroof.load(MODELS / "resnet50.onnx")
    (entry,) = run_study([model], ["ethos-u55-128", "jetson-orin-nano-8gb"]).models
    assert isinstance(entry, ModelResult)
    seen = set()
    for result in entry.targets:
        for policy in ("depth-first", "auto"):
            for one in refusals(result.plan(policy)):
                if "fused_bytes" not in one.figures:
                    continue
                fused, apart = one.figures["fused_bytes"], one.figures["apart_bytes"] * (1 - 1e-9)
                is_faster = one.figures["fused_s"] < one.figures["apart_s"] * (1 - 1e-9)
                why = one.reason.split(":", maxsplit=1)[0]
                seen.add(why if "steps" not in one.figures else "steps")
                if "steps" in one.figures:
                    assert (
                        one.figures["steps"] - one.figures["moves"] > MOST_STEPS or one.figures["steps"] > MOST_IN_ALL
                    )
                    assert fused < apart or is_faster
                else:
                    assert (
                        why
                        == {
                            (False, False): "tiles of both gain nothing",
                            (False, True): "it saves no bytes, and for time another grouping is better",
                            (True, False): "another grouping is better",
                            (True, True): "another grouping is better",
                        }[fused < apart, is_faster]
                    )
    assert len(seen) == 4


def test_an_edge_whose_tensor_stays_on_chip_costs_nothing_outside() -> None:
    # A running sum is no loop nest, so it is a group of its own; m fits the memory until it has been read.
    text = """g (float[1,8,8,8] x) => (float[1,8,8,8] z) <float[8,8,1,1] v, int64 a = {1}>
        { m = Conv(x, v) z = CumSum(m, a) }"""
    for keeps, costs in (("keeps = []", 2 * 4 * 8 * 8 * 8), ("", None)):
        (refused,) = refusals(plan(text, chip("64 KiB", keeps)))
        assert refused.subject == "Conv_0 -> CumSum_1"
        assert refused.figures.get("costs_bytes") == costs


def test_what_is_no_loop_nest_bars_a_group() -> None:
    text = """g (float[64,64] x, int64[64] i) => (float[64,64] y) <float[64,64] v>
        { m = MatMul(x, v) g = Gather(m, i) y = MatMul(g, v) }"""
    found = plan(text, chip("64 KiB"))
    assert len(found.groups) == 3
    assert all("Gather" in one.reason for one in refusals(found))
    assert len(refusals(found)) == 2


def test_recomputed_work_takes_time_and_energy_but_is_no_use() -> None:
    # Where halos do not fit, they are computed again if bytes are dear enough.
    for kilobytes in range(10, 44, 2):
        where = chip(f"{kilobytes} KiB")
        apart, deep = plan(PAIR, where, "epilogue"), plan(PAIR, where)
        assert sum(group.ops or 0 for group in deep.groups) == sum(group.ops or 0 for group in apart.groups)
        for group in deep.groups:
            useful = (group.ops or 0) / 1e12
            assert group.time_terms_s["compute:matrix"] == pytest.approx(useful + group.recomputed_ops / 1e12)
            assert group.energy_terms_j["compute"] == pytest.approx(
                (group.ops or 0) * 1e-12 + group.recomputed_ops * 1e-12
            )


def test_what_passes_inside_a_group_need_not_stay_on_chip() -> None:
    # Alone, m stays in the memory whole (262,144 B); as one group the two need lines of it.
    where = chip("1 MiB")
    found = on_target(PAIR, where)
    assert found.plan("epilogue").resident_bytes["sram"] == MAP
    assert found.plan("auto").latency_s == found.plan("epilogue").latency_s


def test_attention_is_one_group_and_its_scores_never_leave() -> None:
    text = """g (float[1,8,512,64] q, float[1,8,64,512] k, float[1,8,512,64] v) => (float[1,8,512,64] y)
        <float c = {8.0}>
        { s = MatMul(q, k) t = Div(s, c) p = Softmax<axis=-1>(t) y = MatMul(p, v) }"""
    found = plan(text, chip("512 KiB", rest="keeps = []"))
    (group,) = found.groups
    one = 4 * 8 * 512 * 64
    assert group.traffic_bytes["dram"] == 4 * one + 4
    apart = plan(text, chip("512 KiB", rest="keeps = []"), "epilogue")
    assert apart.traffic_bytes["dram"] == 4 * one + 4 * 4 * 8 * 512 * 512 + 4  # scores out and in, twice


def test_a_plan_alone_is_the_same_as_among_all() -> None:
    where = chip("32 KiB")
    every = on_target(PAIR, where)
    for fusion in ("depth-first", "auto"):
        alone = on_target(PAIR, where, fusion=fusion).plan(fusion)
        assert alone.latency_s == every.plan(fusion).latency_s
        assert [group.nodes for group in alone.groups] == [group.nodes for group in every.plan(fusion).groups]


def test_two_policies_with_the_same_groups_have_one_plan() -> None:
    every = on_target(PAIR, chip("48 KiB", "keeps = []"))
    deep, best = every.plan("depth-first"), every.plan("auto")
    assert [group.nodes for group in deep.groups] == [("Conv_0", "Conv_1")]
    assert best.groups is deep.groups  # made once, if anybody looks
    assert (deep.fusion, best.fusion) == ("depth-first", "auto")


def test_a_tile_is_named_after_the_operators_of_its_own_group() -> None:
    # Two perceptrons that are alike but for names: each is summed over in blocks of its own hidden values.
    text = """g (float[256,32] x) => (float[256,32] z)
        <float[32,512] a, float[512,32] b, float[32,512] c, float[512,32] d>
        { h = MatMul(x, a) i = Relu(h) y = MatMul(i, b) k = MatMul(y, c) l = Relu(k) z = MatMul(l, d) }"""
    found = plan(text, chip("40 KiB", "keeps = []"))
    tiled = [(group.nodes, [name for name in group.tile if " of " in name]) for group in found.groups]
    assert [len(names) for _, names in tiled] == [1, 1]
    assert all(name.split(" of ")[1] in nodes for nodes, (name,) in tiled)
    first, second = found.groups
    assert first.latency_s == second.latency_s  # one kind, whose figures are shared


def test_groups_are_counted_from_both_ends() -> None:
    groups = plan(PAIR, chip("64 KiB"), "none").groups
    assert groups[0] == next(iter(groups)) == groups[-2] == groups[:1][0]
    assert [group.id for group in groups] == ["g0", "g1"]
    with pytest.raises(IndexError):
        groups[2]
