"""A tensor of the workload: its type, its concrete shape, and where its bytes come from."""

from __future__ import annotations

import enum
import math
from dataclasses import dataclass
from typing import cast

from onnxroof.dtypes import BlockScale, DType, packed_bytes
from onnxroof.ir.contents import Contents

__all__ = ["Tensor", "TensorKind"]


class TensorKind(enum.Enum):
    """Where a tensor's bytes come from."""

    INPUT = "input"  # given by the caller of the model
    WEIGHT = "weight"  # an initializer, or a constant folded out of nodes
    ACTIVATION = "activation"  # made by an operator while the model runs


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Tensor:
    """One value of the graph.

    Attributes:
        name: The ONNX name, unique in the workload (a nested scope is a prefix).
        dtype: Element type in storage.
        shape: One extent a dimension; an extent that is not known is None, an unknown rank is None as a whole.
        kind: Input, weight or activation.
        is_output: Whether the model returns it.
        value: The elements where they are small and known (shape arithmetic, scalars), else None.
        origin: Of a folded constant that holds a weight's elements in another order (a transposed or reshaped
            initializer): the name of that weight. Such tensors share storage and count once as parameters.
        is_at_most: Whether its extents are an upper bound of what data make of them.
        scale: Of a block format: the scales that are stored with the elements, else None.
    """

    name: str
    dtype: DType
    shape: tuple[int | None, ...] | None
    kind: TensorKind
    is_output: bool = False
    value: Contents | None = None
    origin: str = ""
    is_at_most: bool = False
    scale: BlockScale | None = None

    @property
    def is_shaped(self) -> bool:
        """Whether every extent is known."""
        return self.shape is not None and None not in self.shape

    @property
    def dims(self) -> tuple[int, ...]:
        """The extents of a shaped tensor; raises `ValueError` on any other."""
        if self.shape is None or None in self.shape:
            raise ValueError(f"`{self.name}` has no known shape")
        return cast("tuple[int, ...]", self.shape)

    @property
    def elements(self) -> int:
        """Number of elements of a shaped tensor, exact."""
        return math.prod(self.dims)

    @property
    def bytes(self) -> int:
        """Storage bytes of a shaped tensor, packed, the scales of its blocks included."""
        return self.bytes_of(self.elements)

    def bytes_of(self, elements: int) -> int:
        """Storage bytes of so many of its elements, lying side by side."""
        return packed_bytes(elements, self.dtype) + (self.scale.bytes(elements) if self.scale else 0)
