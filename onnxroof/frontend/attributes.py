"""What a node's attributes say: with its schema's defaults, and with references to a function's attributes resolved."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from typing import Any

from onnxroof.dtypes import DType
from onnxroof.frontend import proto
from onnxroof.frontend.defaults import attribute_defaults
from onnxroof.frontend.proto import attribute_value
from onnxroof.frontend.types import UNKNOWN_TYPE, ValueType, contents_of, most_value_elements
from onnxroof.ir.contents import Contents
from onnxroof.ir.op import Attributes

__all__ = ["attributes_of", "constant_content", "resolved"]


def resolved(node: proto.NodeProto, actual: Mapping[str, proto.AttributeProto]) -> proto.NodeProto:
    """The node with references to the function's attributes replaced by those of the call.

    A reference to an attribute that neither the call nor the function's defaults state is left out.
    """
    if not any(attribute.ref_attr_name for attribute in node.attribute):
        return node
    copy = deepcopy(node)
    del copy.attribute[:]
    for attribute in node.attribute:
        if not attribute.ref_attr_name:
            copy.attribute.append(attribute)
        elif attribute.ref_attr_name in actual:
            stated = copy.attribute.add()
            stated.CopyFrom(actual[attribute.ref_attr_name])
            stated.name = attribute.name
    return copy


def constant_content(node: proto.NodeProto) -> tuple[ValueType, Contents | None]:
    """Type and, where they are small numbers, elements of a Constant in any of its forms."""
    for attribute in node.attribute:
        if attribute.name == "value":
            tensor = attribute.t
            shape = tuple(tensor.dims) if min(tensor.dims, default=0) >= 0 else None
            return ValueType(DType.from_number(tensor.data_type), shape), contents_of(tensor)
        if attribute.name == "sparse_value":
            sparse = attribute.sparse_tensor
            shape = tuple(sparse.dims) if min(sparse.dims, default=0) >= 0 else None
            return ValueType(DType.from_number(sparse.values.data_type), shape), None
        if attribute.name in _CONSTANT_FORMS:
            dtype, form = _CONSTANT_FORMS[attribute.name]
            if dtype is DType.STRING:
                count = 1 if attribute.name == "value_string" else len(attribute.strings)
                return ValueType(dtype, () if attribute.name == "value_string" else (count,)), None
            is_list = form in ("floats", "ints")
            elements = tuple(getattr(attribute, form)) if is_list else (getattr(attribute, form),)
            shape = (len(elements),) if is_list else ()
            is_small = len(elements) <= most_value_elements(dtype)
            return ValueType(dtype, shape), Contents(dtype, shape, elements) if is_small else None
    return UNKNOWN_TYPE, None


_CONSTANT_FORMS: Mapping[str, tuple[DType, str]] = {
    "value_float": (DType.FLOAT, "f"),
    "value_floats": (DType.FLOAT, "floats"),
    "value_int": (DType.INT64, "i"),
    "value_ints": (DType.INT64, "ints"),
    "value_string": (DType.STRING, "s"),
    "value_strings": (DType.STRING, "strings"),
}


def attributes_of(node: proto.NodeProto, version: int) -> Attributes:
    """The node's attributes with the schema's defaults; graphs are lowered elsewhere and left out."""
    values: dict[str, Any] = dict(attribute_defaults(node.op_type, node.domain, version))
    for attribute in node.attribute:
        if attribute.type == proto.AttributeProto.TENSOR:
            values[attribute.name] = contents_of(attribute.t)
        elif (value := attribute_value(attribute)) is not None:
            values[attribute.name] = value
    return Attributes(values)
