"""Plans whose groups are looked for on a target: `depth-first` and `auto`."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, cached_property, partial
from typing import Protocol, TypeAlias

from onnxroof.mapping.given import GIVEN, GivenPlan
from onnxroof.mapping.placed import Crossing, Placed
from onnxroof.mapping.plan import Decision, Plan
from onnxroof.mapping.planned import CLOCK, PlannedModel
from onnxroof.mapping.residency import Residency
from onnxroof.mapping.shaped import ShapedPlan
from onnxroof.mapping.traffic import GroupShape
from onnxroof.roofline.demand import Demand
from onnxroof.roofline.fusing import decisions, fused_group, groups, mapped, tile_sizes
from onnxroof.roofline.given import chosen_runs, given_search
from onnxroof.roofline.groups import Assembled, Figures, Kinds, Later, Once
from onnxroof.roofline.model import overlapped_time_s
from onnxroof.roofline.result import MappedResult, PlanResult, Resident
from onnxroof.roofline.search import Chosen, Search, UnitFigures
from onnxroof.roofline.terms import level_time_s
from onnxroof.targets.model import Target

__all__ = ["Fused", "Pricing", "Searched", "best_in", "best_of"]

Fused: TypeAlias = tuple[Demand, Callable[[], MappedResult]]
"""A group of several steps, with what works out its nested mapping."""

_Runs: TypeAlias = tuple[tuple[int, int, tuple[int, int] | None], ...]
"""First and last step of each group, and of one of several steps its level and the step of its curve."""

WORTH = 0.02
"""What stays is chosen again if more than this part of what a plan is least in could be saved."""

TIE = 1e-12
"""Sums of the same numbers in another order differ by less."""

MOST_ROUNDS = 4
"""So often what stays is chosen again: three times were enough for networks; what settles in none is dropped."""


class Pricing(Protocol):
    """What it takes to price groups of a model on a target."""

    @property
    def model(self) -> PlannedModel:
        """The model."""

    @property
    def target(self) -> Target:
        """The target."""

    @property
    def residency(self) -> Residency:
        """What stays on chip between groups."""

    @property
    def residents(self) -> Sequence[Resident]:
        """What stays on chip between groups."""

    @property
    def reasons(self) -> tuple[Decision, ...]:
        """Why each stays there, or does not."""

    def beside(self, apart: frozenset[str]) -> Pricing:
        """The same with what stays on chip chosen without some roots, as they pass inside of groups."""

    def placed(self, fusion: str) -> Placed:
        """Groups of a policy with what stays on chip around them."""

    def figures(self, groups: Placed) -> Sequence[Figures]:
        """All figures of the kinds of groups."""

    def units(self, groups: Placed) -> UnitFigures:
        """What the kinds of groups take as units of which a search makes larger ones."""

    def tile(self, kind: tuple[GroupShape, Crossing | None]) -> Mapping[str, int]:
        """Size by dimension of the tile of groups of a kind."""

    def kinds(self, groups: Placed, used: Sequence[int], fused: Sequence[Fused]) -> Kinds:
        """What totals take of some kinds of groups, and of groups of several steps behind them."""

    def fused_figures(self, kinds: Kinds, fused: Sequence[Fused]) -> Iterator[Figures]:
        """All figures of groups of several steps, the last of some kinds."""

    def summed(self, plan: Assembled, assumed_precision: str | None) -> PlanResult:
        """A plan summed up over its groups."""


@dataclass(eq=False)
class Searched:
    """Plans of a model on a target.

    Attributes:
        pricing: Of groups of this model on this target.
    """

    pricing: Pricing
    _others: dict[frozenset[str], Searched] = field(default_factory=dict)
    _plans: dict[_Runs, PlanResult] = field(default_factory=dict)

    def plan(
        self, policy: str, assumed_precision: str | None, objective: str, others: Sequence[PlanResult]
    ) -> PlanResult:
        """The plan of a policy that looks for the best groups on this target.

        `depth-first` moves the fewest bytes over the outermost boundary. `auto` is the least of all plans in the
        objective, its own and the `others`.
        """
        own = self.of_chosen(policy, assumed_precision, self.search.best(_aim(policy, objective)))
        if policy != "auto":
            return own
        best = best_of((own, *others), objective)
        return best if best.fusion == "auto" else replace(best, fusion="auto")

    def better(self, than: PlanResult, assumed_precision: str | None, objective: str) -> PlanResult | None:
        """A plan of the same policy that is less than one in another order of execution; None where there is none."""
        known = [than.latency_s or 0.0, than.energy_j or 0.0, _outermost_bytes(than)]
        chosen = self.search.better(_aim(than.fusion, objective), *known)
        if chosen is None:
            return None
        own = self.of_chosen(than.fusion, assumed_precision, chosen)
        if than.fusion != "auto":
            return own if _outermost_bytes(own) < _outermost_bytes(than) else None
        return own if best_of((than, own), objective) is own else None

    def settled(self, plan: PlanResult, assumed_precision: str | None, objective: str) -> PlanResult:
        """A plan of these, or one that is less with what stays on chip chosen anew around groups.

        What passes inside of a group needs no room to stay: the choice is made without it, and groups are looked for
        again, until what was left out is just what passes inside of those that are found. A plan counts only then, so
        that its groups come back with the same figures from outside. What could save little is not tried (`WORTH`).
        """
        apart = self._apart(plan)
        if self._could_save(apart) < WORTH * _outermost_bytes(plan) / self._share(plan, objective):
            return plan
        for _ in range(MOST_ROUNDS):
            where = self._beside(apart)
            better = where.better(plan, assumed_precision, objective)
            if better is None:
                break
            before, apart = apart, where._apart(better)
            if apart == before:
                return better
        return plan

    def _could_save(self, apart: frozenset[str]) -> float:
        """About the bytes that others could save if some roots need not stay: whether a try is worth it."""
        return self.pricing.residency.could_save(self.pricing.target.levels, apart)

    def _share(self, plan: PlanResult, objective: str) -> float:
        """How much of what a plan is least in its bytes over the outermost boundary can account for; 1 if unknown."""
        if _aim(plan.fusion, objective) != "latency" or not plan.latency_s:
            return 1.0
        reads, writes = (
            next(iter(moved.values()), 0.0) for moved in (plan.traffic_read_bytes, plan.traffic_write_bytes)
        )
        time = level_time_s(self.pricing.target.levels[0], reads, writes)
        return 1.0 if not time else min(1.0, time / plan.latency_s)

    def _beside(self, apart: frozenset[str]) -> Searched:
        """Of the same with what stays on chip chosen without some roots."""
        found = self._others.get(apart)
        if found is None:
            found = self._others[apart] = Searched(self.pricing.beside(apart))
        return found

    def _apart(self, plan: PlanResult) -> frozenset[str]:
        """What passes inside of the groups of a plan that was found here, nothing of another one."""
        runs = next((runs for runs, found in self._plans.items() if found.groups is plan.groups), ())
        fused = [(first, last, choice[0]) for first, last, choice in runs if choice is not None]
        return self.search.rooms.apart(self.pricing.model.timeline.cold, fused)

    def given(self, given: GivenPlan, parts: ShapedPlan, assumed_precision: str | None, objective: str) -> PlanResult:
        """The plan of groups that came from outside; `parts` are what takes the place of the clock's steps.

        The least with what stays on chip chosen for the clock, and anew around the groups.
        """
        plan, apart = self._given(given, parts, assumed_precision, objective)
        if not self._could_save(apart):
            return plan
        other, _ = Searched(self.pricing.beside(apart))._given(given, parts, assumed_precision, objective)
        return best_of((plan, other), objective)

    def _given(
        self, given: GivenPlan, parts: ShapedPlan, assumed_precision: str | None, objective: str
    ) -> tuple[PlanResult, frozenset[str]]:
        """That plan, and what passes inside of its groups."""
        one = self.pricing
        base, units = self._alone(GIVEN)
        search = given_search(one.model.given_segments, one.model.store, one.target, one.residency, base, units)
        chosen, reasons = chosen_runs(search, given, objective)
        apart = search.rooms.apart(search.residency.candidates, _fused_runs(chosen))

        def said() -> Iterable[Decision]:
            return (*given.plan.decisions, *reasons)

        return _plan(one, search, GIVEN, parts.plan, assumed_precision, chosen, said), apart

    @cached_property
    def search(self) -> Search:
        """All runs of steps on this target."""
        one = self.pricing
        return Search(one.model.segments, one.model.store, one.target, one.residency, *self._alone(CLOCK))

    def _alone(self, fusion: str) -> tuple[Placed, UnitFigures]:
        """The groups of a policy of which runs are made, and what each kind of them takes."""
        base = self.pricing.placed(fusion)
        return base, self.pricing.units(base)

    def of_chosen(self, policy: str, assumed_precision: str | None, chosen: Sequence[Chosen]) -> PlanResult:
        """The plan of groups of the clock's steps."""
        key: _Runs = tuple(
            [
                (part.first, part.last, None if part.choice is None else (part.choice.level, part.choice.step))
                for part in chosen
            ]
        )
        found = self._plans.get(key)  # two policies often find the same groups
        if found is None:
            search, clock = self.search, self.pricing.model.clock.plan
            found = _plan(
                self.pricing, search, policy, clock, assumed_precision, chosen, partial(decisions, search, chosen)
            )
            self._plans[key] = found
        return found if found.fusion == policy else replace(found, fusion=policy)


