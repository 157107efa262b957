"""A planned model on a target: times, energies and bounds of every group and plan.

Time is a maximum, energy a sum. The time of a group is the maximum over the engines (kinds of work on one engine add
up) and over the memory levels that overlap with compute, plus the levels that do not, plus the launch overhead.
What a target does not know takes no time and is listed; an unknown energy makes the energy unknown.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial

from onnxroof.dtypes import DType
from onnxroof.mapping.array import spatial_utilization
from onnxroof.mapping.given import GIVEN
from onnxroof.mapping.layout import group_layout_bytes
from onnxroof.mapping.nested import NestedMapping
from onnxroof.mapping.placed import Crossing, Placed, placed
from onnxroof.mapping.plan import Decision, Plan
from onnxroof.mapping.planned import PlannedModel, ShapedPlan
from onnxroof.mapping.policies import SEARCHED
from onnxroof.mapping.reorder import reordering
from onnxroof.mapping.residency import Residency, residency
from onnxroof.mapping.traffic import GroupShape, LevelTraffic, level_traffic
from onnxroof.roofline.efficiency import efficiency, mix_time_s
from onnxroof.roofline.explained import apart, explained
from onnxroof.roofline.fit import fit
from onnxroof.roofline.floor import floor
from onnxroof.roofline.groups import (
    Demand,
    Figures,
    Groups,
    Later,
    Once,
    bypasses,
    mapped_total,
    outermost,
    peaks,
    summed,
    total,
)  # fmt: skip
from onnxroof.roofline.knowledge import Knowledge
from onnxroof.roofline.ledger import ledger
from onnxroof.roofline.levels import level_result
from onnxroof.roofline.mapped import mapped_result
from onnxroof.roofline.model import overlapped_time_s
from onnxroof.roofline.provenance import Doubts, is_uncertain, rests_s
from onnxroof.roofline.rates import DEFAULT_SPECIAL_LANES, Rate, Resolution, resolve
from onnxroof.roofline.regimes import Regime, together
from onnxroof.roofline.residents import resident_tensors
from onnxroof.roofline.result import MappedResult, PlanResult, Resident, TargetResult
from onnxroof.roofline.search import UnitFigures
from onnxroof.roofline.searched import Searched, best_of
from onnxroof.roofline.terms import expected_time_s, largest, level_energy_terms, level_time_s
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
    evaluation = _Evaluation(model, target, tf32, state)
    plans = evaluation.plans(assumed_precision, objective)
    least = floor(model.border, target, tf32=tf32)
    rate = evaluation.dominant_rate()
    peak_bytes = model.peak_activation_bytes
    room = fit(target, model.parameter_bytes, peak_bytes)
    knowledge = evaluation.knowledge
    return TargetResult(
        target=target,
        levels=tuple(level_result(target, index, rate) for index in range(len(target.levels))),
        peak_ops_per_s=rate.ops_per_s if rate else None,
        peak_engine=rate.engine.name if rate else "",
        peak_type=rate.peak.input.name if rate else "",
        energy_j_per_op=rate.energy_j_per_op if rate else None,
        fits=room.fits,
        fit=room.ordered(model.least_activation_bytes),
        memory_needed_bytes=None if peak_bytes is None else model.parameter_bytes + peak_bytes,
        floor_latency_s=least.latency_s,
        floor_latency_estimated_s=least.latency_estimated_s,
        floor_energy_j=least.energy_j,
        floor_energy_estimated_j=least.energy_estimated_j,
        floor_bound=least.bound,
        unknown=knowledge.unknown,
        estimated=knowledge.estimated,
        sources=knowledge.sources,
        best_plan=best_of(plans, objective).fusion,
        plans=plans,
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Compute:
    """What the work of a group takes.

    Attributes:
        engines_s: Time by engine.
        full_engines_s: Time by engine with its array full.
        energies_j: Of each part, None where unknown.
        spatial: Utilization of the array, None without MACs.
        mac_engine: That runs the MACs, if it has an array.
        mac_s: Time of the MACs on it.
        doubtful_s: What of the time of an engine rests on uncertain numbers.
        doubtful_j: What of the energy does.
    """

    engines_s: dict[str, float]
    full_engines_s: dict[str, float]
    energies_j: list[float | None]
    spatial: float | None
    mac_engine: Engine | None
    mac_s: float
    doubtful_s: dict[str, float]
    doubtful_j: float


@dataclass(eq=False)
class _Evaluation:
    model: PlannedModel
    target: Target
    tf32: bool
    state: str
    residency: Residency = field(init=False)
    knowledge: Knowledge = field(init=False)
    doubts: Doubts = field(init=False)
    orders: tuple[Decision, ...] = ()
    _nested: dict[Hashable, NestedMapping] = field(default_factory=dict)
    _figures: dict[tuple[GroupShape, Crossing | None], Figures] = field(default_factory=dict)
    _crossings: dict[object, Crossing] = field(default_factory=dict)
    _places: dict[str, Placed] = field(default_factory=dict)
    _alone: dict[GroupShape, LevelTraffic] = field(default_factory=dict)
    _rates: dict[tuple[str, str], Resolution] = field(default_factory=dict)
    _substituted: dict[tuple[str, str], Decision] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.residency = residency(self.model.timeline, self.target.levels, state=self.state)
        self.knowledge = Knowledge(self.target)
        self.doubts = Doubts.of(self.target)

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
            plan = self.searched.plan(policy, assumed_precision, objective, [*found.values()])
            better = self._reordered and self._reordered.searched.better(plan, assumed_precision, objective)
            found[policy] = better or plan
        if self.model.given is not None:
            found[GIVEN] = self.searched.given(*self.model.given, assumed_precision, objective)
        return tuple(found[policy] for policy in (*self.model.policies, *([GIVEN] if GIVEN in found else [])))

    @cached_property
    def _reordered(self) -> _Evaluation | None:
        """Of the model in an order in which more operators may be one group, None where there is none."""
        if self.model.reordered is None:
            return None
        found = _Evaluation(self.model.reordered, self.target, self.tf32, self.state)
        found.knowledge = self.knowledge
        found.orders = (reordering(self.model.workload.name),)
        return found

    def plan(self, shaped: ShapedPlan, assumed_precision: str | None) -> PlanResult:
        """One plan, summed over its groups: each distinct shape times the groups that have it."""
        groups = self.placed(shaped.plan.fusion)
        figures = [self.figures(shape, crossing) for shape, crossing in groups.kinds]
        choices = Later(lambda: (*shaped.plan.decisions, *self.reasons))
        return self.summed(shaped.plan, groups, figures, assumed_precision, choices, self.residents)

    def placed(self, fusion: str) -> Placed:
        """Groups of a policy with what stays on chip around them."""
        if fusion not in self._places:
            self._places[fusion] = placed(self.model.timeline.uses[fusion], self.residency, self._crossings)
        return self._places[fusion]

    @cached_property
    def searched(self) -> Searched:
        """Plans of groups that are looked for on this target."""
        return Searched(self)

    def unit(self, shape: GroupShape, crossing: Crossing | None) -> UnitFigures:
        """What a group takes as one of the units of which a search makes larger ones."""
        figures = self.figures(shape, crossing)
        compute, _, traffic = self._parts(shape, crossing)
        known = [energy for energy in compute.energies_j if energy is not None]
        return UnitFigures(
            engines_s=compute.engines_s,
            full_engines_s=compute.full_engines_s,
            compute_j=math.fsum(known) if len(known) == len(compute.energies_j) else None,
            read_bytes=traffic.read_bytes * shape.repeat,
            write_bytes=traffic.write_bytes * shape.repeat,
            latency_s=figures.latency_s,
            energy_j=figures.energy_j,
            footprint_bytes=traffic.footprint_bytes,
            doubtful_s=compute.doubtful_s,
            doubtful_j=compute.doubtful_j,
        )

    def summed(
        self,
        plan: Plan,
        groups: Placed,
        figures: Sequence[Figures],
        assumed_precision: str | None,
        choices: Sequence[Decision],
        residents: Sequence[Resident],
    ) -> PlanResult:
        """A plan of its groups' figures; `choices` are its decisions, `residents` what stays on chip between them."""
        counter = Counter(groups.index)
        counts = tuple(counter[number] for number in range(len(figures)))
        latency_s = total([f.latency_s for f in figures], counts)
        if figures and not any(f.time_terms_s for f in figures):
            latency_s = None  # a target of which no rate and no bandwidth is known says nothing of time
        energy_j = total([f.energy_j for f in figures], counts)
        ops = total([f.ops for f in figures], counts)
        names = [level.name for level in self.target.levels]
        energy_terms = summed([f.energy_terms_j for f in figures], counts) if energy_j is not None else {}
        forced = (
            *self.orders, *self._conversions(assumed_precision), *self._substituted.values(),
            *bypasses(figures, counts),
        )  # fmt: skip
        return PlanResult(
            fusion=plan.fusion,
            latency_s=latency_s,
            latency_estimated_s=None if latency_s is None else total([f.latency_estimated_s for f in figures], counts),
            energy_j=energy_j,
            energy_estimated_j=total([f.energy_estimated_j for f in figures], counts),
            ops_per_s=ops / latency_s if ops is not None and latency_s else None,
            ops_per_j=ops / energy_j if ops is not None and energy_j else None,
            traffic_bytes={name: total([f.traffic_bytes[name] for f in figures], counts) or 0.0 for name in names},
            traffic_read_bytes=summed([dict(zip(names, f.read_bytes, strict=True)) for f in figures], counts),
            traffic_write_bytes=summed([dict(zip(names, f.write_bytes, strict=True)) for f in figures], counts),
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
            decisions=Later(lambda: (*forced, *choices)),
            residents=residents,
            layout_bytes=outermost(names, total([f.layout_bytes for f in figures], counts) or 0.0),
            waterfall_s=summed([f.waterfall_s for f in figures], counts) if latency_s is not None else {},
            regime=together([f.regime for f in figures], [f.latency_s for f in figures], counts, energy_terms),
            efficiency=efficiency(
                ops, latency_s, energy_j, mix_time_s([f.full_engines_s for f in figures], counts),
                energy_terms.get("compute"),
            ),
            map=Once(partial(mapped_total, figures, counts)),
            account=Once(
                lambda: ledger(
                    self.target, figures, counts, tf32=self.tf32, has_latency=latency_s is not None,
                    has_energy=energy_j is not None,
                )
            ),
        )  # fmt: skip

    @cached_property
    def residents(self) -> Sequence[Resident]:
        """What stays on chip between groups."""
        return Later(lambda: resident_tensors(self.residency, self.target.levels, self.model.store))

    @cached_property
    def reasons(self) -> tuple[Decision, ...]:
        """Why each stays there, or does not."""
        return self.residency.decisions(self.target.levels)

    def figures(self, shape: GroupShape, crossing: Crossing | None) -> Figures:
        """All figures of a group with what stays around it."""
        kind = (shape, crossing)
        if kind not in self._figures:
            self._figures[kind] = self._evaluate(shape, crossing)
        return self._figures[kind]

    def _evaluate(self, shape: GroupShape, crossing: Crossing | None) -> Figures:
        compute, alone, traffic = self._parts(shape, crossing)
        saved = alone.read_bytes + alone.write_bytes - traffic.read_bytes - traffic.write_bytes
        layout = group_layout_bytes(shape, self.target.layout, crossing)
        traffic = traffic.more(*layout)
        alone_bytes = shape.compulsory_reads + shape.compulsory_writes
        demand = Demand(
            shapes=[shape],
            times=[1.0],
            engines_s=compute.engines_s,
            full_engines_s=compute.full_engines_s,
            energies_j=compute.energies_j,
            spatial=compute.spatial,
            read_bytes=(traffic.read_bytes * shape.repeat).tolist(),
            write_bytes=(traffic.write_bytes * shape.repeat).tolist(),
            saved_bytes=(saved * shape.repeat).tolist(),
            footprint_bytes=traffic.footprint_bytes.tolist(),
            tile=traffic.tile,
            whole_bytes=shape.repeat * (alone_bytes + sum(layout)),
            least_bytes=shape.repeat * (alone_bytes if crossing is None else crossing.least_bytes),
            doubtful_s=compute.doubtful_s,
            doubtful_j=compute.doubtful_j,
            bypassed=traffic.bypassed,
            layout_bytes=shape.repeat * sum(layout),
        )
        found = partial(
            mapped_result, shape, self.target, traffic, crossing, layout, compute.engines_s, compute.mac_engine,
            compute.mac_s, self._nested,
        )  # fmt: skip
        return self.priced(demand, found)

    def _parts(self, shape: GroupShape, crossing: Crossing | None) -> tuple[_Compute, LevelTraffic, LevelTraffic]:
        """What the work of a group takes, its traffic alone, and that with what stays around it; one trip."""
        compute = self._compute(shape)
        if shape not in self._alone:
            array = compute.mac_engine.array if compute.mac_engine else None
            self._alone[shape] = level_traffic(shape, self.target.levels, array)
        alone = self._alone[shape]
        return compute, alone, alone if crossing is None else crossing.applied(shape, alone)

    def priced(self, demand: Demand, map_: Callable[[], MappedResult]) -> Figures:
        """All figures of a group; `map_` finds its nested mapping."""
        shapes, engines = demand.shapes, demand.engines_s
        reads, writes = demand.read_bytes, demand.write_bytes
        levels, repeat = self.target.levels, shapes[0].repeat
        terms, serial = apart({f"compute:{n}": t for n, t in engines.items()}, self.target.engines_in_turn)
        doubtful = {f"compute:{name}": time for name, time in demand.doubtful_s.items()}
        for index, level in enumerate(levels):
            time = level_time_s(level, reads[index], writes[index])
            self.knowledge.need_level_time(index)
            if time is not None:
                (terms if level.overlaps else serial)[f"memory:{level.name}"] = time
                if self.doubts.level_time(
                    index, reads[index], writes[index], demand.whole_bytes, demand.saved_bytes[index]
                ):
                    doubtful[f"memory:{level.name}"] = time
        self.knowledge.need("chip.launch_overhead", self.target.launch_overhead)
        launch_s = self.target.launch_overhead.value * repeat if self.target.launch_overhead else 0.0
        time_s = overlapped_time_s(list(terms.values()), list(serial.values())) + launch_s
        if self.doubts.is_launch:
            doubtful["launch"] = launch_s
        doubtful_j = demand.doubtful_j + self.doubts.energy_j(reads, writes) + self.doubts.static_w * time_s
        everything = {**terms, **serial, **({"launch": launch_s} if launch_s else {})}
        energy_terms = self._energy(demand.energies_j, reads, writes, time_s)
        is_known = all(shape.is_known for shape in shapes)
        macs = sum(shape.mac_count for shape in shapes)
        vector_ops = sum(shape.vector_count for shape in shapes)
        special_ops = sum(shape.special_count for shape in shapes)
        ops = 2 * macs + vector_ops + special_ops
        totals = [read + written for read, written in zip(reads, writes, strict=True)]
        names = [level.name for level in levels]
        compute_s = max(engines.values(), default=0.0)
        waterfall_s, regime = dict[str, float](), Regime()
        if is_known:
            times_s = (engines, demand.full_engines_s, terms, serial)
            inner = [demand.whole_bytes] * (len(levels) - 1) if len(shapes) == 1 else totals[1:]  # else not known
            least = [demand.least_bytes, *inner]
            waterfall_s, regime = explained(self.target, *times_s, totals, least, launch_s, energy_terms or {})
        if self.target.power_cap is not None:
            self.knowledge.need("chip.power_cap", self.target.power_cap)
        return Figures(
            shapes=tuple(shapes),
            times=tuple(demand.times),
            read_bytes=reads,
            write_bytes=writes,
            latency_s=time_s if is_known else None,
            latency_estimated_s=rests_s(terms, serial, doubtful) if is_known else None,
            energy_j=math.fsum(energy_terms.values()) if energy_terms is not None and is_known else None,
            energy_estimated_j=doubtful_j if energy_terms is not None and is_known else None,
            expected_s=expected_time_s(self.target, terms, serial, launch_s) if is_known else None,
            traffic_bytes=dict(zip(names, totals, strict=True)),
            saved_bytes=dict(zip(names, demand.saved_bytes, strict=True)),
            intensity={
                name: ops * repeat / total if is_known and total > 0 else None
                for name, total in zip(names, totals, strict=True)
            },
            compulsory_intensity=ops * repeat / demand.least_bytes if is_known and demand.least_bytes > 0 else None,
            time_bound=largest(everything) if is_known else "",
            energy_bound=largest(energy_terms) if energy_terms is not None and is_known else "",
            time_terms_s=everything,
            energy_terms_j=energy_terms if energy_terms is not None and is_known else {},
            spatial=demand.spatial,
            temporal=compute_s / time_s if time_s > 0 and is_known else None,
            footprint_bytes=dict(zip(names[1:], demand.footprint_bytes[1:], strict=True)),
            tile=demand.tile,
            macs=macs * repeat if is_known else None,
            vector_ops=vector_ops * repeat if is_known else None,
            special_ops=special_ops * repeat if is_known else None,
            ops=ops * repeat if is_known else None,
            bypassed=tuple(names[i] for i in demand.bypassed),
            full_engines_s=demand.full_engines_s,
            waterfall_s=waterfall_s,
            regime=regime,
            map=Once(map_),
            again_ops=demand.again_ops,
            layout_bytes=demand.layout_bytes,
        )

    def _compute(self, shape: GroupShape) -> _Compute:
        engines: dict[str, float] = {}
        full: dict[str, float] = {}
        energies: list[float | None] = []
        spatial: float | None = 1.0 if shape.mac_count else None
        mac_engine: Engine | None = None
        mac_s = 0.0
        doubtful_s: dict[str, float] = {}
        doubtful_j = 0.0
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
                full[rate.engine.name] = full.get(rate.engine.name, 0.0) + lanes / rate.ops_per_s
                mac_s += time_s if rate.engine is mac_engine and kind == "mac" else 0.0
                if is_uncertain(rate.peak.rate) or rate.is_default(name):
                    doubtful_s[rate.engine.name] = doubtful_s.get(rate.engine.name, 0.0) + time_s
            energy_j = None if rate.energy_j_per_op is None else lanes * rate.energy_j_per_op
            energies.append(energy_j)
            if energy_j is not None and (is_uncertain(rate.peak.energy) or rate.is_default(name)):
                doubtful_j += energy_j
        return _Compute(engines, full, energies, spatial, mac_engine, mac_s, doubtful_s, doubtful_j)

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
