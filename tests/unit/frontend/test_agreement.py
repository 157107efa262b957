"""Extents that must go together."""

import onnx
import pytest

from onnxroof.dtypes import DType
from onnxroof.frontend.agreement import Gap, Operands, gaps_of, unchecked_gap
from tests.oracles.contents import contents


def seen(*shapes, values=None, tops=None):
    return Operands(shapes, values or [None] * len(shapes), tops or [None] * len(shapes))


def gap(op_type, operands, **attributes):
    found = unchecked_gap(onnx.helper.make_node(op_type, [], [], **attributes), operands)
    return None if found is None else (found.have, found.want)


@pytest.mark.parametrize(
    ("op_type", "shapes", "attributes", "expected"),
    [
        ("Conv", [(1, 6, 8, 8), (4, 3, 3, 3)], {"group": 2}, None),
        ("Conv", [(1, 5, 8, 8), (4, 3, 3, 3)], {"group": 2}, (5, 6)),
        ("Conv", [(1, 3, 2, 8), (4, 3, 3, 3)], {}, (3, 2)),
        ("Conv", [(1, 3, 2, 8), (4, 3, 3, 3)], {"pads": [1, 0, 0, 0]}, None),
        ("Conv", [(1, 3, 4, 8), (4, 3, 3, 3)], {"dilations": [2, 1]}, (5, 4)),  # (3 - 1) * 2 + 1
        ("Conv", [(1, 3, 2, 8), (4, 3, 3, 3)], {"auto_pad": "SAME_UPPER"}, None),
        ("Conv", [(1, 3, None, 8), (4, 3, 3, 3)], {}, None),
        ("ConvTranspose", [(1, 6, 1, 1), (6, 3, 3, 3)], {}, None),
        ("ConvTranspose", [(1, 5, 1, 1), (6, 3, 3, 3)], {}, (5, 6)),
        ("MaxPool", [(1, 3, 2, 5)], {"kernel_shape": [3, 2]}, (3, 2)),
        ("AveragePool", [(1, 3, 3, 5)], {"kernel_shape": [3, 2]}, None),
        ("LSTM", [(5, 2, 7), (1, 16, 8)], {}, (7, 8)),
        ("Einsum", [(2, 3), (4, 5)], {"equation": "ij,jk->ik"}, (3, 4)),
        ("Einsum", [(2, 3), (3, 5)], {"equation": " ij , jk -> ik"}, None),
        ("Einsum", [(2, 1), (4, 5)], {"equation": "ij,jk->ik"}, None),
        ("Einsum", [(2, 3), (4, 5)], {"equation": "...j,jk->...k"}, None),
        ("Split", [(2, 7)], {"axis": 1, "split": [2, 4]}, (7, 6)),  # 2 + 4
        ("Split", [(2, 6)], {"axis": -1, "split": [2, 4]}, None),
        ("Split", [(2, 7)], {"axis": 1}, None),
        ("MatMulNBits", [(2, 60), None], {"K": 64}, (60, 64)),
        ("GroupQueryAttention", [(1, 1, 64), None, None, (2, 2, 5, 8)], {"num_heads": 4, "kv_num_heads": 2}, (2, 1)),
        ("LSTM", [(5, 2, 7), (1, 32, 7), (1, 32, 8)], {"hidden_size": 8}, None),
        ("LSTM", [(5, 2, 7), (1, 32, 7), (1, 32, 8)], {"hidden_size": 16}, (16, 8)),
        ("LSTM", [(5, 2, 7), (1, 24, 7), (1, 32, 8)], {}, (24, 32)),  # 4 gates of 8
        ("GRU", [(5, 2, 7), (1, 24, 7), (1, 25, 8)], {"hidden_size": 8}, (25, 24)),  # 3 gates of 8
        ("RNN", [(5, 2, 7), (1, 8, 7), None], {"hidden_size": 8}, None),
        ("Conv", [(1, 3, 8, 8), (4, 3, 3, 3)], {"kernel_shape": [3, 3]}, None),
        ("Conv", [(1, 3, 8, 8), (4, 3, 3, 3)], {"kernel_shape": [3, 5]}, (5, 3)),
        ("QLinearConv", [(1, 3, 8, 8), None, None, (4, 3, 3, 3)], {"kernel_shape": [1, 3]}, (1, 3)),
        ("Conv", [(1, 3, 8, 8), (4, 3, 3, 3), (4,)], {}, None),
        ("Conv", [(1, 3, 8, 8), (4, 3, 3, 3), (3,)], {}, (3, 4)),
        ("QLinearConv", [(1, 3, 8, 8), *[None] * 2, (4, 3, 3, 3), *[None] * 4, (5,)], {}, (5, 4)),
        ("ConvTranspose", [(1, 6, 1, 1), (6, 3, 3, 3), (6,)], {"group": 2}, None),  # 2 groups of 3
        ("ConvTranspose", [(1, 6, 1, 1), (6, 3, 3, 3), (3,)], {"group": 2}, (3, 6)),
        ("Attention", [(1, 8, 5, 4), (1, 2, 5, 4)], {}, None),
        ("Attention", [(1, 6, 5, 4), (1, 4, 5, 4)], {}, (6, 4)),
        ("Attention", [(1, 2, 5, 4), (1, 4, 5, 4)], {}, (2, 4)),
        ("Attention", [(1, 5, 48), (1, 5, 32)], {"q_num_heads": 6, "kv_num_heads": 4}, (6, 4)),
        ("Attention", [(1, 5, 48), (1, 5, 32)], {"num_heads": 6, "domain": "com.microsoft"}, None),
        ("GroupQueryAttention", [(1, 1, 64)], {"num_heads": 6, "kv_num_heads": 4}, (6, 4)),
        ("Relu", [(1, 2)], {}, None),
        ("Conv", [], {}, None),
    ],
)
def test_gaps_that_onnx_passes_over(op_type, shapes, attributes, expected):
    assert gap(op_type, seen(*shapes), **attributes) == expected


