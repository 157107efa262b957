"""Output types of com.microsoft operators, for which the onnx package has no schemas.

Shapes follow ONNX Runtime's operator documentation (docs/ContribOperators.md of the runtime's repository), and are
tested against its runs and its own inference. The families are in modules beside this one.
"""

from __future__ import annotations

from collections.abc import Sequence

from onnxroof.frontend import (
    contrib_shapes_attention,
    contrib_shapes_dense,
    contrib_shapes_quantized,
    contrib_shapes_windows,
    proto,
)
from onnxroof.frontend.contrib_rules import RULES, SIZED_BY_DATA, ContribNode, UnknownError
from onnxroof.frontend.types import ValueType
from onnxroof.ir.contents import Contents

__all__ = ["contrib_note", "contrib_types"]

# Importing a family enters its rules.
_FAMILIES = (contrib_shapes_attention, contrib_shapes_dense, contrib_shapes_quantized, contrib_shapes_windows)

# ONNX Runtime's optimizer puts these into the standard domain.
_IN_STANDARD_DOMAIN = frozenset({"SimplifiedLayerNormalization"})


def contrib_types(
    node: proto.NodeProto, types: Sequence[ValueType | None], values: Sequence[Contents | None]
) -> tuple[ValueType, ...] | None:
    """Types of the outputs by position, None where no rule knows the operator or an input is not known.

    Raises:
        ContradictionError: The inputs' shapes do not go together.
    """
    domain = "com.microsoft" if not node.domain and node.op_type in _IN_STANDARD_DOMAIN else node.domain
    found = RULES.get((domain, node.op_type))
    if found is None:
        return None
    try:
        return found(ContribNode(node, types, values))[: len(node.output)]
    except (UnknownError, IndexError, ValueError, ZeroDivisionError):
        return None  # what is not known, or inputs, ranks or attributes that the operator does not have


def contrib_note(node: proto.NodeProto) -> str:
    """What is assumed of a size that depends on data, or ""."""
    if (node.domain, node.op_type) not in SIZED_BY_DATA:
        return ""
    return f"the size of the output of {node.op_type} depends on data and is taken at its upper bound"
