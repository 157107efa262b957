"""A workload in another element type."""

import dataclasses

import pytest

from onnxroof.costs.table import cost_table
from onnxroof.dtypes import DType
from onnxroof.ir.tensor import TensorKind
from onnxroof.rewrites.precision import converted, converts_alike
from onnxroof.rewrites.quantization import absorb_quantization
from tests.oracles.build import T, make_op, workload
from tests.oracles.ort_shapes import loaded

HEAD = '<ir_version: 10, opset_import: ["": 21]>\n'
MIXED = (
    HEAD
    + """g (float16[2, 8] x, int64[3] ids, bool[2, 8] mask, uint8[2, 8] image) => (float16[a, b] y, uint8[c, d] z) {
    t = Gather(x, ids)
    n = Relu(t)
    m = Cast<to = 10>(mask)
    y = Concat<axis = 0>(n, m)
    z = Identity(image)
}"""
)


@pytest.mark.parametrize("dtype", [DType.INT8, DType.FLOAT8E4M3FN, DType.INT4, DType.FLOAT])
def test_data_takes_the_type_and_indices_keep_theirs(dtype, tmp_path):
    before = loaded(tmp_path, MIXED)
    after = converted(before, dtype)
    found = {name: tensor.dtype for name, tensor in after.tensors.items()}
    assert found == {
        "x": dtype, "t": dtype, "n": dtype, "m": dtype, "y": dtype, "image": dtype, "z": dtype,
        "ids": DType.INT64, "mask": DType.BOOL,
    }  # fmt: skip
    assert {n: t.shape for n, t in after.tensors.items()} == {n: t.shape for n, t in before.tensors.items()}
    # 16 elements at the new width
    assert after.tensors["x"].bytes == 16 * dtype.bits // 8
    assert before.tensors["x"].dtype is DType.FLOAT16


def test_a_quantized_operator_computes_in_the_new_type_and_dequantizes_nothing(tmp_path):
    text = (
        HEAD
        + """g (float[3, 4] x) => (float[a, b] y) <int8[4, 2] wq = {1, 2, 3, 4, 5, 6, 7, 8}, float s = {0.1}> {
            w = DequantizeLinear(wq, s)
            y = MatMul(x, w)
        }"""
    )
    before = absorb_quantization(loaded(tmp_path, text))
    (matmul,) = (op for op in before.ops if op.op_type == "MatMul")
    assert (matmul.compute_type, matmul.conversion_ops, matmul.parameters) == ("FLOAT", 8, ("s",))
    after = converted(before, DType.FLOAT16)
    (matmul,) = (op for op in after.ops if op.op_type == "MatMul")
    assert (matmul.compute_type, matmul.conversion_ops, matmul.parameters) == ("FLOAT16", 0, ())
    weight = after.tensors[matmul.inputs[1]]
    assert (weight.dtype, weight.kind) == (DType.FLOAT16, TensorKind.WEIGHT)


def test_an_operator_without_a_type_of_its_own_follows_its_inputs(tmp_path):
    after = converted(loaded(tmp_path, MIXED), DType.BFLOAT16)
    assert {op.compute_type for op in after.ops} == {""}


@pytest.mark.parametrize("dtype", [DType.INT8, DType.BFLOAT16])
def test_operators_that_are_alike_stay_so(dtype, tmp_path):
    text = (
        HEAD
        + """g (float[8, 8] x, float16[8, 8] z) => (float[8, 8] y, float16[8, 8] w) {
        a = Relu(x) b = Relu(a) c = MatMul(b, x) d = Relu(c) y = MatMul(d, x) e = Relu(z) f = Relu(e) w = Relu(f)
    }"""
    )
    before = loaded(tmp_path, text)
    assert converts_alike(before)
    alike = cost_table(before).alike
    made = {op.outputs[0]: number for op, number in zip(before.ops, alike, strict=True)}
    # Relu of activations as `b` and `d`, and of other types and kinds as `a`, `e` and `f`.
    assert made["b"] == made["d"]
    assert len({made[name] for name in "abef"}) == 4
    after = converted(before, dtype)
    known, found = cost_table(after, alike=alike), cost_table(after)
    assert known.weight_reads == found.weight_reads
    for one, other in zip(known.costs, found.costs, strict=True):
        assert all(getattr(one, part.name) == getattr(other, part.name) for part in dataclasses.fields(one))


def test_where_a_tensor_is_what_its_operator_makes_of_it_nothing_is_known_to_stay_alike():
    packed = make_op(
        "MatMulNBits", [T((2, 64)), T((8, 4, 8), DType.UINT8), T((32,))], [(2, 8)],
        {"K": 64, "N": 8, "bits": 4, "block_size": 16}, domain="com.microsoft", version=1, name="a",
    )  # fmt: skip
    assert not converts_alike(workload(packed))
