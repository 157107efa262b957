"""How many bytes must cross into a buffer to run a group of operators tile by tile, and what is computed again for it?

A way to run a group is an order of the tiled dimensions, and which of their halos are kept from tile to tile (the
others are computed, or fetched, again); operands from outside come in again for every tile, stay over the dimensions
that they do not depend on, or stay for good. What must fit is the most of all operators in turn: the values that are
alive, what is kept, and a slice of what streams past. For two matrix products this is the algebra of Orojenesis (Huang
et al., ISCA 2024) and FlashAttention, for stacks of convolutions that of DeFiNES (Mei et al., HPCA 2023).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from onnxroof.mapping.passes import Evaluation, Part
from onnxroof.mapping.stacks import Operand, Stack
from onnxroof.mapping.tiles import tiles_of
from onnxroof.mapping.ways import FEW_MEMBERS, Way, cuts_of, halos_of, sizes_of, tiled_dims, ways_of

__all__ = ["WORK_LIMITS", "FusedCurve", "Way", "fused_curve", "fused_step"]

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

WORK_LIMITS = (1.0, 1.1, 1.5, math.inf)
"""A front is kept for each of these multiples of the work."""

WORTH = 0.95
"""Of the steps of a large group that move about the same, down to this part of it, the first is kept."""

_SAME_BYTES = 1e-6
"""Sums of the same numbers in another order differ by less."""


@dataclass(frozen=True, eq=False, kw_only=True)
class FusedCurve:
    """Tiles and ways of a group that may be best, by ascending capacity; S steps, A operands, U units, D dimensions.

    Attributes:
        capacity_bytes: (S,) what a step needs.
        read_bytes, write_bytes: (S, A) what it moves, by operand of the stack.
        work: (S, U) how often the work of each unit is done, 1 where nothing is computed again.
        again_ops: (S,) operations that are done again.
        tiles: (S, D) sizes.
        ways: How each step runs.
    """

    capacity_bytes: FloatArray
    read_bytes: FloatArray
    write_bytes: FloatArray
    work: FloatArray
    again_ops: FloatArray
    tiles: IntArray
    ways: tuple[Way, ...]

    @property
    def total_bytes(self) -> FloatArray:
        """(S,) bytes in both directions."""
        total: FloatArray = self.read_bytes.sum(axis=1) + self.write_bytes.sum(axis=1)
        return total


@lru_cache(maxsize=4096)
def fused_curve(stack: Stack) -> FusedCurve:
    """The curve of a group."""
    used = {span.dim for value in stack.values for span in value.spans} - {-1}
    halos = halos_of(stack)
    parts: list[Part] = []
    for cut in cuts_of(stack, used, halos):
        dims = tiled_dims(stack, used, halos, cut)
        tiles = tiles_of(tuple((dim, sizes) for dim, sizes in sizes_of(stack, dims, halos) if len(sizes) > 1))
        fixed = {dim: sizes[0] for dim, sizes in sizes_of(stack, dims, halos) if len(sizes) == 1}
        shared: dict[object, FloatArray | float] = {}
        for way in ways_of(stack, dims, halos, cut):
            parts += Evaluation(stack, tiles, way, fixed, shared).parts()
    return _front(stack, parts)


def fused_step(stack: Stack, tile: Mapping[int, int], way: Way) -> FusedCurve:
    """The one step of a tile and a way that are given.

    Args:
        stack: A group.
        tile: Size by dimension; the others are not tiled.
        way: How it is run; its order has the dimensions of `tile`.
    """
    evaluation = Evaluation(stack, tiles_of(()), way, dict(tile), {})
    room = sum(stack.operands[number].bytes for number in way.resident)
    part = Part(evaluation, evaluation.footprint(way.resident) + room, 0.0, 0.0)
    footprint = np.broadcast_to(np.asarray(part.footprint, dtype=float), (1,))
    return _curve(stack, [part], np.zeros(1, dtype=np.int64), np.zeros(1, dtype=np.int64), footprint)


def _front(stack: Stack, parts: Sequence[Part]) -> FusedCurve:
    """The steps that may be best: a front of capacity and bytes for each limit to the work.

    Of the bytes of all operands, and without some that may stay on chip around the group.
    """
    counts = [part.evaluation.tiles.count for part in parts]
    total_count = sum(counts)
    tiled = [number for number, operand in enumerate(stack.operands) if _is_tiled(operand, stack.tiled)]
    written = [number for number, operand in enumerate(stack.operands) if operand.is_written]
    amounts = [_amounts(part, tiled, written) for part in parts]
    held, done, moved = np.empty(total_count), np.empty(total_count), np.empty((len(amounts[0]), total_count))
    begin = 0
    for part, rows, count in zip(parts, amounts, counts, strict=True):
        end = begin + count
        held[begin:end], done[begin:end] = part.footprint, part.work
        for number, amount in enumerate(rows):
            moved[number, begin:end] = amount
        begin = end
    order = np.lexsort((done, moved[0], held))
    held, done, moved = held[order], done[order], moved[:, order]
    kept = np.zeros(total_count, dtype=bool)
    for limit in float(done.min()) * np.array(WORK_LIMITS) * (1 + 1e-12):
        allowed = np.flatnonzero(done <= limit)
        least = np.minimum.accumulate(moved[:, allowed], axis=1)
        is_less = least[:, 1:] < least[:, :-1] - _SAME_BYTES
        if len(stack.members) > FEW_MEMBERS:
            grade = np.floor(np.log(np.maximum(least, 1.0)) / -math.log(WORTH))
            is_less &= (grade[:, 1:] < grade[:, :-1]) | (least[:, 1:] <= least[:, -1:] + _SAME_BYTES)
        kept[allowed[0]] = True
        kept[allowed[1:][is_less.any(axis=0)]] = True
        if len(allowed) == total_count:
            break
    capacity, chosen = held[kept], order[kept]
    starts = np.concatenate(([0], np.cumsum(counts)))
    part_of = np.searchsorted(starts, chosen, side="right") - 1
    return _curve(stack, parts, part_of, chosen - starts[part_of], capacity)


def _is_tiled(operand: Operand, tiled: int) -> bool:
    """Whether an operand is read part by part as the last result is cut: what others made is, a kernel is not."""
    return not operand.is_written and any(0 <= axis.span.dim < tiled for use in operand.uses for axis in use.axes)


def _amounts(part: Part, tiled: Sequence[int], written: Sequence[int]) -> list[FloatArray | float]:
    """Bytes of all operands; of all but those read tile by tile; without the others that are read; without each."""
    found = [part.moved]
    reads = [part.evaluation.moved(number)[0] for number in tiled]
    if reads:
        together = sum(reads)
        found += [part.moved - together, together + sum(sum(part.evaluation.moved(number)) for number in written)]
    if len(reads) > 1:
        found += [part.moved - read for read in reads]
    return found


def _curve(
    stack: Stack, parts: Sequence[Part], part_of: IntArray, places: IntArray, capacity: FloatArray
) -> FusedCurve:
    """The figures of some tiles in full."""
    count, units = len(places), max(member.unit for member in stack.members) + 1
    used, number = np.unique(part_of, return_inverse=True)
    evaluations = [parts[part].evaluation for part in used.tolist()]
    ends = np.cumsum([evaluation.tiles.count for evaluation in evaluations])
    starts = ends - [evaluation.tiles.count for evaluation in evaluations]
    blocks, rows = [*zip(starts.tolist(), ends.tolist(), strict=True)], starts[number.reshape(-1)] + places
    every = np.empty(int(ends[-1]))

    def picked(figures: Iterable[FloatArray | IntArray | float]) -> FloatArray:
        """(S,) of figures of all tiles of each evaluation."""
        for (begin, end), one in zip(blocks, figures, strict=True):
            every[begin:end] = one
        found: FloatArray = every[rows]
        return found

    reads, writes = np.empty((count, len(stack.operands))), np.empty((count, len(stack.operands)))
    for operand in range(len(stack.operands)):
        moved = [evaluation.moved(operand) for evaluation in evaluations]
        reads[:, operand] = picked([read for read, _ in moved])
        writes[:, operand] = picked([write for _, write in moved])
    work, again = np.ones((count, units)), np.zeros(count)
    for member, times in zip(stack.members, zip(*[one.works() for one in evaluations], strict=True), strict=True):
        if any(not isinstance(one, float) or one != 1.0 for one in times):
            done = picked(times)
            again += (done - 1) * member.ops
            work[:, member.unit] = np.maximum(work[:, member.unit], done)
    tiles = np.empty((count, len(stack.extents)), dtype=np.int64)
    for dim in range(len(stack.extents)):
        tiles[:, dim] = picked([evaluation.size(dim) for evaluation in evaluations])
    return FusedCurve(
        capacity_bytes=np.ceil(capacity - 1e-6), read_bytes=np.ceil(reads - 1e-6), write_bytes=np.ceil(writes - 1e-6),
        work=work, again_ops=np.round(again), tiles=tiles,
        ways=tuple([parts[part].evaluation.way for part in part_of.tolist()]),
    )  # fmt: skip
