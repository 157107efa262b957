"""Figures of nodes as a node-data file of Model Explorer (google-ai-edge), which colours its nodes by them.

The format is `ModelNodeData` of its `node_data_builder`: by the id of a graph, results by the id of a node or the name
of one of its outputs, and a gradient.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

__all__ = ["node_data"]

_GRADIENT = ({"stop": 0, "bgColor": "#ffffff"}, {"stop": 0.2, "bgColor": "#fdd49e"}, {"stop": 1, "bgColor": "#d7301f"})


def node_data(graph: str, nodes: Sequence[tuple[str, str]], values: Mapping[int, int | float | str | None]) -> str:
    """The file's text, one node a line.

    Args:
        graph: Name of the graph.
        nodes: Name and first output by position. A node whose name is empty or not its own goes by its output.
        values: By position; what is unknown is left out, as the format has no word for it.
    """
    names = [name for name, _ in nodes]
    once = {name for name in names if name and names.count(name) == 1}
    results = {
        name if name in once else output: {"value": values[position]}
        for position, (name, output) in enumerate(nodes)
        if values.get(position) is not None and (name in once or output)
    }
    data: dict[str, Any] = {"results": results}
    if any(not isinstance(value["value"], str) for value in results.values()):
        data["gradient"] = _GRADIENT
    return json.dumps({graph: data}, indent=1) + "\n"
