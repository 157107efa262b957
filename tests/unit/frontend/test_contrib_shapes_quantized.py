"""Shapes of matrix products and quantized operators, against ONNX Runtime."""

import pytest
from onnx import TensorProto, helper

from onnxroof.dtypes import DType
from onnxroof.frontend.contrib_shapes import contrib_types
from onnxroof.frontend.types import ValueType
from tests.oracles.contents import contents
from tests.oracles.contrib_models import F16, I8, I64, SCALE, U8, F, Spec, disagreement, inferred, loaded, w, x

I16, F8 = TensorProto.INT16, TensorProto.FLOAT8E4M3FN
ZERO = w(U8, value=3)
NBITS = {"K": 64, "N": 24, "bits": 4, "block_size": 32}
FUSED = [w(F16, 64), w(U8, 24, 2, 16), w(F16, 24, 2), None]

SPECS = [
    Spec("FusedMatMul", [x(F, 3, 8, 5), x(F, 8, 6)], 1, {"transA": 1, "alpha": 0.5}),
    Spec("FusedMatMul", [x(F, 2, 1, 5, 8), x(F, 3, 6, 8)], 1, {"transB": 1}),
    Spec("FusedMatMul", [x(F, 8), x(F, 3, 8, 6)]),
    # rows (or what they are summed over) come first: [5, 3, 8] is 3 matrices of 5 x 8
    Spec("FusedMatMul", [x(F, 5, 3, 8), x(F, 3, 8, 6)], 1, {"transBatchA": 1}),
    Spec("FusedMatMul", [x(F, 8, 3, 5), x(F, 3, 8, 6)], 1, {"transBatchA": 1, "transA": 1}),
    Spec("FusedMatMul", [x(F, 3, 5, 8), x(F, 8, 3, 6)], 1, {"transBatchB": 1}),
    Spec("FusedMatMulActivation", [x(F, 3, 5, 8), x(F, 8, 6)], 1, {"activation": "Relu"}),
    Spec("TransposeMatMul", [x(F, 3, 8, 5), x(F, 8, 6)], 1, {"transA": 1}),
    Spec("FusedGemm", [x(F, 3, 8), w(F, 6, 8), w(F, 6)], 1, {"transB": 1, "activation": "Relu"}),
    Spec("GemmFastGelu", [x(F, 3, 5, 8), w(F, 8, 6), w(F, 6)]),
    Spec("GemmFloat8", [x(F, 3, 8), w(F, 6, 8)], 1, {"transB": 1, "dtype": F16}),
    Spec("MatMulInteger16", [x(I16, 3, 5, 8), x(I16, 8, 6)]),
    Spec("MulInteger", [x(U8, 3, 5), w(U8, value=1), x(U8, 5), w(U8, value=1)]),
    Spec("DynamicQuantizeMatMul", [x(F, 2, 5, 8), w(U8, 8, 6), SCALE, ZERO]),
    Spec("MatMulIntegerToFloat", [x(U8, 2, 5, 8), w(U8, 8, 6), SCALE, SCALE, ZERO, ZERO]),
    Spec("QGemm", [x(U8, 4, 8), SCALE, ZERO, w(U8, 6, 8), SCALE, ZERO, None, SCALE, ZERO], 1, {"transB": 1}),
    Spec("QGemm", [x(U8, 8, 4), SCALE, ZERO, w(U8, 8, 6), SCALE, ZERO], 1, {"transA": 1}),
    Spec(
        "QOrderedMatMul",
        [x(I8, 2, 5, 8), SCALE, w(I8, 8, 6), SCALE, SCALE],
        1,
        {"order_A": 1, "order_B": 0, "order_Y": 1},
    ),
    Spec("CDist", [x(F, 5, 8), x(F, 6, 8)]),
    # packed weights
    Spec("MatMulNBits", [x(F, 2, 5, 64), w(U8, 24, 2, 16), w(F, 24, 2)], 1, NBITS),
    Spec("MatMulNBits", [x(F, 64), w(U8, 24, 2, 16), w(F, 24, 2)], 1, NBITS, lacks="vectors"),
    Spec(
        "MatMulBnb4",
        [x(F, 2, 5, 64), w(U8, 24 * 32), w(F, 24 * 2)],
        1,
        {"K": 64, "N": 24, "block_size": 32, "quant_type": 1},
    ),
    Spec(
        "MatMulNBitsMlp",
        [x(F16, 2, 5, 64), x(F16, 2, 5, 64), *FUSED, *FUSED[1:]],
        2,
        {**NBITS, "activation": "silu"},
    ),
    Spec(
        "MatMulNBitsQkv",
        [
            x(F16, 2, 5, 64),
            x(F16, 2, 5, 64),
            *FUSED,
            w(U8, 8, 2, 16),
            w(F16, 8, 2),
            None,
            w(U8, 8, 2, 16),
            w(F16, 8, 2),
            None,
        ],
        4,
        {"K": 64, "Nq": 24, "Nkv": 8, "block_size": 32},
    ),
    Spec(
        "MatMulNBitsQLoRA",
        [x(F16, 2, 5, 64), *FUSED[1:3], w(U8, 6, 2, 32), w(F16, 6, 2), w(U8, 24, 1, 32), w(F16, 24, 1)],
        1,
        NBITS,
    ),
    Spec("MatMulPacked", [x(F16, 2, 5, 256), w(U8, 24, 66)], 1, {"K": 256, "N": 24, "packed_type": 16}),
    Spec("MatMulBlockQuantizedFp4Weight", [x(F16, 2, 5, 64), w(U8, 24, 32), w(U8, 24, 4), w(F, value=1.0)]),
    Spec("MatMulBlockQuantizedFp8Weight", [x(F16, 2, 5, 64), w(F8, 24, 64), w(F, 24, 1)]),
    Spec("GatherBlockQuantized", [w(U8, 9, 32), x(I64, 2, 3), w(F, 9, 2)], 1, {"block_size": 32, "bits": 4}),
    Spec("GatherPacked", [w(U8, 9, 66), x(I64, 2, 3)], 1, {"K": 256, "packed_type": 16, "output_dtype": F}),
    # quantize, dequantize
    Spec("DequantizeLinear", [x(U8, 2, 5), SCALE, ZERO]),
    Spec("QuantizeLinear", [x(F, 2, 5), SCALE, w(I8, value=0)]),
    Spec("QuantizeWithOrder", [x(F, 2, 5, 8), SCALE], 1, {"order_input": 1, "order_output": 1}),
    Spec("DequantizeWithOrder", [x(I8, 2, 5, 8), SCALE], 1, {"order_input": 1, "order_output": 1, "to": F16}),
    # operators on quantized tensors
    Spec("QLinearAdd", [x(U8, 2, 1, 5), SCALE, ZERO, x(U8, 3, 1), SCALE, ZERO, SCALE, ZERO]),
    Spec("QLinearMul", [x(U8, 2, 1, 5), SCALE, ZERO, x(U8, 5), SCALE, ZERO, SCALE, ZERO]),
    Spec("QLinearSigmoid", [x(U8, 2, 7), SCALE, ZERO, SCALE, ZERO]),
    Spec("QLinearLeakyRelu", [x(U8, 2, 7), SCALE, ZERO, SCALE, ZERO], 1, {"alpha": 0.1}),
    Spec("QLinearSoftmax", [x(U8, 2, 7), SCALE, ZERO, SCALE, ZERO], 1, {"axis": -1, "opset": 13}),
    Spec(
        "QLinearWhere",
        [x(TensorProto.BOOL, 2, 1, 5), x(U8, 3, 1), SCALE, ZERO, x(U8, 5), SCALE, ZERO, SCALE, ZERO],
    ),
    Spec("QLinearConcat", [SCALE, ZERO, x(U8, 2, 3), SCALE, ZERO, x(U8, 2, 4), SCALE, ZERO], 1, {"axis": 1}),
    Spec("QLinearConcat", [SCALE, ZERO, x(U8, 2, 3), SCALE, ZERO, x(U8, 2, 4), SCALE, ZERO], 1, {"axis": -1}),
    Spec("QLinearReduceMean", [x(U8, 2, 3, 5), SCALE, ZERO, SCALE, ZERO], 1, {"axes": [-1], "keepdims": 1}),
    Spec("QLinearReduceMean", [x(U8, 2, 3, 5), SCALE, ZERO, SCALE, ZERO], 1, {"axes": [0, 2], "keepdims": 0}),
    Spec("ReduceSumInteger", [x(U8, 2, 3, 5)], 1, {"axes": [1], "keepdims": 0}),
    Spec("QOrderedGelu", [x(I8, 2, 5, 8), SCALE, SCALE]),
    Spec("QOrderedLayerNormalization", [x(I8, 2, 5, 8), SCALE, w(F, 8), w(F, 8), SCALE]),
]

