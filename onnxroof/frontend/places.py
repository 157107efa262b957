"""Where in a model does a node stand? Names for a run by which its steps can be told apart.

A place is the way to a node: its position in the model's own graph, then for each body around it the attribute that
holds it and the position there (`3/body/5`), for each function the position in it (`7/2`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import onnx

from onnxroof.frontend.unfold import FunctionKey, function_key

__all__ = ["MARK", "Places", "mark_places"]

MARK = "onnxroof@"
"""What stands before the place in the name of a node."""


@dataclass(slots=True)
class Places:
    """Places of the nodes with bodies.

    Attributes:
        loops: Of each Loop.
        branches: Of each If.
        has_bodies: Whether there is a body or a call of a function at all.
    """

    loops: list[str] = field(default_factory=list)
    branches: list[str] = field(default_factory=list)
    has_bodies: bool = False


def mark_places(model: onnx.ModelProto) -> Places:
    """Names every node by its place, in place; each call gets a copy of its function, so that no two share a name.

    Bodies of loops and branches get a node more, which nobody reads: a body without a step would leave no trace.
    """
    found = Places()
    functions = {(f.domain, f.name, f.overload): f for f in model.functions}
    copies: list[onnx.FunctionProto] = []
    _mark(model.graph.node, "", functions, copies, found)
    del model.functions[:]
    model.functions.extend(copies)
    return found


def _mark(
    nodes: Sequence[onnx.NodeProto],
    prefix: str,
    functions: Mapping[FunctionKey, onnx.FunctionProto],
    copies: list[onnx.FunctionProto],
    found: Places,
) -> None:
    for index, node in enumerate(nodes):
        place = f"{prefix}{index}"
        node.name = f"{MARK}{place}"
        if node.domain in ("", "ai.onnx") and node.op_type in ("Loop", "If"):
            (found.loops if node.op_type == "Loop" else found.branches).append(place)
        for attribute in node.attribute:
            if attribute.HasField("g"):
                found.has_bodies = True
                _leave_trace(attribute.g, f"{MARK}{place}.{attribute.name}")
                if node.op_type == "Loop":
                    _want_all(node, len(attribute.g.output) - 1)
                _mark(attribute.g.node, f"{place}/{attribute.name}/", functions, copies, found)
        function = functions.get(function_key(node))
        if function is not None:
            found.has_bodies = True
            copy = onnx.FunctionProto()
            copy.CopyFrom(function)
            copy.name, copy.overload = f"{function.name}_{len(copies)}", ""
            copies.append(copy)
            node.op_type, node.overload = copy.name, ""
            _mark(copy.node, f"{place}/", functions, copies, found)


def _leave_trace(graph: onnx.GraphProto, name: str) -> None:
    """Appends a node that runs whenever the graph does."""
    constant = onnx.helper.make_node(
        "Constant", [], [name], value=onnx.helper.make_tensor("", onnx.TensorProto.INT64, [], [0])
    )
    graph.node.extend([constant, onnx.helper.make_node("Identity", [name], [f"{name}.trace"])])


def _want_all(loop: onnx.NodeProto, count: int) -> None:
    """Names the outputs that nobody wants: the runtime does not take a loop with fewer than its body has."""
    outputs = [*loop.output, *[""] * (count - len(loop.output))]
    loop.output[:] = [output or f"{loop.name}.unused.{place}" for place, output in enumerate(outputs)]
