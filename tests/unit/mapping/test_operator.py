"""What operators without names are: one object for all that are equal, with their operands and sums by hand."""

from __future__ import annotations

from oracles.tiny import workload

from onnxroof.costs.table import cost_table
from onnxroof.mapping.operator import NamedOperator, Operators
from onnxroof.mapping.storage import storage


def operators(text: str) -> list[NamedOperator]:
    """Those of the kernels of a model."""
    model = workload(text)
    store = storage(model, cost_table(model))
    found = Operators(store, model.tensors)
    return [found.of(kernel) for kernel in store.kernels]


def test_equal_operators_of_two_models_are_one() -> None:
    one, two, exp = operators(
        """g (float[4,8] x) => (float[4,8] c) <float[8,8] v, float[8,8] w>
        { a = MatMul(x, v) b = MatMul(a, w) c = Exp(b) }"""
    )
    (other,) = operators("h (float[4,8] p) => (float[4,8] q) <float[8,8] u> { q = MatMul(p, u) }")
    assert one.operator is two.operator is other.operator
    assert one.operator is not exp.operator
    assert (one.tensors, two.tensors, other.tensors) == (("x", "v", "a"), ("a", "w", "b"), ("p", "u", "q"))


def test_a_tensor_in_two_places_has_one_number() -> None:
    ((square, names),) = operators("g (float[4,8] x) => (float[4,8] y) { y = Mul(x, x) }")
    assert names == ("x", "y")
    assert {read.tensor for read in square.reads} == {0}
    assert square.sizes == ((0, 4 * 8 * 4),)  # its bytes come in once


def test_operands_of_a_product() -> None:
    ((product, _),) = operators("g (float[4,8] x) => (float[4,16] y) <float[8,16] v> { y = MatMul(x, v) }")
    assert [(read.tensor, read.width, read.shape) for read in product.reads] == [(0, 4.0, (4, 8)), (1, 4.0, (8, 16))]
    (result,) = product.writes
    assert (result.tensor, result.shape, result.element_bytes, result.bytes) == (2, (4, 16), 4.0, 4 * 16 * 4)
    assert product.ops == 2 * 4 * 8 * 16
    # Both operands have the dimension that is summed over, in the same loop; a result of sums takes the place of none.
    (left, loop), (right, same) = product.sums
    assert ((left, right), loop) == ((0, 1), same)
    assert product.replaces == ()


def test_an_elementwise_result_may_take_the_place_of_an_operand_of_its_shape() -> None:
    ((add, _),) = operators("g (float[4,8] x, float[8] b) => (float[4,8] y) { y = Add(x, b) }")
    assert add.replaces == (0,)  # b is shorter


def test_a_view_is_its_root_in_another_shape() -> None:
    (_, (exp, names)) = operators(
        """g (float[4,8] x) => (float[32] y) <int64[1] s = {32}>
        { a = Relu(x) b = Reshape(a, s) y = Exp(b) }"""
    )
    assert names == ("a", "y")
    assert [(read.view, read.shape) for read in exp.reads] == [((32,), (4, 8))]
