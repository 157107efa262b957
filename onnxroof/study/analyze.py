"""Runs a study: models counted, planned, and held against targets."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from onnxroof.costs.cost import Coverage
from onnxroof.costs.table import CostTable, cost_table
from onnxroof.dtypes import DType
from onnxroof.errors import OnnxroofError, TargetError, UsageError
from onnxroof.ir.op import Op, OpKind
from onnxroof.ir.workload import Workload
from onnxroof.mapping.planned import PlannedModel, planned
from onnxroof.mapping.policies import POLICIES
from onnxroof.mapping.policies import check as check_policy
from onnxroof.rewrites.precision import converted
from onnxroof.roofline.evaluate import evaluate
from onnxroof.roofline.rates import needed_conversion
from onnxroof.roofline.result import TargetResult
from onnxroof.study.load import load
from onnxroof.study.result import (
    Analysis,
    Failure,
    ModelResult,
    NodeResult,
    OutputInfo,
    Totals,
    Unresolved,
)

from onnxroof.targets.model import Target

__all__ = ["OBJECTIVES", "Progress", "run_study"]

OBJECTIVES = ("latency", "energy", "edp")

# Called with what is being worked on, how many steps are done, and how many there are.
Progress = Callable[[str, int, int], None]


def run_study(
    models: Sequence[str | Path | Workload],
    targets: Sequence[str | Target] | None,
    *,
    dims: Mapping[str, int] | None = None,
    fusion: str | None = None,
    objective: str = "latency",
    tf32: bool = True,
    copies_cache: bool = False,
    command: str = "",
    progress: Progress | None = None,
) -> Analysis:
    """Counts models and, with targets, evaluates each of them on each target.

    Args:
        models: Files or loaded workloads.
        targets: Ids, files or targets; None only counts.
        dims: Values of named dimensions for models that are loaded here.
        fusion: One policy, None for all that exist.
        objective: latency | energy | edp.
        tf32: Whether FLOAT contractions may use TF32.
        copies_cache: Whether an appended key/value cache is copied whole.
        command: The command line, for the report.
        progress: Told of each step.

    Returns:
        One entry a model; a model that cannot be read is a `Failure` in its place.

    Raises:
        TargetError: A target is not known or its file has faults (all of them at once).
        UsageError: A policy or objective does not exist, or no model has a dimension that was given.
    """
    if objective not in OBJECTIVES:
        raise UsageError.at(f"--objective {objective}", "no such objective", f"choose one of {', '.join(OBJECTIVES)}")
    if fusion is not None:
        check_policy(fusion)
    chosen = None if targets is None else _targets(targets)
    policies = () if chosen is None else tuple(POLICIES) if fusion is None else (fusion,)
    steps = len(models) * (1 + len(chosen or ()))
    done = 0
    entries: list[ModelResult | Failure] = []
    for source in models:
        name = source.name if isinstance(source, Workload) else Path(source).name
        if progress:
            progress(name, done, steps)
        try:
            workload = source if isinstance(source, Workload) else load(source, dims=dims)
        except OnnxroofError as error:
            entries.append(Failure(name=name, error=error))
            done += 1 + len(chosen or ())
            continue
        study = _ModelStudy(workload, policies, objective, tf32=tf32, copies_cache=copies_cache)
        done += 1
        results = []
        for target in chosen or ():
            if progress:
                progress(f"{name} on {target.id}", done, steps)
            results.append(study.on(target))
            done += 1
        entries.append(_model_result(study.base, tuple(results)))
    _check_dims(dims or {}, entries)
    return Analysis(
        models=tuple(entries), objective=objective, fusion=fusion, has_targets=chosen is not None, command=command
    )


class _ModelStudy:
    """One model with its plans, and with those of the precisions that some target forces on it."""

    def __init__(
        self, workload: Workload, policies: Sequence[str], objective: str, *, tf32: bool, copies_cache: bool
    ) -> None:
        self._policies = policies
        self._objective = objective
        self._tf32 = tf32
        self._copies_cache = copies_cache
        self._variants: dict[DType, PlannedModel] = {}
        self.base = self._planned(workload)

    def on(self, target: Target) -> TargetResult:
        """The model on a target, converted where the target lacks its types."""
        forced = needed_conversion(target, _work_types(self.base), tf32=self._tf32)
        if forced is not None and forced not in self._variants:
            self._variants[forced] = self._planned(converted(self.base.workload, forced))
        return evaluate(
            self.base if forced is None else self._variants[forced],
            target,
            objective=self._objective,
            assumed_precision=None if forced is None else forced.name,
            tf32=self._tf32,
        )

    def _planned(self, workload: Workload) -> PlannedModel:
        return planned(workload, cost_table(workload, copies_cache=self._copies_cache), self._policies)


def _work_types(model: PlannedModel) -> Iterator[tuple[str, DType]]:
    """Kinds and types of work that a model has."""
    for dtype, work in model.border.work.items():
        for kind, count in (("mac", work.macs), ("vector", work.vector_ops), ("special", work.special_ops)):
            if count:
                yield kind, DType[dtype]


def _targets(wanted: Sequence[str | Target]) -> tuple[Target, ...]:
    from onnxroof.targets.catalog import load_target  # counting needs no target files and no reader for them

    found, errors = [], []
    for target in wanted:
        try:
            found.append(target if isinstance(target, Target) else load_target(target))
        except TargetError as error:
            errors.append(error)
    if errors:
        raise TargetError(*OnnxroofError.joined(errors).diagnostics)
    return tuple(found)


def _check_dims(given: Mapping[str, int], entries: Sequence[ModelResult | Failure]) -> None:
    answered = [entry for entry in entries if isinstance(entry, ModelResult)]
    if len(answered) < len(entries):
        return  # the model that was not read may have it
    known = {dim.name for entry in answered for dim in entry.dims}
    for name, value in given.items():
        if name not in known:
            have = ", ".join(f"`{dim}`" for dim in sorted(known)) or "none: all are fixed in the file"
            raise UsageError.at(f"-d {name}={value}", f"no model has a dimension `{name}`", f"named dimensions: {have}")


def _model_result(model: PlannedModel, targets: tuple[TargetResult, ...]) -> ModelResult:
    workload, costs = model.workload, model.costs
    unresolved: list[Unresolved] = []
    not_modelled: list[Unresolved] = []
    shaped = 0
    nodes = []
    for index, (op, cost) in enumerate(zip(workload.ops, costs.costs, strict=True)):
        if cost.coverage is not Coverage.EXACT:
            entry = Unresolved(node=op.name, op_type=op.op_type, domain=op.domain, reason=cost.reason)
            (unresolved if cost.coverage is Coverage.UNKNOWN else not_modelled).append(entry)
        shaped += all(workload.tensors[name].is_shaped for name in op.outputs if name)
        nodes.append(_node(op, costs, index, workload))
    return ModelResult(
        name=workload.name,
        producer=workload.producer,
        ir_version=workload.ir_version,
        opsets=workload.opsets,
        dims=workload.dims,
        notes=workload.notes,
        nodes_total=len(workload.ops),
        nodes_costed=len(workload.ops) - len(unresolved),
        nodes_shaped=shaped,
        unresolved=tuple(unresolved),
        not_modelled=tuple(not_modelled),
        parameter_count=model.parameter_count,
        parameter_bytes=model.parameter_bytes,
        peak_activation_bytes=model.peak_activation_bytes,
        totals=_totals(nodes),
        nodes=tuple(nodes),
        targets=targets,
    )


def _node(op: Op, costs: CostTable, index: int, workload: Workload) -> NodeResult:
    cost = costs.costs[index]
    work = cost.work
    # Bytes of an operator without a rule are known only where all its shapes are.
    has_bytes = cost.kind is not OpKind.UNKNOWN or all(
        workload.tensors[name].is_shaped for name in (*op.inputs, *op.outputs) if name
    )
    return NodeResult(
        name=op.name,
        op_type=op.op_type,
        domain=op.domain,
        scope=op.scope,
        kind=cost.kind,
        repeat=op.repeat,
        macs=work.macs if work is not None else None,
        vector_ops=work.vector_ops if work is not None else None,
        special_ops=work.special_ops if work is not None else None,
        read_bytes=cost.read_bytes if has_bytes else None,
        weight_bytes=int(costs.weight_bytes[index]) if has_bytes else None,
        write_bytes=cost.write_bytes if has_bytes else None,
        compute_type=cost.compute_type.name if cost.kind is OpKind.COMPUTE else "",
        outputs=tuple(
            OutputInfo(name=name, dtype=workload.tensors[name].dtype.name, shape=workload.tensors[name].shape)
            for name in op.outputs
            if name
        ),
    )


def _totals(nodes: Sequence[NodeResult]) -> Totals:
    def total(parts: Iterator[tuple[int | None, int]]) -> int | None:
        result = 0
        for value, repeat in parts:
            if value is None:
                return None
            result += value * repeat
        return result

    return Totals(
        macs=total((n.macs, n.repeat) for n in nodes),
        vector_ops=total((n.vector_ops, n.repeat) for n in nodes),
        special_ops=total((n.special_ops, n.repeat) for n in nodes),
        read_bytes=total((n.read_bytes, n.repeat) for n in nodes),
        weight_bytes=total((n.weight_bytes, n.repeat) for n in nodes),
        write_bytes=total((n.write_bytes, n.repeat) for n in nodes),
    )
