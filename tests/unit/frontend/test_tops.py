"""Largest elements of integer tensors, against the elements themselves."""

import numpy as np
import onnx
import pytest
from onnx.reference import ReferenceEvaluator

from onnxroof.dtypes import DType
from onnxroof.frontend.tops import tops_of, tops_of_value
from onnxroof.frontend.types import ValueType
from tests.oracles.contents import contents

A = np.array([[3, 9, 1], [7, 2, 5]], np.int64)
B = np.array([[4, 4, 30], [0, 2, 2]], np.int64)


def tops(node, *inputs, output):
    types = [ValueType(DType.INT64, i.shape) for i in inputs]
    known = [(int(i.max()),) if i.size else None for i in inputs]
    return tops_of(node, types, known, [contents(i) for i in inputs], ValueType(DType.INT64, output.shape))


@pytest.mark.parametrize(
    ("op_type", "inputs", "attributes"),
    [
        ("Identity", [A], {}),
        ("Cast", [A], {"to": 7}),
        ("Reshape", [A, np.array([3, 2])], {}),
        ("Unsqueeze", [A, np.array([0])], {}),
        ("Squeeze", [A[None], np.array([0])], {}),
        ("Expand", [A, np.array([4, 2, 3])], {}),
        ("Transpose", [A], {"perm": [1, 0]}),
        ("Slice", [A, np.array([0]), np.array([1]), np.array([0])], {}),
        ("Tile", [A, np.array([2, 1])], {}),
        ("Flatten", [A], {"axis": 0}),
        ("Concat", [A, B], {"axis": 0}),
        ("Max", [A, B], {}),
        ("Where", [A > 3, A, B], {}),
        ("Add", [A, B], {}),
        ("Range", [np.array(3), np.array(20), np.array(4)], {}),
        ("Range", [np.array(20), np.array(3), np.array(-4)], {}),
    ],
)
def test_no_element_is_larger(op_type, inputs, attributes):
    names = [f"i{n}" for n in range(len(inputs))]
    node = onnx.helper.make_node(op_type, names, ["o"], **attributes)
    infos = [
        onnx.helper.make_tensor_value_info(n, onnx.helper.np_dtype_to_tensor_dtype(i.dtype), i.shape)
        for n, i in zip(names, inputs, strict=True)
    ]
    graph = onnx.helper.make_graph([node], "g", infos, [onnx.ValueInfoProto(name="o")])
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)])
    (output,) = ReferenceEvaluator(model).run(None, dict(zip(names, inputs, strict=True)))
    found = tops(node, *inputs, output=output)
    assert found is not None
    assert max(found) >= output.max()
    assert max(found) <= A.max() + B.max()


def test_coordinates_keep_a_largest_element_for_each_place():
    node = onnx.helper.make_node("Concat", ["a", "b"], ["o"], axis=-1)
    a, b = A[..., None], B[..., None]
    assert tops(node, a, b, output=np.concatenate([a, b], -1)) == (9, 30)


def test_contents_give_one_number_or_one_for_each_coordinate():
    assert tops_of_value(contents([3, 8, 1])) == (8,)
    assert tops_of_value(contents([[3, 8], [4, 1]])) == (4, 8)
    assert tops_of_value(contents(5)) == (5,)
    assert tops_of_value(contents([0.5])) is None
    assert tops_of_value(contents(np.array([], np.int64))) is None
    assert tops_of_value(None) is None


@pytest.mark.parametrize("op_type", ["Mul", "Secret", "Gather"])
def test_other_operators_say_nothing(op_type):
    assert tops(onnx.helper.make_node(op_type, ["a", "b"], ["o"]), A, B, output=A) is None
