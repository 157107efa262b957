"""How many bytes must cross into a buffer to run a group of operators tile by tile, and what is computed again for it?

A way to run a group is an order of the tiled dimensions, and which of their halos are kept from tile to tile (the
others are computed, or fetched, again); operands from outside come in again for every tile, stay over the dimensions
that they do not depend on, or stay for good. What must fit is the most of all operators in turn: the values that are
alive, what is kept, and a slice of what streams past. For two matrix products this is the algebra of Orojenesis (Huang
et al., ISCA 2024) and FlashAttention, for stacks of convolutions that of DeFiNES (Mei et al., HPCA 2023).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from onnxroof.mapping.passes import Evaluation, Part
from onnxroof.mapping.stacks import Operand, Stack
from onnxroof.mapping.tiles import tiles_of
from onnxroof.mapping.tried import Tried, joined, tried
from onnxroof.mapping.ways import FEW_MEMBERS, Way

__all__ = ["WORK_LIMITS", "WORTH", "FusedCurve", "Way", "fused_curve", "fused_step"]

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
    """The curve of a group: a front of capacity and bytes for each limit to the work.

    Of the bytes of all operands, and without some that may stay on chip around the group.
    """
    found = tried(stack)
    held, done = found.footprint_bytes, joined(found.blocks, [part.work for part in found.parts])
    moved = _amounts(found)
    order = np.lexsort((done, moved[0], held))
    done, moved = done[order], moved[:, order]
    kept, falls = np.zeros((2, len(order)), dtype=bool)
    limits = float(done.min()) * np.array(WORK_LIMITS) * (1 + 1e-12)
    limit = np.searchsorted(limits, done)
    for number in range(len(limits)):
        is_new = limit == number
        if not is_new.any():
            continue
        # What is no fall within one limit is none within the next.
        allowed = np.flatnonzero(falls | is_new)
        least = np.minimum.accumulate(moved[:, allowed], axis=1)
        fall = 1 + np.flatnonzero((least[:, 1:] < least[:, :-1] - _SAME_BYTES).any(axis=0))
        falls[allowed[0]] = kept[allowed[0]] = True
        falls[allowed[fall]] = True
        if len(stack.members) > FEW_MEMBERS:
            before, after = least[:, fall - 1], least[:, fall]
            is_worth = (_grade(after) < _grade(before)) | (after <= least[:, -1:] + _SAME_BYTES)
            fall = fall[((after < before - _SAME_BYTES) & is_worth).any(axis=0)]
        kept[allowed[fall]] = True
    chosen = order[kept]
    part_of = np.searchsorted([block.stop for block in found.blocks], chosen, side="right")
    places = chosen - np.array([block.start for block in found.blocks])[part_of]
    return _curve(stack, found.parts, part_of, places, held[chosen])


def fused_step(stack: Stack, tile: Mapping[int, int], way: Way) -> FusedCurve:
    """The one step of a tile and a way that are given.

    Args:
        stack: A group.
        tile: Size by dimension; the others are not tiled.
        way: How it is run; its order has the dimensions of `tile`.
    """
    evaluation = Evaluation(stack, tiles_of(()), way, dict(tile), {})
    room = sum(stack.operands[number].bytes for number in way.resident)
    part = Part(evaluation, way.resident, evaluation.footprint(way.resident) + room, 0.0, 0.0)
    footprint = np.broadcast_to(np.asarray(part.footprint, dtype=float), (1,))
    return _curve(stack, [part], np.zeros(1, dtype=np.int64), np.zeros(1, dtype=np.int64), footprint)


def _grade(amount: FloatArray) -> FloatArray:
    """Amounts of one grade are about the same."""
    grade: FloatArray = np.floor(np.log(np.maximum(amount, 1.0)) / -math.log(WORTH))
    return grade


def _is_tiled(operand: Operand, tiled: int) -> bool:
    """Whether an operand is read part by part as the last result is cut: what others made is, a kernel is not."""
    return not operand.is_written and any(0 <= axis.span.dim < tiled for use in operand.uses for axis in use.axes)


def _amounts(found: Tried) -> FloatArray:
    """(..., P) bytes of all operands; of all but those read tile by tile; without the others that are read; without
    each that is read tile by tile.
    """
    stack, moved = found.stack, found.moved_bytes
    tiled = [number for number, operand in enumerate(stack.operands) if _is_tiled(operand, stack.tiled)]
    if not tiled:
        return moved[None]
    reads = np.array([found.moved_of(number)[0] for number in tiled])
    together, left = reads.sum(axis=0), np.zeros_like(moved)
    for number, operand in enumerate(stack.operands):
        if operand.is_written:
            left += sum(found.moved_of(number))
    without = moved - reads if len(reads) > 1 else reads[:0]
    return np.concatenate(([moved, moved - together, together + left], without))


def _curve(
    stack: Stack, parts: Sequence[Part], part_of: IntArray, places: IntArray, capacity: FloatArray
) -> FusedCurve:
    """The figures of some tiles in full."""
    count, units = len(places), max(member.unit for member in stack.members) + 1
    used = np.flatnonzero(np.bincount(part_of))
    chosen = [parts[number] for number in used.tolist()]
    ends = np.cumsum([part.evaluation.tiles.count for part in chosen]).tolist()
    blocks = tuple(map(slice, [0, *ends], ends))
    rows = np.array([0, *ends])[np.searchsorted(used, part_of)] + places

    def picked(figures: Sequence[FloatArray | IntArray | float]) -> FloatArray | float:
        """(S,) of figures of all tiles of each part; a number if they are all equal."""
        first = figures[0]
        if isinstance(first, float) and all(isinstance(one, float) and one == first for one in figures):
            return first
        return joined(blocks, figures)[rows]

    reads, writes = np.empty((2, count, len(stack.operands)))
    for operand in range(len(stack.operands)):
        moved = [part.moved_of(operand) for part in chosen]
        reads[:, operand] = picked([read for read, _ in moved])
        writes[:, operand] = picked([write for _, write in moved])
    work, again = np.ones((count, units)), np.zeros(count)
    for member, times in zip(stack.members, zip(*[one.evaluation.works() for one in chosen], strict=True), strict=True):
        done = picked(times)
        if not isinstance(done, float) or done != 1.0:
            again += (done - 1) * member.ops
            work[:, member.unit] = np.maximum(work[:, member.unit], done)
    tiles = np.empty((count, len(stack.extents)), dtype=np.int64)
    for dim in range(len(stack.extents)):
        tiles[:, dim] = picked([part.evaluation.size(dim) for part in chosen])
    ways = dict(zip(used.tolist(), [part.way for part in chosen], strict=True))
    return FusedCurve(
        capacity_bytes=np.ceil(capacity - 1e-6), read_bytes=np.ceil(reads - 1e-6), write_bytes=np.ceil(writes - 1e-6),
        work=work, again_ops=np.round(again), tiles=tiles, ways=tuple([ways[number] for number in part_of.tolist()]),
    )  # fmt: skip
