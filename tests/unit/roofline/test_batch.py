"""Targets side by side: each has what it has alone, whatever stands beside it."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles.tiny import engine, level, target, workload
from properties.strategies import targets, workloads

from onnxroof.costs.table import cost_table
from onnxroof.ir.workload import Workload
from onnxroof.mapping.planned import PlannedModel, planned
from onnxroof.mapping.storage import storage
from onnxroof.roofline.batch import Batch
from onnxroof.roofline.evaluate import evaluate, evaluated
from onnxroof.roofline.result import GroupResult, PlanResult
from onnxroof.targets.model import Target


def plans(model: Workload, *policies: str) -> PlannedModel:
    costs = cost_table(model)
    return planned(model, costs, storage(model, costs), policies)


def figures(one: PlanResult | GroupResult) -> dict[str, object]:
    """All figures of a plan or a group; its groups, and what is worked out from them later, apart."""
    left_out = {"groups", "map", "account", "decisions", "residents", "explain"}
    found = {f.name: getattr(one, f.name) for f in dataclasses.fields(one) if f.name not in left_out}
    return found | ({"explained": one.explain()} if isinstance(one, PlanResult) else {})


def same(one: object, other: object) -> bool:
    """Equal but for the order in which sums of floats are added."""
    if isinstance(one, float) and isinstance(other, float):
        return one == pytest.approx(other, rel=1e-12, abs=1e-24)
    if isinstance(one, dict) and isinstance(other, dict):
        return list(one) == list(other) and all(same(value, other[key]) for key, value in one.items())
    if dataclasses.is_dataclass(one) and dataclasses.is_dataclass(other) and not isinstance(one, type):
        return type(one) is type(other) and all(
            same(getattr(one, field.name), getattr(other, field.name)) for field in dataclasses.fields(one)
        )
    return one == other


@settings(max_examples=40, deadline=None)
@given(
    workloads(max_ops=6), st.lists(targets(is_known=False), min_size=2, max_size=4), st.sampled_from(["cold", "steady"])
)
def test_a_target_among_others_has_the_figures_that_it_has_alone(
    model: Workload, chips: list[Target], state: str
) -> None:
    planned_model = plans(model, "none", "epilogue", "auto")
    for chip, result in zip(chips, evaluated(planned_model, chips, state=state), strict=True):
        alone = evaluate(planned_model, chip, state=state)
        assert (result.unknown, result.estimated, result.best_plan) == (alone.unknown, alone.estimated, alone.best_plan)
        for one, other in zip(result.plans, alone.plans, strict=True):
            assert same(figures(one), figures(other))
            for mine, its in zip(one.groups, other.groups, strict=True):
                assert same(figures(mine), figures(its))


def test_targets_of_other_sizes_are_filled_up() -> None:
    text = "g (float[8,8] x) => (float[8,8] z) { z = Relu(x) }"
    vector = engine("v", "vector", {"FLOAT": "1 GFLOP/s"})
    small = target(vector, level("dram", "1 GB", "1 GB/s", rest="keeps = []"))
    large = target(
        vector, engine("m", "mac", {"FLOAT": "1 GFLOP/s"}), level("dram", "1 GB", "1 GB/s"),
        level("sram", "1 MB", "9 GB/s", rest="keeps = []"),
    )  # fmt: skip
    batch = Batch(plans(workload(text), "none"), (small, large), True, "cold")
    assert [len(kinds) for kinds in batch.kinds] == [1, 1]
    assert batch.sheet.rows.read_bytes.tolist() == [[256.0, 0.0], [256.0, 256.0]]
    assert batch.sheet.rows.engines_s.shape == (2, 2)
    assert batch.sheet.latency_s.tolist() == [pytest.approx(512e-9)] * 2  # 256 B in and 256 B out at 1 GB/s


def test_a_model_without_groups() -> None:
    text = "g (float[8] x) => (float[8] z) { z = Identity(x) }"
    chip = target(engine("v", "vector", {"FLOAT": "1 GFLOP/s"}), level("dram", "1 GB", "1 GB/s"))
    (plan,) = evaluate(plans(workload(text), "none"), chip).plans
    assert (len(plan.groups), plan.latency_s, plan.waterfall_s) == (0, 0.0, {})
