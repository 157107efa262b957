"""What reductions along axes cost: sums, norms, extrema and their positions, and running sums."""

from __future__ import annotations

from collections.abc import Mapping

from onnxroof.costs.context import VIEW, CostContext
from onnxroof.costs.cost import OpCost, Work
from onnxroof.costs.elementwise import steps
from onnxroof.costs.nests import broadcast_axes, make_nest, read_at, whole_reads, write_at
from onnxroof.costs.registry import Formula, cost
from onnxroof.ir.loopnest import Loop, LoopKind, LoopNest

__all__ = ["reduced_axes", "reduction_nest"]

# Steps of an input element, steps of an output element, and what they are.
_REDUCTIONS: Mapping[str, tuple[Work, Work, str]] = {
    "ReduceSum": (steps(1), steps(0), "1 add for each input element."),
    "ReduceMean": (steps(1), steps(0, "DIV"), "1 add for each input element, 1 DIV a result."),
    "ReduceMax": (steps(1), steps(0), "1 max for each input element."),
    "ReduceMin": (steps(1), steps(0), "1 min for each input element."),
    "ReduceProd": (steps(1), steps(0), "1 mul for each input element."),
    "ReduceL1": (steps(2), steps(0), "1 abs and 1 add for each input element."),
    "ReduceL2": (steps(2), steps(0, "SQRT"), "1 mul and 1 add for each input element, 1 SQRT a result."),
    "ReduceSumSquare": (steps(2), steps(0), "1 mul and 1 add for each input element."),
    "ReduceLogSum": (steps(1), steps(0, "LOG"), "1 add for each input element, 1 LOG a result."),
    "ReduceLogSumExp": (
        steps(3, "EXP"),
        steps(1, "LOG"),
        "1 max, 1 sub, EXP and 1 add for each input element; LOG and 1 add a result.",
    ),
}


def _row(element: Work, result: Work, sentence: str) -> Formula:
    def formula(ctx: CostContext) -> OpCost:
        axes = reduced_axes(ctx)
        if axes == ():
            return VIEW
        work = element.times(ctx.input(0).elements) + result.times(ctx.output(0).elements)
        return ctx.compute(work, reads=ctx.read(0), nest=None if axes is None else reduction_nest(ctx, axes))

    formula.__doc__ = sentence
    return formula


for _name, (_element, _result, _sentence) in _REDUCTIONS.items():
    cost(_name)(_row(_element, _result, _sentence))


@cost("ArgMax", "ArgMin")
def arg_extremum(ctx: CostContext) -> OpCost:
    """1 comparison for each input element."""
    axis = ctx.attributes.integer("axis") % max(len(ctx.input(0).dims), 1)
    return ctx.compute(steps(ctx.input(0).elements), nest=reduction_nest(ctx, (axis,)))


@cost("QLinearReduceMean", domain="com.microsoft")
def qlinear_reduce_mean(ctx: CostContext) -> OpCost:
    """1 sub and 1 add for each input element; 4 vector ops to requantize a result."""
    nest = reduction_nest(ctx, reduced_axes(ctx) or (), scalars=(1, 2, 3, 4))
    return ctx.compute(steps(2 * ctx.input(0).elements + 4 * ctx.output(0).elements), nest=nest)


@cost("ReduceSumInteger", domain="com.microsoft")
def reduce_sum_integer(ctx: CostContext) -> OpCost:
    """1 add for each input element."""
    return ctx.compute(steps(ctx.input(0).elements), nest=reduction_nest(ctx, reduced_axes(ctx) or ()))


@cost("CumSum", "CumProd")
def cumulative(ctx: CostContext) -> OpCost:
    """1 add or mul for each element."""
    shape = ctx.input(0).dims
    axis = ctx.integers(1)
    nest = None
    if axis is not None and shape:
        along = axis[0] % len(shape)
        dense = broadcast_axes(shape, shape)
        kinds = (LoopKind.SEQUENTIAL if i == along else LoopKind.PARALLEL for i in range(len(shape)))
        loops = (Loop(f"d{i}", shape[i], kind) for i, kind in enumerate(kinds))
        nest = make_nest(loops, (read_at(ctx, 0, dense), write_at(ctx, 0, dense)))
    return ctx.compute(steps(ctx.input(0).elements), reads=ctx.read(0), nest=nest)


def reduced_axes(ctx: CostContext) -> tuple[int, ...] | None:
    """The axes that a Reduce operator sums over, () where it passes its input on, None where that is not known."""
    rank = len(ctx.input(0).dims)
    axes = ctx.attributes.integers("axes")
    if axes is None and ctx.has_input(1):
        axes = ctx.integers(1)
        if axes is None:
            return _axes_from_shapes(ctx)
    if not axes:
        return () if ctx.attributes.integer("noop_with_empty_axes") else tuple(range(rank))
    return tuple(sorted(axis % rank for axis in axes)) if rank else ()


def _axes_from_shapes(ctx: CostContext) -> tuple[int, ...] | None:
    shape, result = ctx.input(0).dims, ctx.output(0).dims
    if len(shape) != len(result):
        return None
    return tuple(i for i, (before, after) in enumerate(zip(shape, result, strict=True)) if before != after) or None


def reduction_nest(ctx: CostContext, axes: tuple[int, ...], scalars: tuple[int, ...] = ()) -> LoopNest | None:
    """Loops over all dimensions of input 0, those in `axes` reductions, with or without kept dimensions."""
    shape, result = ctx.input(0).dims, ctx.output(0).dims
    loops = tuple(
        Loop(f"d{i}", extent, LoopKind.REDUCTION if i in axes else LoopKind.PARALLEL) for i, extent in enumerate(shape)
    )
    dense = broadcast_axes(shape, shape)
    if len(result) == len(shape):
        written = broadcast_axes(result, shape)
    else:
        written = tuple(axis for i, axis in enumerate(dense) if i not in axes)
    has_extremum = any(word in ctx.op.op_type for word in ("Max", "Min"))
    dtype = ctx.input(0).dtype
    bits = dtype.bits if has_extremum else dtype.accumulator.bits
    accesses = (read_at(ctx, 0, dense), *whole_reads(ctx, *scalars), write_at(ctx, 0, written, bits))
    return make_nest(loops, accesses)
