"""What a buffer holds: curves of some operands alone, and accesses of a width."""

import itertools
import math

import pytest

from onnxroof.ir.loopnest import Access, AxisMap, Loop, LoopKind, LoopNest, Term, dense_axis, whole_axis
from onnxroof.mapping.boundary import Boundary, accesses_of, whole_boundary
from onnxroof.mapping.curve import reuse_curve

INPUT, WEIGHT, OUTPUT = frozenset({0}), frozenset({1}), frozenset({2})


def matmul(m: int, n: int, k: int, partial_bits: int = 8) -> LoopNest:
    """Inputs [m, k], weights [k, n], outputs [m, n], one byte each."""
    return LoopNest(
        (Loop("m", m), Loop("n", n), Loop("k", k, LoopKind.REDUCTION)),
        (
            Access(0, False, (dense_axis(0, m), dense_axis(2, k)), 8),
            Access(1, False, (dense_axis(2, k), dense_axis(1, n)), 8),
            Access(0, True, (dense_axis(0, m), dense_axis(1, n)), 8, partial_bits),
        ),
    )


def test_roles() -> None:
    nest = LoopNest(
        (Loop("n", 2),),
        (
            Access(3, False, (dense_axis(0, 2),), 8),
            Access(0, False, (whole_axis(4),), 8),
            Access(0, True, (dense_axis(0, 2),), 8),
        ),
    )
    assert accesses_of(nest, ("input",)) == {0}
    assert accesses_of(nest, ("weight",)) == {1}
    assert accesses_of(nest, ("output", "input")) == {0, 2}


def test_a_whole_boundary_changes_nothing() -> None:
    nest = matmul(30, 20, 40, 32)
    assert reuse_curve(nest, whole_boundary(nest)).total_bytes.tolist() == reuse_curve(nest).total_bytes.tolist()


def test_an_operand_held_alone_crosses_once() -> None:
    # One element of B stays while all rows of A pass it: 20 x 40 bytes in all, 1 byte of room.
    curve = reuse_curve(matmul(30, 20, 40), Boundary(WEIGHT, WEIGHT))
    assert curve.floor.access_bytes == (0, 20 * 40, 0)
    assert curve.floor.footprint_bytes == 1


def test_two_operands_share_the_room_that_the_third_leaves() -> None:
    # A row of A (40) and of one C: C leaves once, A is read once: 30 x 40 + 30 x 20. Or a column of sums.
    curve = reuse_curve(matmul(30, 20, 40), Boundary(INPUT | OUTPUT, INPUT | OUTPUT))
    assert curve.floor.access_bytes == (30 * 40, 0, 30 * 20)
    # The least room: 20 sums of a row and one element of A.
    assert curve.floor.footprint_bytes == 20 + 1


def test_an_operand_that_is_held_takes_room_though_another_counts() -> None:
    both = reuse_curve(matmul(30, 20, 40), Boundary(INPUT | WEIGHT, WEIGHT))
    assert both.floor.access_bytes == (0, 20 * 40, 0)
    assert both.floor.footprint_bytes == 1 + 1  # an element of B and one of A that passes it


def least_with_accesses(m: int, n: int, k: int, capacity: float, access: int) -> float:
    """All tiles and orders of a product, each transfer at least one access: (2 r - 1) visits of each tile of C."""
    best = math.inf
    for tile in itertools.product(range(1, m + 1), range(1, n + 1), range(1, k + 1)):
        a, b, c = tile
        if a * c + c * b + a * b > capacity:
            continue
        trips = {"m": -(-m // a), "n": -(-n // b), "k": -(-k // c)}
        for order in itertools.permutations("mnk"):  # innermost first
            outside = [loop for loop in order if trips[loop] > 1]
            total = 0.0
            for dims, elements, is_output in (("mk", m * k, False), ("kn", k * n, False), ("mn", m * n, True)):
                first = next((i for i, loop in enumerate(outside) if loop in dims), len(outside))
                again = math.prod(trips[loop] for loop in outside[first:] if loop not in dims)
                tiles = math.prod(trips[loop] for loop in dims)
                read, write = (elements * (again - 1), elements * again) if is_output else (elements * again, 0)
                visits = (tiles * (again - 1), tiles * again) if is_output else (tiles * again, 0)
                total += max(read, visits[0] * access) + max(write, visits[1] * access)
            best = min(best, total)
    return best


@pytest.mark.parametrize("access", [1, 3, 16])
@pytest.mark.parametrize("shape", [(5, 4, 6), (7, 3, 2), (1, 9, 4)])
def test_every_transfer_takes_an_access_at_least(shape: tuple[int, int, int], access: int) -> None:
    everything = INPUT | WEIGHT | OUTPUT
    curve = reuse_curve(matmul(*shape), Boundary(everything, everything, access))
    for capacity in range(3, 120, 4):
        assert curve.at(capacity).total_bytes == least_with_accesses(*shape, capacity, access)


def test_of_an_operand_that_is_padding_alone_no_access_is_made() -> None:
    # All rows of the input lie 9 before the image. What is left: one access of 32 bytes for the kernel of 2 x 3 and
    # one for the result of 2 x 4, if both stay whole.
    nest = LoopNest(
        (Loop("k", 2), Loop("y", 4), Loop("c", 3, LoopKind.REDUCTION)),
        (
            Access(0, False, (dense_axis(2, 3), AxisMap((Term(1),), 4, -9)), 8),
            Access(1, False, (dense_axis(0, 2), dense_axis(2, 3)), 8),
            Access(0, True, (dense_axis(0, 2), dense_axis(1, 4)), 8, 8),
        ),
    )
    every = frozenset(range(3))
    assert reuse_curve(nest, Boundary(every, every, 32.0)).floor.access_bytes == (0, 32, 32)
    assert reuse_curve(nest, Boundary(every, every)).floor.access_bytes == (0, 6, 8)
