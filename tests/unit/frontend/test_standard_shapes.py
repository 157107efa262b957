"""Shapes of the standard's own operators that the documentation states and onnx's inference of one node does not."""

import pytest
from oracles.ort_shapes import loaded


@pytest.mark.parametrize(
    ("version", "inputs", "body", "shape"),
    [
        (
            21,
            "float[2, 6, 4, 5] x",
            "s = Constant<value_floats=[1.0, 1.0, 1.0, 1.0, 1.0, 1.0]>() y = GroupNormalization<num_groups=3>(x, s, s)",
            (2, 6, 4, 5),
        ),
        (13, "float[2, 3, 4, 5] x", "y = MeanVarianceNormalization(x)", (2, 3, 4, 5)),
        (21, "float[2, 3, 4, 5] x", "y = MeanVarianceNormalization(x)", (2, 3, 4, 5)),
        (
            11,
            "float[1, 1, 2, 2] x, int64[1, 1, 2, 2] i",
            "s = Constant<value_ints=[1, 1, 5, 7]>() y = MaxUnpool<kernel_shape=[2, 2], strides=[2, 2]>(x, i, s)",
            (1, 1, 5, 7),
        ),
        # (128 - 16) / 8 + 1 frames; one-sided where nothing is said: 16 / 2 + 1 bins, and all 16 where it is denied
        (
            17,
            "float[1, 128, 1] x",
            "h = Constant<value_int=8>() n = Constant<value_int=16>() y = STFT(x, h, , n)",
            (1, 15, 9, 2),
        ),
        (
            17,
            "float[1, 128, 1] x",
            "h = Constant<value_int=8>() n = Constant<value_int=16>() y = STFT<onesided=0>(x, h, , n)",
            (1, 15, 16, 2),
        ),
    ],
)
def test_the_documented_shape_is_found_without_a_declared_one(version, inputs, body, shape, tmp_path):
    text = (
        f'<ir_version: 8, opset_import: ["" : {version}]>\n g ({inputs}) => (float[] u) {{ {body} u = Cast<to=1>(y) }}'
    )
    workload = loaded(tmp_path, text)
    assert workload.tensors["y"].shape == shape
    assert not workload.dims  # found, not guessed
