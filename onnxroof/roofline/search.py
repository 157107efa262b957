"""Which runs of steps should be one group on a target, at which level, with which tile? The best for an objective.

Every run that could be a group is priced at every level that has room for it; the least sum over the whole model is
found by dynamic programming over the steps. That is exact over groups of consecutive steps for times and energies,
which are sums over groups. Their product is least at a corner of the lower hull of all (time, energy), so it is found
by a search over weights of the two, each of them a sum again. Runs that are equal, with the same around them, are
priced once, and a run only where its bound leaves open whether it is part of the best plan (`onnxroof.roofline.paths`).
"""

from __future__ import annotations

import itertools
import math
from bisect import bisect_right
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import numpy.typing as npt

from onnxroof.mapping.placed import Placed
from onnxroof.mapping.residency import Residency
from onnxroof.mapping.segments import Fronts, Kind, Segment, Segments
from onnxroof.mapping.storage import Storage
from onnxroof.roofline.bounds import Bounds
from onnxroof.roofline.paths import least_path
from onnxroof.roofline.prices import Choice, Draft, Priced, Prices, weighted
from onnxroof.roofline.rooms import Rooms
from onnxroof.roofline.staying import Staying
from onnxroof.targets.model import Target

__all__ = ["Choice", "Chosen", "Search", "UnitFigures"]

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

SAME = 1e-9
"""A plan in another order has to be better by this part to be wanted."""

HULL_STEPS = 16
"""So many weights of time and energy are tried at most for their product."""


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class UnitFigures:
    """What steps take as groups of their own; all trips. K kinds of them, E engines, L levels of the target.

    Attributes:
        engines_s: (K, E) time by engine.
        full_engines_s: (K, E) the same with every array full.
        runs: (K, E) whether an engine has work of a known rate.
        compute_j: (K,) energy of the work, NaN where unknown.
        read_bytes, write_bytes: (K, L) traffic, without what the layout alone moves.
        saved_bytes: (K, L) what does not move because of what stays on chip around them.
        latency_s, energy_j: (K,) NaN where unknown.
        footprint_bytes: (K, L) of their tiles, of one instance.
        doubtful_s, doubtful_j: (K, E), (K,) what of the engines' times and energies rests on uncertain numbers.
    """

    engines_s: FloatArray
    full_engines_s: FloatArray
    runs: npt.NDArray[np.bool_]
    compute_j: FloatArray
    read_bytes: FloatArray
    write_bytes: FloatArray
    saved_bytes: FloatArray
    latency_s: FloatArray
    energy_j: FloatArray
    footprint_bytes: FloatArray
    doubtful_s: FloatArray
    doubtful_j: FloatArray


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
class _Listed:
    """Runs by number, equal ones with the same around them under one.

    Attributes:
        distinct: The first of each.
        rows: Their places among all runs.
        runs: (R, 3) first step, last step and number of those that may gain something, as in `Segments.by_last`.
    """

    distinct: tuple[Segment, ...]
    rows: IntArray
    runs: IntArray

    def number(self, segment: Segment) -> int | None:
        """Of a run, None where it gains nothing."""
        found = self.runs[(self.runs[:, 0] == segment.first) & (self.runs[:, 1] == segment.last), 2]
        return int(found[0]) if len(found) else None


