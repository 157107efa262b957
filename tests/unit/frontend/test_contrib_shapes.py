"""What holds for the types of com.microsoft operators together; the families' own shapes are tested beside this."""

import pytest
from onnx import helper

from onnxroof.dtypes import DType
from onnxroof.errors import ModelError
from onnxroof.frontend.contrib_rules import RULES
from onnxroof.frontend.contrib_shapes import contrib_types
from onnxroof.frontend.defaults import contrib_defaults
from onnxroof.frontend.types import ValueType
from tests.oracles.contents import contents
from tests.oracles.contrib_models import I32, I64, SCALE, U8, F, Spec, disagreement, loaded, w, x

ZERO = w(U8, value=3)
GROUPED = {"num_heads": 4, "kv_num_heads": 2}


def decode(room, width, **attributes):
    """One new token of 4 query heads of 8; a cache of 2 heads with room for some tokens, of which 7 are there."""
    operands = [x(F, 1, 1, 32), x(F, 1, 1, 16), x(F, 1, 1, 16), *[x(F, 1, 2, room, width)] * 2]
    lengths = [w(I32, value=[7]), w(I32, value=8)]
    return Spec("GroupQueryAttention", operands + lengths, 3, {**GROUPED, **attributes})


def test_a_shared_cache_keeps_its_room(tmp_path):
    _, workload = loaded(decode(20, 8), tmp_path)
    assert workload.tensors["o1"].shape == (1, 2, 20, 8)
    assert workload.tensors["o0"].shape == (1, 1, 32)


def test_a_cache_of_a_window_keeps_its_room(tmp_path):
    _, workload = loaded(decode(4, 8, sliding_window_cache=1), tmp_path)
    assert workload.tensors["o1"].shape == (1, 2, 4, 8)


def test_two_elements_of_a_4_bit_cache_share_a_byte(tmp_path):
    spec = decode(20, 4, kv_cache_bit_width=4)
    packed = [x(U8, 1, 2, 20, 4)] * 2
    _, workload = loaded(
        Spec(spec.op_type, [*spec.inputs[:3], *packed, *spec.inputs[5:]], 3, spec.attributes), tmp_path
    )
    assert (workload.tensors["o1"].dtype, workload.tensors["o1"].shape) == (DType.UINT8, (1, 2, 20, 4))


def test_the_head_size_of_a_cache_must_be_that_of_the_query(tmp_path):
    with pytest.raises(ModelError, match="head sizes of the past key and of the query differ: 6 and 8"):
        loaded(decode(20, 6), tmp_path)


@pytest.mark.parametrize(
    ("op_type", "operands", "attributes"),
    [
        ("QLinearAdd", [x(U8, 2, 3), SCALE, ZERO, x(U8, 2, 4), SCALE, ZERO, SCALE, ZERO], {}),
        ("QLinearConcat", [SCALE, ZERO, x(U8, 2, 3), SCALE, ZERO, x(U8, 5, 4), SCALE, ZERO], {"axis": 1}),
        ("FusedMatMul", [x(F, 2, 5, 8), x(F, 3, 8, 6)], {}),
        ("MatMulNBits", [x(F, 2, 5, 60), w(U8, 24, 2, 16), w(F, 24, 2)], {"K": 64, "N": 24, "block_size": 32}),
        (
            "QLinearConv",
            [x(U8, 1, 9, 7, 5), SCALE, ZERO, w(U8, 8, 4, 3, 2), SCALE, ZERO, SCALE, ZERO],
            {"channels_last": 1},
        ),
    ],
)
def test_shapes_that_contradict_each_other_are_an_error(op_type, operands, attributes, tmp_path):
    with pytest.raises(ModelError, match="contradict each other"):
        loaded(Spec(op_type, operands, 1, attributes), tmp_path)


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
    assert contrib_defaults("my.ops", "Gelu") == {}


@pytest.mark.parametrize(("domain", "op_type"), sorted(RULES))
def test_too_few_inputs_are_no_crash(domain, op_type):
    node = helper.make_node(op_type, [], ["o"], domain=domain)
    found = contrib_types(node, [], [])
    assert not found or op_type == "IsAllFinite"  # whose result has no extents, whatever it reads


