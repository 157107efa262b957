"""Forms of older opsets and rare parts of the file format: shapes and counts, derived by hand."""

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

import onnxroof
from onnxroof.errors import OnnxroofError
from onnxroof.study.count import counted, model_result

NODE = helper.make_node
FLOAT = onnx.TensorProto.FLOAT


def zeros(name, *shape):
    return numpy_helper.from_array(np.zeros(shape, np.float32), name)


def load(tmp_path, nodes, shape, *, opset, ir=3, weights=(), also_inputs=(), functions=(), edit=None):
    """Inputs `x` of the shape and `also_inputs`; `y` states neither type nor shape, and there is no value_info."""
    inputs = [helper.make_tensor_value_info(n, FLOAT, s) for n, s in {"x": shape, **dict(also_inputs)}.items()]
    graph = helper.make_graph(nodes, "g", inputs, [helper.make_empty_tensor_value_info("y")], list(weights))
    opsets = [helper.make_opsetid("", opset)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=ir, functions=functions)
    if edit:
        edit(model)
    path = tmp_path / "m.onnx"
    path.write_bytes(model.SerializeToString())
    return onnxroof.load(path)


def macs(workload):
    return model_result(counted(workload)).totals.macs


@pytest.mark.parametrize(
    ("op_type", "opset", "attributes", "expected"),
    [
        ("Slice", 7, {"axes": [1, 3], "starts": [1, 2], "ends": [3, -1]}, (2, 3 - 1, 8, 9 - 2)),
        ("Clip", 7, {"min": 0.0, "max": 6.0}, (2, 3, 8, 10)),
        ("Pad", 7, {"pads": [0, 0, 1, 2, 0, 0, 3, 4]}, (2, 3, 1 + 8 + 3, 2 + 10 + 4)),
        ("Upsample", 7, {"scales": [1.0, 1.0, 2.0, 3.0]}, (2, 3, 8 * 2, 10 * 3)),
        ("Dropout", 7, {"ratio": 0.5}, (2, 3, 8, 10)),
        ("Unsqueeze", 7, {"axes": [0]}, (1, 2, 3, 8, 10)),
        ("ReduceSum", 7, {"axes": [1], "keepdims": 0}, (2, 8, 10)),
        ("Split", 7, {"axis": 2, "split": [8]}, (2, 3, 8, 10)),
        ("Softmax", 7, {"axis": 1}, (2, 3, 8, 10)),
    ],
)
def test_what_was_an_attribute(tmp_path, op_type, opset, attributes, expected):
    workload = load(tmp_path, [NODE(op_type, ["x"], ["y"], **attributes)], [2, 3, 8, 10], opset=opset)
    assert workload.tensors["y"].shape == expected


@pytest.mark.parametrize(("opset", "attributes"), [(7, {"axes": [0, 2]}), (7, {}), (11, {"axes": [-4, -2]})])
def test_squeezed_axes(tmp_path, opset, attributes):
    workload = load(tmp_path, [NODE("Squeeze", ["x"], ["y"], **attributes)], [1, 3, 1, 10], opset=opset)
    assert workload.tensors["y"].shape == (3, 10)


# One exponential an element, and one logarithm for each sum: before version 13, all axes from `axis` on are one.
@pytest.mark.parametrize(("opset", "sums"), [(7, 2), (11, 2), (12, 2), (13, 2 * 8 * 10)])
def test_softmax_was_of_a_matrix(tmp_path, opset, sums):
    workload = load(tmp_path, [NODE("LogSoftmax", ["x"], ["y"], axis=1)], [2, 3, 8, 10], opset=opset)
    assert model_result(counted(workload)).totals.special_ops == 2 * 3 * 8 * 10 + sums


def test_topk_with_its_count_as_an_attribute(tmp_path):
    workload = load(tmp_path, [NODE("TopK", ["x"], ["y", "i"], axis=1, k=4)], [2, 10], opset=7)
    assert [workload.tensors[name].shape for name in ("y", "i")] == [(2, 4), (2, 4)]


@pytest.mark.parametrize("is_operand", [True, False])
def test_the_first_split_takes_its_sizes_either_way(tmp_path, is_operand):
    sizes = [numpy_helper.from_array(np.array([1, 5]), "sizes")] if is_operand else []
    attributes = {} if is_operand else {"split": [1, 5]}
    node = NODE("Split", ["x", "sizes"] if is_operand else ["x"], ["y", "z"], axis=1, **attributes)
    workload = load(tmp_path, [node], [2, 6], opset=1, weights=sizes)
    assert [workload.tensors[name].shape for name in ("y", "z")] == [(2, 1), (2, 5)]


