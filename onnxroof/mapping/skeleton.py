"""A loop nest without the widths of its elements: what follows from it alone is the same in every precision."""

from __future__ import annotations

from functools import lru_cache

from onnxroof.ir.loopnest import Access, LoopNest

__all__ = ["skeleton", "with_widths"]


@lru_cache(maxsize=4096)
def skeleton(nest: LoopNest) -> LoopNest:
    """The nest with elements of no width, one object for all equal ones."""
    accesses = tuple([Access(one.tensor, one.is_write, one.axes, 0) for one in nest.accesses])
    return _one_of(LoopNest(nest.loops, accesses, nest.sweeps, nest.swept))


@lru_cache(maxsize=4096)
def _one_of(nest: LoopNest) -> LoopNest:
    return nest


def with_widths(bare: LoopNest, nest: LoopNest) -> LoopNest:
    """A nest of no widths with those of another, operand by operand."""
    accesses = tuple(
        [
            Access(access.tensor, access.is_write, access.axes, own.bits, own.partial_bits)
            for access, own in zip(bare.accesses, nest.accesses, strict=True)
        ]
    )
    return LoopNest(bare.loops, accesses, bare.sweeps, bare.swept)
