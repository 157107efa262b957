"""Canonical nests: what is dropped, split and merged."""

import numpy as np

from onnxroof.ir.loopnest import Access, AxisMap, Loop, LoopKind, LoopNest, Term, dense_axis, whole_axis
from onnxroof.mapping.canonical import canonical


def one_read(axes: tuple[AxisMap, ...], *extents: int) -> LoopNest:
    loops = tuple(Loop(f"d{i}", extent) for i, extent in enumerate(extents))
    return LoopNest(loops, (Access(0, False, axes, 8),))


def axes_of(nest: LoopNest) -> tuple[AxisMap, ...]:
    return canonical(nest, merge=False).nest.accesses[0].axes


def test_loops_of_one_iteration_are_dropped() -> None:
    form = canonical(one_read((dense_axis(0, 1), dense_axis(1, 5)), 1, 5))
    assert [loop.extent for loop in form.nest.loops] == [5]
    assert form.members == ((1,),)
    assert form.nest.accesses[0].axes == (dense_axis(0, 5),)


def test_a_dimension_at_a_single_index_is_dropped_but_not_a_whole_one() -> None:
    # Loop 0 has one iteration, at index 3 of 8; the second dimension is taken whole.
    axes = (AxisMap((Term(0),), 8, 3), whole_axis(6), dense_axis(1, 4))
    assert axes_of(one_read(axes, 1, 4)) == (dense_axis(0, 4), whole_axis(6))


def test_an_index_in_the_padding_alone_touches_nothing() -> None:
    assert axes_of(one_read((AxisMap((Term(0),), 8, -9), dense_axis(1, 4)), 5, 4)) == (dense_axis(1, 4), whole_axis(0))


def test_strides_and_direction_that_only_skip_are_divided_out() -> None:
    assert axes_of(one_read((AxisMap((Term(0, 3),), 40, 2),), 10)) == (dense_axis(0, 10),)
    assert axes_of(one_read((AxisMap((Term(0, -1),), 10, 9),), 10)) == (dense_axis(0, 10),)
    # 2 i + 4 j touches every second element: i + 2 j.
    assert axes_of(one_read((AxisMap((Term(0, 2), Term(1, 4)), 99),), 5, 3)) == (AxisMap((Term(0), Term(1, 2)), 9),)


def test_padding_keeps_its_place_when_a_stride_is_divided_out() -> None:
    # 2 i - 3 for i < 6: -3, -1, 1, 3, 5, 7; of 6 elements 1, 3, 5 are read: i - 2 in [0, 3).
    assert axes_of(one_read((AxisMap((Term(0, 2),), 6, -3),), 6)) == (AxisMap((Term(0),), 3, -2),)


def test_an_index_that_tells_both_counters_becomes_two_dimensions() -> None:
    axes = (AxisMap((Term(0, 4), Term(1)), 12),)
    assert axes_of(one_read(axes, 3, 4)) == (dense_axis(0, 3), dense_axis(1, 4))
    # With five of the inner loop the windows overlap.
    assert axes_of(one_read((AxisMap((Term(0, 4), Term(1)), 13),), 3, 5)) == (AxisMap((Term(1), Term(0, 4)), 13),)


def test_a_repeated_loop_in_one_operand_is_counted_once() -> None:
    assert axes_of(one_read((dense_axis(0, 5), dense_axis(0, 5)), 5)) == (dense_axis(0, 5),)
    # x[i, i + j] touches as many elements as x[i, j].
    axes = (dense_axis(0, 5), AxisMap((Term(0), Term(1)), 8))
    assert axes_of(one_read(axes, 5, 4)) == (dense_axis(0, 5), dense_axis(1, 4))


def test_an_elementwise_nest_is_one_loop() -> None:
    axes = tuple(dense_axis(i, e) for i, e in enumerate((2, 3, 5)))
    nest = LoopNest(one_read(axes, 2, 3, 5).loops, (Access(0, False, axes, 16), Access(0, True, axes, 16)))
    form = canonical(nest)
    assert [loop.extent for loop in form.nest.loops] == [30]
    assert form.members == ((0, 1, 2),)


def test_loops_that_differ_in_use_kind_or_sweep_stay_apart() -> None:
    axes = (dense_axis(0, 4), dense_axis(1, 5))
    loops = (Loop("a", 4), Loop("b", 5))
    used_apart = LoopNest(loops, (Access(0, False, axes, 8), Access(1, False, axes[1:], 8)))
    summed = LoopNest((loops[0], Loop("b", 5, LoopKind.REDUCTION)), (Access(0, False, axes, 8),))
    swept = LoopNest(loops, (Access(0, False, axes, 8),), sweeps=2, swept=frozenset({1}))
    for nest in (used_apart, summed, swept):
        assert len(canonical(nest).nest.loops) == 2
    assert canonical(swept).nest.swept == frozenset({1})


def test_names_and_tensor_positions_make_no_difference() -> None:
    first = LoopNest((Loop("a", 4), Loop("one", 1)), (Access(0, False, (dense_axis(0, 4),), 8),))
    second = LoopNest((Loop("z", 4),), (Access(3, False, (AxisMap((Term(0, 2),), 7),), 8),))
    assert canonical(first).nest == canonical(second).nest


def test_tiles_of_a_merged_loop_fill_the_innermost_loop_first() -> None:
    axes = tuple(dense_axis(i, e) for i, e in enumerate((2, 3, 5)))
    nest = one_read(axes, 2, 3, 5)
    tiles = canonical(nest).original_tiles(np.array([[1], [5], [7], [15], [30]]), nest.loops)
    assert tiles.tolist() == [[1, 1, 1], [1, 1, 5], [1, 2, 5], [1, 3, 5], [2, 3, 5]]
    assert [canonical(nest).original_tile([size], nest.loops) for size in (1, 5, 7, 15, 30)] == tiles.tolist()
