"""What nodes does a file hold that a runtime wrote: which operators, and what do they read and make?

Of a model that is not to be analysed but held against the one that it was made of. Bodies are not looked into.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import onnx

from onnxroof.frontend.read import read_model

__all__ = ["RuntimeGraph", "RuntimeNode", "runtime_graph"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RuntimeNode:
    """A node as it stands in the file.

    Attributes:
        name, op_type, domain: As there, the standard domain spelled "".
        inputs, outputs: Names of tensors by position, "" where one is left out.
        activation: Type of the operator that was fused behind it and applies a function, "" for none.
    """

    name: str
    op_type: str
    domain: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    activation: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RuntimeGraph:
    """A graph as it stands in the file.

    Attributes:
        nodes: In the order of the file.
        given: Names that no node makes: inputs and weights.
        ranks: How many dimensions inputs have, of those that say so.
    """

    nodes: tuple[RuntimeNode, ...]
    given: frozenset[str]
    ranks: Mapping[str, int]


def runtime_graph(path: Path) -> RuntimeGraph:
    """The graph of a file; its weights are not read.

    Raises:
        ModelError: The file is missing, no ONNX model, truncated or damaged.
    """
    graph = read_model(path).graph
    nodes = tuple(
        RuntimeNode(
            name=node.name, op_type=node.op_type, domain="" if node.domain == "ai.onnx" else node.domain,
            inputs=tuple(node.input), outputs=tuple(node.output), activation=_activation(node),
        )
        for node in graph.node
    )  # fmt: skip
    given = {value.name for value in graph.input} | {tensor.name for tensor in graph.initializer}
    given |= {sparse.values.name for sparse in graph.sparse_initializer}
    ranks = {
        value.name: len(value.type.tensor_type.shape.dim)
        for value in graph.input
        if value.type.HasField("tensor_type") and value.type.tensor_type.HasField("shape")
    }
    return RuntimeGraph(nodes=nodes, given=frozenset(given), ranks=ranks)


def _activation(node: onnx.NodeProto) -> str:
    found = (attribute.s for attribute in node.attribute if attribute.name == "activation")
    return next(found, b"").decode("utf-8", "replace")
