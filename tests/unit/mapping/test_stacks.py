"""Stacks of runs by hand: who makes what, how long it lives, and what enters and leaves."""

from __future__ import annotations

from oracles.tiny import workload

from onnxroof.costs.table import cost_table
from onnxroof.mapping.operator import Operators
from onnxroof.mapping.sketch import sketch_of
from onnxroof.mapping.stacks import PlacedStack, stack_of
from onnxroof.mapping.storage import storage


def placed(text: str) -> PlacedStack:
    """Of all kernels of a model, each a step."""
    model = workload(text)
    store = storage(model, cost_table(model))
    operators = Operators(store, model.tensors)
    return stack_of(sketch_of(store, operators, [(kernel,) for kernel in range(len(store.kernels))]))


PERCEPTRON = """g (float[128,64] x) => (float[128,32] y) <float[64,256] up, float[256,32] down>
    { h = MatMul(x, up) a = Relu(h) y = MatMul(a, down) }"""


def test_two_products_have_the_dimensions_of_the_result_and_the_sum_between_them() -> None:
    stack = placed(PERCEPTRON).stack
    assert (stack.extents[: stack.tiled], stack.extents[stack.tiled :]) == ((128, 32), (256,))
    # The first product makes rows and blocks of the hidden dimension, which the last one sums over.
    assert [(sorted(member.dims), sorted(member.sums)) for member in stack.members] == [
        ([0, 2], []), ([0, 2], []), ([0, 1, 2], [2]),
    ]  # fmt: skip
    assert [member.ops for member in stack.members] == [2 * 128 * 64 * 256, 128 * 256, 2 * 128 * 256 * 32]


def test_what_passes_lives_from_its_maker_to_its_last_reader() -> None:
    # h lives from the first to the second member; a, written in its place, from there on.
    values = placed(PERCEPTRON).stack.values
    assert sorted((value.maker, value.last) for value in values) == [(0, 1), (1, 2)]
    (written,) = [value for value in values if value.maker == 1]
    assert values[written.replaced].maker == 0


def test_each_distinct_tensor_from_outside_is_an_operand_once() -> None:
    found = placed(
        "g (float[16,8] x) => (float[16,8] c) <float[8,8] w> { a = MatMul(x, w) b = MatMul(a, w) c = Add(b, x) }"
    )
    operands = found.stack.operands
    sizes = sorted((operand.bytes, operand.is_written, len(operand.uses)) for operand in operands)
    # The result; x, read by the first and the last; the weights, read by both products.
    assert sizes == [(8 * 8 * 4, False, 2), (16 * 8 * 4, False, 2), (16 * 8 * 4, True, 1)]
    assert all(operand.value == -1 for operand in operands)
    # Where they are in the run: the first place of each among inputs, or among results.
    where = {member_written[:2]: member_written[2] for member_written in found.where}
    assert where[2, True] == 0


def test_a_result_that_is_read_inside_and_wanted_outside_is_both() -> None:
    stack = placed("g (float[16,8] x) => (float[16,8] a, float[16,8] b) { a = Relu(x) b = Exp(a) }").stack
    leaves = [operand for operand in stack.operands if operand.is_written]
    assert [operand.bytes for operand in leaves] == [16 * 8 * 4] * 2
    (inner,) = [operand for operand in leaves if operand.value >= 0]
    assert stack.values[inner.value].maker == 0


def test_a_stride_and_a_window_are_in_the_span_of_what_is_made() -> None:
    # A window of three rows or columns begins at every second one, and reaches two further.
    stack = placed(
        """g (float[1,4,33,33] x) => (float[1,4,16,16] c) <float[4,4,1,1] p, float[4,4,3,3] q>
        { b = Conv(x, p) c = Conv<strides=[2,2]>(b, q) }"""
    ).stack
    (value,) = stack.values
    windows = [span for span in value.spans if span.of is not None]
    assert [(span.stride, span.reach) for span in windows] == [(2, 2), (2, 2)]
