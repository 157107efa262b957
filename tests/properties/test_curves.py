"""Reuse curves of random small nests against brute force, and what every curve must obey."""

import math

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from oracles.exhaustive import least_bytes, schedules

from onnxroof.ir.loopnest import Access, AxisMap, Loop, LoopKind, LoopNest, Term, dense_axis
from onnxroof.mapping.canonical import canonical
from onnxroof.mapping.curve import reuse_curve
from onnxroof.mapping.footprint import compulsory_bytes

REDUCTION = LoopKind.REDUCTION
SETTINGS = settings(
    derandomize=True, deadline=None, max_examples=40, suppress_health_check=[HealthCheck.too_slow], database=None
)

widths = st.sampled_from([(8, 8), (8, 32), (16, 32), (4, 16)])


def agrees(nest: LoopNest) -> None:
    """At every capacity the curve is what the best schedule moves.

    It may be lower only where merged loops allow tiles that are no box, and never below what is compulsory.
    """
    found = schedules(nest)
    curve = reuse_curve(nest)
    is_boxed = all(len(members) == 1 for members in canonical(nest).members)
    compulsory = sum(compulsory_bytes(nest))
    # Elements narrower than a byte are packed: each such operand is rounded up, in each direction.
    packing = 2 * sum(access.bits < 8 for access in nest.accesses)
    for capacity in sorted({schedule.capacity_bytes for schedule in found}):
        best = least_bytes(found, capacity)
        point = curve.at(capacity)
        assert point.fits
        assert point.footprint_bytes <= capacity
        assert point.total_bytes <= best + packing
        assert point.total_bytes >= compulsory
        if is_boxed:
            assert point.total_bytes >= best - 1e-9
    assert curve.floor.total_bytes == compulsory


@st.composite
def matmuls(draw: st.DrawFn) -> LoopNest:
    b, m, n, k = (draw(st.integers(1, top)) for top in (2, 5, 5, 6))
    bits, partial = draw(widths)
    return LoopNest(
        (Loop("b", b), Loop("m", m), Loop("n", n), Loop("k", k, REDUCTION)),
        (
            Access(0, False, (dense_axis(0, b), dense_axis(1, m), dense_axis(3, k)), bits),
            Access(1, False, (dense_axis(0, b), dense_axis(3, k), dense_axis(2, n)), 8),
            Access(0, True, (dense_axis(0, b), dense_axis(1, m), dense_axis(2, n)), bits, partial),
        ),
    )


@SETTINGS
@given(matmuls())
def test_batched_matmul(nest: LoopNest) -> None:
    agrees(nest)


@st.composite
def convs_1d(draw: st.DrawFn, dilations: st.SearchStrategy[int]) -> LoopNest:
    k, c, o, f = (draw(st.integers(1, top)) for top in (3, 3, 6, 4))
    stride, dilation = draw(st.integers(1, 3)), draw(dilations)
    pad = draw(st.integers(0, f - 1))
    image = max(1, stride * (o - 1) + dilation * (f - 1) + 1 - 2 * pad + draw(st.integers(0, 1)))
    bits, partial = draw(widths)
    return LoopNest(
        (Loop("k", k), Loop("c", c, REDUCTION), Loop("o", o), Loop("f", f, REDUCTION)),
        (
            Access(0, False, (dense_axis(1, c), AxisMap((Term(2, stride), Term(3, dilation)), image, -pad)), bits),
            Access(1, False, (dense_axis(0, k), dense_axis(1, c), dense_axis(3, f)), bits),
            Access(0, True, (dense_axis(0, k), dense_axis(2, o)), bits, partial),
        ),
    )


@SETTINGS
@given(convs_1d(st.just(1)))
def test_convolution_1d(nest: LoopNest) -> None:
    agrees(nest)


@SETTINGS
@given(convs_1d(st.integers(2, 3)))
def test_dilated_convolution_1d(nest: LoopNest) -> None:
    agrees(nest)


