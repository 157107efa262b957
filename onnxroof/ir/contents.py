"""The elements of a small tensor, as plain numbers: shape arithmetic needs no arrays."""

from __future__ import annotations

import math
from dataclasses import dataclass

from onnxroof.dtypes import DType

__all__ = ["Contents", "Number"]

Number = bool | int | float | complex | str


@dataclass(frozen=True, slots=True)
class Contents:
    """Elements that are known. Equal contents are equal objects and have equal hashes.

    Attributes:
        dtype: Type of the elements.
        shape: Extents.
        elements: All of them, the last axis running fastest. Python's floats hold those of all widths exactly.
    """

    dtype: DType
    shape: tuple[int, ...]
    elements: tuple[Number, ...]

    def __post_init__(self) -> None:
        if len(self.elements) != math.prod(self.shape):
            raise ValueError(f"{len(self.elements)} elements do not fill the shape {list(self.shape)}")

    @property
    def size(self) -> int:
        """The number of elements."""
        return len(self.elements)

    @property
    def integers(self) -> tuple[int, ...]:
        """All elements as integers; raises `ValueError` for contents that are no numbers."""
        return tuple(int(element) for element in self.elements)  # type: ignore[arg-type]  # int() refuses complex ones
