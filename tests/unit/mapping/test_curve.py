"""Reuse curves against closed forms, bounds and hand counts."""

import math

import numpy as np
import pytest

from onnxroof.ir.loopnest import Access, AxisMap, Loop, LoopKind, LoopNest, Term, dense_axis, whole_axis
from onnxroof.mapping.curve import reuse_curve
from onnxroof.mapping.footprint import compulsory_bytes

REDUCTION = LoopKind.REDUCTION


def matmul(m: int, n: int, k: int, bits: int = 8, partial_bits: int = 8) -> LoopNest:
    """C[m, n] += A[m, k] B[k, n]."""
    return LoopNest(
        (Loop("m", m), Loop("n", n), Loop("k", k, REDUCTION)),
        (
            Access(0, False, (dense_axis(0, m), dense_axis(2, k)), bits),
            Access(1, False, (dense_axis(2, k), dense_axis(1, n)), bits),
            Access(0, True, (dense_axis(0, m), dense_axis(1, n)), bits, partial_bits),
        ),
    )


def conv(filters: int, channels: int, size: int, taps: int, *, image: int, pad: int = 0, stride: int = 1) -> LoopNest:
    """A square convolution of one image, one byte an element."""
    loops = (
        Loop("b", 1), Loop("k", filters), Loop("c", channels, REDUCTION), Loop("oy", size), Loop("ox", size),
        Loop("fy", taps, REDUCTION), Loop("fx", taps, REDUCTION),
    )  # fmt: skip
    row = AxisMap((Term(3, stride), Term(5)), image, -pad)
    column = AxisMap((Term(4, stride), Term(6)), image, -pad)
    return LoopNest(
        loops,
        (
            Access(0, False, (dense_axis(0, 1), dense_axis(2, channels), row, column), 8),
            Access(
                1, False, (dense_axis(1, filters), dense_axis(2, channels), dense_axis(5, taps), dense_axis(6, taps)), 8
            ),
            Access(0, True, (dense_axis(0, 1), dense_axis(1, filters), dense_axis(3, size), dense_axis(4, size)), 8, 8),
        ),
    )


def depthwise(channels: int, size: int, taps: int, pad: int) -> LoopNest:
    loops = (
        Loop("c", channels), Loop("oy", size), Loop("ox", size),
        Loop("fy", taps, REDUCTION), Loop("fx", taps, REDUCTION),
    )  # fmt: skip
    rows, columns = AxisMap((Term(1), Term(3)), size, -pad), AxisMap((Term(2), Term(4)), size, -pad)
    return LoopNest(
        loops,
        (
            Access(0, False, (dense_axis(0, channels), rows, columns), 8),
            Access(1, False, (dense_axis(0, channels), dense_axis(3, taps), dense_axis(4, taps)), 8),
            Access(0, True, (dense_axis(0, channels), dense_axis(1, size), dense_axis(2, size)), 8, 8),
        ),
    )


def total_at(nest: LoopNest, capacity_bytes: float) -> float:
    point = reuse_curve(nest).at(capacity_bytes)
    assert point.fits
    assert point.footprint_bytes <= capacity_bytes
    return point.total_bytes


# One buffer of S one-byte elements, partial sums that leave are written and read again, any integer tile. The figures
# are the closed form min over stationarities of |A| n_N + |B| n_M + |C| and its two siblings, for trips n = ceil(N/t)
# and t_M t_K + t_K t_N + t_M t_N <= S. For 512^3 and S = 1024: t = 31 gives 17 trips each way,
# 262144 (17 + 17 + 1) = 9175040.
MATMULS = [
    ((512, 512, 512), 1024, 9175040),
    ((512, 512, 512), 4096, 4718592),
    ((512, 512, 512), 16384, 2621440),
    ((512, 512, 512), 65536, 1572864),
    ((512, 512, 512), 262144, 1048576),
    ((128, 4096, 4096), 1024, 139460608),
    ((128, 4096, 4096), 4096, 69206016),
    ((128, 4096, 4096), 16384, 34603008),
    ((128, 4096, 4096), 65536, 22020096),
    ((128, 4096, 4096), 262144, 18874368),
]


