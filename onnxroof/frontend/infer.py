"""Output types of one node, and its output values where its inputs are small and known.

Every symbolic dimension has its value before the walk starts, so one pass in topological order suffices. The plain
cases of common operators are answered here; all else is asked of the onnx package: its own inference of a single node
gives the types, its reference evaluator the values of shape arithmetic.
Both are memoised by structure: a block that is repeated eighty times is inferred once.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

from onnxroof.dtypes import DType
from onnxroof.frontend import proto
from onnxroof.frontend.ml_shapes import ml_types
from onnxroof.frontend.plain_types import plain_types
from onnxroof.frontend.plain_values import plain_value
from onnxroof.frontend.sequences import sequence_length, sequence_types
from onnxroof.frontend.standard_shapes import standard_types
from onnxroof.frontend.types import UNKNOWN_TYPE, ValueType, most_value_elements
from onnxroof.frontend.upper_bounds import upper_bounds
from onnxroof.ir.contents import Contents

__all__ = ["RANDOM", "Inference", "NodeValue"]

_Item = TypeVar("_Item")

# ONNX Runtime's own, of which the onnx package has no schemas.
CONTRIB_DOMAINS = frozenset({"com.microsoft", "com.microsoft.nchwc"})

# Their results differ from run to run, so they are never folded.
RANDOM = frozenset(
    {"RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike", "Bernoulli", "Multinomial"}
)


@dataclass(frozen=True, slots=True)
class NodeValue:
    """Inferred outputs of a node, by position.

    Attributes:
        types: One a declared output; "" outputs have one too.
        values: Contents where known.
        note: What was assumed of a size that depends on data, or "".
    """

    types: tuple[ValueType, ...]
    values: tuple[Contents | None, ...]
    note: str = ""


@dataclass(slots=True)
class Inference:
    """Infers nodes of one model; keeps what it has seen.

    Attributes:
        ir_version: Of the model.
    """

    ir_version: int
    _seen: dict[tuple[object, ...], NodeValue] = field(default_factory=dict)

    def node(
        self,
        node: proto.NodeProto,
        opsets: Mapping[str, int],
        types: Sequence[ValueType | None],
        values: Sequence[Contents | None],
    ) -> NodeValue:
        """Types and values of a node's outputs.

        Args:
            node: With attribute references resolved and without subgraphs.
            opsets: Imported versions by domain.
            types: Of the inputs by position, None for one that is left out.
            values: Contents of the inputs where known.

        Raises:
            ContradictionError: The inputs' shapes do not go together.
        """
        version = opsets.get(node.domain, 1)
        key = (
            node.op_type,
            node.domain,
            version,
            b"".join(a.SerializeToString(deterministic=True) for a in node.attribute),
            tuple(types),
            tuple(values),
            tuple(bool(name) for name in node.output),
        )
        if key not in self._seen:
            try:
                self._seen[key] = self._infer(node, version, opsets, types, values)
            except (IndexError, KeyError, TypeError, ValueError, ArithmeticError):
                # A file may hold a node with operands and attributes that its operator does not have: its outputs are
                # not known, and the node is unknown.
                count = len(node.output)
                self._seen[key] = NodeValue((UNKNOWN_TYPE,) * count, (None,) * count)
        return self._seen[key]

    def _infer(
        self,
        node: proto.NodeProto,
        version: int,
        opsets: Mapping[str, int],
        types: Sequence[ValueType | None],
        values: Sequence[Contents | None],
    ) -> NodeValue:
        count = len(node.output)
        if node.op_type == "Range" and not node.domain:
            # The standard asks for scalars, runtimes and exporters take one element of any rank for one.
            types, values = _as_scalars(types, values)
            if not _ends(values):  # ONNX Runtime refuses it; inference calls it empty
                return NodeValue((UNKNOWN_TYPE,) * count, (None,) * count)
        if node.domain in CONTRIB_DOMAINS:
            return _by_contrib_rule(node, types, values)
        plain = plain_types(node, version, types, values)
        if plain is not None:
            inferred = bounded = plain
        else:
            from onnxroof.frontend.onnx_inference import inferred_types, schema_of

            schema = schema_of(node.op_type, node.domain, version)
            if schema is None:
                return _by_contrib_rule(node, types, values)
            inferred = bounded = inferred_types(node, schema, opsets, types, values, self.ir_version)
            if any(not t.is_complete for t in inferred):
                inferred = _of_length(ml_types(node, types, inferred), count, UNKNOWN_TYPE)
                inferred = _of_length(standard_types(node, types, values, inferred), count, UNKNOWN_TYPE)
                bounded = _of_length(upper_bounds(node, types, values, inferred), count, UNKNOWN_TYPE)
            inferred = sequence_types(node, types, values, inferred)
            bounded = sequence_types(node, types, values, bounded)
        contents = _of_length(self._values(node, opsets, types, values, bounded), count, None)
        if bounded != inferred and all(content is None for content in contents):
            note = f"the size of the output of {node.op_type} depends on data and is taken at its upper bound"
            return NodeValue(bounded, contents, note=note)
        exact = tuple(
            kind if content is None else ValueType(kind.dtype, content.shape)
            for kind, content in zip(bounded, contents, strict=True)
        )
        return NodeValue(exact, contents)

    def _values(
        self,
        node: proto.NodeProto,
        opsets: Mapping[str, int],
        types: Sequence[ValueType | None],
        values: Sequence[Contents | None],
        inferred: tuple[ValueType, ...],
    ) -> tuple[Contents | None, ...]:
        nothing: tuple[Contents | None, ...] = (None,) * len(node.output)
        if node.op_type in ("Shape", "Size") and not node.domain:
            source = types[0] if types else None
            if source is None or not source.is_complete or source.shape is None:
                return nothing
            return (_shape_value(node, [extent or 0 for extent in source.shape]),)
        length = sequence_length(node, types)
        if length is not None:
            return (length,)
        if node.op_type in RANDOM or any(t is not None and v is None for t, v in zip(types, values, strict=True)):
            return nothing
        if any(not t.is_complete or _elements(t) > most_value_elements(t.dtype) for t in inferred):
            return nothing
        plain = plain_value(node, values, inferred)
        if plain is not None:
            return (plain,)
        from onnxroof.frontend.onnx_inference import evaluated

        return evaluated(node, opsets, types, values, self.ir_version) or nothing


def _of_length(items: Sequence[_Item], count: int, filler: _Item) -> tuple[_Item, ...]:
    """One item for each output that the node lists, which may be more or fewer than its operator has."""
    return tuple(items[i] if i < len(items) else filler for i in range(count))


def _by_contrib_rule(
    node: proto.NodeProto, types: Sequence[ValueType | None], values: Sequence[Contents | None]
) -> NodeValue:
    """What ONNX Runtime's operators give; of an operator that nobody knows, nothing."""
    from onnxroof.frontend.contrib_shapes import contrib_note, contrib_types

    count = len(node.output)
    found = contrib_types(node, types, values) or ()
    return NodeValue(_of_length(found, count, UNKNOWN_TYPE), (None,) * count, note=contrib_note(node) if found else "")


