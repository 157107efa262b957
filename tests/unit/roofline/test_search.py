"""The best groups of a model on a target, against every way to put consecutive steps together."""

from __future__ import annotations

import itertools
import random

import pytest
from oracles.tiny import engine, level, target, workload

from onnxroof.costs.table import cost_table
from onnxroof.mapping.planned import planned
from onnxroof.mapping.storage import storage
from onnxroof.roofline.batch import Batch
from onnxroof.roofline.evaluate import _Evaluation, evaluate
from onnxroof.roofline.searched import Searched
from onnxroof.targets.model import Target

STACK = """g (float[1,8,48,48] x) => (float[1,8,48,48] e)
    <float[8,8,3,3] p, float[8,8,3,3] q, float[32,8,1,1] r, float[8,32,1,1] s, float[8,8,3,3] t>
    { a = Conv<pads=[1,1,1,1]>(x, p) b = Conv<pads=[1,1,1,1]>(a, q) c = Conv(b, r) d = Conv(c, s)
      e = Conv<pads=[1,1,1,1]>(d, t) }"""


def chip(draw: random.Random) -> Target:
    """Two levels on chip, of which any may be slow or dear."""
    return target(
        engine("matrix", "mac vector special", {"FLOAT": f"{draw.choice([5, 50, 500])} GOP/s, 2 pJ/OP"}),
        level("dram", "1 GB", f"{draw.choice([1, 10])} GB/s", f"{draw.choice([10, 100])} pJ/B"),
        level("l2", f"{draw.choice([16, 64])} KiB", f"{draw.choice([5, 50])} GB/s", f"{draw.choice([1, 20])} pJ/B"),
        level("l1", f"{draw.choice([2, 8])} KiB", "100 GB/s", "1 pJ/B"),
    )


def evaluation(where: Target) -> _Evaluation:
    model = workload(STACK)
    costs = cost_table(model)
    plans = planned(model, costs, storage(model, costs), ("epilogue",))
    return _Evaluation(Batch(plans, (where,), True, "cold"), 0)


def compositions(count: int) -> list[list[tuple[int, int]]]:
    """Every way to cut steps 0 to count - 1 into runs (first, last)."""
    found = []
    for cuts in itertools.product((False, True), repeat=count - 1):
        ends = [step for step, is_cut in enumerate(cuts) if is_cut] + [count - 1]
        found.append([(first + 1, last) for first, last in zip([-1, *ends], ends, strict=False)])
    return found


@pytest.mark.parametrize("seed", range(6))
def test_the_best_of_all_cuts_and_choices_is_found(seed: int) -> None:
    found = evaluation(chip(random.Random(seed)))
    search = Searched(found).search
    listed = [segment for here in search.segments.by_last for segment in here]
    runs = {(one.first, one.last): priced for one in listed if (priced := search.priced(one)) is not None}
    plans = []
    for cuts in compositions(5):
        totals = [(0.0, 0.0, 0.0)]
        for first, last in cuts:
            if first == last:
                points = [tuple(search.alone(what, first) for what in ("latency", "energy", "traffic"))]
            elif (first, last) not in runs:
                totals = []
                break
            else:
                run = runs[first, last]
                outer = (run.read_bytes[:, 0] + run.write_bytes[:, 0]).tolist()
                points = list(zip(run.latency_s.tolist(), run.energy_j.tolist(), outer, strict=True))
            totals = [(t + a, e + b, m + c) for t, e, m in totals for a, b, c in points]  # type: ignore[operator]
            totals = list(dict.fromkeys(totals))
        plans += totals
    for objective, value in (
        ("latency", lambda one: one[0]),
        ("energy", lambda one: one[1]),
        ("edp", lambda one: one[0] * one[1]),
        ("traffic", lambda one: one[2]),
    ):
        chosen = search.best(objective)
        assert [step for part in chosen for step in range(part.first, part.last + 1)] == list(range(5))
        total = (
            sum(search.alone("latency", p.first) if p.choice is None else p.choice.latency_s for p in chosen),
            sum(search.alone("energy", p.first) if p.choice is None else p.choice.energy_j for p in chosen),
            sum(search.alone("traffic", p.first) if p.choice is None else p.choice.outer_bytes for p in chosen),
        )
        assert value(total) == pytest.approx(min(map(value, plans)), rel=1e-6)


@pytest.mark.parametrize("seed", range(4))
def test_a_run_takes_no_less_than_its_bound(seed: int) -> None:
    """So the search may leave out what has a bound above another plan; of some runs the bound is what they take."""
    search = Searched(evaluation(chip(random.Random(seed)))).search
    ratios = []
    for here in search.segments.by_last:
        for segment in here:
            priced, bounds = search.priced(segment), search.bounds(segment)
            assert priced is not None
            outer = priced.read_bytes[:, 0] + priced.write_bytes[:, 0]
            for exact, least in zip((priced.latency_s, priced.energy_j, outer), bounds, strict=True):
                for number, figure in zip(priced.level.tolist(), exact.tolist(), strict=True):
                    ratios.append(figure / float(least[search.levels.index(number)]))
    assert min(ratios) == pytest.approx(1.0, rel=1e-12)
    assert max(ratios) > 1.01


@pytest.mark.parametrize("seed", range(4))
def test_what_the_search_prices_is_what_the_group_takes(seed: int) -> None:
    found = evaluation(chip(random.Random(seed)))
    searched = Searched(found)
    chosen = searched.search.best("traffic")
    assert any(part.choice is not None for part in chosen)
    plan = searched.of_chosen("depth-first", None, chosen)
    for part, group in zip(chosen, plan.groups, strict=True):
        if part.choice is not None:
            assert group.latency_s == pytest.approx(part.choice.latency_s)
            assert group.energy_j == pytest.approx(part.choice.energy_j)
            assert group.traffic_bytes["dram"] == pytest.approx(part.choice.outer_bytes)


def test_nothing_is_fused_where_no_level_has_room() -> None:
    where = target(
        engine("matrix", "mac vector special", {"FLOAT": "1 TOP/s"}), level("dram", "1 GB", "1 GB/s"),
        level("sram", "64 B", "10 GB/s"),
    )  # fmt: skip
    model = workload(STACK)
    costs = cost_table(model)
    result = evaluate(planned(model, costs, storage(model, costs), ("none", "epilogue", "depth-first", "auto")), where)
    assert {len(plan.groups) for plan in result.plans} == {5}
    assert result.best_plan == "none"