@pytest.mark.parametrize(("shape", "capacity", "expected"), MATMULS)
def test_matmul_equals_the_closed_form(shape: tuple[int, int, int], capacity: int, expected: int) -> None:
    assert total_at(matmul(*shape), capacity) == expected


@pytest.mark.parametrize(("tile", "printed"), [(32, 31.5), (128, 120.5), (512, 409.6)])
def test_c17_a_tile_of_results_that_stays_while_a_product_is_summed(tile: int, printed: float) -> None:
    # 1024^3, 1 byte, room for t x t results and a column and a row of t: reads 2 x 1024^3 / t, writes 1024^2:
    # 2 x 1024^3 / (2 x 1024^3 / t + 1024^2) = 2048 t / (2048 + t) operations a byte.
    found = 2 * 1024**3 / total_at(matmul(1024, 1024, 1024), tile * tile + 2 * tile)
    assert found == pytest.approx(2048 * tile / (2048 + tile), rel=1e-9)
    assert found == pytest.approx(printed, abs=0.05)


@pytest.mark.parametrize("capacity", [256, 1024, 4096, 16384, 65536])
@pytest.mark.parametrize("shape", [(512, 512, 512), (128, 4096, 4096), (64, 1000, 700)])
def test_matmul_is_never_below_the_lower_bound(shape: tuple[int, int, int], capacity: int) -> None:
    # Smith, Lowery, Langou, van de Geijn, arXiv 1702.02017: 2 MNK / sqrt(S) - 2 S, and each operand once.
    m, n, k = shape
    bound = max(2 * m * n * k / math.sqrt(capacity) - 2 * capacity, m * k + k * n + m * n)
    assert bound <= total_at(matmul(*shape), capacity) <= 2 * bound


def test_matmul_reaches_compulsory_traffic_with_the_smallest_operand_held() -> None:
    # All of A, one column of B and one of C: 40 * 30 + 30 + 40. No buffer of one operand alone can do.
    curve = reuse_curve(matmul(40, 50, 30))
    assert curve.floor.total_bytes == 40 * 30 + 30 * 50 + 40 * 50
    assert curve.floor.footprint_bytes == 40 * 30 + 30 + 40
    assert curve.at(40 * 30).total_bytes > curve.floor.total_bytes


# Closed forms of whole-tile and line-buffer schedules, any integer tile (the least of both); second column the bound
# max(compulsory, 2 MACs / sqrt(9 S) - 2 S). Other orders and tiles may lie between.
CONVS = [
    (1024, 2406400, 3602432),
    (4096, 1196032, 1726464),
    (16384, 569344, 904192),
    (65536, 438272, 438272),
    (262144, 438272, 438272),
]


@pytest.mark.parametrize(("capacity", "bound", "closed_form"), CONVS)
def test_padded_convolution_lies_between_bound_and_closed_form(capacity: int, bound: int, closed_form: int) -> None:
    nest = conv(64, 64, 56, 3, image=56, pad=1)
    assert bound <= total_at(nest, capacity) <= closed_form


# As above without padding: 64 -> 64 channels, 58 x 58 -> 56 x 56.
UNPADDED = [
    (256, 9361408),
    (1024, 3739648),
    (2048, 2513920),
    (4096, 1792000),
    (8192, 1254400),
    (16384, 950272),
    (32768, 668160),
    (65536, 452864),
    (131072, 452864),
    (262144, 452864),
]


@pytest.mark.parametrize(("capacity", "closed_form"), UNPADDED)
def test_unpadded_convolution_is_at_most_the_closed_form(capacity: int, closed_form: int) -> None:
    macs = 64 * 64 * 56 * 56 * 9
    compulsory = 64 * 58 * 58 + 64 * 64 * 9 + 64 * 56 * 56  # 452864
    bound = max(compulsory, 2 * macs / math.sqrt(9 * capacity) - 2 * capacity)
    assert bound <= total_at(conv(64, 64, 56, 3, image=58), capacity) <= closed_form


