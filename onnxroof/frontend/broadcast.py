"""To which shape do others broadcast?"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import zip_longest

__all__ = ["broadcast_shape"]


def broadcast_shape(shapes: Iterable[tuple[int, ...]]) -> tuple[int, ...] | None:
    """The shape that all of some shapes broadcast to, as numpy and ONNX have it; None where they do not go together."""
    extents = []
    for aligned in zip_longest(*(reversed(shape) for shape in shapes), fillvalue=1):
        wide = {extent for extent in aligned if extent != 1}
        if len(wide) > 1:
            return None
        extents.append(wide.pop() if wide else 1)
    return tuple(reversed(extents))