# Results for which the runtime's own inference gives no shape either: by its documentation alone.
DOCUMENTED = {"ReduceSumInteger": {0}}


@pytest.mark.parametrize("spec", SPECS, ids=str)
def test_types_and_shapes_are_those_of_the_runtime(spec, tmp_path):
    assert not disagreement(spec, tmp_path)
    if not spec.runs:
        assert inferred(spec, tmp_path) == set(range(spec.outputs)) - DOCUMENTED.get(spec.op_type, set())


def test_block_floating_point_is_as_large_as_its_unpublished_format_makes_it(tmp_path):
    _, packed = loaded(Spec("QuantizeBFP", [x(F, 2, 5)], 3, {"bfp_type": 0}), tmp_path)
    assert packed.tensors["o0"].shape is None
    assert [packed.tensors[f"o{i}"].dims for i in (1, 2)] == [(2,), (2,)]
    shape = w(I64, value=[2, 5])
    _, back = loaded(Spec("DequantizeBFP", [x(U8, 40), shape, shape], 1, {"bfp_type": 0, "dtype": F16}), tmp_path)
    assert (back.tensors["o0"].dtype.name, back.tensors["o0"].dims) == ("FLOAT16", (2, 5))


def test_a_sparse_operand_has_the_extents_of_its_matrix():
    node = helper.make_node("SparseToDenseMatMul", ["a", "b"], ["y"], domain="com.microsoft", transA=1)
    types = [ValueType(DType.FLOAT, (8, 5)), ValueType(DType.FLOAT, (8, 6))]
    assert contrib_types(node, types, [None, None]) == (ValueType(DType.FLOAT, (5, 6)),)


def test_a_blob_of_weights_states_its_extents_beside_it():
    # the runtime refuses the operator where its processor cannot run it, even to infer shapes
    node = helper.make_node("MatMulFpQ4", ["a", "b", "shape"], ["y"], domain="com.microsoft")
    types = [ValueType(DType.FLOAT, (5, 64)), ValueType(DType.UINT8, (960,)), ValueType(DType.INT64, (2,))]
    assert contrib_types(node, types, [None, None, contents([64, 24])]) == (ValueType(DType.FLOAT, (5, 24)),)
