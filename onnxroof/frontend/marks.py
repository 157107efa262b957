"""How far a walk had come, and what it added since: so that it can go back, and forward again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from onnxroof.frontend.types import Known
from onnxroof.ir.op import Op

__all__ = ["Mark", "Segment", "popped"]


@dataclass(frozen=True, slots=True)
class Mark:
    """How far a walk had come: how many entries each of its lists had."""

    ops: int
    known: int
    notes: int
    taken_names: int
    claimed: int


@dataclass(frozen=True, slots=True, eq=False)
class Segment:
    """What a walk added since a mark, in the order in which it did."""

    ops: tuple[Op, ...]
    known: tuple[tuple[str, Known], ...]
    notes: tuple[str, ...]
    taken_names: tuple[str, ...]
    claimed: tuple[str, ...]


def popped(entries: dict[str, Any], length: int) -> tuple[tuple[str, Any], ...]:
    """The entries beyond a length, taken out."""
    found = []
    while len(entries) > length:
        found.append(entries.popitem())
    return tuple(reversed(found))
