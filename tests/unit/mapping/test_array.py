"""Spatial utilization and reuse inside an array (C9, C16, C17 of the enhanced roofline's checklist)."""

import pytest

from onnxroof.ir.loopnest import Access, AxisMap, Loop, LoopKind, LoopNest, Term, dense_axis
from onnxroof.mapping.array import array_operand_traffic, array_traffic, spatial_utilization, unrolled_traffic
from onnxroof.targets.model import Array

REDUCTION = LoopKind.REDUCTION
INPUT, WEIGHT, OUTPUT = 0, 1, 2


def matmul(m: int, n: int, k: int, partial_bits: int = 8) -> LoopNest:
    """One-byte elements, so that a byte is a word: inputs [m, k], weights [k, n], outputs [m, n]."""
    return LoopNest(
        (Loop("m", m), Loop("n", n), Loop("k", k, REDUCTION)),
        (
            Access(0, False, (dense_axis(0, m), dense_axis(2, k)), 8),
            Access(1, False, (dense_axis(2, k), dense_axis(1, n)), 8),
            Access(0, True, (dense_axis(0, m), dense_axis(1, n)), 8, partial_bits),
        ),
    )


def array(m: int, n: int, k: int) -> Array:
    return Array(m=m, n=n, k=k)


def parallel(*extents: int) -> LoopNest:
    loops = tuple(Loop(f"d{i}", extent) for i, extent in enumerate(extents))
    return LoopNest(loops, (Access(0, True, tuple(dense_axis(i, e) for i, e in enumerate(extents)), 8),))


def test_c9_24_of_32_columns() -> None:
    assert spatial_utilization(parallel(24), array(1, 32, 1)) == 0.75


def test_c9_three_taps_on_32_rows() -> None:
    taps = LoopNest((Loop("fx", 3, REDUCTION),), (Access(0, False, (dense_axis(0, 3),), 8), Access(0, True, (), 8, 8)))
    assert spatial_utilization(taps, array(1, 1, 32)) == 3 / 32


def test_c9_64_by_64_on_96_by_96() -> None:
    assert spatial_utilization(parallel(64, 64), array(96, 96, 1)) == pytest.approx(4096 / 9216)  # 0.444


@pytest.mark.parametrize(("shape", "units"), [((64, 96, 128), (32, 32, 1)), ((8, 4, 16), (8, 4, 16))])
def test_c9_multiples_fill_the_array(shape: tuple[int, int, int], units: tuple[int, int, int]) -> None:
    assert spatial_utilization(matmul(*shape), array(*units)) == 1.0


def test_loops_share_an_axis() -> None:
    # 7 x 7 positions and 64 filters on 32 x 32: positions take ceil(49/32) = 2 steps, filters 2: 3136 of 4096.
    # Rows with filters and columns alone: ceil(7*64/32) = 14 and ceil(7/32) = 1: 14 steps.
    assert spatial_utilization(parallel(7, 7, 64), array(32, 32, 1)) == 49 * 64 / (4 * 1024)


def test_sequential_loops_are_walked_in_time() -> None:
    nest = LoopNest(
        (Loop("t", 5, LoopKind.SEQUENTIAL), Loop("n", 16)), (Access(0, True, (dense_axis(0, 5), dense_axis(1, 16)), 8),)
    )
    assert spatial_utilization(nest, array(1, 16, 1)) == 1.0
    assert array_traffic(nest, array(1, 16, 1)) == (0, 80)


def test_a_nest_without_loops_uses_one_unit() -> None:
    nest = LoopNest((), (Access(0, False, (), 8), Access(0, True, (), 8)))
    assert spatial_utilization(nest, array(2, 2, 2)) == 1 / 8
    assert array_traffic(nest, array(2, 2, 2)) == (1, 1)


def intensity(shape: tuple[int, int, int], unrolling: tuple[int, int, int], stays: int | None = None) -> float:
    """Operations a word of a matrix product, with 2 operations a point."""
    nest = matmul(*shape)
    return 2 * nest.points / sum(unrolled_traffic(nest, unrolling, stays))


