"""Operators that follow indices: gathers read the rows that they take, scatters write the rows that they place.

Indices are data, so rows are counted as distinct, but never more than the table has; at least, all of them may be one.
A scatter works in place,
unless its data are a weight, which must stay as it is.
"""

from __future__ import annotations

import math

from onnxroof.costs.context import CostContext
from onnxroof.costs.cost import Least, OpCost, Transfer
from onnxroof.costs.elementwise import steps
from onnxroof.costs.registry import cost
from onnxroof.ir.op import OpKind

__all__ = ["gather", "scatter"]


@cost("Gather", kind=OpKind.MOVE)
def gather(ctx: CostContext) -> OpCost:
    """Reads the rows that it takes and the indices, writes what it took. At least one row: all indices may be one."""
    dims = ctx.input(0).dims
    axis = ctx.attributes.integer("axis") % max(len(dims), 1)
    row = ctx.input(0).elements // max(dims[axis], 1)
    most, least = ctx.rows_taken(1, dims[axis])
    return _gathered(ctx, most * row, least * row)


@cost("GatherElements", kind=OpKind.MOVE)
def gather_elements(ctx: CostContext) -> OpCost:
    """Reads the elements that it takes and the indices, writes what it took. At least one along the axis."""
    indices = ctx.input(1)
    axis = ctx.attributes.integer("axis") % max(len(indices.dims), 1)
    return _gathered(ctx, indices.elements, indices.elements // max(indices.dims[axis], 1))


@cost("GatherND", kind=OpKind.MOVE)
def gather_nd(ctx: CostContext) -> OpCost:
    """Reads the slices that it takes and the indices, writes what it took. At least one slice a batch."""
    taken, places = ctx.output(0).elements, ctx.input(1).dims[:-1]
    batches = math.prod(places[: ctx.attributes.integer("batch_dims")])
    return _gathered(ctx, taken, batches * (taken // max(math.prod(places), 1)))


cost("GatherND", domain="com.microsoft", kind=OpKind.MOVE)(gather_nd)


@cost("ArrayFeatureExtractor", domain="ai.onnx.ml", kind=OpKind.MOVE)
def feature_extractor(ctx: CostContext) -> OpCost:
    """Reads the features that it takes and the indices, writes what it took. At least one feature a row."""
    *_, features = ctx.input(0).dims
    rows = ctx.input(0).elements // max(features, 1)
    most, least = ctx.rows_taken(1, features)
    return _gathered(ctx, most * rows, least * rows)


def _gathered(ctx: CostContext, most: int, least: int) -> OpCost:
    """A read of at most and at least so many elements of input 0, and of the indices."""
    indices = ctx.read(1)
    certain = None if least >= most else Least(reads=(*ctx.read_some(0, least), *indices))
    return ctx.move((*ctx.read_some(0, most), *indices), least=certain)


@cost("ScatterElements", "Scatter", "ScatterND", kind=OpKind.MOVE)
def scatter(ctx: CostContext) -> OpCost:
    """Reads indices and updates, writes the updates in place; the rest of a weight is copied. A reduction reads too.

    1 op for each update that is added, multiplied or compared.
    """
    return _scattered(ctx, index=(1,), update=2)


@cost("TensorScatter", kind=OpKind.MOVE)
def tensor_scatter(ctx: CostContext) -> OpCost:
    """Reads the update and its positions, writes the update into the cache in place."""
    return _scattered(ctx, index=(2,), update=1)


def _scattered(ctx: CostContext, *, index: tuple[int, ...], update: int) -> OpCost:
    updates = ctx.input(update).elements
    data = ctx.op.inputs[0]
    result = ctx.output(0)
    has_reduction = ctx.attributes.text("reduction", "none") not in ("none", "")
    must_copy = ctx.is_constant(0) or ctx.copies_cache
    reads: tuple[Transfer, ...] = ctx.read(update, *index)
    in_place: tuple[tuple[str, str], ...] = ()
    if must_copy:
        kept = result.elements if has_reduction else max(result.elements - updates, 0)
        reads += ctx.read_some(0, kept)
        writes = ctx.write_all()
    else:
        reads += ctx.read_some(0, updates) if has_reduction else ()
        writes, in_place = ctx.write_some(0, updates), ((result.name, data),)
    if has_reduction:
        return ctx.compute(steps(updates), reads=reads, writes=writes, in_place=in_place)
    return ctx.move(reads, writes, in_place=in_place)


@cost("OneHot", kind=OpKind.MOVE)
def one_hot(ctx: CostContext) -> OpCost:
    """Reads indices and the two values, writes its output."""
    return ctx.move(ctx.read(0, 2))


@cost("Compress", kind=OpKind.MOVE)
def compress(ctx: CostContext) -> OpCost:
    """Reads the elements that it keeps and the condition, writes what it kept."""
    return ctx.move((*ctx.read_some(0, ctx.output(0).elements), *ctx.read(1)))


@cost("MaxUnpool", kind=OpKind.MOVE)
def max_unpool(ctx: CostContext) -> OpCost:
    """Reads values and their positions, writes its output."""
    return ctx.move(ctx.read(0, 1))
