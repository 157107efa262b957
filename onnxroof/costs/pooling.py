"""What pools cost: one step for each output element and tap of its window, over the input that windows touch."""

from __future__ import annotations

import math
from collections.abc import Callable

from onnxroof.costs.context import CostContext
from onnxroof.costs.cost import Least, OpCost, Transfer, Work
from onnxroof.costs.elementwise import steps
from onnxroof.costs.matmul import REQUANTIZE
from onnxroof.costs.nests import broadcast_axes, make_nest, read_at, whole_reads, write_at
from onnxroof.costs.registry import cost
from onnxroof.costs.windows import Window, spatial_names, windows_of
from onnxroof.ir.loopnest import AxisMap, Loop, LoopKind, LoopNest, Term, dense_axis

__all__ = ["global_pool", "lp_work", "pooled"]


@cost("MaxPool", "AveragePool", "LpPool")
def pool(ctx: CostContext) -> OpCost:
    """1 max or add for each output element and tap; AveragePool 1 DIV an output element; LpPool as ReduceL1 or L2.

    At least: the taps that fall on the image. The same of every pool here.
    """
    return pooled(ctx)


@cost("GlobalMaxPool", "GlobalAveragePool", "GlobalLpPool")
def global_pool(ctx: CostContext) -> OpCost:
    """1 max or add for each input element; average 1 DIV an output element; LpPool as ReduceL1 or L2."""
    shape = ctx.input(0).dims
    return ctx.compute(_work(ctx, math.prod(shape), math.prod(shape[:2])), nest=_global_nest(ctx, first=2))


@cost("QLinearAveragePool", domain="com.microsoft")
def qlinear_average_pool(ctx: CostContext) -> OpCost:
    """1 sub and 1 add for each output element and tap; 4 vector ops to requantize an output element."""
    requantized = REQUANTIZE.times(ctx.output(0).elements)

    def work(terms: int) -> Work:
        return steps(2 * terms) + requantized

    return pooled(ctx, work=work, small=(1, 2, 3, 4), is_channels_last=bool(ctx.attributes.integer("channels_last")))


@cost("QLinearGlobalAveragePool", domain="com.microsoft")
def qlinear_global_average_pool(ctx: CostContext) -> OpCost:
    """1 sub and 1 add for each input element; 4 vector ops to requantize an output element."""
    is_channels_last = bool(ctx.attributes.integer("channels_last"))
    nest = None if is_channels_last else _global_nest(ctx, first=2, scalars=(1, 2, 3, 4))
    work = steps(2 * ctx.input(0).elements) + REQUANTIZE.times(ctx.output(0).elements)
    return ctx.compute(work, nest=nest)