# No methods of `Searched`: it holds plans, which would hold it, and be garbage until somebody looks for that.
def _plan(
    pricing: Pricing,
    search: Search,
    fusion: str,
    single: Plan,
    assumed_precision: str | None,
    chosen: Sequence[Chosen],
    reasons: Callable[[], Iterable[Decision]],
) -> PlanResult:
    """A plan with its figures.

    Args:
        pricing: Of groups on the target.
        search: That chose its groups.
        fusion: Its policy.
        single: The plan in which each step is a group.
        assumed_precision: Type that the model was converted to for this target, None for none.
        chosen: The runs of steps behind the groups.
        reasons: Makes the decisions about the groups.
    """
    fused: list[Fused] = []
    numbers: dict[Hashable, int] = {}  # of fused groups, negative from -1 on
    index, taken = list[int](), []
    for part in chosen:
        if part.choice is None:
            index.append(search.base.index[part.first])
            taken.append(search.base.resident_bytes[part.first])
            continue
        steps = slice(part.first, part.last + 1)
        key = (
            id(part.choice.kind), part.choice.level, part.choice.step, part.choice.read_bytes.tobytes(),
            part.choice.write_bytes.tobytes(), search.base.index[steps], search.base.resident_bytes[steps],
        )  # fmt: skip
        if key not in numbers:
            numbers[key] = ~len(fused)
            fused.append(_fused(pricing, search, part))
        index.append(numbers[key])
        taken.append(tuple(search.rooms.residents(part.first, part.last, part.choice.level)))
    rest = slice(len(search.segments.units), None)
    index += search.base.index[rest]
    taken += search.base.resident_bytes[rest]
    used = sorted({number for number in index if number >= 0})
    place = {number: position for position, number in enumerate(used)}
    place |= {~number: len(used) + number for number in range(len(fused))}
    found = Placed(kinds=(), index=tuple([place[number] for number in index]), resident_bytes=tuple(taken))
    kinds = pricing.kinds(search.base, used, fused)

    def figures() -> Iterator[Figures]:
        alone = pricing.figures(search.base)
        yield from (alone[number] for number in used)
        yield from pricing.fused_figures(kinds, fused)

    inner = Once(lambda: _inner(search, chosen))

    def choices() -> Iterator[Decision]:
        yield from reasons()
        yield from (one for one in pricing.reasons if one.subject not in inner())

    def tiles() -> Iterator[Mapping[str, int]]:
        alone = cache(lambda number: pricing.tile(search.base.kinds[number]))
        for part in chosen:
            yield alone(search.base.index[part.first]) if part.choice is None else tile_sizes(search, part)
        yield from map(alone, search.base.index[rest])

    assembled = Assembled(
        fusion=fusion,
        listed=Later(lambda: groups(search, chosen, single)),
        tiles=Later(tiles),
        placed=found,
        kinds=kinds,
        figures=Later(figures),
        choices=Later(choices),
        residents=Later(lambda: (one for one in pricing.residents if one.subject not in inner())),
    )
    return pricing.summed(assembled, assumed_precision)


