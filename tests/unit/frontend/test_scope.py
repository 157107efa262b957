"""Order of execution and names in sight."""

import random

import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from onnxroof.frontend.scope import Scope, captured_names, execution_order, subgraphs


def node(inputs, outputs, **attributes):
    return onnx.helper.make_node("Op", inputs, outputs, **attributes)


def graph(text):
    return onnx.parser.parse_graph(text)


@given(st.integers(1, 30), st.randoms(use_true_random=False))
def test_any_shuffled_graph_without_a_cycle_is_put_in_order(count, chance):
    nodes = [node([f"v{chance.randrange(i)}" for _ in range(2)] if i else [], [f"v{i}"]) for i in range(count)]
    chance.shuffle(nodes)
    order, cycle = execution_order(nodes)
    assert not cycle
    assert sorted(order) == list(range(count))
    made = set()
    for i in order:
        assert made.issuperset(nodes[i].input)
        made.update(nodes[i].output)


@given(st.integers(1, 12), st.integers(0, 12), st.randoms(use_true_random=False))
def test_a_cycle_is_found_and_nothing_else_is_called_one(length, others, chance):
    ring = [node([f"r{(i - 1) % length}"], [f"r{i}"]) for i in range(length)]
    behind = [node([f"r{chance.randrange(length)}"], [f"b{i}"]) for i in range(others)]
    nodes = ring + behind + [node([], ["free"])]
    chance.shuffle(nodes)
    order, cycle = execution_order(nodes)
    assert {nodes[i].output[0] for i in order} == {"free"}
    assert len(cycle) == length
    for before, after in zip(cycle, [*cycle[1:], cycle[0]], strict=True):
        assert nodes[before].output[0] in nodes[after].input


def test_the_order_of_the_file_is_kept_where_it_is_one():
    nodes = [node([], ["b"]), node([], ["a"]), node(["a", "b"], ["c"])]
    assert execution_order(nodes) == ([0, 1, 2], [])


def test_a_node_follows_what_its_graphs_take_from_outside():
    body = graph("body () => (float[2] r) { r = Relu(late) }")
    nodes = [node(["c"], ["y"], then_branch=body, else_branch=body), node(["x"], ["late"])]
    assert execution_order(nodes)[0] == [1, 0]


def test_captured_names_are_those_that_the_graph_does_not_make_itself():
    inner = graph("inner (float[2] p) => (float[2] q) { q = Add(p, far) }")
    outer = graph("outer (float[2] a) => (float[2] near, float[2] given_through) { near = Add(a, side) }")
    loop = outer.node.add(op_type="Loop", input=["", "", "near"], output=["z"])
    loop.attribute.append(onnx.helper.make_attribute("body", inner))
    assert captured_names(outer) == {"far", "side", "given_through"}
    assert [g.name for g in subgraphs(loop)] == ["inner"]


def test_graphs_in_lists_are_found():
    body = graph("b () => (float[2] r) { r = Relu(x) }")
    assert len(list(subgraphs(node([], [], several=[body, body])))) == 2


@pytest.mark.parametrize(
    ("local", "found"), [("mine", "f/mine"), ("both", "f/both"), ("outer", "outer"), ("none", None)]
)
def test_names_are_looked_up_from_the_inside_out(local, found):
    outside = Scope(path="", repeat=1, opsets={}, names={"outer": "outer", "both": "both"})
    inside = Scope(path="f", repeat=1, opsets={}, parent=outside, names={"mine": "f/mine", "both": "f/both"})
    assert inside.find(local) == found


def test_a_function_sees_nothing_of_its_caller():
    assert Scope(path="f", repeat=1, opsets={}).find("outer") is None


def test_long_chains_in_reverse_are_sorted_fast():
    count = 20_000
    nodes = [node([f"v{i}"], [f"v{i + 1}"]) for i in range(count)][::-1]
    random.Random(1).shuffle(nodes)
    assert len(execution_order(nodes)[0]) == count
