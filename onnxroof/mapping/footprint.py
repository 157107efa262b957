"""What does a tile of a loop nest touch? Elements of each operand in one tile, over all tiles, and in all.

Everything is a table over candidate tile sizes, one for each operand dimension, so that any number of tiles is
evaluated by broadcasting. Notation and formulas of touched windows follow the usual one for convolutions: `t_o`
outputs and `t_f` taps touch `s*(t_o - 1) + d*(t_f - 1) + 1` consecutive elements, less what is padding.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from onnxroof.costs.windows import Window as Spots
from onnxroof.costs.windows import touched
from onnxroof.ir.loopnest import Access, AxisMap, LoopNest, is_dense
from onnxroof.mapping.canonical import canonical
from onnxroof.mapping.combs import comb_tables
from onnxroof.mapping.hulls import hulls

__all__ = ["Indices", "OperandTable", "TileTables", "bare_operands", "compulsory_bytes", "tile_tables"]

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

Indices = Sequence[IntArray]
"""For each loop, positions in its list of tile sizes; the arrays broadcast against each other."""


@dataclass(frozen=True, slots=True, eq=False)
class Window:
    """Elements touched along one dimension whose index several loops share, or that reaches into the padding.

    Tables have one axis for each of `loops`, along its tile sizes.

    Attributes:
        loops: Numbers of the loops.
        points: Combinations of their counters.
        total: Sum over all tiles of the elements that a tile touches.
        peak: Most elements that one tile touches.
        slides: By position in `loops`: as `total`, where each step along that loop fetches only what the step
            before did not touch.
    """

    loops: tuple[int, ...]
    points: int
    total: FloatArray
    peak: FloatArray
    slides: tuple[FloatArray, ...]

    @property
    def touches_always(self) -> bool:
        """Whether every combination of the counters is inside the operand: none is padding."""
        return self.points == self.total.flat[0]

    def fetched(self, slide: int | None) -> FloatArray:
        """`total`, or the table for sliding along loop number `slide` if this dimension depends on it."""
        return self.slides[self.loops.index(slide)] if slide in self.loops else self.total


@dataclass(frozen=True, slots=True, eq=False)
class OperandTable:
    """What the tiles of one operand touch.

    Attributes:
        access: The operand.
        loops: Loops that it depends on.
        sliding: Those along which neighbouring tiles overlap.
        whole: Elements of the dimensions that no loop walks.
        dense: Loops that walk a dimension of their own.
        windows: The other dimensions.
        distinct: Elements that the nest touches in all.
        unfinished: For an output the loops over which it is summed: where one is cut, a tile may hold partial sums.
    """

    access: Access
    loops: frozenset[int]
    sliding: frozenset[int]
    whole: int
    dense: tuple[int, ...]
    windows: tuple[Window, ...]
    distinct: float
    unfinished: frozenset[int]

    @property
    def widens(self) -> bool:
        """Whether a partial sum is wider than a final element."""
        return self.access.is_write and self.access.partial_bits > self.access.bits


@dataclass(frozen=True, slots=True, eq=False)
class TileTables:
    """Tile sizes of each loop (ascending, from 1 to the extent), trip counts, and tables of the operands."""

    nest: LoopNest
    sizes: tuple[IntArray, ...]
    trips: tuple[FloatArray, ...]
    operands: tuple[OperandTable, ...]

    def of(self, nest: LoopNest) -> TileTables:
        """The same of a nest that differs in the widths of its elements alone."""
        pairs = zip(self.operands, nest.accesses, strict=True)
        return replace(self, nest=nest, operands=tuple([replace(operand, access=access) for operand, access in pairs]))

    def footprint_bytes(self, index: Indices, held: Collection[int] | None = None) -> FloatArray:
        """Bytes of one tile of every operand together, or of those `held`, for each tile of `index`."""
        total = np.zeros(())
        for number, operand in enumerate(self.operands):
            if held is not None and number not in held:
                continue
            total = total + self.held_elements(operand, index) * self._held_bytes(operand, index)
        return total

    def held_elements(self, operand: OperandTable, index: Indices) -> FloatArray:
        """Elements of the largest tile of an operand."""
        elements = np.asarray(float(operand.whole))
        for loop in operand.dense:
            elements = elements * self.sizes[loop][index[loop]]
        for window in operand.windows:
            elements = elements * window.peak[tuple(index[loop] for loop in window.loops)]
        return elements

    def fetched_elements(self, operand: OperandTable, slide: int | None, index: Indices) -> FloatArray:
        """Sum over the distinct tiles of an operand of what each must fetch, when its tiles slide along `slide`."""
        elements = np.asarray(float(operand.whole * math.prod(self.nest.loops[loop].extent for loop in operand.dense)))
        for window in operand.windows:
            elements = elements * window.fetched(slide)[tuple(index[loop] for loop in window.loops)]
        return elements

    def _held_bytes(self, operand: OperandTable, index: Indices) -> FloatArray:
        access = operand.access
        if not operand.widens:
            return np.asarray(access.bits / 8)
        is_partial = np.asarray(False)
        for loop in operand.unfinished - operand.loops:
            is_partial = is_partial | (self.trips[loop][index[loop]] > 1)
        for window in operand.windows:
            # Tiles that overlap sum into the same elements.
            is_partial = is_partial | (window.total[tuple(index[n] for n in window.loops)] > window.total.flat[-1])
        return np.where(is_partial, access.partial_bits / 8, access.bits / 8)


def tile_tables(nest: LoopNest, sizes: Sequence[IntArray]) -> TileTables:
    """Tables for a canonical nest and ascending tile sizes of each loop, 1 and the extent among them."""
    trips = tuple(-(-loop.extent // size).astype(float) for loop, size in zip(nest.loops, sizes, strict=True))
    bare = bare_operands(nest)
    if all(not axes for _, axes in bare):
        return TileTables(nest, tuple(sizes), trips, tuple(operand for operand, _ in bare))
    listed = [tuple(size.tolist()) for size in sizes]
    return TileTables(nest, tuple(sizes), trips, tuple(_with_windows(nest, *one, listed) for one in bare))


@lru_cache(maxsize=4096)
def compulsory_bytes(nest: LoopNest) -> tuple[int, ...]:
    """Bytes of each operand when every distinct element that the nest touches crosses once; padding does not."""
    if nest.points == 0:
        return (0,) * len(nest.accesses)
    plain = canonical(nest).nest
    found = []
    for operand, axes in bare_operands(plain):
        elements = operand.distinct * math.prod(
            _touched(_terms(axis, plain), axis.offset, axis.extent) for axis in axes
        )
        found.append(math.ceil(elements * operand.access.bits / 8))
    return tuple(found)


@lru_cache(maxsize=4096)
def bare_operands(nest: LoopNest) -> tuple[tuple[OperandTable, tuple[AxisMap, ...]], ...]:
    """The operands of a canonical nest without their windows, and the dimensions that these are along."""
    found = []
    for access in nest.accesses:
        dense: list[int] = []
        axes: list[AxisMap] = []
        whole = 1
        for axis in access.axes:
            if not axis.terms:
                whole *= axis.extent
            elif is_dense(axis, nest.loops):
                dense.append(axis.terms[0].loop)
            else:
                axes.append(axis)
        loops = access.loops
        shared = frozenset(term.loop for axis in axes if len(axis.terms) > 1 for term in axis.terms)
        distinct = float(whole * math.prod(nest.loops[loop].extent for loop in dense))
        unfinished = (frozenset(range(len(nest.loops))) - loops) | shared if access.is_write else frozenset()
        operand = OperandTable(access, loops, shared, whole, tuple(dense), (), distinct, unfinished)
        found.append((operand, tuple(axes)))
    return tuple(found)


def _with_windows(
    nest: LoopNest, operand: OperandTable, axes: Sequence[AxisMap], sizes: Sequence[tuple[int, ...]]
) -> OperandTable:
    if not axes:
        return operand
    windows, distinct = [], operand.distinct
    for axis in axes:
        loops, terms = tuple(term.loop for term in axis.terms), _terms(axis, nest)
        total, peak, slides = _window_tables(terms, axis.offset, axis.extent, tuple(sizes[loop] for loop in loops))
        windows.append(Window(loops, math.prod(count for count, _ in terms), total, peak, slides))
        distinct *= float(total.flat[-1])
    return replace(operand, windows=tuple(windows), distinct=distinct)


def _terms(axis: AxisMap, nest: LoopNest) -> tuple[tuple[int, int], ...]:
    """Extent and stride of each loop."""
    return tuple((nest.loops[term.loop].extent, term.stride) for term in axis.terms)


@lru_cache(maxsize=1024)
def _touched(terms: tuple[tuple[int, int], ...], offset: int, extent: int) -> int:
    """Elements in [0, extent) that sum(stride * counter) + offset takes."""
    reach = 0
    for count, stride in sorted(terms, key=lambda term: term[1]):
        if count > 1 and stride > reach + 1:
            if len(terms) > 2:
                return _distinct(terms, offset, extent)
            (positions, step), (taps, apart) = (*terms, (1, 1))[:2]
            return touched(Spots(positions, taps, step, apart, -offset, extent))
        reach += stride * (count - 1)
    return max(0, min(extent, offset + reach + 1) - max(0, offset))


_Tables = tuple[FloatArray, FloatArray, tuple[FloatArray, ...]]


EVERY = 1 << 15
"""With no more tiles of all sizes together, those of all sizes are looked at, since more will be asked for."""

MARKS = 1 << 22
"""Up to so many marks (tiles times elements of the dimension) the elements of a window with gaps are marked."""


@lru_cache(maxsize=1024)
def _window_tables(
    terms: tuple[tuple[int, int], ...], offset: int, extent: int, sizes: tuple[tuple[int, ...], ...]
) -> _Tables:
    """`total`, `peak` and `slides` of a `Window`; `terms` are (loop extent, stride)."""
    marks = extent * math.prod(sum(-(-n // size) for size in of) for (n, _), of in zip(terms, sizes, strict=True))
    if marks <= MARKS and len(terms) == 2 and 1 in (terms[0][1], terms[1][1]):
        every = _every_comb(terms, offset, extent)
        return (
            _combs(terms, offset, extent, sizes) if every is None else _at([[n - 1 for n in of] for of in sizes], every)
        )
    known = _largest_table(terms, offset, extent)
    if known and all(set(few) <= set(many) for few, many in zip(sizes, known[0][0], strict=True)):
        return _picked(*known[0], sizes)
    has_gap, solid, pieces = _gaps(terms, sizes)
    total, peak = hulls(terms, offset, extent, [np.array(size, dtype=np.int64) for size in sizes])
    peak = np.minimum(peak, peak[solid] * pieces)
    total = np.minimum(total, total[solid])
    total.flat[-1] = _touched(terms, offset, extent)
    peak = np.minimum(peak, total.flat[-1])
    # A tile with gaps is taken to fetch all of itself at each step.
    slides = tuple(
        np.where(has_gap | np.take(has_gap, [-1], axis=n), total, np.minimum(total, np.take(total, [-1], axis=n)))
        for n in range(len(terms))
    )
    if marks <= MARKS:
        falls_apart = _has_any_gap(terms, sizes)
        for number in range(len(terms)):  # what slides along a loop touches in the end what its whole extent does
            falls_apart = falls_apart | np.take(falls_apart, [-1], axis=number)
        picked = zip(*(part.tolist() for part in np.nonzero(falls_apart)), strict=True)
        _listed(terms, offset, extent, sizes, picked, (total, peak, slides))
        if not known or total.size > known[0][1][0].size:
            known[:] = [(sizes, (total, peak, slides))]
    return total, peak, slides


@lru_cache(maxsize=1024)
def _every_comb(terms: tuple[tuple[int, int], ...], offset: int, extent: int) -> _Tables | None:
    """The tables of all sizes, None where there are too many."""
    if max(count for count, _ in terms) > EVERY >> 3:  # of n counters there are n log n tiles
        return None
    sizes = [range(1, count + 1) for count, _ in terms]
    tiles = math.prod(sum(-(-len(of) // size) for size in of) for of in sizes)
    return _combs(terms, offset, extent, sizes) if tiles <= EVERY else None


def _combs(terms: Sequence[tuple[int, int]], offset: int, extent: int, sizes: Sequence[Sequence[int]]) -> _Tables:
    """The tables of two counters of which one steps over single elements: of two, the shorter."""
    places = min((0, 1), key=lambda number: terms[number][::-1])
    teeth = 1 - places
    counts, tried = (terms[teeth][0], terms[places][0]), (sizes[teeth], sizes[places])
    total, peak, slides = comb_tables(counts, terms[teeth][1], offset, extent, tried)
    return (total, peak, slides) if teeth == 0 else (total.T, peak.T, (slides[1].T, slides[0].T))


@lru_cache(maxsize=1024)
def _largest_table(
    _terms: tuple[tuple[int, int], ...], _offset: int, _extent: int
) -> list[tuple[tuple[tuple[int, ...], ...], _Tables]]:
    """The sizes and tables with most entries so far, for those who ask for some of them: an entry depends on no other.

    Empty before the first. Only tables of which every entry is as exact as can be are kept.
    """
    return []


def _picked(sizes: Sequence[Sequence[int]], tables: _Tables, picked: Sequence[Sequence[int]]) -> _Tables:
    """Of tables over `sizes` those over some of them."""
    return _at([[of.index(size) for size in few] for of, few in zip(sizes, picked, strict=True)], tables)


def _at(places: Sequence[Sequence[int]], tables: _Tables) -> _Tables:
    """Some rows and columns of tables."""
    mesh = np.ix_(*places)
    total, peak, slides = tables
    return total[mesh], peak[mesh], tuple(slide[mesh] for slide in slides)


def _gaps(
    terms: Sequence[tuple[int, int]], sizes: Sequence[Sequence[int]]
) -> tuple[npt.NDArray[np.bool_], tuple[IntArray, ...], FloatArray]:
    """Which tiles fall apart into pieces that are consecutive each; the sizes (as positions) and number of the pieces.

    They do where a stride exceeds what the smaller strides cover. From there on each counter gives a piece of its own.
    """
    index = np.indices(tuple(len(choice) for choice in sizes))
    has_gap = np.zeros(index.shape[1:], dtype=bool)
    pieces = np.ones(index.shape[1:])
    solid = list(index)
    reach = np.zeros(index.shape[1:], dtype=np.int64)
    for number in sorted(range(len(terms)), key=lambda n: terms[n][1]):
        size = np.array(sizes[number], dtype=np.int64)[index[number]]
        has_gap = has_gap | ((size > 1) & (terms[number][1] > reach + 1))
        solid[number] = np.where(has_gap, 0, index[number])
        pieces = np.where(has_gap, pieces * size, pieces)
        reach = reach + terms[number][1] * (size - 1)
    return has_gap, tuple(solid), pieces


def _has_any_gap(terms: Sequence[tuple[int, int]], sizes: Sequence[Sequence[int]]) -> npt.NDArray[np.bool_]:
    """Whether some tile falls apart, the last ones of each loop, which may be smaller, among them."""
    has_gap = np.zeros(tuple(len(choice) for choice in sizes), dtype=bool)
    reach = np.zeros(has_gap.shape, dtype=np.int64)
    for number in sorted(range(len(terms)), key=lambda n: terms[n][1]):
        count, stride = terms[number]
        along = [-1 if n == number else 1 for n in range(len(terms))]
        size = np.array(sizes[number], dtype=np.int64).reshape(along)
        has_gap |= (size > 1) & (stride > reach + 1)
        reach += stride * ((count - 1) % size)
    return has_gap


def _listed(
    terms: Sequence[tuple[int, int]],
    offset: int,
    extent: int,
    sizes: Sequence[Sequence[int]],
    picked: Iterable[tuple[int, ...]],
    tables: tuple[FloatArray, FloatArray, tuple[FloatArray, ...]],
) -> None:
    """Fills in `total`, `peak` and `slides` for the sizes `picked`, by marking the elements of each tile."""
    total, peak, slides = tables
    picked = list(picked)
    if not picked:
        return
    counters = [np.arange(count) for count, _ in terms]
    index = np.asarray(offset)
    for counter, (_, stride) in zip(counters, terms, strict=True):
        index = np.add.outer(index, stride * counter)
    is_inside = (index >= 0) & (index < extent)
    points, elements = np.nonzero(is_inside), index[is_inside]
    tiles = [[point // step for step in of] for point, of in zip(points, sizes, strict=True)]
    trips = [[-(-count // step) for step in of] for (count, _), of in zip(terms, sizes, strict=True)]
    for pick in picked:
        shape = (*(of[choice] for of, choice in zip(trips, pick, strict=True)), extent)
        place = tiles[0][pick[0]]
        for number, choice in enumerate(pick[1:], start=1):
            place = place * shape[number] + tiles[number][choice]
        touched = np.zeros(math.prod(shape), dtype=bool)
        touched[place * extent + elements] = True
        marked = np.flatnonzero(touched)
        touched = touched.reshape(shape)
        total[pick], peak[pick] = len(marked), np.bincount(marked // extent).max(initial=0)
        for number, slide in enumerate(slides):
            before = (slice(None),) * number
            both = touched[(*before, slice(1, None))] & touched[(*before, slice(-1))]
            slide[pick] = len(marked) - np.count_nonzero(both)


def _distinct(terms: Sequence[tuple[int, int]], offset: int, extent: int) -> int:
    """Elements in [0, extent) that sum(stride * counter) + offset takes, by marking them."""
    touched = np.zeros(extent, dtype=bool)
    (count, stride), *others = sorted(terms, reverse=True)
    for starts in itertools.product(*(range(0, n * s, s) for n, s in others)):
        first = offset + sum(starts)
        skipped = max(0, -(first // stride))
        touched[first + skipped * stride : max(0, first + count * stride) : stride] = True
    return int(touched.sum())
