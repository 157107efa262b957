"""What need not be done where windows reach beyond the image: the least of every operator that slides one."""

from __future__ import annotations

import itertools
import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from onnxroof.costs.cost import OpCost, Work
from onnxroof.dtypes import DType
from tests.oracles.build import T, cost
from tests.oracles.loopnest import conv_least, conv_transpose_least

F32 = 4
MS = "com.microsoft"
I8, SCALAR = DType.INT8, T(())
ZERO = T((), I8)


def least(found: OpCost) -> Work:
    assert found.least_work is not None
    return found.least_work


def dilated(dilation: int) -> OpCost:
    side = 33
    image, weights = (1, 256, side, side), (256, 256, 3, 3)
    attributes = {"pads": [dilation] * 4, "dilations": [dilation] * 2}
    return cost("Conv", [image, weights], [image], attributes)


@pytest.mark.parametrize(("dilation", "share"), [(1, 0.96), (16, 0.46), (24, 0.27), (32, 0.125)])
def test_the_share_of_taps_on_the_image_of_a_dilated_convolution(dilation, share):
    # On an axis the middle tap meets all 33 places, each other one 33 - dilation of them.
    along = 33 + 2 * (33 - dilation)
    assert least(dilated(dilation)).macs == 256 * 256 * along**2
    assert along**2 / (3 * 33) ** 2 == pytest.approx(share, abs=0.005)
    found = dilated(dilation).work
    assert found is not None
    assert found.macs == 256 * 256 * (3 * 33) ** 2  # by convention


def test_weights_that_meet_no_image_are_not_read():
    # at a dilation of 33 only the middle tap of 3 x 3 lies on an image of 33 x 33
    found = dilated(33)
    assert least(found).macs == 256 * 256 * 33 * 33
    assert {t.tensor: t.bytes for t in found.least_reads} == {"op.i0": F32 * 256 * 33**2, "op.i1": F32 * 256**2}


def test_without_padding_nothing_is_spared():
    assert cost("Conv", [(1, 2, 5, 5), (3, 2, 3, 3)], [(1, 3, 3, 3)]).least is None
    assert cost("MaxPool", [(1, 2, 4, 4)], [(1, 2, 2, 2)], {"kernel_shape": [2, 2], "strides": [2, 2]}).least is None


