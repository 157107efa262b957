"""Bytes of a fusion group over each memory level of a target.

A group is tiled by its anchor, the first operator: the others take the anchor's result element by element. So its
traffic across a boundary is the anchor's reuse curve at the capacity inside that boundary, without the anchor's
result where nobody outside wants it, plus every further tensor that enters or leaves, once.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from onnxroof.ir.loopnest import LoopNest
from onnxroof.mapping.array import array_operand_traffic
from onnxroof.mapping.boundary import Boundary, accesses_of
from onnxroof.mapping.curve import Curve, CurvePoint, reuse_curve
from onnxroof.mapping.footprint import compulsory_bytes
from onnxroof.targets.model import Array, MemoryLevel

__all__ = ["GroupShape", "LevelTraffic", "fed_bytes", "level_traffic", "port_points", "usable_bytes"]

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class GroupShape:
    """All that matters of a group for time and energy. Equal groups of a model share one; it is compared by identity.

    Counts are of one trip.

    Attributes:
        nest: Loop nest of the anchor, None where it has none.
        compulsory_reads: Bytes that must enter, each distinct element once.
        compulsory_writes: Bytes that must leave, each distinct element once.
        macs: MACs by compute type.
        vector_ops: Vector operations by type.
        special_ops: Special operations by (name, type).
        is_known: Whether the work of all its operators is known.
        repeat: Trips.
        rearranged_bytes: Of the model's own inputs and outputs that the anchor walks with a window, so that an order of
            their dimensions matters.
    """

    nest: LoopNest | None
    compulsory_reads: int
    compulsory_writes: int
    macs: tuple[tuple[str, int], ...]
    vector_ops: tuple[tuple[str, int], ...]
    special_ops: tuple[tuple[tuple[str, str], int], ...]
    is_known: bool
    repeat: int
    rearranged_bytes: int = 0

    @cached_property
    def curve(self) -> Curve | None:
        """Reuse curve of the nest."""
        return None if self.nest is None else reuse_curve(self.nest)

    @cached_property
    def extra_reads(self) -> int:
        """Bytes that enter besides the nest's own: side inputs, scales; negative where it names a tensor twice."""
        return self.compulsory_reads - self._nest_bytes[0]

    @cached_property
    def extra_writes(self) -> int:
        """Bytes that leave, less the nest's own."""
        return self.compulsory_writes - self._nest_bytes[1]

    @cached_property
    def _nest_bytes(self) -> tuple[int, int]:
        if self.nest is None:
            return 0, 0
        counts = compulsory_bytes(self.nest)
        reads = sum(count for access, count in zip(self.nest.accesses, counts, strict=True) if not access.is_write)
        return reads, sum(counts) - reads

    @cached_property
    def mac_count(self) -> int:
        """MACs of all types."""
        return sum(count for _, count in self.macs)

    @cached_property
    def vector_count(self) -> int:
        """Vector operations of all types."""
        return sum(count for _, count in self.vector_ops)

    @cached_property
    def special_count(self) -> int:
        """Special operations of all names and types."""
        return sum(count for _, count in self.special_ops)

    @cached_property
    def ops(self) -> int:
        """All operations of all types, a MAC is two."""
        return 2 * self.mac_count + self.vector_count + self.special_count


@dataclass(frozen=True, slots=True, eq=False)
class LevelTraffic:
    """Traffic of one group shape, one trip; axis L is the levels, outermost first.

    Attributes:
        read_bytes: (L,) from the level towards the inside.
        write_bytes: (L,) from the inside into the level.
        footprint_bytes: (L,) live bytes of one instance; 0 at the outermost level.
        bypassed: Indices of levels that are too small for any tile.
        tile: Loop name to tile size at the outermost boundary.
    """

    read_bytes: FloatArray
    write_bytes: FloatArray
    footprint_bytes: FloatArray
    bypassed: tuple[int, ...]
    tile: Mapping[str, int]

    def more(self, read_bytes: float, written_bytes: float) -> LevelTraffic:
        """The same with more bytes at the outermost level."""
        if not read_bytes and not written_bytes:
            return self
        reads, writes = self.read_bytes.copy(), self.write_bytes.copy()
        reads[0] += read_bytes
        writes[0] += written_bytes
        return replace(self, read_bytes=reads, write_bytes=writes)


