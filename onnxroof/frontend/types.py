"""What the lowering knows of a value while it walks a graph: its type, concrete extents, and small contents."""

from __future__ import annotations

import contextlib
import math
import struct
from collections.abc import Mapping
from dataclasses import dataclass, replace

from onnxroof.dtypes import DType, Kind
from onnxroof.frontend import proto
from onnxroof.frontend.read import has_value
from onnxroof.ir.contents import Contents
from onnxroof.ir.tensor import Tensor, TensorKind

__all__ = [
    "UNKNOWN_TYPE",
    "Known",
    "Shape",
    "ValueType",
    "contents_of",
    "filled",
    "most_value_elements",
    "stated_size",
    "type_of_proto",
    "type_to_proto",
]

Shape = tuple[int | None, ...] | None

_MOST_ELEMENTS = 2048
_MOST_FLOATS = 16


def most_value_elements(dtype: DType) -> int:
    """Up to how many elements a tensor's contents are kept and evaluated: larger ones are data, not shape arithmetic.

    Floats in shape arithmetic are scalars, or the scales of a Resize, one an axis.
    """
    return _MOST_FLOATS if dtype.kind is Kind.FLOAT else _MOST_ELEMENTS


@dataclass(frozen=True, slots=True)
class ValueType:
    """Type of one value.

    Attributes:
        dtype: Element type; UNDEFINED for sequences, maps and optionals, and where it is not known.
        shape: Extents, None where unknown.
        container: Serialised `TypeProto` of a sequence, map or optional, else empty.
        items: Shapes of the tensors of a sequence in order, None where their number is not known.
    """

    dtype: DType
    shape: Shape
    container: bytes = b""
    items: tuple[Shape, ...] | None = None

    @property
    def is_complete(self) -> bool:
        """Whether type and every extent are known."""
        return self.dtype is not DType.UNDEFINED and self.shape is not None and None not in self.shape


UNKNOWN_TYPE = ValueType(DType.UNDEFINED, None)


@dataclass(frozen=True, slots=True, eq=False)
class Known:
    """What is known of one value of the workload.

    Attributes:
        type: Type and extents.
        kind: Where its bytes come from.
        value: Elements where they are small and known.
        origin: Name of the weight whose elements it holds in another order, else "".
        is_output: Whether the model returns it.
        depends_on_data: Whether its extents do: they are then taken at an upper bound or as a named dimension.
        is_at_most: Whether its extents are an upper bound of what data make of them.
        tops: Its largest elements, where they are known of an integer tensor that is too large for `value`.
    """

    type: ValueType
    kind: TensorKind
    value: Contents | None = None
    origin: str = ""
    is_output: bool = False
    depends_on_data: bool = False
    is_at_most: bool = False
    tops: tuple[int, ...] | None = None

    def tensor(self, name: str) -> Tensor:
        """The value as a tensor of the workload."""
        return Tensor(
            name=name, dtype=self.type.dtype, shape=self.type.shape, kind=self.kind, is_output=self.is_output,
            value=self.value, origin=self.origin, is_at_most=self.is_at_most,
        )  # fmt: skip


def filled(kind: ValueType, declared: ValueType | None) -> ValueType:
    """An inferred type whose gaps are filled with what the file declares."""
    if declared is None or kind.is_complete or kind.container:
        return kind
    dtype = kind.dtype if kind.dtype is not DType.UNDEFINED else declared.dtype
    shape = kind.shape
    if shape is None:
        shape = declared.shape
    elif declared.shape is not None and len(declared.shape) == len(shape):
        shape = tuple(a if a is not None else b for a, b in zip(shape, declared.shape, strict=True))
    return ValueType(dtype, shape, declared.container if dtype is DType.UNDEFINED else b"")


def stated_size(kind: ValueType, declared: ValueType | None) -> ValueType:
    """A type whose size depends on data, with the extents that the file declares in place of what was assumed."""
    if declared is None or kind.shape is None or not declared.is_complete or declared.shape is None:
        return kind
    return kind if len(declared.shape) != len(kind.shape) else replace(kind, shape=declared.shape)


def type_to_proto(value: ValueType) -> proto.TypeProto:
    """The `TypeProto` that onnx's inference takes."""
    kind = proto.TypeProto()
    if value.container:
        kind.ParseFromString(value.container)
        return kind
    if value.dtype is DType.UNDEFINED and value.shape is None:
        return kind
    kind.tensor_type.elem_type = max(value.dtype.number, 0)
    if value.shape is not None:
        kind.tensor_type.shape.SetInParent()
        for extent in value.shape:
            dim = kind.tensor_type.shape.dim.add()
            if extent is not None:
                dim.dim_value = extent
    return kind


def type_of_proto(stated: proto.TypeProto) -> ValueType:
    """The type that a file states or onnx's inference gave; symbolic and negative extents become unknown."""
    kind = stated.WhichOneof("value")
    if kind == "tensor_type":
        tensor = stated.tensor_type
        dtype = DType.from_number(tensor.elem_type)
        if not tensor.HasField("shape"):
            return ValueType(dtype, None)
        extents = (d.dim_value if d.HasField("dim_value") and d.dim_value >= 0 else None for d in tensor.shape.dim)
        return ValueType(dtype, tuple(extents))
    if kind is None:
        return ValueType(DType.UNDEFINED, None)
    return ValueType(DType.UNDEFINED, None, stated.SerializeToString(deterministic=True))


# How `struct` unpacks the elements of a type, little-endian as in the file.
_CODES: Mapping[DType, str] = {
    DType.FLOAT: "f", DType.DOUBLE: "d", DType.FLOAT16: "e", DType.INT8: "b", DType.UINT8: "B", DType.INT16: "h",
    DType.UINT16: "H", DType.INT32: "i", DType.UINT32: "I", DType.INT64: "q", DType.UINT64: "Q", DType.BOOL: "?",
}  # fmt: skip
# The fields that list elements of a type as they are; those of other types hold bits or packed elements.
_LISTS: Mapping[DType, str] = {
    DType.FLOAT: "float_data", DType.DOUBLE: "double_data", DType.INT64: "int64_data", DType.UINT64: "uint64_data",
    DType.UINT32: "uint64_data",
    **dict.fromkeys((DType.INT8, DType.UINT8, DType.INT16, DType.UINT16, DType.INT32, DType.BOOL), "int32_data"),
}  # fmt: skip


def contents_of(tensor: proto.TensorProto) -> Contents | None:
    """The numbers of a small tensor that lie in the file, None for any other. Strings are never evaluated."""
    dtype = DType.from_number(tensor.data_type)
    if dtype.kind is Kind.STRING or math.prod(tensor.dims) > most_value_elements(dtype) or not has_value(tensor):
        return None
    shape = tuple(tensor.dims)
    code, listed = _CODES.get(dtype), _LISTS.get(dtype)
    layout = f"<{math.prod(shape)}{code}"
    if code is not None and tensor.HasField("raw_data"):
        # Bytes of another number of elements are damage: nothing is known of them.
        fits = struct.calcsize(layout) == len(tensor.raw_data)
        return Contents(dtype, shape, struct.unpack(layout, tensor.raw_data)) if fits else None
    if code is not None and listed is not None and not tensor.HasField("raw_data"):
        with contextlib.suppress(struct.error):  # a listed number that its type cannot hold
            return Contents(dtype, shape, struct.unpack(layout, struct.pack(layout, *getattr(tensor, listed))))
    from onnxroof.frontend.onnx_inference import decoded

    return decoded(tensor)
