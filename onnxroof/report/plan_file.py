"""Plans as a file for compilers: groups, their order and tiles, what stays on chip, and the reasons.

The format has its own version and page, `docs/plans.md`; `--groups` reads it back (`onnxroof.study.groups_file`). Keys
are added, never renamed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from onnxroof import __version__
from onnxroof.report.document import Document, Json
from onnxroof.report.json import decision_document, group_document, plan_document, text_of
from onnxroof.study.groups_file import PLAN_KIND, PLAN_VERSION, fingerprint
from onnxroof.study.result import Analysis, ModelResult

if TYPE_CHECKING:
    from onnxroof.roofline.result import GroupResult, PlanResult, Resident, TargetResult

__all__ = ["group_name", "to_plan_file"]

# Of a group and of a plan in the JSON of an analysis, what a compiler has no use for stays there.
_OF_GROUP = (
    "repeat", "latency_s", "energy_j", "traffic_bytes", "time_bound", "footprint_bytes", "recomputed_ops", "tile",
    "mapping",
)  # fmt: skip
_OF_PLAN = ("latency_s", "energy_j", "traffic_bytes", "peak_footprint_bytes", "resident_bytes", "assumed_precision")


def to_plan_file(analysis: Analysis) -> str:
    """Every plan of every model that was answered on every target, as JSON text."""
    plans: list[Json] = [
        _plan(model, result, plan)
        for model in analysis.models
        if isinstance(model, ModelResult)
        for result in model.targets
        for plan in result.plans
    ]
    return text_of(
        {
            "kind": PLAN_KIND,
            "schema_version": PLAN_VERSION,
            "tool": {"name": "onnxroof", "version": __version__},
            "objective": analysis.objective,
            "state": analysis.state,
            "plans": plans,
        }
    )


def group_name(group: GroupResult) -> str:
    """A name that only this group of a plan has, and that it keeps whatever happens to other groups."""
    return group.nodes[0] if len(group.nodes) == 1 else f"{group.nodes[0]} .. {group.nodes[-1]}"


def _plan(model: ModelResult, result: TargetResult, plan: PlanResult) -> Document:
    figures = plan_document(plan, result, is_whole=False)
    levels: list[Json] = [
        {"name": level.name, "capacity_bytes": level.capacity_bytes, "instances": level.instances}
        for level in result.levels
    ]
    home = {name: group_name(group) for group in plan.groups for name in group.nodes}
    return {
        "model": model.name,
        "fingerprint": fingerprint((node.name, node.op_type, node.domain) for node in model.nodes),
        "dims": {dim.name: dim.value for dim in model.dims},
        "precision": model.precision,
        "target": result.target.id,
        "fusion": plan.fusion,
        "is_best": plan.fusion == result.best_plan,
        **{key: figures[key] for key in _OF_PLAN},
        "levels": levels,
        "groups": [_group(group, number, result) for number, group in enumerate(plan.groups)],
        "residents": [_resident(resident, home) for resident in plan.residents],
        "decisions": [decision_document(decision) for decision in plan.decisions],
    }


def _group(group: GroupResult, number: int, result: TargetResult) -> Document:
    figures = group_document(group)
    return {
        "name": group_name(group),
        "order": number,
        "nodes": list(group.nodes),
        **{key: figures[key] for key in _OF_GROUP},
    }


def _resident(resident: Resident, home: dict[str, str]) -> Document:
    return {
        "tensor": resident.tensor,
        "kind": resident.kind,
        "level": resident.level,
        "bytes": resident.bytes,
        "from": home.get(resident.first),
        "to": home.get(resident.last),
    }
