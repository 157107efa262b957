"""Which runs of steps should be one group on a target, at which level, with which tile? The best for an objective.

Every run that could be a group is priced at every level that has room for it; the least sum over the whole model is found
by dynamic programming over the steps. That is exact over groups of consecutive steps for times and energies, which are
sums over groups. Their product is least at a corner of the lower hull of all (time, energy), so it is found by a
search over weights of the two, each of them a sum again. Runs that are equal, with the same around them, are priced once.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field

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

HULL_STEPS = 16
"""So many weights of time and energy are tried at most for their product."""


@dataclass(frozen=True, slots=True, eq=False)
class UnitFigures:
    """What a step takes as a group of its own; all trips, L levels.

    Attributes:
        engines_s: Time by engine.
        compute_j: Energy of its work, None where unknown.
        read_bytes, write_bytes: (L,) traffic.
        latency_s, energy_j: None where unknown.
        footprint_bytes: (L,) of its tiles, of one instance.
    """

    engines_s: Mapping[str, float]
    compute_j: float | None
    read_bytes: FloatArray
    write_bytes: FloatArray
    latency_s: float | None
    energy_j: float | None
    footprint_bytes: FloatArray


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
    """

    segments: Segments
    store: Storage
    target: Target
    residency: Residency
    base: Placed
    units: Sequence[UnitFigures]
    _priced: dict[Hashable, _Priced | None] = field(default_factory=dict)
    _runs: list[list[tuple[int, _Priced]]] | None = None

    def __post_init__(self) -> None:
        levels = self.target.levels
        self._inside = [self.residency.inside(boundary) for boundary in range(len(levels) - 1)]
        self._engines = tuple(dict.fromkeys(name for unit in self.units for name in unit.engines_s))
        self._is_energy_known = all(unit.energy_j is not None for unit in self.units) and bool(self.units)
        self._rows = np.array([self._row(unit) for unit in self.units]).reshape(len(self.units), -1)
        place = {name: number for number, kept in enumerate(self.residency.kept) for name in kept}
        self._begin: dict[int, list[tuple[Candidate, int]]] = {}
        for candidate in self.residency.candidates:
            number = place.get(candidate.root)
            if number is not None:
                self._begin.setdefault(candidate.first, []).append((candidate, number))
        self._levels = tuple(
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
            self._runs = []
            for last, found in enumerate(self.segments.by_last):
                here = []
                for segment in found:
                    key = (id(segment.kind), tuple(states[segment.first : last + 1]))
                    if key not in self._priced:
                        self._priced[key] = self._price(segment)
                    priced = self._priced[key]
                    if priced is not None:
                        here.append((segment.first, priced))
                self._runs.append(here)
        return self._runs

    def _states(self) -> list[Hashable]:
        """What matters around each step: what it takes alone, what stays there, and what begins to stay."""
        known: dict[Hashable, int] = {}
        found: list[Hashable] = []
        for step in range(len(self.segments.units)):
            begin = tuple(
                (candidate.last - step, candidate.bytes, number) for candidate, number in self._begin.get(step, ())
            )
            key = (self.base.index[step], self.base.resident_bytes[step], begin)
            found.append(known.setdefault(key, len(known)))
        return found

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
            if number <= level and candidate.last <= last and self._is_inner(candidate, first, last)
        ]

    def _is_inner(self, candidate: Candidate, first: int, last: int) -> bool:
        maker = self.store.producers.get(candidate.root)
        if maker is None or candidate.is_written or candidate.first < first:
            return False
        return not self.store.leaves(candidate.root, self._kernels(first, last))

    def _kernels(self, first: int, last: int) -> frozenset[int]:
        return frozenset(kernel for step in range(first, last + 1) for kernel in self.segments.units[step])

    def room(self, first: int, last: int, level: int) -> float:
        """Bytes that the tiles of a run may take of all instances of a level."""
        instances = self.residency.instances[level]
        return self.residency.room_bytes[level] - self.residents(first, last, level)[level] * instances

    @property
    def levels(self) -> tuple[int, ...]:
        """Numbers of the levels that can hold the tiles of a group."""
        return self._levels

    def _price(self, segment: Segment) -> _Priced | None:
        return self._priced_anyhow(segment) if self._may_gain(segment) else None

    def _priced_anyhow(self, segment: Segment) -> _Priced | None:
        kind, curve = segment.kind, segment.kind.curve
        parts: list[tuple[int, list[int]]] = []
        for level in self._levels:
            if kind.least_bytes > self.residency.room_bytes[level]:
                continue
            room = self.room(segment.first, segment.last, level)
            steps = []
            for capacities, numbers in kind.fronts:
                place = bisect_right(capacities, room) - 1
                if place >= 0 and numbers[place] not in steps:
                    steps.append(numbers[place])
            if steps:
                parts.append((level, steps))
        if not parts:
            return None
        chosen = np.array([step for _, steps in parts for step in steps])
        level_of = np.array([level for level, steps in parts for _ in steps])
        rows = self._rows[[self.base.index[step] for step in range(segment.first, segment.last + 1)]]
        inner = curve.work[chosen] @ rows
        engines = len(self._engines)
        count = len(self.target.levels)
        reads, writes = inner[:, engines + 1 : engines + 1 + count], inner[:, engines + 1 + count :]
        repeat = self.store.kernels[self.segments.units[segment.first][0]].op.repeat
        for boundary in range(int(level_of.max())):
            outside = np.flatnonzero(level_of > boundary)
            read, write = self._crossing(segment, boundary, chosen[outside], repeat)
            reads[outside, boundary], writes[outside, boundary] = read * repeat, write * repeat
        launch = self.target.launch_overhead.value * repeat if self.target.launch_overhead else 0.0
        latency = self._time(inner[:, :engines], reads, writes) + launch
        energy = self._energy(inner[:, engines], reads, writes, latency)
        return _Priced(kind, level_of, chosen, reads, writes, latency, energy)

    def _may_gain(self, segment: Segment) -> bool:
        """Whether one group could save anything: launches, or bytes outside the levels on chip."""
        if self.target.launch_overhead is not None and self.target.launch_overhead.value:
            return True
        kernels = self._kernels(segment.first, segment.last)
        used: dict[str, int] = {}
        for kernel in kernels:
            one = self.store.kernels[kernel]
            for name in {self.store.root(t.tensor) for t in one.cost.reads} | {t.tensor for t in one.cost.writes}:
                used[name] = used.get(name, 0) + 1
        shared = [name for name, count in used.items() if count > 1]
        return any(name not in kept for kept in self._inside for name in shared)

    def _crossing(
        self, segment: Segment, boundary: int, steps: npt.NDArray[np.int64], repeat: int
    ) -> tuple[FloatArray, FloatArray]:
        """Bytes of one trip across a boundary outside the group's level, at some steps of its curve."""
        kind, curve, kept = segment.kind, segment.kind.curve, self._inside[boundary]
        if not kept:
            return curve.read_bytes[steps].sum(axis=1), curve.write_bytes[steps].sum(axis=1)
        kernels = [kernel for step in range(segment.first, segment.last + 1) for kernel in self.segments.units[step]]
        reads, writes = curve.read_bytes[steps], curve.write_bytes[steps]
        for number, (member, is_written, position) in enumerate(kind.where):
            op = self.store.kernels[kernels[member]].op
            name = op.outputs[position] if is_written else self.store.root((*op.inputs, *op.parameters)[position])
            payer = kept.get(name)
            if payer is None:
                continue
            if not is_written:
                reads[:, number] = kind.named.stack.operands[number].bytes / repeat if payer in kernels else 0.0
            elif payer != WRITTEN:
                reads[:, number] = writes[:, number] = 0.0
        return reads.sum(axis=1), writes.sum(axis=1)

    def _time(self, engines_s: FloatArray, reads: FloatArray, writes: FloatArray) -> FloatArray:
        """As `overlapped_time_s` of the engines and levels, for many groups at once."""
        longest = engines_s.max(axis=1) if engines_s.shape[1] else np.zeros(len(reads))
        serial = np.zeros(len(reads))
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

    def choice(self, segment: Segment, objective: str) -> Choice | None:
        """How a run is one group at the least of an objective, even if that pays not; None where it never fits."""
        priced = self._priced_anyhow(segment)
        return None if priced is None else priced.choice(priced.least(self._weights(objective))[1])

    def best(self, objective: str) -> tuple[Chosen, ...]:
        """The groups that are least in an objective: latency | energy | edp | traffic (at the outermost level).

        Where the objective is not known on the target, traffic counts.
        """
        objective = self._known(objective)
        return self._least_product() if objective == "edp" else self._walked(self._weights(objective))

    def _known(self, objective: str) -> str:
        return "traffic" if objective in ("energy", "edp") and not self._is_energy_known else objective

    def _weights(self, objective: str) -> tuple[float, float, float]:
        """Of time, energy and outermost traffic; of a product those of its logarithm around the steps alone."""
        objective = self._known(objective)
        steps = range(len(self.segments.units))
        time = math.fsum(self._single("latency", step) for step in steps)
        traffic = math.fsum(self._single("traffic", step) for step in steps)
        tie = 1e-9
        if objective == "latency" and time:
            return (1.0, 0.0, tie * time / traffic if traffic else 0.0)
        if objective == "energy":
            return (0.0, 1.0, 0.0)
        if objective == "edp" and time:
            return (1.0 / time, 1.0 / (math.fsum(self._single("energy", step) for step in steps) or 1.0), 0.0)
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
        return tuple(  # type: ignore[return-value]
            math.fsum(
                self._single(name, part.first) if part.choice is None else getattr(part.choice, f"{name}_{unit}")
                for part in plan
            )
            for name, unit in (("latency", "s"), ("energy", "j"))
        )

    def _single(self, what: str, step: int) -> float:
        unit = self.units[self.base.index[step]]
        if what == "latency":
            return unit.latency_s or 0.0
        if what == "energy":
            return unit.energy_j or 0.0
        return float(unit.read_bytes[0] + unit.write_bytes[0])

    def _walked(self, weights: tuple[float, float, float]) -> tuple[Chosen, ...]:
        """The least weighted sum of time, energy and outermost traffic, by dynamic programming over the steps."""
        alone = [
            _weighted(
                weights, self._single("latency", step), self._single("energy", step), self._single("traffic", step)
            )
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


def _weighted(weights: tuple[float, float, float], time, energy, traffic):  # type: ignore[no-untyped-def]
    total = weights[0] * time + weights[2] * traffic
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