@pytest.mark.parametrize(
    ("capacity", "bound", "closed_form"),
    [(1024, 3209216, 3490816), (4096, 1597440, 1840128), (16384, 770048, 975872), (65536, 513024, 513024)],
)
def test_pointwise_convolution_is_at_most_the_closed_form(capacity: int, bound: int, closed_form: int) -> None:
    assert bound <= total_at(conv(256, 1024, 14, 1, image=14), capacity) <= closed_form


def test_depthwise_convolution_is_compulsory_in_a_small_buffer() -> None:
    # 144 x 56 x 56 in and out and 144 x 9 weights.
    assert total_at(depthwise(144, 56, 3, 1), 1024) == 2 * 144 * 56 * 56 + 144 * 9


def test_line_buffer_reaches_compulsory_with_three_rows() -> None:
    # All weights, three padded rows of all input channels and one row of all filters:
    # 9 * 64 * 64 + 64 * 3 * 56 + 64 * 56 = 51200 elements.
    nest = conv(64, 64, 56, 3, image=56, pad=1)
    assert reuse_curve(nest).floor.footprint_bytes <= 51200
    assert total_at(nest, 51200) == 2 * 64 * 56 * 56 + 64 * 64 * 9


def test_strided_convolution_reads_only_what_it_touches() -> None:
    # 1x1 with stride 2 on 28 x 28: the quarter 14 x 14 of each channel.
    assert compulsory_bytes(conv(32, 16, 14, 1, image=28, stride=2)) == (16 * 14 * 14, 32 * 16, 32 * 14 * 14)
    # 7x7 with stride 2 and padding 3 on 224 x 224 touches rows -3 to 225, so all 224.
    assert compulsory_bytes(conv(64, 3, 112, 7, image=224, pad=3, stride=2))[0] == 3 * 224 * 224


def test_compulsory_bytes_of_a_dilated_window_leave_out_the_gaps() -> None:
    # Outputs 0..1 with taps 0, 3, 6 touch 0, 1, 3, 4, 6, 7: six of eight.
    nest = LoopNest(
        (Loop("o", 2), Loop("f", 3, REDUCTION)),
        (Access(0, False, (AxisMap((Term(0), Term(1, 3)), 8),), 16), Access(0, True, (dense_axis(0, 2),), 16, 32)),
    )
    assert compulsory_bytes(nest) == (12, 4)
    assert reuse_curve(nest).floor.access_bytes == (12, 4)


def test_a_held_partial_sum_takes_its_own_width() -> None:
    nest = matmul(2, 2, 16, bits=8, partial_bits=32)
    curve = reuse_curve(nest)
    # An element of A, one of B, a sum of 4 bytes that stays: A and B twice, C leaves once as 1 byte.
    assert not curve.at(5).fits
    assert curve.at(6).access_bytes == (2 * 32, 2 * 32, 4)
    # Two sums: 1 + 2 + 2 * 4 bytes let one of A and B cross once. Finished sums of 1 byte would fit in 5.
    assert curve.at(10).total_bytes == 2 * 32 + 2 * 32 + 4
    assert curve.at(11).total_bytes == 32 + 2 * 32 + 4


def test_a_read_of_a_partial_sum_is_a_read() -> None:
    nest = LoopNest(
        (Loop("m", 3), Loop("k", 7, LoopKind.SEQUENTIAL)),
        (Access(0, False, (dense_axis(1, 7),), 8), Access(0, True, (dense_axis(0, 3),), 8, 32)),
    )
    point = reuse_curve(nest).ceiling
    # k is outermost. One sum at a time: 3 sums leave 7 times, 6 times as 4 bytes and once as 1, and come back 6 times.
    assert point.access_read_bytes == (7, 3 * 6 * 4)
    assert point.access_write_bytes == (0, 3 * 6 * 4 + 3)
    assert reuse_curve(nest).floor.total_bytes == 7 + 3


