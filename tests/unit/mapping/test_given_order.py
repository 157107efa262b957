"""The order in which groups from outside ask to run, and in which they can."""

from __future__ import annotations

import pytest
from oracles.tiny import workload

from onnxroof.errors import UsageError
from onnxroof.mapping.given import GivenGroup, GivenGroups, GivenPlan, given_plan
from onnxroof.study.count import counted

# x -> MatMul_0 -> Relu_1 -> Sigmoid_2 -> Add_4, and x -> Tanh_3 -> Add_4
DIAMOND = """g (float[8,8] x) => (float[8,8] y) <float[8,8] w> {
    m = MatMul(x, w) r = Relu(m) s = Sigmoid(r) t = Tanh(x) y = Add(s, t) }"""


def asked(*groups: tuple[int | None, str], text: str = DIAMOND) -> GivenPlan:
    """Groups of one node each, or of several with a space between, that ask for places."""
    count = counted(workload(text))
    named = tuple(
        GivenGroup(name=f"G{number}", nodes=tuple(nodes.split()), order=order)
        for number, (order, nodes) in enumerate(groups)
    )
    return given_plan(GivenGroups(where="plan.json", groups=named), count.workload, count.store)


def test_groups_run_in_the_order_that_they_ask_for() -> None:
    assert asked((None, "MatMul_0 Relu_1")).told is None
    # Tanh first; within its group Relu, named first, waits for MatMul.
    found = asked((2, "Relu_1 MatMul_0 Sigmoid_2"), (1, "Tanh_3"), (3, "Add_4"))
    assert found.told == (3, 0, 1, 2, 4)


def test_what_asks_for_nothing_comes_right_behind_what_it_reads() -> None:
    # MatMul waits for nothing and Tanh for nothing: they begin. Relu asks to be last but one, Sigmoid follows it.
    assert asked((7, "Relu_1"), (8, "Add_4")).told == (0, 3, 1, 2, 4)
    # Sigmoid, unnamed, follows Relu, so it is before Tanh.
    assert asked((1, "MatMul_0 Relu_1"), (5, "Tanh_3"), (6, "Add_4")).told == (0, 1, 2, 3, 4)


def test_no_group_comes_before_what_it_waits_for() -> None:
    with pytest.raises(UsageError) as error:
        asked((1, "MatMul_0"), (0, "Relu_1"), (-1, "Add_4"))
    found = error.value.diagnostics
    assert {fault.code for fault in found} == {"U406"}
    assert [fault.message for fault in found] == [
        "`Relu_1` is to run before `MatMul_0`, for which it has to wait",
        "`Add_4` is to run before `Sigmoid_2`, for which it has to wait",
    ]
    assert (found[0].where, found[0].hint) == (
        "plan.json: group `G1`", "put it behind group `G0`, or leave `order` out of all groups",
    )  # fmt: skip


def test_a_model_with_a_loop_keeps_its_order() -> None:
    text = """g (float[8] x) => (float[8] y, float[8] z) <int64 n = {3}, bool c = {1}> {
        a = Relu(x)
        y = Loop (n, c, a) <body = b (int64 i, bool cin, float[8] s) => (bool cout, float[8] t) {
            cout = Identity(cin) t = Sigmoid(s) }>
        z = Tanh(x) }"""
    last, first = (2, "Relu_0"), (1, "Tanh_2")
    found = asked(last, first, text=text)
    assert found.told is None
    (kept,) = found.plan.decisions
    assert (kept.action, "a loop runs trip by trip" in kept.reason) == ("not reordered", True)
    assert asked((1, "Relu_0"), (3, "Tanh_2"), text=text).plan.decisions == ()


def test_who_writes_into_a_buffer_waits_for_who_reads_it_before() -> None:
    text = """g (float[1,2,8,4] c, float[1,2,1,4] n, int64[1] at)
        => (float[1,2,8,4] d, float[1,2,8,4] y, float[1,2,8,4] z) {
        y = Relu(c) d = TensorScatter<axis=2>(c, n, at) z = Tanh(c) }"""
    with pytest.raises(UsageError) as error:
        asked((1, "Relu_0"), (0, "TensorScatter_1"), text=text)
    (fault,) = error.value.diagnostics
    assert fault.message == "`TensorScatter_1` is to run before `Relu_0`, for which it has to wait"
    # Who reads it behind the writer needs it as it was: there is no need to run later.
    assert asked((0, "Tanh_2"), (1, "TensorScatter_1"), text=text).told == (0, 2, 1)
