"""Shapes of convolutions, pools, resampling and transforms in each layout, against ONNX Runtime."""

import pytest

from tests.oracles.contrib_models import F16, I32, I64, NCHWC, SCALE, U8, F, Spec, disagreement, inferred, loaded, w, x

ZERO = w(U8, value=3)
STRIDED = {"strides": [2, 1], "kernel_shape": [3, 2]}

SPECS = [
    Spec("FusedConv", [x(F, 1, 4, 9, 9), w(F, 8, 2, 3, 3)], 1, {"group": 2, "strides": [2, 2], "activation": "Relu"}),
    Spec("NhwcConv", [x(F, 1, 9, 7, 4), w(F, 8, 4, 3, 2)], 1, STRIDED),
    Spec("NhwcFusedConv", [x(F16, 1, 9, 7, 4), w(F16, 8, 4, 3, 2)], 1, {**STRIDED, "activation": "Relu"}),
    Spec("NhwcMaxPool", [x(U8, 1, 9, 7, 4)], 1, STRIDED),
    Spec("MaxpoolWithMask", [x(F, 1, 4, 9, 7), x(I32, 1, 4, 9, 7)], 1, STRIDED),
    Spec(
        "QLinearConv",
        [x(U8, 1, 9, 7, 4), SCALE, ZERO, w(U8, 8, 4, 3, 2), SCALE, ZERO, SCALE, ZERO],
        1,
        {**STRIDED, "channels_last": 1},
    ),
    Spec("QLinearAveragePool", [x(U8, 2, 3, 9, 8), SCALE, ZERO, SCALE, ZERO], 1, STRIDED),
    Spec("QLinearAveragePool", [x(U8, 2, 9, 8, 3), SCALE, ZERO, SCALE, ZERO], 1, {**STRIDED, "channels_last": 1}),
    Spec("QLinearGlobalAveragePool", [x(U8, 2, 3, 5, 7), SCALE, ZERO, SCALE, ZERO], 1, {"channels_last": 0}),
    Spec("QLinearGlobalAveragePool", [x(U8, 2, 5, 7, 3), SCALE, ZERO, SCALE, ZERO], 1, {"channels_last": 1}),
    Spec(
        "ConvTransposeWithDynamicPads",
        [x(F, 1, 4, 5, 6), w(F, 4, 3, 3, 2), w(I64, value=[1, 0, 1, 0])],
        1,
        {"strides": [2, 1]},
    ),
    # blocks of 8 or 16 channels
    Spec("Conv", [x(F, 1, 16, 9, 7), w(F, 32, 16, 3, 2), w(F, 32)], 1, STRIDED, NCHWC),
    Spec("MaxPool", [x(F, 1, 16, 9, 7)], 1, STRIDED, NCHWC),
    Spec("AveragePool", [x(F, 1, 16, 9, 7)], 1, STRIDED, NCHWC),
    Spec("GlobalAveragePool", [x(F, 1, 16, 9, 7)], 1, {}, NCHWC),
    Spec("GlobalMaxPool", [x(F, 1, 16, 9, 7)], 1, {}, NCHWC),
    Spec("ReorderInput", [x(F, 1, 32, 9, 7)], 1, {}, NCHWC),
    Spec("ReorderInput", [x(F, 1, 28, 9, 7)], 1, {}, NCHWC),  # 32, whether in blocks of 8 or of 16
    Spec("ReorderInput", [x(F, 1, 9, 7, 32)], 1, {"channels_last": 1}, NCHWC),
    Spec("ReorderOutput", [x(F, 1, 32, 9, 7)], 1, {"channels": 28}, NCHWC),
    Spec("ReorderOutput", [x(F, 1, 32, 9, 7)], 1, {"channels": 28, "channels_last": 1}, NCHWC),
    Spec("Upsample", [x(F, 1, 16, 3, 5)], 1, {"scales": [1, 1, 2, 3]}, NCHWC),
    # resampling and transforms
    Spec("CropAndResize", [x(F, 1, 3, 9, 7), x(F, 5, 4), w(I32, 5, value=[0] * 5), w(I32, value=[4, 6])]),
    Spec("GridSample", [x(F, 2, 3, 9, 7), x(F, 2, 4, 6, 2)]),
    Spec("Rfft", [x(F, 2, 3, 8)], 1, {"signal_ndim": 1}),
    Spec("Irfft", [x(F, 2, 3, 5, 2)], 1, {"signal_ndim": 1}),
]

# Results for which the runtime's own inference gives no shape either: by its documentation alone.
DOCUMENTED = {"Rfft": {0}, "Irfft": {0}}


@pytest.mark.parametrize("spec", SPECS, ids=str)
def test_types_and_shapes_are_those_of_the_runtime(spec, tmp_path):
    assert not disagreement(spec, tmp_path)
    if not spec.runs:
        assert inferred(spec, tmp_path) == set(range(spec.outputs)) - DOCUMENTED.get(spec.op_type, set())


def test_blocks_that_channels_do_not_fill_are_as_large_as_the_host_has_them(tmp_path):
    _, workload = loaded(Spec("ReorderInput", [x(F, 1, 24, 9, 7)], 1, {}, NCHWC), tmp_path)
    assert workload.tensors["o0"].shape is None  # 24 with blocks of 8, 32 with blocks of 16
