"""Which operands of a run of steps stay on chip around it, and how often do they cross a boundary for that?"""

from __future__ import annotations

from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from onnxroof.mapping.residency import Residency
from onnxroof.mapping.segments import Kind, Segments
from onnxroof.mapping.timeline import WRITTEN

__all__ = ["Run", "Stay", "Staying"]

FloatArray = npt.NDArray[np.float64]


class Run(Protocol):
    """Consecutive steps as one group."""

    @property
    def first(self) -> int:
        """The first step."""

    @property
    def last(self) -> int:
        """The last one."""

    @property
    def kind(self) -> Kind | None:
        """What runs that are alike share; None of a single step."""


class Stay(NamedTuple):
    """An operand that stays on chip.

    Attributes:
        operand: Its number in the stack.
        level: The level where it stays.
        read_bytes: What of it crosses the boundaries outside of that, of all trips.
        is_written: Whether as much of it leaves as if it did not stay.
    """

    operand: int
    level: int
    read_bytes: float
    is_written: bool


class Staying:
    """What stays around the runs of a model on a target.

    Args:
        segments: The runs.
        residency: What stays where.
    """

    def __init__(self, segments: Segments, residency: Residency) -> None:
        self._segments = segments
        self._home = {name: (level, payer) for level, kept in enumerate(residency.kept) for name, payer in kept.items()}
        self._known: dict[tuple[int, int], tuple[Stay, ...]] = {}

    def of(self, run: Run) -> tuple[Stay, ...]:
        """The operands of a run that stay."""
        if not self._home:
            return ()
        found = self._known.get((run.first, run.last))
        if found is None:
            found = self._known[run.first, run.last] = self._found(run)
        return found

    def _found(self, run: Run) -> tuple[Stay, ...]:
        kind = run.kind
        assert kind is not None
        found = []
        for number, (is_written, name) in enumerate(self._segments.operands(run.first, run.last, kind)):
            home = self._home.get(name)
            if home is None:
                continue
            level, payer = home
            pays = not is_written and payer in self._segments.kernels(run.first, run.last)
            once = float(kind.placed.stack.operands[number].bytes) if pays else 0.0
            found.append(Stay(number, level, once, is_written and payer == WRITTEN))
        return tuple(found)

    def crossing(
        self, run: Run, boundary: int, reads: FloatArray, writes: FloatArray, repeat: int
    ) -> tuple[FloatArray, FloatArray]:
        """Bytes of one trip that cross a boundary outside a group's level, in and out.

        Args:
            run: The group.
            boundary: Number of the level outside it.
            reads: (..., A) bytes in by operand, if nothing stays on chip around the group.
            writes: The same of bytes out.
            repeat: Trips.
        """
        stays = [stay for stay in self.of(run) if stay.level > boundary and not stay.is_written]
        if stays:
            reads, writes = reads.copy(), writes.copy()
            for stay in stays:
                reads[..., stay.operand] = stay.read_bytes / repeat
                writes[..., stay.operand] = 0.0
        return reads.sum(axis=-1), writes.sum(axis=-1)
