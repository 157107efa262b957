"""What tiles of two counters span inside an axis, against all of them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from onnxroof.mapping import hulls as module
from onnxroof.mapping.hulls import hulls

Terms = tuple[tuple[int, int], tuple[int, int]]


def spans(terms: Terms, offset: int, extent: int, sizes: tuple[int, int]) -> list[int]:
    """From the first to the last element of each tile inside the axis, by its ends."""
    found = []
    (count, stride), (other, apart) = terms
    for i in range(0, count, sizes[0]):
        for j in range(0, other, sizes[1]):
            first = offset + stride * i + apart * j
            last = offset + stride * (min(i + sizes[0], count) - 1) + apart * (min(j + sizes[1], other) - 1)
            found.append(max(min(last + 1, extent), 0) - max(min(first, extent), 0))
    return found


@settings(derandomize=True, deadline=None, max_examples=150, database=None)
@given(
    st.tuples(st.integers(1, 24), st.integers(1, 7)), st.tuples(st.integers(1, 24), st.integers(1, 7)),
    st.integers(-200, 20), st.integers(1, 120), st.data(),
)  # fmt: skip
@pytest.mark.parametrize("walked", [-1, module.WALKED])
def test_tiles_of_two_counters(
    walked: int, first: tuple[int, int], second: tuple[int, int], offset: int, extent: int, data: st.DataObject
) -> None:
    sizes = [sorted({1, count, data.draw(st.integers(1, count))}) for count, _ in (first, second)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "WALKED", walked)
        total, peak = hulls((first, second), offset, extent, [np.array(of) for of in sizes])
    for i, one in enumerate(sizes[0]):
        for j, other in enumerate(sizes[1]):
            expected = spans((first, second), offset, extent, (one, other))
            assert (total[i, j], peak[i, j]) == (sum(expected), max(expected))


def test_half_a_billion_taps_over_eight_elements() -> None:
    # 500,000,009 outputs, as many taps but 9, 500,000,000 elements of padding on both sides.
    taps = 500_000_000
    sizes = [np.array([1, taps + 9]), np.array([1, taps])]
    total, peak = hulls(((taps + 9, 1), (taps, 1)), -taps, 8, sizes)
    # One output and one tap: element e is where output and tap add up to taps + e, so that each tap meets it once.
    assert total[0, 0] == 8 * taps
    # One output touches elements o - taps to o - 1: all eight but of the first and the last few.
    assert total[0, 1] == sum(min(o, 8) - max(0, o - taps) for o in (*range(9), *range(taps, taps + 9))) + 8 * (
        taps - 9
    )
    # One tap of all outputs touches all eight.
    assert total[1, 0] == 8 * taps
    assert total[1, 1] == 8
    assert peak.tolist() == [[1, 8], [8, 8]]


def test_an_axis_that_is_too_long_is_bounded_from_above() -> None:
    # As many outputs as taps: as if each tile were inside, one output and one tap in all pairs of them.
    count = 2**40
    sizes = [np.array([1, count]), np.array([1, count])]
    total, peak = hulls(((count, 1), (count, 1)), -count, 8, sizes)
    assert total.tolist() == [[count * count, 8 * count], [8 * count, 8]]
    assert peak.tolist() == [[1, 8], [8, 8]]