def _fused(pricing: Pricing, search: Search, part: Chosen) -> Fused:
    """What a run of steps asks as one group, and what works out its nested mapping."""

    def members() -> list[Figures]:
        alone = pricing.figures(search.base)
        return [alone[number] for number in search.base.index[part.first : part.last + 1]]

    demand = fused_group(search, part, members)
    time_s = partial(_mapped_time, pricing.target, demand)
    return demand, partial(mapped, search, part, members, demand.layout_bytes, time_s)


def _mapped_time(target: Target, demand: Demand, traffic: Sequence[float]) -> float:
    """The least time of a fused group with so many bytes at each level."""
    overlapped, serial = list[float](), list[float]()
    for engine, engine_s in zip(target.engines, demand.engines_s.tolist(), strict=True):
        (overlapped if engine.overlaps else serial).append(engine_s)
    reads, writes = demand.read_bytes.tolist(), demand.write_bytes.tolist()
    for level, count, read, write in zip(target.levels, traffic, reads, writes, strict=True):
        scale = count / (read + write) if read + write else 1.0
        time = level_time_s(level, read * scale, write * scale)
        if time is not None:
            (overlapped if level.overlaps else serial).append(time)
    launch_s = target.launch_overhead.value * demand.shapes[0].repeat if target.launch_overhead else 0.0
    return overlapped_time_s(overlapped, serial) + launch_s


