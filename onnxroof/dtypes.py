"""Element types by their ONNX names: width, kind, packed sizes, and which type can stand in for which."""

from __future__ import annotations

import enum
from dataclasses import dataclass

__all__ = ["BlockScale", "DType", "Kind", "packed_bytes"]


class Kind(enum.Enum):
    """What sort of value a type holds."""

    FLOAT = "float"
    INTEGER = "integer"
    BOOL = "bool"
    STRING = "string"
    COMPLEX = "complex"
    UNDEFINED = "undefined"


class DType(enum.Enum):
    """An element type, named as in ONNX. The value is (ONNX number, bits in storage, kind).

    TF32 is no storage type: it exists so that a target can list a rate for it. Its number is negative.

    Attributes:
        number: Of the type in `TensorProto.DataType`.
        bits: Of one element in storage; 0 where a type has no fixed width (strings).
        kind: Float, integer, and so on.
    """

    UNDEFINED = (0, 0, Kind.UNDEFINED)
    FLOAT = (1, 32, Kind.FLOAT)
    UINT8 = (2, 8, Kind.INTEGER)
    INT8 = (3, 8, Kind.INTEGER)
    UINT16 = (4, 16, Kind.INTEGER)
    INT16 = (5, 16, Kind.INTEGER)
    INT32 = (6, 32, Kind.INTEGER)
    INT64 = (7, 64, Kind.INTEGER)
    STRING = (8, 0, Kind.STRING)
    BOOL = (9, 8, Kind.BOOL)
    FLOAT16 = (10, 16, Kind.FLOAT)
    DOUBLE = (11, 64, Kind.FLOAT)
    UINT32 = (12, 32, Kind.INTEGER)
    UINT64 = (13, 64, Kind.INTEGER)
    COMPLEX64 = (14, 64, Kind.COMPLEX)
    COMPLEX128 = (15, 128, Kind.COMPLEX)
    BFLOAT16 = (16, 16, Kind.FLOAT)
    FLOAT8E4M3FN = (17, 8, Kind.FLOAT)
    FLOAT8E4M3FNUZ = (18, 8, Kind.FLOAT)
    FLOAT8E5M2 = (19, 8, Kind.FLOAT)
    FLOAT8E5M2FNUZ = (20, 8, Kind.FLOAT)
    UINT4 = (21, 4, Kind.INTEGER)
    INT4 = (22, 4, Kind.INTEGER)
    FLOAT4E2M1 = (23, 4, Kind.FLOAT)
    FLOAT8E8M0 = (24, 8, Kind.FLOAT)
    UINT2 = (25, 2, Kind.INTEGER)
    INT2 = (26, 2, Kind.INTEGER)
    FLOAT6E2M3 = (27, 6, Kind.FLOAT)
    FLOAT6E3M2 = (28, 6, Kind.FLOAT)
    TF32 = (-1, 32, Kind.FLOAT)

    def __init__(self, number: int, bits: int, kind: Kind) -> None:
        self.number = number
        self.bits = bits
        self.kind = kind

    # Types are parts of many keys; members are singletons, so identity serves (the enum's own hash is slow).
    __hash__ = object.__hash__

    @classmethod
    def from_number(cls, number: int) -> DType:
        """The type of an ONNX number; `UNDEFINED` for one that we do not know."""
        return _BY_NUMBER.get(number, cls.UNDEFINED)

    @property
    def accumulator(self) -> DType:
        """The type in which a contraction of this type sums, where nobody says otherwise.

        FLOAT for all floats up to 32 bits, INT32 for integers up to 16 bits, else the type itself.
        """
        if self.kind is Kind.FLOAT and self.bits <= 32:
            return DType.FLOAT
        if self.kind in (Kind.INTEGER, Kind.BOOL) and self.bits <= 16:
            return DType.INT32
        return self


_BY_NUMBER = {dtype.number: dtype for dtype in DType if dtype.number >= 0}  # the others are of no file


@dataclass(frozen=True, slots=True)
class BlockScale:
    """A scale of `bits` bits that is stored for every `elements` elements of a tensor."""

    elements: int
    bits: int

    def bytes(self, elements: int) -> int:
        """Bytes of the scales of so many elements, the last block begun counted as one."""
        return (-(-elements // self.elements) * self.bits + 7) // 8


def packed_bytes(elements: int, dtype: DType) -> int:
    """Bytes of `elements` values of one tensor, sub-byte types packed (two int4 in a byte)."""
    return (elements * dtype.bits + 7) // 8
