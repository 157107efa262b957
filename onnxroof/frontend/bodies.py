"""Operators that the standard defines by simpler ones alone: which, and what does a node of theirs stand for?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from onnxroof.frontend import proto
from onnxroof.frontend.types import ValueType, type_to_proto

__all__ = ["BODIES", "standard_body"]

# Operators with graphs among their attributes, which no formula can count.
BODIES = frozenset({("", "SequenceMap"), ("ai.onnx.preview", "FlexAttention")})


def standard_body(
    node: proto.NodeProto, types: Sequence[ValueType | None], opsets: Mapping[str, int]
) -> proto.FunctionProto | None:
    """The function that a node stands for, of the standard's own making; None where it makes none of these inputs.

    Args:
        node: Of one of `BODIES`.
        types: Of its inputs by position, None for one that is left out.
        opsets: Imported versions by domain.
    """
    from onnx import defs

    try:
        schema = defs.get_schema(node.op_type, opsets.get(node.domain, 1), node.domain)
        inputs = [(type_to_proto(kind) if kind else proto.TypeProto()).SerializeToString() for kind in types]
        build = schema.get_context_dependent_function  # type: ignore[attr-defined]  # the stubs of onnx lack it
        body: bytes = build(node.SerializeToString(), inputs)
    except (defs.SchemaError, RuntimeError, ValueError):  # the last two: the builder refuses it
        return None
    function = proto.FunctionProto.FromString(body) if body else None
    if function is not None and not any(o.domain == "" for o in function.opset_import):
        # A body states the version of its own domain alone: its nodes are of the model's standard version.
        function.opset_import.add(domain="", version=opsets.get("", defs.onnx_opset_version()))
    return function