@pytest.mark.parametrize("repeats", [1, 3])
@pytest.mark.parametrize(
    ("unrolling", "expected"),
    [
        ((4, 4, 4), 2.0),  # 128 ops, 16 + 16 + 2 * 16 words
        ((16, 16, 16), 8.0),  # 8192 / (256 + 256 + 2 * 256)
        ((32, 32, 1), 2048 / 2112),  # outer product: 32 + 32 + 2 * 1024, 0.97
        ((8, 8, 16), 2048 / 384),  # 128 + 128 + 2 * 64, 5.33
    ],
)
def test_c16_spatial_reuse(unrolling: tuple[int, int, int], expected: float, repeats: int) -> None:
    m, n, k = (repeats * size for size in unrolling)
    assert intensity((m, n, k), unrolling) == pytest.approx(expected, rel=1e-12)


def test_c16_a_tensor_core_step_by_operand() -> None:
    # 16 of A, 16 of B, 16 of C in; 16 out.
    assert unrolled_traffic(matmul(4, 4, 4), (4, 4, 4)) == (48, 16)


@pytest.mark.parametrize("s", [4, 16, 256])
def test_c16_one_operand_shared_by_all_units(s: int) -> None:
    assert intensity((s, 3, 5), (s, 1, 1)) == pytest.approx(2 * s / (3 * s + 1))  # the weight
    assert intensity((3, s, 5), (1, s, 1)) == pytest.approx(2 * s / (3 * s + 1))  # the input
    assert intensity((3, 5, s), (1, 1, s)) == pytest.approx(2 * s / (2 * s + 2))  # the output


@pytest.mark.parametrize("t", [1, 2, 8, 1000])
@pytest.mark.parametrize("s", [4, 64])
def test_c17_temporal_reuse(s: int, t: int) -> None:
    # s units share the output (unrolled over k) or the weight (over m). The loop that the kept operand does not depend
    # on runs t times for each of its tiles.
    assert intensity((t, 3, 2 * s), (1, 1, s), WEIGHT) == pytest.approx(2 * s / (s / t + s + 2))
    assert intensity((3, t, 2 * s), (1, 1, s), INPUT) == pytest.approx(2 * s / (s + s / t + 2))
    assert intensity((3, 5, t * s), (1, 1, s), OUTPUT) == pytest.approx(2 * s / (2 * s + 2 / t))
    assert intensity((t * s, 3, 5), (s, 1, 1), WEIGHT) == pytest.approx(2 * s / (1 / t + 3 * s))
    assert intensity((2 * s, t, 5), (s, 1, 1), INPUT) == pytest.approx(2 * s / (1 + s / t + 2 * s))
    assert intensity((2 * s, 3, t), (s, 1, 1), OUTPUT) == pytest.approx(2 * s / (1 + s + 2 * s / t))


def test_c17_output_stationary_96_by_96() -> None:
    # 96 + 96 words for 2 * 96 * 96 operations a step: 96 but for the results, 9216 in 100000 steps.
    read, write = array_traffic(matmul(96, 96, 100000), array(96, 96, 1))
    assert (read, write) == (192 * 100000, 9216)


def test_c17_weight_stationary_256_by_256() -> None:
    # 256 inputs and 256 results a step for 2 * 65536 operations: 256, weights once.
    rows = 4096
    read, write = array_traffic(matmul(rows, 256, 256), array(1, 256, 256))
    assert (read, write) == (rows * 256 + 65536, rows * 256)
    assert 2 * rows * 65536 / (read + write - 65536) == 256
    # With partial sums read and written: 131072 / (256 + 2 * 256) = 170.7.
    reads, writes = unrolled_traffic(matmul(rows, 256, 256), (1, 256, 256), WEIGHT)
    assert 2 * rows * 65536 / (reads + writes - 65536) == pytest.approx(131072 / 768)


def test_partial_sums_that_leave_the_array_have_their_width() -> None:
    # Two steps over k on 4 units that share the output: with nothing kept, 3 x 5 sums of 4 bytes twice in and out;
    # each input is fetched for 5 results and each weight for 3.
    read, write = unrolled_traffic(matmul(3, 5, 8, partial_bits=32), (1, 1, 4))
    assert (read, write) == (2 * 15 * 4 + 3 * 8 * 5 + 5 * 8 * 3, 2 * 15 * 4)


def test_the_best_operand_stays() -> None:
    # A 2 x 2 array on 2 x 2 x 1000: keeping the sums moves 4 words a step; no other order moves fewer.
    assert array_traffic(matmul(2, 2, 1000, partial_bits=32), array(2, 2, 1)) == (4 * 1000, 4)
    # 1 x 2 x 2 on 1000 rows: the weights stay.
    assert array_traffic(matmul(1000, 2, 2), array(1, 2, 2)) == (2 * 1000 + 4, 2 * 1000)