def test_an_unknown_extent_that_is_split_is_the_sum_of_its_parts(tmp_path):
    # Where nobody says what the axis has (a 0 in the file says nothing either), the parts say it: 2 + 5, and 0 + 0.
    for parts in ([2, 5], [0, 0]):
        sizes = [numpy_helper.from_array(np.array(parts), "sizes")]
        workload = load(tmp_path, [NODE("Split", ["x", "sizes"], ["y", "z"])], [0], opset=13, ir=8, weights=sizes)
        assert [workload.tensors[name].shape for name in ("x", "y", "z")] == [(sum(parts),), *((n,) for n in parts)]


@pytest.mark.parametrize(("op_type", "opset"), [("Upsample", 9), ("Resize", 10)])
def test_scales_as_the_second_input(tmp_path, op_type, opset):
    scales = numpy_helper.from_array(np.array([1, 1, 2, 3], np.float32), "s")
    workload = load(tmp_path, [NODE(op_type, ["x", "s"], ["y"])], [2, 3, 8, 10], opset=opset, weights=[scales])
    assert workload.tensors["y"].shape == (2, 3, 8 * 2, 10 * 3)


def test_resize_that_shrinks(tmp_path):
    scales = numpy_helper.from_array(np.array([1, 1, 0.5, 0.25], np.float32), "s")
    workload = load(tmp_path, [NODE("Resize", ["x", "s"], ["y"])], [2, 3, 8, 10], opset=10, weights=[scales])
    assert workload.tensors["y"].shape == (2, 3, 4, 2)  # 10 x 0.25 rounded down


def test_batch_normalization_of_each_element(tmp_path):
    node = NODE("BatchNormalization", ["x", "a", "a", "a", "a"], ["y"], spatial=0)
    workload = load(tmp_path, [node], [2, 3, 8, 10], opset=7, weights=[zeros("a", 3, 8, 10)])
    assert workload.tensors["y"].shape == (2, 3, 8, 10)


def test_initializers_that_are_also_inputs_are_weights(tmp_path):
    node = NODE("Gemm", ["x", "b", "c"], ["y"], transB=1)
    weights, also = [zeros("b", 5, 6), zeros("c", 5)], {"b": [5, 6], "c": [5]}
    workload = load(tmp_path, [node], [4, 6], opset=7, weights=weights, also_inputs=also)
    assert workload.inputs == ("x",)
    assert macs(workload) == 4 * 6 * 5
    assert model_result(counted(workload)).parameter_count == 5 * 6 + 5


def test_a_file_for_each_weight_may_be_there_or_not(tmp_path):
    weights = [zeros("b", 6, 5), zeros("c", 5)]
    value = helper.make_tensor_value_info("x", FLOAT, [4, 6])
    nodes = [NODE("MatMul", ["x", "b"], ["t"]), NODE("Add", ["t", "c"], ["y"])]
    graph = helper.make_graph(nodes, "g", [value], [helper.make_empty_tensor_value_info("y")], weights)
    path = tmp_path / "m.onnx"
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=7)
    onnx.save(model, str(path), save_as_external_data=True, all_tensors_to_one_file=False, size_threshold=0)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["b", "c", "m.onnx"]
    for _ in range(2):
        workload = onnxroof.load(path)
        assert macs(workload) == 4 * 6 * 5
        assert model_result(counted(workload)).parameter_bytes == 4 * (6 * 5 + 5)
        for name in "bc":
            (tmp_path / name).unlink(missing_ok=True)


def test_nodes_out_of_order_with_one_name_for_both(tmp_path):
    nodes = [NODE("Relu", ["t"], ["y"], name="a"), NODE("Neg", ["x"], ["t"], name="a")]
    workload = load(tmp_path, nodes, [2, 3], opset=7)
    assert [op.op_type for op in workload.ops] == ["Neg", "Relu"]
    assert len({op.name for op in workload.ops}) == 2
    assert workload.tensors["y"].shape == (2, 3)


def sparse(*dims):
    values = numpy_helper.from_array(np.ones(3, np.float32), "w")
    return helper.make_sparse_tensor(values, numpy_helper.from_array(np.array([1, 5, 9], np.int64), "i"), dims)


def test_sparse_initializer_has_the_shape_of_the_dense(tmp_path):
    product = [NODE("MatMul", ["x", "w"], ["y"])]
    workload = load(
        tmp_path, product, [4, 6], opset=13, ir=7, edit=lambda m: m.graph.sparse_initializer.append(sparse(6, 5))
    )
    assert workload.tensors["w"].shape == (6, 5)
    assert macs(workload) == 4 * 6 * 5