def _inner(search: Search, chosen: Sequence[Chosen]) -> frozenset[str]:
    """What would stay on chip, or not, in a plan of single steps, and passes inside of a group here."""
    candidates = search.residency.candidates
    apart = search.rooms.apart(candidates, _fused_runs(chosen))
    return frozenset(candidate.subject for candidate in candidates if candidate.root in apart)


def _fused_runs(chosen: Sequence[Chosen]) -> list[tuple[int, int, int]]:
    """First step, last step and level of the groups of several steps."""
    return [(part.first, part.last, part.choice.level) for part in chosen if part.choice is not None]


def _aim(policy: str, objective: str) -> str:
    """What the groups of a policy are least in."""
    return objective if policy == "auto" else "traffic"


def best_in(
    orders: Sequence[Searched],
    policy: str,
    assumed_precision: str | None,
    objective: str,
    others: Sequence[PlanResult],
) -> PlanResult:
    """The plan of a policy in the best of some orders of execution; `others` are plans of other policies.

    What stays is chosen anew in each order that is better than those before it, and the best of all that counts.
    """
    plan = orders[0].plan(policy, assumed_precision, objective, others)
    settled = [orders[0].settled(plan, assumed_precision, objective)]
    for order in orders[1:]:
        better = order.better(plan, assumed_precision, objective)
        if better is not None:
            plan = better
            settled.append(order.settled(plan, assumed_precision, objective))
    if policy == "auto":
        return best_of(settled, objective)
    return min(settled, key=lambda one: (_outermost_bytes(one), one.latency_s or 0.0))


def best_of(plans: Sequence[PlanResult], objective: str) -> PlanResult:
    """The plan that is least in the objective, of equal ones that with the fewest bytes over the outermost boundary.

    The first one in a tie of both; where the objective is not known of all, the bytes alone count.
    """

    def key(plan: PlanResult) -> float | None:
        if objective == "latency":
            return plan.latency_s
        if objective == "energy":
            return plan.energy_j
        return None if plan.latency_s is None or plan.energy_j is None else plan.latency_s * plan.energy_j

    known = [value for value in map(key, plans) if value is not None]
    if len(known) == len(plans):
        most = min(known) * (1 + TIE)
        plans = [plan for plan, value in zip(plans, known, strict=True) if value <= most]
    return min(plans, key=_outermost_bytes)


def _outermost_bytes(plan: PlanResult) -> float:
    return next(iter(plan.traffic_bytes.values()), 0.0)
