"""What resampling and detection operators cost: taps of interpolation, regions of interest, suppression.

Interpolation is counted direct: each tap of an output element is 1 mul and 1 add. It is vector work, never MACs.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from onnxroof.costs.context import CostContext, MissingShapeError
from onnxroof.costs.cost import Least, OpCost, Work
from onnxroof.costs.elementwise import steps
from onnxroof.costs.registry import cost

__all__ = ["resize"]

# Taps for each resampled axis; `bilinear` and `bicubic` are older spellings.
_TAPS: Mapping[str, int] = {"nearest": 1, "linear": 2, "bilinear": 2, "cubic": 4, "bicubic": 4}


@cost("Resize", "Upsample")
def resize(ctx: CostContext) -> OpCost:
    """Nearest moves only; linear 2 and cubic 4 taps for each resized axis (multiplied), each tap 1 mul and 1 add.

    Antialiasing widens the taps of an axis that shrinks by its factor. Reads what the taps touch.
    """
    extents, result = ctx.input(0).dims, ctx.output(0)
    mode = ctx.attributes.text("mode", "nearest")
    if mode not in _TAPS:
        raise MissingShapeError(f"the mode `{mode}` has no rule")
    taps, touched = 1, 1
    for before, after in zip(extents, result.dims, strict=True):
        along = _TAPS[mode] if before != after else 1
        if ctx.attributes.integer("antialias") and 0 < after < before and mode != "nearest":
            along *= -(-before // after)
        taps *= along
        touched *= min(before, after * along)
    reads = ctx.read_some(0, touched)
    if mode == "nearest":
        return ctx.move(reads)
    return ctx.compute(steps(2 * taps * result.elements), reads=reads)


@cost("GridSample")
def grid_sample(ctx: CostContext) -> OpCost:
    """1 mul, 1 add, 1 floor a coordinate; 1, 2 or 4 taps for each axis, each tap of an output element 1 mul, 1 add."""
    grid, result = ctx.input(1), ctx.output(0)
    mode = ctx.attributes.text("mode", "linear")
    if mode not in _TAPS:
        raise MissingShapeError(f"the mode `{mode}` has no rule")
    taps = _TAPS[mode] ** grid.dims[-1]
    sampled = 0 if mode == "nearest" else 2 * taps * result.elements
    reads = (*ctx.read_some(0, taps * result.elements), *ctx.read(1))
    return ctx.compute(steps(3 * grid.elements + sampled), reads=reads)


cost("GridSample", domain="com.microsoft")(grid_sample)


@cost("AffineGrid")
def affine_grid(ctx: CostContext) -> OpCost:
    """1 mul and 1 add for each output element and spatial axis."""
    result = ctx.output(0)
    return ctx.compute(steps(2 * result.dims[-1] * result.elements), reads=ctx.read(0))


@cost("RoiAlign")
def roi_align(ctx: CostContext) -> OpCost:
    """sampling_ratio squared samples an output element, each 4 taps (1 mul, 1 add each) and 1 add or max; 1 DIV.

    With sampling_ratio 0 at most: every region is taken to be the whole map, sampled once an element.
    """
    samples = ctx.attributes.integer("sampling_ratio") ** 2
    result = ctx.output(0).elements
    is_open = samples == 0
    if is_open:
        sides = zip(ctx.input(0).dims[2:], ctx.output(0).dims[2:], strict=True)
        samples = math.prod(-(-extent // bins) if bins else 0 for extent, bins in sides)
    divided = {"DIV": result} if ctx.attributes.text("mode", "avg") == "avg" else {}
    reads = (*ctx.read_some(0, 4 * samples * result), *ctx.read(1, 2))
    # Regions of no extent have no samples and read nothing.
    least = Least(work=Work(special=divided), reads=ctx.read(1, 2)) if is_open else None
    return ctx.compute(Work(vector_ops=9 * samples * result, special=divided), reads=reads, least=least)


@cost("MaxRoiPool")
def max_roi_pool(ctx: CostContext) -> OpCost:
    """At most: every region is taken to be the whole map; 1 max for each of its elements and channels."""
    source = ctx.input(0).dims
    regions = ctx.input(1).dims[0]
    return ctx.compute(steps(regions * math.prod(source[1:])), reads=ctx.read(0, 1), least=Least(reads=ctx.read(1)))


@cost("NonMaxSuppression")
def non_max_suppression(ctx: CostContext) -> OpCost:
    """At most, for each class: n log2 n comparisons to sort, and 12 vector ops and 1 DIV for each pair held together.

    A box is held against those selected before it, in the order of scores, until enough are selected: the most pairs
    there can be come of selecting all but the last one first. All may be selected where data decide how many.
    At least, 1 comparison for each score but one, to find the highest; nothing where data may tell to select none.
    """
    scores = ctx.input(1)
    batch, classes, boxes = scores.dims
    most = ctx.integers(2) if ctx.has_input(2) else (0,)
    selected = boxes if most is None else min(most[0], boxes)
    pairs = batch * classes * max(selected - 1, 0) * (2 * boxes - selected) // 2
    sorted_ = batch * classes * boxes * max(boxes - 1, 0).bit_length()
    work = Work(vector_ops=12 * pairs + sorted_, special={"DIV": pairs})
    is_certain = most is not None and selected > 0
    compared = steps(batch * classes * max(boxes - 1, 0) if is_certain else 0)
    least = Least(work=compared, reads=ctx.read(1) if is_certain else ())
    return ctx.compute(work, reads=ctx.read(0, 1), least=least)


@cost("Col2Im")
def col2im(ctx: CostContext) -> OpCost:
    """1 add for each input element."""
    return ctx.compute(steps(ctx.input(0).elements), reads=ctx.read(0))


@cost("Det")
def determinant(ctx: CostContext) -> OpCost:
    """LU of n x n: n(n-1)/2 DIV, 1 mul and 1 sub for each of sum of j^2 (j < n) updates, n mul of the diagonal."""
    shape = ctx.input(0).dims
    size = shape[-1]
    updates = (size - 1) * size * (2 * size - 1) // 6
    one = Work(vector_ops=2 * updates + size, special={"DIV": size * (size - 1) // 2})
    return ctx.compute(one.times(math.prod(shape[:-2])))
