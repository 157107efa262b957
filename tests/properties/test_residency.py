"""What stays on chip, against every choice there is, and what must hold of it on every target."""

from __future__ import annotations

import dataclasses
import random

import pytest
from hypothesis import given, settings
from oracles.keeping import Step, Tile, least_joint_traffic, least_steady_traffic, least_traffic
from oracles.tiny import engine, level, target, workload
from properties.strategies import targets, workloads

from onnxroof.costs.table import cost_table
from onnxroof.ir.tensor import TensorKind
from onnxroof.ir.workload import Workload
from onnxroof.mapping import residency
from onnxroof.mapping.curve import reuse_curve
from onnxroof.mapping.planned import planned
from onnxroof.mapping.storage import storage
from onnxroof.roofline.evaluate import evaluate
from onnxroof.roofline.result import TargetResult
from onnxroof.targets.model import Target

SLACK = 1 + 1e-9


def run(model: Workload, where: Target, state: str = "cold") -> TargetResult:
    costs = cost_table(model)
    return evaluate(planned(model, costs, storage(model, costs), ("none", "epilogue")), where, state=state)


def without(where: Target) -> Target:
    levels = tuple(dataclasses.replace(x, keeps=frozenset()) for x in where.levels)
    return dataclasses.replace(where, levels=levels)


@settings(max_examples=60, deadline=None)
@given(workloads(with_unknown=True), targets(is_known=False))
def test_what_stays_saves_and_never_costs(model: Workload, where: Target) -> None:
    base = run(model, without(where))
    for state in ("cold", "steady"):
        for plan in run(model, where, state).plans:
            alone = base.plan(plan.fusion)
            for x in where.levels:
                assert plan.traffic_bytes[x.name] <= alone.traffic_bytes[x.name] * SLACK
                saved = alone.traffic_bytes[x.name] - plan.traffic_bytes[x.name]
                assert plan.resident_saved_bytes[x.name] == pytest.approx(saved, abs=1e-6 * (1 + saved))
            for x in where.levels[1:]:
                if x.capacity is not None:
                    assert plan.resident_bytes[x.name] <= x.capacity.value * x.usable
                    for group in plan.groups:
                        assert group.footprint_bytes[x.name] <= x.capacity.value * x.usable


@settings(max_examples=60, deadline=None)
@given(workloads(), targets())
def test_the_floor_lies_below_a_steady_run_and_that_below_a_cold_one_where_all_fits(
    model: Workload, where: Target
) -> None:
    roomy = dataclasses.replace(where, levels=tuple(dataclasses.replace(x, capacity=None) for x in where.levels))
    for target_ in (where, roomy):
        result = run(model, target_, "steady")
        for plan in result.plans:
            assert (result.floor_latency_s or 0.0) <= (plan.latency_s or 0.0) * SLACK
    cold, steady = run(model, roomy), run(model, roomy, "steady")
    for plan in steady.plans:
        for name, moved in plan.traffic_bytes.items():
            assert moved <= cold.plan(plan.fusion).traffic_bytes[name] * SLACK


@settings(max_examples=60, deadline=None)
@given(workloads(with_unknown=True), targets())
def test_every_tensor_that_could_stay_has_a_decision(model: Workload, where: Target) -> None:
    for plan in run(model, where).plans:
        for decision in plan.decisions:
            if decision.action in ("kept", "evicted"):
                assert decision.reason
                assert decision.figures["bytes"] > 0
                assert ("saved_bytes" in decision.figures) == (decision.action == "kept")


def branching(draw: random.Random, most: int = 8) -> str:
    """Products that read any of the last results: nothing fuses, and several tensors are wanted at once."""
    rows = draw.choice([4, 8])
    widths, nodes, weights = {"x": 8}, [], []
    names = ["x"]
    for number in range(draw.randint(4, most)):
        source, columns = draw.choice(names[-4:]), draw.choice([2, 4, 8, 16, 32])
        weights.append(f"float[{widths[source]},{columns}] w{number}")
        nodes.append(f"t{number} = MatMul({source}, w{number})")
        widths[f"t{number}"] = columns
        names.append(f"t{number}")
    read = {node.split("(")[1].split(",")[0] for node in nodes}
    outputs = [f"float[{rows},{widths[name]}] {name}" for name in names[1:] if name not in read]
    outputs += [f"float[{rows},{widths[name]}] {name}" for name in names[1:] if name in read and draw.random() < 0.1]
    return f"g (float[{rows},8] x) => ({', '.join(outputs)}) <{', '.join(weights)}> {{ {' '.join(nodes)} }}"


def best_of(model: Workload, capacity: int) -> float:
    """The least that any choice moves."""
    sizes = {n: float(t.bytes) for n, t in model.tensors.items() if t.kind is not TensorKind.WEIGHT}
    return least_traffic(steps_of(model), sizes, set(model.outputs), capacity)


def steps_of(model: Workload) -> list[Step]:
    """Its operators with their tiles."""
    costs = cost_table(model)
    steps = []
    for op, cost in zip(model.ops, costs.costs, strict=True):
        assert cost.nest is not None
        curve = reuse_curve(cost.nest)
        names = (*op.inputs, *op.outputs)
        tiles = [
            Tile(room, dict(zip(names, moved, strict=True)))
            for room, moved in zip(curve.capacity_bytes.tolist(), curve.access_bytes.tolist(), strict=True)
        ]
        steps.append(Step(op.inputs, op.outputs[0], tiles))
    return steps


