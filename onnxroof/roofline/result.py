"""What an evaluation says: times, energies and bounds of groups, plans and targets.

Every figure is in SI units. None is unknown and is contagious: a sum with an unknown part is unknown.
Mappings by level name list the levels outermost first.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from onnxroof.mapping.nested import LevelTile
from onnxroof.mapping.plan import Decision
from onnxroof.targets.model import Source, Target

__all__ = ["GroupResult", "LevelResult", "MappedResult", "PlanResult", "Resident", "TargetResult"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LevelResult:
    """A memory level with its ridge points, at the peak of the model's dominant compute type.

    Attributes:
        name: Of the level.
        capacity_bytes: Of one instance.
        instances: How many there are.
        bandwidth_bytes_per_s: Of one instance in both directions: the shared port, or the sum of read and write.
        energy_j_per_byte: Mean of read and write.
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
        traffic_bytes: Bytes that each level exchanges with the level inside it.
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
    recomputed_ops: float = 0.0
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
        peak_footprint_bytes: By level, largest of the groups, what stays there while a group runs among it.
        resident_bytes: By level inside the outermost, the most that stays there between groups, of one instance.
        resident_saved_bytes: By level, traffic that is saved by what stays further inside.
        assumed_precision: Type that the model was converted to because the target lacks its own, or None.
        expected_latency_s: With the target's measured efficiencies, None where it has none.
        groups: In order of execution.
        decisions: Of the mapping and the evaluation.
        residents: What stays on chip between groups.
        map: Works out the sum of the groups' mappings.
    """

    fusion: str
    latency_s: float | None
    energy_j: float | None
    ops_per_s: float | None
    ops_per_j: float | None
    traffic_bytes: Mapping[str, float]
    peak_footprint_bytes: Mapping[str, float]
    resident_bytes: Mapping[str, float]
    resident_saved_bytes: Mapping[str, float]
    assumed_precision: str | None
    expected_latency_s: float | None
    groups: Sequence[GroupResult]
    decisions: tuple[Decision, ...]
    residents: tuple[Resident, ...] = ()
    map: Callable[[], MappedResult] = _unmapped

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
        fits: Whether weights and peak activations fit the outermost level; None where that is not known.
        memory_needed_bytes: Weights + peak activations; None where a shape is not known.
        floor_latency_s: What no plan can beat.
        floor_energy_j: What no plan can beat.
        floor_bound: What sets the latency floor, as `time_bound`.
        unknown: Keys of the target that are not known and matter here, e.g. `memory[dram].energy`.
        estimated: Keys that rest on sources of kind estimate, recalled or default.
        sources: Sources of the numbers that were used.
        best_plan: Fusion name of the plan that is least in the objective.
        plans: One a policy.
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
