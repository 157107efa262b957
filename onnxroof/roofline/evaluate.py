"""A planned model on a target: times, energies and bounds of every group and plan.

Time is a maximum, energy a sum. The time of a group is the maximum over the engines (kinds of work on one engine add
up) and over the memory levels that overlap with compute, plus the levels that do not, plus the launch overhead.
What a target does not know takes no time and is listed; an unknown energy makes the energy unknown.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial

from onnxroof.dtypes import DType
from onnxroof.mapping.array import spatial_utilization
from onnxroof.mapping.nested import NestedMapping
from onnxroof.mapping.placed import Crossing, placed
from onnxroof.mapping.plan import Decision
from onnxroof.mapping.planned import PlannedModel, ShapedPlan
from onnxroof.mapping.residency import Residency, residency
from onnxroof.mapping.traffic import GroupShape, LevelTraffic, level_traffic
from onnxroof.roofline.efficiency import efficiency, mix_time_s
from onnxroof.roofline.floor import floor
from onnxroof.roofline.groups import Figures, Groups, Once, mapped_total, peaks, summed, total
from onnxroof.roofline.knowledge import Knowledge
from onnxroof.roofline.ledger import ledger
from onnxroof.roofline.mapped import mapped_result
from onnxroof.roofline.model import energy_ridge_ops_per_byte, overlapped_time_s, ridge_ops_per_byte
from onnxroof.roofline.rates import DEFAULT_SPECIAL_LANES, Rate, Resolution, resolve
from onnxroof.roofline.regimes import Regime, power_capped_s, regime, together
from onnxroof.roofline.result import LevelResult, PlanResult, TargetResult
from onnxroof.roofline.terms import (
    bandwidth_bytes_per_s,
    level_energy_terms,
    level_time_s,
    mean_energy_j_per_byte,
)
from onnxroof.roofline.waterfall import waterfall
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
    plans = tuple(evaluation.plan(shaped, assumed_precision) for shaped in model.plans)
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
        full_engines_s: Time by engine with its array full.
        energies_j: Of each part, None where unknown.
        spatial: Utilization of the array, None without MACs.
        mac_engine: That runs the MACs, if it has an array.
        mac_s: Time of the MACs on it.
    """

    engines_s: dict[str, float]
    full_engines_s: dict[str, float]
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

    def plan(self, shaped: ShapedPlan, assumed_precision: str | None) -> PlanResult:
        """One plan, summed over its groups: each distinct shape times the groups that have it."""
        groups = placed(self.model.timeline.uses[shaped.plan.fusion], self.residency, self._crossings)
        figures = [self._kind(shape, crossing) for shape, crossing in groups.kinds]
        counts = groups.counts
        latency_s = total([f.latency_s for f in figures], counts)
        if figures and not any(f.time_terms_s for f in figures):
            latency_s = None  # a target of which no rate and no bandwidth is known says nothing of time
        energy_j = total([f.energy_j for f in figures], counts)
        ops = total([f.ops for f in figures], counts)
        names = [level.name for level in self.target.levels]
        energy_terms = summed([f.energy_terms_j for f in figures], counts) if energy_j is not None else {}
        decisions = (
            *self._conversions(assumed_precision), *self._substituted.values(), *_bypasses(figures, counts),
            *shaped.plan.decisions, *self._residents,
        )  # fmt: skip
        return PlanResult(
            fusion=shaped.plan.fusion,
            latency_s=latency_s,
            energy_j=energy_j,
            ops_per_s=ops / latency_s if ops is not None and latency_s else None,
            ops_per_j=ops / energy_j if ops is not None and energy_j else None,
            traffic_bytes={name: total([f.traffic_bytes[name] for f in figures], counts) or 0.0 for name in names},
            resident_bytes={
                name: max(taken, default=0.0) / level.instances
                for name, level, taken in zip(
                    names[1:], self.target.levels[1:], self.residency.resident_bytes[1:], strict=True
                )
            },
            resident_saved_bytes={
                name: math.fsum(f.saved_bytes[name] * n for f, n in zip(figures, counts, strict=True)) for name in names
            },
            peak_footprint_bytes=peaks(names[1:], groups, figures),
            assumed_precision=assumed_precision,
            expected_latency_s=total([f.expected_s for f in figures], counts) if self.target.efficiency else None,
            groups=Groups(self.model.op_types, shaped.plan, groups, figures),
            decisions=decisions,
            waterfall_s=summed([f.waterfall_s for f in figures], counts) if latency_s is not None else {},
            regime=together([f.regime for f in figures], [f.latency_s for f in figures], counts, energy_terms),
            efficiency=efficiency(
                ops,
                latency_s,
                energy_j,
                mix_time_s([f.full_engines_s for f in figures], counts),
                energy_terms.get("compute"),
            ),
            map=Once(partial(mapped_total, figures, counts)),
            account=Once(
                partial(
                    ledger,
                    self.target,
                    [(f.shape, f.read_bytes, f.write_bytes) for f in figures],
                    counts,
                    tf32=self.tf32,
                    has_latency=latency_s is not None,
                    has_energy=energy_j is not None,
                )
            ),
        )

    @cached_property
    def _residents(self) -> tuple[Decision, ...]:
        return self.residency.decisions(self.target.levels)

    def _kind(self, shape: GroupShape, crossing: Crossing | None) -> Figures:
        kind = (shape, crossing)
        if kind not in self._figures:
            self._figures[kind] = self._evaluate(shape, crossing)
        return self._figures[kind]

    def _evaluate(self, shape: GroupShape, crossing: Crossing | None) -> Figures:
        levels = self.target.levels
        compute = self._compute(shape)
        engines, energies, spatial = compute.engines_s, compute.energies_j, compute.spatial
        if shape not in self._alone:
            array = compute.mac_engine.array if compute.mac_engine else None
            self._alone[shape] = level_traffic(shape, levels, array)
        alone = self._alone[shape]
        traffic = alone if crossing is None else crossing.applied(shape, alone)
        repeat = shape.repeat
        saved = (alone.read_bytes + alone.write_bytes - traffic.read_bytes - traffic.write_bytes) * repeat
        reads, writes = (traffic.read_bytes * repeat).tolist(), (traffic.write_bytes * repeat).tolist()
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
        is_known = shape.is_known
        ops = 2 * shape.mac_count + shape.vector_count + shape.special_count
        totals = [read + written for read, written in zip(reads, writes, strict=True)]
        names = [level.name for level in levels]
        compute_s = max(engines.values(), default=0.0)
        alone_bytes = shape.compulsory_reads + shape.compulsory_writes
        least = repeat * (alone_bytes if crossing is None else crossing.least_bytes)
        return Figures(
            shape=shape,
            read_bytes=reads,
            write_bytes=writes,
            latency_s=time_s if is_known else None,
            energy_j=math.fsum(energy_terms.values()) if energy_terms is not None and is_known else None,
            expected_s=self._expected(terms, serial, launch_s) if is_known else None,
            traffic_bytes=dict(zip(names, totals, strict=True)),
            saved_bytes=dict(zip(names, saved.tolist(), strict=True)),
            intensity={
                name: ops * repeat / total if is_known and total > 0 else None
                for name, total in zip(names, totals, strict=True)
            },
            compulsory_intensity=ops * repeat / least if is_known and least > 0 else None,
            time_bound=_largest(everything) if is_known else "",
            energy_bound=_largest(energy_terms) if energy_terms is not None and is_known else "",
            time_terms_s=everything,
            energy_terms_j=energy_terms if energy_terms is not None and is_known else {},
            spatial=spatial,
            temporal=compute_s / time_s if time_s > 0 and is_known else None,
            footprint_bytes=dict(zip(names[1:], traffic.footprint_bytes[1:].tolist(), strict=True)),
            tile=traffic.tile,
            macs=shape.mac_count * repeat if is_known else None,
            vector_ops=shape.vector_count * repeat if is_known else None,
            special_ops=shape.special_count * repeat if is_known else None,
            ops=ops * repeat if is_known else None,
            bypassed=tuple(names[i] for i in traffic.bypassed),
            full_engines_s=compute.full_engines_s,
            waterfall_s=waterfall(
                max(compute.full_engines_s.values(), default=0.0),
                compute_s,
                _levels_of(terms),
                _levels_of(serial),
                launch_s,
            )
            if is_known
            else {},
            regime=self._regime(compute, terms, serial, totals, launch_s, energy_terms or {}) if is_known else Regime(),
            map=Once(
                partial(
                    mapped_result,
                    shape,
                    self.target,
                    alone,
                    engines,
                    compute.mac_engine,
                    compute.mac_s,
                    self._nested,
                )
            ),
        )

    def _regime(
        self,
        compute: _Compute,
        terms: Mapping[str, float],
        serial: Mapping[str, float],
        level_bytes: Sequence[float],
        launch_s: float,
        energy_terms: Mapping[str, float],
    ) -> Regime:
        levels_s = _levels_of({**terms, **serial})
        roofs_s = dict(levels_s)
        for level, count in zip(self.target.levels, level_bytes, strict=True):
            bandwidth = bandwidth_bytes_per_s(level)
            if bandwidth is not None:
                roofs_s[level.name] = count / (bandwidth * level.instances)
        power_s: float | None = None
        cap = self.target.power_cap
        if cap is not None:
            self.knowledge.need("chip.power_cap", cap)
            static_w = self.target.static_power.value if self.target.static_power else 0.0
            capped_s = power_capped_s(energy_terms, cap.value, static_w)
            time_s = overlapped_time_s(list(terms.values()), list(serial.values())) + launch_s
            power_s = None if capped_s is None else max(0.0, capped_s - time_s)
        return regime(
            compute.engines_s,
            compute.full_engines_s,
            levels_s,
            roofs_s,
            serial=_levels_of(serial),
            launch_s=launch_s,
            energy_j=energy_terms,
            power_s=power_s,
        )

    def _compute(self, shape: GroupShape) -> _Compute:
        engines: dict[str, float] = {}
        full: dict[str, float] = {}
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
                full[rate.engine.name] = full.get(rate.engine.name, 0.0) + lanes / rate.ops_per_s
                mac_s += time_s if rate.engine is mac_engine and kind == "mac" else 0.0
            energies.append(None if rate.energy_j_per_op is None else lanes * rate.energy_j_per_op)
        return _Compute(engines, full, energies, spatial, mac_engine, mac_s)

    def _energy(
        self, parts: list[float | None], reads: Sequence[float], writes: Sequence[float], time_s: float
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


def _levels_of(terms: Mapping[str, float]) -> dict[str, float]:
    """The terms of levels, by the level's name."""
    return {name.removeprefix("memory:"): time for name, time in terms.items() if name.startswith("memory:")}


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
