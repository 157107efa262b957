"""Output types of com.microsoft's convolutions, pools, resampling and transforms, in each layout of the image."""

from __future__ import annotations

from onnxroof.frontend.contrib_rules import ContribNode, Shape, UnknownError, rule
from onnxroof.frontend.types import ValueType

__all__: list[str] = []

Types = tuple[ValueType, ...]
NCHWC = "com.microsoft.nchwc"


def _first(shape: Shape, *, is_last: bool) -> Shape:
    """Channels first, of an image that may have them last."""
    return (shape[0], shape[-1], *shape[1:-1]) if is_last else shape


def _last(shape: Shape, *, is_last: bool) -> Shape:
    """Channels last, of a shape that has them first."""
    return (shape[0], *shape[2:], shape[1]) if is_last else shape


def _conv(at: ContribNode, x: int, w: int, *, is_last: bool) -> Shape:
    found = at.standard("Conv", {"X": _first(at.shape(x), is_last=is_last), "W": at.shape(w)})
    return _last(found, is_last=is_last)


def _pool(at: ContribNode, op_type: str, *, is_last: bool) -> Shape:
    return _last(at.standard(op_type, {"X": _first(at.shape(0), is_last=is_last)}), is_last=is_last)


@rule("FusedConv")
@rule("Conv", domain=NCHWC)
def _fused_conv(at: ContribNode) -> Types:
    return (at.like(0, _conv(at, 0, 1, is_last=False)),)


@rule("NhwcConv", "NhwcFusedConv")
def _nhwc_conv(at: ContribNode) -> Types:
    return (at.like(0, _conv(at, 0, 1, is_last=True)),)


@rule("QLinearConv")
def _quantized_conv(at: ContribNode) -> Types:
    return (at.like(7, _conv(at, 0, 3, is_last=bool(at.integer("channels_last")))),)


@rule("ConvTransposeWithDynamicPads")
def _dynamic_conv_transpose(at: ContribNode) -> Types:
    pads = at.integers(2) if at.has(2) else (0,) * (2 * (len(at.shape(0)) - 2))
    return (at.like(0, at.as_standard("ConvTranspose", {"X": 0, "W": 1}, pads=pads)),)


@rule("MaxPool", domain=NCHWC)
@rule("MaxpoolWithMask")
def _max_pool(at: ContribNode) -> Types:
    return (at.like(0, _pool(at, "MaxPool", is_last=False)),)


@rule("NhwcMaxPool")
def _nhwc_max_pool(at: ContribNode) -> Types:
    return (at.like(0, _pool(at, "MaxPool", is_last=True)),)


@rule("AveragePool", domain=NCHWC)
def _average_pool(at: ContribNode) -> Types:
    return (at.like(0, _pool(at, "AveragePool", is_last=False)),)


@rule("QLinearAveragePool")
def _quantized_average_pool(at: ContribNode) -> Types:
    return (at.like(0, _pool(at, "AveragePool", is_last=bool(at.integer("channels_last")))),)


@rule("GlobalAveragePool", "GlobalMaxPool", domain=NCHWC)
def _global_pool(at: ContribNode) -> Types:
    batch, channels, *spatial = at.shape(0)
    return (at.like(0, (batch, channels, *(1,) * len(spatial))),)


@rule("QLinearGlobalAveragePool")
def _quantized_global_pool(at: ContribNode) -> Types:
    is_last = bool(at.integer("channels_last"))
    batch, channels, *spatial = _first(at.shape(0), is_last=is_last)
    return (at.like(0, _last((batch, channels, *(1,) * len(spatial)), is_last=is_last)),)


# -- the blocked layout of the runtime's CPU kernels ---------------------------------------------------------


@rule("ReorderInput", domain=NCHWC)
def _reorder_input(at: ContribNode) -> Types:
    """Channels first, filled up to whole blocks of 8 or of 16, as the host has them: not known where that differs."""
    batch, channels, *spatial = _first(at.shape(0, 4), is_last=bool(at.integer("channels_last")))
    filled = {-(-channels // block) * block for block in (8, 16)}
    if len(filled) > 1:
        raise UnknownError
    return (at.like(0, (batch, *filled, *spatial)),)


@rule("ReorderOutput", domain=NCHWC)
def _reorder_output(at: ContribNode) -> Types:
    batch, _, *spatial = at.shape(0)
    shape = (batch, at.integer("channels"), *spatial)
    return (at.like(0, _last(shape, is_last=bool(at.integer("channels_last")))),)


@rule("Upsample", domain=NCHWC)
def _upsample(at: ContribNode) -> Types:
    scales = at.attribute("scales") or (1, 1, 1, 1)
    return (at.like(0, tuple(n * scale for n, scale in zip(at.shape(0), scales, strict=True))),)


# -- resampling and transforms -------------------------------------------------------------------------------


@rule("CropAndResize")
def _crop_and_resize(at: ContribNode) -> Types:
    height, width = at.integers(3)
    return (at.like(0, (at.shape(1)[0], at.shape(0, 4)[1], height, width)),)


@rule("GridSample")
def _grid_sample(at: ContribNode) -> Types:
    return (at.like(0, (*at.shape(0, 4)[:2], *at.shape(1, 4)[1:3])),)


@rule("Rfft")
def _rfft(at: ContribNode) -> Types:
    *rows, points = at.shape(0)
    return (at.like(0, (*rows, points // 2 + 1, 2)),)


@rule("Irfft")
def _irfft(at: ContribNode) -> Types:
    *rows, bins, _ = at.shape(0)
    return (at.like(0, (*rows, 2 * (bins - 1))),)
