"""Numbers as people read them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onnxroof.report.numbers import change, count, exact, intensity, percent, quantity


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (None, "s", "unknown"),
        (0, "s", "0 s"),
        (0.00123, "s", "1.23 ms"),
        (4e-11, "J/B", "40 pJ/B"),  # the prefix goes to the joule
        (68e9, "B/s", "68 GB/s"),
        (999.6, "B", "1 kB"),
    ],
)
def test_quantity_has_three_digits_and_a_prefix(value, unit, text):
    assert quantity(value, unit) == text


@pytest.mark.parametrize(
    ("value", "text"), [(None, "unknown"), (0, "0"), (999, "999"), (25_557_032, "25.6 M"), (12.5, "12.5")]
)
def test_count_is_exact_while_it_is_short(value, text):
    assert count(value) == text


@pytest.mark.parametrize(
    ("value", "text"), [(None, "unknown"), (0.01234, "0.0123"), (120.47, "120"), (1234, "1230"), (43_210, "43.2 k")]
)
def test_intensity_keeps_bare_numbers_below_ten_thousand(value, text):
    assert intensity(value) == text


@pytest.mark.parametrize(
    ("fraction", "text"),
    [
        (None, "unknown"),
        (0.0, "0 %"),
        (1.0, "100 %"),
        (0.0001, "< 0.1 %"),
        (0.034, "3.4 %"),
        (0.5, "50 %"),
        (0.993, "99.3 %"),
        (0.99999, "> 99.9 %"),
        (1.25, "125 %"),
    ],
)
def test_percent(fraction, text):
    assert percent(fraction) == text


@given(st.floats(min_value=0, max_value=1, exclude_min=True, exclude_max=True))
def test_percent_never_rounds_a_part_to_a_whole_or_to_nothing(fraction):
    # 1 - 2**-53 times 100 is 100.0 in floating point: that one is a whole for every purpose
    assert percent(fraction) != "0 %"
    assert percent(fraction) != "100 %" or fraction * 100 == 100


@pytest.mark.parametrize(
    ("value", "base", "text"),
    [(77, 100, "−23 %"), (104, 100, "+4.0 %"), (100, 100, "±0 %"), (None, 100, ""), (1, None, ""), (1, 0, "")],
)
def test_change_says_what_is_saved(value, base, text):
    assert change(value, base) == text


@given(st.floats(allow_nan=False))
def test_exact_reads_back_to_the_same_number(value):
    assert float(exact(value)) == value


def test_exact_keeps_an_int_whole():
    assert exact(2**60 + 1) == str(2**60 + 1)
