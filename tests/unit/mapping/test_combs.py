"""Tables of windows of two counters against elements listed one by one."""

from __future__ import annotations

import itertools

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from onnxroof.mapping.combs import comb_tables


def listed(
    counts: tuple[int, int], step: int, offset: int, extent: int, size: tuple[int, int]
) -> tuple[int, int, tuple[int, int]]:
    """Elements of all tiles, of the largest, and those that come in when tiles slide along each counter."""
    tiles: dict[tuple[int, int], set[int]] = {}
    for tooth, place in itertools.product(*map(range, counts)):
        element = step * tooth + place + offset
        found = tiles.setdefault((tooth // size[0], place // size[1]), set())
        if 0 <= element < extent:
            found.add(element)
    total = sum(map(len, tiles.values()))
    before = [[(-1, 0)], [(0, -1)]]
    shared = [
        sum(len(tiles[a, b] & tiles.get((a + da, b + db), set())) for (a, b) in tiles for da, db in moved)
        for moved in before
    ]
    return total, max(map(len, tiles.values())), (total - shared[0], total - shared[1])


@settings(derandomize=True, deadline=None, max_examples=60, database=None)
@given(
    teeth=st.integers(1, 9),
    places=st.integers(1, 8),
    step=st.integers(1, 6),
    offset=st.integers(-7, 3),
    less=st.integers(-3, 9),
)
def test_all_tiles_of_all_sizes_as_listed(teeth: int, places: int, step: int, offset: int, less: int) -> None:
    extent = max(1, step * (teeth - 1) + places + offset - less)
    sizes = (range(1, teeth + 1), range(1, places + 1))
    total, peak, slides = comb_tables((teeth, places), step, offset, extent, sizes)
    for a, b in itertools.product(*sizes):
        place = (a - 1, b - 1)
        assert listed((teeth, places), step, offset, extent, (a, b)) == (
            total[place], peak[place], (slides[0][place], slides[1][place]),
        )  # fmt: skip


def test_single_taps_of_a_stride_skip_every_other_element() -> None:
    # Outputs 2*o + f - 1 with o < 4, f < 3 over 8 elements: from -1, the padding, to 7. With all outputs and one tap at
    # a time: f = 0 touches 1, 3, 5; f = 1 touches 0, 2, 4, 6; f = 2 touches 1, 3, 5, 7: 11, at most 4; sliding along
    # the taps shares nothing.
    total, peak, slides = comb_tables((4, 3), 2, -1, 8, ([4], [1, 3]))
    assert np.array_equal(total, [[11, 8]])
    assert np.array_equal(peak, [[4, 8]])
    assert np.array_equal(slides[1], [[11, 8]])
