"""Figures of nodes as a node-data file of Model Explorer (google-ai-edge), which colours its nodes by them.

The format is `ModelNodeData` of its `node_data_builder` (ai-edge-model-explorer 0.1.34): by the id of a graph, results
by the id of a node or the name of one of its outputs, and a gradient. The ids are those of its ONNX adapter
(model-explorer-onnx 0.4.2), which names a node that has no name `node`, one whose name is taken as that one, and counts
on from `_1` until a name is free (`NameFixPass` of onnx-ir). That adapter gives no names of outputs, others do.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

__all__ = ["node_data"]

_GRADIENT = ({"stop": 0, "bgColor": "#ffffff"}, {"stop": 0.2, "bgColor": "#fdd49e"}, {"stop": 1, "bgColor": "#d7301f"})


def node_data(
    graph: str,
    nodes: Sequence[tuple[str, str]],
    values: Mapping[int, int | float | str | None],
    *,
    is_numbered: bool = True,
) -> str:
    """The file's text, one node a line.

    Args:
        graph: Name of the graph.
        nodes: Name and first output by position. A node whose name is empty or not its own goes by its output too.
        values: By position; what is unknown is left out, as the format has no word for it.
        is_numbered: Whether the adapter's numbers of nodes without names are known: it counts those of bodies along.
    """
    counts = Counter(name for name, _ in nodes)
    results: dict[str, dict[str, Any]] = {}
    for position, ((name, output), known) in enumerate(zip(nodes, _ids(nodes), strict=True)):
        value = values.get(position)
        if value is None:
            continue
        is_own = bool(name) and counts[name] == 1
        if is_own or is_numbered:
            results[known] = {"value": value}
        if not is_own and output:
            results.setdefault(output, {"value": value})
    data: dict[str, Any] = {"results": results}
    if any(not isinstance(value["value"], str) for value in results.values()):
        data["gradient"] = _GRADIENT
    return json.dumps({graph: data}, indent=1) + "\n"


def _ids(nodes: Sequence[tuple[str, str]]) -> list[str]:
    """What the adapter calls each node."""
    found: dict[str, None] = {}
    counts: Counter[str] = Counter()
    for name, _ in nodes:
        known = wanted = name or "node"
        while known in found:
            counts[wanted] += 1
            known = f"{wanted}_{counts[wanted]}"
        found[known] = None
    return list(found)
