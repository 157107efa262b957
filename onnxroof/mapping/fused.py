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

from onnxroof.mapping.passes import Evaluation, Grid, Part
from onnxroof.mapping.stacks import Operand, Stack
from onnxroof.mapping.tiles import tiles_of
from onnxroof.mapping.tried import Tried, tried
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
    held, done, moved = found.footprint_bytes, found.work, _amounts(found)
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
    evaluation = Evaluation(Grid(stack, tiles_of(()), dict(tile), way.cut), way)
    footprint = evaluation.footprint(way.resident) + sum(stack.operands[number].bytes for number in way.resident)
    one = np.zeros(1, dtype=np.int64)
    return _curve(stack, [Part(evaluation, way.resident, footprint, 0.0, 0.0)], one, one, footprint)


def _grade(amount: FloatArray) -> FloatArray:
    """Amounts of one grade are about the same."""
    grade: FloatArray = np.floor(np.log(np.maximum(amount, 1.0)) / -math.log(WORTH))
    return grade


def _is_tiled(operand: Operand, tiled: int) -> bool:
    """Whether an operand is read part by part as the last result is cut: what others made is, a kernel is not."""
    return not operand.is_written and any(0 <= axis.span.dim < tiled for use in operand.uses for axis in use.axes)


def _amounts(found: Tried) -> FloatArray:
    """(..., P) bytes of all operands; of all but those read tile by tile; without the others that are read.

    And without each of several that are read tile by tile.
    """
    stack, moved = found.stack, found.moved_bytes
    tiled = [number for number, operand in enumerate(stack.operands) if _is_tiled(operand, stack.tiled)]
    if not tiled:
        return moved[None]
    written = [number for number, operand in enumerate(stack.operands) if operand.is_written]
    reads = found.reads_of(tiled)
    together, left = reads.sum(axis=0), 2 * found.reads_of(written).sum(axis=0)
    left += sum(stack.operands[number].bytes for number in written)
    without = moved - reads if len(reads) > 1 else reads[:0]
    rows = [moved, moved - together, together + left]
    amounts: FloatArray = np.concatenate((rows, without))
    return amounts


def _curve(
    stack: Stack, parts: Sequence[Part], part_of: IntArray, places: IntArray, capacity: FloatArray
) -> FusedCurve:
    """The figures of some tiles in full."""
    count, members = len(places), stack.members
    reads = np.empty((count, len(stack.operands)))
    done, tiles = np.empty((count, len(members))), np.empty((count, len(stack.extents)), dtype=np.int64)
    ways: dict[int, Way] = {}
    for number in np.flatnonzero(np.bincount(part_of)).tolist():
        part, steps = parts[number], np.flatnonzero(part_of == number)
        some = places[steps]
        reads[steps] = part.evaluation.reads[:, some].T
        for operand in part.resident:
            reads[steps, operand] = stack.operands[operand].bytes
        done[steps] = part.evaluation.works[:, some].T
        for dim in range(len(stack.extents)):
            size = part.evaluation.grid.size(dim)
            tiles[steps, dim] = size if isinstance(size, int) else size[some]
        ways[number] = part.way
    # What leaves is written once, and each partial sum as often as it is read.
    written = np.array([operand.is_written for operand in stack.operands])
    writes = np.where(written, reads + [operand.bytes for operand in stack.operands], 0.0)
    units = np.array([member.unit for member in members])
    firsts = np.flatnonzero(np.diff(units, prepend=-1))
    work = np.ones((count, int(units.max()) + 1))
    work[:, units[firsts]] = np.maximum.reduceat(done, firsts, axis=1)
    again = (done - 1) @ np.array([member.ops for member in members], dtype=float)
    return FusedCurve(
        capacity_bytes=np.ceil(capacity - 1e-6), read_bytes=np.ceil(reads - 1e-6), write_bytes=np.ceil(writes - 1e-6),
        work=work, again_ops=np.round(again), tiles=tiles, ways=tuple([ways[number] for number in part_of.tolist()]),
    )  # fmt: skip
