"""What softmax and the normalisations cost: statistics over some axes, then a second look at the same elements.

The least number of sweeps is two, for softmax too: maximum and sum can be taken together.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence

from onnxroof.costs.context import CostContext
from onnxroof.costs.cost import Least, OpCost, Transfer, Work
from onnxroof.costs.elementwise import activation, steps
from onnxroof.costs.nests import broadcast_axes, read_at, sweep, whole_reads, write_at
from onnxroof.costs.pooling import lp_work
from onnxroof.costs.registry import cost
from onnxroof.ir.loopnest import Access, dense_axis, whole_axis

__all__ = ["embedded_rows", "layer_norm_work", "rms_norm_work", "softmax_work"]


def softmax_work(elements: int) -> Work:
    """Over n elements: n max, n sub, n EXP, n add, n DIV."""
    return Work(vector_ops=3 * elements, special={"EXP": elements, "DIV": elements})


def layer_norm_work(elements: int, rows: int) -> Work:
    """Mean, variance and scaling by 1 / sqrt(variance + epsilon), without scale and bias.

    1 add, 1 sub, 1 mul (square), 1 add, 1 mul (normalise) an element; 1 add, 1 SQRT, 3 DIV a row (two means, one
    reciprocal).
    """
    return Work(vector_ops=5 * elements + rows, special={"SQRT": rows, "DIV": 3 * rows})


def rms_norm_work(elements: int, rows: int) -> Work:
    """Over n elements: n mul (squares), n add, n mul (normalise); 1 add, 1 SQRT, 2 DIV a row (mean, reciprocal)."""
    return Work(vector_ops=3 * elements + rows, special={"SQRT": rows, "DIV": 2 * rows})


def _normalized_axes(ctx: CostContext, default: int = -1) -> tuple[int, ...]:
    """The axes from attribute `axis` to the last."""
    rank = len(ctx.input(0).dims)
    return tuple(range(ctx.attributes.integer("axis", default) % max(rank, 1), rank))


def _softmax_axes(ctx: CostContext) -> tuple[int, ...]:
    """Before opset 13 a softmax took all axes from `axis` on as one row, since then one axis."""
    if not ctx.op.domain and ctx.op.version < 13:
        return _normalized_axes(ctx, 1)
    return (ctx.attributes.integer("axis", -1) % max(len(ctx.input(0).dims), 1),)


def _rows(shape: Sequence[int], axes: Sequence[int]) -> int:
    return math.prod(extent for i, extent in enumerate(shape) if i not in axes)


@cost("Softmax")
def softmax(ctx: CostContext) -> OpCost:
    """1 max, 1 sub, EXP, 1 add, DIV an element."""
    alone = ctx.compute(softmax_work(ctx.input(0).elements), nest=sweep(ctx, _softmax_axes(ctx)))
    return dataclasses.replace(alone, rescales=True)


@cost("LogSoftmax")
def log_softmax(ctx: CostContext) -> OpCost:
    """1 max, 1 sub, EXP, 1 add, 1 sub an element; LOG a row."""
    axes = _softmax_axes(ctx)
    tensor = ctx.input(0)
    special = {"EXP": tensor.elements, "LOG": _rows(tensor.dims, axes)}
    return ctx.compute(Work(vector_ops=4 * tensor.elements, special=special), nest=sweep(ctx, axes))


@cost("Hardmax")
def hardmax(ctx: CostContext) -> OpCost:
    """1 max, 1 comparison an element."""
    return ctx.compute(steps(2 * ctx.input(0).elements), nest=sweep(ctx, _softmax_axes(ctx)))


@cost("BiasSoftmax", domain="com.microsoft")
def bias_softmax(ctx: CostContext) -> OpCost:
    """1 add, then as Softmax: 1 max, 1 sub, EXP, 1 add, DIV an element."""
    tensor, bias = ctx.input(0), ctx.input(1).dims
    is_broadcast = len(bias) == len(tensor.dims) and all(b in (1, n) for b, n in zip(bias, tensor.dims, strict=True))
    nest = sweep(ctx, _normalized_axes(ctx, 1), extra=_trailing(ctx, 1)) if is_broadcast else None
    alone = ctx.compute(softmax_work(tensor.elements) + steps(tensor.elements), nest=nest)
    return dataclasses.replace(alone, rescales=True)


@cost("QLinearSoftmax", domain="com.microsoft")
def qlinear_softmax(ctx: CostContext) -> OpCost:
    """As Softmax; 2 vector ops to dequantize and 4 to requantize an element."""
    elements = ctx.input(0).elements
    rank = len(ctx.input(0).dims)
    axis = ctx.attributes.integer("axis", -1) % max(rank, 1)
    axes = (axis,) if ctx.attributes.integer("opset", 13) >= 13 else tuple(range(axis, rank))
    nest = sweep(ctx, axes, extra=whole_reads(ctx, 1, 2, 3, 4))
    return ctx.compute(softmax_work(elements) + steps(6 * elements), nest=nest)


@cost("LayerNormalization")
def layer_normalization(ctx: CostContext) -> OpCost:
    """2 add, 1 sub, 2 mul, 1 mul by scale, with a bias 1 add an element; 1 add, SQRT, 3 DIV a row."""
    axes = _normalized_axes(ctx)
    elements = ctx.input(0).elements
    work = layer_norm_work(elements, _rows(ctx.input(0).dims, axes)) + steps(elements * (1 + ctx.has_input(2)))
    extra = (*_trailing(ctx, 1, 2), *_row_writes(ctx, axes, 1, 2))
    return ctx.compute(work, nest=sweep(ctx, axes, extra=extra))


@cost("RMSNormalization", "SimplifiedLayerNormalization")
def rms_normalization(ctx: CostContext) -> OpCost:
    """1 add, 2 mul, 1 mul by scale an element; 1 add, SQRT, 2 DIV a row."""
    axes = _normalized_axes(ctx)
    elements = ctx.input(0).elements
    extra = (*_trailing(ctx, 1), *_row_writes(ctx, axes, 1))
    work = rms_norm_work(elements, _rows(ctx.input(0).dims, axes)) + steps(elements)
    return ctx.compute(work, nest=sweep(ctx, axes, extra=extra))


cost("SimplifiedLayerNormalization", domain="com.microsoft")(rms_normalization)


@cost("SkipLayerNormalization", domain="com.microsoft")
def skip_layer_normalization(ctx: CostContext) -> OpCost:
    """LayerNormalization of input + skip (+ bias): 1 add an element for each summand and for beta, 1 mul for gamma."""
    rank = len(ctx.input(0).dims)
    elements = ctx.input(0).elements
    rows = _rows(ctx.input(0).dims, (rank - 1,))
    work = layer_norm_work(elements, rows) + steps(elements * (2 + ctx.has_input(3) + ctx.has_input(4)))
    return ctx.compute(work, nest=sweep(ctx, (rank - 1,), extra=_skip_accesses(ctx, (2, 3, 4))))


@cost("SkipSimplifiedLayerNormalization", domain="com.microsoft")
def skip_rms_normalization(ctx: CostContext) -> OpCost:
    """RMSNormalization of input + skip (+ bias): 1 add an element for each summand, 1 mul for gamma."""
    rank = len(ctx.input(0).dims)
    elements = ctx.input(0).elements
    work = rms_norm_work(elements, _rows(ctx.input(0).dims, (rank - 1,)))
    work += steps(elements * (2 + ctx.has_input(3)))
    return ctx.compute(work, nest=sweep(ctx, (rank - 1,), extra=_skip_accesses(ctx, (2, 3))))


@cost("InstanceNormalization")
def instance_normalization(ctx: CostContext) -> OpCost:
    """2 add, 1 sub, 2 mul, 1 mul by scale, 1 add of bias an element; 1 add, SQRT, 3 DIV for each image and channel."""
    shape = ctx.input(0).dims
    elements = ctx.input(0).elements
    nest = sweep(ctx, range(2, len(shape)), extra=_channel_reads(ctx, 1, 2))
    return ctx.compute(layer_norm_work(elements, shape[0] * shape[1]) + steps(2 * elements), nest=nest)


@cost("GroupNormalization")
def group_normalization(ctx: CostContext) -> OpCost:
    """2 add, 1 sub, 2 mul, 1 mul by scale, 1 add of bias an element; 1 add, SQRT, 3 DIV for each image and group."""
    shape = ctx.input(0).dims
    elements = ctx.input(0).elements
    rows = shape[0] * ctx.attributes.integer("num_groups", 1)
    is_per_channel = ctx.input(1).elements == shape[1]
    extra = _channel_reads(ctx, 1, 2) if is_per_channel else whole_reads(ctx, 1, 2)
    nest = sweep(ctx, range(1, len(shape)), extra=extra)
    return ctx.compute(layer_norm_work(elements, rows) + steps(2 * elements), nest=nest)


@cost("GroupNorm", "SkipGroupNorm", domain="com.microsoft")
def contrib_group_norm(ctx: CostContext) -> OpCost:
    """As GroupNormalization; 1 add an element for skip and for its bias; the steps of Swish where it is activated."""
    elements = ctx.input(0).elements
    rows = ctx.input(0).dims[0] * ctx.attributes.integer("groups", 1)
    swish = activation("Swish" if ctx.attributes.integer("activation") else "").times(elements)
    work = layer_norm_work(elements, rows) + steps(elements * (2 + ctx.has_input(3) + ctx.has_input(4)))
    shape = ctx.input(0).dims
    place = len(shape) - 1 if ctx.attributes.integer("channels_last", 1) else 1
    channel, dense = dense_axis(place, shape[place]), broadcast_axes(shape, shape)
    extra = [read_at(ctx, i, (channel,)) for i in (1, 2, 4) if ctx.has_input(i)]
    if ctx.has_input(3):  # whole, or one value an image and channel
        is_whole = ctx.input(3).dims == shape
        skipped = tuple(whole_axis(1) for _ in range(len(ctx.input(3).dims) - 2))
        extra.append(read_at(ctx, 3, dense if is_whole else (dense[0], *skipped, channel)))
    extra += [write_at(ctx, 1, dense)] if ctx.has_output(1) else []
    return ctx.compute(work + swish, nest=sweep(ctx, range(1, len(shape)), extra=extra))


@cost("MeanVarianceNormalization")
def mean_variance_normalization(ctx: CostContext) -> OpCost:
    """2 add, 1 sub, 1 mul, DIV an element; 1 add, SQRT, 2 DIV for each mean."""
    shape = ctx.input(0).dims
    axes = tuple(axis % len(shape) for axis in ctx.attributes.integers("axes") or (0, 2, 3))
    elements, rows = ctx.input(0).elements, _rows(shape, axes)
    work = Work(vector_ops=4 * elements + rows, special={"SQRT": rows, "DIV": 2 * rows + elements})
    return ctx.compute(work, nest=sweep(ctx, axes))


@cost("LpNormalization")
def lp_normalization(ctx: CostContext) -> OpCost:
    """For p = 1: 1 abs, 1 add, DIV an element; p = 2: 1 mul, 1 add, DIV an element, SQRT a row."""
    shape = ctx.input(0).dims
    axis = ctx.attributes.integer("axis", -1) % len(shape)
    elements = ctx.input(0).elements
    work = lp_work(ctx.attributes.integer("p", 2), elements, _rows(shape, (axis,)))
    return ctx.compute(work + Work(special={"DIV": elements}), nest=sweep(ctx, (axis,)))


@cost("EmbedLayerNormalization", domain="com.microsoft")
def embed_layer_normalization(ctx: CostContext) -> OpCost:
    """LayerNormalization of the sum of gathered rows: 1 add an element for each table after the first, gamma, beta.

    Word and segment rows are read for each id, position rows for each position of the longest sentence.
    """
    result = ctx.output(0)
    tokens = math.prod(result.dims[:-1])
    width = result.dims[-1]
    tables = 2 + ctx.has_input(4)
    work = layer_norm_work(result.elements, tokens) + steps(result.elements * (tables - 1 + 2))
    reads, certain = embedded_rows(ctx, tokens, width)
    others = ctx.read(0, 1, 5, 6, 7, 8)
    return ctx.compute(work, reads=(*reads, *others), least=Least(work=work, reads=(*certain, *others)))


def embedded_rows(ctx: CostContext, tokens: int, width: int) -> tuple[tuple[Transfer, ...], tuple[Transfer, ...]]:
    """What is read of the tables of words, positions and segments (inputs 2 to 4): the most and the least.

    All words, and all segments, may be one. Positions that are not given are those of the longest sentence.
    """
    length = ctx.output(0).dims[-2]
    has_positions = ctx.op.op_type == "EmbedLayerNormalization" and ctx.has_input(8)
    rows = [(2, tokens, 1), (3, length, 1 if has_positions else length)]
    rows += [(4, tokens, 1)] if ctx.has_input(4) else []
    most = tuple(transfer for index, count, _ in rows for transfer in ctx.read_some(index, count * width))
    least = tuple(transfer for index, count, few in rows for transfer in ctx.read_some(index, min(few, count) * width))
    return most, least


def _trailing(ctx: CostContext, *indices: int) -> tuple[Access, ...]:
    """Scales and biases that are broadcast against the last dimensions of input 0."""
    shape = ctx.input(0).dims
    return tuple(read_at(ctx, i, broadcast_axes(ctx.input(i).dims, shape)) for i in indices if ctx.has_input(i))


def _channel_reads(ctx: CostContext, *indices: int) -> tuple[Access, ...]:
    """Scales and biases with one element a channel, dimension 1 of input 0."""
    return tuple(read_at(ctx, i, (dense_axis(1, ctx.input(0).dims[1]),)) for i in indices)


def _row_writes(ctx: CostContext, axes: tuple[int, ...], *indices: int) -> tuple[Access, ...]:
    """Statistics that are returned as well, one a row."""
    shape = ctx.input(0).dims
    kept = tuple(whole_axis(1) if i in axes else dense_axis(i, extent) for i, extent in enumerate(shape))
    return tuple(write_at(ctx, i, kept) for i in indices if ctx.has_output(i))


def _skip_accesses(ctx: CostContext, vectors: tuple[int, ...]) -> tuple[Access, ...]:
    shape = ctx.input(0).dims
    axes = (len(shape) - 1,)
    total = (write_at(ctx, 3, broadcast_axes(shape, shape)),) if ctx.has_output(3) else ()
    return (*_trailing(ctx, 1, *vectors), *_row_writes(ctx, axes, 1, 2), *total)