@settings(max_examples=40, deadline=None)
@given(
    st.sampled_from(["SAME_UPPER", "SAME_LOWER"]),
    st.tuples(st.integers(1, 8), st.integers(1, 8)),
    st.tuples(st.integers(1, 3), st.integers(1, 4)),
    st.tuples(st.integers(1, 3), st.integers(1, 3)),
)
def test_automatic_padding(auto_pad, extents, taps, strides):
    positions = tuple(-(-extent // stride) for extent, stride in zip(extents, strides, strict=True))
    # What the last window lacks, the odd element at the end or at the start.
    lacking = [
        max((n - 1) * s + k - extent, 0) for n, s, k, extent in zip(positions, strides, taps, extents, strict=True)
    ]
    pads = [n // 2 if auto_pad == "SAME_UPPER" else n - n // 2 for n in lacking]
    image, weights, result = (1, 2, *extents), (3, 2, *taps), (1, 3, *positions)
    attributes: dict[str, Any] = {"strides": strides, "auto_pad": auto_pad}
    found = cost("Conv", [image, weights], [result], attributes)
    inside, _ = conv_least(image, weights, result, strides=strides, dilations=(1, 1), pads=pads)
    assert least(found).macs == inside


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 6), st.integers(1, 4), st.integers(1, 4), st.integers(0, 3), st.integers(1, 30))
def test_an_output_shape_decides_the_pads_of_a_transposed_convolution(extent, taps, stride, wider, size):
    # ONNX: stride * (extent - 1) + output_padding + taps - output_shape in all, half of it or one more at the start
    total = max(stride * (extent - 1) + wider + taps - size, 0)
    image, weights, result = (1, 2, extent), (2, 3, taps), (1, 3, size)
    attributes = {"strides": [stride], "output_padding": [wider], "output_shape": [size]}
    found = cost("ConvTranspose", [image, weights], [result], attributes)
    inside, *_ = conv_transpose_least(
        image, weights, result, strides=[stride], dilations=[1], pads=[total - total // 2]
    )  # fmt: skip
    assert least(found).macs == inside


# An axis of 5 with 3 taps a place apart, padded by 1: 5 + 2 * 4 = 13 taps on the image, of 15.
_SAME = {"kernel_shape": [3, 3], "pads": [1, 1, 1, 1]}
_TAPS = 13 * 13


def test_integer_convolutions():
    image, weights, result = T((1, 2, 5, 5), I8), T((4, 2, 3, 3), I8), T((1, 4, 5, 5), DType.INT32)
    found = cost("ConvInteger", [image, weights, ZERO, ZERO], [result], _SAME)
    assert (least(found).macs, least(found).vector_ops) == (4 * 2 * _TAPS, 50 + 72)
    operands = [image, SCALAR, ZERO, weights, SCALAR, ZERO, SCALAR, ZERO, T((4,), DType.INT32)]
    found = cost("QLinearConv", operands, [T((1, 4, 5, 5), I8)], _SAME)
    assert (least(found).macs, least(found).vector_ops) == (4 * 2 * _TAPS, 50 + 72 + 100 + 4 * 100)


def test_zero_points_of_weights_that_meet_no_image():
    # Padded by 5, dilated by 5: the middle tap alone, 25 places. 2 * 25 of the image, 4 * 2 weights.
    attributes = {"kernel_shape": [3, 3], "pads": [5] * 4, "dilations": [5, 5]}
    image, weights, result = T((1, 2, 5, 5), I8), T((4, 2, 3, 3), I8), T((1, 4, 5, 5), DType.INT32)
    found = cost("ConvInteger", [image, weights, ZERO, ZERO], [result], attributes)
    assert least(found) == Work(macs=4 * 2 * 25, vector_ops=50 + 8)


def test_convolutions_with_channels_last():
    image, result = (1, 5, 5, 2), (1, 5, 5, 4)
    found = cost("NhwcConv", [image, (4, 2, 3, 3), (4,)], [result], _SAME, domain=MS)
    assert least(found) == Work(macs=4 * 2 * _TAPS, vector_ops=100)


def test_pools_of_the_runtime():
    quantized = [T((1, 2, 5, 5), I8), SCALAR, ZERO, SCALAR, ZERO]
    found = cost("QLinearAveragePool", quantized, [T((1, 2, 5, 5), I8)], _SAME, domain=MS)
    assert least(found).vector_ops == 2 * (2 * _TAPS) + 4 * 50  # subtracted and added; requantized
    masked = [(1, 2, 5, 5), T((1, 2, 5, 5), DType.INT32)]
    found = cost("MaxpoolWithMask", masked, [(1, 2, 5, 5)], _SAME, domain=MS)
    assert least(found).vector_ops == 2 * _TAPS  # of the mask; it may leave all maxima out


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 8])
def test_a_local_normalization_sums_the_channels_that_there_are(size):
    batch, channels, width = 2, 4, 3
    # ONNX: channels max(0, c - floor((size - 1) / 2)) to min(C - 1, c + ceil((size - 1) / 2))
    squares = sum(
        min(channels - 1, c + math.ceil((size - 1) / 2)) - max(0, c - (size - 1) // 2) + 1 for c in range(channels)
    )
    found = cost("LRN", [(batch, channels, width)], [(batch, channels, width)], {"size": size})
    assert least(found).vector_ops == batch * width * (squares + 3 * channels)


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 6), st.integers(1, 4), st.integers(1, 3))
def test_a_causal_convolution_without_a_state_starts_on_padding(tokens, taps, dilation):
    operands, result = [(2, 3, tokens), (3, 1, taps)], (2, 3, tokens)
    found = cost("CausalConvWithState", operands, [result], {"dilation": dilation}, domain=MS)
    inside = sum(1 for t, f in itertools.product(range(tokens), range(taps)) if t - f * dilation >= 0)
    assert least(found).macs == 2 * 3 * inside
    state = (2, 3, (taps - 1) * dilation)
    found = cost("CausalConvWithState", [*operands, None, state], [result, state], {"dilation": dilation}, domain=MS)
    assert least(found).macs == 2 * 3 * tokens * taps  # these tokens come out of the state


def test_offsets_may_put_all_samples_beside_the_image():
    operands = [(1, 2, 3, 4), (4, 2, 2, 2), (1, 8, 2, 3), (4,), (1, 4, 2, 3)]
    found = cost("DeformConv", operands, [(1, 4, 2, 3)])
    # 2 adds for each of 4 taps at 6 places, the bias of 24 elements
    assert least(found) == Work(vector_ops=2 * 24 + 24)
    assert [t.tensor for t in found.least_reads] == ["op.i2", "op.i3"]


def test_weights_are_dequantized_at_least_where_all_are_read():
    weights = T((4, 2, 3, 3), I8)
    found = cost("Conv", [(1, 2, 5, 5), weights], [(1, 4, 5, 5)], _SAME, compute_type="FLOAT", conversion_ops=72)
    assert least(found) == Work(macs=4 * 2 * _TAPS, vector_ops=72)
