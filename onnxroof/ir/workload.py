"""A model with concrete shapes: operators in topological order, tensors by name, and the graph that joins them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from onnxroof.ir.graph import dataflow_graph
from onnxroof.ir.op import Op
from onnxroof.ir.tensor import Tensor

if TYPE_CHECKING:
    import networkx as nx

__all__ = ["AS_IS", "DimBinding", "Workload"]

AS_IS = "as-is"
"""The precision of a model that is taken in the types of its file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DimBinding:
    """The value of one named dimension and who said so: "given", "default", "model" or a "run"."""

    name: str
    value: int
    source: str


@dataclass(frozen=True, kw_only=True, eq=False)
class Workload:
    """Everything later stages know of a model. Immutable; no type of the onnx package in it.

    Attributes:
        name: The file's name without its folder.
        producer: "name version" of the exporter, or "".
        ir_version: Of the model file.
        opsets: Imported opset version by domain (the standard domain is "").
        dims: Named dimensions with their values.
        ops: Every node in topological order, constant and host nodes included.
        tensors: By name.
        inputs: Names of the model's inputs that are not initializers.
        outputs: Names of the model's outputs.
        notes: What the reader of a report should know of the lowering (trip counts assumed, branches chosen ...).
        precision: The policy under which it was re-read as if exported in other types; `AS_IS` for none.
    """

    name: str
    producer: str
    ir_version: int
    opsets: Mapping[str, int]
    dims: tuple[DimBinding, ...]
    ops: tuple[Op, ...]
    tensors: Mapping[str, Tensor]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    notes: tuple[str, ...] = field(default=())
    precision: str = AS_IS

    @cached_property
    def graph(self) -> nx.DiGraph:
        """The bipartite dataflow graph: nodes ("op", name) and ("tensor", name); see `onnxroof.ir.graph`."""
        return dataflow_graph(self.ops, self.tensors)
