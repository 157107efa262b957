"""How a type rule of a com.microsoft operator is written: what it sees of a node, and the table it is entered into."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from onnxroof.dtypes import DType
from onnxroof.frontend import proto
from onnxroof.frontend.agreement import ContradictionError
from onnxroof.frontend.broadcast import broadcast_shape
from onnxroof.frontend.defaults import contrib_defaults
from onnxroof.frontend.proto import attribute_value
from onnxroof.frontend.types import ValueType
from onnxroof.ir.contents import Contents

__all__ = ["RULES", "SIZED_BY_DATA", "ContribNode", "Rule", "Shape", "UnknownError", "rule"]

Shape = tuple[int, ...]


class UnknownError(Exception):
    """A rule needs a shape, a type or contents that are not known: the node's results then are not known either."""


@dataclass(frozen=True, slots=True, eq=False)
class ContribNode:
    """What a rule sees of one node. Whatever it asks for and is not known raises `UnknownError`.

    Attributes:
        node: With attribute references resolved.
        types: Of the inputs by position, None for one that is left out.
        values: Contents of small inputs where known.
    """

    node: proto.NodeProto
    types: Sequence[ValueType | None]
    values: Sequence[Contents | None]

    def has(self, index: int) -> bool:
        """Whether the optional input at a position is there."""
        return index < len(self.types) and self.types[index] is not None

    def type(self, index: int) -> ValueType:
        """Type of an input."""
        found = self.types[index] if index < len(self.types) else None
        if found is None:
            raise UnknownError
        return found

    def dtype(self, index: int) -> DType:
        """Element type of an input, UNDEFINED where it is not known."""
        return self.type(index).dtype

    def shape(self, index: int, rank: int | None = None) -> Shape:
        """Extents of an input, all known; of `rank` where one is given."""
        shape = self.type(index).shape
        if shape is None or (rank is not None and len(shape) != rank):
            raise UnknownError
        known = tuple(extent for extent in shape if extent is not None)
        if len(known) < len(shape):
            raise UnknownError
        return known

    def like(self, index: int, shape: Shape | None = None) -> ValueType:
        """The type of an input, with another shape where one is given."""
        return self.type(index) if shape is None else ValueType(self.dtype(index), shape)

    def integers(self, index: int) -> tuple[int, ...]:
        """Contents of an input of integers, flat."""
        self.type(index)
        value = self.values[index] if index < len(self.values) else None
        if value is None:
            raise UnknownError
        return value.integers

    def scalar(self, index: int) -> int:
        """The one element of an input of integers."""
        found = self.integers(index)
        if len(found) != 1:
            raise UnknownError
        return found[0]

    def attribute(self, name: str) -> Any:
        """An attribute or its default, None where there is neither; text as `str`."""
        for attribute in self.node.attribute:
            if attribute.name == name:
                value = attribute_value(attribute)
                return value.decode("utf-8", "replace") if isinstance(value, bytes) else value
        return contrib_defaults(self.node.domain, self.node.op_type).get(name)

    def integer(self, name: str, default: int | None = None) -> int:
        """An INT attribute; without a default it must be there."""
        value = self.attribute(name)
        if value is None:
            value = default
        if value is None:
            raise UnknownError
        return int(value)

    def as_standard(self, op_type: str, sources: Mapping[str, int], **attributes: Any) -> Shape:
        """Shape of output 0 of a standard operator on some of the inputs, which are taken as floats.

        Args:
            op_type: Of the standard operator, newest version.
            sources: Shapes by the operator's own input names in order: positions of this node's inputs.
            attributes: Win over those of this node; only those that the standard operator has are handed on.
        """
        return self.standard(op_type, {name: self.shape(index) for name, index in sources.items()}, **attributes)

    def standard(self, op_type: str, shapes: Mapping[str, Shape], **attributes: Any) -> Shape:
        """As `as_standard`, of operands with the given shapes."""
        from onnxroof.frontend.onnx_inference import standard_shape

        found = standard_shape(op_type, shapes, self.node.attribute, attributes)
        if found is None:
            raise UnknownError
        return ContribNode(self.node, [found], [None]).shape(0)

    def broadcast(self, *shapes: Shape) -> Shape:
        """The shape that others broadcast to."""
        found = broadcast_shape(shapes)
        if found is None:
            listed = " and ".join(str(list(shape)) for shape in shapes)
            raise ContradictionError(f"{listed} do not broadcast")
        return found


Rule = Callable[[ContribNode], tuple[ValueType, ...]]
RULES: dict[tuple[str, str], Rule] = {}
SIZED_BY_DATA: set[tuple[str, str]] = set()


def rule(*op_types: str, domain: str = "com.microsoft", is_bound: bool = False) -> Callable[[Rule], Rule]:
    """Enters a rule for operators; `is_bound` where a size depends on data and the rule gives its upper bound."""

    def register(found: Rule) -> Rule:
        for op_type in op_types:
            RULES[domain, op_type] = found
            if is_bound:
                SIZED_BY_DATA.add((domain, op_type))
        return found

    return register
