"""What of a time and an energy rests on estimates, derived by hand."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given, settings
from oracles.tiny import engine, level, on_target, target
from properties.strategies import targets, workloads

from onnxroof.costs.table import cost_table
from onnxroof.ir.workload import Workload
from onnxroof.mapping.planned import planned
from onnxroof.mapping.storage import storage
from onnxroof.roofline.evaluate import evaluate
from onnxroof.roofline.provenance import is_uncertain, rests_s
from onnxroof.roofline.result import PlanResult, TargetResult
from onnxroof.targets.model import Quantity, Source, Target

GUESSED = '[sources.guess]\ntitle = "a guess"\nkind = "{kind}"'

# x, w and y of 64 x 64 x 4 = 16,384 B; 524,288 operations of MACs and 4,096 of Relu.
PRODUCT = "g (float[64,64] x) => (float[64,64] y) <float[64,64] w> { m = MatMul(x, w) y = Relu(m) }"
MACS, OTHERS, TENSOR = 524_288, 4_096, 16_384


def guessed(part: str, key: str) -> str:
    """A part of a target file whose lines of a key come from a guess."""
    lines = part.splitlines()
    changed = [line.replace('"made"', '"guess"') if line.startswith(f"{key} = ") else line for line in lines]
    assert changed != lines
    return "\n".join(changed)


def on(*parts: str, kind: str = "estimate", guess: str = "", **chip: str) -> TargetResult:
    where = target(*parts, rest=GUESSED.format(kind=kind), **chip)
    if guess:
        value = getattr(where, guess)
        where = dataclasses.replace(
            where, **{guess: dataclasses.replace(value, source=dataclasses.replace(value.source, kind=kind))}
        )
    return on_target(PRODUCT, where, fusion="epilogue")


SLOW = engine("all", "mac vector special", {"FLOAT": "1 GFLOP/s, 1 pJ/FLOP"})  # 528 us of work
FAST = engine("all", "mac vector special", {"FLOAT": "1 TFLOP/s, 1 pJ/FLOP"})  # 0.528 us
DRAM = level("dram", "1 GB", "1 GB/s", "100 pJ/B")  # 49 us for three tensors
WORK = MACS + OTHERS


@pytest.mark.parametrize("kind", ["estimate", "recalled", "default"])
def test_the_rate_of_the_engine_that_binds(kind: str) -> None:
    result = on(guessed(SLOW, "rate"), DRAM, kind=kind)
    assert result.best.latency_estimated_s == result.best.latency_s == pytest.approx(WORK / 1e9)
    assert result.floor_latency_estimated_s == result.floor_latency_s
    assert result.best.energy_estimated_j == result.floor_energy_estimated_j == 0


@pytest.mark.parametrize("kind", ["vendor", "measured", "given"])
def test_nothing_rests_on_what_somebody_stands_behind(kind: str) -> None:
    result = on(guessed(guessed(SLOW, "rate"), "energy"), guessed(DRAM, "bandwidth"), kind=kind)
    assert result.best.latency_estimated_s == result.best.energy_estimated_j == 0
    assert result.floor_latency_estimated_s == result.floor_energy_estimated_j == 0


def test_a_rate_that_does_not_bind_sets_no_time() -> None:
    assert on(guessed(FAST, "rate"), DRAM).best.latency_estimated_s == 0
    assert on(SLOW, guessed(DRAM, "bandwidth")).best.latency_estimated_s == 0


def test_a_part_of_the_work_of_an_engine() -> None:
    matrix = engine("all", "mac vector special", {"FLOAT": "1 GFLOP/s, 1 pJ/FLOP"})
    text = "g (float[64,64] x) => (float[64,64] y) <float[64,64] w> { m = MatMul(x, w) y = Exp(m) }"
    result = on_target(text, target(matrix, DRAM), fusion="epilogue")
    # Exp is one special operation an element whose cost, 4 lanes, is our default: 4 x 4,096 of all.
    assert result.best.latency_s == pytest.approx((MACS + 4 * OTHERS) / 1e9)
    assert result.best.latency_estimated_s == pytest.approx(4 * OTHERS / 1e9)
    assert result.best.energy_estimated_j == pytest.approx(4 * OTHERS * 1e-12)
    assert result.floor_latency_estimated_s == 0, "the floor takes one lane, which is no guess"


def test_the_launches_and_the_static_power() -> None:
    result = on(SLOW, DRAM, guess="launch_overhead", launch_overhead="100 us")
    assert result.best.latency_estimated_s == pytest.approx(100e-6)
    assert result.floor_latency_estimated_s == 0
    result = on(SLOW, DRAM, guess="static_power", static_power="2 W")
    assert result.best.energy_estimated_j == pytest.approx(2 * WORK / 1e9)
    assert result.best.latency_estimated_s == 0


def test_the_energy_of_a_level_is_that_of_its_bytes() -> None:
    result = on(SLOW, guessed(DRAM, "energy"))
    assert result.best.energy_estimated_j == pytest.approx(3 * TENSOR * 100e-12)
    assert result.best.energy_j == pytest.approx(3 * TENSOR * 100e-12 + WORK * 1e-12)


def test_a_level_that_does_not_overlap_adds_its_time() -> None:
    serial = level("dram", "1 GB", "1 GB/s", "100 pJ/B", rest="overlap = false")
    result = on(SLOW, guessed(serial, "bandwidth"))
    assert result.best.latency_estimated_s == pytest.approx(3 * TENSOR / 1e9)
    assert result.best.latency_s == pytest.approx(3 * TENSOR / 1e9 + WORK / 1e9)


def test_of_two_ports_the_slower_one_counts() -> None:
    # Reads 2 tensors at 2 GB/s, writes 1 at 0.5 GB/s: the writes take longer.
    ports = level("dram", "1 GB", energy="100 pJ/B", read_bandwidth="2 GB/s", write_bandwidth="0.5 GB/s")
    assert on(FAST, guessed(ports, "read_bandwidth")).best.latency_estimated_s == 0
    assert on(FAST, guessed(ports, "write_bandwidth")).best.latency_estimated_s == pytest.approx(TENSOR / 0.5e9)


@pytest.mark.parametrize(("capacity", "is_tiled"), [("1 MiB", False), ("2 KiB", True)])
def test_a_capacity_counts_where_it_decides_how_many_bytes_there_are(capacity: str, is_tiled: bool) -> None:
    sram = guessed(level("sram", capacity, "1 TB/s", "1 pJ/B"), "capacity")
    plan = on(FAST, DRAM, sram).best
    assert (plan.traffic_bytes["dram"] > 3 * TENSOR) is is_tiled
    assert plan.latency_estimated_s == (plan.latency_s if is_tiled else 0)


def test_a_capacity_counts_for_weights_that_the_floor_takes_as_held() -> None:
    result = on(FAST, DRAM, guessed(level("sram", "1 MiB", "1 TB/s", "1 pJ/B"), "capacity"))
    assert result.floor_latency_estimated_s == result.floor_latency_s == pytest.approx(2 * TENSOR / 1e9)


def test_unknown_figures_rest_on_nothing_that_is_known() -> None:
    result = on(guessed(SLOW, "rate"), level("dram", "1 GB", "1 GB/s"))
    assert result.best.energy_j is None
    assert result.best.energy_estimated_j is None
    assert result.floor_energy_estimated_j is None


def test_only_the_binding_term_counts_beside_the_serial_ones() -> None:
    terms, serial = {"a": 3.0, "b": 2.0}, {"c": 1.0}
    assert rests_s(terms, serial, {"b": 2.0, "c": 0.5, "launch": 0.25}) == 0.75
    assert rests_s(terms, serial, {"a": 1.0}) == 1.0
    assert rests_s({}, {}, {"launch": 0.5}) == 0.5


def test_an_unknown_number_is_not_uncertain() -> None:
    assert not is_uncertain(None)


def with_kind(target: Target, kind: str) -> Target:
    """A target of which every number comes from sources of one kind."""

    def again(value: object) -> object:
        if isinstance(value, Quantity):
            return dataclasses.replace(value, source=Source(key="s", title="s", kind=kind))
        if isinstance(value, tuple):
            return tuple(again(item) for item in value)
        if dataclasses.is_dataclass(value) and not isinstance(value, type):
            return dataclasses.replace(
                value, **{f.name: again(getattr(value, f.name)) for f in dataclasses.fields(value)}
            )
        return value

    changed = again(target)
    assert isinstance(changed, Target)
    return changed


def shares(result: TargetResult) -> list[tuple[float | None, float | None]]:
    """Each figure with the part of it that rests on estimates."""
    plans: list[PlanResult] = [*result.plans]
    parts = [(result.floor_latency_estimated_s, result.floor_latency_s)]
    parts.append((result.floor_energy_estimated_j, result.floor_energy_j))
    for figures in (*plans, *(group for plan in plans for group in plan.groups)):
        parts.append((figures.latency_estimated_s, figures.latency_s))
        parts.append((figures.energy_estimated_j, figures.energy_j))
    return parts


@settings(max_examples=40, deadline=None)
@given(workload=workloads(with_unknown=True), target=targets(is_known=False))
def test_all_rests_on_guesses_if_all_is_guessed_and_never_more_than_all(workload: Workload, target: Target) -> None:
    costs = cost_table(workload)
    model = planned(workload, costs, storage(workload, costs), ("none", "epilogue"))
    for part, whole in shares(evaluate(model, with_kind(target, "estimate"))):
        assert part == (None if whole is None else pytest.approx(whole))
    mixed = dataclasses.replace(target, levels=with_kind(target, "vendor").levels)
    for part, whole in shares(evaluate(model, mixed)):
        assert (part is None) == (whole is None)
        assert part is None or whole is None or 0 <= part <= whole * (1 + 1e-9)
