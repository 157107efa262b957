"""What a study hands to its readers: one entry a model, answered or failed. The JSON of the contract is made of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from onnxroof.errors import OnnxroofError
from onnxroof.ir.op import OpKind
from onnxroof.ir.workload import AS_IS, DimBinding

if TYPE_CHECKING:  # a count has no targets
    from onnxroof.mapping.placement import Placement
    from onnxroof.roofline.duty import Duty
    from onnxroof.roofline.result import TargetResult
    from onnxroof.study.formula import Formulas

__all__ = ["Analysis", "Failure", "ModelResult", "NodeResult", "OutputInfo", "Totals", "Unresolved"]


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputInfo:
    """An output of a node: name, type in ONNX spelling, shape (None where the rank is unknown)."""

    name: str
    dtype: str
    shape: tuple[int | None, ...] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeResult:
    """Counts of one node for one trip; None is unknown. `position` is that of `onnxroof.ir.op.Op`."""

    name: str
    op_type: str
    domain: str
    scope: str
    kind: OpKind
    repeat: int
    macs: int | None
    vector_ops: int | None
    special_ops: int | None
    read_bytes: int | None
    weight_bytes: int | None
    write_bytes: int | None
    compute_type: str
    outputs: tuple[OutputInfo, ...]
    position: int = -1


@dataclass(frozen=True, slots=True, kw_only=True)
class Unresolved:
    """A node whose cost is not known, and why."""

    node: str
    op_type: str
    domain: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """Sums over all nodes and trips; None as soon as one part is unknown."""

    macs: int | None
    vector_ops: int | None
    special_ops: int | None
    read_bytes: int | None
    weight_bytes: int | None
    write_bytes: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelResult:
    """One model, counted, and evaluated on the targets of the study (none for `count`).

    Attributes:
        name: File name.
        dims: Named dimensions with value and source.
        notes: Assumptions of the lowering in words (trip counts, branches ...).
        precision: Policy by which it was re-read as if exported in other formats, `AS_IS` for none.
        nodes_total, nodes_costed, nodes_shaped: Coverage counts.
        unresolved: Nodes whose cost is not known.
        not_modelled: Nodes that are not modelled for a stated reason (these count as known).
        parameter_count, parameter_bytes: Distinct weights that a node reads as data.
        peak_activation_bytes: Live activations over the order of execution; None where a shape is unknown.
        totals: Sums.
        nodes: In topological order.
        targets: In the order asked for.
        formulas: Counts as polynomials in the dimensions, where they were asked for.
        place: Works out what the model wants of on-chip memory; None without targets.
    """

    name: str
    producer: str
    ir_version: int
    opsets: Mapping[str, int]
    dims: tuple[DimBinding, ...]
    notes: tuple[str, ...]
    nodes_total: int
    nodes_costed: int
    nodes_shaped: int
    unresolved: tuple[Unresolved, ...]
    not_modelled: tuple[Unresolved, ...]
    parameter_count: int
    parameter_bytes: int
    peak_activation_bytes: int | None
    totals: Totals
    nodes: tuple[NodeResult, ...]
    targets: tuple[TargetResult, ...] = field(default=())
    precision: str = AS_IS
    formulas: Formulas | None = None
    place: Callable[[], Placement] | None = None

    @property
    def placement(self) -> Placement | None:
        """What the model wants of on-chip memory; None without targets."""
        return None if self.place is None else self.place()

    @property
    def coverage(self) -> float:
        """Nodes whose cost is known / nodes; 1.0 for a model without nodes."""
        return self.nodes_costed / self.nodes_total if self.nodes_total else 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """A model that could not be answered."""

    name: str
    error: OnnxroofError


@dataclass(frozen=True, kw_only=True, eq=False)
class Analysis:
    """A whole study.

    Attributes:
        models: One entry a model, in the order given.
        objective: latency | energy | edp.
        fusion: The policy asked for, None for all that exist.
        state: cold | steady: whether weights may stay on chip from run to run.
        has_sensitivity: Whether elasticities to the numbers of the targets were asked for.
        has_targets: Whether targets were asked for; `count` has none and its JSON has no `targets` key.
        command: The command line that reproduces it, or "".
        duty: How often the models run and what is paid for it, None where nobody said.
    """

    models: tuple[ModelResult | Failure, ...]
    objective: str = "latency"
    fusion: str | None = None
    state: str = "cold"
    has_targets: bool = True
    has_sensitivity: bool = False
    command: str = ""
    duty: Duty | None = None
