"""Operators that arrange elements anew: what they read of their input, and what they write."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator, Sequence

from onnxroof.costs.context import VIEW, CostContext
from onnxroof.costs.cost import OpCost, Transfer
from onnxroof.costs.nests import broadcast_axes, make_nest, pointwise, read_at, whole_reads, write_at
from onnxroof.costs.registry import cost
from onnxroof.ir.loopnest import AxisMap, Loop, LoopNest, Term, dense_axis
from onnxroof.ir.op import OpKind
from onnxroof.ir.tensor import TensorKind

__all__ = ["concat"]


@cost("Transpose", kind=OpKind.MOVE)
def transpose(ctx: CostContext) -> OpCost:
    """Reads and writes every element; a view where only axes of size 1 move."""
    extents = ctx.input(0).dims
    order = ctx.attributes.integers("perm") or tuple(reversed(range(len(extents))))
    moved = [axis for axis in order if extents[axis] != 1]
    if moved == sorted(moved):
        return VIEW
    loops = tuple(Loop(f"d{i}", extents[axis]) for i, axis in enumerate(order))
    # Loops walk the output; input axis `a` is walked by the loop of the place to which it goes.
    source = tuple(dense_axis(order.index(axis), extent) for axis, extent in enumerate(extents))
    written = tuple(dense_axis(i, loop.extent) for i, loop in enumerate(loops))
    return ctx.move(ctx.read(0), nest=make_nest(loops, (read_at(ctx, 0, source), write_at(ctx, 0, written))))


@cost("Concat", kind=OpKind.MOVE)
def concat(ctx: CostContext) -> OpCost:
    """Reads and writes every element; only the new ones where it appends to a cache that is kept between runs.

    A cache is an input of the model to which a tensor made by the model is joined and which the model returns.
    """
    cache = _cache_position(ctx)
    if cache is None:
        return ctx.move(ctx.read_all(), nest=_joined_nest(ctx))
    new = ctx.input(1 - cache)
    past, present = ctx.op.inputs[cache], ctx.op.outputs[0]
    moved = ctx.move(
        ctx.read(1 - cache), (Transfer(present, ctx.output(0).bytes_of(new.elements)),), in_place=((present, past),)
    )
    return dataclasses.replace(moved, appends_to=past)


def _joined_nest(ctx: CostContext) -> LoopNest | None:
    """Loops over the result; each input lies at its place along the axis, the rest is padding to it."""
    inputs, extents = ctx.op.inputs, ctx.output(0).dims
    if len(set(inputs)) != len(inputs):
        return None  # a tensor that is joined to itself is two affine maps of one operand
    axis = ctx.attributes.integer("axis", 1) % len(extents)
    shapes = [ctx.input(index).dims for index in range(len(inputs))]
    reads = [read_at(ctx, i, axes) for i, axes in enumerate(_parts(shapes, axis))]
    loops = tuple(Loop(f"d{i}", extent) for i, extent in enumerate(extents))
    return make_nest(loops, (*reads, write_at(ctx, 0, broadcast_axes(extents, extents))))


def _parts(shapes: Sequence[tuple[int, ...]], axis: int) -> Iterator[tuple[AxisMap, ...]]:
    """The parts of a tensor that lie behind each other along an axis, as maps of loops over the whole of it."""
    begin = 0
    for shape in shapes:
        yield tuple(
            AxisMap((Term(i),), extent, -begin) if i == axis else dense_axis(i, extent)
            for i, extent in enumerate(shape)
        )
        begin += shape[axis]


def _cache_position(ctx: CostContext) -> int | None:
    if ctx.copies_cache or len(ctx.op.inputs) != 2 or not ctx.has_output(0):
        return None
    kinds = [ctx.tensors[name].kind for name in ctx.op.inputs]
    if not ctx.tensors[ctx.op.outputs[0]].is_output or sorted(k.value for k in kinds) != ["activation", "input"]:
        return None
    return kinds.index(TensorKind.INPUT)


@cost("Split", kind=OpKind.MOVE)
def split(ctx: CostContext) -> OpCost:
    """Reads and writes the parts that are wanted."""
    wanted = sum(tensor.elements for tensor in ctx.outputs)
    extents = ctx.input(0).dims
    nest = None
    if wanted == ctx.input(0).elements:
        parts = _parts([tensor.dims for tensor in ctx.outputs], ctx.attributes.integer("axis") % len(extents))
        loops = tuple(Loop(f"d{i}", extent) for i, extent in enumerate(extents))
        writes = [write_at(ctx, i, axes) for i, axes in enumerate(parts)]
        nest = make_nest(loops, (read_at(ctx, 0, broadcast_axes(extents, extents)), *writes))
    return ctx.move(ctx.read_some(0, wanted), nest=nest)


@cost("Slice", kind=OpKind.MOVE)
def slice_(ctx: CostContext) -> OpCost:
    """Reads and writes the elements that it selects."""
    return ctx.move(ctx.read_some(0, ctx.output(0).elements), nest=_slice_nest(ctx))


def _slice_nest(ctx: CostContext) -> LoopNest | None:
    """Loops over the result; each axis of the input is walked from its start in its steps. None if these are data."""
    extents = ctx.input(0).dims
    if "starts" in ctx.attributes:
        starts, axes, steps = ctx.attributes.integers("starts"), ctx.attributes.integers("axes"), None
    else:
        starts, axes, steps = (ctx.integers(index) for index in (1, 3, 4))
        if any(ctx.has_input(index) and known is None for index, known in ((3, axes), (4, steps))):
            return None
    if starts is None:
        return None
    walks = [(0, 1)] * len(extents)
    for axis, start, step in zip(axes or range(len(starts)), starts, steps or (1,) * len(starts), strict=False):
        begin = start + extents[axis] if start < 0 else start
        walks[axis] = min(max(begin, 0), extents[axis] - 1), step
    result = ctx.output(0).dims
    loops = tuple(Loop(f"d{i}", extent) for i, extent in enumerate(result))
    source = tuple(AxisMap((Term(i, walks[i][1]),), extent, walks[i][0]) for i, extent in enumerate(extents))
    return make_nest(loops, (read_at(ctx, 0, source), write_at(ctx, 0, broadcast_axes(result, result))))


@cost("Pad", kind=OpKind.MOVE)
def pad(ctx: CostContext) -> OpCost:
    """Reads the elements that it keeps and writes the padded tensor; a view where nothing is padded."""
    extents, result = ctx.input(0).dims, ctx.output(0).dims
    if extents == result:
        return VIEW
    kept, nest = math.prod(min(a, b) for a, b in zip(extents, result, strict=True)), None
    begins = _pad_begins(ctx)
    if begins is not None:
        nest = _pad_nest(ctx, begins)
        kept = math.prod(
            max(min(size, length - begin) - max(-begin, 0), 0)
            for size, length, begin in zip(extents, result, begins, strict=True)
        )
    repeats = ctx.attributes.text("mode", "constant") != "constant"
    return dataclasses.replace(ctx.move((*ctx.read_some(0, kept), *ctx.read(2)), nest=nest), repeats=repeats)


cost("Pad", domain="com.microsoft", kind=OpKind.MOVE)(pad)


def _pad_begins(ctx: CostContext) -> tuple[int, ...] | None:
    """Padding before each axis, None where it is not known."""
    rank = len(ctx.input(0).dims)
    pads = ctx.attributes.integers("pads") or ctx.integers(1)
    if pads is None:
        return None
    axes = list(range(rank))
    if ctx.has_input(3):
        named = ctx.integers(3)
        if named is None:
            return None
        axes = [axis % rank for axis in named]
    begins = [0] * rank
    for axis, begin in zip(axes, pads, strict=False):
        begins[axis] = begin
    return tuple(begins)


def _pad_nest(ctx: CostContext, begins: tuple[int, ...]) -> LoopNest | None:
    """Padding as an affine map: indices outside the input are read from nowhere.

    Modes that repeat elements move as much: an element that is written to all its places while it is there comes in
    once, in a buffer of any size. But a tile of the result may need elements that are not where the map says.
    """
    extents, result = ctx.input(0).dims, ctx.output(0).dims
    loops = tuple(Loop(f"d{i}", extent) for i, extent in enumerate(result))
    source = tuple(AxisMap((Term(i),), extent, -begins[i]) for i, extent in enumerate(extents))
    accesses = (read_at(ctx, 0, source), *whole_reads(ctx, 2), write_at(ctx, 0, broadcast_axes(result, result)))
    return make_nest(loops, accesses)


@cost("Expand", kind=OpKind.MOVE)
def expand(ctx: CostContext) -> OpCost:
    """Reads the small tensor and writes the large one; a view where the shape stays."""
    if ctx.input(0).dims == ctx.output(0).dims:
        return VIEW
    return ctx.move(ctx.read(0), nest=pointwise(ctx, (0,)))


@cost("Tile", kind=OpKind.MOVE)
def tile(ctx: CostContext) -> OpCost:
    """Reads the tile and writes its copies; a view where there is one copy."""
    extents, result = ctx.input(0).dims, ctx.output(0).dims
    if extents == result:
        return VIEW
    copies = [size // extent if extent else 0 for extent, size in zip(extents, result, strict=True)]
    rank = len(extents)
    loops = (
        *(Loop(f"copy{i}", count) for i, count in enumerate(copies)),
        *(Loop(f"d{i}", extent) for i, extent in enumerate(extents)),
    )
    written = tuple(AxisMap((Term(i, e), Term(rank + i)), e * copies[i]) for i, e in enumerate(extents))
    source = broadcast_axes(extents, extents, first_loop=rank)
    return ctx.move(ctx.read(0), nest=make_nest(loops, (read_at(ctx, 0, source), write_at(ctx, 0, written))))


@cost("CenterCropPad", kind=OpKind.MOVE)
def center_crop_pad(ctx: CostContext) -> OpCost:
    """Reads the elements that it keeps and writes its output; a view where nothing is cropped or padded."""
    extents, result = ctx.input(0).dims, ctx.output(0).dims
    if extents == result:
        return VIEW
    loops = tuple(Loop(f"d{i}", extent) for i, extent in enumerate(result))
    # The smaller of the two lies in the middle of the larger, half a step towards the beginning.
    begins = [(old - new) // 2 if old > new else -((new - old) // 2) for old, new in zip(extents, result, strict=True)]
    source = tuple(AxisMap((Term(i),), old, begin) for i, (old, begin) in enumerate(zip(extents, begins, strict=True)))
    nest = make_nest(loops, (read_at(ctx, 0, source), write_at(ctx, 0, broadcast_axes(result, result))))
    return ctx.move(ctx.read_some(0, math.prod(map(min, extents, result))), nest=nest)


@cost("DepthToSpace", "SpaceToDepth", kind=OpKind.MOVE)
def rearrange(ctx: CostContext) -> OpCost:
    """Reads and writes every element."""
    return ctx.move(ctx.read(0), nest=_blocks_nest(ctx))


def _blocks_nest(ctx: CostContext) -> LoopNest | None:
    """Loops n, c, h, w over the deep tensor and the rows and columns of a block, which are channels of the deep one."""
    is_deep_first = ctx.op.op_type == "DepthToSpace"
    size = ctx.attributes.integer("blocksize", 1)
    batch, depth, height, width = (ctx.input(0) if is_deep_first else ctx.output(0)).dims
    channels = depth // size**2
    names = zip(("n", "c", "h", "w", "bh", "bw"), (batch, channels, height, width, size, size), strict=True)
    loops = tuple(Loop(name, extent) for name, extent in names)
    strides = (size**2, size, 1) if ctx.attributes.text("mode", "DCR") == "CRD" else (1, size * channels, channels)
    channel = AxisMap(tuple(Term(loop, stride) for loop, stride in zip((1, 4, 5), strides, strict=True)), depth)
    deep = (dense_axis(0, batch), channel, dense_axis(2, height), dense_axis(3, width))
    rows, columns = (AxisMap((Term(2 + i, size), Term(4 + i)), size * n) for i, n in enumerate((height, width)))
    flat = (dense_axis(0, batch), dense_axis(1, channels), rows, columns)
    source, written = (deep, flat) if is_deep_first else (flat, deep)
    return make_nest(loops, (read_at(ctx, 0, source), write_at(ctx, 0, written)))


@cost("ReverseSequence", kind=OpKind.MOVE)
def reverse_sequence(ctx: CostContext) -> OpCost:
    """Reads and writes every element, and reads the lengths."""
    return ctx.move(ctx.read_all())


@cost("Trilu", kind=OpKind.MOVE)
def trilu(ctx: CostContext) -> OpCost:
    """Reads the triangle that it keeps and writes every element."""
    extents = ctx.input(0).dims
    offsets = ctx.integers(1) if ctx.has_input(1) else (0,)
    if offsets is None:
        return ctx.move(ctx.read(0))
    *outer, rows, columns = extents
    first = offsets[0]
    # Of row r, the upper triangle keeps columns from r + k on, the lower those up to r + k.
    if ctx.attributes.integer("upper", 1):
        kept = sum(columns - min(max(row + first, 0), columns) for row in range(rows))
    else:
        kept = sum(min(max(row + first + 1, 0), columns) for row in range(rows))
    return ctx.move(ctx.read_some(0, math.prod(outer) * kept))


cost("Trilu", domain="com.microsoft", kind=OpKind.MOVE)(trilu)
