"""What a node's attributes say: with its schema's defaults, and with references to a function's attributes resolved."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import defs, helper

from onnxroof.dtypes import DType
from onnxroof.frontend.contrib_rules import contrib_defaults
from onnxroof.frontend.types import UNKNOWN_TYPE, ValueType, array_of, most_value_elements
from onnxroof.ir.op import Attributes

__all__ = ["attributes_of", "constant_content", "resolved"]


def resolved(node: onnx.NodeProto, actual: Mapping[str, onnx.AttributeProto]) -> onnx.NodeProto:
    """The node with references to the function's attributes replaced by those of the call.

    A reference to an attribute that neither the call nor the function's defaults state is left out.
    """
    if not any(attribute.ref_attr_name for attribute in node.attribute):
        return node
    copy = onnx.NodeProto()
    copy.CopyFrom(node)
    del copy.attribute[:]
    for attribute in node.attribute:
        if not attribute.ref_attr_name:
            copy.attribute.append(attribute)
        elif attribute.ref_attr_name in actual:
            stated = copy.attribute.add()
            stated.CopyFrom(actual[attribute.ref_attr_name])
            stated.name = attribute.name
    return copy


def constant_content(node: onnx.NodeProto) -> tuple[ValueType, npt.NDArray[Any] | None]:
    """Type and, where they are small numbers, elements of a Constant in any of its forms."""
    for attribute in node.attribute:
        if attribute.name == "value":
            tensor = attribute.t
            return ValueType(DType.from_number(tensor.data_type), tuple(tensor.dims)), array_of(tensor)
        if attribute.name == "sparse_value":
            sparse = attribute.sparse_tensor
            return ValueType(DType.from_number(sparse.values.data_type), tuple(sparse.dims)), None
        if attribute.name in _CONSTANT_FORMS:
            dtype, element = _CONSTANT_FORMS[attribute.name]
            if element is None:
                count = 1 if attribute.name == "value_string" else len(attribute.strings)
                return ValueType(dtype, () if attribute.name == "value_string" else (count,)), None
            array = np.asarray(helper.get_attribute_value(attribute), dtype=element)
            return ValueType(dtype, array.shape), array if array.size <= most_value_elements(dtype) else None
    return UNKNOWN_TYPE, None


_CONSTANT_FORMS: Mapping[str, tuple[DType, type[np.generic] | None]] = {
    "value_float": (DType.FLOAT, np.float32),
    "value_floats": (DType.FLOAT, np.float32),
    "value_int": (DType.INT64, np.int64),
    "value_ints": (DType.INT64, np.int64),
    "value_string": (DType.STRING, None),
    "value_strings": (DType.STRING, None),
}


def attributes_of(node: onnx.NodeProto, version: int) -> Attributes:
    """The node's attributes with the schema's defaults; graphs are lowered elsewhere and left out."""
    values: dict[str, Any] = dict(_defaults(node.op_type, node.domain, version))
    for attribute in node.attribute:
        if attribute.type == onnx.AttributeProto.TENSOR:
            values[attribute.name] = array_of(attribute.t)
        elif attribute.type in _PLAIN:
            values[attribute.name] = helper.get_attribute_value(attribute)
    return Attributes(values)


_PLAIN = frozenset(
    {
        onnx.AttributeProto.FLOAT,
        onnx.AttributeProto.FLOATS,
        onnx.AttributeProto.INT,
        onnx.AttributeProto.INTS,
        onnx.AttributeProto.STRING,
        onnx.AttributeProto.STRINGS,
    }
)


_DEFAULTS: dict[tuple[str, str, int], Mapping[str, Any]] = {}


def _defaults(op_type: str, domain: str, version: int) -> Mapping[str, Any]:
    key = (op_type, domain, version)
    if key not in _DEFAULTS:
        try:
            schema = defs.get_schema(op_type, version, domain)
        except defs.SchemaError:
            _DEFAULTS[key] = contrib_defaults(domain, op_type)
        else:
            _DEFAULTS[key] = {
                name: helper.get_attribute_value(attribute.default_value)
                for name, attribute in schema.attributes.items()
                if attribute.default_value.type
            }
    return _DEFAULTS[key]