@cost("LRN")
def lrn(ctx: CostContext) -> OpCost:
    """Computes x / (bias + alpha / size * sum of size squares) ** beta: size + 3 vector ops, POW and DIV an element.

    At least: the squares of channels that there are.
    """
    shape = ctx.input(0).dims
    size = ctx.attributes.integer("size", 1)
    loops = tuple(Loop(f"d{i}", extent) for i, extent in enumerate(shape))
    dense = broadcast_axes(shape, shape)
    tap = len(shape)
    seen = AxisMap((Term(1), Term(tap)), shape[1], -((size - 1) // 2))
    nest = make_nest(
        (*loops, Loop("f", size, LoopKind.REDUCTION)),
        (
            read_at(ctx, 0, (dense[0], seen, *dense[2:])),
            write_at(ctx, 0, dense, ctx.input(0).dtype.accumulator.bits),
        ),
    )
    elements, channels = math.prod(shape), shape[1]
    squares = Window(channels, size, 1, 1, (size - 1) // 2, channels).meetings * (elements // max(channels, 1))
    others = steps(3, "POW", "DIV").times(elements)
    return ctx.compute(steps(size * elements) + others, nest=nest, least=Least(work=steps(squares) + others))


def lp_work(power: int, terms: int, results: int) -> Work:
    """Work of a p-norm: of `terms` elements into `results` sums.

    p = 1: abs and add; p = 2: mul and add, then SQRT; else abs, POW and add, then POW.
    """
    if power == 1:
        return steps(2 * terms)
    if power == 2:
        return Work(vector_ops=2 * terms, special={"SQRT": results})
    return Work(vector_ops=2 * terms, special={"POW": terms + results})


def _work(ctx: CostContext, terms: int, results: int) -> Work:
    if "Lp" in ctx.op.op_type:
        return lp_work(ctx.attributes.integer("p", 2), terms, results)
    if "Average" in ctx.op.op_type:
        return Work(vector_ops=terms, special={"DIV": results})
    return steps(terms)


def pooled(
    ctx: CostContext,
    *,
    work: Callable[[int], Work] | None = None,
    small: tuple[int, ...] = (),
    is_channels_last: bool = False,
) -> OpCost:
    """The cost of a pool.

    Args:
        ctx: The operator.
        work: Of a number of terms, where it is not that of the pool's name.
        small: Further inputs, which are read whole.
        is_channels_last: Whether channels come last, instead of behind the batch.
    """
    taps = ctx.attributes.integers("kernel_shape") or ()
    image, result = ctx.input(0), ctx.output(0)
    first = 1 if is_channels_last else 2
    spatial = slice(first, first + len(taps))
    windows = windows_of(ctx.attributes, taps, image.dims[spatial], result.dims[spatial])
    outer = math.prod(image.dims) // max(math.prod(image.dims[spatial]), 1)
    touched = outer * math.prod(window.touched for window in windows)
    inside = outer * math.prod(window.meetings for window in windows)

    def of_terms(terms: int) -> Work:
        return work(terms) if work else _work(ctx, terms, result.elements)

    return ctx.compute(
        of_terms(result.elements * math.prod(taps)),
        reads=(Transfer(image.name, image.bytes_of(touched)), *ctx.read(*small)),
        nest=_window_nest(ctx, windows, small, is_channels_last=is_channels_last),
        least=Least(work=of_terms(inside)),
    )


def _partial_bits(ctx: CostContext) -> int:
    """A maximum is held in the type itself, a sum in its accumulator."""
    dtype = ctx.input(0).dtype
    return dtype.bits if "Max" in ctx.op.op_type else dtype.accumulator.bits


def _window_nest(
    ctx: CostContext, windows: tuple[Window, ...], small: tuple[int, ...], *, is_channels_last: bool
) -> LoopNest | None:
    batch = ctx.output(0).dims[0]
    channels = ctx.output(0).dims[-1 if is_channels_last else 1]
    rank = len(windows)
    loops = (
        Loop("b", batch),
        Loop("c", channels),
        *(Loop(name, w.positions) for name, w in zip(spatial_names("o", rank), windows, strict=True)),
        *(Loop(name, w.taps, LoopKind.REDUCTION) for name, w in zip(spatial_names("f", rank), windows, strict=True)),
    )

    def arranged(spatial: tuple[AxisMap, ...]) -> tuple[AxisMap, ...]:
        b, c = dense_axis(0, batch), dense_axis(1, channels)
        return (b, *spatial, c) if is_channels_last else (b, c, *spatial)

    placed = arranged(tuple(dense_axis(2 + i, window.positions) for i, window in enumerate(windows)))
    seen = arranged(tuple(window.axis(2 + i, 2 + rank + i) for i, window in enumerate(windows)))
    writes = (write_at(ctx, i, placed, _partial_bits(ctx)) for i in range(2) if ctx.has_output(i))
    return make_nest(loops, (read_at(ctx, 0, seen), *whole_reads(ctx, *small), *writes))


def _global_nest(ctx: CostContext, first: int, scalars: tuple[int, ...] = ()) -> LoopNest | None:
    shape, result = ctx.input(0).dims, ctx.output(0).dims
    names = ("b", "c", *spatial_names("f", len(shape) - first))
    loops = tuple(
        Loop(name, extent, LoopKind.PARALLEL if i < first else LoopKind.REDUCTION)
        for i, (name, extent) in enumerate(zip(names, shape, strict=True))
    )
    accesses = (
        read_at(ctx, 0, broadcast_axes(shape, shape)),
        *whole_reads(ctx, *scalars),
        write_at(ctx, 0, broadcast_axes(result, shape), _partial_bits(ctx)),
    )
    return make_nest(loops, accesses)
