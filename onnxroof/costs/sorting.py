"""What sorting and searching cost: comparisons, counted as a comparison sort or a heap of k makes them.

Elements that lie in order already need no more than one comparison each, but for the first.
"""

from __future__ import annotations

from onnxroof.costs.context import CostContext
from onnxroof.costs.cost import Least, OpCost
from onnxroof.costs.elementwise import steps
from onnxroof.costs.registry import cost

__all__ = ["comparisons"]


def comparisons(elements: int, kept: int) -> int:
    """The count n * ceil(log2(kept)), at least one an element: a sort keeps all, a heap k."""
    return elements * max((max(kept, 1) - 1).bit_length(), 1)


@cost("TopK")
def top_k(ctx: CostContext) -> OpCost:
    """ceil(log2 k) comparisons for each input element (a heap of k), at least one."""
    axis = ctx.attributes.integer("axis", -1)
    kept = ctx.output(0).dims[axis]
    source = ctx.input(0)
    rows = source.elements // max(source.dims[axis], 1)
    is_whole = kept == source.dims[axis] and not ctx.attributes.integer("sorted", 1)
    least = Least(work=steps(0 if is_whole else source.elements - rows))
    return ctx.compute(steps(comparisons(source.elements, kept)), reads=ctx.read(0), least=least)


@cost("Unique")
def unique(ctx: CostContext) -> OpCost:
    """ceil(log2 n) comparisons for each element to sort, 1 more to compare neighbours."""
    elements = ctx.input(0).elements
    return ctx.compute(steps(comparisons(elements, elements) + elements), least=Least(work=steps(max(elements - 1, 0))))


cost("Unique", domain="com.microsoft")(unique)


@cost("NonZero")
def non_zero(ctx: CostContext) -> OpCost:
    """1 comparison for each element."""
    return ctx.compute(steps(ctx.input(0).elements))
