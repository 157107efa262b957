"""Loop orders: which are told apart."""

import numpy as np

from onnxroof.ir.loopnest import Access, AxisMap, Loop, LoopKind, LoopNest, Term, dense_axis
from onnxroof.mapping.footprint import tile_tables
from onnxroof.mapping.orders import Order, loop_orders

REDUCTION = LoopKind.REDUCTION


def orders_of(nest: LoopNest) -> tuple[Order, ...]:
    return loop_orders(tile_tables(nest, [np.array([1, loop.extent]) for loop in nest.loops]))


def matmul(m: int, n: int, k: int, kind: LoopKind = LoopKind.PARALLEL) -> LoopNest:
    return LoopNest(
        (Loop("m", m, kind), Loop("n", n), Loop("k", k, REDUCTION)),
        (
            Access(0, False, (dense_axis(0, m), dense_axis(2, k)), 8),
            Access(1, False, (dense_axis(2, k), dense_axis(1, n)), 8),
            Access(0, True, (dense_axis(0, m), dense_axis(1, n)), 8, 32),
        ),
    )


def conv_1d(filters: int, channels: int, outputs: int, taps: int) -> LoopNest:
    """Loops k, c, o, f; accesses input, weight, output."""
    return LoopNest(
        (Loop("k", filters), Loop("c", channels, REDUCTION), Loop("o", outputs), Loop("f", taps, REDUCTION)),
        (
            Access(0, False, (dense_axis(1, channels), AxisMap((Term(2), Term(3)), outputs + taps - 1)), 8),
            Access(1, False, (dense_axis(0, filters), dense_axis(1, channels), dense_axis(3, taps)), 8),
            Access(0, True, (dense_axis(0, filters), dense_axis(2, outputs)), 8, 8),
        ),
    )


def test_exactly_one_operand_of_a_matrix_product_stays() -> None:
    stays = {order.free for order in orders_of(matmul(4, 5, 6))}
    nothing = frozenset[int]()
    assert stays == {
        (frozenset({1}), nothing, nothing),  # n innermost: A
        (nothing, frozenset({0}), nothing),  # m innermost: B
        (nothing, nothing, frozenset({2})),  # k innermost: C
    }


def test_windows_slide_along_their_innermost_loop() -> None:
    found = {(order.free, order.slide[0]) for order in orders_of(conv_1d(2, 3, 4, 3))}
    nothing = frozenset[int]()
    assert found == {
        ((nothing, frozenset({2}), nothing), 2),  # weights stay, the window slides along the outputs
        ((nothing, nothing, frozenset({1, 3})), 3),  # sums stay, the window slides along the taps
        ((frozenset({0}), nothing, nothing), 2),  # the window stays while filters pass, then slides either way
        ((frozenset({0}), nothing, nothing), 3),
    }


def test_weights_stay_over_a_sequential_loop_only_if_they_are_held() -> None:
    for order in orders_of(matmul(4, 5, 6, LoopKind.SEQUENTIAL)):
        if 0 in order.free[1]:
            assert order.held == {1, 2}
