"""Where what stays on chip is chosen anew around groups, plans are as sound as any, and come back from outside."""

from __future__ import annotations

import random

import pytest
from oracles.tiny import engine, level, target, workload
from properties.test_given_back import is_taken_back

from onnxroof.costs.table import cost_table
from onnxroof.mapping.planned import planned
from onnxroof.mapping.policies import NAMES
from onnxroof.mapping.storage import storage
from onnxroof.roofline import searched
from onnxroof.roofline.evaluate import evaluate
from onnxroof.roofline.result import PlanResult, TargetResult
from onnxroof.roofline.searched import Searched
from onnxroof.targets.model import Target

GRAPHS = 40


def chip(capacity: int) -> Target:
    return target(
        engine("matrix", "mac vector special", {"FLOAT": "1 TOP/s, 1 pJ/OP"}),
        level("dram", "1 GB", "10 GB/s", "100 pJ/B"),
        level("sram", f"{capacity} B", "100 GB/s", "1 pJ/B"),
    )


def graph(draw: random.Random) -> str:
    """Ten to eighteen operators, more than one group holds; half of them read what was made a while ago."""
    nodes, weights, names = [], [], ["x"]
    for number in range(draw.randint(10, 18)):
        source = draw.choice(names[-6:]) if draw.random() < 0.5 else names[-1]
        kind = draw.choice(["conv", "conv", "sum", "softmax"])
        if kind == "sum" and len(names) > 1:
            nodes.append(f"t{number} = Add({names[-1]}, {draw.choice(names[:-1])})")
        elif kind == "softmax":
            nodes.append(f"t{number} = Softmax<axis=2>({source})")
        else:
            taps = draw.choice([1, 3])
            weights.append(f"float[4,4,{taps},{taps}] w{number}")
            pads = "pads=[1,1,1,1]" if taps == 3 else "pads=[0,0,0,0]"
            nodes.append(f"t{number} = Conv<{pads}>({source}, w{number})")
        names.append(f"t{number}")
    shape = "float[1,4,24,24]"
    read = {word.strip() for node in nodes for word in node.rsplit("(", 1)[1].rstrip(")").split(",")}
    outputs = ", ".join(f"{shape} {name}" for name in names[1:] if name not in read)
    declared = f"<{', '.join(weights)}>" if weights else ""
    return f"g ({shape} x) => ({outputs}) {declared} {{ {' '.join(nodes)} }}"


def test_of_long_graphs(monkeypatch: pytest.MonkeyPatch) -> None:
    changed: list[PlanResult] = []
    settled = Searched.settled

    def watched(self: Searched, plan: PlanResult, assumed_precision: str | None, objective: str) -> PlanResult:
        found = settled(self, plan, assumed_precision, objective)
        if found is not plan:
            changed.append(found)
            moved, before = (sum(list(one.traffic_bytes.values())[:1]) for one in (found, plan))
            assert moved < before if plan.fusion == "depth-first" else (found.latency_s or 0) <= (plan.latency_s or 0)
        return found

    monkeypatch.setattr(searched, "WORTH", 1e-9)  # whatever it saves
    monkeypatch.setattr(Searched, "settled", watched)
    draw = random.Random(7)
    for _ in range(GRAPHS):
        capacity = draw.randrange(5000, 45000)
        model, where = workload(graph(draw)), chip(capacity)
        costs = cost_table(model)
        store = storage(model, costs)

        def run(*policies: str) -> TargetResult:
            return evaluate(planned(model, costs, store, policies), where)  # noqa: B023 - called here

        among = run(*NAMES)
        for policy in ("depth-first", "auto"):
            plan, alone = among.plan(policy), run(policy).plan(policy)
            assert max(plan.peak_footprint_bytes.values()) <= capacity
            assert (plan.latency_s, plan.traffic_bytes) == (alone.latency_s, alone.traffic_bytes)
        is_taken_back(model, where)
    assert changed  # else nothing was shown
