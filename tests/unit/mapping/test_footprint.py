"""Elements that tiles of windows touch, against sets of them."""

import itertools
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from onnxroof.ir.loopnest import Access, AxisMap, Loop, LoopKind, LoopNest, Term
from onnxroof.mapping import footprint
from onnxroof.mapping.footprint import Window, tile_tables
from onnxroof.mapping.tiling import tile_sizes


class Shape(NamedTuple):
    """A window along one dimension of an image."""

    outputs: int
    taps: int
    stride: int
    dilation: int
    image: int
    pad: int

    def tables(self) -> tuple[Window, list[list[int]]]:
        nest = LoopNest(
            (Loop("o", self.outputs), Loop("f", self.taps, LoopKind.REDUCTION)),
            (Access(0, False, (AxisMap((Term(0, self.stride), Term(1, self.dilation)), self.image, -self.pad),), 8),),
        )
        sizes = [tile_sizes(self.outputs), tile_sizes(self.taps)]
        (found,) = tile_tables(nest, sizes).operands[0].windows
        return found, [size.tolist() for size in sizes]

    def touched(self, o: range, f: range) -> set[int]:
        return {i for i in self.indices(o, f) if 0 <= i < self.image}

    def indices(self, o: range, f: range) -> set[int]:
        return {self.stride * a + self.dilation * b - self.pad for a in o for b in f}


@st.composite
def shapes(draw: st.DrawFn) -> Shape:
    outputs, taps, stride, dilation, pad = (
        draw(st.integers(low, top)) for low, top in ((2, 24), (1, 5), (1, 3), (1, 4), (0, 4))
    )
    image = stride * (outputs - 1) + dilation * (taps - 1) + 1 - 2 * pad + draw(st.integers(-1, 1))
    return Shape(outputs, taps, stride, dilation, max(1, image), pad)


def forget() -> None:
    footprint._window_tables.cache_clear()
    footprint._largest_table.cache_clear()


def tiles(extent: int, size: int) -> list[range]:
    return [range(begin, min(begin + size, extent)) for begin in range(0, extent, size)]


@settings(derandomize=True, deadline=None, max_examples=60, database=None)
@given(shapes())
@pytest.mark.parametrize("marked", [0, footprint.MARKS])
def test_tables_of_a_window(marked: int, shape: Shape) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(footprint, "MARKS", marked)
        forget()
        found, sizes = shape.tables()
        forget()
    for (i, t_o), (j, t_f) in itertools.product(enumerate(sizes[0]), enumerate(sizes[1])):
        outer, inner = tiles(shape.outputs, t_o), tiles(shape.taps, t_f)
        counts = [len(shape.touched(o, f)) for o in outer for f in inner]
        slid = sum(
            len(shape.touched(o, f) - (shape.touched(outer[n - 1], f) if n else set()))
            for f in inner
            for n, o in enumerate(outer)
        )
        # Consecutive, all of them: the last tiles are smaller and can fall apart where the others do not.
        is_solid = all(
            len(indices := shape.indices(o, f)) == max(indices) - min(indices) + 1
            for o, f in itertools.product(outer, inner)
        )
        if marked or is_solid:
            assert found.total[i, j] == sum(counts)
            assert found.peak[i, j] == max(counts)
            assert found.slides[0][i, j] == slid
        else:  # never too few
            assert found.total[i, j] >= sum(counts)
            assert found.peak[i, j] >= max(counts)
            assert found.slides[0][i, j] >= slid
    assert found.total[-1, -1] == len(shape.touched(range(shape.outputs), range(shape.taps)))


@settings(derandomize=True, deadline=None, max_examples=60, database=None)
@given(shapes(), st.data())
def test_few_sizes_have_the_figures_that_they_have_among_many(shape: Shape, data: st.DataObject) -> None:
    terms = ((shape.outputs, shape.stride), (shape.taps, shape.dilation))
    few = tuple(tuple(sorted({1, count, data.draw(st.integers(1, count))})) for count in (shape.outputs, shape.taps))
    forget()
    alone = footprint._window_tables(terms, -shape.pad, shape.image, few)
    forget()
    many = tuple(tuple(range(1, count + 1)) for count in (shape.outputs, shape.taps))
    footprint._window_tables(terms, -shape.pad, shape.image, many)
    among = footprint._window_tables(terms, -shape.pad, shape.image, few)
    for one, other in zip((*alone[:2], *alone[2]), (*among[:2], *among[2]), strict=True):
        np.testing.assert_array_equal(one, other)


def test_long_windows_are_not_marked() -> None:
    # A second of audio: 16000 samples, 3 taps 512 apart with padding on the left; every sample is touched.
    found, _ = Shape(16000, 3, 1, 512, 16000, 1024).tables()
    assert found.total[-1, -1] == 16000
    # One output at a time touches its three taps where they are inside: 3 * 16000 - 512 - 1024.
    assert found.total[0, -1] == 3 * 16000 - 512 - 1024
    assert np.all(found.slides[0] <= found.total)


def test_three_terms_that_overlap() -> None:
    # o + 2 p + f for o < 4, p < 3, f < 2: 0 to 3 + 4 + 1.
    nest = LoopNest(
        (Loop("o", 4), Loop("p", 3), Loop("f", 2, LoopKind.REDUCTION)),
        (Access(0, False, (AxisMap((Term(0), Term(1, 2), Term(2)), 9),), 8),),
    )
    (found,) = tile_tables(nest, [np.array([1, 4]), np.array([1, 3]), np.array([1, 2])]).operands[0].windows
    assert found.total[-1, -1, -1] == 9
    assert found.total[0, 0, 0] == 4 * 3 * 2
    assert found.total[1, 0, 1] == 3 * 5  # each p: o + f covers five
