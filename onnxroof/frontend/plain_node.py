"""How a rule for plain cases is written: what it sees of a node, how it declines, and the table it is entered into."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from onnxroof.dtypes import DType
from onnxroof.frontend import proto
from onnxroof.frontend.defaults import FROZEN_OPSET, Signature, signature
from onnxroof.frontend.proto import attribute_value
from onnxroof.frontend.types import ValueType
from onnxroof.ir.contents import Contents

__all__ = ["PLAIN_RULES", "DeclinedError", "PlainNode", "Shape", "need", "plain_node", "rule"]

Shape = tuple[int, ...]


class DeclinedError(Exception):
    """This is no plain case."""


@dataclass(frozen=True, slots=True, eq=False)
class PlainNode:
    """A node of the standard domain whose inputs all have complete types. What it is asked for and lacks declines.

    Attributes:
        node: The node.
        operator: What a node of its operator may have.
        types: Of the inputs by position, None for one that is left out.
        values: Contents of the inputs where known.
    """

    node: proto.NodeProto
    operator: Signature
    types: Sequence[ValueType | None]
    values: Sequence[Contents | None]

    @property
    def since(self) -> int:
        """The opset version that last changed the operator."""
        return self.operator.since

    def has(self, index: int) -> bool:
        """Whether the optional input at a position is there."""
        return index < len(self.types) and self.types[index] is not None

    def type(self, index: int = 0) -> ValueType:
        """Type of an input."""
        found = self.types[index] if index < len(self.types) else None
        need(found is not None)
        return found  # type: ignore[return-value]  # just seen

    def dtype(self, index: int = 0) -> DType:
        """Element type of an input."""
        return self.type(index).dtype

    def shape(self, index: int = 0) -> Shape:
        """Extents of an input."""
        return self.type(index).shape  # type: ignore[return-value]  # complete, as all types here

    def integers(self, index: int) -> Shape:
        """Contents of a list of integers."""
        found = self.values[index] if index < len(self.values) else None
        need(found is not None and len(found.shape) == 1 and found.dtype in (DType.INT64, DType.INT32))
        return found.integers  # type: ignore[union-attr]  # just seen

    def attribute(self, name: str) -> Any:
        """An attribute or its default, None where there is neither; text as `str`."""
        for attribute in self.node.attribute:
            if attribute.name == name:
                value = attribute_value(attribute)
                return value.decode("utf-8", "replace") if isinstance(value, bytes) else value
        return self.operator.defaults.get(name)

    def integer(self, name: str, default: int = 0) -> int:
        """An INT attribute."""
        value = self.attribute(name)
        return default if value is None else int(value)

    def axis(self, rank: int, default: int = 0) -> int:
        """The attribute `axis`, counted from the front."""
        return _axis(self.integer("axis", default), rank)

    def axes(self, rank: int, index: int = 1) -> Shape | None:
        """The attribute `axes`, or the input that later versions have instead; None where there is neither."""
        stated = self.integers(index) if self.has(index) else self.attribute("axes")
        if stated is None:
            return None
        found = tuple(_axis(axis, rank) for axis in stated)
        need(len(set(found)) == len(found))
        return found

    def same_dtype(self) -> DType:
        """The element type that all inputs have."""
        need(None not in self.types and len({kind.dtype for kind in self.types if kind is not None}) == 1)
        return self.dtype()


Rule = Callable[[PlainNode], tuple[ValueType, ...]]
PLAIN_RULES: dict[str, tuple[int, Rule]] = {}
"""By operator: the opset version from which a rule holds, and the rule."""


def plain_node(
    node: proto.NodeProto, version: int, types: Sequence[ValueType | None], values: Sequence[Contents | None]
) -> PlainNode | None:
    """The node, if it is as a version of the standard that is known here allows, and all its operands have types."""
    if node.domain or version > FROZEN_OPSET or not node.output or not all(node.output):
        return None
    if any(kind is not None and (kind.container or not kind.is_complete) for kind in types):
        return None
    operator = signature(node.op_type, version)
    if operator is None:
        return None
    has_counts = operator.inputs[0] <= len(types) <= operator.inputs[1] and len(node.output) <= operator.outputs[1]
    if not has_counts or any(operator.types.get(a.name) != a.type or a.ref_attr_name for a in node.attribute):
        return None
    return PlainNode(node, operator, types, values)


def need(is_plain: bool) -> None:
    """Declines unless a condition holds."""
    if not is_plain:
        raise DeclinedError


def _axis(axis: int, rank: int) -> int:
    need(-rank <= axis < rank)
    return axis % rank


def rule(*op_types: str, first: int = 1) -> Callable[[Rule], Rule]:
    """Enters a rule for operators, which holds from an opset version on."""

    def register(found: Rule) -> Rule:
        PLAIN_RULES.update(dict.fromkeys(op_types, (first, found)))
        return found

    return register