def test_elementwise_with_a_broadcast_is_compulsory_at_one_element_each() -> None:
    nest = LoopNest(
        (Loop("n", 4), Loop("c", 16), Loop("y", 9), Loop("x", 9)),
        (
            Access(0, False, tuple(dense_axis(i, e) for i, e in enumerate((4, 16, 9, 9))), 16),
            Access(1, False, (dense_axis(1, 16),), 16),
            Access(0, True, tuple(dense_axis(i, e) for i, e in enumerate((4, 16, 9, 9))), 16),
        ),
    )
    curve = reuse_curve(nest)
    assert len(curve.capacity_bytes) == 1
    assert curve.floor.footprint_bytes == 6  # three elements of two bytes
    assert curve.floor.total_bytes == 2 * (2 * 4 * 16 * 81 + 16)


def softmax(rows: int, columns: int) -> LoopNest:
    axes = (dense_axis(0, rows), dense_axis(1, columns))
    return LoopNest(
        (Loop("n", rows), Loop("d", columns)),
        (Access(0, False, axes, 16), Access(0, True, axes, 16)),
        sweeps=2,
        swept=frozenset({1}),
    )


def test_swept_rows_are_read_again_unless_the_tile_holds_a_row() -> None:
    curve = reuse_curve(softmax(10, 100))
    row = 2 * 100 * 2  # one row in and one out, two bytes each
    assert curve.at(row - 1).access_bytes == (2 * 2000, 2000)
    assert curve.at(row).access_bytes == (2000, 2000)


def test_a_recurrence_reads_its_weights_at_each_step_unless_they_all_stay() -> None:
    steps, hidden, inputs = 6, 8, 10
    nest = LoopNest(
        (Loop("t", steps, LoopKind.SEQUENTIAL), Loop("h", hidden), Loop("c", inputs, REDUCTION)),
        (
            Access(0, False, (dense_axis(0, steps), dense_axis(2, inputs)), 8),
            Access(1, False, (dense_axis(1, hidden), dense_axis(2, inputs)), 8),
            Access(0, True, (dense_axis(0, steps), dense_axis(1, hidden)), 8, 8),
        ),
    )
    curve = reuse_curve(nest)
    everything = hidden * inputs + inputs + hidden  # the weights and one step's vectors
    assert curve.at(everything - 1).access_bytes[1] == steps * hidden * inputs
    assert curve.at(everything).total_bytes == steps * (inputs + hidden) + hidden * inputs
    assert curve.at(everything).tile["t"] == 1


def test_whole_dimensions_are_in_every_tile() -> None:
    # A table of 7 x 3 bytes that each of 5 results takes whole.
    nest = LoopNest(
        (Loop("i", 5),),
        (Access(0, False, (whole_axis(7), whole_axis(3)), 8), Access(0, True, (dense_axis(0, 5),), 8)),
    )
    curve = reuse_curve(nest)
    assert (curve.floor.footprint_bytes, curve.floor.total_bytes) == (22, 26)


def test_narrow_elements_are_packed() -> None:
    # 3 x 3 elements of 4 bits take 5 bytes; a tile of one takes half a byte.
    nest = LoopNest(
        (Loop("i", 9),), (Access(0, False, (dense_axis(0, 9),), 4), Access(0, True, (dense_axis(0, 9),), 8))
    )
    curve = reuse_curve(nest)
    assert curve.floor.access_bytes == (5, 9)
    assert curve.floor.footprint_bytes == 1.5
    assert compulsory_bytes(nest) == (5, 9)


def test_grouped_channels_in_one_index_are_two_dimensions() -> None:
    # Channel 8 g + c of 32: each of four groups touches its own eight.
    nest = LoopNest(
        (Loop("g", 4), Loop("c", 8, REDUCTION)),
        (Access(0, False, (AxisMap((Term(0, 8), Term(1)), 32),), 8), Access(0, True, (dense_axis(0, 4),), 8, 32)),
    )
    assert reuse_curve(nest).at(1 + 4).total_bytes == 32 + 4


def test_a_diagonal_is_touched_once() -> None:
    nest = LoopNest(
        (Loop("i", 6),),
        (Access(0, False, (dense_axis(0, 6), dense_axis(0, 6)), 8), Access(0, True, (dense_axis(0, 6),), 8)),
    )
    assert compulsory_bytes(nest) == (6, 6)