@pytest.mark.parametrize(
    ("shape", "target", "attributes", "expected"),
    [
        ((2, 6), [3, 4], {}, None),
        ((2, 6), [3, 5], {}, (12, 15)),
        ((2, 6), [0, 5], {}, (12, 10)),  # 0 copies the 2
        ((2, 6), [0, 5], {"allowzero": 1}, (12, 0)),
        ((2, 6), [-1, 5], {}, None),  # onnx says this one
        ((0, 6), [0, 3], {}, None),
        ((2, None), [3, 5], {}, None),
    ],
)
def test_a_reshape_keeps_its_elements(shape, target, attributes, expected):
    values = [None, contents(target, DType.INT64)]
    assert gap("Reshape", seen(shape, (len(target),), values=values), **attributes) == expected


@pytest.mark.parametrize(
    ("op_type", "shapes", "tops", "attributes", "expected"),
    [
        ("Gather", [(5, 9), (3,)], (4,), {}, None),
        ("Gather", [(5, 9), (3,)], (5,), {}, (6, 5)),
        ("Gather", [(5, 9), (3,)], (8,), {"axis": -1}, None),
        ("Gather", [(5, 9), (3,)], None, {}, None),
        ("GatherND", [(5, 9), (3, 2)], (4, 8), {}, None),
        ("GatherND", [(5, 9), (3, 2)], (4, 9), {}, (10, 9)),
        ("GatherND", [(7, 5, 9), (7, 3, 1)], (5,), {"batch_dims": 1}, (6, 5)),
        ("GatherND", [(5, 9), (3, 2)], (100,), {}, None),  # which place the largest has is not known
    ],
)
def test_positions_lie_inside_what_is_gathered_from(op_type, shapes, tops, attributes, expected):
    assert gap(op_type, seen(*shapes, tops=[None, tops]), **attributes) == expected


def test_the_pairs_of_a_matrix_product_are_its_sum_and_its_batch():
    node = onnx.helper.make_node("MatMul", [], [])
    found = gaps_of(node, seen((3, 4, 5), (7, 6, 8)))
    assert [(g.have, g.want) for g in found if not g.is_closed] == [(5, 6), (3, 7)]


def test_the_pairs_of_a_gemm_follow_its_transposes():
    node = onnx.helper.make_node("Gemm", [], [], transA=1, transB=1)
    assert (gaps_of(node, seen((3, 4), (5, 6)))[0].have, gaps_of(node, seen((3, 4), (5, 6)))[0].want) == (3, 6)


def test_of_attention_any_pair_may_be_the_one_as_well():
    node = onnx.helper.make_node("Attention", [], [], domain="com.microsoft")
    assert gaps_of(node, seen((2, 3), (4, 3)))
    node = onnx.helper.make_node("Attention", [], [])
    assert {(found.have, found.want) for found in gaps_of(node, seen((1, 6, 5, 4), (1, 4, 7, 4)))} >= {(6, 4), (5, 7)}


def test_one_broadcasts_except_where_tensors_are_joined():
    add, concat = onnx.helper.make_node("Add", [], []), onnx.helper.make_node("Concat", [], [], axis=0)
    assert all(g.is_closed for g in gaps_of(add, seen((3, 1), (5, 3, 4))))
    assert not all(g.is_closed for g in gaps_of(concat, seen((3, 1), (3, 4))))


@pytest.mark.parametrize(
    ("found", "is_closed"),
    [
        (Gap(3, 3, ""), True),
        (Gap(3, 4, ""), False),
        (Gap(1, 4, "", can_broadcast=True), True),
        (Gap(2, 4, "", can_broadcast=True), False),
        (Gap(3, 4, "", may_be_less=True), True),
        (Gap(5, 4, "", may_be_less=True), False),
    ],
)
def test_when_a_gap_is_closed(found, is_closed):
    assert found.is_closed is is_closed
