"""Nodes that are alike: what a walk found of one holds for every other that says the same of the same inputs.

A model repeats its blocks, and a study walks a model under many dimensions. What follows of a node from its own text
and from what is known of its inputs depends on no name: so it is kept, and taken again wherever both are the same.
What a file declares, a run shows or a dimension is named for depends on names, and is never kept.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass

from onnxroof.dtypes import DType
from onnxroof.errors import ModelError
from onnxroof.frontend import proto
from onnxroof.frontend.attributes import attributes_of
from onnxroof.frontend.types import Known, ValueType, contents_of
from onnxroof.ir.op import Attributes, Op, OpKind
from onnxroof.ir.tensor import Tensor, TensorKind

__all__ = ["Alike", "Finding", "Stated"]

# Beyond so many the oldest are forgotten all at once: a study may ask for thousands of shapes of every node.
_MOST_FINDINGS = 200_000

Inputs = tuple[Known | None, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Stated:
    """What a node says that has no graphs in its attributes, read from its message once; fields are named as there.

    Attributes:
        node: The message, with references to a function's attributes resolved.
        name: As in the file.
        op_type: As in the file.
        domain: The standard one spelled "".
        input: Local names.
        output: Local names.
        structure: A number that nodes share which differ in names alone.
        place: A number of its own, -1 for a node that no later walk meets.
    """

    node: proto.NodeProto
    name: str
    op_type: str
    domain: str
    input: tuple[str, ...]
    output: tuple[str, ...]
    structure: int
    place: int


@dataclass(frozen=True, slots=True, eq=False)
class Finding:
    """What was found of a node.

    Attributes:
        known: Of each output.
        disposition: As `Op` has it.
    """

    known: tuple[Known, ...]
    disposition: OpKind | None


class Alike:
    """Findings of one model, by what nodes say and by the objects that stand for what is known of their inputs."""

    def __init__(self) -> None:
        self._structures: dict[Hashable, int] = {}
        self._lasting: dict[int, tuple[proto.NodeProto, Stated]] = {}
        self._ops: dict[int, Op] = {}
        self._tensors: dict[str, tuple[Known, Tensor]] = {}
        self._attributes: dict[tuple[int, int], Attributes] = {}
        self._findings: dict[tuple[int, int, Inputs], Finding] = {}
        self._values: dict[Hashable, Known] = {}

    def stated(self, node: proto.NodeProto, lasting: proto.NodeProto | None = None) -> Stated:
        """What a node says.

        Args:
            node: With references to a function's attributes resolved, without graphs in its attributes.
            lasting: The model's own message that stands for it and is met again in the next walk, if there is one.
        """
        attributes = b"".join(a.SerializeToString(deterministic=True) for a in node.attribute)
        inputs, outputs = tuple(node.input), tuple(node.output)
        key = (node.op_type, node.domain, bool(inputs), tuple(map(bool, outputs)), attributes)
        structure = self._structures.setdefault(key, len(self._structures))
        place = -1 if lasting is None else len(self._lasting)
        stated = Stated(node, node.name, node.op_type, node.domain, inputs, outputs, structure, place)
        if lasting is not None:
            self._lasting[id(lasting)] = lasting, stated  # as long as the message is held, its id is its own
        return stated

    def remembered(self, node: proto.NodeProto) -> Stated | None:
        """What was kept of a node."""
        entry = self._lasting.get(id(node))
        return None if entry is None else entry[1]

    def attributes(self, stated: Stated, version: int) -> Attributes:
        """A node's attributes with the defaults of an opset version."""
        key = (stated.structure, version)
        if key not in self._attributes:
            self._attributes[key] = attributes_of(stated.node, version)
        return self._attributes[key]

    def last_op(self, stated: Stated) -> Op | None:
        """The operator that a remembered node became in the last walk."""
        return self._ops.get(stated.place)

    def keep_op(self, stated: Stated, op: Op) -> None:
        """Keeps the operator that a node became, if the node is a remembered one."""
        if stated.place >= 0:
            self._ops[stated.place] = op

    def tensor(self, name: str, known: Known) -> Tensor:
        """A value as a tensor of the workload: the one of the last walk where the same is known of it."""
        last = self._tensors.get(name)
        if last is None or last[0] is not known:
            last = self._tensors[name] = known, known.tensor(name)
        return last[1]

    def found(self, structure: int, version: int, inputs: Inputs) -> Finding | None:
        """What is kept of a node, None where nothing is."""
        return self._findings.get((structure, version, inputs))

    def keep(self, structure: int, version: int, inputs: Inputs, finding: Finding) -> None:
        """Keeps what was found of a node."""
        if len(self._findings) >= _MOST_FINDINGS:
            self._findings.clear()
            self._values.clear()
        self._findings[structure, version, inputs] = finding

    def weights(self, graph: proto.GraphProto, path: str) -> Iterator[tuple[str, Known]]:
        """Names of a graph's initializers, and what is known of them; raises `ModelError` for negative extents."""
        for tensor in graph.initializer:
            kind = ValueType(DType.from_number(tensor.data_type), tuple(tensor.dims))
            _check_extents(path, tensor.name, tensor.dims)
            yield tensor.name, self.value(Known(kind, TensorKind.WEIGHT, contents_of(tensor)))
        for sparse in graph.sparse_initializer:
            kind = ValueType(DType.from_number(sparse.values.data_type), tuple(sparse.dims))
            _check_extents(path, sparse.values.name, sparse.dims)
            yield sparse.values.name, self.value(Known(kind, TensorKind.WEIGHT))

    def value(self, known: Known) -> Known:
        """One object for all values of which the same is known, so that their readers are alike too."""
        key = (
            known.type, known.kind, known.value, known.origin, known.is_output, known.depends_on_data,
            known.is_at_most, known.tops,
        )  # fmt: skip
        return self._values.setdefault(key, known)


def _check_extents(path: str, name: str, extents: Sequence[int]) -> None:
    if min(extents, default=0) < 0:
        raise ModelError.at(
            path, f"the extents of the initializer `{name}` are {list(extents)}",
            "none may be negative: the file is damaged, export it again", code="M103",
        )  # fmt: skip
