"""Where windows lie and what they touch, against enumeration."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onnxroof.costs.windows import Window, spatial_names, windows_of
from onnxroof.ir.op import Attributes


@given(
    st.integers(0, 12), st.integers(1, 5), st.integers(1, 6), st.integers(1, 6), st.integers(-3, 6), st.integers(0, 30)
)
def test_touched_counts_distinct_indices(positions, taps, stride, dilation, pad, extent):
    seen = {o * stride + f * dilation - pad for o in range(positions) for f in range(taps)}
    expected = sum(1 for index in seen if 0 <= index < extent)
    assert Window(positions, taps, stride, dilation, pad, extent).touched == expected


@pytest.mark.parametrize(
    ("auto_pad", "pad"),
    [
        ("SAME_UPPER", 0),  # (5-1)*2 + 3 - 10 = 1 is lacking, behind
        ("SAME_LOWER", 1),  # the same, in front
        ("VALID", 0),
        ("NOTSET", 2),
    ],
)
def test_automatic_padding(auto_pad, pad):
    attributes = Attributes({"strides": [2], "pads": [2, 2], "auto_pad": auto_pad})
    assert windows_of(attributes, (3,), (10,), (5,)) == (Window(5, 3, 2, 1, pad, 10),)


def test_absent_attributes_are_ones_and_zeros():
    assert windows_of(Attributes({}), (3, 2), (7, 8), (5, 7)) == (Window(5, 3, 1, 1, 0, 7), Window(7, 2, 1, 1, 0, 8))


def test_a_long_axis_is_counted_without_walking_it():
    # every position but the last two of a million, taps 3 apart
    assert Window(10**6, 3, 1, 3, 0, 10**6 + 6).touched == 10**6 + 6


def test_spatial_names():
    assert spatial_names("o", 1) == ("ox",)
    assert spatial_names("f", 3) == ("fz", "fy", "fx")
    assert spatial_names("o", 4) == ("o0", "o1", "o2", "o3")
