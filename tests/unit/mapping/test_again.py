"""What moves again, roughly and exactly, and what is remembered of it."""

from __future__ import annotations

import math

import pytest
from oracles.named_stack import named_stack
from oracles.tiny import workload

from onnxroof.costs.table import cost_table
from onnxroof.mapping.again import Again
from onnxroof.mapping.fused import fused_curve
from onnxroof.mapping.stacks import Stack
from onnxroof.mapping.storage import storage

NOTHING = frozenset[int]()


@pytest.fixture
def stack() -> Stack:
    """A product whose rows are normalised: whole rows are made, and the weights come again with each block of them."""
    model = workload("g (float[256,64] x) => (float[256,8] y) <float[64,8] w> { a = MatMul(x, w) y = Softmax(a) }")
    store = storage(model, cost_table(model))
    return named_stack(store, model.tensors, [(kernel,) for kernel in range(len(store.kernels))]).stack


def test_the_exact_figure_is_that_of_the_curve_and_never_below_the_rough_one(stack: Stack) -> None:
    again, curve = Again(stack), fused_curve(stack)
    once = sum(operand.bytes for operand in stack.operands)
    for room in curve.capacity_bytes.tolist():
        exact = again.least_bytes(room, NOTHING, is_exact=True)
        # A group of two operators has every tile on its curve.
        assert exact == pytest.approx(curve.total_bytes[curve.capacity_bytes <= room].min() - once, abs=3)
        assert again.least_bytes(room, NOTHING, is_exact=False) <= exact + 1e-6
    assert again.least_bytes(curve.capacity_bytes[0] - 1, NOTHING, is_exact=True) == math.inf


@pytest.mark.parametrize("is_exact", [False, True])
def test_what_is_known_is_what_was_found_with_as_much_room_or_more(stack: Stack, is_exact: bool) -> None:
    again, fresh = Again(stack), Again(stack)
    rooms = fused_curve(stack).capacity_bytes.tolist()
    assert again.known_bytes(rooms[0]) == 0.0
    middle = [room for room in rooms if fresh.least_bytes(room, NOTHING, is_exact=is_exact)][1]
    found = again.least_bytes(middle, NOTHING, is_exact=is_exact)
    assert found > 0
    for room in rooms:
        known = again.known_bytes(room)
        assert known == (found if room <= middle else 0.0) <= fresh.least_bytes(room, NOTHING, is_exact=is_exact)
    # Some operands left out say nothing of all of them.
    again.least_bytes(rooms[0], frozenset({0}), is_exact=is_exact)
    assert again.known_bytes(rooms[0]) == found


def test_of_two_figures_for_one_room_the_closer_one_is_known(stack: Stack) -> None:
    again, room = Again(stack), float(fused_curve(stack).capacity_bytes[3])
    rough = again.least_bytes(room, NOTHING, is_exact=False)
    exact = again.least_bytes(room, NOTHING, is_exact=True)
    assert rough <= again.known_bytes(room) == exact
