"""What does a buffer hold of a loop nest, and which operands are counted when they cross into it?"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from onnxroof.ir.loopnest import LoopNest

__all__ = ["Boundary", "accesses_of", "whole_boundary"]


@dataclass(frozen=True, slots=True)
class Boundary:
    """One side of a buffer.

    Attributes:
        held: Numbers of the accesses of which the buffer holds a tile; the others pass it by and take no room.
        counted: Those of them whose bytes count. What a level feeds may be held by several levels further in.
        access_bytes: Bytes of one access of the memory outside, 0 for any number. A tile, or the new part of a window,
            comes in by a transfer of its own, which takes at least one access; how elements lie is free, so a transfer
            is taken to be packed. With this the bytes are a lower bound of what rounding each transfer would give.
    """

    held: frozenset[int]
    counted: frozenset[int]
    access_bytes: float = 0.0


def whole_boundary(nest: LoopNest) -> Boundary:
    """Every operand is held and counted, at any width."""
    everything = frozenset(range(len(nest.accesses)))
    return Boundary(everything, everything)


def accesses_of(nest: LoopNest, roles: Collection[str]) -> frozenset[int]:
    """Numbers of the accesses in one of the roles "input", "weight", "output".

    What is written is an output, the first access that reads is the input, and every other one a weight: the right-hand
    matrix of a product, the kernel of a convolution, keys and values, and what little stands beside them.
    """
    first = next((number for number, access in enumerate(nest.accesses) if not access.is_write), None)
    return frozenset(
        number
        for number, access in enumerate(nest.accesses)
        if ("output" if access.is_write else "input" if number == first else "weight") in roles
    )