@pytest.mark.parametrize("seed", range(40))
def test_no_choice_moves_fewer_bytes(seed: int) -> None:
    draw = random.Random(seed)
    model = workload(branching(draw))
    capacity = draw.choice([128, 256, 400, 640, 1024, 2048])
    where = target(
        engine("matrix", "mac vector special", {"FLOAT": "1 TOP/s"}),
        level("dram", "1 GB"),
        level("sram", f"{capacity} B", rest='keeps = ["activation"]'),
    )
    best = best_of(model, capacity)
    found = run(model, where).plan("none").traffic_bytes["dram"]
    print(f"seed {seed}: {found:.0f} B, best {best:.0f} B, gap {found / best - 1:.2%}")
    assert found == best


def fan(draw: random.Random) -> str:
    """Nine results that wait for each other's readers: more than are followed in every combination."""
    first = [f"t{n} = MatMul(x, w{n})" for n in range(9)]
    widths = [draw.choice([2, 3, 5, 8, 13, 21]) for _ in range(9)]
    order = draw.sample(range(9), 9)
    then = [f"u{n} = MatMul(t{n}, v{n})" for n in order]
    weights = [f"float[8,{width}] w{n}, float[{width},3] v{n}" for n, width in enumerate(widths)]
    outputs = ", ".join(f"float[4,3] u{n}" for n in range(9))
    return f"g (float[4,8] x) => ({outputs}) <{', '.join(weights)}> {{ {' '.join([*first, *then])} }}"


WORST_GAP = 0.05


@pytest.mark.parametrize("seed", range(12))
def test_with_many_tensors_at_once_the_gap_is_small(seed: int) -> None:
    draw = random.Random(seed)
    model = workload(fan(draw))
    capacity = draw.choice([300, 500, 800, 1200])
    where = target(
        engine("matrix", "mac vector special", {"FLOAT": "1 TOP/s"}),
        level("dram", "1 GB"),
        level("sram", f"{capacity} B", rest='keeps = ["activation"]'),
    )
    found, best = run(model, where).plan("none").traffic_bytes["dram"], best_of(model, capacity)
    print(f"seed {seed}: {found:.0f} B, best {best:.0f} B, gap {found / best - 1:.2%}")
    assert best <= found <= best * (1 + WORST_GAP)


MOST_ABOVE = 0.05
"""Of more weights than `MOST_WEIGHTS` a set is taken that is near the best: 0 to 3.4 % above it in these graphs."""


@pytest.mark.parametrize("is_exact", [True, False], ids=["few", "many"])
@pytest.mark.parametrize("seed", range(24))
def test_no_set_of_weights_that_lie_on_chip_moves_fewer_bytes(
    seed: int, is_exact: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    draw = random.Random(seed)
    model = workload(branching(draw))
    capacity = draw.choice([128, 256, 400, 640, 1024, 2048])
    where = target(
        engine("matrix", "mac vector special", {"FLOAT": "1 TOP/s"}),
        level("dram", "1 GB"),
        level("sram", f"{capacity} B", rest='keeps = ["weight"]'),
    )
    if not is_exact:
        monkeypatch.setattr(residency, "MOST_WEIGHTS", 0)
    weights = {n: float(t.bytes) for n, t in model.tensors.items() if t.kind is TensorKind.WEIGHT}
    best = least_steady_traffic(steps_of(model), weights, capacity)
    found = run(model, where, "steady").plan("none").traffic_bytes["dram"]
    print(f"seed {seed}: {found:.0f} B, best {best:.0f} B, gap {found / best - 1:.2%}")
    assert best <= found <= best * (1 if is_exact else 1 + MOST_ABOVE)


JOINT_GAP = 0.05
"""Of more weights than `MOST_WEIGHTS` a few sets are tried with the best choice of activations beside each."""


@pytest.mark.parametrize("is_exact", [True, False], ids=["few", "many"])
@pytest.mark.parametrize("seed", range(12))
def test_weights_and_activations_are_chosen_together(
    seed: int, is_exact: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    draw = random.Random(seed)
    model = workload(branching(draw, most=5))
    capacity = draw.choice([128, 256, 400, 640, 1024])
    where = target(
        engine("matrix", "mac vector special", {"FLOAT": "1 TOP/s"}), level("dram", "1 GB"),
        level("sram", f"{capacity} B"),
    )  # fmt: skip
    if not is_exact:
        monkeypatch.setattr(residency, "MOST_WEIGHTS", 0)
    kinds = {n: (float(t.bytes), t.kind is TensorKind.WEIGHT) for n, t in model.tensors.items()}
    sizes, weights = ({n: b for n, (b, is_weight) in kinds.items() if is_weight is which} for which in (False, True))
    best = least_joint_traffic(steps_of(model), sizes, weights, set(model.outputs), capacity)
    found = run(model, where, "steady").plan("none").traffic_bytes["dram"]
    print(f"seed {seed}: {found:.0f} B, best {best:.0f} B, gap {found / best - 1:.2%}")
    assert best <= found <= best * (1 if is_exact else 1 + JOINT_GAP)
