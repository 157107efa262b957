"""What an evaluation says: times, energies and bounds of groups, plans and targets.

Every figure is in SI units. None is unknown and is contagious: a sum with an unknown part is unknown.
Mappings by level name list the levels outermost first.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from onnxroof.mapping.nested import LevelTile
from onnxroof.mapping.offload import Offload
from onnxroof.mapping.plan import Decision
from onnxroof.roofline.divided import link_time_s
from onnxroof.roofline.efficiency import Efficiency
from onnxroof.roofline.fit import Fit
from onnxroof.roofline.regimes import Regime
from onnxroof.targets.model import Source, Target

if TYPE_CHECKING:  # it evaluates, and so stands above its own result
    from onnxroof.roofline.ledger import Ledger
    from onnxroof.roofline.ranges import Ranges
    from onnxroof.roofline.sensitivity import Elasticity

__all__ = ["Explanation", "GroupResult", "LevelResult", "MappedResult", "PlanResult", "Resident", "TargetResult"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LevelResult:
    """A memory level with its ridge points, at the peak of the model's dominant compute type.

    Attributes:
        name: Of the level.
        capacity_bytes: Of one instance.
        instances: How many there are.
        bandwidth_bytes_per_s: Of one instance in both directions: the shared port, or the sum of read and write.
        energy_j_per_byte: The lower of read and write, which no traffic undercuts.
        ridge_ops_per_byte: Peak / (bandwidth x instances).
        energy_ridge_ops_per_byte: Energy per byte / energy per operation.
    """

    name: str
    capacity_bytes: float | None
    instances: int
    bandwidth_bytes_per_s: float | None
    energy_j_per_byte: float | None
    ridge_ops_per_byte: float | None
    energy_ridge_ops_per_byte: float | None

    @property
    def balance_gap(self) -> float | None:
        """Energy ridge / ridge: above 1, energy needs more reuse than time does; None where either is unknown."""
        if self.ridge_ops_per_byte is None or self.energy_ridge_ops_per_byte is None:
            return None
        return self.energy_ridge_ops_per_byte / self.ridge_ops_per_byte


@dataclass(frozen=True, slots=True, kw_only=True)
class MappedResult:
    """Figures of one mapping whose tiles nest, where others have each level at its own optimum.

    Attributes:
        traffic_bytes: Bytes that each level exchanges with the level inside it; at least those of the own optima.
        latency_s: Launch overhead included; None where the work is not known. At least that of the own optima.
        levels: What each level inside the outermost holds, of a group that has a loop nest.
    """

    traffic_bytes: Mapping[str, float]
    latency_s: float | None
    levels: tuple[LevelTile, ...] = ()


def _unaccounted() -> None:
    return None


def _undoubted() -> None:
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """What stands behind the figures of a plan: see `PlanResult`, which has the same."""

    waterfall_s: Mapping[str, float] = field(default_factory=dict)
    regime: Regime = field(default_factory=Regime)
    efficiency: Efficiency = field(default_factory=Efficiency)
    latency_estimated_s: float | None = None
    energy_estimated_j: float | None = None
    expected_latency_s: float | None = None
    peak_footprint_bytes: Mapping[str, float] = field(default_factory=dict)
    resident_bytes: Mapping[str, float] = field(default_factory=dict)
    resident_saved_bytes: Mapping[str, float] = field(default_factory=dict)
    layout_bytes: Mapping[str, float] = field(default_factory=dict)


def _unexplained() -> Explanation:
    return Explanation()


def _unmapped() -> MappedResult:
    return MappedResult(traffic_bytes={}, latency_s=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupResult:
    """One fusion group on one target.

    Traffic, time, energy and work are of all its `repeat` runs; intensity and footprints do not depend on it.

    Attributes:
        id: As in the plan.
        nodes: Names of its operators.
        repeat: Runs.
        op_types: Types of its operators, in the same order.
        macs, vector_ops, special_ops: Work; None where an operator has no known work.
        ops: 2 x macs + vector_ops + special_ops, None likewise.
        latency_s: The least time of this group, launch overhead included.
        energy_j: None where an energy is unknown.
        latency_estimated_s: What of the latency rests on estimates, on memory or on defaults, see `provenance`.
        energy_estimated_j: What of the energy does.
        traffic_bytes: Bytes that each level exchanges with the level inside it.
        traffic_read_bytes, traffic_write_bytes: Of them what leaves the level towards the inside, and what comes back.
        intensity_ops_per_byte: ops / traffic by level; None without traffic or with unknown work.
        compulsory_intensity_ops_per_byte: ops / bytes that must enter and leave the group once, less what stays on
            chip before and after it: what no tile can raise the intensity above. None without bytes or with unknown
            work.
        time_bound: `compute:ENGINE`, `memory:LEVEL` or `launch`; "" where nothing of it is known.
        energy_bound: `compute`, `memory:LEVEL` or `static`; "" where energy is unknown.
        time_terms_s: Every term of the maximum by the same words, e.g. {"compute:matrix": ..., "memory:dram": ...}.
        energy_terms_j: Every term of the sum by the same words, {} where energy is unknown.
        spatial_utilization: Useful part of the array, 1 where no array is given.
        temporal_utilization: Compute time at that utilization / latency.
        footprint_bytes: Live bytes of one instance of each level inside the outermost: tiles and what stays there.
        tile: Loop name to tile size at the outermost boundary, {} where the group has no loop nest.
        full_engines_s: Time by engine with every array full.
        mac_engines: Names of the engines on which its MACs run at a known rate.
        waterfall_s: Parts that add up to the latency, as `roofline.waterfall` names them; {} where it is unknown.
        regime: What sets time and energy, and why the group lies below its roof.
        recomputed_ops: Operations that are done again because tiles overlap; not among `ops`.
        map: Works out one mapping to all levels at once.
    """

    id: str
    nodes: tuple[str, ...]
    op_types: tuple[str, ...]
    repeat: int
    macs: int | None
    vector_ops: int | None
    special_ops: int | None
    ops: int | None
    latency_s: float | None
    energy_j: float | None
    traffic_bytes: Mapping[str, float]
    intensity_ops_per_byte: Mapping[str, float | None]
    compulsory_intensity_ops_per_byte: float | None = None
    time_bound: str
    energy_bound: str
    time_terms_s: Mapping[str, float]
    energy_terms_j: Mapping[str, float]
    spatial_utilization: float | None
    temporal_utilization: float | None
    footprint_bytes: Mapping[str, float]
    tile: Mapping[str, int]
    traffic_read_bytes: Mapping[str, float] = field(default_factory=dict)
    traffic_write_bytes: Mapping[str, float] = field(default_factory=dict)
    full_engines_s: Mapping[str, float] = field(default_factory=dict)
    mac_engines: tuple[str, ...] = ()
    waterfall_s: Mapping[str, float] = field(default_factory=dict)
    regime: Regime = field(default_factory=Regime)
    latency_estimated_s: float | None = None
    energy_estimated_j: float | None = None
    recomputed_ops: float = 0.0
    layout_bytes: Mapping[str, float] = field(default_factory=dict)
    map: Callable[[], MappedResult] = _unmapped

    @property
    def mapped(self) -> MappedResult:
        """One mapping to all levels at once, all runs."""
        return self.map()


@dataclass(frozen=True, slots=True, kw_only=True)
class Resident:
    """A tensor that stays on chip between groups.

    Attributes:
        tensor: Its name.
        kind: activation | weight.
        level: Where it stays.
        bytes: Room that it takes of all instances together.
        first, last: Nodes from and to which it is there: that makes it or reads it first, and that reads it last. Both
            are "" for a weight that is there from run to run.
        subject: Of the decision that says so.
    """

    tensor: str
    kind: str
    level: str
    bytes: int
    first: str
    last: str
    subject: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanResult:
    """One fusion policy on one target.

    Attributes:
        fusion: The policy.
        latency_s: Sum over groups.
        energy_j: Sum over groups, static power included.
        ops_per_s: Whole-model ops / latency.
        ops_per_j: Whole-model ops / energy.
        traffic_bytes: By level, sum over groups.
        traffic_read_bytes, traffic_write_bytes: Of them what leaves the level towards the inside, and what comes back.
        assumed_precision: Type that the model was converted to because the target lacks its own, or None.
        groups: In order of execution.
        decisions: Of the mapping and the evaluation.
        residents: What stays on chip between groups.
        explain: Works out what stands behind these figures.
        map: Works out the sum of the groups' mappings.
        account: Works out what the plan does, as arrays.
    """

    fusion: str
    latency_s: float | None
    energy_j: float | None
    ops_per_s: float | None
    ops_per_j: float | None
    traffic_bytes: Mapping[str, float]
    assumed_precision: str | None
    groups: Sequence[GroupResult]
    decisions: Sequence[Decision]
    traffic_read_bytes: Mapping[str, float] = field(default_factory=dict)
    traffic_write_bytes: Mapping[str, float] = field(default_factory=dict)
    residents: Sequence[Resident] = ()
    explain: Callable[[], Explanation] = _unexplained
    map: Callable[[], MappedResult] = _unmapped
    account: Callable[[], Ledger | None] = _unaccounted

    @property
    def intensity_ops_per_byte(self) -> dict[str, float | None]:
        """Operations / traffic of the whole plan by level, no mean of intensities; None where either is unknown."""
        is_known = self.ops_per_s is not None and self.latency_s is not None
        ops = (self.ops_per_s or 0.0) * (self.latency_s or 0.0)
        return {name: ops / moved if is_known and moved else None for name, moved in self.traffic_bytes.items()}

    @property
    def waterfall_s(self) -> Mapping[str, float]:
        """Sums of the groups' parts; {} where the latency is unknown."""
        return self.explain().waterfall_s

    @property
    def regime(self) -> Regime:
        """That of most of the time, and sums over the groups."""
        return self.explain().regime

    @property
    def efficiency(self) -> Efficiency:
        """What the plan attains beside the roof of its mix of engines."""
        return self.explain().efficiency

    @property
    def latency_estimated_s(self) -> float | None:
        """What of the latency rests on estimates, on memory or on defaults, see `provenance`."""
        return self.explain().latency_estimated_s

    @property
    def energy_estimated_j(self) -> float | None:
        """What of the energy does."""
        return self.explain().energy_estimated_j

    @property
    def expected_latency_s(self) -> float | None:
        """With the target's measured efficiencies, None where it has none."""
        return self.explain().expected_latency_s

    @property
    def peak_footprint_bytes(self) -> Mapping[str, float]:
        """By level, largest of the groups, what stays there while a group runs among it."""
        return self.explain().peak_footprint_bytes

    @property
    def resident_bytes(self) -> Mapping[str, float]:
        """By level inside the outermost, the most that stays there between groups, of one instance."""
        return self.explain().resident_bytes

    @property
    def resident_saved_bytes(self) -> Mapping[str, float]:
        """By level, traffic that is saved by what stays further inside."""
        return self.explain().resident_saved_bytes

    @property
    def layout_bytes(self) -> Mapping[str, float]:
        """By level, what of the traffic is there for the layout alone that the target wants."""
        return self.explain().layout_bytes

    @property
    def ledger(self) -> Ledger | None:
        """What the plan does, as arrays that other numbers can price; None where nobody made it."""
        return self.account()

    @property
    def mapped(self) -> MappedResult:
        """Sum over groups of one mapping each."""
        return self.map()


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetResult:
    """One model on one target.

    Attributes:
        target: The target itself.
        levels: Outermost first.
        peak_ops_per_s: Peak of the engine and type that the model's MACs (or else its vector work) run on.
        peak_engine: Name of that engine, "" where unknown.
        peak_type: Name of that type, "" where unknown.
        energy_j_per_op: At that peak, None where unknown.
        fits: Whether weights and peak activations fit the levels that must hold them; None where that is not known.
        memory_needed_bytes: Weights + peak activations; None where a shape is not known.
        floor_latency_s: What no plan can beat.
        floor_energy_j: What no plan can beat.
        floor_latency_estimated_s: What of it rests on estimates, on memory or on defaults.
        floor_energy_estimated_j: What of it does.
        fit: By how much it fits, level by level; None where nobody asked.
        offload: What runs on the host, and what crosses the link to it; None where the study did not look.
        divided_latency_s: The least time of a run that is divided so between device and host, without what the host
            computes; None where unknown or nobody looked.
        floor_bound: What sets the latency floor, as `time_bound`.
        unknown: Keys of the target that are not known and matter here, e.g. `memory[dram].energy`.
        estimated: Keys that rest on sources of kind estimate, recalled or default.
        sources: Sources of the numbers that were used.
        best_plan: Fusion name of the plan that is least in the objective.
        plans: One a policy.
        sense: Works out how much each number of the target matters to the best plan.
        doubt: Works out how far its figures and the floors may be off.
    """

    target: Target
    levels: tuple[LevelResult, ...]
    peak_ops_per_s: float | None
    peak_engine: str
    peak_type: str
    energy_j_per_op: float | None
    fits: bool | None
    memory_needed_bytes: int | None
    floor_latency_s: float | None
    floor_energy_j: float | None
    floor_bound: str
    unknown: tuple[str, ...]
    estimated: tuple[str, ...]
    sources: tuple[Source, ...]
    best_plan: str
    plans: tuple[PlanResult, ...] = field(default=())
    floor_latency_estimated_s: float | None = None
    floor_energy_estimated_j: float | None = None
    fit: Fit | None = None
    offload: Offload | None = None
    divided_latency_s: float | None = None
    sense: Callable[[], tuple[Elasticity, ...]] = tuple
    doubt: Callable[[], Ranges | None] = _undoubted

    @property
    def ranges(self) -> Ranges | None:
        """How far figures may be off that rest on uncertain numbers: worked out at the first look; None if nobody can.

        A range whose ends are the same rests on none.
        """
        return self.doubt()

    @property
    def sensitivity(self) -> tuple[Elasticity, ...]:
        """Elasticities of the best plan to the numbers of the target: worked out at the first look."""
        return self.sense()

    @property
    def link_s(self) -> float | None:
        """The least time of what crosses the link to the host, both directions at once; None where it is not known."""
        return None if self.offload is None else link_time_s(self.offload, self.target)

    @property
    def peak_ops_per_j(self) -> float | None:
        """Efficiency of compute alone, 1 / energy per operation."""
        return 1 / self.energy_j_per_op if self.energy_j_per_op else None

    @property
    def area_mm2(self) -> float | None:
        """Area of the chip, None where unknown."""
        return None if self.target.area is None else self.target.area.value * 1e6

    def plan(self, fusion: str) -> PlanResult:
        """The plan of a policy; raises `KeyError` where that policy was not planned."""
        for plan in self.plans:
            if plan.fusion == fusion:
                return plan
        raise KeyError(fusion)

    @property
    def best(self) -> PlanResult:
        """The plan that `best_plan` names."""
        return self.plan(self.best_plan)