def level_traffic(shape: GroupShape, levels: tuple[MemoryLevel, ...], array: Array | None) -> LevelTraffic:
    """Traffic over every level: the reuse curve at the capacity of the level inside, each level at its own optimum.

    The innermost level feeds the engine: by the reuse of the engine's array where one is given, else each element
    once. A level of unknown capacity holds everything. A level too small for any tile is bypassed: what its outer
    neighbour delivers passes through it. So are the operands that a level does not hold: they cross from the next level
    outside that holds them to the next one inside, and take no room here.

    Args:
        shape: Of the group.
        levels: Outermost first.
        array: Of the engine that runs the group's MACs, None where there is none.
    """
    count = len(levels)
    reads = np.full(count, float(shape.compulsory_reads))
    writes = np.full(count, float(shape.compulsory_writes))
    footprints = np.zeros(count)
    curve = shape.curve
    if shape.nest is None or curve is None:
        return LevelTraffic(reads, writes, footprints, (), {})
    held = [frozenset(range(len(shape.nest.accesses)))]
    held += [accesses_of(shape.nest, level.holds) for level in levels[1:]]
    fed = fed_bytes(shape.nest, array if shape.mac_count else None)
    # Instances that share what they need hold together what one buffer of all their room would, at the best.
    room = [usable_bytes(level) * level.instances for level in levels]
    fits = [
        not own or _curve(shape.nest, own, own, None).at(usable_bytes(level)).fits
        for own, level in zip(held, levels, strict=True)
    ]
    tile: Mapping[str, int] = {}
    for outer in range(count):
        points, least, direct = port_points(shape.nest, held, fits, room, outer, levels[outer])
        tile = tile or next((point.tile for _, point in points), {})
        # What is no operand of the nest passes by a level that does not hold all.
        moved = [(float(shape.extra_reads), float(shape.extra_writes))] if levels[outer].holds_all else [(0.0, 0.0)]
        moved += [(point.read_bytes, point.write_bytes) for _, point in (*points, *least)]
        moved += [fed[number] for number in direct]
        reads[outer], writes[outer] = sum(read for read, _ in moved), sum(write for _, write in moved)
    for index in range(1, count):
        if held[index] and fits[index]:
            point = _curve(shape.nest, held[index], held[index], None).at(room[index])
            footprints[index] = point.footprint_bytes / levels[index].instances
    bypassed = tuple(i for i in range(1, count) if not fits[i])
    return LevelTraffic(reads, writes, footprints, bypassed, tile)


Points: TypeAlias = list[tuple[frozenset[int], CurvePoint]]


def port_points(
    nest: LoopNest,
    held: Sequence[frozenset[int]],
    fits: Sequence[bool],
    room_bytes: Sequence[float],
    outer: int,
    outside: MemoryLevel | None,
) -> tuple[Points, Points, frozenset[int]]:
    """Which tiles further inside the operands that a level holds go to, at the own optimum of its boundary.

    Args:
        nest: With iterations.
        held: By level the operands that it holds.
        fits: By level whether it holds a tile of them.
        room_bytes: By level, of all instances.
        outer: The level.
        outside: The same, where its width of access counts, else None.

    Returns:
        Operands with the point of the curve that says what they move; the same for those that are held further inside
        by levels without room for a tile, which come for each iteration; and those that no level inside holds: they
        feed the engine.
    """
    left, found = held[outer], []
    for inner in range(outer + 1, len(held)):
        counted = left & held[inner]
        if counted and fits[inner]:
            found.append((counted, _curve(nest, held[inner], counted, outside).at(room_bytes[inner])))
            left -= counted
    inside = frozenset[int]().union(*held[outer + 1 :])
    stuck = left & inside
    return found, [(stuck, _curve(nest, held[outer], stuck, outside).ceiling)] if stuck else [], left - inside


def _curve(nest: LoopNest, held: frozenset[int], counted: frozenset[int], outside: MemoryLevel | None) -> Curve:
    """The curve of a buffer that holds some operands, as seen by a memory outside it."""
    width = outside.access_width.value if outside is not None and outside.access_width is not None else 0.0
    if width == 0 and len(held) == len(counted) == len(nest.accesses):
        return reuse_curve(nest)
    return reuse_curve(nest, Boundary(held, counted, width))


def fed_bytes(nest: LoopNest, array: Array | None) -> tuple[tuple[float, float], ...]:
    """Bytes of each operand into the engine and out of it: what its array asks for, each element once if unknown."""
    if array is not None:
        return array_operand_traffic(nest, array)
    counts = compulsory_bytes(nest)
    return tuple((0.0, n) if a.is_write else (n, 0.0) for a, n in zip(nest.accesses, counts, strict=True))


def usable_bytes(level: MemoryLevel) -> float:
    """What a live tile may take of one instance."""
    return math.inf if level.capacity is None else level.capacity.value * level.usable
