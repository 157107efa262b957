"""What convolutions of every kind cost: standard, grouped, depthwise, transposed, deformable, quantized, causal."""

from __future__ import annotations

import math
from dataclasses import dataclass

from onnxroof.costs.context import CostContext, MissingShapeError, merged
from onnxroof.costs.cost import Least, OpCost, Transfer, Work
from onnxroof.costs.elementwise import STEPS, activation, steps
from onnxroof.costs.matmul import REQUANTIZE
from onnxroof.costs.nests import make_nest, read_at, whole_reads, write_at
from onnxroof.costs.registry import cost
from onnxroof.costs.windows import Window, spatial_names, windows_of
from onnxroof.ir.loopnest import Access, AxisMap, Loop, LoopKind, LoopNest, Term, dense_axis
from onnxroof.ir.op import Attributes

__all__ = ["Operands", "conv", "convolution", "fused_convolution", "transposed_convolution"]


@dataclass(frozen=True, slots=True)
class Operands:
    """Positions of a convolution's inputs: image, weights, bias, summand, and those that are read whole.

    `zero_points` are those of image and weights, where operators have them.
    """

    x: int = 0
    w: int = 1
    bias: int | None = None
    summand: int | None = None
    whole: tuple[int, ...] = ()
    zero_points: tuple[int, ...] = ()
    is_channels_last: bool = False

    def channels_first(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """A shape of the image or the output as [batch, channels, spatial ...]."""
        return (shape[0], shape[-1], *shape[1:-1]) if self.is_channels_last else shape


@cost("Conv")
def conv(ctx: CostContext) -> OpCost:
    """Output elements x prod(w[1:]) MACs; 1 add an output element for the bias. Untouched input is not read.

    At least: the taps that fall on the image. Those on padding add nothing, and weights that meet no image are not
    read. The same of every convolution here.
    """
    return convolution(ctx, Operands(bias=2), _bias(ctx, 2))


@cost("FusedConv", domain="com.microsoft")
def fused_conv(ctx: CostContext) -> OpCost:
    """As Conv; 1 add an output element for Z, and the steps of the activation."""
    return fused_convolution(ctx, Operands(bias=2, summand=3))


@cost("ConvInteger")
def conv_integer(ctx: CostContext) -> OpCost:
    """As Conv on integers; 1 sub for each element read of an operand that has a zero point."""
    return convolution(ctx, Operands(whole=(2, 3), zero_points=(2, 3)))


@cost("QLinearConv")
def qlinear_conv(ctx: CostContext) -> OpCost:
    """As Conv on integers; 1 sub for each operand element read, 4 vector ops to requantize an output element."""
    is_channels_last = bool(ctx.attributes.integer("channels_last"))
    operands = Operands(
        w=3, bias=8, whole=(1, 2, 4, 5, 6, 7), zero_points=(2, 5), is_channels_last=is_channels_last
    )  # fmt: skip
    return convolution(ctx, operands, _bias(ctx, 8) + REQUANTIZE.times(ctx.output(0).elements))


cost("QLinearConv", domain="com.microsoft")(qlinear_conv)


@cost("ConvTranspose")
def conv_transpose(ctx: CostContext) -> OpCost:
    """Input elements x prod(w[1:]) MACs, those that pads crop included; 1 add an output element for the bias.

    At least: without those that are cropped, and without the input and the weights that reach no output.
    """
    return transposed_convolution(ctx, bias=2)


def transposed_convolution(ctx: CostContext, *, bias: int, pads: tuple[int, ...] | None = None) -> OpCost:
    """The cost of a transposed convolution with its bias at an input; `pads` where they are no attribute."""
    image, weights, result = ctx.input(0), ctx.input(1), ctx.output(0)
    pairs = math.prod(image.dims[:2]) * weights.dims[1]
    other = _bias(ctx, bias)
    attributes = _transposed_attributes(ctx)
    if pads is not None:
        attributes = Attributes({**attributes.values, "pads": pads})
    windows = windows_of(attributes, weights.dims[2:], result.dims[2:], image.dims[2:])
    # An output element that no window reaches is written all the same: then no nest says what is written.
    is_covered = all(window.touched == window.extent for window in windows)
    placed = math.prod(image.dims[:2]) * math.prod(window.used_positions for window in windows)
    taps = math.prod(weights.dims[:2]) * math.prod(window.used_taps for window in windows)
    is_cut = placed < image.elements or taps < weights.elements
    return ctx.compute(
        Work(macs=math.prod(image.dims) * math.prod(weights.dims[1:])) + other,
        reads=ctx.read(0, 1, bias),
        nest=_transposed_nest(ctx, windows, bias) if is_covered else None,
        least=Least(
            work=Work(macs=pairs * math.prod(window.meetings for window in windows)) + other,
            reads=merged((*ctx.read_some(0, placed), *ctx.read_some(1, taps), *ctx.read(bias))) if is_cut else None,
        ),
    )


@cost("DeformConv")
def deform_conv(ctx: CostContext) -> OpCost:
    """MACs as Conv; 4 mul, 4 add (1 mul more with a mask) for each bilinear sample, 8 vector ops for each position.

    A sample is one input channel at one tap of one output position; a position is shared by the channels of an
    offset group: 2 adds, 2 floors, 2 fractions, 2 complements. At least the 2 adds: offsets may put all samples beside
    the image.
    """
    image, weights, result = ctx.input(0), ctx.input(1).dims, ctx.output(0)
    batch, channels = image.dims[:2]
    taps = math.prod(result.dims[2:]) * math.prod(weights[2:])
    samples = batch * channels * taps
    positions = batch * ctx.attributes.integer("offset_group", 1) * taps
    work = Work(
        macs=result.elements * math.prod(weights[1:]),
        vector_ops=samples * (8 + ctx.has_input(4)) + positions * 8,
    )
    reads = (*ctx.read_some(0, 4 * samples), *ctx.read(1, 2, 3, 4))
    least = Least(work=steps(2 * positions) + _bias(ctx, 3), reads=ctx.read(2, 3))
    return ctx.compute(work + _bias(ctx, 3), reads=reads, least=least)


def _bias(ctx: CostContext, index: int) -> Work:
    """One add for each output element where the input is there."""
    return steps(ctx.output(0).elements if ctx.has_input(index) else 0)


def fused_convolution(ctx: CostContext, operands: Operands) -> OpCost:
    """The cost of a convolution with a bias at input 2, a summand at 3 and an activation."""
    name = ctx.attributes.text("activation")
    if name and name not in STEPS:
        raise MissingShapeError(f"the fused activation `{name}` has no rule")
    return convolution(ctx, operands, _bias(ctx, 2) + _bias(ctx, 3) + activation(name).times(ctx.output(0).elements))


def convolution(ctx: CostContext, operands: Operands, other: Work | None = None) -> OpCost:
    """The cost of a convolution, with `other` work on its results.

    Where operands have zero points, 1 sub for each element read of them.
    """
    other = other or Work()
    image, weights = ctx.input(operands.x), ctx.input(operands.w)
    shape, result = operands.channels_first(image.dims), operands.channels_first(ctx.output(0).dims)
    windows = windows_of(ctx.attributes, weights.dims[2:], shape[2:], result[2:])
    touched = shape[0] * shape[1] * math.prod(window.touched for window in windows)
    taps = math.prod(weights.dims[:2]) * math.prod(window.used_taps for window in windows)
    inside = math.prod(result[:2]) * weights.dims[1] * math.prod(window.meetings for window in windows)
    further = [i for i in (operands.bias, operands.summand, *operands.whole) if i is not None]
    reads = (Transfer(image.name, image.bytes_of(touched)), *ctx.read(*further))

    def shifted(image_elements: int, weight_elements: int) -> Work:
        counts = zip(operands.zero_points, (image_elements, weight_elements), strict=False)
        return steps(sum(count for zero, count in counts if ctx.has_input(zero)))

    return ctx.compute(
        Work(macs=math.prod(result) * math.prod(weights.dims[1:])) + shifted(touched, weights.elements) + other,
        reads=(*reads, *ctx.read(operands.w)),
        nest=_nest(ctx, operands, windows),
        least=Least(
            work=Work(macs=inside) + shifted(touched, taps) + other,
            reads=merged((*reads, *ctx.read_some(operands.w, taps))) if taps < weights.elements else None,
        ),
    )


def _nest(ctx: CostContext, operands: Operands, windows: tuple[Window, ...]) -> LoopNest | None:
    """Loops b, g, k (output channels of a group), c (input channels of a group), positions, taps."""
    image = operands.channels_first(ctx.input(operands.x).dims)
    result = operands.channels_first(ctx.output(0).dims)
    weights = ctx.input(operands.w).dims
    rank = len(windows)
    depth = weights[1]
    groups = image[1] // depth if depth else 1
    filters = result[1] // groups if groups else 0
    loops = (
        Loop("b", result[0]),
        Loop("g", groups),
        Loop("k", filters),
        Loop("c", depth, LoopKind.REDUCTION),
        *(Loop(name, window.positions) for name, window in zip(spatial_names("o", rank), windows, strict=True)),
        *(
            Loop(name, window.taps, LoopKind.REDUCTION)
            for name, window in zip(spatial_names("f", rank), windows, strict=True)
        ),
    )
    if groups * depth != image[1] or groups * filters != result[1]:
        return None
    batch = dense_axis(0, image[0])
    channel_in = AxisMap((Term(1, depth), Term(3)), image[1])
    channel_out = AxisMap((Term(1, filters), Term(2)), result[1])
    seen = tuple(window.axis(4 + i, 4 + rank + i) for i, window in enumerate(windows))
    placed = tuple(dense_axis(4 + i, window.positions) for i, window in enumerate(windows))
    taps = tuple(dense_axis(4 + rank + i, window.taps) for i, window in enumerate(windows))

    def arranged(channel: AxisMap, spatial: tuple[AxisMap, ...]) -> tuple[AxisMap, ...]:
        return (batch, *spatial, channel) if operands.is_channels_last else (batch, channel, *spatial)

    accesses: list[Access] = [
        read_at(ctx, operands.x, arranged(channel_in, seen)),
        read_at(ctx, operands.w, (channel_out, dense_axis(3, depth), *taps)),
        *whole_reads(ctx, *operands.whole),
    ]
    if operands.bias is not None and ctx.has_input(operands.bias):
        accesses.append(read_at(ctx, operands.bias, (channel_out,)))
    if operands.summand is not None and ctx.has_input(operands.summand):
        accesses.append(read_at(ctx, operands.summand, arranged(channel_out, placed)))
    accesses.append(write_at(ctx, 0, arranged(channel_out, placed), ctx.compute_type.accumulator.bits))
    return make_nest(loops, accesses)


def _transposed_attributes(ctx: CostContext) -> Attributes:
    """The attributes; where `output_shape` is given, pads are whatever leads to it, the odd element at the start."""
    attributes = ctx.attributes
    if not attributes.integers("output_shape") or attributes.text("auto_pad", "NOTSET") != "NOTSET":
        return attributes
    return Attributes({**attributes.values, "auto_pad": "SAME_LOWER"})


def _transposed_nest(ctx: CostContext, windows: tuple[Window, ...], bias: int) -> LoopNest | None:
    """Loops b, g, k (output channels of a group), c (input channels of a group), input positions, taps.

    Each input element is scattered: taps sum into shared outputs only where windows overlap.
    """
    image, weights, result = ctx.input(0).dims, ctx.input(1).dims, ctx.output(0).dims
    rank = len(windows)
    filters = weights[1]
    groups = result[1] // filters if filters else 0
    depth = image[1] // groups if groups else 0
    if groups * filters != result[1] or groups * depth != image[1]:
        return None
    names = zip(spatial_names("f", rank), windows, strict=True)
    loops = (
        Loop("b", image[0]),
        Loop("g", groups),
        Loop("k", filters),
        Loop("c", depth, LoopKind.REDUCTION),
        *(Loop(name, window.positions) for name, window in zip(spatial_names("i", rank), windows, strict=True)),
        *(
            Loop(name, window.taps, LoopKind.REDUCTION if _overlaps(window) else LoopKind.PARALLEL)
            for name, window in names
        ),
    )
    batch = dense_axis(0, image[0])
    channel_in = AxisMap((Term(1, depth), Term(3)), image[1])
    channel_out = AxisMap((Term(1, filters), Term(2)), result[1])
    placed = tuple(dense_axis(4 + i, window.positions) for i, window in enumerate(windows))
    taps = tuple(dense_axis(4 + rank + i, window.taps) for i, window in enumerate(windows))
    written = tuple(window.axis(4 + i, 4 + rank + i) for i, window in enumerate(windows))
    shift = (read_at(ctx, bias, (channel_out,)),) if ctx.has_input(bias) else ()
    return make_nest(
        loops,
        (
            read_at(ctx, 0, (batch, channel_in, *placed)),
            read_at(ctx, 1, (channel_in, dense_axis(2, filters), *taps)),
            *shift,
            write_at(ctx, 0, (batch, channel_out, *written), ctx.compute_type.accumulator.bits),
        ),
    )


def _overlaps(window: Window) -> bool:
    return (window.taps - 1) * window.dilation >= window.stride
