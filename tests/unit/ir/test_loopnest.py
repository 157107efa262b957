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
