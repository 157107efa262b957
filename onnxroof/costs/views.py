"""Operators that only give the same bytes another name or shape: no work, no bytes."""

from __future__ import annotations

from onnxroof.costs.context import VIEW, CostContext
from onnxroof.costs.cost import OpCost, Work
from onnxroof.costs.registry import cost
from onnxroof.ir.op import OpKind

__all__ = ["view"]


@cost("Reshape", "Squeeze", "Unsqueeze", "Flatten", "Identity", kind=OpKind.VIEW)
def view(ctx: CostContext) -> OpCost:
    """A view: another name for the same bytes."""
    return VIEW


cost("ExpandDims", domain="com.microsoft", kind=OpKind.VIEW)(view)


@cost("Dropout", kind=OpKind.VIEW)
def dropout(ctx: CostContext) -> OpCost:
    """A view: at inference nothing is dropped."""
    return VIEW


@cost("BitCast", kind=OpKind.VIEW)
def bit_cast(ctx: CostContext) -> OpCost:
    """A view: the same bits under another type."""
    return VIEW


@cost("Shape", "Size", kind=OpKind.VIEW)
def shape(ctx: CostContext) -> OpCost:
    """No bytes: only the shape of the input is used."""
    return VIEW


@cost("Constant", kind=OpKind.CONSTANT)
def constant(ctx: CostContext) -> OpCost:
    """A weight: known before the model runs."""
    return OpCost(kind=OpKind.CONSTANT, work=Work())


@cost("Optional", "OptionalGetElement", "OptionalHasElement", kind=OpKind.VIEW)
def optional(ctx: CostContext) -> OpCost:
    """A view: an optional is a handle."""
    return VIEW
