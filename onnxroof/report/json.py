"""The result as JSON, `schema_version` "1": a contract that scripts of users depend on.

Keys are added, never renamed. Unknown is null, never 0; a number that is not finite is unknown.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from typing import TYPE_CHECKING

from onnxroof import __version__
from onnxroof.report.ceilings import ceilings
from onnxroof.report.conventions import CONVENTIONS
from onnxroof.report.document import Document, Json, number, numbers
from onnxroof.report.duty import duty_document, given_document
from onnxroof.report.estimates import share
from onnxroof.report.explanations import (
    group_explanation,
    plan_explanation,
    sensitivity_document,
    target_explanation,
)
from onnxroof.report.fit import fit_document, ranking_document
from onnxroof.report.offload import offload_document
from onnxroof.report.plans import in_reach, is_work_known, over_fastest
from onnxroof.study.result import Analysis, Failure, ModelResult, NodeResult, Totals, Unresolved

if TYPE_CHECKING:  # a count must not wait for what stands behind targets
    from onnxroof.mapping.placement import Placement
    from onnxroof.mapping.plan import Decision
    from onnxroof.roofline.result import GroupResult, LevelResult, MappedResult, PlanResult, TargetResult
    from onnxroof.study.formula import Formula, Formulas
    from onnxroof.targets.model import Source

__all__ = [
    "SCHEMA_VERSION",
    "decision_document",
    "envelope",
    "failure_document",
    "group_document",
    "model_document",
    "placement_document",
    "plan_document",
    "target_document",
    "text_of",
    "to_json",
]

SCHEMA_VERSION = "1"

# Lists whose entries are written on one line each: they are many, and a line a record is what `grep` and `diff` like.
_RECORDS = frozenset(
    {
        "nodes",
        "groups",
        "decisions",
        "levels",
        "sources",
        "unresolved",
        "not_modelled",
        "terms",
        "ceilings",
        "levers",
        "sensitivity",
        "residents",
    }
)

_encode = json.JSONEncoder(allow_nan=False).encode


def to_json(analysis: Analysis) -> str:
    """The whole analysis as JSON text, ASCII, one line a record (node, group, decision ...), ending in a newline."""
    models: list[Json] = [
        failure_document(entry) if isinstance(entry, Failure) else _whole_model(entry, analysis)
        for entry in analysis.models
    ]
    return text_of(envelope(analysis, models))


def text_of(document: Document) -> str:
    """A document as JSON text, ASCII, one line a record, ending in a newline."""
    return _written(document, "") + "\n"


def envelope(analysis: Analysis, models: list[Json]) -> Document:
    """What stands around the models."""
    return {
        "schema_version": SCHEMA_VERSION,
        "tool": {"name": "onnxroof", "version": __version__},
        "conventions": dict(CONVENTIONS),
        "objective": analysis.objective,
        "fusion": analysis.fusion,
        "state": analysis.state,
        **({"duty": given_document(analysis.duty)} if analysis.duty is not None else {}),
        "models": models,
    }


def failure_document(failure: Failure) -> Document:
    """A model that could not be answered, in its place."""
    diagnostics: list[Json] = [
        {"code": fault.code, "where": fault.where, "message": fault.message, "hint": fault.hint}
        for fault in failure.error.diagnostics
    ]
    return {"name": failure.name, "error": {"message": str(failure.error), "diagnostics": diagnostics}}


def model_document(model: ModelResult) -> Document:
    """What is said of a model before its nodes and targets."""
    return {
        "name": model.name,
        "producer": model.producer,
        "ir_version": model.ir_version,
        "opsets": dict(model.opsets),
        "dims": {dim.name: {"value": dim.value, "source": dim.source} for dim in model.dims},
        "coverage": {
            "nodes": model.nodes_total,
            "costed": model.nodes_costed,
            "shaped": model.nodes_shaped,
            "fraction": model.coverage,
            "unresolved": [_unresolved(node) for node in model.unresolved],
            "not_modelled": [_unresolved(node) for node in model.not_modelled],
        },
        "parameters": {"count": model.parameter_count, "bytes": model.parameter_bytes},
        "peak_activation_bytes": model.peak_activation_bytes,
        "totals": _counts(model.totals),
        "notes": list(model.notes),
        "precision": model.precision,
    }


def target_document(result: TargetResult, plans: list[Json]) -> Document:
    """One target with the plans given."""
    return {
        "target": result.target.id,
        "name": result.target.name,
        "vendor": result.target.vendor,
        "class": result.target.klass,
        "levels": [_level(level) for level in result.levels],
        "fits": result.fits,
        "memory_needed_bytes": result.memory_needed_bytes,
        "fit": fit_document(result),
        "floor_latency_s": number(result.floor_latency_s),
        "floor_latency_estimated_share": share(result.floor_latency_estimated_s, result.floor_latency_s),
        "floor_energy_j": number(result.floor_energy_j),
        "floor_energy_estimated_share": share(result.floor_energy_estimated_j, result.floor_energy_j),
        "floor_bound": result.floor_bound,
        "host": offload_document(result),
        "peak_ops_per_s": number(result.peak_ops_per_s),
        "peak_engine": result.peak_engine,
        "peak_type": result.peak_type,
        "energy_j_per_op": number(result.energy_j_per_op),
        **target_explanation(result),
        "unknown": list(result.unknown),
        "estimated": list(result.estimated),
        "sources": [_source(source) for source in result.sources],
        "best_plan": result.best_plan,
        "compiler": compiler_document(result),
        "plans": plans,
    }


def compiler_document(result: TargetResult) -> Document:
    """The most that the target's own compiler is known to do, and how far that is from the fastest plan.

    `fusion` is the policy that it reaches, `plan` the fastest of the plans of the policies up to that one, and
    `latency_over_fastest` its time over that of the fastest of all plans; null is unknown.
    """
    plan = in_reach(result)
    return {
        "fusion": result.target.fusion,
        "fused_attention": result.target.fused_attention,
        "plan": plan.fusion if plan else None,
        "latency_over_fastest": number(over_fastest(result)),
    }


def plan_document(plan: PlanResult, result: TargetResult, *, is_whole: bool = True) -> Document:
    """The figures of a plan, without its groups and decisions; the nested mapping only where it is whole."""
    is_known = is_work_known(plan)
    return {
        "fusion": plan.fusion,
        "latency_s": number(plan.latency_s),
        "latency_estimated_share": share(plan.latency_estimated_s, plan.latency_s),
        "energy_j": number(plan.energy_j),
        "energy_estimated_share": share(plan.energy_estimated_j, plan.energy_j),
        "ops_per_s": number(plan.ops_per_s),
        "ops_per_j": number(plan.ops_per_j),
        **_traffic(plan, is_known=is_known),
        "intensity_ops_per_byte": numbers(plan.intensity_ops_per_byte),
        "peak_footprint_bytes": numbers(plan.peak_footprint_bytes),
        "resident_bytes": numbers(plan.resident_bytes),
        "resident_saved_bytes": numbers(plan.resident_saved_bytes),
        "layout_bytes": numbers(plan.layout_bytes),
        "assumed_precision": plan.assumed_precision,
        "expected_latency_s": number(plan.expected_latency_s),
        **plan_explanation(plan, result),
        **(_mapped(plan.mapped, is_known=is_known) if is_whole else {}),
    }


def _traffic(moving: PlanResult | GroupResult, *, is_known: bool) -> Document:
    """Bytes by level: null with an operator of unknown work, as it is not known either what that moves."""
    return {
        name: numbers(values if is_known else dict.fromkeys(values))
        for name, values in (
            ("traffic_bytes", moving.traffic_bytes),
            ("traffic_read_bytes", moving.traffic_read_bytes),
            ("traffic_write_bytes", moving.traffic_write_bytes),
        )
    }


def group_document(group: GroupResult, on_host: Collection[str] = (), *, is_whole: bool = True) -> Document:
    """One fusion group on its target; why its figures are what they are, and its mapping, only where it is whole.

    Args:
        group: The group.
        on_host: Names of the operators that would run on the host.
        is_whole: Whether all is wanted.
    """
    height, is_known = ceilings(group), group.ops is not None
    return {
        "id": group.id,
        "nodes": list(group.nodes),
        "op_types": list(group.op_types),
        "repeat": group.repeat,
        "macs": group.macs,
        "vector_ops": group.vector_ops,
        "special_ops": group.special_ops,
        "ops": group.ops,
        "latency_s": number(group.latency_s),
        "latency_estimated_share": share(group.latency_estimated_s, group.latency_s),
        "energy_j": number(group.energy_j),
        "energy_estimated_share": share(group.energy_estimated_j, group.energy_j),
        **_traffic(group, is_known=is_known),
        "layout_bytes": numbers(group.layout_bytes),
        "intensity_ops_per_byte": numbers(group.intensity_ops_per_byte),
        "compulsory_intensity_ops_per_byte": number(group.compulsory_intensity_ops_per_byte),
        "time_bound": group.time_bound,
        "energy_bound": group.energy_bound,
        "time_terms_s": numbers(group.time_terms_s) if is_known else {},
        "energy_terms_j": numbers(group.energy_terms_j),
        "spatial_utilization": number(group.spatial_utilization),
        "temporal_utilization": number(group.temporal_utilization),
        "peak_ops_per_s": height.peak_ops_per_s if height else None,
        "ceiling_ops_per_s": height.ceiling_ops_per_s if height else None,
        "footprint_bytes": numbers(group.footprint_bytes),
        "tile": dict(group.tile),
        "recomputed_ops": group.recomputed_ops,
        **(group_explanation(group, on_host) | _mapping(group.mapped, is_known=is_known) if is_whole else {}),
    }


def decision_document(decision: Decision) -> Document:
    """One choice with its reason."""
    return {
        "subject": decision.subject,
        "action": decision.action,
        "reason": decision.reason,
        "figures": numbers(decision.figures),
    }


def _mapped(mapped: MappedResult, *, is_known: bool) -> Document:
    return {
        "mapped_traffic_bytes": numbers(mapped.traffic_bytes if is_known else dict.fromkeys(mapped.traffic_bytes)),
        "mapped_latency_s": number(mapped.latency_s),
    }


def _mapping(mapped: MappedResult, *, is_known: bool) -> Document:
    levels: list[Json] = [
        {"level": level.level, "tile": dict(level.tile), "order": list(level.order), "spread": dict(level.spread)}
        for level in mapped.levels
    ]
    return {**_mapped(mapped, is_known=is_known), "mapping": levels}


def _whole_model(model: ModelResult, analysis: Analysis) -> Document:
    document = model_document(model)
    if model.formulas is not None:
        document["formulas"] = _formulas(model.formulas)
    document["nodes"] = [_node(node) for node in model.nodes]
    if analysis.has_targets:
        if model.placement is not None:
            document |= placement_document(model.placement)
        document["fit_ranking"] = ranking_document(model.targets)
        document["targets"] = [
            target_document(result, [_whole_plan(plan, result) for plan in result.plans])
            | ({"sensitivity": sensitivity_document(result)} if analysis.has_sensitivity else {})
            | ({"duty": duty_document(analysis.duty, result)} if analysis.duty is not None else {})
            for result in model.targets
        ]
    return document


def _whole_plan(plan: PlanResult, result: TargetResult) -> Document:
    document = plan_document(plan, result)
    from onnxroof.roofline.detachment import host_nodes

    on_host = host_nodes(result)
    document["groups"] = [group_document(group, on_host) for group in plan.groups]
    document["decisions"] = [decision_document(decision) for decision in plan.decisions]
    return document


def placement_document(placement: Placement) -> Document:
    """What a model wants of on-chip memory: bytes over capacity, and peaks of what is alive."""
    order, curve = placement.schedule, placement.curve
    nodes: list[Json] = [
        {"name": name, "capacity_bytes": list(part.capacity_bytes), "bytes": list(part.bytes)}
        for name, part in placement.nodes
    ]
    return {
        "reuse_curve": {
            "capacity_bytes": list(curve.capacity_bytes),
            "bytes": list(curve.bytes),
            "compulsory_bytes": placement.compulsory_bytes,
            "nodes": nodes,
        },
        "live_activations": None
        if order is None
        else {
            "separate_bytes": order.separate_bytes,
            "in_place_bytes": order.in_place_bytes,
            "least_bytes": order.least_bytes,
            "is_least": order.is_least,
            "bound_bytes": order.bound_bytes,
            "order": list(placement.order),
        },
    }


def _node(node: NodeResult) -> Document:
    outputs: list[Json] = [
        {"name": output.name, "dtype": output.dtype, "shape": None if output.shape is None else list(output.shape)}
        for output in node.outputs
    ]
    return {
        "name": node.name,
        "op_type": node.op_type,
        "domain": node.domain,
        "scope": node.scope,
        "kind": node.kind.value,
        "repeat": node.repeat,
        **_counts(node),
        "compute_type": node.compute_type,
        "outputs": outputs,
    }


def _formulas(formulas: Formulas) -> Document:
    """As JSON: coefficients are texts, since they may be fractions or larger than a double counts exactly."""
    return {
        "dims": [{"name": name, "tied": list(tied)} for name, tied in formulas.tied.items()],
        "without_effect": list(formulas.idle),
        "fixed": list(formulas.fixed),
        "bindings": formulas.bindings,
        **{quantity: _formula(formula) for quantity, formula in formulas.formulas.items()},
    }


def _formula(formula: Formula | None) -> Document | None:
    if formula is None:
        return None
    polynomial = formula.polynomial
    return {
        "text": str(polynomial),
        "terms": [
            {
                "coefficient": str(factor),
                "powers": {name: power for name, power in zip(polynomial.names, powers, strict=True) if power},
            }
            for powers, factor in polynomial.terms.items()
        ],
        "range": {
            name: {"least": span.least, "most": span.most, "step": span.step} for name, span in formula.spans.items()
        },
    }


def _counts(counts: NodeResult | Totals) -> Document:
    return {
        "macs": counts.macs,
        "vector_ops": counts.vector_ops,
        "special_ops": counts.special_ops,
        "read_bytes": counts.read_bytes,
        "weight_bytes": counts.weight_bytes,
        "write_bytes": counts.write_bytes,
    }


def _unresolved(node: Unresolved) -> Document:
    return {"node": node.node, "op_type": node.op_type, "domain": node.domain, "reason": node.reason}


def _level(level: LevelResult) -> Document:
    return {
        "name": level.name,
        "capacity_bytes": number(level.capacity_bytes),
        "instances": level.instances,
        "bandwidth_bytes_per_s": number(level.bandwidth_bytes_per_s),
        "energy_j_per_byte": number(level.energy_j_per_byte),
        "ridge_ops_per_byte": number(level.ridge_ops_per_byte),
        "energy_ridge_ops_per_byte": number(level.energy_ridge_ops_per_byte),
        "balance_gap": number(level.balance_gap),
    }


def _source(source: Source) -> Document:
    return {
        "key": source.key,
        "title": source.title,
        "kind": source.kind,
        "retrieved": source.retrieved.isoformat() if source.retrieved else None,
        "derived_from": source.derived_from,
    }


def _written(value: Json, indent: str, *, holds_records: bool = False) -> str:
    """A value, its containers open one blank deeper each, records on one line."""
    if not isinstance(value, dict | list) or not value:
        return _encode(value)
    inner = f"{indent} "
    if isinstance(value, dict):
        entries = (
            f"{_encode(key)}: {_written(item, inner, holds_records=key in _RECORDS)}" for key, item in value.items()
        )
        ends = "{}"
    else:
        entries = (_encode(item) if holds_records else _written(item, inner) for item in value)
        ends = "[]"
    return f"{ends[0]}\n{inner}" + f",\n{inner}".join(entries) + f"\n{indent}{ends[1]}"
