"""What com.microsoft's convolutions and pools cost: other layouts of the image, and fused or dynamic forms.

In the runtime's blocked layout channels are filled up to whole blocks: what is stored is what counts.
"""

from __future__ import annotations

import math

from onnxroof.costs.context import CostContext
from onnxroof.costs.conv import Operands, convolution, fused_convolution, transposed_convolution
from onnxroof.costs.cost import Least, OpCost, Work
from onnxroof.costs.elementwise import steps
from onnxroof.costs.pooling import global_pool, pooled
from onnxroof.costs.registry import cost
from onnxroof.costs.windows import windows_of
from onnxroof.ir.op import OpKind

__all__ = ["nhwc_conv"]

MS, NCHWC = "com.microsoft", "com.microsoft.nchwc"


@cost("NhwcConv", domain=MS)
def nhwc_conv(ctx: CostContext) -> OpCost:
    """Output elements x prod(w[1:]) MACs; 1 add an output element for the bias. Channels of the image come last."""
    bias = steps(ctx.output(0).elements if ctx.has_input(2) else 0)
    return convolution(ctx, Operands(bias=2, is_channels_last=True), bias)


@cost("NhwcFusedConv", domain=MS)
def nhwc_fused_conv(ctx: CostContext) -> OpCost:
    """As Conv, channels last; 1 add an output element for Z, and the steps of the activation."""
    return fused_convolution(ctx, Operands(bias=2, summand=3, is_channels_last=True))


@cost("Conv", domain=NCHWC)
def blocked_conv(ctx: CostContext) -> OpCost:
    """As Conv over blocks of channels, filled ones included; 1 add an output element for a sum; the activation."""
    return fused_convolution(ctx, Operands(bias=2, summand=3))


@cost("ConvTransposeWithDynamicPads", domain=MS)
def dynamic_conv_transpose(ctx: CostContext) -> OpCost:
    """As ConvTranspose: input elements x prod(w[1:]) MACs, 1 add an output element for the bias."""
    return transposed_convolution(ctx, bias=3, pads=ctx.integers(2))


@cost("NhwcMaxPool", domain=MS)
def nhwc_max_pool(ctx: CostContext) -> OpCost:
    """1 max for each output element and tap. Channels come last."""
    return pooled(ctx, is_channels_last=True)


@cost("MaxpoolWithMask", domain=MS)
def masked_max_pool(ctx: CostContext) -> OpCost:
    """1 max and 1 selection by the mask for each output element and tap.

    At least: the selections of taps on the image.
    """
    taps = ctx.attributes.integers("kernel_shape") or ()
    image, result = ctx.input(0).dims, ctx.output(0)
    windows = windows_of(ctx.attributes, taps, image[2:], result.dims[2:])
    inside = math.prod(image[:2]) * math.prod(window.meetings for window in windows)
    return ctx.compute(steps(2 * math.prod(taps) * result.elements), least=Least(work=steps(inside)))


@cost("MaxPool", "AveragePool", domain=NCHWC)
def blocked_pool(ctx: CostContext) -> OpCost:
    """1 max or add for each output element and tap; AveragePool 1 DIV an output element."""
    return pooled(ctx)


cost("GlobalMaxPool", "GlobalAveragePool", domain=NCHWC)(global_pool)


@cost("ReorderInput", "ReorderOutput", domain=NCHWC, kind=OpKind.MOVE)
def reorder(ctx: CostContext) -> OpCost:
    """Reads the elements that are no filling of a block and writes its output."""
    return ctx.move(ctx.read_some(0, ctx.output(0).elements))


@cost("Upsample", domain=NCHWC)
def blocked_upsample(ctx: CostContext) -> OpCost:
    """Nearest moves only; linear 2 taps for each resized axis (multiplied), each tap 1 mul and 1 add."""
    extents, result = ctx.input(0).dims, ctx.output(0)
    if ctx.attributes.text("mode", "nearest") == "nearest":
        return ctx.move(ctx.read(0))
    taps = math.prod(2 for before, after in zip(extents, result.dims, strict=True) if before != after)
    return ctx.compute(Work(vector_ops=2 * taps * result.elements), reads=ctx.read(0))