def _shape_value(node: proto.NodeProto, extents: list[int]) -> Contents:
    if node.op_type == "Size":
        return Contents(DType.INT64, (), (math.prod(extents),))
    attributes = {a.name: a.i for a in node.attribute}
    wanted = extents[attributes.get("start", 0) : attributes.get("end", len(extents))]
    return Contents(DType.INT64, (len(wanted),), tuple(wanted))


def _as_scalars(
    types: Sequence[ValueType | None], values: Sequence[Contents | None]
) -> tuple[list[ValueType | None], list[Contents | None]]:
    is_one = [t is not None and t.shape is not None and set(t.shape) == {1} for t in types]
    return (
        [replace(t, shape=()) if one and t is not None else t for t, one in zip(types, is_one, strict=True)],
        [replace(v, shape=()) if one and v is not None else v for v, one in zip(values, is_one, strict=True)],
    )


def _ends(bounds: Sequence[Contents | None]) -> bool:
    """Whether a range from one number to another in steps comes to an end, as far as the three are known."""
    numbers = [number for bound in bounds if bound is not None for number in bound.elements]
    step = bounds[2].elements if len(bounds) > 2 and bounds[2] is not None else ()
    return all(math.isfinite(number) for number in numbers if isinstance(number, float)) and 0 not in step


def _elements(value: ValueType) -> int:
    return math.prod(extent or 0 for extent in value.shape or ())
