"""What do the accesses of a given mapping cost, store by store, direction by direction, word by word?

Where traffic is bytes and a level one for all operands, a mapping of an array of small stores may give each operand a
path of its own. Here such a mapping is priced as it stands: how often each store is read and written, in words of its
width. The counting is that of ZigZag (Mei et al.): a store is filled once for each iteration of the loops outside it,
what several instances need is read once outside (multicast), sums of several instances are added on their way out.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

__all__ = ["Crossing", "MappedOperand", "Port", "Stay", "Store", "crossings"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Port:
    """One direction of a store.

    Attributes:
        width_bits: Of a full access, which `energy_j` is for.
        step_bits: Less than the width is charged in steps of this.
        energy_j: Of a full access.
    """

    width_bits: int
    step_bits: int
    energy_j: float

    def words(self, bits: int) -> float:
        """Full accesses for so many bits that go at once."""
        return -(-bits // self.step_bits) * self.step_bits / self.width_bits


@dataclass(frozen=True, slots=True, kw_only=True)
class Store:
    """A memory, of which there is one instance for each unit along some of the unrolled loops.

    Attributes:
        name: Of the memory.
        read: Port.
        write: Port.
        per: Unrolled loops along which each unit has an instance of its own.
    """

    name: str
    read: Port
    write: Port
    per: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Stay:
    """An operand in a store while some loops are walked: loop name and trips, innermost first."""

    store: Store
    loops: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class MappedOperand:
    """An operand and where it stays.

    Attributes:
        name: Of the operand.
        axes: For each of its dimensions, the loops that index it with their strides.
        bits: Of an element.
        partial_bits: Of an output whose sums are not finished; 0 for an input.
        path: From the store that feeds the units outwards; the loops of all stays together are the whole nest.
    """

    name: str
    axes: tuple[Mapping[str, int], ...]
    bits: int
    path: tuple[Stay, ...]
    partial_bits: int = 0

    @property
    def loops(self) -> frozenset[str]:
        """Loops that it depends on."""
        return frozenset(loop for axis in self.axes for loop in axis)

    def elements(self, sizes: Mapping[str, int]) -> int:
        """Distinct elements of a tile, padding not left out."""
        return math.prod(1 + sum(s * (sizes.get(loop, 1) - 1) for loop, s in axis.items()) for axis in self.axes)


@dataclass(frozen=True, slots=True, kw_only=True)
class Crossing:
    """What one operand does at one store in one direction, all instances together.

    Attributes:
        operand: Its name.
        store: Its name.
        direction: `read inwards`, `written from outside`, `read outwards` or `written from inside`.
        words: Full accesses, parts of one counted by the port's steps.
        energy_j: Of them.
    """

    operand: str
    store: str
    direction: str
    words: float
    energy_j: float


def crossings(operands: Sequence[MappedOperand], unrolled: Mapping[str, int]) -> tuple[Crossing, ...]:
    """Every access of a mapping.

    Args:
        operands: With their paths; every operand walks the same loops in the same order.
        unrolled: Units along each loop that is unrolled in space.
    """
    return tuple(crossing for operand in operands for crossing in _crossings(operand, unrolled))


def _crossings(operand: MappedOperand, unrolled: Mapping[str, int]) -> Iterator[Crossing]:
    path = operand.path
    is_output = operand.partial_bits > 0
    for place in range(-1, len(path) - 1):
        # The boundary between what is inside (the units, at first) and the store outside it.
        outer = path[place + 1].store
        per = frozenset(unrolled) if place < 0 else path[place].store.per
        inside = [loop for stay in path[: place + 1] for loop in stay.loops]
        outside = [loop for stay in path[place + 1 :] for loop in stay.loops]
        if place >= 0:
            while outside and outside[0][0] not in operand.loops:  # it stays while these are walked
                inside.append(outside.pop(0))
        tile = _sizes([*inside, *((loop, n) for loop, n in unrolled.items() if loop not in per)])
        periods = math.prod(trips for _, trips in outside)
        instances = math.prod(unrolled[loop] for loop in per)
        # One instance of the store outside serves those inside it: each element that several of them need once.
        served = {loop: unrolled[loop] for loop in per - outer.per}
        shared = _sizes([*tile.items(), *((loop, n) for loop, n in served.items() if loop in operand.loops)])
        outer_count = math.prod(unrolled[loop] for loop in outer.per)
        is_final = all(loop in operand.loops for loop, _ in outside)
        bits = operand.partial_bits if is_output and (place < 0 or not is_final) else operand.bits
        wide = operand.elements(shared) * bits, periods * outer_count
        narrow = operand.elements(tile) * bits, periods * instances
        returns = is_output and (place < 0 or not is_final)  # partial sums come in again
        if not is_output or returns:
            yield _crossing(operand, outer, "read inwards", *wide)
            if place >= 0:
                yield _crossing(operand, path[place].store, "written from outside", *narrow)
        if is_output:
            yield _crossing(operand, outer, "written from inside", *wide)
            if place >= 0:
                yield _crossing(operand, path[place].store, "read outwards", *narrow)


def _sizes(loops: Sequence[tuple[str, int]]) -> dict[str, int]:
    sizes: dict[str, int] = {}
    for loop, trips in loops:
        sizes[loop] = sizes.get(loop, 1) * trips
    return sizes


def _crossing(operand: MappedOperand, store: Store, direction: str, bits: int, times: int) -> Crossing:
    port = store.read if direction.startswith("read") else store.write
    words = port.words(bits) * times
    return Crossing(
        operand=operand.name, store=store.name, direction=direction, words=words, energy_j=words * port.energy_j
    )