@dataclass(eq=False)
class Search:
    """The runs of a model on a target.

    Attributes:
        segments: The runs.
        store: Kernels.
        target: The target.
        residency: What stays on chip between steps.
        base: Every step as a group of its own.
        units: What the kinds of `base` take.
        inside: By boundary what stays inside of it.
        rooms: What is left to the tiles of runs.
        staying: What stays around them.
        levels: Numbers of the levels that can hold the tiles of a group: those on chip that hold all operands.
    """

    segments: Segments
    store: Storage
    target: Target
    residency: Residency
    base: Placed
    units: UnitFigures
    _priced: dict[int, Priced | None] = field(default_factory=dict)

    def __post_init__(self) -> None:
        levels = self.target.levels
        self.inside = [self.residency.inside(boundary) for boundary in range(len(levels) - 1)]
        units = self.units
        self._is_energy_known = bool(len(units.energy_j)) and not np.isnan(units.energy_j).any()
        self._prices = Prices(self.target, self._is_energy_known)
        self._has_launches = self.target.launch_overhead is not None and self.target.launch_overhead.value > 0
        self._rows = np.concatenate(
            (units.engines_s, np.nan_to_num(units.compute_j)[:, None], units.read_bytes, units.write_bytes), axis=1
        )
        self.staying = Staying(self.segments, self.residency)
        self.rooms = Rooms(self.residency, self.base.resident_bytes, self.store.producers)
        self.levels: tuple[int, ...] = tuple(number for number in range(1, len(levels)) if levels[number].holds_all)

    # Which runs are looked at

    @cached_property
    def _listed(self) -> _Listed:
        """All runs but those that are sure to gain nothing."""
        segments, states = self.segments, np.array([*self._states(), -1])
        rows = np.flatnonzero(self._gains())
        first, last = segments.borders.first[rows], segments.borders.last[rows]
        steps = np.minimum(first[:, None] + np.arange(int((last - first).max(initial=0)) + 1), len(states) - 1)
        around = np.where(steps <= last[:, None], states[steps], -1)
        places, number = _numbered(np.concatenate((segments.numbers[rows, None], around), axis=1))
        distinct = tuple([segments.runs[row] for row in rows[places].tolist()])
        return _Listed(distinct, rows[places], np.stack((first, last, number), axis=1))

    def priced(self, segment: Segment) -> Priced | None:
        """All that a run could be; None where it can gain nothing, or no level has room for it."""
        number = self._listed.number(segment)
        if number is None:
            return None
        self._price([number])
        return self._priced[number]

    def _price(self, numbers: Sequence[int]) -> None:
        """Works out what some runs could be."""
        new = [number for number in numbers if number not in self._priced]
        drafts = [self._draft(self._listed.distinct[number], self._rooms[number].tolist()) for number in new]
        priced = iter(self._prices.priced([draft for draft in drafts if draft is not None]))
        for number, draft in zip(new, drafts, strict=True):
            self._priced[number] = None if draft is None else next(priced)

    def bounds(self, segment: Segment) -> tuple[FloatArray, ...]:
        """(levels,) the least time, energy and outermost bytes of a run that may gain something, at each level."""
        number = self._listed.number(segment)
        return tuple(figures[number] for figures in self._bounds.figures)

    @cached_property
    def _bounds(self) -> Bounds:
        """Of the runs that are looked at."""
        runs = self._listed.distinct
        steps = self._rows[[*self.base.index[: len(self.segments.units)]]]
        launches = np.array([self._repeat(segment) for segment in runs], dtype=float)
        return Bounds(
            self.segments, runs, self._listed.rows, steps, self._prices, self.levels, self.inside, launches,
            self._rooms, self.staying,
        )  # fmt: skip

    def _repeat(self, segment: Segment) -> int:
        return self.store.kernels[self.segments.units[segment.first][0]].op.repeat

    # What a run takes

    def _states(self) -> tuple[int, ...]:
        """What matters around each step: what it takes alone, what stays there, and what begins to stay."""
        known: dict[Hashable, int] = {}
        return tuple(
            known.setdefault((self.base.index[step], self.rooms.state(step)), len(known))
            for step in range(len(self.segments.units))
        )

    @cached_property
    def _rooms(self) -> FloatArray:
        """(K, L) bytes that the tiles of the runs that are looked at may take of all instances of a level."""
        runs = self._listed.distinct
        return self.rooms.of(np.array([run.first for run in runs]), np.array([run.last for run in runs]))

    def _draft(self, segment: Segment, room_bytes: Sequence[float]) -> Draft | None:
        """The levels and tiles of a run that may be best, with so much room at each level; None where it fits none."""
        kind, stays, repeat = segment.kind, self.staying.of(segment), self._repeat(segment)
        curve = kind.curve
        crossing = [kind.sums] * max(self.levels, default=0)
        around: list[tuple[int, Fronts]] = []  # by boundary, of what crosses there beside what stays
        for boundary in range(len(crossing)):
            if any(stay.level > boundary for stay in stays):
                read, write = self.staying.crossing(segment, boundary, curve.read_bytes, curve.write_bytes, repeat)
                crossing[boundary] = read, write
                around.append((boundary, kind.fronts_of(read + write)))
        parts: list[tuple[int, int]] = []
        for level in self.levels:
            steps: dict[int, None] = {}
            own = (front for boundary, front in around if boundary < level)
            for capacities, numbers in itertools.chain(kind.fronts, *own):
                place = bisect_right(capacities, room_bytes[level]) - 1
                if place >= 0:
                    steps[numbers[place]] = None
            parts += [(level, step) for step in steps]
        if not parts:
            return None
        level, step = np.array(parts).T
        figures = curve.work[step] @ self._rows[[*self.base.index[segment.first : segment.last + 1]]]
        reads, writes = self._prices.bytes(figures)
        for boundary, (read, write) in enumerate(crossing):
            is_outside = level > boundary
            np.copyto(reads[:, boundary], read[step] * repeat, where=is_outside)
            np.copyto(writes[:, boundary], write[step] * repeat, where=is_outside)
        return Draft(kind, level, step, figures, repeat)

    def _gains(self) -> npt.NDArray[np.bool_]:
        """By run whether one group could save anything: launches, or bytes outside the levels on chip."""
        always = frozenset.intersection(*map(frozenset, self.inside)) if self.inside else frozenset()
        shares = self.segments.borders.shares(always)
        return np.ones_like(shares) if self._has_launches else shares & bool(self.inside)

    # The best plan

    def best(self, objective: str) -> tuple[Chosen, ...]:
        """The groups that are least in an objective: latency | energy | edp | traffic (at the outermost level).

        Where the objective is not known on the target, traffic counts.
        """
        objective = self._known(objective)
        if objective == "edp":
            return self._least_product()
        found = self._walked(self._weights(objective))
        assert found is not None  # nothing is asked of it
        return found

    def better(
        self, objective: str, latency_s: float, energy_j: float, outer_bytes: float
    ) -> tuple[Chosen, ...] | None:
        """As `best`, but None where no groups are better than a plan that takes so much."""
        objective = self._known(objective)
        if objective == "edp":
            return self._least_product()
        weights = self._weights(objective)
        return self._walked(weights, weighted(weights, latency_s, energy_j, outer_bytes) * (1 - SAME))

    def choice(self, segment: Segment, objective: str) -> Choice | None:
        """How a run is one group at the least of an objective, even if that pays not; None where it never fits."""
        draft = self._draft(segment, self.rooms.left(segment.first, segment.last))
        if draft is None:
            return None
        (priced,) = self._prices.priced([draft])
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
        plans = [self._walked((1.0, 0.0, 0.0)) or (), self._walked((0.0, 1.0, 0.0)) or ()]
        points = [self._sums(plan) for plan in plans]
        stack = [(0, 1)]
        while stack and len(plans) < HULL_STEPS:
            one, other = stack.pop()
            (t0, e0), (t1, e1) = points[one], points[other]
            if t1 <= t0 or e0 <= e1:
                continue
            weights = (e0 - e1, t1 - t0, 0.0)
            plan = self._walked(weights) or ()
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
        return self._alone[what][self.base.index[step]]

    @cached_property
    def _alone(self) -> Mapping[str, Sequence[float]]:
        """The same by kind of step."""
        units = self.units
        return {
            "latency": np.nan_to_num(units.latency_s).tolist(),
            "energy": np.nan_to_num(units.energy_j).tolist(),
            "traffic": (units.read_bytes[:, 0] + units.write_bytes[:, 0]).tolist(),
        }

    def _walked(self, weights: tuple[float, float, float], below: float = math.inf) -> tuple[Chosen, ...] | None:
        """The least weighted sum of time, energy and outermost traffic, by dynamic programming over the steps.

        None where it is not less than `below`.
        """
        kinds = [weighted(weights, *figures) for figures in zip(*self._alone.values(), strict=True)]
        alone = [kinds[number] for number in self.base.index[: len(self.segments.units)]]
        if not self.levels or not self._listed.distinct:
            apart = tuple(Chosen(step, step, None) for step in range(len(alone)))
            return apart if math.fsum(alone) < below else None
        costs = self._bounds.least(weights).tolist()
        picks: dict[int, int] = {}

        def cost(number: int) -> float:
            """Of a run that is priced; with it goes how it is run."""
            priced = self._priced[number]
            if priced is None:
                return math.inf
            found, picks[number] = priced.least(weights)
            return found

        for number in self._priced:
            costs[number] = cost(number)

        def closer(numbers: Sequence[int]) -> list[tuple[float, bool]]:
            """A better bound where that spares a curve, else the cost."""
            runs = self._listed.distinct
            loose = [number for number in numbers if not runs[number].kind.has_curve]
            risen: dict[int, float] = {}
            for tightness in (1, 2):
                if loose:
                    bounds = self._bounds.tightened(weights, loose, tightness)
                    risen |= {n: bound for n, bound in zip(loose, bounds, strict=True) if bound > costs[n] * (1 + SAME)}
                    loose = [number for number in loose if number not in risen]
            self._price([number for number in numbers if number not in risen])
            return [(risen[number], False) if number in risen else (cost(number), True) for number in numbers]

        path = least_path(alone, self._listed.runs, costs, closer, below, [*self._priced])
        if path is None:
            return None
        chosen: dict[int, Choice | None] = {-1: None}
        for number in {number for _, _, number in path if number >= 0}:
            priced = self._priced[number]
            assert priced is not None  # what fits nowhere costs more than its steps
            chosen[number] = priced.choice(picks[number])
        return tuple([Chosen(first, last, chosen[number]) for first, last, number in path])


def _numbered(rows: IntArray) -> tuple[IntArray, IntArray]:
    """Of (R, C) rows the first place of each that occurs, and (R,) which of these each row is."""
    order = np.lexsort(rows.T)  # equal rows stay in their order
    is_new = np.ones(len(order), dtype=bool)
    is_new[1:] = (rows[order[1:]] != rows[order[:-1]]).any(axis=1)
    number = np.empty_like(order)
    number[order] = np.cumsum(is_new) - 1
    return order[is_new], number