@st.composite
def convs_2d(draw: st.DrawFn) -> LoopNest:
    k, c = draw(st.sampled_from([(1, 1), (2, 1), (1, 2)]))
    oy, ox, fy, fx = (draw(st.integers(1, top)) for top in (3, 3, 3, 2))
    stride = draw(st.integers(1, 2))
    pad = draw(st.integers(0, 1))
    height, width = (max(1, stride * (o - 1) + f - 2 * pad) for o, f in ((oy, fy), (ox, fx)))
    loops = (
        Loop("k", k), Loop("c", c, REDUCTION), Loop("oy", oy), Loop("ox", ox), Loop("fy", fy, REDUCTION),
        Loop("fx", fx, REDUCTION),
    )  # fmt: skip
    row, column = AxisMap((Term(2, stride), Term(4)), height, -pad), AxisMap((Term(3, stride), Term(5)), width, -pad)
    return LoopNest(
        loops,
        (
            Access(0, False, (dense_axis(1, c), row, column), 8),
            Access(1, False, (dense_axis(0, k), dense_axis(1, c), dense_axis(4, fy), dense_axis(5, fx)), 8),
            Access(0, True, (dense_axis(0, k), dense_axis(2, oy), dense_axis(3, ox)), 8, 32),
        ),
    )


@settings(SETTINGS, max_examples=25)
@given(convs_2d())
def test_convolution_2d(nest: LoopNest) -> None:
    agrees(nest)


@SETTINGS
@given(st.tuples(*[st.integers(1, 4)] * 3), st.sets(st.integers(0, 2)), st.sets(st.integers(0, 2)))
def test_elementwise_with_broadcasting(extents: tuple[int, int, int], first: set[int], second: set[int]) -> None:
    loops = tuple(Loop(f"d{i}", extent) for i, extent in enumerate(extents))
    reads = [
        Access(t, False, tuple(dense_axis(i, extents[i]) for i in sorted(dims)), 8)
        for t, dims in enumerate((first, second))
    ]
    write = Access(0, True, tuple(dense_axis(i, extent) for i, extent in enumerate(extents)), 16)
    agrees(LoopNest(loops, (*reads, write)))


@SETTINGS
@given(st.tuples(*[st.integers(1, 5)] * 3), st.sets(st.integers(0, 2)), widths)
def test_reductions(extents: tuple[int, int, int], summed: set[int], bits: tuple[int, int]) -> None:
    loops = tuple(Loop(f"d{i}", e, REDUCTION if i in summed else LoopKind.PARALLEL) for i, e in enumerate(extents))
    read = Access(0, False, tuple(dense_axis(i, e) for i, e in enumerate(extents)), bits[0])
    kept = tuple(dense_axis(i, e) for i, e in enumerate(extents) if i not in summed)
    agrees(LoopNest(loops, (read, Access(0, True, kept, *bits))))


@SETTINGS
@given(st.integers(1, 4), st.integers(1, 6), st.booleans())
def test_swept_rows(rows: int, columns: int, has_scale: bool) -> None:
    axes = (dense_axis(0, rows), dense_axis(1, columns))
    scale = (Access(1, False, (dense_axis(1, columns),), 8),) if has_scale else ()
    accesses = (Access(0, False, axes, 8), *scale, Access(0, True, axes, 8))
    agrees(LoopNest((Loop("n", rows), Loop("d", columns)), accesses, sweeps=2, swept=frozenset({1})))


@SETTINGS
@given(*[st.integers(1, 4)] * 3)
def test_recurrences(steps: int, hidden: int, inputs: int) -> None:
    nest = LoopNest(
        (Loop("t", steps, LoopKind.SEQUENTIAL), Loop("h", hidden), Loop("c", inputs, REDUCTION)),
        (
            Access(0, False, (dense_axis(0, steps), dense_axis(2, inputs)), 8),
            Access(1, False, (dense_axis(1, hidden), dense_axis(2, inputs)), 8),
            Access(0, True, (dense_axis(0, steps), dense_axis(1, hidden)), 8, 32),
            Access(1, True, (dense_axis(1, hidden),), 8, 8),
        ),
    )
    agrees(nest)


