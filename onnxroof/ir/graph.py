"""The bipartite networkx graph of a workload: topology only, the payload is looked up in the workload."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from onnxroof.ir.op import Op, OpKind
from onnxroof.ir.tensor import Tensor

if TYPE_CHECKING:
    import networkx as nx

__all__ = ["dataflow_graph"]


def dataflow_graph(ops: Iterable[Op], tensors: Mapping[str, Tensor]) -> nx.DiGraph:
    """Operators and tensors as nodes, reads and writes as edges.

    Nodes are ("op", name) with attribute `op` and ("tensor", name) with attribute `tensor`. An edge carries
    `indices`, the positions at which the operator uses the tensor: `Mul(x, x)` reads one tensor at (0, 1).
    An absorbed quantize or dequantize stands alone. Scales and zero points that an operator took over from one follow
    its own inputs.
    """
    import networkx as nx

    graph: nx.DiGraph = nx.DiGraph()
    graph.add_nodes_from((("tensor", name), {"tensor": tensor}) for name, tensor in tensors.items())
    for op in ops:
        node = ("op", op.name)
        graph.add_node(node, op=op)
        if op.disposition is OpKind.ABSORBED:
            continue  # its neighbour reads and writes in its place
        reads: dict[str, list[int]] = {}
        for index, name in enumerate((*op.inputs, *op.parameters)):
            if name:
                reads.setdefault(name, []).append(index)
        for name, indices in reads.items():
            graph.add_edge(("tensor", name), node, indices=tuple(indices))
        for index, name in enumerate(op.outputs):
            if name:
                graph.add_edge(node, ("tensor", name), indices=(index,))
    return graph
