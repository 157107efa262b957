"""Which runs of steps should be one group on a target, at which level, with which tile? The best for an objective.

Every run that could be a group is priced at every level that has room for it; the least sum over the whole model is
found by dynamic programming over the steps. That is exact over groups of consecutive steps for times and energies,
which are sums over groups. Their product is least at a corner of the lower hull of all (time, energy), so it is found
by a search over weights of the two, each of them a sum again. Runs that are equal, with the same around them, are
priced once. A run of which no part gains anything is not looked at.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from onnxroof.mapping.placed import Placed
from onnxroof.mapping.residency import Residency
from onnxroof.mapping.segments import Kind, Segment, Segments
from onnxroof.mapping.storage import Storage
from onnxroof.mapping.timeline import WRITTEN, Candidate
from onnxroof.targets.model import MemoryLevel, Quantity, Target

__all__ = ["Choice", "Chosen", "Search", "UnitFigures"]

FloatArray = npt.NDArray[np.float64]
_Amount = TypeVar("_Amount", float, FloatArray)

HULL_STEPS = 16
"""So many weights of time and energy are tried at most for their product."""


@dataclass(frozen=True, slots=True, eq=False)
class UnitFigures:
    """What a step takes as a group of its own; all trips, L levels.

    Attributes:
        engines_s: Time by engine.
        full_engines_s: The same with every array full.
        compute_j: Energy of its work, None where unknown.
        read_bytes, write_bytes: (L,) traffic.
        latency_s, energy_j: None where unknown.
        footprint_bytes: (L,) of its tiles, of one instance.
        doubtful_s, doubtful_j: What of the engines' times and energies rests on uncertain numbers.
    """

    engines_s: Mapping[str, float]
    full_engines_s: Mapping[str, float]
    compute_j: float | None
    read_bytes: FloatArray
    write_bytes: FloatArray
    latency_s: float | None
    energy_j: float | None
    footprint_bytes: FloatArray
    doubtful_s: Mapping[str, float]
    doubtful_j: float


@dataclass(frozen=True, slots=True, eq=False)
class Choice:
    """A run as a group at a level; all trips.

    Attributes:
        kind: The run.
        level: Number of the level that holds its tiles.
        step: Of its curve.
        read_bytes, write_bytes: (L,) traffic.
        latency_s, energy_j, outer_bytes: What it takes; energy is infinite where unknown.
    """

    kind: Kind
    level: int
    step: int
    read_bytes: FloatArray
    write_bytes: FloatArray
    latency_s: float
    energy_j: float
    outer_bytes: float


@dataclass(frozen=True, slots=True, eq=False)
class Chosen:
    """Consecutive steps of a plan: `choice` is None for one step that is a group of its own."""

    first: int
    last: int
    choice: Choice | None

    @property
    def kind(self) -> Kind | None:
        """The kind of the run, None of one step."""
        return None if self.choice is None else self.choice.kind


@dataclass(frozen=True, slots=True, eq=False)
class _Priced:
    """All that a run could be as one group: C choices."""

    kind: Kind
    level: npt.NDArray[np.int64]
    step: npt.NDArray[np.int64]
    read_bytes: FloatArray
    write_bytes: FloatArray
    latency_s: FloatArray
    energy_j: FloatArray

    def least(self, weights: tuple[float, float, float]) -> tuple[float, int]:
        """The least weighted sum of time, energy and outermost bytes, and the choice that has it."""
        cost = _weighted(weights, self.latency_s, self.energy_j, self.read_bytes[:, 0] + self.write_bytes[:, 0])
        number = int(np.argmin(cost))
        return float(cost[number]), number

    def choice(self, number: int) -> Choice:
        read, write = self.read_bytes[number], self.write_bytes[number]
        return Choice(
            self.kind, int(self.level[number]), int(self.step[number]), read, write, float(self.latency_s[number]),
            float(self.energy_j[number]), float(read[0] + write[0]),
        )  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class _Draft:
    """Choices of a run before they are priced: C of them, with a row each of engines, energy, and bytes by level.

    `gains`: Whether one of them saves a launch or outermost bytes.
    """

    kind: Kind
    level: npt.NDArray[np.int64]
    step: npt.NDArray[np.int64]
    figures: FloatArray
    repeat: int
    gains: bool


@dataclass(eq=False)
class Search:
    """The runs of a model on a target.

    Attributes:
        segments: The runs.
        store: Kernels.
        target: The target.
        residency: What stays on chip between steps.
        base: Every step as a group of its own.
        units: For each kind of `base` what it takes.
        levels: Numbers of the levels that can hold the tiles of a group: those on chip that hold all operands.
    """

    segments: Segments
    store: Storage
    target: Target
    residency: Residency
    base: Placed
    units: Sequence[UnitFigures]
    _runs: list[list[tuple[int, _Priced]]] | None = None

    def __post_init__(self) -> None:
        levels = self.target.levels
        self._inside = [self.residency.inside(boundary) for boundary in range(len(levels) - 1)]
        self._engines = tuple(dict.fromkeys(name for unit in self.units for name in unit.engines_s))
        self._is_energy_known = all(unit.energy_j is not None for unit in self.units) and bool(self.units)
        self._rows = [self._row(unit) for unit in self.units]
        place = {name: number for number, kept in enumerate(self.residency.kept) for name in kept}
        self._begin: dict[int, list[tuple[Candidate, int]]] = {}
        for candidate in self.residency.candidates:
            number = place.get(candidate.root)
            if number is not None:
                self._begin.setdefault(candidate.first, []).append((candidate, number))
        self.levels: tuple[int, ...] = tuple(
            number for number in range(1, len(levels)) if levels[number].holds >= {"input", "weight", "output"}
        )

    def _row(self, unit: UnitFigures) -> FloatArray:
        engines = [unit.engines_s.get(name, 0.0) for name in self._engines]
        return np.concatenate((engines, [unit.compute_j or 0.0], unit.read_bytes, unit.write_bytes))

    # What each run takes

    def runs(self) -> list[list[tuple[int, _Priced]]]:
        """For each step the runs that end with it and fit some level, each with its first step."""
        if self._runs is None:
            states = self._states()
            drafts: dict[Hashable, _Draft | None] = {}
            keys: dict[tuple[int, int], Hashable] = {}
            listed: list[list[tuple[int, Hashable]]] = []
            for last, found in enumerate(self.segments.by_last):
                here: list[tuple[int, Hashable]] = []
                for segment in found:
                    key = (id(segment.kind), states[segment.first : last + 1])
                    keys[segment.first, last] = key
                    if key not in drafts:
                        parts = ((segment.first + 1, last), (segment.first, last - 1))
                        within = [drafts[keys[part]] for part in parts if part in keys]
                        # What is no group without its first or last step, or gains nothing by it, is none with it.
                        is_promising = all(within) and (not within or any(part.gains for part in within if part))
                        is_promising = is_promising and self._may_gain(segment)
                        drafts[key] = self._draft(segment) if is_promising else None
                    if drafts[key] is not None:
                        here.append((segment.first, key))
                listed.append(here)
            priced = self._price({key: draft for key, draft in drafts.items() if draft is not None})
            self._runs = [[(first, priced[key]) for first, key in here] for here in listed]
        return self._runs

    def _states(self) -> tuple[int, ...]:
        """What matters around each step: what it takes alone, what stays there, and what begins to stay."""
        known: dict[Hashable, int] = {}
        found: list[int] = []
        for step in range(len(self.segments.units)):
            begin = tuple(
                (candidate.last - step, candidate.bytes, number) for candidate, number in self._begin.get(step, ())
            )
            key = (self.base.index[step], self.base.resident_bytes[step], begin)
            found.append(known.setdefault(key, len(known)))
        return tuple(found)

    def residents(self, first: int, last: int, level: int) -> list[float]:
        """By level, the most that stays there of one instance while a run is one group at a level.

        What passes between its own operators need not stay there, nor further outside.
        """
        steps = [list(self.base.resident_bytes[step]) for step in range(first, last + 1)]
        for candidate, number in self._inner(first, last, level):
            for taken in steps[candidate.first - first : candidate.last - first + 1]:
                taken[number] -= candidate.bytes / self.residency.instances[number]
        return [max(0.0, *taken) for taken in zip(*steps, strict=True)]

    def inner(self, first: int, last: int, level: int) -> list[Candidate]:
        """What stays on chip only because the steps of a run are not one group at a level."""
        return [candidate for candidate, _ in self._inner(first, last, level)]

    def _inner(self, first: int, last: int, level: int) -> list[tuple[Candidate, int]]:
        return [
            (candidate, number)
            for step in range(first, last + 1)
            for candidate, number in self._begin.get(step, ())
            if number <= level
            and candidate.last <= last
            and not candidate.is_written
            and candidate.root in self.store.producers
        ]

    def room(self, first: int, last: int, level: int) -> float:
        """Bytes that the tiles of a run may take of all instances of a level."""
        instances = self.residency.instances[level]
        return self.residency.room_bytes[level] - self.residents(first, last, level)[level] * instances

    def _draft(self, segment: Segment) -> _Draft | None:
        """The levels and tiles of a run that may be best; None where it fits none."""
        kind = segment.kind
        parts: list[tuple[int, int]] = []
        for level in self.levels:
            if kind.least_bytes > self.residency.room_bytes[level]:
                continue
            room = self.room(segment.first, segment.last, level)
            steps: dict[int, None] = {}
            for capacities, numbers in kind.fronts:
                place = bisect_right(capacities, room) - 1
                if place >= 0:
                    steps[numbers[place]] = None
            parts += [(level, step) for step in steps]
        if not parts:
            return None
        curve = kind.curve
        chosen = np.array([step for _, step in parts])
        level_of = np.array([level for level, _ in parts])
        rows = np.array([self._rows[number] for number in self.base.index[segment.first : segment.last + 1]])
        figures = curve.work[chosen] @ rows
        engines, count = len(self._engines), len(self.target.levels)
        repeat = self.store.kernels[self.segments.units[segment.first][0]].op.repeat
        for boundary in range(int(level_of.max())):
            outside = np.flatnonzero(level_of > boundary)
            steps_outside = chosen[outside]
            if self._inside[boundary]:
                read, write = self.crossing(
                    segment, boundary, curve.read_bytes[steps_outside], curve.write_bytes[steps_outside], repeat
                )
            else:
                read, write = kind.sums[0][steps_outside], kind.sums[1][steps_outside]
            figures[outside, engines + 1 + boundary] = read * repeat
            figures[outside, engines + 1 + count + boundary] = write * repeat
        outer = float((figures[:, engines + 1] + figures[:, engines + 1 + count]).min())
        apart = sum(self.alone("traffic", step) for step in range(segment.first, segment.last + 1))
        launches = self.target.launch_overhead is not None and self.target.launch_overhead.value > 0
        return _Draft(kind, level_of, chosen, figures, repeat, launches or outer < apart)

    def _price(self, drafts: Mapping[Hashable, _Draft]) -> dict[Hashable, _Priced]:
        """Times and energies of all runs at once."""
        if not drafts:
            return {}
        figures = np.concatenate([draft.figures for draft in drafts.values()])
        counts = [len(draft.step) for draft in drafts.values()]
        engines, count = len(self._engines), len(self.target.levels)
        reads, writes = figures[:, engines + 1 : engines + 1 + count], figures[:, engines + 1 + count :]
        latency = self._time(figures[:, :engines], reads, writes)
        if self.target.launch_overhead is not None:
            launches = np.repeat([draft.repeat for draft in drafts.values()], counts)
            latency = latency + self.target.launch_overhead.value * launches
        energy = self._energy(figures[:, engines], reads, writes, latency)
        found: dict[Hashable, _Priced] = {}
        begin = 0
        for (key, draft), size in zip(drafts.items(), counts, strict=True):
            here = slice(begin, begin + size)
            found[key] = _Priced(
                draft.kind, draft.level, draft.step, reads[here], writes[here], latency[here], energy[here]
            )
            begin += size
        return found

    def _may_gain(self, segment: Segment) -> bool:
        """Whether one group could save anything: launches, or bytes outside the levels on chip."""
        if self.target.launch_overhead is not None and self.target.launch_overhead.value:
            return True
        shared = self.segments.shared(segment)
        return any(name not in kept for kept in self._inside for name in shared)

    def crossing(
        self, run: Segment | Chosen, boundary: int, reads: FloatArray, writes: FloatArray, repeat: int
    ) -> tuple[FloatArray, FloatArray]:
        """Bytes of one trip that cross a boundary outside a group's level, in and out.

        Args:
            run: The group.
            boundary: Number of the level outside it.
            reads: (..., A) bytes in by operand, if nothing stays on chip around the group; a fresh array.
            writes: The same of bytes out.
            repeat: Trips.
        """
        kept = self._inside[boundary]
        if kept:
            assert run.kind is not None
            kernels = self.segments.kernels(run.first, run.last)
            for number, (is_written, name) in enumerate(self.segments.operands(run.first, run.last, run.kind)):
                payer = kept.get(name)
                if payer is None:
                    continue
                if not is_written:
                    once = run.kind.named.stack.operands[number].bytes / repeat
                    reads[..., number] = once if payer in kernels else 0.0
                elif payer != WRITTEN:
                    reads[..., number] = writes[..., number] = 0.0
        return reads.sum(axis=-1), writes.sum(axis=-1)

    def _time(self, engines_s: FloatArray, reads: FloatArray, writes: FloatArray) -> FloatArray:
        """As `overlapped_time_s` of the engines and levels, for many groups at once."""
        in_turn = np.array([name in self.target.engines_in_turn for name in self._engines], dtype=bool)
        longest: FloatArray = engines_s[:, ~in_turn].max(axis=1, initial=0.0)
        serial: FloatArray = engines_s[:, in_turn].sum(axis=1)
        for number, level in enumerate(self.target.levels):
            time = _level_time(level, reads[:, number], writes[:, number])
            if time is None:
                continue
            if level.overlaps:
                longest = np.maximum(longest, time)
            else:
                serial = serial + time
        return longest + serial

    def _energy(
        self, compute_j: FloatArray, reads: FloatArray, writes: FloatArray, latency_s: FloatArray
    ) -> FloatArray:
        """As `level_energy_terms`, with compute and static power."""
        if not self._is_energy_known:
            return np.full(len(reads), math.inf)
        total = compute_j.copy()
        for number, level in enumerate(self.target.levels):
            read, write = reads[:, number], writes[:, number]
            if number:
                read, write = read + writes[:, number - 1], write + reads[:, number - 1]
            total += read * _value(level.read_energy) + write * _value(level.write_energy)
        if self.target.static_power is not None:
            total += self.target.static_power.value * latency_s
        return total

    # The best plan

    def best(self, objective: str) -> tuple[Chosen, ...]:
        """The groups that are least in an objective: latency | energy | edp | traffic (at the outermost level).

        Where the objective is not known on the target, traffic counts.
        """
        objective = self._known(objective)
        return self._least_product() if objective == "edp" else self._walked(self._weights(objective))

    def choice(self, segment: Segment, objective: str) -> Choice | None:
        """How a run is one group at the least of an objective, even if that pays not; None where it never fits."""
        draft = self._draft(segment)
        if draft is None:
            return None
        priced = self._price({segment: draft})[segment]
        return priced.choice(priced.least(self._weights(self._known(objective)))[1])

    def _known(self, objective: str) -> str:
        return "traffic" if objective in ("energy", "edp") and not self._is_energy_known else objective

    def _weights(self, objective: str) -> tuple[float, float, float]:
        """Of time, energy and outermost traffic; of a product those of its logarithm around the steps alone."""
        steps = range(len(self.segments.units))
        time, traffic = (math.fsum(self.alone(what, step) for step in steps) for what in ("latency", "traffic"))
        tie = 1e-9
        if objective == "latency" and time:
            return (1.0, 0.0, tie * time / traffic if traffic else 0.0)
        if objective == "energy":
            return (0.0, 1.0, 0.0)
        if objective == "edp" and time:
            return (1.0 / time, 1.0 / (math.fsum(self.alone("energy", step) for step in steps) or 1.0), 0.0)
        return (tie * traffic / time if time else 0.0, 0.0, 1.0)

    def _least_product(self) -> tuple[Chosen, ...]:
        """Corners of the lower hull of (time, energy) between the fastest plan and the one of least energy."""
        plans = [self._walked((1.0, 0.0, 0.0)), self._walked((0.0, 1.0, 0.0))]
        points = [self._sums(plan) for plan in plans]
        stack = [(0, 1)]
        while stack and len(plans) < HULL_STEPS:
            one, other = stack.pop()
            (t0, e0), (t1, e1) = points[one], points[other]
            if t1 <= t0 or e0 <= e1:
                continue
            weights = (e0 - e1, t1 - t0, 0.0)
            plan = self._walked(weights)
            time, energy = self._sums(plan)
            if weights[0] * time + weights[1] * energy >= (weights[0] * t0 + weights[1] * e0) * (1 - 1e-9):
                continue
            plans.append(plan)
            points.append((time, energy))
            stack += [(one, len(plans) - 1), (len(plans) - 1, other)]
        return min(zip(points, plans, strict=True), key=lambda pair: pair[0][0] * pair[0][1])[1]

    def _sums(self, plan: Sequence[Chosen]) -> tuple[float, float]:
        """Time and energy of a plan."""
        time = (self.alone("latency", part.first) if part.choice is None else part.choice.latency_s for part in plan)
        energy = (self.alone("energy", part.first) if part.choice is None else part.choice.energy_j for part in plan)
        return math.fsum(time), math.fsum(energy)

    def alone(self, what: str, step: int) -> float:
        """Latency, energy or outermost traffic of a step as a group of its own; what is unknown counts nothing."""
        unit = self.units[self.base.index[step]]
        if what == "latency":
            return unit.latency_s or 0.0
        if what == "energy":
            return unit.energy_j or 0.0
        return float(unit.read_bytes[0] + unit.write_bytes[0])

    def _walked(self, weights: tuple[float, float, float]) -> tuple[Chosen, ...]:
        """The least weighted sum of time, energy and outermost traffic, by dynamic programming over the steps."""
        alone = [
            _weighted(weights, self.alone("latency", step), self.alone("energy", step), self.alone("traffic", step))
            for step in range(len(self.segments.units))
        ]
        known: dict[int, tuple[float, int]] = {}
        best = [0.0]
        back: list[tuple[int, Choice | None]] = []
        for last, found in enumerate(self.runs()):
            least, origin, pick = best[last] + alone[last], last, None
            for first, priced in found:
                if id(priced) not in known:
                    known[id(priced)] = priced.least(weights)
                cost, number = known[id(priced)]
                if best[first] + cost < least * (1 - 1e-12):
                    least, origin, pick = best[first] + cost, first, (priced, number)
            best.append(least)
            back.append((origin, None if pick is None else pick[0].choice(pick[1])))
        plan: list[Chosen] = []
        last = len(back) - 1
        while last >= 0:
            first, choice = back[last]
            plan.append(Chosen(first, last, choice))
            last = first - 1
        return tuple(reversed(plan))


def _weighted(weights: tuple[float, float, float], time: _Amount, energy: _Amount, traffic: _Amount) -> _Amount:
    total = weights[0] * time + weights[2] * traffic
    # An unknown energy is infinite and must not count where it has no weight.
    return total + weights[1] * energy if weights[1] else total


def _level_time(level: MemoryLevel, reads: FloatArray, writes: FloatArray) -> FloatArray | None:
    """`level_time_s` for many groups at once."""
    if level.shares_port:
        bandwidth = level.read_bandwidth
        return None if bandwidth is None else (reads + writes) / (bandwidth.value * level.instances)
    times = [
        count / (bandwidth.value * level.instances)
        for count, bandwidth in ((reads, level.read_bandwidth), (writes, level.write_bandwidth))
        if bandwidth is not None
    ]
    if not times:
        return None
    return times[0] if len(times) == 1 else np.maximum(times[0], times[1])


def _value(quantity: Quantity | None) -> float:
    return 0.0 if quantity is None else quantity.value