def test_no_iterations_move_nothing() -> None:
    point = reuse_curve(matmul(0, 4, 4)).at(0)
    assert (point.total_bytes, point.fits) == (0, True)
    assert compulsory_bytes(matmul(0, 4, 4)) == (0, 0, 0)


def test_a_scalar_has_a_curve_of_one_step() -> None:
    nest = LoopNest((), (Access(0, False, (), 32), Access(0, True, (), 32)))
    assert reuse_curve(nest).floor.total_bytes == 8


def test_below_the_smallest_tile_nothing_fits() -> None:
    curve = reuse_curve(matmul(8, 8, 8))
    point = curve.at(2)  # three elements of one byte are the least
    assert not point.fits
    assert point.total_bytes == curve.ceiling.total_bytes
    assert curve.at(3).fits


def test_lookup_agrees_with_at() -> None:
    curve = reuse_curve(matmul(60, 70, 80))
    capacities = np.array([[1.0, 3.0, 50.0], [1000.0, 1e6, np.inf]])
    read, write = curve.lookup(capacities)
    assert read.shape == capacities.shape
    for place, capacity in np.ndenumerate(capacities):
        point = curve.at(float(capacity))
        assert (read[place], write[place]) == (point.read_bytes, point.write_bytes)


def test_steps_fall_and_operands_add_up() -> None:
    curve = reuse_curve(conv(16, 8, 20, 3, image=20, pad=1))
    assert np.all(np.diff(curve.capacity_bytes) > 0)
    assert np.all(np.diff(curve.total_bytes) < 0)
    np.testing.assert_array_equal(curve.access_read_bytes.sum(axis=1), curve.read_bytes)
    np.testing.assert_array_equal(curve.access_write_bytes.sum(axis=1), curve.write_bytes)
    assert curve.tiles.shape == (len(curve.capacity_bytes), 7)
    assert curve.floor.total_bytes == sum(compulsory_bytes(conv(16, 8, 20, 3, image=20, pad=1)))


def test_tiles_are_named_by_the_loops_of_the_nest() -> None:
    # 1x1: rows and columns are walked as one loop; 3 rows of 14 are 42 points.
    point = reuse_curve(conv(256, 1024, 14, 1, image=14)).at(1024)
    assert set(point.tile) == {"b", "k", "c", "oy", "ox", "fy", "fx"}
    assert (point.tile["b"], point.tile["fy"], point.tile["fx"]) == (1, 1, 1)
    assert point.tile["ox"] == 14 or point.tile["oy"] == 1


def test_a_pointwise_convolution_is_a_matrix_product() -> None:
    np.testing.assert_array_equal(
        reuse_curve(conv(24, 32, 6, 1, image=6)).total_bytes, reuse_curve(matmul(24, 36, 32)).total_bytes
    )


@pytest.mark.parametrize("present", [frozenset(), frozenset({0}), frozenset({0, 1})])
def test_what_repeats_beside_operands_that_are_there(present: frozenset[int]) -> None:
    """At each capacity the best of the tiles that fit, counting what crosses beyond each element once."""
    curve = reuse_curve(matmul(24, 40, 60, partial_bits=32))
    found = curve.repeats(present)
    assert found is curve.repeats(present)
    counted = [number for number in range(2) if number not in present]
    reads = curve.access_read_bytes[:, [*counted, 2]].sum(axis=1)  # of the sums what comes in again counts always
    beyond = reads - reads[-1] + curve.write_bytes - curve.write_bytes[-1]
    for step, capacity in enumerate(curve.capacity_bytes.tolist()):
        place = sum(size <= capacity for size in found.capacity_bytes) - 1
        assert found.read_bytes[place] + found.write_bytes[place] == beyond[: step + 1].min()
        assert beyond[found.numbers[place]] == beyond[: step + 1].min()
    # Beside both operands only sums come again, in and out; the last step is the first at which none does.
    assert (found.read_bytes[-1], found.write_bytes[-1]) == (0.0, 0.0)