@SETTINGS
@given(st.integers(1, 6), st.integers(1, 3), st.integers(1, 3), st.integers(0, 1))
def test_scattered_windows(size: int, taps: int, stride: int, crop: int) -> None:
    """A transposed convolution: windows of the result overlap."""
    extent = max(1, stride * (size - 1) + taps - 2 * crop)
    result = AxisMap((Term(0, stride), Term(1)), extent, -crop)
    nest = LoopNest(
        (Loop("i", size), Loop("f", taps, REDUCTION), Loop("k", 2)),
        (
            Access(0, False, (dense_axis(0, size),), 8),
            Access(1, False, (dense_axis(2, 2), dense_axis(1, taps)), 8),
            Access(0, True, (dense_axis(2, 2), result), 8, 32),
        ),
    )
    agrees(nest)


@settings(SETTINGS, max_examples=60)
@given(st.tuples(*[st.integers(1, 300)] * 3), st.integers(1, 10**6))
def test_matmul_never_beats_the_lower_bound(shape: tuple[int, int, int], capacity: int) -> None:
    m, n, k = shape
    axes = ((0, 2), (2, 1), (0, 1))
    loops = (Loop("m", m), Loop("n", n), Loop("k", k, REDUCTION))
    accesses = tuple(
        Access(0, write, tuple(dense_axis(i, loops[i].extent) for i in dims), 8, 8 * write)
        for dims, write in zip(axes, (False, False, True), strict=True)
    )
    nest = LoopNest(loops, accesses)
    point = reuse_curve(nest).at(capacity)
    # arXiv 1702.02017: 2 MNK / sqrt(S) - 2 S words, S words held.
    held = max(capacity, point.footprint_bytes)
    assert point.total_bytes >= 2 * m * n * k / math.sqrt(held) - 2 * held
    assert point.total_bytes >= sum(compulsory_bytes(nest))


@settings(SETTINGS, max_examples=25)
@given(st.tuples(*(st.integers(1, top) for top in (40, 40, 60, 5))), st.integers(1, 3), st.integers(1, 6))
def test_every_curve_falls_to_what_is_compulsory(shape: tuple[int, int, int, int], stride: int, dilation: int) -> None:
    k, c, o, f = shape
    image = stride * (o - 1) + dilation * (f - 1) + 1
    nest = LoopNest(
        (Loop("k", k), Loop("c", c, REDUCTION), Loop("o", o), Loop("f", f, REDUCTION)),
        (
            Access(0, False, (dense_axis(1, c), AxisMap((Term(2, stride), Term(3, dilation)), image)), 8),
            Access(1, False, (dense_axis(0, k), dense_axis(1, c), dense_axis(3, f)), 8),
            Access(0, True, (dense_axis(0, k), dense_axis(2, o)), 8, 32),
        ),
    )
    curve = reuse_curve(nest)
    assert np.all(np.diff(curve.capacity_bytes) > 0)
    assert np.all(np.diff(curve.total_bytes) < 0)
    touched = len({stride * i + dilation * j for i in range(o) for j in range(f)})
    assert curve.floor.access_bytes == (c * touched, k * c * f, k * o)


@pytest.mark.parametrize("shape", [(5, 1, 7), (1, 6, 1)])
def test_vectors(shape: tuple[int, int, int]) -> None:
    m, n, k = shape
    nest = LoopNest(
        (Loop("m", m), Loop("n", n), Loop("k", k, REDUCTION)),
        (
            Access(0, False, (dense_axis(0, m), dense_axis(2, k)), 8),
            Access(1, False, (dense_axis(2, k), dense_axis(1, n)), 8),
            Access(0, True, (dense_axis(0, m), dense_axis(1, n)), 8, 32),
        ),
    )
    agrees(nest)
