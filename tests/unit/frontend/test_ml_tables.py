"""What classical models have learned lies in attributes: which of it are weights that a run reads?"""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from onnxroof.ir.tensor import TensorKind
from onnxroof.study.count import counted, model_result
from onnxroof.study.load import load

ML = "ai.onnx.ml"
# One tree: a root, a leaf at its left, and at its right a node with two leaves. Leaves 1, 3 and 4 have a weight each.
TREE = {
    "nodes_treeids": [0] * 5,
    "nodes_nodeids": [0, 1, 2, 3, 4],
    "nodes_featureids": [0, 0, 1, 0, 0],
    "nodes_values": [0.5, 0.0, 0.25, 0.0, 0.0],
    "nodes_hitrates": [1.0] * 5,
    "nodes_modes": ["BRANCH_LEQ", "LEAF", "BRANCH_LEQ", "LEAF", "LEAF"],
    "nodes_truenodeids": [1, 0, 3, 0, 0],
    "nodes_falsenodeids": [2, 0, 4, 0, 0],
    "target_treeids": [0, 0, 0],
    "target_nodeids": [1, 3, 4],
    "target_ids": [0, 0, 0],
    "target_weights": [1.0, 2.0, 3.0],
    "n_targets": 1,
}
LISTS = {"nodes_featureids": 5, "nodes_values": 5, "nodes_truenodeids": 5, "nodes_falsenodeids": 5}
LEAVES = {"target_ids": 3, "target_weights": 3}


def saved(folder, op_type, rows, attributes, name="node", also=()):
    node = helper.make_node(op_type, ["x"], ["y"], name=name, domain=ML, **attributes)
    inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, [rows, 4])]
    outputs = [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)]
    graph = helper.make_graph([node, *also], "g", inputs, outputs)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21), helper.make_opsetid(ML, 5)])
    path = folder / "m.onnx"
    path.write_bytes(model.SerializeToString())
    return path


def test_the_lists_of_a_tree_are_weights_and_what_only_a_loader_needs_is_not(tmp_path):
    workload = load(saved(tmp_path, "TreeEnsembleRegressor", 2, TREE))
    tables = {name: tensor.dims for name, tensor in workload.tensors.items() if tensor.kind is TensorKind.WEIGHT}
    assert tables == {f"node.{name}": (length,) for name, length in {**LISTS, **LEAVES}.items()}
    assert set(workload.ops[0].parameters) == set(tables)
    result = model_result(counted(workload))
    assert (result.parameter_count, result.parameter_bytes) == (4 * 5 + 2 * 3, 4 * (4 * 5 + 2 * 3))  # all of 32 bits


@pytest.mark.parametrize(
    ("rows", "nodes", "leaves"),
    [
        (1, 3, 1),  # two comparisons and a leaf; 1 of 3 leaves
        (2, 5, 2),  # 2 x 3 visits, and there are 5 nodes
        (100, 5, 3),
    ],
)
def test_a_row_reads_the_longest_path_of_each_tree_and_all_rows_no_more_than_there_is(tmp_path, rows, nodes, leaves):
    count = counted(load(saved(tmp_path, "TreeEnsembleRegressor", rows, TREE)))
    # four lists of nodes and two of leaves, 4 bytes each
    assert model_result(count).totals.weight_bytes == 4 * nodes * 4 + 2 * leaves * 4
    least = count.costs.costs[0].least
    # the shortest path is one comparison, the same for all rows: the root's entries, and no list of leaves
    assert sum(t.bytes for t in least.reads if t.tensor != "x") == 4 * 1 * 4
    assert (least.work.ops, count.costs.costs[0].work.ops) == (rows * (1 + 1), rows * (2 + 1))


def test_the_tensors_of_a_tree_of_the_newest_form_are_sized_by_their_dims(tmp_path):
    attributes = {
        "tree_roots": [0],
        "nodes_featureids": [0, 1],
        "nodes_splits": numpy_helper.from_array(np.array([0.5, 0.25], np.float32), "splits"),
        "nodes_modes": numpy_helper.from_array(np.zeros(2, np.uint8), "modes"),
        "nodes_truenodeids": [0, 1],
        "nodes_trueleafs": [1, 1],
        "nodes_falsenodeids": [1, 2],
        "nodes_falseleafs": [0, 1],
        "leaf_targetids": [0, 0, 0],
        "leaf_weights": numpy_helper.from_array(np.ones(3, np.float32), "leaves"),
        "n_targets": 1,
    }
    count = counted(load(saved(tmp_path, "TreeEnsemble", 10, attributes)))
    # six lists of 2 nodes, and two of 3 leaves
    assert model_result(count).totals.weight_bytes == 4 * (6 * 2 + 2 * 3)


def test_a_list_whose_payload_was_left_out_keeps_its_size(tmp_path):
    splits = numpy_helper.from_array(np.zeros(2000, np.float32), "splits")  # 8000 B: far above what is read
    attributes = {
        "tree_roots": [0], "nodes_featureids": [0], "nodes_splits": splits, "nodes_truenodeids": [0],
        "nodes_trueleafs": [1], "nodes_falsenodeids": [1], "nodes_falseleafs": [1],
    }  # fmt: skip
    workload = load(saved(tmp_path, "TreeEnsemble", 1, attributes))
    assert workload.tensors["node.nodes_splits"].bytes == 8000


@pytest.mark.parametrize(
    ("op_type", "attributes", "elements"),
    [
        ("Scaler", {"offset": [0.0] * 4, "scale": [1.0] * 4}, 8),
        ("LinearRegressor", {"coefficients": [1.0] * 4, "intercepts": [1.0]}, 5),
        ("SVMRegressor", {"support_vectors": [1.0] * 8, "coefficients": [1.0] * 2, "rho": [0.0]}, 11),
        ("Normalizer", {"norm": "L2"}, 0),
        ("LabelEncoder", {"keys_floats": [1.0, 2.0], "values_strings": ["a", "b"]}, 2),  # texts have no size
    ],
)
def test_other_coefficients_are_read_whole(tmp_path, op_type, attributes, elements):
    totals = model_result(counted(load(saved(tmp_path, op_type, 2, attributes)))).totals
    assert totals.weight_bytes == 4 * elements


def test_a_value_may_have_the_name_of_a_list(tmp_path):
    also = [onnx.helper.make_node("Identity", ["y"], ["node.target_ids"])]
    workload = load(saved(tmp_path, "TreeEnsembleRegressor", 2, TREE, also=also))
    assert workload.tensors["node.target_ids"].kind is TensorKind.ACTIVATION
    assert workload.tensors["node.target_ids_"].dims == (3,)
