"""Loop nests of operators that cut out or pad: the elements that their maps touch are those that numpy takes."""

from __future__ import annotations

import itertools

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles.build import T, cost

from onnxroof.dtypes import DType
from onnxroof.ir.loopnest import LoopNest
from onnxroof.mapping.curve import reuse_curve
from onnxroof.mapping.footprint import compulsory_bytes

I64 = DType.INT64
modest = settings(max_examples=40, deadline=None)


def pairs(nest: LoopNest) -> set[tuple[tuple[int, ...], tuple[int, ...]]]:
    """(Where a point writes, what it reads), by walking the nest; what lies in the padding is not read."""
    read, written = nest.accesses
    found = set()
    for point in itertools.product(*(range(loop.extent) for loop in nest.loops)):
        places = []
        for access in (written, read):
            index = tuple(sum(t.stride * point[t.loop] for t in a.terms) + a.offset for a in access.axes)
            is_inside = all(0 <= i < a.extent for i, a in zip(index, access.axes, strict=True))
            places.append(index if is_inside else None)
        if places[1] is not None:
            assert places[0] is not None
            found.add((places[0], places[1]))
    return found


def by_numpy(source: np.ndarray, result: np.ndarray) -> set[tuple[tuple[int, ...], tuple[int, ...]]]:
    """The same of arrays: `source` numbers its elements from 1 on, `result` is 0 where it is padding."""
    return {
        (tuple(map(int, place)), tuple(map(int, np.unravel_index(result[tuple(place)] - 1, source.shape))))
        for place in np.argwhere(result)
    }


def numbered(shape: tuple[int, ...]) -> np.ndarray:
    return np.arange(1, int(np.prod(shape)) + 1).reshape(shape)


@modest
@given(st.data())
def test_a_slice_walks_what_it_selects(data: st.DataObject) -> None:
    shape = data.draw(st.lists(st.integers(1, 6), min_size=1, max_size=3).map(tuple))
    axes = data.draw(st.permutations(range(len(shape))))[: data.draw(st.integers(1, len(shape)))]
    starts, ends, steps = [], [], []
    cut = [slice(None)] * len(shape)
    for axis in axes:
        step = data.draw(st.sampled_from([-3, -2, -1, 1, 2, 3]))
        first = data.draw(st.integers(0, shape[axis] - 1))
        # Past the ends and from behind, as exporters write them.
        start = data.draw(st.sampled_from([first, first - shape[axis]])) if step > 0 or first else first
        starts.append(start)
        ends.append(2**31 if step > 0 else -(2**31))
        steps.append(step)
        cut[axis] = slice(first, None, step)
    source = numbered(shape)
    result = source[tuple(cut)]
    vectors = [T((len(axes),), I64, value=values) for values in (starts, ends, axes, steps)]
    found = cost("Slice", [shape, *vectors], [result.shape])
    assert found.nest is not None
    assert pairs(found.nest) == by_numpy(source, result)
    assert sum(compulsory_bytes(found.nest)) == found.read_bytes + found.write_bytes == 2 * 4 * result.size


def test_a_slice_from_where_data_say_has_no_nest() -> None:
    assert cost("Slice", [(6,), T((1,), I64), T((1,), I64)], [(4,)]).nest is None
    steps = [T((1,), I64, value=[0]), T((1,), I64), T((1,), I64, value=[0]), T((1,), I64)]
    assert cost("Slice", [(6,), *steps], [(4,)]).nest is None


@modest
@given(st.lists(st.tuples(st.integers(1, 6), st.integers(1, 6)), min_size=1, max_size=3))
def test_the_middle_of_one_lies_in_the_middle_of_the_other(sizes: list[tuple[int, int]]) -> None:
    before, after = tuple(a for a, _ in sizes), tuple(b for _, b in sizes)
    found = cost("CenterCropPad", [before, T((len(sizes),), I64, value=after)], [after])
    if before == after:
        assert found.nest is None
        assert found.read_bytes == found.write_bytes == 0
        return
    # The standard: of an odd difference the larger part is behind.
    source = numbered(before)
    for axis, (old, new) in enumerate(sizes):
        lead = abs(old - new) // 2
        if old > new:
            source = np.take(source, range(lead, lead + new), axis)
        else:
            source = np.pad(source, [(lead, new - old - lead) if n == axis else (0, 0) for n in range(len(sizes))])
    assert found.nest is not None
    assert pairs(found.nest) == by_numpy(numbered(before), source)


@modest
@given(st.integers(2, 6), st.integers(2, 6), st.data(), st.sampled_from(["constant", "reflect", "edge", "wrap"]))
def test_padding_moves_as_much_in_every_mode(rows: int, columns: int, data: st.DataObject, mode: str) -> None:
    pads = [data.draw(st.integers(0, extent - 1)) for extent in (rows, columns, rows, columns)]
    result = (rows + pads[0] + pads[2], columns + pads[1] + pads[3])
    found = cost("Pad", [(rows, columns), T((4,), I64, value=pads)], [result], {"mode": mode})
    if not any(pads):
        assert found.nest is None
        return
    assert found.nest is not None
    # An element comes in once and is written to all its places while it is there: one element in and one out.
    curve = reuse_curve(found.nest)
    assert curve.total_bytes.tolist() == [found.read_bytes + found.write_bytes]
    assert curve.capacity_bytes.tolist() == [8]
    inner = (slice(pads[0], pads[0] + rows), slice(pads[1], pads[1] + columns))
    padded = np.zeros(result, dtype=int)
    padded[inner] = numbered((rows, columns))
    assert pairs(found.nest) == by_numpy(numbered((rows, columns)), padded)
    # But a tile of a mirrored border needs elements that the map does not name: no tile of a fused group.
    assert found.repeats == (mode != "constant")
