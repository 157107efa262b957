"""What the lowering knows of a value while it walks a graph: its type, concrete extents, and small contents."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import numpy_helper

from onnxroof.dtypes import DType
from onnxroof.frontend.read import has_value

__all__ = ["MAX_VALUE_ELEMENTS", "ValueType", "array_of", "type_of_proto", "type_to_proto"]

# Larger contents are data, not shape arithmetic: they are never evaluated.
MAX_VALUE_ELEMENTS = 2048


@dataclass(frozen=True, slots=True)
class ValueType:
    """Type of one value.

    Attributes:
        dtype: Element type; UNDEFINED for sequences, maps and optionals, and where it is not known.
        shape: Extents, None where unknown.
        container: Serialised `TypeProto` of a sequence, map or optional, else empty.
    """

    dtype: DType
    shape: tuple[int | None, ...] | None
    container: bytes = b""

    @property
    def is_complete(self) -> bool:
        """Whether type and every extent are known."""
        return self.dtype is not DType.UNDEFINED and self.shape is not None and None not in self.shape


def type_to_proto(value: ValueType) -> onnx.TypeProto:
    """The `TypeProto` that onnx's inference takes."""
    proto = onnx.TypeProto()
    if value.container:
        proto.ParseFromString(value.container)
        return proto
    if value.dtype is DType.UNDEFINED and value.shape is None:
        return proto
    proto.tensor_type.elem_type = max(value.dtype.number, 0)
    if value.shape is not None:
        proto.tensor_type.shape.SetInParent()
        for extent in value.shape:
            dim = proto.tensor_type.shape.dim.add()
            if extent is not None:
                dim.dim_value = extent
    return proto


def type_of_proto(proto: onnx.TypeProto) -> ValueType:
    """The type that onnx's inference gave; symbolic extents become unknown."""
    kind = proto.WhichOneof("value")
    if kind == "tensor_type":
        tensor = proto.tensor_type
        dtype = DType.from_number(tensor.elem_type)
        if not tensor.HasField("shape"):
            return ValueType(dtype, None)
        return ValueType(dtype, tuple(d.dim_value if d.HasField("dim_value") else None for d in tensor.shape.dim))
    if kind is None:
        return ValueType(DType.UNDEFINED, None)
    return ValueType(DType.UNDEFINED, None, proto.SerializeToString(deterministic=True))


def array_of(tensor: onnx.TensorProto) -> npt.NDArray[Any] | None:
    """The contents of a small tensor that lies in the file, None for any other."""
    if not has_value(tensor):
        return None
    if int(np.prod(tensor.dims, dtype=np.float64)) > MAX_VALUE_ELEMENTS:
        return None
    try:
        return numpy_helper.to_array(tensor)
    except (ValueError, TypeError, KeyError):
        return None
