"""The groups of a plan with what stays on chip around them: what does each move, and what does it take?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from onnxroof.mapping.operands import Steps
from onnxroof.mapping.residency import Residency
from onnxroof.mapping.timeline import Use
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
        resident_bytes: For each group, by level, what stays there while it runs, of one instance.
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
    around = _Around(choice, shared)
    steps = [around.room(taken) for taken in zip(*choice.resident_bytes, strict=True)]
    distinct: dict[tuple[GroupShape, Crossing | None], int] = {}
    index = []
    for use in uses:
        kind = (use.shape, around.crossing(use, steps[use.step]))
        index.append(distinct.setdefault(kind, len(distinct)))
    residents = tuple([steps[use.step].resident_bytes for use in uses])
    return Placed(kinds=tuple(distinct), index=tuple(index), resident_bytes=residents)


@dataclass(frozen=True, slots=True, eq=False)
class _Room:
    """What stays during a step; steps with the same share one.

    Attributes:
        resident_bytes: By level, of one instance.
        tiles: By boundary (bytes left to tiles inside it, in the level that has most of it left; whether that is the
            next level).
    """

    resident_bytes: tuple[float, ...]
    tiles: tuple[tuple[float, bool], ...]


class _Around:
    """What stays around groups. Groups that are alike, with the same around them, are worked out once."""

    def __init__(self, choice: Residency, shared: dict[object, Crossing]) -> None:
        self._choice, self._shared = choice, shared
        self._inside = [choice.inside(boundary) for boundary in range(len(choice.kept) - 1)]
        self._home = {name: (level, payer) for level, kept in enumerate(choice.kept) for name, payer in kept.items()}
        self._rooms: dict[tuple[float, ...], _Room] = {}
        self._known: dict[Hashable, Crossing] = {}

    def room(self, taken: tuple[float, ...]) -> _Room:
        """Of a step during which so much is taken of all instances of each level."""
        found = self._rooms.get(taken)
        if found is None:
            left = [room - resident for room, resident in zip(self._choice.room_bytes, taken, strict=True)][1:]
            most = [max(left[level:]) for level in range(len(left))]
            found = self._rooms[taken] = _Room(
                tuple([resident / count for resident, count in zip(taken, self._choice.instances, strict=True)]),
                tuple([(room, own >= room) for room, own in zip(most, left, strict=True)]),
            )
        return found

    def crossing(self, use: Use, room: _Room) -> Crossing | None:
        """What a group moves; None where nothing stays while it runs."""
        if not any(room.resident_bytes):
            return None
        key = (use.curves, room, tuple([self._place(name, use) for name in (*use.tensors.reads, *use.tensors.writes)]))
        found = self._known.get(key)
        if found is None:
            found = self._known[key] = self._found(use, room)
        return found

    def _place(self, name: str, use: Use) -> tuple[int, int] | None:
        """Where a tensor of a group stays, and who brings it in: the group, others, or nobody."""
        place = self._home.get(name)
        return place if place is None or place[1] < 0 else (place[0], int(place[1] in use.kernels))

    def _found(self, use: Use, room: _Room) -> Crossing:
        parts = []
        key: list[object] = []
        for kept, (tiles, is_own) in zip(self._inside, room.tiles, strict=True):
            curve = use.curve(kept)
            place = curve.at(tiles)
            parts.append((curve, place, is_own))
            key += (id(curve), place, is_own)
        found = self._shared.get(tuple(key))
        if found is None:
            stays = use.stays(self._inside)
            found = self._shared[tuple(key)] = _crossing(parts, self._choice.instances, stays)
        return found


def _crossing(parts: Sequence[tuple[Steps, int, bool]], instances: Sequence[int], stays: tuple[int, ...]) -> Crossing:
    moved = []
    numbers = []
    footprints = [0.0]
    tile = -1
    for (curve, step, is_own), count in zip(parts, instances[1:], strict=True):
        place = max(step, 0)
        moved.append((curve.read_bytes[place], curve.write_bytes[place]))
        footprints.append(curve.capacity_bytes[step] / count if is_own and step >= 0 and curve.numbers else 0.0)
        numbers.append(curve.numbers[place] if curve.numbers else -1)
        if tile < 0:
            tile = numbers[-1]
    return Crossing(
        tuple(moved), tuple(footprints), tile, parts[0][0].total_bytes[-1] if parts else 0.0, tuple(numbers), stays
    )
