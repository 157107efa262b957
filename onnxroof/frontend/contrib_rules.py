"""How a type rule of a com.microsoft operator is written: what it sees of a node, and the table it is entered into."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import checker, helper, shape_inference

from onnxroof.dtypes import DType
from onnxroof.frontend.agreement import ContradictionError
from onnxroof.frontend.types import ValueType, type_of_proto, type_to_proto

__all__ = ["RULES", "SIZED_BY_DATA", "ContribNode", "Rule", "Shape", "UnknownError", "contrib_defaults", "rule"]

Shape = tuple[int, ...]


class UnknownError(Exception):
    """A rule needs a shape, a type or contents that are not known: the node's results then are not known either."""


@cache
def _frozen_defaults() -> Mapping[str, Mapping[str, Mapping[str, Any]]]:
    """Attribute defaults by domain and operator, as ONNX Runtime's schemas state them."""
    text = resources.files("onnxroof.frontend").joinpath("contrib_defaults.json").read_text(encoding="utf-8")
    found: Mapping[str, Mapping[str, Mapping[str, Any]]] = json.loads(text)["operators"]
    return found


def contrib_defaults(domain: str, op_type: str) -> Mapping[str, Any]:
    """Values that the attributes of an operator take where a node leaves them out; empty for an unknown operator."""
    return _frozen_defaults().get(domain, {}).get(op_type, {})


@dataclass(frozen=True, slots=True, eq=False)
class ContribNode:
    """What a rule sees of one node. Whatever it asks for and is not known raises `UnknownError`.

    Attributes:
        node: With attribute references resolved.
        types: Of the inputs by position, None for one that is left out.
        values: Contents of small inputs where known.
    """

    node: onnx.NodeProto
    types: Sequence[ValueType | None]
    values: Sequence[npt.NDArray[Any] | None]

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
        return tuple(int(v) for v in value.ravel())

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
                value = helper.get_attribute_value(attribute)
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
        schema = onnx.defs.get_schema(op_type)
        probe = onnx.NodeProto(op_type=op_type, input=list(shapes), output=["y"])
        kept = [a for a in self.node.attribute if a.name in schema.attributes and a.name not in attributes]
        probe.attribute.extend(kept)
        probe.attribute.extend(helper.make_attribute(name, value) for name, value in attributes.items())
        known = {name: type_to_proto(ValueType(DType.FLOAT, shape)) for name, shape in shapes.items()}
        imports = [helper.make_opsetid("", schema.since_version)]
        try:
            found = shape_inference.infer_node_outputs(schema, probe, known, opset_imports=imports)
        except (shape_inference.InferenceError, checker.ValidationError) as error:
            raise UnknownError from error
        return ContribNode(probe, [type_of_proto(found["y"])], [None]).shape(0)

    def broadcast(self, *shapes: Shape) -> Shape:
        """The shape that others broadcast to."""
        try:
            return tuple(np.broadcast_shapes(*shapes))
        except ValueError as error:
            listed = " and ".join(str(list(shape)) for shape in shapes)
            raise ContradictionError(f"{listed} do not broadcast") from error


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
