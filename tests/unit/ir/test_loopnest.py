"""Loop nests."""

from onnxroof.ir.loopnest import Access, AxisMap, Loop, LoopKind, LoopNest, Term, dense_axis, is_dense, whole_axis

# A product of 4 x 5 by 5 x 6.
M, N, K = Loop("m", 4), Loop("n", 6), Loop("k", 5, LoopKind.REDUCTION)
A = Access(0, False, (dense_axis(0, 4), dense_axis(2, 5)), 32)
B = Access(1, False, (dense_axis(2, 5), dense_axis(1, 6)), 32)
C = Access(0, True, (dense_axis(0, 4), dense_axis(1, 6)), 32, 32)
PRODUCT = LoopNest((M, N, K), (A, B, C))


def test_points_and_reductions():
    assert PRODUCT.points == 4 * 6 * 5
    assert PRODUCT.reductions == {2}
    assert LoopNest((), ()).points == 1


def test_points_are_exact_beyond_64_bits():
    assert LoopNest((Loop("a", 2**40), Loop("b", 2**40)), ()).points == 2**80


def test_an_operand_depends_on_the_loops_of_its_axes():
    assert (A.loops, B.loops, C.loops) == ({0, 2}, {1, 2}, {0, 1})
    window = Access(0, False, (AxisMap((Term(0, 2), Term(2)), 11, -1), whole_axis(7)), 8)
    assert window.loops == {0, 2}


def test_equal_nests_are_one_key():
    again = LoopNest((Loop("m", 4), Loop("n", 6), Loop("k", 5, LoopKind.REDUCTION)), (A, B, C))
    assert {PRODUCT: 1}[again] == 1
    assert LoopNest((M, N, K), (A, B, C), sweeps=2) != PRODUCT


ROWS = (Loop("m", 4), Loop("n", 6))
R = Access(0, True, (dense_axis(0, 4), dense_axis(1, 6)), 32)


def test_what_is_read_where_it_is_written():
    same = Access(0, False, (dense_axis(0, 4), dense_axis(1, 6)), 32)
    turned = Access(1, False, (dense_axis(1, 6), dense_axis(0, 4)), 32)
    row = Access(2, False, (dense_axis(1, 6),), 32)
    narrow = Access(3, False, same.axes, 16)
    nest = LoopNest(ROWS, (same, turned, row, narrow, R))
    # The same index in whatever width; overwritten is only what has the same width.
    assert nest.elementwise_reads == (same, narrow)
    assert nest.in_place == ((R, same),)


def test_a_sum_is_not_elementwise_nor_is_a_result_that_repeats_or_is_swept():
    same = Access(0, False, R.axes, 32)
    assert PRODUCT.elementwise_reads is None
    assert PRODUCT.in_place == ()
    assert LoopNest(ROWS, (same, R), sweeps=2).elementwise_reads is None
    assert LoopNest(ROWS, (same, R), sweeps=2).in_place == ()
    # A loop that the result does not walk writes the same element again and again.
    again = LoopNest((*ROWS, Loop("r", 3)), (same, R))
    assert again.elementwise_reads is None
    assert again.in_place == ()
    # A result with gaps between its elements, or of which a point writes a whole row.
    apart = Access(0, True, (AxisMap((Term(0, 2),), 8), dense_axis(1, 6)), 32)
    assert LoopNest(ROWS, (same, apart)).elementwise_reads is None
    wide = Access(0, True, (*R.axes, whole_axis(5)), 32)
    assert LoopNest(ROWS, (same, wide)).elementwise_reads is None
    # Of one element, nothing is walked at all.
    assert LoopNest((), (Access(0, False, (), 32), Access(0, True, (), 32))).elementwise_reads is not None


def test_equal_nests_share_their_parts_once_they_were_compared():
    again = LoopNest((Loop("m", 4), Loop("n", 6), Loop("k", 5, LoopKind.REDUCTION)), (A, B, C))
    assert again.loops is not PRODUCT.loops
    assert again == PRODUCT
    assert again.loops is PRODUCT.loops
    assert again != LoopNest((Loop("m", 4), N, K), (A, B, A))
    assert PRODUCT.loops == (M, N, K)
    assert PRODUCT != (M, N, K)


def test_a_dimension_is_dense_if_one_loop_walks_it_from_end_to_end():
    loops = (M, N, K)
    assert is_dense(dense_axis(2, 5), loops)
    assert not is_dense(dense_axis(2, 6), loops)  # K has five iterations
    assert not is_dense(AxisMap((Term(2, 2),), 5), loops)
    assert not is_dense(AxisMap((Term(2),), 5, -1), loops)
    assert not is_dense(AxisMap((Term(0), Term(2)), 8), loops)
    assert not is_dense(whole_axis(5), loops)
