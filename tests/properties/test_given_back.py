"""A plan that is taken back from outside is what it was: the same groups in the same order, and no worse."""

from __future__ import annotations

import random

from hypothesis import given, settings
from oracles.tiny import workload
from properties.strategies import targets, workloads
from properties.test_fusion_search import chip, graph

from onnxroof.costs.table import cost_table
from onnxroof.ir.workload import Workload
from onnxroof.mapping.given import GivenGroup, GivenGroups
from onnxroof.mapping.planned import planned
from onnxroof.mapping.policies import NAMES
from onnxroof.mapping.storage import storage
from onnxroof.roofline.evaluate import evaluate
from onnxroof.targets.model import Target


def is_taken_back(model: Workload, where: Target) -> bool:
    """Holds the best plan against the same groups from outside; whether its order is another than the model's."""
    costs = cost_table(model)
    store = storage(model, costs)
    plan = evaluate(planned(model, costs, store, NAMES), where).plan("auto")
    groups = tuple(
        GivenGroup(name=group.nodes[0], nodes=tuple(group.nodes), order=number)
        for number, group in enumerate(plan.groups)
    )
    outside = GivenGroups(where="plan.json", groups=groups)
    back = evaluate(planned(model, costs, store, ("none",), given=outside), where).plan("given")
    assert [group.nodes for group in back.groups] == [group.nodes for group in plan.groups]
    if plan.latency_s is not None:
        assert back.latency_s is not None
        assert back.latency_s <= plan.latency_s * (1 + 1e-9)
    is_reordered = any(one.action == "reordered" for one in plan.decisions)
    assert any(one.action == "reordered" for one in back.decisions) == is_reordered
    return is_reordered


@settings(max_examples=60, deadline=None)
@given(workloads(), targets())
def test_a_plan_of_any_graph_on_any_target(model: Workload, where: Target) -> None:
    is_taken_back(model, where)


def test_plans_in_another_order() -> None:
    draw = random.Random(1)
    found = [is_taken_back(workload(graph(draw, is_shuffled=True)), chip(2048)) for _ in range(20)]
    assert any(found)  # else nothing was shown of such plans
