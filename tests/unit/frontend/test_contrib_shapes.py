"""Shapes of com.microsoft operators, against runs of ONNX Runtime."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from onnxroof.dtypes import DType
from onnxroof.errors import ModelError
from onnxroof.frontend.contrib_shapes import contrib_types
from onnxroof.frontend.load import load_workload
from onnxroof.frontend.types import ValueType
from tests.oracles.ort_shapes import differences

F, I64, I32, U8, I8 = TensorProto.FLOAT, TensorProto.INT64, TensorProto.INT32, TensorProto.UINT8, TensorProto.INT8
SCALE, ZERO = ("w", F, np.float32(0.1)), ("w", U8, np.uint8(3))


def array(dtype, *shape):
    return ("w", dtype, np.ones(shape, helper.tensor_dtype_to_np_dtype(dtype)))


def x(dtype, *shape):
    return ("x", dtype, shape)


# operator, inputs (x: of the model, w: a constant, None: left out), number of outputs, attributes
CASES = [
    ("Gelu", [x(F, 2, 5, 8)], 1, {}),
    ("FastGelu", [x(F, 2, 5, 8), array(F, 8)], 1, {}),
    ("BiasGelu", [x(F, 2, 5, 8), array(F, 8)], 1, {}),
    ("QuickGelu", [x(F, 2, 5, 8)], 1, {}),
    ("SkipLayerNormalization", [x(F, 2, 5, 8), x(F, 2, 5, 8), array(F, 8), array(F, 8)], 1, {}),
    ("SkipSimplifiedLayerNormalization", [x(F, 2, 5, 8), x(F, 2, 5, 8), array(F, 8)], 1, {}),
    ("QLinearAdd", [x(U8, 2, 1, 5), SCALE, ZERO, x(U8, 3, 1), SCALE, ZERO, SCALE, ZERO], 1, {}),
    ("QLinearMul", [x(U8, 2, 1, 5), SCALE, ZERO, x(U8, 5), SCALE, ZERO, SCALE, ZERO], 1, {}),
    ("QLinearSigmoid", [x(U8, 2, 7), SCALE, ZERO, SCALE, ZERO], 1, {}),
    ("QLinearLeakyRelu", [x(U8, 2, 7), SCALE, ZERO, SCALE, ZERO], 1, {"alpha": 0.1}),
    ("QLinearSoftmax", [x(U8, 2, 7), SCALE, ZERO, SCALE, ZERO], 1, {"axis": -1, "opset": 13}),
    ("QLinearConcat", [SCALE, ZERO, x(U8, 2, 3), SCALE, ZERO, x(U8, 2, 4), SCALE, ZERO], 1, {"axis": 1}),
    ("QLinearConcat", [SCALE, ZERO, x(U8, 2, 3), SCALE, ZERO, x(U8, 2, 4), SCALE, ZERO], 1, {"axis": -1}),
    ("QLinearGlobalAveragePool", [x(U8, 2, 3, 5, 7), SCALE, ZERO, SCALE, ZERO], 1, {"channels_last": 0}),
    ("QLinearGlobalAveragePool", [x(U8, 2, 5, 7, 3), SCALE, ZERO, SCALE, ZERO], 1, {"channels_last": 1}),
    (
        "QLinearAveragePool",
        [x(U8, 2, 3, 9, 8), SCALE, ZERO, SCALE, ZERO],
        1,
        {"kernel_shape": [3, 2], "strides": [2, 2]},
    ),
    (
        "MatMulNBits",
        [x(F, 2, 5, 64), array(U8, 24, 2, 16), array(F, 24, 2)],
        1,
        {"K": 64, "N": 24, "bits": 4, "block_size": 32},
    ),
    ("FusedMatMul", [x(F, 3, 8, 5), x(F, 8, 6)], 1, {"transA": 1, "alpha": 0.5}),
    ("FusedMatMul", [x(F, 2, 1, 5, 8), x(F, 3, 6, 8)], 1, {"transB": 1}),
    ("FusedConv", [x(F, 1, 4, 9, 9), array(F, 8, 2, 3, 3)], 1, {"group": 2, "strides": [2, 2], "activation": "Relu"}),
    ("FusedGemm", [x(F, 3, 8), array(F, 6, 8), array(F, 6)], 1, {"transB": 1, "activation": "Relu"}),
    ("DynamicQuantizeMatMul", [x(F, 2, 5, 8), array(U8, 8, 6), SCALE, ZERO], 1, {}),
    ("MatMulIntegerToFloat", [x(U8, 2, 5, 8), array(U8, 8, 6), SCALE, SCALE, ZERO, ZERO], 1, {}),
    ("QGemm", [x(U8, 4, 8), SCALE, ZERO, array(U8, 6, 8), SCALE, ZERO, None, SCALE, ZERO], 1, {"transB": 1}),
    ("QGemm", [x(U8, 8, 4), SCALE, ZERO, array(U8, 8, 6), SCALE, ZERO], 1, {"transA": 1}),
    ("Attention", [x(F, 2, 5, 8), array(F, 8, 24), array(F, 24)], 1, {"num_heads": 2}),
    (
        "Attention",
        [x(F, 2, 5, 8), array(F, 8, 24), array(F, 24), None, x(F, 2, 2, 2, 7, 4)],
        2,
        {"num_heads": 2, "unidirectional": 1},
    ),
    ("Attention", [x(F, 2, 5, 8), array(F, 8, 28), array(F, 28)], 1, {"num_heads": 2, "qkv_hidden_sizes": [8, 8, 12]}),
    ("MultiHeadAttention", [x(F, 2, 5, 8), x(F, 2, 9, 8), x(F, 2, 9, 8)], 1, {"num_heads": 2}),
    ("MultiHeadAttention", [x(F, 2, 5, 8), x(F, 2, 9, 8), x(F, 2, 9, 12)], 1, {"num_heads": 2}),
    ("MultiHeadAttention", [x(F, 2, 5, 8), x(F, 2, 2, 9, 4), x(F, 2, 2, 9, 4)], 1, {"num_heads": 2}),
    (
        "MultiHeadAttention",
        [x(F, 2, 5, 8), x(F, 2, 5, 8), x(F, 2, 5, 8), None, None, None, x(F, 2, 2, 7, 4), x(F, 2, 2, 7, 4)],
        3,
        {"num_heads": 2},
    ),
    (
        "GroupQueryAttention",
        [
            x(F, 2, 1, 32),
            x(F, 2, 1, 16),
            x(F, 2, 1, 16),
            x(F, 2, 2, 7, 8),
            x(F, 2, 2, 7, 8),
            ("w", I32, np.array([7, 7], np.int32)),
            ("w", I32, np.array(8, np.int32)),
        ],
        3,
        {"num_heads": 4, "kv_num_heads": 2},
    ),
    (
        "GroupQueryAttention",
        [
            x(F, 2, 1, 64),
            None,
            None,
            x(F, 2, 2, 7, 8),
            x(F, 2, 2, 7, 8),
            ("w", I32, np.array([7, 7], np.int32)),
            ("w", I32, np.array(8, np.int32)),
        ],
        3,
        {"num_heads": 4, "kv_num_heads": 2},
    ),
    (
        "GroupQueryAttention",
        [
            x(F, 2, 5, 32),
            x(F, 2, 5, 16),
            x(F, 2, 5, 16),
            None,
            None,
            ("w", I32, np.array([4, 4], np.int32)),
            ("w", I32, np.array(5, np.int32)),
        ],
        3,
        {"num_heads": 4, "kv_num_heads": 2},
    ),
    (
        "EmbedLayerNormalization",
        [x(I32, 2, 5), x(I32, 2, 5), array(F, 9, 8), array(F, 9, 8), array(F, 2, 8), array(F, 8), array(F, 8)],
        2,
        {},
    ),
    ("RotaryEmbedding", [x(F, 2, 5, 32), x(I64, 2, 5), array(F, 9, 4), array(F, 9, 4)], 1, {}),
    ("DequantizeLinear", [x(U8, 2, 5), SCALE, ZERO], 1, {}),
    ("QuantizeLinear", [x(F, 2, 5), SCALE, ("w", I8, np.int8(0))], 1, {}),
    ("GatherBlockQuantized", [array(U8, 9, 32), x(I64, 2, 3), array(F, 9, 2)], 1, {"block_size": 32, "bits": 4}),
    ("BiasSplitGelu", [x(F, 1, 4, 2560), array(F, 2560)], 1, {}),
    ("BiasAdd", [x(F, 1, 4, 320), array(F, 320), x(F, 1, 4, 320)], 1, {}),
]


def model_of(folder, op_type, inputs, outputs, attributes):
    graph_inputs, weights, names = [], [], []
    for place, operand in enumerate(inputs):
        if operand is None:
            names.append("")
            continue
        kind, dtype, content = operand
        names.append(f"i{place}")
        if kind == "x":
            graph_inputs.append(helper.make_tensor_value_info(f"i{place}", dtype, content))
        else:
            weights.append(onnx.numpy_helper.from_array(np.asarray(content), f"i{place}"))
    results = [f"o{i}" for i in range(outputs)]
    node = helper.make_node(op_type, names, results, domain="com.microsoft", **attributes)
    graph = helper.make_graph([node], "g", graph_inputs, [onnx.ValueInfoProto(name=n) for n in results], weights)
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("com.microsoft", 1)]
    path = folder / "m.onnx"
    path.write_bytes(helper.make_model(graph, opset_imports=opsets, ir_version=8).SerializeToString())
    return path


# No kernel of the runtime's on a CPU: shapes by its documentation.
DOCUMENTED = {"BiasAdd": (1, 4, 320), "BiasSplitGelu": (1, 4, 1280)}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case[0])
def test_types_and_shapes_are_those_of_a_run(case, tmp_path):
    path = model_of(tmp_path, *case)
    workload = load_workload(path, {}, lambda ops, _: 0.0)
    assert all(workload.tensors[name].is_shaped for name in workload.outputs)
    if case[0] in DOCUMENTED:
        assert workload.tensors["o0"].shape == DOCUMENTED[case[0]]
        return
    found, compared = differences(path, workload)
    assert not found
    assert compared == case[2]


def test_a_shared_cache_keeps_its_room(tmp_path):
    # 7 tokens are there, one is new, and the buffer has room for 20
    operands = [x(F, 1, 1, 32), x(F, 1, 1, 16), x(F, 1, 1, 16), x(F, 1, 2, 20, 8), x(F, 1, 2, 20, 8)]
    lengths = [("w", I32, np.array([7], np.int32)), ("w", I32, np.array(8, np.int32))]
    attributes = {"num_heads": 4, "kv_num_heads": 2}
    workload = load_workload(
        model_of(tmp_path, "GroupQueryAttention", operands + lengths, 3, attributes), {}, lambda ops, _: 0.0
    )
    assert workload.tensors["o1"].shape == (1, 2, 20, 8)


def test_the_head_size_of_a_cache_must_be_that_of_the_query(tmp_path):
    operands = [x(F, 1, 1, 32), x(F, 1, 1, 16), x(F, 1, 1, 16), x(F, 1, 2, 20, 6), x(F, 1, 2, 20, 6)]
    with pytest.raises(ModelError, match="head sizes of the past key and of the query differ: 6 and 8"):
        load_workload(
            model_of(tmp_path, "GroupQueryAttention", operands, 3, {"num_heads": 4, "kv_num_heads": 2}),
            {},
            lambda ops, _: 0.0,
        )


@pytest.mark.parametrize(
    ("op_type", "operands"),
    [
        ("QLinearAdd", [x(U8, 2, 3), SCALE, ZERO, x(U8, 2, 4), SCALE, ZERO, SCALE, ZERO]),
        ("QLinearConcat", [SCALE, ZERO, x(U8, 2, 3), SCALE, ZERO, x(U8, 5, 4), SCALE, ZERO]),
        ("FusedMatMul", [x(F, 2, 5, 8), x(F, 3, 8, 6)]),
        ("MatMulNBits", [x(F, 2, 5, 60), array(U8, 24, 2, 16), array(F, 24, 2)]),
    ],
)
def test_shapes_that_contradict_each_other_are_an_error(op_type, operands, tmp_path):
    attributes = {"K": 64, "N": 24} if op_type == "MatMulNBits" else {"axis": 1} if op_type == "QLinearConcat" else {}
    with pytest.raises(ModelError, match="contradict each other"):
        load_workload(model_of(tmp_path, op_type, operands, 1, attributes), {}, lambda ops, _: 0.0)


def test_the_optimizers_normalization_lies_in_the_standard_domain():
    node = helper.make_node("SimplifiedLayerNormalization", ["x", "scale"], ["y", "inverse"], axis=1)
    types = [ValueType(DType.FLOAT16, (2, 5, 8)), ValueType(DType.FLOAT16, (8,))]
    found = contrib_types(node, types, [None, None])
    assert found == (ValueType(DType.FLOAT16, (2, 5, 8)), ValueType(DType.FLOAT, (2, 1, 1)))


def test_an_unknown_operator_or_input_has_no_types():
    node = helper.make_node("Secret", ["a"], ["b"], domain="com.microsoft")
    assert contrib_types(node, [ValueType(DType.FLOAT, (2,))], [None]) is None
    known = helper.make_node("FusedMatMul", ["a", "b"], ["c"], domain="com.microsoft")
    assert contrib_types(known, [ValueType(DType.FLOAT, (2, None)), ValueType(DType.FLOAT, (3, 4))], [None] * 2) is None
    other = helper.make_node("Gelu", ["a"], ["b"], domain="my.ops")
    assert contrib_types(other, [ValueType(DType.FLOAT, (2,))], [None]) is None


@pytest.mark.parametrize("op_type", sorted({case[0] for case in CASES}))
def test_too_few_inputs_are_no_crash(op_type):
    node = helper.make_node(op_type, [], ["o"], domain="com.microsoft")
    assert not contrib_types(node, [], [])
