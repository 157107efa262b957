"""Where windows lie and what they touch, against enumeration."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onnxroof.costs.context import MissingShapeError
from onnxroof.costs.windows import Window, spatial_names, windows_of
from onnxroof.ir.op import Attributes


@given(
    st.integers(0, 12),
    st.integers(0, 12),
    st.integers(1, 9),
    st.integers(1, 9),
    st.integers(-3, 40),
    st.integers(0, 90),
)
def test_touched_counts_distinct_indices(positions, taps, stride, dilation, pad, extent):
    seen = {o * stride + f * dilation - pad for o in range(positions) for f in range(taps)}
    expected = sum(1 for index in seen if 0 <= index < extent)
    assert Window(positions, taps, stride, dilation, pad, extent).touched == expected


@given(
    st.integers(0, 12), st.integers(0, 5), st.integers(1, 6), st.integers(1, 6), st.integers(-3, 6), st.integers(0, 30)
)
def test_positions_and_taps_that_meet_inside(positions, taps, stride, dilation, pad, extent):
    window = Window(positions, taps, stride, dilation, pad, extent)
    met = [
        (o, f) for o in range(positions) for f in range(taps) if 0 <= o * stride + f * dilation - pad < extent
    ]  # fmt: skip
    assert window.meetings == len(met)
    assert window.used_taps == len({f for _, f in met})
    assert window.used_positions == len({o for o, _ in met})


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


def test_meetings_of_absurd_sizes_are_counted_at_once():
    # 10**9 taps 1 apart from 5 before 224 elements: position 0 meets all 224, and so does each of the next 5; position
    # 5 + j begins at element j and meets 224 - j, down to 224 - 214 = 10 of position 219
    window = Window(positions=220, taps=10**9, stride=1, dilation=1, pad=5, extent=224)
    assert window.meetings == 6 * 224 + sum(224 - j for j in range(1, 215))
    # Taps at even, positions at even places of 2 * 10**6: place 2 i is met in i + 1 ways.
    window = Window(positions=10**6, taps=10**9, stride=2, dilation=2, pad=0, extent=2 * 10**6)
    assert window.meetings == 10**6 * (10**6 + 1) // 2


def test_a_window_that_is_far_larger_than_its_axis_is_counted_at_once():
    # 10**9 taps over 224 elements, from 5 before the first: every one of them is touched
    assert Window(positions=220, taps=10**9, stride=1, dilation=1, pad=5, extent=224).touched == 224
    # every third element, from the first on: 75 of 224
    assert Window(positions=1, taps=10**9, stride=1, dilation=3, pad=0, extent=224).touched == 75
    # taps every 6, steps of 4: all even ones up to the last tap of the last position
    assert Window(positions=10**6, taps=10**9, stride=4, dilation=6, pad=0, extent=10**6).touched == 10**6 // 2 - 1
    # more taps than lie from step to step: no element between the first and the last is missed
    assert Window(positions=10**5, taps=10**10, stride=999_999_937, dilation=1, pad=0, extent=10**16).touched == (
        10**10 + (10**5 - 1) * 999_999_937
    )
    # fewer positions than a prime dilation: no two pairs are at one element
    assert Window(positions=10**5, taps=10**10, stride=999_999_937, dilation=999_983, pad=0, extent=10**17).touched == (
        10**5 * 10**10
    )


@pytest.mark.parametrize("attributes", [{"strides": (0, 1)}, {"dilations": (1, -1)}, {"strides": (2,)}, {"pads": (0,)}])
def test_windows_that_no_kernel_has_are_unknown(attributes):
    with pytest.raises(MissingShapeError):
        windows_of(Attributes(attributes), (3, 3), (8, 8), (6, 6))