@pytest.mark.parametrize(("domain", "op_type"), sorted(RULES))
def test_inputs_of_odd_ranks_are_no_crash(domain, op_type):
    for rank in range(6):
        operand = ValueType(DType.FLOAT, tuple(range(2, 2 + rank)))
        node = helper.make_node(op_type, ["i"] * 8, ["o"], domain=domain, num_heads=0, k=2)
        found = contrib_types(node, [operand] * 8, [contents(3)] * 8)
        assert found is None or isinstance(found, tuple)


def test_contents_that_a_shape_hangs_on_must_be_known(tmp_path):
    _, workload = loaded(Spec("Pad", [x(F, 2, 5), x(I64, 4)]), tmp_path)
    assert workload.tensors["o0"].shape is None


def cached(op_type, batch, tokens, heads, width):
    """Keys and values of a past of 3 tokens beside new ones; grouped, the queries have twice as many heads."""
    grouped = op_type == "GroupQueryAttention"
    new = [x(F, batch, tokens, size) for size in (heads * (1 + grouped) * width, *[heads * width] * 2)]
    past = [x(F, batch, heads, 3, width)] * 2
    if not grouped:
        return Spec(op_type, [*new, None, None, None, *past], 3, {"num_heads": heads})
    lengths = [w(I32, value=[2 + tokens] * batch), w(I32, value=3 + tokens)]
    return Spec(op_type, [*new, *past, *lengths], 3, {"num_heads": 2 * heads, "kv_num_heads": heads})


def projected(batch, tokens, heads, width):
    size = heads * width
    operands = [x(F, batch, tokens, 7), w(F, 7, 3 * size), w(F, 3 * size), None, x(F, 2, batch, heads, 3, width)]
    return Spec("Attention", operands, 2, {"num_heads": heads, "unidirectional": 1})


def packed(batch, tokens, heads, width):
    depth, columns, blocks = 32 * heads, 4 * width, heads
    operands = [x(F, batch, tokens, depth), w(U8, columns, blocks, 16), w(F, columns, blocks)]
    return Spec("MatMulNBits", operands, 1, {"K": depth, "N": columns, "block_size": 32})


VARIED = [
    lambda b, s, h, d: cached("MultiHeadAttention", b, s, h, d),
    lambda b, s, h, d: cached("GroupQueryAttention", b, 1 if b > 1 else s, h, d),
    projected,
    packed,
    lambda b, s, h, d: Spec("FusedMatMul", [x(F, b, d, s), x(F, b, h, d)], 1, {"transA": 1, "transB": 1}),
    lambda b, s, h, d: Spec("FusedMatMul", [x(F, d, b, s), x(F, b, d, h)], 1, {"transBatchA": 1, "transA": 1}),
    lambda b, s, h, d: Spec("QLinearConcat", [SCALE, ZERO, *[x(U8, b, s, d), SCALE, ZERO] * h], 1, {"axis": 1}),
    lambda b, s, h, d: Spec("NhwcMaxPool", [x(U8, b, s + 4, d, h)], 1, {"kernel_shape": [3, 2], "strides": [2, 3]}),
    lambda b, s, h, d: Spec("UnfoldTensor", [x(F, b, s + 4, d)], 1, {"dim": 1, "size": 3, "step": h}),
    lambda b, s, h, d: Spec("CausalConvWithState", [x(F, b, d, s), w(F, d, 1, h + 1)], 2),
    lambda b, s, h, d: Spec("SkipLayerNormalization", [*[x(F, b, s, d)] * 2, w(F, d), w(F, d)], 1),
    lambda b, s, h, d: Spec("CDist", [x(F, b + 1, d), x(F, s + 2, d)], 1),
]


@pytest.mark.parametrize("sizes", [(1, 1, 1, 8), (2, 5, 3, 16), (3, 4, 2, 32)], ids=str)
@pytest.mark.parametrize("build", VARIED)
def test_shapes_follow_the_sizes_as_those_of_the_runtime_do(build, sizes, tmp_path):
    assert not disagreement(build(*sizes), tmp_path)
