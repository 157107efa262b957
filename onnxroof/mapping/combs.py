"""What do the tiles of a window of two counters touch, of which one steps over single elements?

A tile of such a window is a comb: teeth as wide as its part of the counter that steps over single elements, as far
apart as the other steps. Where the teeth are as wide as they are apart, it is one run of elements.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

__all__ = ["comb_tables"]

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]


def comb_tables(
    counts: tuple[int, int], step: int, offset: int, extent: int, sizes: tuple[Sequence[int], Sequence[int]]
) -> tuple[FloatArray, FloatArray, tuple[FloatArray, FloatArray]]:
    """`total`, `peak` and `slides` of a `Window` over elements step * tooth + place + offset inside [0, extent).

    Args:
        counts: Of teeth and of places.
        step: From tooth to tooth.
        offset: Of the first element.
        extent: Of the dimension.
        sizes: Of tiles of teeth and of places, the two axes of the tables.
    """
    (first, end, of_teeth), (begin, stop, of_places) = map(_tiles, counts, sizes)
    begin, width = begin[:, None], (stop - begin)[:, None]
    start = offset + begin + step * np.arange(counts[0])  # of each tooth of each tile of places
    is_comb = width < step

    def inside(position: IntArray) -> IntArray:
        least: IntArray = np.minimum(np.maximum(position, 0), extent)
        return least

    def summed(widths: IntArray) -> IntArray:
        """Elements of teeth of some width that lie before each."""
        found = np.zeros((len(start), counts[0] + 1), dtype=np.int64)
        np.cumsum(inside(start + widths) - inside(start), axis=1, out=found[:, 1:])
        return found

    low, high = inside(start[:, first]), inside(start[:, end - 1] + width)
    teeth = summed(width)
    touched = np.where(is_comb, teeth[:, end] - teeth[:, first], high - low)
    # What a tile shares with the next one of teeth: only runs share something.
    by_teeth = np.where(is_comb, 0, high[:, :-1] - low[:, 1:])
    by_teeth[:, of_teeth[1:] - 1] = 0
    # With the next one of places, which are as many or, at the end, fewer: what of a run is in it as a run or as teeth;
    # of a comb what fills its gap and reaches into the next of its teeth.
    mine, next_ = slice(None, -1), slice(1, None)
    run = inside(start[mine, end - 1] + width[mine]) - low[next_]
    within = teeth[next_, end - 1] - teeth[next_, first]
    reach = np.zeros_like(width)
    reach[mine] = np.maximum(width[mine] + width[next_] - step, 0)
    over = summed(reach)
    beside = over[mine, end] - over[mine, first + 1]
    by_places = np.where(is_comb[mine], beside, np.where(is_comb[next_], within, run))
    by_places[of_places[1:] - 1] = 0

    def table(values: IntArray, join: np.ufunc) -> IntArray:
        found: IntArray = join.reduceat(join.reduceat(values, of_teeth, axis=1), of_places, axis=0).T
        return found

    total, peak = table(touched, np.add), table(touched, np.maximum)
    zero = np.zeros((len(start), 1), dtype=np.int64)
    slides = (
        total - table(np.concatenate((by_teeth, zero), axis=1), np.add),
        total - table(np.concatenate((by_places, zero[:1].repeat(len(first), axis=1))), np.add),
    )
    return total.astype(float), peak.astype(float), (slides[0].astype(float), slides[1].astype(float))


def _tiles(count: int, sizes: Sequence[int]) -> tuple[IntArray, IntArray, IntArray]:
    """First counter and end of all tiles of each size, one size after the other, and the first tile of each size."""
    starts = [np.arange(0, count, size) for size in sizes]
    first = np.concatenate(starts)
    lengths = [len(start) for start in starts]
    end = np.minimum(first + np.repeat(sizes, lengths), count)
    of_size = np.cumsum([0, *lengths[:-1]])
    return first, end, of_size