@pytest.mark.parametrize(
    ("attribute", "value", "expected"),
    [
        ("value", zeros("", 8, 10), (8, 10)),
        ("sparse_value", sparse(6, 5), (6, 5)),
        ("value_float", 1.0, ()),
        ("value_floats", [1.0] * 7, (7,)),
        ("value_int", 1, ()),
        ("value_ints", [1] * 7, (7,)),
        ("value_string", b"s", ()),
        ("value_strings", [b"s"] * 3, (3,)),
    ],
)
def test_constant_in_each_of_its_forms(tmp_path, attribute, value, expected):
    workload = load(tmp_path, [NODE("Constant", [], ["y"], **{attribute: value})], [1], opset=13, ir=7)
    assert workload.tensors["y"].shape == expected


@pytest.mark.parametrize("ir", range(3, onnx.IR_VERSION + 1))
def test_every_ir_version(tmp_path, ir):
    workload = load(tmp_path, [NODE("Relu", ["x"], ["y"])], [2, 3], opset=7, ir=ir)
    assert (workload.ir_version, workload.tensors["y"].shape) == (ir, (2, 3))


def test_training_and_quantization_annotations_have_no_part_in_it(tmp_path):
    def annotate(model):
        model.training_info.add().algorithm.node.append(NODE("Unheard", ["q"], ["r"]))
        model.graph.quantization_annotation.add().tensor_name = "x"

    workload = load(tmp_path, [NODE("Relu", ["x"], ["y"])], [2, 3], opset=13, ir=8, edit=annotate)
    assert [op.op_type for op in workload.ops] == ["Relu"]


def test_functions_of_one_name_are_told_apart_by_domain_and_overload(tmp_path):
    def function(domain, overload, op_type):
        body = [NODE(op_type, ["a"], ["b"])]
        made = helper.make_function(domain, "F", ["a"], ["b"], body, [helper.make_opsetid("", 17)])
        made.overload = overload
        return made

    def imports(model):
        model.opset_import.extend(helper.make_opsetid(domain, 1) for domain in ("one", "two"))

    nodes = [NODE("F", [a], [b], domain=d) for a, b, d in [("x", "t", "one"), ("t", "u", "two"), ("u", "y", "one")]]
    nodes[2].overload = "other"
    functions = [function("one", "", "Relu"), function("two", "", "Transpose"), function("one", "other", "Neg")]
    workload = load(tmp_path, nodes, [4, 6], opset=17, ir=10, functions=functions, edit=imports)
    assert [op.op_type for op in workload.ops] == ["Relu", "Transpose", "Neg"]
    assert workload.tensors["y"].shape == (6, 4)


HOSTILE = {
    "an attribute that is missing": (NODE("Slice", ["x"], ["y"]), 9),
    "an axis that is not there": (NODE("Transpose", ["x"], ["y"], perm=[0, 9]), 17),
    "operands that are missing": (NODE("Conv", ["x"], ["y"]), 17),
    "an operand that is left out": (NODE("Where", ["", "x", "x"], ["y"]), 17),
    "a window without end": (NODE("MaxPool", ["x"], ["y"], kernel_shape=[10**9, 10**9], pads=[10**9] * 4), 17),
    "a stride of nothing": (NODE("MaxPool", ["x"], ["y"], kernel_shape=[2, 2], strides=[0, 0]), 17),
    "pieces without end": (NODE("SplitToSequence", ["x"], ["y"], axis=0, keepdims=0), 17),
    "a count of nothing": (NODE("Range", ["x"], ["y"]), 17),
    "a rank that does not fit": (NODE("LSTM", ["x", "x", "x"], ["y"], hidden_size=5), 17),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_node_that_no_operator_has_is_refused_or_unknown_and_breaks_nothing(name, tmp_path):
    node, opset = HOSTILE[name]
    try:
        workload = load(tmp_path, [node], (10**7, 3, 8, 8), opset=opset)
    except OnnxroofError:
        return
    result = model_result(counted(workload))
    assert len(result.nodes) == 1
    assert result.unresolved or result.totals.macs == 0


def test_a_weight_with_a_negative_extent_is_refused(tmp_path):
    def damage(model):
        model.graph.initializer[0].dims[0] = -3

    with pytest.raises(OnnxroofError, match=r"`w` are \[-3, 4\]"):
        load(tmp_path, [NODE("MatMul", ["x", "w"], ["y"])], (2, 3), opset=17, weights=[zeros("w", 3, 4)], edit=damage)
