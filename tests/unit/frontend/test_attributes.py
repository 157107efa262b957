"""Attributes with defaults and references."""

import onnx
import pytest
from onnx import AttributeProto, helper

from onnxroof.frontend.attributes import attributes_of, constant_content, resolved


def test_defaults_of_the_version_are_filled_in():
    node = helper.make_node("Softmax", ["x"], ["y"])
    assert attributes_of(node, 11).integer("axis", 99) == 1
    assert attributes_of(node, 13).integer("axis", 99) == -1
    assert attributes_of(helper.make_node("Conv", [], [], group=4), 13).integer("group") == 4
    assert attributes_of(helper.make_node("Conv", [], []), 13).integer("group") == 1


def test_an_unknown_operator_has_what_it_states():
    found = attributes_of(helper.make_node("Secret", [], [], domain="my", a=2, b=[1.5], c="text", d=[3, 4]), 1)
    assert (found.integer("a"), found.raw("b"), found.text("c"), found.integers("d")) == (2, [1.5], "text", (3, 4))
    assert found.integers("e") is None


def test_graphs_types_and_what_is_not_understood_are_left_out():
    graph = onnx.parser.parse_graph("b () => (float[1] r) { r = Relu(x) }")
    node = helper.make_node("If", ["c"], ["y"], then_branch=graph, else_branch=graph)
    node.attribute.append(AttributeProto(name="odd", type=AttributeProto.UNDEFINED))
    node.attribute.append(AttributeProto(name="kind", type=AttributeProto.TYPE_PROTO))
    assert not attributes_of(node, 17).values


def test_a_reference_takes_the_actual_value_under_its_own_name():
    node = helper.make_node("Concat", ["a", "b"], ["c"])
    node.attribute.append(AttributeProto(name="axis", ref_attr_name="dim", type=AttributeProto.INT))
    actual = {"dim": helper.make_attribute("dim", 3)}
    found = resolved(node, actual)
    assert [(a.name, a.i, a.ref_attr_name) for a in found.attribute] == [("axis", 3, "")]
    assert not resolved(node, {}).attribute
    assert node.attribute[0].ref_attr_name == "dim"


def test_a_node_without_references_is_not_copied():
    node = helper.make_node("Concat", ["a", "b"], ["c"], axis=1)
    assert resolved(node, {"axis": helper.make_attribute("axis", 9)}) is node


@pytest.mark.parametrize("count", [16, 17])
def test_long_constants_have_a_shape_and_no_contents(count):
    kind, value = constant_content(helper.make_node("Constant", [], ["c"], value_floats=[0.5] * count))
    assert kind.shape == (count,)
    assert (value is None) is (count > 16)


def test_a_constant_without_a_value_is_unknown():
    kind, value = constant_content(helper.make_node("Constant", [], ["c"]))
    assert not kind.is_complete
    assert value is None


def test_a_sparse_constant_of_a_negative_extent_has_no_shape():
    values = helper.make_tensor("v", onnx.TensorProto.FLOAT, [1], [1.0])
    sparse = onnx.SparseTensorProto(values=values, dims=[-4, 4])
    kind, _ = constant_content(helper.make_node("Constant", [], ["y"], sparse_value=sparse))
    assert kind.shape is None
