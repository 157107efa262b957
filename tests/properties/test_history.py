"""A plan is the same whatever was analysed before: what is remembered spares work and decides nothing."""

from __future__ import annotations

import itertools

import pytest
from benchmarks.caches import forget
from oracles.tiny import engine, level, target, workload

from onnxroof.ir.workload import Workload
from onnxroof.study.analyze import run_study
from onnxroof.targets.model import Target

MODELS = {
    "convolutions": """g (float[1,8,32,32] x) => (float[1,8,32,32] y)
        <float[8,8,3,3] p, float[32,8,1,1] q, float[8,32,1,1] r, float[8,8,3,3] s>
        { a = Conv<pads=[1,1,1,1]>(x, p) b = Relu(a) c = Conv(b, q) d = Relu(c) e = Conv(d, r) f = Add(e, x)
          h = Conv<pads=[1,1,1,1]>(f, s) y = Add(h, f) }""",
    "attention": """g (float[64,32] x) => (float[64,32] y)
        <float[32,32] p, float[32,32] q, float[32,32] r, float[32,32] s>
        { a = MatMul(x, p) b = MatMul(x, q) c = MatMul(x, r) t = Transpose<perm=[1,0]>(b) d = MatMul(a, t)
          e = Softmax(d) f = MatMul(e, c) h = MatMul(f, s) y = Add(h, x) }""",
}


def chip(name: str, capacity: str, keeps: str) -> Target:
    return target(
        engine("all", "mac vector special", {"FLOAT": "100 GOP/s, 1 pJ/OP", "FLOAT16": "200 GOP/s, 1 pJ/OP"}),
        level("dram", "1 GB", "1 GB/s", "100 pJ/B"),
        level("sram", capacity, "10 GB/s", "1 pJ/B", rest=keeps),
        name=name,
    )


CHIPS = [
    chip(f"chip-{size}-{word}", f"{size} KiB", keeps)
    for size, (word, keeps) in itertools.product((3, 12, 40, 160), (("keeps", ""), ("passes", "keeps = []")))
]


def plans(model: Workload, targets: list[Target]) -> dict[tuple[str, str], object]:
    """By target and policy all that a plan says of its groups."""
    (found,) = run_study([model], targets).models
    return {
        (result.target.id, plan.fusion): (
            plan.latency_s, plan.energy_j, plan.traffic_bytes, [(group.nodes, group.tile) for group in plan.groups]
        )
        for result in found.targets
        for plan in result.plans
    }  # fmt: skip


@pytest.mark.parametrize("name", MODELS)
def test_a_plan_is_the_same_whatever_was_analysed_before(name: str) -> None:
    model = workload(MODELS[name])
    first: dict[tuple[str, str], object] = {}
    for one in CHIPS:
        forget()
        first |= plans(model, [one])
    assert len({str(plan) for plan in first.values()}) > len(CHIPS)
    forget()
    for targets in (CHIPS, CHIPS, CHIPS[::-1]):
        assert plans(model, targets) == first
