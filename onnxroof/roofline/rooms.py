"""How much of each level is left to the tiles of a run of steps, beside what stays on chip meanwhile?

What passes between the steps of a run need not stay there, nor further outside, while the run is one group at a level.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from functools import cached_property

import numpy as np
import numpy.typing as npt

from onnxroof.mapping.residency import Residency
from onnxroof.mapping.timeline import Candidate

__all__ = ["Rooms"]

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]


class Rooms:
    """What stays around the steps of a model on a target, and around runs of them.

    Args:
        residency: What stays on chip.
        resident_bytes: By step and level, what stays there of one instance.
        made: Roots that some operator makes.
    """

    def __init__(
        self, residency: Residency, resident_bytes: Sequence[tuple[float, ...]], made: Collection[str]
    ) -> None:
        self._residency, self._resident_bytes, self._made = residency, resident_bytes, made
        self._place = {name: number for number, kept in enumerate(residency.kept) for name in kept}
        self._begin: dict[int, list[tuple[Candidate, int]]] = {}
        for candidate in residency.candidates:
            number = self._place.get(candidate.root)
            if number is not None:
                self._begin.setdefault(candidate.first, []).append((candidate, number))

    def state(self, step: int) -> tuple[object, ...]:
        """What stays during a step, and what begins to stay with it and for how long."""
        begin = [(candidate.last - step, candidate.bytes, number) for candidate, number in self._begin.get(step, ())]
        return (self._resident_bytes[step], *begin)

    def _inner(self, first: int, last: int, level: int) -> list[tuple[Candidate, int]]:
        """What stays on chip only because the steps of a run are not one group at a level, and where."""
        return [
            (candidate, number)
            for step in range(first, last + 1)
            for candidate, number in self._begin.get(step, ())
            if number <= level and candidate.last <= last and self._may_pass(candidate)
        ]

    def _may_pass(self, candidate: Candidate) -> bool:
        """Whether it passes from step to step: it is not what waits to be written, and nothing from outside."""
        return not candidate.is_written and candidate.root in self._made

    def apart(self, candidates: Iterable[Candidate], groups: Iterable[tuple[int, int, int]]) -> frozenset[str]:
        """Roots that pass from step to step inside of groups: they need not stay on chip for that.

        Args:
            candidates: What could stay.
            groups: First step, last step and level of each.
        """
        around = {step: (last, level) for first, last, level in groups for step in range(first, last + 1)}
        found = []
        for candidate in candidates:
            last, level = around.get(candidate.first, (-1, 0))
            if candidate.last <= last and self._place.get(candidate.root, 0) <= level and self._may_pass(candidate):
                found.append(candidate.root)
        return frozenset(found)

    def residents(self, first: int, last: int, level: int) -> list[float]:
        """By level, the most that stays there of one instance while a run is one group at a level."""
        steps = [list(self._resident_bytes[step]) for step in range(first, last + 1)]
        for candidate, number in self._inner(first, last, level):
            for taken in steps[candidate.first - first : candidate.last - first + 1]:
                taken[number] -= candidate.bytes / self._residency.instances[number]
        return [max(0.0, *taken) for taken in zip(*steps, strict=True)]

    def of(self, first: IntArray, last: IntArray) -> FloatArray:
        """(K, L) bytes of all instances of each level that the tiles of K runs may take, each as one group there.

        Args:
            first: (K,) steps.
            last: (K,) steps.
        """
        lengths = last - first + 1
        places = np.arange(int(lengths.max(initial=0)))[:, None]
        steps = np.where(places < lengths, first + places, len(self._totals) - 1)
        taken = self._totals[steps]  # (places, K, L)
        for level, (begin, end, size) in enumerate(self._passing):
            least, most = np.searchsorted(begin, first), np.searchsorted(begin, last, side="right")
            run = np.repeat(np.arange(len(first)), most - least)
            which = np.arange(len(run)) + np.repeat(most - np.cumsum(most - least), most - least)
            is_inner = end[which] <= last[run]
            run, which = run[is_inner], which[is_inner]
            change = np.zeros((len(places) + 1, len(first)))
            np.add.at(change, (begin[which] - first[run], run), size[which])
            np.add.at(change, (end[which] + 1 - first[run], run), -size[which])
            taken[:, :, level] -= np.cumsum(change[:-1], axis=0)
        left: FloatArray = np.array(self._residency.room_bytes) - taken.max(axis=0, initial=0.0)
        return left

    def left(self, first: int, last: int) -> list[float]:
        """The same of one run."""
        found: list[float] = self.of(np.array([first]), np.array([last]))[0].tolist()
        return found

    @cached_property
    def _totals(self) -> FloatArray:
        """(steps + 1, L) bytes that stay of all instances; nothing behind the last step."""
        taken = np.array([*self._resident_bytes, (0.0,) * len(self._residency.instances)])
        found: FloatArray = np.rint(taken * np.array(self._residency.instances))
        return found

    @cached_property
    def _passing(self) -> list[tuple[IntArray, IntArray, FloatArray]]:
        """By level, what could pass inside of a run: first and last steps, and bytes; by ascending first step."""
        found: list[list[tuple[int, int, int]]] = [[] for _ in self._residency.instances]
        for _, here in sorted(self._begin.items()):
            for candidate, number in here:
                if self._may_pass(candidate):
                    found[number].append((candidate.first, candidate.last, candidate.bytes))
        arrays = (np.array(here, dtype=np.int64).reshape(-1, 3).T for here in found)
        return [(first, last, size.astype(np.float64)) for first, last, size in arrays]
