"""The groups of a plan with what stays on chip around them: what does each move, and what does it take?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from onnxroof.mapping.residency import Residency
from onnxroof.mapping.timeline import Around, Use
from onnxroof.mapping.traffic import GroupShape, LevelTraffic

__all__ = ["Crossing", "Placed", "placed"]

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Crossing:
    """What a group moves across each boundary but the innermost, one trip.

    Attributes:
        moved: (bytes read, bytes written) by boundary, outermost first.
        footprint_bytes: By level, of the tiles of one instance.
        tile: Number of the tile's step in the reuse curve at the outermost boundary, -1 where there is none.
        least_bytes: What must cross the outermost boundary whatever the tile.
        steps: By boundary the number of the step in the reuse curve, -1 where there is none.
        stays: By operand of the nest the level in which it stays, 0 for none.
    """

    moved: tuple[tuple[float, float], ...]
    footprint_bytes: tuple[float, ...]
    tile: int
    least_bytes: float
    steps: tuple[int, ...]
    stays: tuple[int, ...]

    def applied(self, shape: GroupShape, alone: LevelTraffic) -> LevelTraffic:
        """The traffic of a group with what stays around it, from its traffic `alone`."""
        reads, writes = alone.read_bytes.copy(), alone.write_bytes.copy()
        for boundary, (read, written) in enumerate(self.moved):
            reads[boundary], writes[boundary] = read, written
        return LevelTraffic(reads, writes, np.array(self.footprint_bytes), alone.bypassed, self.tile_sizes(shape))

    def tile_sizes(self, shape: GroupShape) -> Mapping[str, int]:
        """Loop name to size of the tile at the outermost boundary, {} where the group has none."""
        if shape.curve is None or self.tile < 0:
            return {}
        return dict(zip(shape.curve.loops, shape.curve.tiles[self.tile].tolist(), strict=True))

    def beside(self, shape: GroupShape) -> tuple[FloatArray, FloatArray]:
        """Bytes (read, written) by level that are not of the nest's operands that cross: side inputs, first uses."""
        count = len(self.moved) + 1
        reads, writes = np.full(count, float(shape.extra_reads)), np.full(count, float(shape.extra_writes))
        for boundary, ((read, written), step) in enumerate(zip(self.moved, self.steps, strict=True)):
            crossing = [number for number, level in enumerate(self.stays) if level <= boundary]
            if shape.curve is not None and step >= 0:
                reads[boundary] = read - shape.curve.access_read_bytes[step, crossing].sum()
                writes[boundary] = written - shape.curve.access_write_bytes[step, crossing].sum()
        return reads, writes


@dataclass(frozen=True, eq=False, kw_only=True)
class Placed:
    """A plan's groups on a target.

    Attributes:
        kinds: Distinct (shape, crossing); the crossing is None where nothing that stays is anywhere near.
        index: For each group its kind.
        resident_bytes: For each group, by level, what stays there while it runs, of one instance; nothing for a group
            without kernels.
    """

    kinds: tuple[tuple[GroupShape, Crossing | None], ...]
    index: tuple[int, ...]
    resident_bytes: tuple[tuple[float, ...], ...]

    @cached_property
    def counts(self) -> tuple[int, ...]:
        """For each kind, how many groups are of it."""
        found = Counter(self.index)
        return tuple(found[number] for number in range(len(self.kinds)))


def placed(uses: Sequence[Use], choice: Residency, shared: dict[object, Crossing]) -> Placed:
    """The groups of a plan, given what stays where.

    Args:
        uses: The groups.
        choice: What stays.
        shared: Crossings that further plans on the target share, {} for the first.
    """
    rooms: dict[tuple[float, ...], _Room] = {}
    steps = []
    for taken in zip(*choice.resident_bytes, strict=True):
        room = rooms.get(taken)
        if room is None:
            room = rooms[taken] = _room(taken, choice)
        steps.append(room)
    homes = {name: (level, payer) for level, kept in enumerate(choice.kept) for name, payer in kept.items()}
    boundaries = len(choice.kept) - 1
    known: dict[tuple[Around, _Room], Crossing] = {}
    distinct: dict[tuple[GroupShape, Crossing | None], int] = {}
    never = (0.0,) * len(choice.kept)
    index, residents = [], []
    for use in uses:
        room = steps[use.step] if use.kernels else None  # a group without kernels runs at no step
        crossing = None
        if room is not None and room.is_taken:
            around = use.around(homes, boundaries)
            crossing = known.get((around, room))
            if crossing is None:
                crossing = known[around, room] = _crossing(around, room, choice.instances, shared)
        index.append(distinct.setdefault((use.shape, crossing), len(distinct)))
        residents.append(never if room is None else room.resident_bytes)
    return Placed(kinds=tuple(distinct), index=tuple(index), resident_bytes=tuple(residents))


@dataclass(frozen=True, slots=True, eq=False)
class _Room:
    """What stays during a step; steps with the same share one.

    Attributes:
        resident_bytes: By level, of one instance.
        tile_bytes: By boundary what is left to tiles inside it, in the level that has most of it left.
        is_own: By boundary whether that is the next level.
        is_taken: Whether anything stays in any level.
    """

    resident_bytes: tuple[float, ...]
    tile_bytes: tuple[float, ...]
    is_own: tuple[bool, ...]
    is_taken: bool


def _room(taken: tuple[float, ...], choice: Residency) -> _Room:
    """Of a step during which so much is taken of all instances of each level."""
    left = [room - resident for room, resident in zip(choice.room_bytes, taken, strict=True)][1:]
    most = [max(left[level:]) for level in range(len(left))]
    return _Room(
        tuple([resident / count for resident, count in zip(taken, choice.instances, strict=True)]),
        tuple(most),
        tuple([own >= room for room, own in zip(most, left, strict=True)]),
        any(taken),
    )


def _crossing(around: Around, room: _Room, instances: Sequence[int], shared: dict[object, Crossing]) -> Crossing:
    """What groups that are alike move; the same tiles with the same around them are one crossing."""
    steps = tuple([curve.at(left) for curve, left in zip(around.curves, room.tile_bytes, strict=True)])
    key = (around, steps, room.is_own)
    found = shared.get(key)
    if found is not None:
        return found
    moved, numbers, footprints, tile = [], [], [0.0], -1
    for curve, step, is_own, count in zip(around.curves, steps, room.is_own, instances[1:], strict=True):
        place = max(step, 0)
        moved.append(curve.moved_bytes(place))
        if not curve.numbers:
            footprints.append(0.0)
            numbers.append(-1)
            continue
        footprints.append(curve.capacity_bytes[step] / count if is_own and step >= 0 else 0.0)
        numbers.append(curve.numbers[place])
        if tile < 0:
            tile = numbers[-1]
    least = around.curves[0].total_bytes(-1) if steps else 0.0
    found = shared[key] = Crossing(tuple(moved), tuple(footprints), tile, least, tuple(numbers), around.stays)
    return found