def test_a_window_slides_through_the_array() -> None:
    # 1-D convolution of 3 taps, all unrolled over k: each step along the outputs needs one new input.
    nest = LoopNest(
        (Loop("o", 50), Loop("f", 3, REDUCTION)),
        (
            Access(0, False, (AxisMap((Term(0), Term(1)), 52),), 8),
            Access(1, False, (dense_axis(1, 3),), 8),
            Access(0, True, (dense_axis(0, 50),), 8, 32),
        ),
    )
    assert array_traffic(nest, array(1, 1, 3)) == (52 + 3, 50)


@pytest.mark.parametrize("units", [(1, 1, 1), (4, 4, 4), (7, 3, 2), (64, 64, 64), (1, 256, 256)])
def test_array_traffic_lies_between_compulsory_and_no_reuse(units: tuple[int, int, int]) -> None:
    nest = matmul(30, 50, 70)
    compulsory = 30 * 70 + 50 * 70 + 30 * 50
    assert compulsory <= sum(array_traffic(nest, array(*units))) <= sum(unrolled_traffic(nest, (1, 1, 1)))


@pytest.mark.parametrize(
    ("stationary", "expected"),
    # 64^3 on 8 x 8 x 8: (64 / 8)^3 = 512 steps of 64 elements an operand; what stays comes (and sums leave) once: 4096.
    [
        ("input", (4096 + 512 * 64 + 4096 * 7, 4096 * 8)),
        ("weight", (512 * 64 + 4096 + 4096 * 7, 4096 * 8)),
        ("output", (2 * 512 * 64, 4096)),
    ],
)
def test_what_the_target_says_stays_in_the_array(stationary: str, expected: tuple[int, int]) -> None:
    fixed = Array(m=8, n=8, k=8, stationary=stationary)
    assert array_traffic(matmul(64, 64, 64), fixed) == expected
    assert sum(array_traffic(matmul(64, 64, 64), array(8, 8, 8))) <= sum(expected)


def test_a_row_of_weights_stays_while_the_window_slides() -> None:
    # 1 x 3 taps on 10 outputs, one filter, one channel: with all taps in the array each input element comes once.
    nest = LoopNest(
        (Loop("ox", 10), Loop("fx", 3, REDUCTION)),
        (
            Access(0, False, (AxisMap((Term(0), Term(1)), 12),), 8),
            Access(1, False, (dense_axis(1, 3),), 8),
            Access(0, True, (dense_axis(0, 10),), 8, 8),
        ),
    )
    assert array_traffic(nest, Array(m=1, n=1, k=3, stationary="row")) == (12 + 3, 10)


def test_where_no_order_keeps_what_should_stay_the_array_does_what_it_can() -> None:
    # A recurrence h[t, b, n] += x[t, b, k] W[n, k]: t is outside of all else, so that weights cannot stay. With sums
    # that do, x comes for each of 4 tiles of n, 4 * 5 * 3 * 8 bytes, the weights for each of 5 * 3 rows, 15 * 16 * 8.
    t, b, n, k = 5, 3, 16, 8
    nest = LoopNest(
        (Loop("t", t, LoopKind.SEQUENTIAL), Loop("b", b), Loop("n", n), Loop("k", k, REDUCTION)),
        (
            Access(0, False, (dense_axis(0, t), dense_axis(1, b), dense_axis(3, k)), 8),
            Access(1, False, (dense_axis(2, n), dense_axis(3, k)), 8),
            Access(0, True, (dense_axis(0, t), dense_axis(1, b), dense_axis(2, n)), 8, 32),
        ),
    )
    fixed = Array(m=1, n=4, k=4, stationary="weight")
    assert array_operand_traffic(nest, fixed) == ((480, 0), (1920, 0), (0, 5 * 3 * 16))


def test_traffic_by_operand_adds_up() -> None:
    moves = array_operand_traffic(matmul(24, 40, 16, 32), array(8, 8, 2))
    assert len(moves) == 3
    total = (sum(read for read, _ in moves), sum(write for _, write in moves))
    assert total == array_traffic(matmul(24, 40, 16, 32), array(8, 8, 2))
