"""Shapes of ai.onnx.ml operators, against runs of ONNX Runtime."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from onnxroof.dtypes import DType
from onnxroof.frontend.load import load_workload
from onnxroof.frontend.ml_shapes import ml_types
from onnxroof.frontend.types import UNKNOWN_TYPE, ValueType
from tests.oracles.ort_shapes import differences

TREE = {
    "nodes_treeids": [0, 0, 0],
    "nodes_nodeids": [0, 1, 2],
    "nodes_featureids": [1, 0, 0],
    "nodes_values": [0.5, 0.0, 0.0],
    "nodes_modes": ["BRANCH_LEQ", "LEAF", "LEAF"],
    "nodes_truenodeids": [1, 0, 0],
    "nodes_falsenodeids": [2, 0, 0],
}
LINEAR = {"coefficients": [0.1] * 12, "intercepts": [0.0] * 3}

CASES = [
    ("Normalizer", 1, {"norm": "L2"}),
    ("Scaler", 1, {"offset": [0.0], "scale": [2.0]}),
    ("Binarizer", 1, {"threshold": 0.5}),
    ("Imputer", 1, {"imputed_value_floats": [0.0], "replaced_value_float": 1.0}),
    ("LabelEncoder", 1, {"keys_floats": [0.0], "values_int64s": [4], "default_int64": 0}),
    ("LinearClassifier", 2, {**LINEAR, "classlabels_ints": [0, 1, 2]}),
    ("LinearRegressor", 1, {**LINEAR, "targets": 3}),
    (
        "TreeEnsembleClassifier",
        2,
        {
            **TREE,
            "class_treeids": [0, 0],
            "class_nodeids": [1, 2],
            "class_ids": [0, 2],
            "class_weights": [1.0, 1.0],
            "classlabels_int64s": [5, 6, 7],
        },
    ),
    (
        "TreeEnsembleRegressor",
        1,
        {
            **TREE,
            "target_treeids": [0, 0],
            "target_nodeids": [1, 2],
            "target_ids": [0, 1],
            "target_weights": [1.0, 1.0],
            "n_targets": 2,
        },
    ),
    ("ArrayFeatureExtractor", 1, {}),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case[0])
def test_types_and_shapes_are_those_of_a_run(case, tmp_path):
    op_type, count, attributes = case
    weights = [onnx.numpy_helper.from_array(np.array([0, 3, 3, 1, 2], np.int64), "picked")]
    outputs = [f"o{i}" for i in range(count)]
    inputs = ["x", "picked"] if op_type == "ArrayFeatureExtractor" else ["x"]
    node = helper.make_node(op_type, inputs, outputs, domain="ai.onnx.ml", **attributes)
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 4])
    graph = helper.make_graph([node], "g", [x], [onnx.ValueInfoProto(name=n) for n in outputs], weights)
    model = helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", 17), helper.make_opsetid("ai.onnx.ml", 3)], ir_version=8
    )
    path = tmp_path / "m.onnx"
    path.write_bytes(model.SerializeToString())
    workload = load_workload(path, {"N": 6}, lambda ops, _: 0.0)
    found, compared = differences(path, workload)
    assert not found
    assert compared == count


def test_labels_may_be_strings():
    node = helper.make_node("LinearClassifier", ["x"], ["a", "b"], domain="ai.onnx.ml", classlabels_strings=["p", "q"])
    found = ml_types(node, [ValueType(DType.FLOAT, (6, 4))], (UNKNOWN_TYPE,) * 2)
    assert found == (ValueType(DType.STRING, (6,)), ValueType(DType.FLOAT, (6, 2)))


@pytest.mark.parametrize("kind", [None, UNKNOWN_TYPE, ValueType(DType.FLOAT, (None, 4)), ValueType(DType.FLOAT, ())])
def test_an_unknown_input_says_nothing(kind):
    node = helper.make_node("Normalizer", ["x"], ["y"], domain="ai.onnx.ml")
    assert ml_types(node, [kind], (UNKNOWN_TYPE,)) == (UNKNOWN_TYPE,)


def test_other_domains_are_left_alone():
    node = helper.make_node("Normalizer", ["x"], ["y"], domain="my.ops")
    assert ml_types(node, [ValueType(DType.FLOAT, (6, 4))], (UNKNOWN_TYPE,)) == (UNKNOWN_TYPE,)
