"""How much moves again if a group has only so much room? Asked first in a rough way, then in an exact one."""

from __future__ import annotations

from bisect import bisect_left
from functools import cached_property

from onnxroof.mapping.least import Least
from onnxroof.mapping.stacks import Stack
from onnxroof.mapping.tried import tried

__all__ = ["Again"]


class Again:
    """What a group moves beyond once each operand, with what was found of it so far.

    Args:
        stack: The group.
    """

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self._asked: dict[tuple[float, frozenset[int], bool], float] = {}
        # Where all operands count: rooms that were asked for, and what was found, less with each.
        self._rooms: list[float] = []
        self._found: list[float] = []

    def least_bytes(self, room: float, aside: frozenset[int], *, is_exact: bool) -> float:
        """The least that moves; infinite where there is not room enough.

        Args:
            room: Bytes.
            aside: Operands that do not count.
            is_exact: Whether all tiles and ways are looked at; else it is a bound that looks at none of them.
        """
        found = self._asked.get((room, aside, is_exact))
        if found is None:
            source = tried(self._stack) if is_exact else self._least
            found = self._asked[room, aside, is_exact] = source.again_bytes(room, aside)
            if not aside and found > self.known_bytes(room):
                place = bisect_left(self._rooms, room)
                self._rooms.insert(place, room)
                self._found.insert(place, found)
        return found

    def known_bytes(self, room: float) -> float:
        """What is known so far, if all operands count: as much as with more room."""
        place = bisect_left(self._rooms, room)
        return self._found[place] if place < len(self._rooms) else 0.0

    @cached_property
    def _least(self) -> Least:
        return Least(self._stack)
