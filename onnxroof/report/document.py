"""What a JSON document is made of: its types, and numbers of which those that are not finite are unknown."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TypeAlias

__all__ = ["Document", "Json", "number", "numbers"]

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"
Document: TypeAlias = dict[str, Json]


def number(value: float | None) -> float | None:
    """The number itself, an int staying an int; null where it is not finite, which JSON cannot say."""
    return value if value is not None and math.isfinite(value) else None


def numbers(values: Mapping[str, float] | Mapping[str, float | None]) -> Document:
    """Numbers by name."""
    return {name: number(value) for name, value in values.items()}
