"""The result as one table for a spreadsheet: nodes for `count`, fusion groups of every plan for `analyze`."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, TypeAlias

from onnxroof.report.estimates import share
from onnxroof.report.numbers import exact
from onnxroof.report.words import shown
from onnxroof.study.result import Analysis, Failure, ModelResult, NodeResult

if TYPE_CHECKING:
    from onnxroof.roofline.result import GroupResult, PlanResult, TargetResult

__all__ = ["node_csv", "to_csv"]

_Value: TypeAlias = "str | int | float | None"

_NODE_COLUMNS: tuple[str, ...] = (
    *("node", "op_type", "domain", "scope", "kind", "repeat", "macs", "vector_ops", "special_ops"),
    *("read_bytes", "weight_bytes", "write_bytes", "compute_type"),
)
_GROUP_COLUMNS: tuple[str, ...] = (
    *("target", "fusion", "is_best_plan", "group", "nodes", "op_types", "repeat"),
    *("macs", "vector_ops", "special_ops", "ops", "latency_s", "energy_j", "time_bound", "energy_bound"),
    *("spatial_utilization", "temporal_utilization", "traffic_bytes", "intensity_ops_per_byte"),
    *("latency_estimated_share", "energy_estimated_share"),
)
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


def to_csv(analysis: Analysis) -> str:
    """The table with a heading row; unknown is empty.

    A model without an answer is one row with its fault in the last column, `error`. Figures by level are words like
    `dram=1024.0 sram=2048.0`, outermost first. A name that a spreadsheet would take for a formula gets an apostrophe
    before it.
    """
    if not analysis.has_targets:
        return node_csv(analysis)
    return _table(analysis, _GROUP_COLUMNS, _group_rows)


def node_csv(analysis: Analysis) -> str:
    """The nodes alone, whether there are targets or not; for the rest as `to_csv`."""
    return _table(analysis, _NODE_COLUMNS, lambda model: map(_node_row, model.nodes))


def _table(
    analysis: Analysis, columns: Sequence[str], rows_of: Callable[[ModelResult], Iterable[tuple[_Value, ...]]]
) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("model", *columns, "error"))
    for entry in analysis.models:
        if isinstance(entry, Failure):
            fault = " | ".join(str(entry.error).splitlines())
            writer.writerow([_safe(value) for value in (entry.name, *[None] * len(columns), fault)])
        else:
            writer.writerows([_safe(value) for value in (entry.name, *row, None)] for row in rows_of(entry))
    return text.getvalue()


def _node_row(node: NodeResult) -> tuple[_Value, ...]:
    counts = (node.macs, node.vector_ops, node.special_ops, node.read_bytes, node.weight_bytes, node.write_bytes)
    return (node.name, node.op_type, node.domain, node.scope, node.kind.value, node.repeat, *counts, node.compute_type)


def _group_rows(model: ModelResult) -> Iterable[tuple[_Value, ...]]:
    for result in model.targets:
        for plan in result.plans:
            for group in plan.groups:
                yield _group_row(result, plan, group)


def _group_row(result: TargetResult, plan: PlanResult, group: GroupResult) -> tuple[_Value, ...]:
    return (
        result.target.id,
        plan.fusion,
        "yes" if plan.fusion == result.best_plan else "no",
        group.id,
        " ".join(group.nodes),
        " ".join(group.op_types),
        group.repeat,
        group.macs,
        group.vector_ops,
        group.special_ops,
        group.ops,
        group.latency_s,
        group.energy_j,
        group.time_bound,
        group.energy_bound,
        group.spatial_utilization,
        group.temporal_utilization,
        _by_level(group.traffic_bytes if group.ops is not None else dict.fromkeys(group.traffic_bytes)),
        _by_level(group.intensity_ops_per_byte),
        share(group.latency_estimated_s, group.latency_s),
        share(group.energy_estimated_j, group.energy_j),
    )


def _by_level(values: Mapping[str, float] | Mapping[str, float | None]) -> str:
    return " ".join(f"{name}={'' if value is None else exact(value)}" for name, value in values.items())


def _safe(value: _Value) -> str:
    if value is None:
        return ""
    if not isinstance(value, str):
        return exact(value)
    text = shown(value)
    return f"'{text}" if text.startswith(_FORMULA_STARTS) else text
