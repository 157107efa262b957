"""Every cause of detachment by hand: which there are, in seconds, for a group and for a plan."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from oracles.tiny import engine, level, on_target, target

from onnxroof.mapping.offload import Fallback, Offload
from onnxroof.roofline.detachment import cause_of, detachment, host_nodes
from onnxroof.roofline.result import TargetResult
from onnxroof.targets.model import Target

MATRIX = engine("matrix", "mac", {"FLOAT": "1 TFLOP/s, 0.1 pJ/FLOP"})
VECTOR = engine("vector", "vector", {"FLOAT": "1 TFLOP/s, 0.1 pJ/FLOP", "FLOAT16": "1 TFLOP/s, 0.1 pJ/FLOP"})
SRAM = level("sram", "16 MB", "", "0.001 pJ/B", rest="keeps = []")
PRODUCT = "g (float[64,64] x) => (float[64,64] y) <float[64,64] w> { y = MatMul(x, w) }"
ALL = {"reload", "ports", "spatial", "overlap", "launch", "conversion", "power", "host", "sparsity"}


def chip(*levels: str, **others: str) -> Target:
    return target(MATRIX, VECTOR, *(levels or (level("dram", "1 GB", "10 GB/s", "10 pJ/B"), SRAM)), **others)


def causes(result: TargetResult) -> dict[str, float | None]:
    return detachment(result, result.plan("none"))


def cause(result: TargetResult) -> str:
    return cause_of(result.plan("none").groups[0], host_nodes(result))


def test_c12_every_cause_has_its_place_and_sparsity_is_never_known() -> None:
    found = causes(on_target(PRODUCT, chip()))
    assert set(found) == ALL
    assert (found["sparsity"], found["host"], found["power"]) == (None, None, None)
    assert all(found[name] == 0.0 for name in ALL - {"sparsity", "host", "power"})


def test_c12_reload_is_what_crosses_again() -> None:
    # 48 KiB of matrices in 8 KiB: some cross dram again, and dram binds. Each once they take 49,152 B / 10 GB/s.
    small = level("sram", "8 KiB", rest="keeps = []")
    result = on_target(PRODUCT, chip(level("dram", "1 GB", "10 GB/s"), small))
    group = result.plan("none").groups[0]
    assert group.traffic_bytes["dram"] > 49_152
    assert group.regime.reload_s == pytest.approx((group.traffic_bytes["dram"] - 49_152) / 10e9)
    assert group.regime.roof_share == pytest.approx(1.0)  # on the roof, but further left than it could be
    assert causes(result)["reload"] == group.regime.reload_s
    # Where compute binds anyway, the bytes that cross again cost nothing: 0.524 us of 1 TFLOP/s, 0.05 us of dram.
    fast = on_target(PRODUCT, chip(level("dram", "1 GB", "1000 GB/s"), small))
    assert causes(fast)["reload"] == 0.0


def test_c12_conversion_is_the_time_of_groups_that_only_convert() -> None:
    # The Cast reads 16,384 B and writes 8,192 B, 2.4576 us of dram; the Relu runs in FLOAT16.
    text = "g (float[64,64] x) => (float16[64,64] y) { h = Cast <to = 10> (x) y = Relu(h) }"
    result = on_target(text, chip())
    cast, relu = result.plan("none").groups
    assert cast.op_types == ("Cast",)
    assert causes(result)["conversion"] == pytest.approx(24_576 / 10e9)
    assert [cause_of(group, ()) for group in (cast, relu)] == ["conversion", ""]
    # In one group with the Relu it is no time of its own.
    fused = result.plan("epilogue")
    assert len(fused.groups) == 1
    assert detachment(result, fused)["conversion"] == 0.0


def test_c12_launches_and_a_power_cap_compete_for_the_cause() -> None:
    # 4.92 us at the roof. 0.5439 uJ under 0.05 W take 10.88 us: 5.96 us more than without; beside 1 us of launch.
    dynamic = 524_288 * 0.1e-12 + 49_152 * 10e-12 + 2 * 49_152 * 0.001e-12
    result = on_target(PRODUCT, chip(power_cap="0.05 W", launch_overhead="1 us"))
    assert causes(result)["power"] == pytest.approx(dynamic / 0.05 - 5.9152e-6)
    assert causes(result)["launch"] == pytest.approx(1e-6)
    assert cause(result) == "power"
    assert cause(on_target(PRODUCT, chip(power_cap="0.09 W", launch_overhead="5 us"))) == "launch"
    assert cause(on_target(PRODUCT, chip(power_cap="0.05 W"))) == "power"  # on the roof, but for the cap
    assert cause(on_target(PRODUCT, chip(power_cap="1 W"))) == ""


def test_c12_host_fallback_of_a_group_and_of_a_model() -> None:
    result = on_target(PRODUCT, chip(host_link="1 GB/s"))
    (node,) = result.plan("none").groups[0].nodes
    cut = Offload(
        is_known=True, fallbacks=(Fallback("MatMul", "not among the operators of C", (node,)),), node_count=1,
        segment_count=0, to_device_bytes=0, to_host_bytes=16_384,
    )  # fmt: skip
    fallen = replace(result, offload=cut)
    assert causes(fallen)["host"] == pytest.approx(16_384 / 1e9)
    assert cause(fallen) == "host"
    assert causes(replace(result, offload=replace(cut, fallbacks=())))["host"] == 0.0
    assert causes(replace(result, offload=replace(cut, is_known=False, fallbacks=())))["host"] is None
    linkless = on_target(PRODUCT, chip())
    assert causes(replace(linkless, offload=cut))["host"] is None


def test_c12_of_a_plan_the_causes_are_the_sums_of_its_groups() -> None:
    text = """g (float[64,64] x, float[48,64] u) => (float[64,64] y, float[48,48] v)
        <float[64,64] w, float[64,48] t> { y = MatMul(x, w) v = MatMul(u, t) }"""
    matrix = engine("matrix", "mac", {"FLOAT": "1 GFLOP/s"}, rest="array = { m = 32, n = 32, k = 1 }")
    dram = level("dram", "1 GB", read_bandwidth="0.2 GB/s", write_bandwidth="0.1 GB/s", rest="overlap = false")
    result = on_target(text, target(matrix, dram, level("sram", "16 KiB"), launch_overhead="1 us"))
    plan = result.plan("none")
    found = detachment(result, plan)
    for name in ("ports", "spatial", "overlap", "launch"):
        assert found[name] == pytest.approx(sum(group.regime.lost_s[name] for group in plan.groups))
    assert found["spatial"]
    assert found["overlap"]
    assert found["reload"] == pytest.approx(sum(group.regime.reload_s or 0.0 for group in plan.groups))
    parts = [plan.regime.roof_s, *(found[name] for name in ("ports", "spatial", "overlap", "launch"))]
    assert math.fsum(part or 0.0 for part in parts) == pytest.approx(plan.latency_s)


def test_an_unknown_latency_has_no_causes() -> None:
    assert causes(on_target("g (float[8] x) => (float[8] y) { y = my.domain.Foo(x) }", chip())) == {}
