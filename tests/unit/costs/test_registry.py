"""Which rule is found, and that no two can claim the same operator."""

from __future__ import annotations

import pytest

from onnxroof.costs.context import CostContext
from onnxroof.costs.cost import OpCost, Work
from onnxroof.costs.registry import Rule, cost, not_modelled, standard_registry
from tests.oracles.build import cost as cost_of


def _free(ctx: CostContext) -> OpCost:
    """Nothing."""
    return ctx.compute(Work())


@pytest.mark.parametrize("span", [{}, {"since": 5, "until": 7}, {"until": 0}])
def test_a_second_rule_for_an_operator_raises(span):
    standard_registry()
    with pytest.raises(ValueError, match=r"two rules for ai\.onnx::Conv"):
        cost("Conv", **span)(_free)
    with pytest.raises(ValueError, match=r"two rules for com\.microsoft::MatMulNBits"):
        not_modelled("MatMulNBits", domain="com.microsoft", reason="of the test")


def test_unknown_operators_have_no_rule():
    registry = standard_registry()
    assert registry.find("", "NoSuchOp", 20) is None
    assert registry.find("org.example", "Conv", 20) is None
    assert registry.find("", "Conv", 7) is registry.find("", "Conv", 22)


def test_rules_of_the_user_win_and_leave_the_standard_ones_alone():
    registry = standard_registry()
    extended = registry.extended(
        {("", "Relu"): Rule("", "Relu", 0, 15, _free), ("org.example", "Odd"): Rule("org.example", "Odd", 0, 99, _free)}
    )
    assert cost_of("Relu", [(5,)], [(5,)], registry=extended, version=14).work == Work()
    assert cost_of("Relu", [(5,)], [(5,)], registry=extended, version=16).work == Work(vector_ops=5)
    assert cost_of("Odd", [(5,)], [(5,)], registry=extended, domain="org.example").work == Work()
    assert cost_of("Relu", [(5,)], [(5,)], registry=registry, version=14).work == Work(vector_ops=5)
