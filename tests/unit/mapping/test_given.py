"""Groups from outside: which are possible, in which order they run, and all that is wrong with the others at once."""

from __future__ import annotations

import pytest
from oracles.tiny import workload

from onnxroof.errors import Diagnostic, UsageError
from onnxroof.mapping.given import GivenGroup, GivenGroups, GivenPlan, given_plan
from onnxroof.study.count import counted

# x -> MatMul_0 -> Relu_1 -> Sigmoid_2 -> Add_4, and x -> Tanh_3 -> Add_4
DIAMOND = """g (float[8,8] x) => (float[8,8] y) <float[8,8] w> {
    m = MatMul(x, w) r = Relu(m) s = Sigmoid(r) t = Tanh(x) y = Add(s, t) }"""


def planned(*groups: tuple[str, ...], text: str = DIAMOND) -> GivenPlan:
    count = counted(workload(text))
    named = tuple(GivenGroup(name=f"G{number}", nodes=nodes) for number, nodes in enumerate(groups))
    return given_plan(GivenGroups(where="plan.json", groups=named), count.workload, count.store)


def faults(*groups: tuple[str, ...], text: str = DIAMOND) -> list[Diagnostic]:
    with pytest.raises(UsageError) as error:
        planned(*groups, text=text)
    return list(error.value.diagnostics)


def members(found: GivenPlan) -> list[tuple[str, ...]]:
    return [group.ops for group in found.plan.groups]


def test_nodes_that_nobody_named_are_groups_of_their_own() -> None:
    found = planned(("Relu_1", "MatMul_0"))
    # In the order of the model, whatever that of the file.
    assert members(found) == [("MatMul_0", "Relu_1"), ("Sigmoid_2",), ("Tanh_3",), ("Add_4",)]
    assert [group.id for group in found.plan.groups] == ["g0", "g1", "g2", "g3"]
    assert (found.plan.fusion, found.runs) == ("given", ())


def test_a_group_runs_when_all_that_it_reads_is_there() -> None:
    # Sigmoid and Add read Tanh, so it runs before both although it stands behind one of them.
    found = planned(("Sigmoid_2", "Add_4"))
    assert members(found) == [("MatMul_0",), ("Relu_1",), ("Tanh_3",), ("Sigmoid_2", "Add_4")]


def test_a_group_of_several_anchors_is_a_run_of_its_parts() -> None:
    text = "g (float[8,8] x) => (float[8,8] y) <float[8,8] v> { a = MatMul(x, v) r = Relu(a) y = MatMul(r, v) }"
    found = planned(("MatMul_0", "Relu_1", "MatMul_2"), text=text)
    assert members(found) == [("MatMul_0", "Relu_1"), ("MatMul_2",)]
    ((name, first, last),) = [(run.name, run.first, run.last) for run in found.runs]
    assert (name, first, last) == ("G0", 0, 1)
    assert "MatMul does not work element by element" in found.apart[0]


def test_views_may_be_named_and_do_nothing() -> None:
    text = "g (float[8,8] x) => (float[8,8] y) { r = Relu(x) f = Identity(r) y = Sigmoid(f) }"
    assert members(planned(("Relu_0", "Identity_1", "Sigmoid_2"), text=text)) == [("Relu_0", "Sigmoid_2")]


def test_unknown_names_come_with_the_nearest() -> None:
    (fault,) = faults(("MatMul_0", "Relu_11"))
    assert fault.where == "plan.json: group `G0`"
    assert fault.code == "U402"
    assert "`Relu_11`" in fault.message
    assert "`Relu_1`" in fault.hint


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("RELU_1", "nearest: `Relu_1`"),
        ("s", "it is a tensor, which `Sigmoid_2` makes"),
        ("w", "it is a tensor, which no node makes"),
        ("nothing like it", "`onnxroof count tiny.onnx --format json` lists the nodes"),
    ],
)
def test_there_is_always_something_to_do_about_an_unknown_name(name: str, hint: str) -> None:
    (fault,) = faults(("MatMul_0", name))
    assert hint in fault.hint


def test_a_file_for_another_model_is_one_fault_and_not_hundreds() -> None:
    (fault,) = faults(tuple(f"conv{number}" for number in range(300)), ("MatMul_0",))
    assert "300 of its 301 nodes" in fault.message
    assert "another model" in fault.message


def test_a_node_runs_in_one_group() -> None:
    first, second = faults(("MatMul_0", "Relu_1"), ("Relu_1", "Sigmoid_2", "Sigmoid_2"))
    assert (first.code, second.code) == ("U403", "U403")
    assert "`Relu_1` is in group `G0` already" in first.message
    assert "`Sigmoid_2` is twice in it" in second.message


def test_a_group_must_not_wait_for_itself() -> None:
    # Relu lies between MatMul and Sigmoid.
    (fault,) = faults(("Tanh_3",), ("MatMul_0", "Sigmoid_2"))
    assert (fault.code, fault.where) == ("U404", "plan.json: group `G1`")
    assert "`Relu_1` reads what `MatMul_0` makes; `Sigmoid_2` reads what `Relu_1` makes" in fault.message


def test_groups_must_not_wait_for_each_other() -> None:
    text = """g (float[8] x) => (float[8] y, float[8] z) {
        a = Relu(x) b = Tanh(a) c = Tanh(x) y = Sigmoid(c) z = Add(b, y) }"""
    # {Relu_0, Sigmoid_3} and {Tanh_1, Tanh_2}: the one reads Tanh_2, the other reads Relu_0.
    (fault,) = faults(("Relu_0", "Sigmoid_3"), ("Tanh_1", "Tanh_2"), text=text)
    assert "`Tanh_1` reads what `Relu_0` makes" in fault.message
    assert "`Sigmoid_3` reads what `Tanh_2` makes" in fault.message
    assert fault.where == "plan.json: groups `G0`, `G1`"


def test_all_faults_come_at_once() -> None:
    found = faults(("MatMul_0", "Sigmoid_2", "Nothing"), ("MatMul_0",))
    assert [fault.code for fault in found] == ["U402", "U403", "U404"]
