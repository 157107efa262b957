"""What do runs of steps take at least on a target, at each level, before they have a curve?

K runs that are looked at. First all work once, inside a level what the steps move alone, outside only what crosses the
border of the run. Where that is asked for also what must come in again for the room that there is
(`onnxroof.mapping.least`).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from onnxroof.mapping.segments import Segment, Segments
from onnxroof.roofline.prices import Prices, weighted
from onnxroof.roofline.staying import Staying

__all__ = ["Bounds"]

BoolArray = npt.NDArray[np.bool_]
FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

ROUNDING = 1e-13
"""A bound is taken lower by this part, as sums of the same numbers in another order differ."""


@dataclass(frozen=True, eq=False)
class Bounds:
    """Bounds of runs.

    Attributes:
        segments: All runs of the model.
        runs: Those that are looked at.
        places: (K,) their places among all.
        steps: (steps, ...) what each step takes alone, a row as `Prices` has them.
        prices: Of rows.
        levels: Numbers of the levels at which a run can be one group.
        inside: By boundary what stays inside of it.
        launches: (K,) trips of the runs.
        room_bytes: (K, L) what the tiles of a run may take at a level.
        staying: What stays around runs.
    """

    segments: Segments
    runs: Sequence[Segment]
    places: IntArray
    steps: FloatArray
    prices: Prices
    levels: tuple[int, ...]
    inside: Sequence[Mapping[str, int]]
    launches: FloatArray
    room_bytes: FloatArray
    staying: Staying

    @cached_property
    def _figures(self) -> FloatArray:
        """(K, levels, ...) rows of what runs take by their border alone."""
        firsts = np.array([run.first for run in self.runs], dtype=np.int64)
        lengths = np.array([run.last - run.first + 1 for run in self.runs], dtype=np.int64)
        sums = np.zeros((len(self.runs), self.steps.shape[1]))
        for place in range(int(lengths.max(initial=0))):
            longer = lengths > place
            sums[longer] += self.steps[firsts[longer] + place]
        figures = np.repeat(sums[:, None], len(self.levels), axis=1)
        reads, writes = self.prices.bytes(figures)
        for boundary in range(max(self.levels, default=0)):
            outside = [place for place, level in enumerate(self.levels) if level > boundary]
            read, write = self.segments.borders.crossing(self.inside[boundary])
            reads[:, outside, boundary] = read[self.places, None]
            writes[:, outside, boundary] = write[self.places, None]
        return figures

    @cached_property
    def figures(self) -> tuple[FloatArray, FloatArray, FloatArray]:
        """(K, levels) the least time, energy and outermost bytes of each run, by its level."""
        rows = self._figures.copy()
        reads, writes = self.prices.bytes(rows)
        known = self._known * self.launches[:, None, None]
        for place, level in enumerate(self.levels):
            self.fits[:, place] = ~np.isinf(known[:, place, 0])
            reads[:, place, :level] += np.where(self.fits[:, place], known[:, place, 0], 0.0)[:, None]
            writes[:, place, :level] += np.where(self.fits[:, place], known[:, place, 1], 0.0)[:, None]
        return self._priced(rows, self.launches)

    @cached_property
    def _known(self) -> FloatArray:
        """(K, levels, 2) bytes in and out of one trip that others found to move beyond once."""
        found = np.zeros((len(self.runs), len(self.levels), 2))
        touched = self.segments.borders.touches(self.inside[0] if self.inside else ())[self.places]
        for number, (run, rooms) in enumerate(zip(self.runs, self.room_bytes.tolist(), strict=True)):
            if not touched[number]:
                found[number] = [run.kind.known_bytes(rooms[level]) for level in self.levels]
        return found

    @cached_property
    def fits(self) -> BoolArray:
        """(K, levels) whether a run may fit."""
        return np.ones((len(self.runs), len(self.levels)), dtype=bool)

    @cached_property
    def tightness(self) -> IntArray:
        """(K,) how closely the bounds of a run take the room into account: 0 not at all, 1 roughly, 2 exactly."""
        return np.zeros(len(self.runs), dtype=np.int64)

    def _priced(self, rows: FloatArray, launches: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        shape = rows.shape[:2]
        latency, energy = self.prices.of(rows.reshape(-1, rows.shape[2]), np.repeat(launches, shape[1]))
        reads, writes = self.prices.bytes(rows)
        return latency.reshape(shape), energy.reshape(shape), reads[:, :, 0] + writes[:, :, 0]

    def least(self, weights: tuple[float, float, float]) -> FloatArray:
        """(K,) the least weighted sum of time, energy and outermost bytes; infinite for what fits nowhere."""
        return self._least(weights, slice(None))

    def _least(self, weights: tuple[float, float, float], numbers: slice | IntArray) -> FloatArray:
        costs = weighted(weights, *(figures[numbers] for figures in self.figures))
        least: FloatArray = np.where(self.fits[numbers], costs, math.inf).min(axis=1) * (1 - ROUNDING)
        return least

    def tightened(self, weights: tuple[float, float, float], numbers: Sequence[int], tightness: int) -> FloatArray:
        """The same of some runs, for the room that there is: 1 roughly, 2 exactly but for work that is done again."""
        rows = np.array(numbers, dtype=np.int64)
        loose = rows[self.tightness[rows] < tightness]
        if len(loose):
            more = self._figures[loose]
            reads, _ = self.prices.bytes(more)
            for row, number in enumerate(loose.tolist()):
                self._add_again(number, reads[row], is_exact=tightness == 2)
            for known, found in zip(self.figures, self._priced(more, self.launches[loose]), strict=True):
                known[loose] = found
            self.tightness[loose] = tightness
        return self._least(weights, rows)

    def _add_again(self, number: int, reads: FloatArray, *, is_exact: bool) -> None:
        """Adds to (levels, L) bytes what moves again, and says at which levels a run does not fit."""
        run, trips, rooms = self.runs[number], self.launches[number], self.room_bytes[number].tolist()
        stays, fits = self.staying.of(run), self.fits[number]
        aside = [
            frozenset([stay.operand for stay in stays if stay.level > boundary]) for boundary in range(max(self.levels))
        ]
        for place, level in enumerate(self.levels):
            for boundary, staying in enumerate(aside[:level]):
                again = run.kind.again.least_bytes(rooms[level], staying, is_exact=is_exact)
                if math.isinf(again):
                    fits[place] = False
                    break
                reads[place, boundary] += again * trips
