"""The traffic of many group shapes over the levels of many targets: a lookup in each curve for all of them at once.

Axes: T targets, K shapes, L levels, outermost first, as many as the target with the most of them has.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from onnxroof.mapping.curve import Curve
from onnxroof.mapping.traffic import GroupShape, LevelTraffic, fed_bytes, level_traffic, usable_bytes
from onnxroof.targets.model import Array, MemoryLevel

__all__ = ["LevelTable", "level_table"]

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class LevelTable:
    """Traffic of shapes on targets, one trip; what a target has no level for is 0.

    Attributes:
        read_bytes: (T, K, L) from each level towards the inside.
        write_bytes: (T, K, L) from the inside into each level.
        footprint_bytes: (T, K, L) live bytes of one instance; 0 at the outermost level.
        bypassed: (T, K, L) whether a level is too small for any tile.
        steps: (T, K) step of the shape's curve that is the tile at the outermost boundary, -1 where there is none.
        tiles: By (target, shape) that tile, of targets on which it is none of the shape's curve.
    """

    read_bytes: FloatArray
    write_bytes: FloatArray
    footprint_bytes: FloatArray
    bypassed: BoolArray
    steps: IntArray
    tiles: Mapping[tuple[int, int], Mapping[str, int]]

    def bypasses(self, target: int, shape: int) -> tuple[int, ...]:
        """Numbers of the levels that are too small for any tile of a shape."""
        return tuple(np.flatnonzero(self.bypassed[target, shape]).tolist())

    def tile(self, target: int, shape: int, curve: Curve | None) -> Mapping[str, int]:
        """Loop name to tile size at the outermost boundary; `curve` is that of the shape."""
        step = int(self.steps[target, shape])
        if step < 0:
            return self.tiles.get((target, shape), {})
        assert curve is not None
        return dict(zip(curve.loops, curve.tiles[step].tolist(), strict=True))

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
    depths = np.array([len(one) for one in levels], dtype=np.int64)
    there = np.arange(depths.max(initial=0)) < depths[:, None, None]
    reads = np.where(there, np.array([float(shape.compulsory_reads) for shape in shapes])[:, None], 0.0)
    writes = np.where(there, np.array([float(shape.compulsory_writes) for shape in shapes])[:, None], 0.0)
    table = LevelTable(
        read_bytes=reads, write_bytes=writes, footprint_bytes=np.zeros(reads.shape),
        bypassed=np.zeros(reads.shape, dtype=bool), steps=np.full(reads.shape[:2], -1), tiles={},
    )  # fmt: skip
    alike = [n for n, one in enumerate(levels) if all(o.holds_all and o.access_width is None for o in one)]
    _look_up(table, shapes, levels, alike)
    for number, shape in enumerate(shapes):
        if shape.nest is None or not shape.mac_count:
            continue
        rows: dict[Array, list[int]] = {}
        for target in alike:
            array = arrays[target][number]
            if array is not None:
                rows.setdefault(array, []).append(target)
        for array, members in rows.items():
            fed = fed_bytes(shape.nest, array)
            place = members, number, depths[members] - 1
            reads[place] = shape.extra_reads + sum([read for read, _ in fed])
            writes[place] = shape.extra_writes + sum([written for _, written in fed])
    tiles = {}
    for target in sorted({*range(len(levels))}.difference(alike)):
        count = len(levels[target])
        for number, shape in enumerate(shapes):
            found = level_traffic(shape, levels[target], arrays[target][number])
            reads[target, number, :count], writes[target, number, :count] = found.read_bytes, found.write_bytes
            table.footprint_bytes[target, number, :count] = found.footprint_bytes
            table.bypassed[target, number, list(found.bypassed)] = True
            tiles[target, number] = found.tile
    return replace(table, tiles=tiles)


def _look_up(
    table: LevelTable, shapes: Sequence[GroupShape], levels: Sequence[tuple[MemoryLevel, ...]], members: Sequence[int]
) -> None:
    """Fills in what the curves of shapes say of targets of which all levels hold every operand.

    The step at each boundary but the innermost is that of the first level inside which has room for a tile, the
    smallest tile where none has.

    Args:
        table: What to fill in.
        shapes: Of groups.
        levels: Of each target.
        members: Numbers of the targets.
    """
    tiled = [(number, shape, shape.curve) for number, shape in enumerate(shapes) if shape.curve is not None]
    count, depth = len(members), table.read_bytes.shape[2]
    if not tiled or not count or depth < 2:
        return
    # A level that is not there has no room for any tile.
    usable, instances = np.full((count, depth), -1.0), np.ones((count, depth))
    for row, target in enumerate(members):
        usable[row, : len(levels[target])] = [usable_bytes(level) for level in levels[target]]
        instances[row, : len(levels[target])] = [level.instances for level in levels[target]]
    rooms, place = np.unique((usable * instances)[:, 1:], return_inverse=True)
    curves = [curve for _, _, curve in tiled]
    first = np.cumsum([0, *(len(curve.capacity_bytes) for curve in curves[:-1])])
    own = np.maximum(np.array([curve.capacity_bytes.searchsorted(rooms, side="right") - 1 for curve in curves]), 0)
    own = own[:, place.reshape(count, depth - 1)].swapaxes(0, 1)  # (targets, tiled shapes, boundaries)
    capacities = np.concatenate([curve.capacity_bytes for curve in curves])
    fits = usable[:, None, 1:] >= capacities[first][:, None]
    steps, inside = np.empty_like(own), np.zeros(own.shape[:2], dtype=np.int64)
    for boundary in range(depth - 2, -1, -1):
        inside = np.where(fits[..., boundary], own[..., boundary], inside)
        steps[..., boundary] = inside
    which = np.ix_(members, [number for number, _, _ in tiled])
    there = np.array([len(levels[target]) for target in members])[:, None, None] > np.arange(1, depth)
    extra_reads = np.array([float(shape.extra_reads) for _, shape, _ in tiled])[:, None]
    extra_writes = np.array([float(shape.extra_writes) for _, shape, _ in tiled])[:, None]
    number = first[:, None] + steps
    for found, extra, moved in (
        (table.read_bytes, extra_reads, np.concatenate([curve.read_bytes for curve in curves])),
        (table.write_bytes, extra_writes, np.concatenate([curve.write_bytes for curve in curves])),
    ):
        found[..., :-1][which] = np.where(there, extra + moved[number], found[..., :-1][which])
    held = np.where(fits, capacities[first[:, None] + own], 0.0) / instances[:, None, 1:]
    table.footprint_bytes[..., 1:][which] = held
    table.bypassed[..., 1:][which] = there & ~fits
    table.steps[which] = np.where(fits.any(axis=2), steps[..., 0], -1)
