"""All tiles and ways that are tried of a group of operators: what does each hold, move and do again?

Before the best of them make a curve (`onnxroof.mapping.fused`) this tells already what a group moves in some room.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence, Set
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from onnxroof.mapping.least import ROUNDING_BYTES
from onnxroof.mapping.passes import Evaluation, Part
from onnxroof.mapping.stacks import Stack
from onnxroof.mapping.tiles import tiles_of
from onnxroof.mapping.ways import cuts_of, halos_of, sizes_of, tiled_dims, ways_of

__all__ = ["Tried", "joined", "tried"]

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]


class Tried:
    """What was tried of a group, P tiles of all its ways.

    Args:
        stack: The group.

    Attributes:
        parts: Ways with what stays for good in them.
        blocks: Where the tiles of each are.
        footprint_bytes, moved_bytes: (P,) what must fit, and what moves in both directions.
    """

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self.parts = tuple(_parts(stack))
        ends = np.cumsum([part.evaluation.tiles.count for part in self.parts]).tolist()
        self.blocks = tuple(map(slice, [0, *ends], ends))
        self.footprint_bytes = joined(self.blocks, [part.footprint for part in self.parts])
        self.moved_bytes = joined(self.blocks, [part.moved for part in self.parts])

    def moved_of(self, number: int) -> tuple[FloatArray, FloatArray]:
        """(P,) bytes of an operand in and out."""
        moved = [part.moved_of(number) for part in self.parts]
        reads, writes = (joined(self.blocks, figures) for figures in zip(*moved, strict=True))
        return reads, writes

    def again_bytes(self, room: float, aside: Set[int] = frozenset()) -> float:
        """What moves at least beyond once each operand; infinite where there is not room enough.

        Args:
            room: Bytes.
            aside: Operands that do not count.
        """
        fits = self.footprint_bytes <= room + ROUNDING_BYTES
        if not fits.any():
            return math.inf
        moved = self.moved_bytes[fits]
        for number in aside:
            moved = moved - sum(figures[fits] for figures in self.moved_of(number))
        once = sum(operand.bytes for number, operand in enumerate(self.stack.operands) if number not in aside)
        return max(float(moved.min()) - once, 0.0)


tried = lru_cache(maxsize=256)(Tried)
"""What was tried of a group; of few at a time, as it takes far more room than the curve."""


def joined(blocks: Sequence[slice], figures: Iterable[FloatArray | IntArray | float]) -> FloatArray:
    """Figures of parts, one after another, each a number or of all tiles of its part."""
    found = np.empty(blocks[-1].stop)
    for block, one in zip(blocks, figures, strict=True):
        found[block] = one
    return found


def _parts(stack: Stack) -> Iterable[Part]:
    used = {span.dim for value in stack.values for span in value.spans} - {-1}
    halos = halos_of(stack)
    for cut in cuts_of(stack, used, halos):
        sizes = dict(sizes_of(stack, tiled_dims(stack, used, halos, cut), halos))
        tiles = tiles_of(tuple((dim, some) for dim, some in sizes.items() if len(some) > 1))
        fixed = {dim: some[0] for dim, some in sizes.items() if len(some) == 1}
        shared: dict[object, FloatArray | float] = {}
        for way in ways_of(stack, tuple(sizes), halos, cut):
            yield from Evaluation(stack, tiles, way, fixed, shared).parts()
