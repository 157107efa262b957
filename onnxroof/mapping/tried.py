"""All tiles and ways that are tried of a group of operators: what does each hold, move and do again?

Before the best of them make a curve (`onnxroof.mapping.fused`) this tells already what a group moves in some room.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from onnxroof.mapping.least import ROUNDING_BYTES
from onnxroof.mapping.passes import Evaluation, Grid, Part
from onnxroof.mapping.stacks import Stack
from onnxroof.mapping.tiles import tiles_of
from onnxroof.mapping.ways import cuts_of, halos_of, sizes_of, tiled_dims, used_dims, ways_of

__all__ = ["Tried", "tried"]

FloatArray = npt.NDArray[np.float64]


class Tried:
    """What was tried of a group, P tiles of all its ways.

    Args:
        stack: The group.

    Attributes:
        parts: Ways with what stays for good in them.
        blocks: Where the tiles of each are.
        footprint_bytes, moved_bytes: (P,) what must fit, and what moves in both directions.
        work: (P,) how often all work is done.
    """

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self.parts = tuple(_parts(stack))
        ends = np.cumsum([part.evaluation.grid.tiles.count for part in self.parts]).tolist()
        self.blocks = tuple(map(slice, [0, *ends], ends))
        self.footprint_bytes: FloatArray = np.empty(ends[-1])
        self.moved_bytes: FloatArray = np.empty(ends[-1])
        self.work: FloatArray = np.empty(ends[-1])
        for part, block in zip(self.parts, self.blocks, strict=True):
            self.footprint_bytes[block], self.moved_bytes[block] = part.footprint, part.moved
            self.work[block] = part.work
        self._beyond: dict[frozenset[int], FloatArray] = {}

    def again_bytes(self, room: float, aside: frozenset[int] = frozenset()) -> float:
        """What moves at least beyond once each operand; infinite where there is not room enough.

        Args:
            room: Bytes.
            aside: Operands that do not count.
        """
        least = np.where(self.footprint_bytes <= room + ROUNDING_BYTES, self._beyond_once(aside), np.inf).min()
        return max(float(least), 0.0)

    def _beyond_once(self, aside: frozenset[int]) -> FloatArray:
        """(P,) what moves beyond once each operand that counts."""
        found = self._beyond.get(aside)
        if found is None:
            once = sum(one.bytes for number, one in enumerate(self.stack.operands) if number not in aside)
            found = self.moved_bytes - once
            for part, block in zip(self.parts, self.blocks, strict=True) if aside else ():
                found[block] -= part.evaluation.moved([*(aside - part.resident)])
                found[block] -= float(sum(self.stack.operands[number].bytes for number in aside & part.resident))
            self._beyond[aside] = found
        return found

    def reads_of(self, numbers: Sequence[int]) -> FloatArray:
        """(len(numbers), P) bytes in of some operands."""
        reads = np.empty((len(numbers), len(self.moved_bytes)))
        for part, block in zip(self.parts, self.blocks, strict=True):
            reads[:, block] = part.evaluation.reads[numbers]
            for place, number in enumerate(numbers):
                if number in part.resident:
                    reads[place, block] = self.stack.operands[number].bytes
        return reads


tried = lru_cache(maxsize=128)(Tried)
"""What was tried of a group; of few at a time, as it takes far more room than the curve."""


def _parts(stack: Stack) -> Iterator[Part]:
    used = used_dims(stack)
    halos = halos_of(stack)
    for cut in cuts_of(stack, used, halos):
        sizes = dict(sizes_of(stack, tiled_dims(stack, used, halos, cut), halos))
        tiles = tiles_of(tuple((dim, some) for dim, some in sizes.items() if len(some) > 1))
        grid = Grid(stack, tiles, {dim: some[0] for dim, some in sizes.items() if len(some) == 1}, cut)
        for way in ways_of(stack, tuple(sizes), halos, cut):
            yield from Evaluation(grid, way).parts()
