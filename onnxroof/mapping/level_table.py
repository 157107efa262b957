"""The traffic of many group shapes over the levels of many targets: a lookup in each curve for all of them at once.

Axes: T targets, K shapes, L levels, outermost first, as many as the target with the most of them has.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from onnxroof.mapping.curve import Curve
from onnxroof.mapping.traffic import GroupShape, LevelTraffic, fed_bytes, level_traffic, usable_bytes
from onnxroof.targets.model import Array, MemoryLevel

__all__ = ["LevelTable", "level_table"]

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]

ALL = frozenset({"input", "weight", "output"})


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class LevelTable:
    """Traffic of shapes on targets, one trip; what a target has no level for is 0.

    Attributes:
        read_bytes: (T, K, L) from each level towards the inside.
        write_bytes: (T, K, L) from the inside into each level.
        footprint_bytes: (T, K, L) live bytes of one instance; 0 at the outermost level.
        bypassed: (T, K, L) whether a level is too small for any tile.
        tiles: By (target, shape) the step of the curve that is the tile at the outermost boundary, or the tile itself.
    """

    read_bytes: FloatArray
    write_bytes: FloatArray
    footprint_bytes: FloatArray
    bypassed: BoolArray
    tiles: Mapping[tuple[int, int], int | Mapping[str, int]]

    def bypasses(self, target: int, shape: int) -> tuple[int, ...]:
        """Numbers of the levels that are too small for any tile of a shape."""
        return tuple(np.flatnonzero(self.bypassed[target, shape]).tolist())

    def tile(self, target: int, shape: int, curve: Curve | None) -> Mapping[str, int]:
        """Loop name to tile size at the outermost boundary; `curve` is that of the shape."""
        found = self.tiles.get((target, shape), {})
        if not isinstance(found, int):
            return found
        assert curve is not None
        return dict(zip(curve.loops, curve.tiles[found].tolist(), strict=True))

    def traffic(self, target: int, shape: int, count: int, curve: Curve | None) -> LevelTraffic:
        """The traffic of a shape on a target of so many levels."""
        return LevelTraffic(
            self.read_bytes[target, shape, :count], self.write_bytes[target, shape, :count],
            self.footprint_bytes[target, shape, :count], self.bypasses(target, shape), self.tile(target, shape, curve),
        )  # fmt: skip


def level_table(
    shapes: Sequence[GroupShape], levels: Sequence[tuple[MemoryLevel, ...]], arrays: Sequence[Sequence[Array | None]]
) -> LevelTable:
    """As `level_traffic` of each shape on each target.

    Args:
        shapes: Of groups.
        levels: Of each target.
        arrays: (T, K) that of the engine which runs a shape's MACs on a target, None where there is none.
    """
    size = (len(levels), len(shapes), max((len(one) for one in levels), default=0))
    reads, writes, footprints = np.zeros(size), np.zeros(size), np.zeros(size)
    bypassed = np.zeros(size, dtype=bool)
    tiles: dict[tuple[int, int], int | Mapping[str, int]] = {}
    alike: dict[int, list[int]] = {}
    for target, one in enumerate(levels):
        if all(level.holds >= ALL and level.access_width is None for level in one):
            alike.setdefault(len(one), []).append(target)
            continue
        for number, shape in enumerate(shapes):
            found = level_traffic(shape, one, arrays[target][number])
            reads[target, number, : len(one)] = found.read_bytes
            writes[target, number, : len(one)] = found.write_bytes
            footprints[target, number, : len(one)] = found.footprint_bytes
            bypassed[target, number, list(found.bypassed)] = True
            tiles[target, number] = found.tile
    for count, members in alike.items():
        usable = np.array([[usable_bytes(level) for level in levels[target]] for target in members])
        instances = np.array([[level.instances for level in levels[target]] for target in members], dtype=np.float64)
        for number, shape in enumerate(shapes):
            reads[members, number, :count] = float(shape.compulsory_reads)
            writes[members, number, :count] = float(shape.compulsory_writes)
            curve = shape.curve
            if curve is None or shape.nest is None:
                continue
            fits, steps, held = _steps(curve, usable, usable * instances)
            reads[members, number, : count - 1] = shape.extra_reads + curve.read_bytes[steps]
            writes[members, number, : count - 1] = shape.extra_writes + curve.write_bytes[steps]
            footprints[members, number, 1:count] = held / instances[:, 1:]
            bypassed[members, number, 1:count] = ~fits
            inner: dict[Array, tuple[float, float]] = {}
            for row, target in enumerate(members):
                if fits[row].any():
                    tiles[target, number] = int(steps[row, 0])
                array = arrays[target][number] if shape.mac_count else None
                if array is None:
                    continue
                if array not in inner:
                    fed = fed_bytes(shape.nest, array)
                    inner[array] = sum(read for read, _ in fed), sum(written for _, written in fed)
                reads[target, number, count - 1] = shape.extra_reads + inner[array][0]
                writes[target, number, count - 1] = shape.extra_writes + inner[array][1]
    return LevelTable(read_bytes=reads, write_bytes=writes, footprint_bytes=footprints, bypassed=bypassed, tiles=tiles)


def _steps(curve: Curve, usable: FloatArray, room: FloatArray) -> tuple[BoolArray, IntArray, FloatArray]:
    """Which steps of a curve the levels of targets take that all hold every operand.

    Args:
        curve: Of a nest.
        usable: (M, L) bytes of one instance.
        room: (M, L) of all instances together.

    Returns:
        (M, L - 1) whether each level inside the outermost has room for a tile; the step at each boundary but the
        innermost, which is that of the first level inside that has, the smallest tile where none has; and the bytes of
        the tile that each level inside holds, 0 where it has no room.
    """
    fits = usable[:, 1:] >= curve.capacity_bytes[0]
    own = np.maximum(np.searchsorted(curve.capacity_bytes, room[:, 1:], side="right") - 1, 0)
    steps = np.zeros_like(own)
    inside = np.zeros(len(own), dtype=np.int64)
    for boundary in range(own.shape[1] - 1, -1, -1):
        inside = np.where(fits[:, boundary], own[:, boundary], inside)
        steps[:, boundary] = inside
    return fits, steps, np.where(fits, curve.capacity_bytes[own], 0.0)
