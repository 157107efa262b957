"""The messages of an ONNX file, without the onnx package: reading a file needs its format alone, not its operators.

The classes are protobuf's own, made of the file format's definition as the onnx package states it
(`onnx_messages.binpb`, frozen by `python -m tests.oracles.onnx_tables`), in a pool of their own. They have the fields
of onnx's classes and the same bytes, and are not the same classes: what goes to onnx goes as bytes.
Fields of a later definition are kept as unknown ones and come out again.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from onnx import (
        AttributeProto,
        FunctionProto,
        GraphProto,
        ModelProto,
        NodeProto,
        TensorProto,
        TensorShapeProto,
        TypeProto,
        ValueInfoProto,
    )
else:
    from google.protobuf.descriptor_pool import DescriptorPool
    from google.protobuf.message_factory import GetMessageClass

    _pool = DescriptorPool()
    _pool.AddSerializedFile(Path(__file__).with_name("onnx_messages.binpb").read_bytes())

    def _message(name: str) -> type:
        return GetMessageClass(_pool.FindMessageTypeByName(f"onnx.{name}"))

    AttributeProto = _message("AttributeProto")
    FunctionProto = _message("FunctionProto")
    GraphProto = _message("GraphProto")
    ModelProto = _message("ModelProto")
    NodeProto = _message("NodeProto")
    TensorProto = _message("TensorProto")
    TensorShapeProto = _message("TensorShapeProto")
    TypeProto = _message("TypeProto")
    ValueInfoProto = _message("ValueInfoProto")

__all__ = [
    "AttributeProto",
    "FunctionProto",
    "GraphProto",
    "ModelProto",
    "NodeProto",
    "TensorProto",
    "TensorShapeProto",
    "TypeProto",
    "ValueInfoProto",
    "attribute_value",
]

# The field of an attribute that holds numbers or text, by the attribute's type.
_FIELDS: Mapping[int, str] = {
    AttributeProto.FLOAT: "f",
    AttributeProto.INT: "i",
    AttributeProto.STRING: "s",
    AttributeProto.FLOATS: "floats",
    AttributeProto.INTS: "ints",
    AttributeProto.STRINGS: "strings",
}
_LISTS = frozenset({"floats", "ints", "strings"})


def attribute_value(attribute: AttributeProto) -> Any:
    """A number, text (as bytes) or a list of them; None for an attribute of another type."""
    field = _FIELDS.get(attribute.type)
    if field is None:
        return None
    value = getattr(attribute, field)
    return list(value) if field in _LISTS else value
