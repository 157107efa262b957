"""What is to be said of each node of a model's own graph: its counts and, on a target, the group that it runs in."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, TypeAlias

from onnxroof.ir.op import OpKind
from onnxroof.study.result import ModelResult, NodeResult

if TYPE_CHECKING:
    from onnxroof.roofline.result import GroupResult

__all__ = ["Figure", "model_figures", "node_figures"]

Figure: TypeAlias = "int | float | str | None"

_COUNTS = ("macs", "vector_ops", "special_ops", "read_bytes", "weight_bytes", "write_bytes")


def model_figures(model: ModelResult) -> dict[str, Figure]:
    """Under which dimensions, precision and plan the figures of the nodes are."""
    found: dict[str, Figure] = {
        "dims": ", ".join(f"{dim.name}={dim.value}" for dim in model.dims),
        "precision": model.precision,
    }
    for result in model.targets:
        found |= {"target": result.target.id, "latency_s": result.best.latency_s, "energy_j": result.best.energy_j}
        found |= {"fusion": result.best.fusion, "assumed_precision": result.best.assumed_precision or "none"}
    return found


def node_figures(model: ModelResult) -> dict[int, dict[str, Figure]]:
    """Figures of all trips by the position of a node; bodies of loops, branches and functions are summed at their node.

    None is unknown. With a target, `group` and what follows are of the whole group, which the node may share with
    others; `latency_s` and `energy_j` stand at the first node of each group alone, so that their sum is the plan's.
    """
    at: dict[int, list[NodeResult]] = {}
    for node in model.nodes:
        at.setdefault(node.position, []).append(node)
    found = {position: _counts(nodes) for position, nodes in at.items()}
    if not model.targets:
        return found
    groups = {name: group for group in model.targets[0].best.groups for name in group.nodes}
    for position, nodes in at.items():
        inside = list({groups[n.name].id: groups[n.name] for n in nodes if n.name in groups}.values())
        if inside:
            led = [group for group in inside if any(node.name == group.nodes[0] for node in nodes)]
            found[position] |= _group(inside, led)
    return found


def _counts(nodes: Sequence[NodeResult]) -> dict[str, Figure]:
    found: dict[str, Figure] = {}
    if len(nodes) == 1:
        found = {"kind": nodes[0].kind.value, "compute_type": nodes[0].compute_type, "repeat": nodes[0].repeat}
    else:
        types = dict.fromkeys(node.compute_type for node in nodes if node.compute_type)
        is_known = all(node.kind is not OpKind.UNKNOWN for node in nodes)
        found = {
            "kind": "several" if is_known else OpKind.UNKNOWN.value,
            "compute_type": ", ".join(types),
            "nodes": len(nodes),
        }
    counts = {key: _sum((getattr(node, key), node.repeat) for node in nodes) for key in _COUNTS}
    macs, vector, special = (counts[key] for key in _COUNTS[:3])
    ops = None if macs is None or vector is None or special is None else 2 * macs + vector + special
    return {**found, "ops": ops, **counts}


def _group(inside: Sequence[GroupResult], led: Sequence[GroupResult]) -> dict[str, Figure]:
    slowest = max(inside, key=lambda group: group.latency_s or 0.0)
    found: dict[str, Figure] = {
        "group": ", ".join(group.id for group in inside),
        "time_bound": slowest.time_bound or None,
        "energy_bound": slowest.energy_bound or None,
        "group_latency_s": _total(group.latency_s for group in inside),
        "group_energy_j": _total(group.energy_j for group in inside),
    }
    if led:
        found |= {
            "latency_s": _total(group.latency_s for group in led),
            "energy_j": _total(group.energy_j for group in led),
        }
    return found


def _sum(parts: Iterable[tuple[int | None, int]]) -> int | None:
    total = 0
    for value, repeat in parts:
        if value is None:
            return None
        total += value * repeat
    return total


def _total(values: Iterable[float | None]) -> float | None:
    total = 0.0
    for value in values:
        if value is None:
            return None
        total += value
    return total
