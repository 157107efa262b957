"""Logarithmic axes."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onnxroof.report.figures.scale import LogScale, spanning

POSITIVE = st.floats(min_value=1e-15, max_value=1e18)


def test_a_decade_is_as_long_as_any_other():
    scale = LogScale(low=1, high=1000, start=0, end=300)
    assert [scale(v) for v in (1, 10, 100, 1000)] == pytest.approx([0, 100, 200, 300])
    assert scale.length_per_decade == pytest.approx(100)


def test_an_axis_may_run_upwards():
    assert LogScale(low=1, high=100, start=200, end=0)(10) == pytest.approx(100)


@given(st.lists(POSITIVE, min_size=1, max_size=8))
def test_every_value_lies_inside(values):
    scale = spanning(values, start=10, end=90)
    assert all(10 < scale(value) < 90 for value in values)
    assert scale.high / scale.low >= 99.99


@given(st.lists(POSITIVE, min_size=1, max_size=8))
def test_ticks_are_powers_of_ten_inside_and_few(values):
    scale = spanning(values, start=0, end=700)
    ticks = scale.majors(6)
    assert 0 < len(ticks) <= 6
    assert all(scale.low <= tick * 1.0001 and tick <= scale.high * 1.0001 for tick in ticks)
    assert all(math.log10(tick) == pytest.approx(round(math.log10(tick))) for tick in ticks)


def test_a_short_axis_has_twos_and_fives_too():
    assert LogScale(low=3, high=70, start=0, end=300).ticks() == (5, 10, 20, 50)
    assert LogScale(low=1, high=1000, start=0, end=300).ticks() == (1, 10, 100, 1000)


def test_an_axis_may_be_shorter_than_two_decades():
    scale = spanning([10.0], start=0, end=100, decades=1.2)
    assert scale.high / scale.low == pytest.approx(10**1.2)


def test_fine_ticks_only_where_there_is_room():
    # one decade over 100 units: 2, 3 ... 9; ten decades over 100 units: none
    assert LogScale(low=1, high=10, start=0, end=100).minors() == pytest.approx([2, 3, 4, 5, 6, 7, 8, 9])
    assert LogScale(low=1, high=1e10, start=0, end=100).minors() == ()


def test_without_values_there_is_still_an_axis():
    scale = spanning([0.0, math.inf, math.nan], start=0, end=1)
    assert (scale.low, scale.high) == pytest.approx((1.0, 100.0))
