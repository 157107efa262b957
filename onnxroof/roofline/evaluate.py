"""A planned model on targets: times, energies and bounds of every group and plan.

Time is a maximum, energy a sum: see `onnxroof.roofline.sheet`. What a target does not know takes no time and is listed;
an unknown energy makes the energy unknown.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from operator import mul

import numpy as np
import numpy.typing as npt

from onnxroof.dtypes import DType
from onnxroof.mapping.given import GIVEN
from onnxroof.mapping.nested import NestedMapping
from onnxroof.mapping.placed import Crossing, Placed
from onnxroof.mapping.plan import Decision
from onnxroof.mapping.planned import PlannedModel
from onnxroof.mapping.policies import SEARCHED
from onnxroof.mapping.reorder import reordering
from onnxroof.mapping.residency import Residency
from onnxroof.mapping.shaped import ShapedPlan
from onnxroof.mapping.traffic import GroupShape
from onnxroof.roofline.batch import Batch
from onnxroof.roofline.demand import rows_of
from onnxroof.roofline.efficiency import efficiency
from onnxroof.roofline.fit import fit
from onnxroof.roofline.floor import floor
from onnxroof.roofline.groups import (
    Assembled,
    Figures,
    Groups,
    Kinds,
    Later,
    Once,
    bypasses,
    mapped_total,
    outermost,
)  # fmt: skip
from onnxroof.roofline.knowledge import Knowledge
from onnxroof.roofline.ledger import ledger
from onnxroof.roofline.levels import level_result
from onnxroof.roofline.mapped import mapped_result
from onnxroof.roofline.rates import DEFAULT_SPECIAL_LANES, Rate, resolve
from onnxroof.roofline.residents import resident_tensors
from onnxroof.roofline.result import Explanation, MappedResult, PlanResult, Resident, TargetResult
from onnxroof.roofline.search import UnitFigures
from onnxroof.roofline.searched import Fused, Searched, best_in, best_of
from onnxroof.roofline.sheet import Sheet
from onnxroof.roofline.totals import Sums
from onnxroof.roofline.worked import Part, parts_of
from onnxroof.targets.model import Target

__all__ = ["evaluate", "evaluated"]

FloatArray = npt.NDArray[np.float64]


def evaluate(
    model: PlannedModel,
    target: Target,
    *,
    objective: str = "latency",
    assumed_precision: str | None = None,
    tf32: bool = True,
    state: str = "cold",
) -> TargetResult:
    """Holds a model against one target, as `evaluated`."""
    (found,) = evaluated(
        model, [target], objective=objective, assumed_precision=assumed_precision, tf32=tf32, state=state
    )
    return found


def evaluated(
    model: PlannedModel,
    targets: Sequence[Target],
    *,
    objective: str = "latency",
    assumed_precision: str | None = None,
    tf32: bool = True,
    state: str = "cold",
) -> Iterator[TargetResult]:
    """Holds a model against targets: one result each, in their order, when it is asked for.

    Args:
        model: Planned; where the targets lack its types, already converted.
        targets: The targets.
        objective: latency | energy | edp, by which the best plan is named.
        assumed_precision: Type that the model was converted to for these targets, None for none.
        tf32: Whether FLOAT contractions may use TF32.
        state: cold | steady: whether weights that fit on chip stay there from run to run.
    """
    batch = Batch(model, tuple(targets), tf32, state)
    for place in range(len(targets)):
        yield _result(_Evaluation(batch, place), assumed_precision, objective)


def _result(evaluation: _Evaluation, assumed_precision: str | None, objective: str) -> TargetResult:
    target, model = evaluation.target, evaluation.model
    plans = evaluation.plans(assumed_precision, objective)
    least = floor(model.border, target, tf32=evaluation.batch.tf32)
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


@dataclass(eq=False)
class _Evaluation:
    """A model on one of the targets of a batch."""

    batch: Batch
    place: int
    knowledge: Knowledge = field(init=False)
    orders: tuple[Decision, ...] = ()
    _substituted: dict[tuple[str, str], Decision] = field(default_factory=dict)
    _rates: dict[tuple[str, str], Rate | None] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.knowledge = Knowledge(self.target)
        self._note()

    @property
    def model(self) -> PlannedModel:
        """The model."""
        return self.batch.model

    @property
    def target(self) -> Target:
        """The target."""
        return self.batch.targets[self.place]

    @property
    def residency(self) -> Residency:
        """What stays on chip between groups."""
        return self.batch.residencies[self.place]

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
        # The last one is the least of all, so those before it are found too.
        count = max((number for number, policy in enumerate(SEARCHED, 1) if policy in self.model.policies), default=0)
        orders = [Searched(self), *map(Searched, self._reordered)] if count else []
        for policy in SEARCHED[:count]:
            found[policy] = best_in(orders, policy, assumed_precision, objective, [*found.values()])
        if self.model.given is not None:
            where = self._in_given_order or self
            assert where.model.given is not None
            found[GIVEN] = Searched(where).given(*where.model.given, assumed_precision, objective)
        return tuple(found[policy] for policy in (*self.model.policies, *([GIVEN] if GIVEN in found else [])))

    def beside(self, apart: frozenset[str]) -> _Evaluation:
        """The same with what stays on chip chosen without some roots, as they pass inside of groups."""
        return _Evaluation(self.batch.beside(self.place, apart), 0, orders=self.orders)

    @property
    def _reordered(self) -> Iterator[_Evaluation]:
        """Of the model in further orders, in which other operators may be one group."""
        for batch, rule in self.batch.reordered:
            yield self._in(batch, rule)

    @property
    def _in_given_order(self) -> _Evaluation | None:
        """Of the model in the order that groups from outside ask for, None where it is this one."""
        batch = self.batch.in_given_order
        return None if batch is None else self._in(batch, "as the groups ask for")

    def _in(self, batch: Batch, rule: str) -> _Evaluation:
        """Of the model in another order."""
        return _Evaluation(batch, self.place, orders=(reordering(self.model.workload.name, rule),))

    def plan(self, shaped: ShapedPlan, assumed_precision: str | None) -> PlanResult:
        """One plan, summed over its groups: each distinct shape times the groups that have it."""
        groups = self.placed(shaped.plan.fusion)

        def tiles() -> Iterator[Mapping[str, int]]:
            found = [self.tile(kind) for kind in groups.kinds]
            return (found[number] for number in groups.index)

        assembled = Assembled(
            fusion=shaped.plan.fusion,
            listed=shaped.plan.groups,
            tiles=Later(tiles),
            placed=groups,
            kinds=self.kinds(groups, range(len(groups.kinds))),
            figures=Later(lambda: self.figures(groups)),
            choices=Later(lambda: (*shaped.plan.decisions, *self.reasons)),
            residents=self.residents,
        )
        return self.summed(assembled, assumed_precision)

    def tile(self, kind: tuple[GroupShape, Crossing | None]) -> Mapping[str, int]:
        """Size by dimension of the tile of groups of a kind."""
        return self.batch.tile(self.place, *kind)

    def placed(self, fusion: str) -> Placed:
        """Groups of a policy with what stays on chip around them."""
        return self.batch.places[self.place][fusion]

    def figures(self, groups: Placed) -> list[Figures]:
        """All figures of the kinds of groups."""
        numbers = self.batch.kinds[self.place]
        return [self._figures[numbers[kind]] for kind in groups.kinds]

    def kinds(self, groups: Placed, used: Sequence[int], fused: Sequence[Fused] = ()) -> Kinds:
        """What totals take of some kinds of groups, and of groups of several steps behind them."""
        base, every, levels = self.batch.base, self.batch.kinds[self.place], len(self.target.levels)
        kinds = [groups.kinds[number] for number in used]
        rows = np.array([every[kind] for kind in kinds], dtype=np.int64) + self._begin
        parts, held_bytes = [(self.batch.sheet, rows)], base.footprint_bytes[rows, :levels]
        if fused:
            demands = [demand for demand, _ in fused]
            machines = self.batch.machines
            sheet = Sheet(rows_of(demands, machines), machines.of(np.full(len(fused), self.place)))
            parts.append((sheet, np.arange(len(fused))))
            held_bytes = np.concatenate((held_bytes, [demand.footprint_bytes for demand in demands]))
        return Kinds(
            rows=parts,
            held_bytes=held_bytes,
            ops=[shape.ops * shape.repeat for shape, _ in kinds] + [demand.ops for demand, _ in fused],
            layout_bytes=base.layout_total_bytes[rows].tolist() + [demand.layout_bytes for demand, _ in fused],
        )

    @property
    def _begin(self) -> int:
        """Of its groups among those of all targets."""
        begin: int = self.batch.parts[self.place].start
        return begin

    @cached_property
    def _figures(self) -> list[Figures]:
        """Of all kinds of groups."""
        batch, place, target = self.batch, self.place, self.target
        base, levels, part = batch.base, target.levels, batch.parts[place]
        mapped = partial(_mapped, batch, place, {})
        spatial = batch.work.spatial[place, base.shapes[part]].tolist()
        bypassed = batch.table.bypassed[place, base.shapes[part], : len(levels)]
        passes_by = np.logical_or.reduce(bypassed, axis=1).tolist()
        held = base.footprint_bytes[part, : len(levels)].tolist()
        layout = base.layout_total_bytes[part].tolist()
        return [
            Figures(
                target=target,
                sheet=batch.sheet,
                number=part.start + number,
                shapes=(shape,),
                times=(1.0,),
                spatial=_known(spatial[number]),
                tf32=batch.tf32,
                held_bytes=held[number],
                bypassed=tuple(levels[n].name for n in np.flatnonzero(bypassed[number])) if passes_by[number] else (),
                map=Once(partial(mapped, shape, crossing)),
                layout_bytes=layout[number],
            )
            for number, (shape, crossing) in enumerate(batch.kinds[place])
        ]

    def units(self, groups: Placed) -> UnitFigures:
        """What the kinds of groups take as units of which a search makes larger ones."""
        numbers, base, sheet = self.batch.kinds[self.place], self.batch.base, self.batch.sheet
        picked = np.array([numbers[kind] for kind in groups.kinds], dtype=np.int64) + self._begin
        engines = (picked, slice(len(self.target.engines)))
        levels = (picked, slice(len(self.target.levels)))
        rows, trips = base.rows, base.rows.launches[picked, None]
        return UnitFigures(
            engines_s=rows.engines_s[engines],
            full_engines_s=rows.full_engines_s[engines],
            runs=rows.runs[engines],
            compute_j=rows.compute_j[picked],
            read_bytes=base.read_bytes[levels] * trips,
            write_bytes=base.write_bytes[levels] * trips,
            saved_bytes=rows.saved_bytes[levels],
            latency_s=sheet.latency_s[picked],
            energy_j=sheet.energy_j[picked],
            footprint_bytes=base.footprint_bytes[levels],
            doubtful_s=rows.doubtful_s[engines],
            doubtful_j=rows.doubtful_j[picked],
        )

    def fused_figures(self, kinds: Kinds, fused: Sequence[Fused]) -> Iterator[Figures]:
        """All figures of groups of several steps, the last of some kinds."""
        sheet, _ = kinds.rows[-1]
        for number, (demand, map_) in enumerate(fused):
            yield Figures(
                target=self.target,
                sheet=sheet,
                number=number,
                shapes=tuple(demand.shapes),
                times=tuple(demand.times),
                spatial=demand.spatial_of(),
                tf32=self.batch.tf32,
                held_bytes=demand.footprint_bytes,
                bypassed=(),
                map=Once(map_),
                again_ops=demand.again_ops,
                layout_bytes=demand.layout_bytes,
            )

    def summed(self, plan: Assembled, assumed_precision: str | None) -> PlanResult:
        """A plan summed up over its groups."""
        groups, kinds, figures = plan.placed, plan.kinds, plan.figures
        target, names = self.target, [level.name for level in self.target.levels]
        counted = np.bincount(groups.index, minlength=len(kinds.ops)) if groups.index else np.zeros(0, dtype=np.int64)
        sums = Sums(target, kinds.rows, counted.astype(np.float64))
        latency_s = sums.total(lambda sheet: sheet.latency_s)
        if kinds.ops and not sums.says_time:
            latency_s = None  # a target of which no rate and no bandwidth is known says nothing of time
        energy_j = sums.total(lambda sheet: sheet.energy_j)
        if latency_s is None and target.static_power is not None:
            energy_j = None
        ops = sum(map(mul, kinds.ops, counted.tolist())) if sums.is_known else None
        reads = sums.by_level(lambda sheet: sheet.rows.read_bytes)
        writes = sums.by_level(lambda sheet: sheet.rows.write_bytes)
        return PlanResult(
            fusion=plan.fusion,
            latency_s=latency_s,
            energy_j=energy_j,
            ops_per_s=ops / latency_s if ops is not None and latency_s else None,
            ops_per_j=ops / energy_j if ops is not None and energy_j else None,
            traffic_bytes={name: reads[name] + writes[name] for name in names},
            traffic_read_bytes=reads,
            traffic_write_bytes=writes,
            assumed_precision=assumed_precision,
            groups=Groups(self.model.op_types, plan),
            decisions=Later(
                lambda: (
                    *self.orders, *self._conversions(assumed_precision), *self._substituted.values(),
                    *bypasses(figures, counted.tolist()), *plan.choices,
                )
            ),
            residents=plan.residents,
            explain=Once(partial(_explanation, sums, groups, kinds, ops, latency_s, energy_j)),
            map=Once(partial(mapped_total, figures, counted.tolist())),
            account=Once(
                lambda: ledger(
                    target, figures, counted.tolist(), tf32=self.batch.tf32, has_latency=latency_s is not None,
                    has_energy=energy_j is not None,
                )
            ),
        )  # fmt: skip

    @cached_property
    def residents(self) -> Sequence[Resident]:
        """What stays on chip between groups."""
        return Later(partial(resident_tensors, self.residency, self.target.levels, self.model.store))

    @cached_property
    def reasons(self) -> tuple[Decision, ...]:
        """Why each stays there, or does not."""
        return self.residency.decisions(self.target.levels)

    def _note(self) -> None:
        """Notes what the groups use of the target: their work, and what all of them need."""
        first = next(iter(self.batch.kinds[self.place]), None)
        if first is None:
            return
        done = [part for part, _ in parts_of(first[0])]
        self._note_work(done)
        for number in range(len(self.target.levels)):
            self.knowledge.need_level_time(number)
        self.knowledge.need("chip.launch_overhead", self.target.launch_overhead)
        for number in range(len(self.target.levels)):
            self.knowledge.need_level_energy(number)
        self.knowledge.need("chip.static_power", self.target.static_power)
        if self.target.power_cap is not None:
            self.knowledge.need("chip.power_cap", self.target.power_cap)
        self._note_work(self.batch.work.parts)

    def _note_work(self, parts: Iterable[Part]) -> None:
        for kind, dtype, name in parts:
            rate = self._rate(kind, dtype)
            if rate is not None and name:
                self.knowledge.need_special(rate, name, DEFAULT_SPECIAL_LANES)

    def _rate(self, kind: str, dtype: str) -> Rate | None:
        key = (kind, dtype)
        if key not in self._rates:
            rate = self._rates[key] = resolve(self.target, kind, DType[dtype], tf32=self.batch.tf32).rate
            self.knowledge.need_rate(kind, dtype, rate)
            if rate is not None and not rate.is_exact:
                runs_as = f"{rate.peak.input.name} on {rate.engine.name}"
                self._substituted[key] = Decision(
                    subject=f"{kind} work in {dtype}",
                    action="substituted",
                    reason=f"the target lists no {dtype} for it: it runs as {runs_as}",
                )
        return self._rates[key]

    def _conversions(self, assumed_precision: str | None) -> Iterator[Decision]:
        if assumed_precision is not None:
            yield Decision(
                subject=self.model.workload.name,
                action="converted",
                reason=f"the target lacks its types and wider ones: it is taken as if exported in {assumed_precision}",
            )


def _largest(names: Sequence[str], values: FloatArray) -> dict[str, float]:
    """By name the largest of values (N, names)."""
    return dict(zip(names, values.max(axis=0, initial=0.0).tolist(), strict=True))


def _explanation(
    sums: Sums, groups: Placed, kinds: Kinds, ops: int | None, latency_s: float | None, energy_j: float | None
) -> Explanation:
    """What stands behind the figures of a plan."""
    target, names = sums.target, [level.name for level in sums.target.levels]
    resident = np.array(groups.resident_bytes).reshape(-1, len(names))[:, 1:]
    layout_bytes = math.fsum(map(mul, kinds.layout_bytes, sums.counts.tolist()))
    return Explanation(
        waterfall_s=sums.waterfall_s if latency_s is not None else {},
        regime=sums.regime,
        efficiency=efficiency(ops, latency_s, energy_j, sums.mix_s, sums.energy_terms_j.get("compute")),
        latency_estimated_s=None if latency_s is None else sums.total(lambda sheet: sheet.latency_estimated_s),
        energy_estimated_j=sums.total(lambda sheet: sheet.energy_estimated_j),
        expected_latency_s=sums.total(lambda sheet: sheet.expected_s) if target.efficiency else None,
        peak_footprint_bytes=_largest(names[1:], kinds.held_bytes[list(groups.index), 1:] + resident),
        resident_bytes=_largest(names[1:], resident),
        resident_saved_bytes=sums.by_level(lambda sheet: sheet.rows.saved_bytes),
        layout_bytes=outermost(names, layout_bytes),
    )


# No method of an evaluation: it holds the figures, which would hold it, and be garbage until somebody looks for that.
def _mapped(
    batch: Batch, place: int, known: dict[Hashable, NestedMapping], shape: GroupShape, crossing: Crossing | None
) -> MappedResult:
    """One mapping of a group on one of the targets to all levels; `known` are those of its nests so far."""
    number, base = batch.parts[place].start + batch.kinds[place][shape, crossing], batch.base
    target = batch.targets[place]
    kind = int(base.shapes[number])
    alone = batch.table.traffic(place, kind, len(target.levels), shape.curve)
    own = alone if crossing is None else crossing.applied(shape, alone)
    layout = tuple(base.layout_bytes[number].tolist())
    engine = int(batch.work.mac_engine[place, kind])
    return mapped_result(
        shape, target, own.more(*layout), crossing, (layout[0], layout[1]),
        _by_engine(target, base.rows.engines_s[number], base.rows.runs[number]),
        target.engines[engine] if engine >= 0 else None, float(batch.work.mac_s[place, kind]), known,
    )  # fmt: skip


def _by_engine(target: Target, values: FloatArray, runs: npt.NDArray[np.bool_]) -> dict[str, float]:
    pairs = zip(target.engines, values.tolist(), runs.tolist(), strict=False)
    return {engine.name: value for engine, value, has_work in pairs if has_work}


def _known(value: float) -> float | None:
    """None in place of NaN."""
    return None if math.isnan(value) else float(value)
