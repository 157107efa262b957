"""A planned model on a target: times, energies and bounds of every group and plan.

Time is a maximum, energy a sum. The time of a group is the maximum over the engines (kinds of work on one engine add
up) and over the memory levels that overlap with compute, plus the levels that do not, plus the launch overhead.
What a target does not know takes no time and is listed; an unknown energy makes the energy unknown.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Collection, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, partial

from onnxroof.dtypes import DType
from onnxroof.mapping.array import spatial_utilization
from onnxroof.mapping.given import GIVEN, GivenPlan
from onnxroof.mapping.nested import NestedMapping
from onnxroof.mapping.placed import Crossing, Placed, placed
from onnxroof.mapping.plan import Decision, Plan
from onnxroof.mapping.planned import CLOCK, PlannedModel, ShapedPlan
from onnxroof.mapping.policies import SEARCHED
from onnxroof.mapping.residency import Residency, residency
from onnxroof.mapping.traffic import GroupShape, LevelTraffic, level_traffic
from onnxroof.roofline.floor import floor
from onnxroof.roofline.fusing import FusedGroup, decisions, fused_group, groups, mapped
from onnxroof.roofline.given import chosen_runs, given_search
from onnxroof.roofline.groups import Figures, Groups, Once, mapped_total, peaks, total
from onnxroof.roofline.knowledge import Knowledge
from onnxroof.roofline.mapped import mapped_result
from onnxroof.roofline.model import energy_ridge_ops_per_byte, overlapped_time_s, ridge_ops_per_byte
from onnxroof.roofline.rates import DEFAULT_SPECIAL_LANES, Rate, Resolution, resolve
from onnxroof.roofline.residents import residents
from onnxroof.roofline.result import LevelResult, MappedResult, PlanResult, Resident, TargetResult
from onnxroof.roofline.search import Chosen, Search, UnitFigures
from onnxroof.roofline.terms import (
    bandwidth_bytes_per_s,
    level_energy_terms,
    level_time_s,
    mean_energy_j_per_byte,
)
from onnxroof.targets.model import Engine, Target

__all__ = ["evaluate"]


def evaluate(
    model: PlannedModel,
    target: Target,
    *,
    objective: str = "latency",
    assumed_precision: str | None = None,
    tf32: bool = True,
    state: str = "cold",
) -> TargetResult:
    """Holds a model against a target.

    Args:
        model: Planned; where the target lacks its types, already converted.
        target: The target.
        objective: latency | energy | edp, by which the best plan is named.
        assumed_precision: Type that the model was converted to for this target, None for none.
        tf32: Whether FLOAT contractions may use TF32.
        state: cold | steady: whether weights that fit on chip stay there from run to run.
    """
    evaluation = _Evaluation(model, target, tf32, residency(model.timeline, target.levels, state=state))
    plans = evaluation.plans(assumed_precision, objective)
    least = floor(model.border, target, tf32=tf32)
    rate = evaluation.dominant_rate()
    peak_bytes = model.peak_activation_bytes
    knowledge = evaluation.knowledge
    return TargetResult(
        target=target,
        levels=tuple(_level(target, index, rate) for index in range(len(target.levels))),
        peak_ops_per_s=rate.ops_per_s if rate else None,
        peak_engine=rate.engine.name if rate else "",
        peak_type=rate.peak.input.name if rate else "",
        energy_j_per_op=rate.energy_j_per_op if rate else None,
        fits=_fits(target, model.parameter_bytes, peak_bytes),
        memory_needed_bytes=None if peak_bytes is None else model.parameter_bytes + peak_bytes,
        floor_latency_s=least.latency_s,
        floor_energy_j=least.energy_j,
        floor_bound=least.bound,
        unknown=knowledge.unknown,
        estimated=knowledge.estimated,
        sources=knowledge.sources,
        best_plan=_best(plans, objective),
        plans=plans,
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Compute:
    """What the work of a group takes.

    Attributes:
        engines_s: Time by engine.
        energies_j: Of each part, None where unknown.
        spatial: Utilization of the array, None without MACs.
        mac_engine: That runs the MACs, if it has an array.
        mac_s: Time of the MACs on it.
    """

    engines_s: dict[str, float]
    energies_j: list[float | None]
    spatial: float | None
    mac_engine: Engine | None
    mac_s: float


@dataclass(eq=False)
class _Evaluation:
    model: PlannedModel
    target: Target
    tf32: bool
    residency: Residency
    knowledge: Knowledge = field(init=False)
    _nested: dict[Hashable, NestedMapping] = field(default_factory=dict)
    _figures: dict[tuple[GroupShape, Crossing | None], Figures] = field(default_factory=dict)
    _crossings: dict[object, Crossing] = field(default_factory=dict)
    _alone: dict[GroupShape, LevelTraffic] = field(default_factory=dict)
    _rates: dict[tuple[str, str], Resolution] = field(default_factory=dict)
    _substituted: dict[tuple[str, str], Decision] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.knowledge = Knowledge(self.target)

    def dominant_rate(self) -> Rate | None:
        """Where the type with the most MACs runs, or with the most vector work for a model without MACs."""
        work = self.model.work
        for kind, count in (
            ("mac", {t: w.macs for t, w in work.items()}),
            ("vector", {t: w.vector_ops for t, w in work.items()}),
        ):
            if any(count.values()):
                return self._rate(kind, max(count, key=lambda dtype: count[dtype]))
        return None

    def plans(self, assumed_precision: str | None, objective: str) -> tuple[PlanResult, ...]:
        """One for each policy that is wanted."""
        found = {shaped.plan.fusion: self.plan(shaped, assumed_precision) for shaped in self.model.plans}
        for policy in (policy for policy in SEARCHED if policy in self.model.policies):
            found[policy] = self.searched(policy, assumed_precision, objective, tuple(found.values()))
        if self.model.given is not None:
            found[GIVEN] = self.given(*self.model.given, assumed_precision, objective)
        return tuple(found[policy] for policy in (*self.model.policies, *([GIVEN] if GIVEN in found else [])))

    def plan(self, shaped: ShapedPlan, assumed_precision: str | None) -> PlanResult:
        """One plan, summed over its groups: each distinct shape times the groups that have it."""
        groups = placed(self.model.timeline.uses[shaped.plan.fusion], self.residency, self._crossings)
        figures = [self._kind(shape, crossing) for shape, crossing in groups.kinds]
        return self._summed(shaped.plan, groups, figures, assumed_precision)

    def searched(
        self, policy: str, assumed_precision: str | None, objective: str, others: tuple[PlanResult, ...]
    ) -> PlanResult:
        """The plan of a policy that looks for the best groups on this target.

        `depth-first` moves the fewest bytes over the outermost boundary. `auto` is the least of all plans in the
        objective: its own, that of `depth-first`, and the `others`.
        """
        own = self._policy(policy, assumed_precision, "traffic" if policy != "auto" else objective)
        if policy != "auto":
            return own
        if all(other.fusion != "depth-first" for other in others):
            others = (*others, self._policy(policy, assumed_precision, "traffic"))
        plans = {plan.fusion: plan for plan in (*others, own)}
        best = plans[_best((own, *(plan for name, plan in plans.items() if name != "auto")), objective)]
        return best if best.fusion == "auto" else replace(best, fusion="auto")

    def given(self, given: GivenPlan, parts: ShapedPlan, assumed_precision: str | None, objective: str) -> PlanResult:
        """The plan of groups that came from outside."""
        base = placed(self.model.timeline.uses[GIVEN], self.residency, self._crossings)
        units = [self._unit(shape, crossing) for shape, crossing in base.kinds]
        segments = self.model.given_segments
        search = given_search(segments, self.model.store, self.target, self.residency, base, units)
        chosen, reasons = chosen_runs(search, given, objective)
        return self._of_chosen(search, parts.plan, GIVEN, assumed_precision, chosen, (*given.plan.decisions, *reasons))

    def _policy(self, policy: str, assumed_precision: str | None, objective: str) -> PlanResult:
        search, chosen = self.search, self.search.best(objective)
        reasons = tuple(decisions(search, chosen, policy))
        return self._of_chosen(search, self.model.clock.plan, policy, assumed_precision, chosen, reasons)

    @cached_property
    def search(self) -> Search:
        """All runs of steps on this target."""
        base = placed(self.model.timeline.uses[CLOCK], self.residency, self._crossings)
        units = [self._unit(shape, crossing) for shape, crossing in base.kinds]
        return Search(self.model.segments, self.model.store, self.target, self.residency, base, units)

    def _unit(self, shape: GroupShape, crossing: Crossing | None) -> UnitFigures:
        figures = self._kind(shape, crossing)
        compute, _, traffic = self._parts(shape, crossing)
        known = [energy for energy in compute.energies_j if energy is not None]
        return UnitFigures(
            engines_s=compute.engines_s,
            compute_j=math.fsum(known) if len(known) == len(compute.energies_j) else None,
            read_bytes=traffic.read_bytes * shape.repeat,
            write_bytes=traffic.write_bytes * shape.repeat,
            latency_s=figures.latency_s,
            energy_j=figures.energy_j,
            footprint_bytes=traffic.footprint_bytes,
        )

    def _of_chosen(
        self,
        search: Search,
        clock: Plan,
        policy: str,
        assumed_precision: str | None,
        chosen: Sequence[Chosen],
        reasons: tuple[Decision, ...],
    ) -> PlanResult:
        """The plan of the groups that a search over the groups of a `clock` chose."""
        plan = Plan(fusion=policy, groups=groups(search, chosen, clock, policy), decisions=reasons)
        figures = [self._kind(shape, crossing) for shape, crossing in search.base.kinds]
        numbers: dict[Hashable, int] = {}
        index, residents = [], []
        for part in chosen:
            if part.choice is None:
                index.append(search.base.index[part.first])
                residents.append(search.base.resident_bytes[part.first])
                continue
            key = (id(part.choice.kind), part.choice.level, part.choice.step, tuple(part.choice.read_bytes.tolist()),
                   tuple(part.choice.write_bytes.tolist()), search.base.index[part.first : part.last + 1], search.base.resident_bytes[part.first : part.last + 1])  # fmt: skip
            if key not in numbers:
                numbers[key] = len(figures)
                figures.append(
                    self._fused(search, part, [figures[n] for n in search.base.index[part.first : part.last + 1]])
                )
            index.append(numbers[key])
            residents.append(tuple(search.residents(part.first, part.last, part.choice.level)))
        rest = slice(len(search.segments.units), None)
        index += search.base.index[rest]
        residents += search.base.resident_bytes[rest]
        used = sorted(set(index))
        place = {number: position for position, number in enumerate(used)}
        found = Placed(
            kinds=tuple((shape, None) for shape in ()), index=tuple(place[n] for n in index),
            resident_bytes=tuple(residents),
        )  # fmt: skip
        inner = {
            candidate.subject
            for part in chosen
            if part.choice is not None
            for candidate in search.inner(part.first, part.last, part.choice.level)
        }
        return self._summed(plan, found, [figures[number] for number in used], assumed_precision, inner)

    def _summed(
        self,
        plan: Plan,
        groups: Placed,
        figures: Sequence[Figures],
        assumed_precision: str | None,
        inner: Collection[str] = (),
    ) -> PlanResult:
        """All figures of a plan; of what stays on chip that is left out which is inside its groups (`inner`)."""
        kept, reasons = self._kept, self._residents
        if inner:
            kept = tuple(one for one in kept if one.subject not in inner)
            reasons = tuple(one for one in reasons if one.action != "kept" or one.subject not in inner)
        counter = Counter(groups.index)
        counts = tuple(counter[number] for number in range(len(figures)))
        latency_s = total([f.latency_s for f in figures], counts)
        if figures and not any(f.time_terms_s for f in figures):
            latency_s = None  # a target of which no rate and no bandwidth is known says nothing of time
        energy_j = total([f.energy_j for f in figures], counts)
        ops = total([f.ops for f in figures], counts)
        names = [level.name for level in self.target.levels]
        decisions = (
            *self._conversions(assumed_precision), *self._substituted.values(), *_bypasses(figures, counts),
            *plan.decisions, *reasons,
        )  # fmt: skip
        return PlanResult(
            fusion=plan.fusion,
            latency_s=latency_s,
            energy_j=energy_j,
            ops_per_s=ops / latency_s if ops is not None and latency_s else None,
            ops_per_j=ops / energy_j if ops is not None and energy_j else None,
            traffic_bytes={name: total([f.traffic_bytes[name] for f in figures], counts) or 0.0 for name in names},
            resident_bytes={
                name: max((taken[number] for taken in groups.resident_bytes), default=0.0)
                for number, name in enumerate(names[1:], 1)
            },
            resident_saved_bytes={
                name: math.fsum(f.saved_bytes[name] * n for f, n in zip(figures, counts, strict=True)) for name in names
            },
            peak_footprint_bytes=peaks(names[1:], groups, figures),
            assumed_precision=assumed_precision,
            expected_latency_s=total([f.expected_s for f in figures], counts) if self.target.efficiency else None,
            groups=Groups(self.model.op_types, plan, groups, figures),
            decisions=decisions,
            residents=kept,
            map=Once(partial(mapped_total, figures, counts)),
        )

    @cached_property
    def _kept(self) -> tuple[Resident, ...]:
        return residents(self.residency, self.target.levels, self.model.store)

    @cached_property
    def _residents(self) -> tuple[Decision, ...]:
        return self.residency.decisions(self.target.levels)

    def _kind(self, shape: GroupShape, crossing: Crossing | None) -> Figures:
        kind = (shape, crossing)
        if kind not in self._figures:
            self._figures[kind] = self._evaluate(shape, crossing)
        return self._figures[kind]

    def _evaluate(self, shape: GroupShape, crossing: Crossing | None) -> Figures:
        compute, alone, traffic = self._parts(shape, crossing)
        saved = alone.read_bytes + alone.write_bytes - traffic.read_bytes - traffic.write_bytes
        alone_bytes = shape.compulsory_reads + shape.compulsory_writes
        return self._priced(
            [shape],
            compute.engines_s,
            compute.energies_j,
            compute.spatial,
            (traffic.read_bytes * shape.repeat).tolist(),
            (traffic.write_bytes * shape.repeat).tolist(),
            saved_bytes=(saved * shape.repeat).tolist(),
            footprint_bytes=traffic.footprint_bytes.tolist(),
            bypassed=traffic.bypassed,
            tile=traffic.tile,
            least_bytes=shape.repeat * (alone_bytes if crossing is None else crossing.least_bytes),
            map_=partial(
                mapped_result, shape, self.target, alone, compute.engines_s, compute.mac_engine, compute.mac_s,
                self._nested,
            ),
        )  # fmt: skip

    def _parts(self, shape: GroupShape, crossing: Crossing | None) -> tuple[_Compute, LevelTraffic, LevelTraffic]:
        """What the work of a group takes, its traffic alone, and that with what stays around it; one trip."""
        compute = self._compute(shape)
        if shape not in self._alone:
            array = compute.mac_engine.array if compute.mac_engine else None
            self._alone[shape] = level_traffic(shape, self.target.levels, array)
        alone = self._alone[shape]
        return compute, alone, alone if crossing is None else crossing.applied(shape, alone)

    def _fused(self, search: Search, part: Chosen, members: Sequence[Figures]) -> Figures:
        """A run of steps as one group."""
        found = fused_group(search, part, members)
        kinds = search.base.kinds
        shapes = [kinds[search.base.index[step]][0] for step in range(part.first, part.last + 1)]
        used = [(m.spatial, m.macs or 0) for m in members if m.spatial is not None]
        macs = sum(count for _, count in used)
        spatial = macs / sum(count / share for share, count in used if share) if macs else None
        return self._priced(
            shapes,
            found.engines_s,
            [found.compute_j],
            spatial,
            found.read_bytes,
            found.write_bytes,
            saved_bytes=found.saved_bytes,
            footprint_bytes=found.footprint_bytes,
            bypassed=(),
            tile=found.tile,
            least_bytes=found.least_bytes,
            map_=partial(mapped, search, part, members, partial(self._mapped_time, found, shapes[0].repeat)),
            again_ops=found.again_ops,
        )

    def _mapped_time(self, group: FusedGroup, repeat: int, traffic: Sequence[float]) -> float:
        """The least time of a fused group with so many bytes at each level."""
        overlapped, serial = [*group.engines_s.values()], []
        for number, (level, count) in enumerate(zip(self.target.levels, traffic, strict=True)):
            before = group.read_bytes[number] + group.write_bytes[number]
            scale = count / before if before else 1.0
            time = level_time_s(level, group.read_bytes[number] * scale, group.write_bytes[number] * scale)
            if time is not None:
                (overlapped if level.overlaps else serial).append(time)
        launch_s = self.target.launch_overhead.value * repeat if self.target.launch_overhead else 0.0
        return overlapped_time_s(overlapped, serial) + launch_s

    def _priced(
        self,
        shapes: Sequence[GroupShape],
        engines: Mapping[str, float],
        energies: Sequence[float | None],
        spatial: float | None,
        reads: Sequence[float],
        writes: Sequence[float],
        *,
        saved_bytes: Sequence[float],
        footprint_bytes: Sequence[float],
        bypassed: Sequence[int],
        tile: Mapping[str, int],
        least_bytes: float,
        map_: Callable[[], MappedResult],
        again_ops: float = 0.0,
    ) -> Figures:
        """All figures of a group of the work of some shapes; all trips."""
        levels, repeat = self.target.levels, shapes[0].repeat
        terms = {f"compute:{name}": time for name, time in engines.items()}
        serial: dict[str, float] = {}
        for index, level in enumerate(levels):
            time = level_time_s(level, reads[index], writes[index])
            self.knowledge.need_level_time(index)
            if time is not None:
                (terms if level.overlaps else serial)[f"memory:{level.name}"] = time
        self.knowledge.need("chip.launch_overhead", self.target.launch_overhead)
        launch_s = self.target.launch_overhead.value * repeat if self.target.launch_overhead else 0.0
        time_s = overlapped_time_s(list(terms.values()), list(serial.values())) + launch_s
        everything = {**terms, **serial, **({"launch": launch_s} if launch_s else {})}
        energy_terms = self._energy(energies, reads, writes, time_s)
        is_known = all(shape.is_known for shape in shapes)
        macs = sum(shape.mac_count for shape in shapes)
        vector_ops = sum(shape.vector_count for shape in shapes)
        special_ops = sum(shape.special_count for shape in shapes)
        ops = 2 * macs + vector_ops + special_ops
        totals = [read + written for read, written in zip(reads, writes, strict=True)]
        names = [level.name for level in levels]
        compute_s = max(engines.values(), default=0.0)
        return Figures(
            latency_s=time_s if is_known else None,
            energy_j=math.fsum(energy_terms.values()) if energy_terms is not None and is_known else None,
            expected_s=self._expected(terms, serial, launch_s) if is_known else None,
            traffic_bytes=dict(zip(names, totals, strict=True)),
            saved_bytes=dict(zip(names, saved_bytes, strict=True)),
            intensity={
                name: ops * repeat / total if is_known and total > 0 else None
                for name, total in zip(names, totals, strict=True)
            },
            compulsory_intensity=ops * repeat / least_bytes if is_known and least_bytes > 0 else None,
            time_bound=_largest(everything) if is_known else "",
            energy_bound=_largest(energy_terms) if energy_terms is not None and is_known else "",
            time_terms_s=everything,
            energy_terms_j=energy_terms if energy_terms is not None and is_known else {},
            spatial=spatial,
            temporal=compute_s / time_s if time_s > 0 and is_known else None,
            footprint_bytes=dict(zip(names[1:], footprint_bytes[1:], strict=True)),
            tile=tile,
            macs=macs * repeat if is_known else None,
            vector_ops=vector_ops * repeat if is_known else None,
            special_ops=special_ops * repeat if is_known else None,
            ops=ops * repeat if is_known else None,
            bypassed=tuple(names[i] for i in bypassed),
            map=Once(map_),
            again_ops=again_ops,
        )

    def _compute(self, shape: GroupShape) -> _Compute:
        engines: dict[str, float] = {}
        energies: list[float | None] = []
        spatial: float | None = 1.0 if shape.mac_count else None
        mac_engine: Engine | None = None
        mac_s = 0.0
        parts: list[tuple[str, str, str, int]] = [("mac", dtype, "", 2 * count) for dtype, count in shape.macs]
        parts += [("vector", dtype, "", count) for dtype, count in shape.vector_ops]
        parts += [("special", dtype, name, count) for (name, dtype), count in shape.special_ops]
        for kind, dtype, name, count in parts:
            rate = self._rate(kind, dtype)
            if rate is None:
                energies.append(None)
                continue
            lanes = float(count * shape.repeat)
            if name:
                lanes *= rate.special_lanes(name)
                self.knowledge.need_special(rate, name, DEFAULT_SPECIAL_LANES)
            used = 1.0
            if kind == "mac" and rate.engine.array is not None and shape.nest is not None:
                used = spatial = spatial_utilization(shape.nest, rate.engine.array)
                mac_engine = rate.engine
            if rate.ops_per_s:
                time_s = lanes / (rate.ops_per_s * used)
                engines[rate.engine.name] = engines.get(rate.engine.name, 0.0) + time_s
                mac_s += time_s if rate.engine is mac_engine and kind == "mac" else 0.0
            energies.append(None if rate.energy_j_per_op is None else lanes * rate.energy_j_per_op)
        return _Compute(engines, energies, spatial, mac_engine, mac_s)

    def _energy(
        self, parts: Sequence[float | None], reads: Sequence[float], writes: Sequence[float], time_s: float
    ) -> dict[str, float] | None:
        levels = level_energy_terms(self.target.levels, reads, writes)
        for index in range(len(self.target.levels)):
            self.knowledge.need_level_energy(index)
        self.knowledge.need("chip.static_power", self.target.static_power)
        known = [part for part in parts if part is not None]
        if levels is None or len(known) < len(parts):
            return None
        terms = {"compute": math.fsum(known), **levels}
        if self.target.static_power is not None:
            terms["static"] = self.target.static_power.value * time_s
        return terms

    def _expected(self, terms: Mapping[str, float], serial: Mapping[str, float], launch_s: float) -> float:
        """The time with each term stretched by the measured efficiency of its engine or level."""

        def stretched(part: Mapping[str, float]) -> list[float]:
            found = []
            for name, time in part.items():
                measured = self.target.efficiency.get(name.split(":", 1)[1])
                found.append(time / measured.value if measured is not None else time)
            return found

        return overlapped_time_s(stretched(terms), stretched(serial)) + launch_s

    def _rate(self, kind: str, dtype: str) -> Rate | None:
        key = (kind, dtype)
        if key not in self._rates:
            self._rates[key] = resolve(self.target, kind, DType[dtype], tf32=self.tf32)
            rate = self._rates[key].rate
            self.knowledge.need_rate(kind, dtype, rate)
            if rate is not None and not rate.is_exact:
                runs_as = f"{rate.peak.input.name} on {rate.engine.name}"
                self._substituted[key] = Decision(
                    subject=f"{kind} work in {dtype}",
                    action="substituted",
                    reason=f"the target lists no {dtype} for it: it runs as {runs_as}",
                )
        return self._rates[key].rate

    def _conversions(self, assumed_precision: str | None) -> Iterator[Decision]:
        if assumed_precision is not None:
            yield Decision(
                subject=self.model.workload.name,
                action="converted",
                reason=f"the target lacks its types and wider ones: it is taken as if exported in {assumed_precision}",
            )


def _bypasses(figures: Sequence[Figures], counts: Sequence[int]) -> Iterator[Decision]:
    """A decision for each level that holds no tile of some group."""
    groups: dict[str, int] = {}
    for figure, count in zip(figures, counts, strict=True):
        for name in figure.bypassed:
            groups[name] = groups.get(name, 0) + count
    for name, count in groups.items():
        yield Decision(
            subject=name,
            action="bypassed",
            reason=f"no tile of {count} of {sum(counts)} groups fits: what is outside delivers to what is inside",
            figures={"groups": float(count)},
        )


def _largest(terms: Mapping[str, float]) -> str:
    """The name of the largest term, "" where all are nothing."""
    return max(terms, key=lambda name: terms[name]) if any(terms.values()) else ""


def _best(plans: Sequence[PlanResult], objective: str) -> str:
    """The plan that is least in the objective, by outermost traffic where that is unknown; the simpler one in a tie."""

    def key(plan: PlanResult) -> float | None:
        if objective == "latency":
            return plan.latency_s
        if objective == "energy":
            return plan.energy_j
        return None if plan.latency_s is None or plan.energy_j is None else plan.latency_s * plan.energy_j

    if all(key(plan) is not None for plan in plans):
        return min(plans, key=lambda plan: key(plan) or 0.0).fusion
    return min(plans, key=lambda plan: next(iter(plan.traffic_bytes.values()), 0.0)).fusion


def _fits(target: Target, parameter_bytes: int, peak_activation_bytes: int | None) -> bool | None:
    outermost = target.levels[0]
    if outermost.capacity is None:
        return None
    room = outermost.capacity.value * outermost.instances
    if parameter_bytes + (peak_activation_bytes or 0) > room:
        return False
    return None if peak_activation_bytes is None else True


def _level(target: Target, index: int, rate: Rate | None) -> LevelResult:
    level = target.levels[index]
    bandwidth = bandwidth_bytes_per_s(level)
    energy = mean_energy_j_per_byte(level)
    peak = rate.ops_per_s if rate else None
    compute = rate.energy_j_per_op if rate else None
    return LevelResult(
        name=level.name,
        capacity_bytes=None if level.capacity is None else level.capacity.value,
        instances=level.instances,
        bandwidth_bytes_per_s=bandwidth,
        energy_j_per_byte=energy,
        ridge_ops_per_byte=ridge_ops_per_byte(peak, bandwidth * level.instances) if peak and bandwidth else None,
        energy_ridge_ops_per_byte=energy_ridge_ops_per_byte(compute, energy) if compute and energy else None,
    )
