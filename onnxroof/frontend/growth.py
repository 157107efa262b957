"""How large are the values that a loop carries: in the mean over its trips, and after the last?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from onnxroof.frontend.types import ValueType

__all__ = ["Growth", "growth_of"]


@dataclass(frozen=True, slots=True)
class Growth:
    """Types of the carried values.

    Attributes:
        mean: Of the mean trip, which stands for all of them.
        final: After the last trip.
        is_growing: Whether any extent changes from every trip to the next.
    """

    mean: list[ValueType]
    final: list[ValueType]
    is_growing: bool


def growth_of(
    initial: Sequence[ValueType], first: Sequence[ValueType], second: Sequence[ValueType], trips: int
) -> Growth:
    """Growth of values whose types before and after the first trip and after the second are known.

    An extent that changes by as much in the second trip goes on so: an appended sequence, of tensors too. One that
    the second trip leaves alone has found its size in the first.

    Args:
        initial: Types before the first trip.
        first: Types after the first trip.
        second: Types after the second trip, which starts with `first`.
        trips: How many there are, at least two.
    """
    mean, final, is_growing = [], [], False
    for zero, one, two in zip(initial, first, second, strict=True):
        if one.items is not None and two.items is not None and len(two.items) > len(one.items):
            is_growing = True
            mean.append(_appended(one, two, (trips - 3) // 2))
            final.append(_appended(one, two, trips - 1))
            continue
        steps = _steps(one, two)
        if steps is None:
            mean.append(one)
            final.append(two)
            continue
        if not any(steps):
            mean.append(one)
            final.append(one)
            continue
        is_growing = True
        # The trips start with `zero`, `one`, `one` + step ...: where the first step is like the others, their mean
        # is `zero` + step x (trips - 1) / 2.
        start, at = (zero, (trips - 1) / 2) if _steps(zero, one) == steps else (one, (trips - 3) / 2)
        mean.append(_grown(start, steps, at))
        final.append(_grown(one, steps, trips - 1))
    return Growth(mean, final, is_growing)


def _appended(one: ValueType, two: ValueType, trips: int) -> ValueType:
    """The sequence after `trips` trips more than the first, each of which appends what the second did."""
    before, new = one.items or (), (two.items or ())[len(one.items or ()) :]
    if trips < 0:
        return replace(one, items=before[: max(len(before) + trips * len(new), 0)])
    return replace(one, items=before + new * trips)


def _steps(before: ValueType, after: ValueType) -> tuple[int, ...] | None:
    """By how much each extent grows, None where that cannot be said."""
    if not before.is_complete or not after.is_complete or len(before.shape or ()) != len(after.shape or ()):
        return None
    return tuple((b or 0) - (a or 0) for a, b in zip(before.shape or (), after.shape or (), strict=True))


def _grown(kind: ValueType, steps: Sequence[int], trips: float) -> ValueType:
    extents = tuple(max((e or 0) + int(s * trips), 0) for e, s in zip(kind.shape or (), steps, strict=True))
    return ValueType(kind.dtype, extents)
