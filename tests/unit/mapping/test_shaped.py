"""What of the groups of a plan matters for time and energy, and which groups share it."""

from __future__ import annotations

from oracles.tiny import workload

from onnxroof.costs.table import cost_table
from onnxroof.mapping.policies import plan
from onnxroof.mapping.reorder import permuted
from onnxroof.mapping.shaped import ShapedPlan, Shapes
from onnxroof.mapping.storage import Storage, storage
from onnxroof.mapping.traffic import GroupShape

MATRIX = 16_384  # 64 x 64 FLOAT
LINEAR = """g (float[64,64] x) => (float[64,64] y) <float[64,64] w, float[64] b>
    { m = MatMul(x, w) a = Add(m, b) y = Relu(a) }"""


def made(text: str) -> Storage:
    model = workload(text)
    return storage(model, cost_table(model))


def shaped(text: str, policy: str = "epilogue") -> ShapedPlan:
    store = made(text)
    return Shapes().shaped(store, plan(policy, store))


def only(text: str) -> GroupShape:
    (shape,) = shaped(text).shapes
    return shape


def test_the_shape_of_a_group() -> None:
    shape = only(LINEAR)
    assert shape.macs == (("FLOAT", 262_144),)
    assert shape.vector_ops == (("FLOAT", 8_192),)
    assert shape.special_ops == ()
    assert (shape.mac_count, shape.vector_count, shape.special_count) == (262_144, 8_192, 0)
    assert (shape.compulsory_reads, shape.compulsory_writes) == (2 * MATRIX + 256, MATRIX)
    assert (shape.extra_reads, shape.extra_writes) == (256, 0)  # b beside the product's x and w; y in place of m
    assert shape.is_known
    assert shape.repeat == 1


def test_special_operations_by_name_and_work_by_type() -> None:
    shape = only(
        """g (float16[64,64] x) => (float[64,64] y)
        { s = Sigmoid(x) c = Cast <to = 1> (s) t = Tanh(c) y = Sqrt(t) }"""
    )
    assert shape.vector_ops == (("FLOAT16", 3 * 4_096),)  # 2 of Sigmoid, 1 conversion of the type that comes in
    assert dict(shape.special_ops) == {
        ("EXP", "FLOAT16"): 4_096,
        ("DIV", "FLOAT16"): 4_096,
        ("TANH", "FLOAT"): 4_096,
        ("SQRT", "FLOAT"): 4_096,
    }


def test_equal_groups_share_one_shape() -> None:
    blocks = "t0 = Identity(x) " + " ".join(f"m{i} = MatMul(t{i}, w{i}) t{i + 1} = Relu(m{i})" for i in range(12))
    weights = ", ".join(f"float[64,64] w{i}" for i in range(12))
    text = f"g (float[64,64] x) => (float[64,64] y) <{weights}> {{ {blocks} y = Softmax(t12) }}"
    found = shaped(text)
    assert len(found.shapes) == 2
    assert found.index == (0,) * 12 + (1,)
    assert found.counts == (12, 1)


def test_plans_of_the_same_kernels_share_their_shapes() -> None:
    store = made(
        "g (float[64,64] x) => (float[64,64] y) <float[64,64] w> { s = Softmax(x) m = MatMul(s, w) y = Relu(m) }"
    )
    shapes = Shapes()
    alone, fused = (shapes.shaped(store, plan(policy, store)) for policy in ("none", "epilogue"))
    assert alone.shapes[0] is fused.shapes[0]  # the softmax, which nothing joins
    assert (len(alone.shapes), len(fused.shapes)) == (3, 2)
    assert (alone.kernels, fused.kernels) == (((0,), (1,), (2,)), ((0,), (1, 2)))


def test_a_group_is_the_same_in_another_order() -> None:
    store = made("g (float[8,4] x, float[4,8] z) => (float[8,4] a, float[4,8] c) { a = Relu(x) b = Exp(z) c = Abs(b) }")
    shapes = Shapes()
    here = shapes.shaped(store, plan("epilogue", store))
    other = permuted(store, (1, 2, 0))
    there = shapes.shaped(other, plan("epilogue", other))
    assert (here.kernels, there.kernels) == (((0,), (1, 2)), ((0, 1), (2,)))
    assert there.operands == here.operands[::-1]
    assert there.shapes == here.shapes[::-1]


def test_equal_groups_share_their_operands_but_for_the_names() -> None:
    found = shaped(
        """g (float[64,64] x) => (float[64,64] y) <float[64,64] v, float[64,64] w>
        { m = MatMul(x, v) s = Softmax(m) y = MatMul(s, w) }"""
    )
    first, _, last = found.operands
    assert first.operands is last.operands
    assert (first.reads, last.reads) == (("x", "v"), ("s", "w"))


def test_work_that_adds_up_to_the_same_is_one_shape() -> None:
    # Exp and Sqrt count each of 4096 elements once by their own names, in whatever order: two groups, one shape.
    found = shaped(
        """g (float[64,64] x) => (float[64,64] y)
        { z = Softmax(x) a = Softmax(z) b = Exp(a) c = Sqrt(b) d = Softmax(c) e = Sqrt(d) y = Exp(e) }"""
    )
    assert found.kernels == ((0,), (1, 2, 3), (4, 5, 6))
    assert found.index == (0, 1, 1)
