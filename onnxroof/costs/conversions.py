"""Which operators do nothing but turn elements into another type?"""

from __future__ import annotations

__all__ = ["CONVERSIONS"]

CONVERSIONS = frozenset({"Cast", "CastLike", "QuantizeLinear", "DequantizeLinear", "DynamicQuantizeLinear"})
"""By operator type, in every domain that has them. Where they live on inside a neighbour they are absorbed and cost
nothing of their own; these are the ones that are left."""
