"""Groups of many targets in arrays against the same equations for one group at a time."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles.one_group import one_group
from properties.strategies import targets, workloads

from onnxroof.costs.table import cost_table
from onnxroof.ir.workload import Workload
from onnxroof.mapping.planned import planned
from onnxroof.mapping.storage import storage
from onnxroof.roofline.evaluate import evaluated
from onnxroof.targets.model import Target


def near(value: float) -> object:
    return pytest.approx(value, rel=1e-9, abs=1e-18)


@settings(max_examples=60, deadline=None)
@given(workloads(max_ops=6, with_unknown=True), st.lists(targets(is_known=False), min_size=1, max_size=3))
def test_every_group_on_every_target_obeys_the_equations(workload: Workload, chips: list[Target]) -> None:
    costs = cost_table(workload)
    model = planned(workload, costs, storage(workload, costs), ("none", "depth-first"))
    for chip, result in zip(chips, evaluated(model, chips), strict=True):
        for group in (group for plan in result.plans for group in plan.groups):
            if group.latency_s is None:
                assert group.ops is None or not group.time_terms_s  # the work is unknown, or all that it takes
                assert (group.waterfall_s, group.regime.time, group.regime.lost_s) == ({}, "", {})
                assert group.energy_j is None or group.ops is not None
                continue
            wanted = one_group(group, chip)
            assert group.latency_s == near(wanted.latency_s)
            assert group.waterfall_s == {name: near(time) for name, time in wanted.waterfall_s.items()}
            assert group.regime.roof_s == near(wanted.roof_s)
            assert group.regime.lost_s == {name: near(time) for name, time in wanted.lost_s.items()}
            assert group.regime.time == wanted.regime
            terms = dict(group.energy_terms_j)
            if wanted.levels_j is None:
                assert (group.energy_j, terms) == (None, {})
            elif terms:
                assert math.fsum(terms.values()) == near(group.energy_j or 0.0)
                assert terms.pop("static", 0.0) == near(wanted.static_j)
                assert terms.pop("compute") >= 0
                assert terms == {f"memory:{name}": near(energy) for name, energy in wanted.levels_j.items()}
