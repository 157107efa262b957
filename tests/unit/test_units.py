"""Units: every unit of a target file, the refusals with their hints, and numbers for people."""

from __future__ import annotations

import math
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onnxroof.units import UNITS, Dimension, UnitError, format_si, parse

# The units that a target file may use, written out: unit, dimension, SI value of one.
EVERY_UNIT = [
    *((f"{p}B", Dimension.CAPACITY, f) for p, f in (("", 1), ("k", 1e3), ("M", 1e6), ("G", 1e9), ("T", 1e12))),
    ("KiB", Dimension.CAPACITY, 1024),
    ("MiB", Dimension.CAPACITY, 1048576),
    ("GiB", Dimension.CAPACITY, 1073741824),
    *((f"{p}B/s", Dimension.BANDWIDTH, f) for p, f in (("", 1), ("k", 1e3), ("M", 1e6), ("G", 1e9), ("T", 1e12))),
    *(
        (f"{p}{word}/s", Dimension.RATE, f * count)
        for p, f in (("", 1), ("k", 1e3), ("M", 1e6), ("G", 1e9), ("T", 1e12), ("P", 1e15))
        for word, count in (("OP", 1), ("FLOP", 1), ("MAC", 2))
    ),
    ("pJ/OP", Dimension.OPERATION_ENERGY, 1e-12),
    ("pJ/FLOP", Dimension.OPERATION_ENERGY, 1e-12),
    ("pJ/MAC", Dimension.OPERATION_ENERGY, 0.5e-12),  # two operations share it
    ("pJ/B", Dimension.BYTE_ENERGY, 1e-12),
    ("pJ/bit", Dimension.BYTE_ENERGY, 8e-12),  # eight bits a byte
    ("mW", Dimension.POWER, 1e-3),
    ("W", Dimension.POWER, 1),
    ("s", Dimension.TIME, 1),
    ("ms", Dimension.TIME, 1e-3),
    ("us", Dimension.TIME, 1e-6),
    ("ns", Dimension.TIME, 1e-9),
    ("Hz", Dimension.FREQUENCY, 1),
    ("kHz", Dimension.FREQUENCY, 1e3),
    ("MHz", Dimension.FREQUENCY, 1e6),
    ("GHz", Dimension.FREQUENCY, 1e9),
    ("nm", Dimension.LENGTH, 1e-9),
    ("mm2", Dimension.AREA, 1e-6),
    ("1", Dimension.RATIO, 1),
]


def test_table_holds_every_unit_and_no_other() -> None:
    assert set(UNITS) == {unit for unit, _, _ in EVERY_UNIT}


@pytest.mark.parametrize(("unit", "dimension", "one"), EVERY_UNIT)
def test_one_of_each_unit(unit: str, dimension: Dimension, one: float) -> None:
    assert parse(1, unit, dimension) == one


@given(st.sampled_from(EVERY_UNIT), st.floats(min_value=1e-6, max_value=1e9))
def test_a_conversion_rounds_like_exact_arithmetic(entry: tuple[str, Dimension, float], value: float) -> None:
    unit, dimension, one = entry
    exact = Fraction(value) * Fraction(str(one) if one < 1 else int(one))
    assert parse(value, unit, dimension) == pytest.approx(float(exact), rel=3e-16)


@given(st.sampled_from(EVERY_UNIT), st.floats(min_value=1e-6, max_value=1e9))
def test_a_conversion_comes_back(entry: tuple[str, Dimension, float], value: float) -> None:
    unit, dimension, one = entry
    assert parse(value, unit, dimension) / one == pytest.approx(value, rel=1e-15)


@given(st.sampled_from(EVERY_UNIT), st.sampled_from(Dimension))
def test_a_unit_serves_its_own_dimension_alone(entry: tuple[str, Dimension, float], wanted: Dimension) -> None:
    unit, dimension, one = entry
    if wanted is dimension:
        assert parse(1, unit, wanted) == one
        return
    with pytest.raises(UnitError) as caught:
        parse(1, unit, wanted)
    assert caught.value.message == f"`{unit}` is {dimension.value}, expected {wanted.value}"
    assert caught.value.hint.startswith("write `")


@pytest.mark.parametrize(
    ("unit", "dimension", "hint"),
    [
        ("Gb/s", Dimension.BANDWIDTH, "write `GB/s`, an eighth of the number in bits"),
        ("Gbps", Dimension.BANDWIDTH, "write `GB/s`, an eighth of the number in bits"),
        ("Gbit/s", Dimension.BANDWIDTH, "write `GB/s`, an eighth of the number in bits"),
        ("GBps", Dimension.BANDWIDTH, "write `GB/s`"),
        ("GiB/s", Dimension.BANDWIDTH, "write `GB/s`"),
        ("KB/s", Dimension.BANDWIDTH, "write `kB/s`"),
        ("TOPS", Dimension.RATE, "write `TOP/s`"),
        ("TOPs", Dimension.RATE, "write `TOP/s`"),
        ("tops", Dimension.RATE, "write `TOP/s`"),
        ("TOPS/s", Dimension.RATE, "write `TOP/s`"),
        ("TFLOPS", Dimension.RATE, "write `TFLOP/s`"),
        ("GFLOPs", Dimension.RATE, "write `GFLOP/s`"),
        ("GMACs", Dimension.RATE, "write `GMAC/s`"),
        ("TB/s", Dimension.RATE, "write `TOP/s`, `TFLOP/s` or `TMAC/s`"),
        ("KB", Dimension.CAPACITY, "write `kB` or `KiB`"),
        ("GIB", Dimension.CAPACITY, "write `GiB`"),
        ("µs", Dimension.TIME, "write `us`"),
        ("Mhz", Dimension.FREQUENCY, "write `MHz`"),
        ("mm²", Dimension.AREA, "write `mm2`"),
        ("%", Dimension.RATIO, "write `1`"),
        ("pJ/byte", Dimension.BYTE_ENERGY, "write `pJ/B`"),
        ("pJ", Dimension.OPERATION_ENERGY, "write `pJ/OP`, `pJ/FLOP` or `pJ/MAC`"),
        ("furlong", Dimension.POWER, "write `W` or `mW`"),
    ],
)
def test_a_refusal_says_the_spelling_to_use(unit: str, dimension: Dimension, hint: str) -> None:
    with pytest.raises(UnitError) as caught:
        parse(1, unit, dimension)
    assert f"`{unit}`" in caught.value.message
    assert caught.value.hint == hint


@pytest.mark.parametrize("value", [-1, -0.5, math.nan, math.inf, -math.inf])
def test_a_number_is_finite_and_not_negative(value: float) -> None:
    with pytest.raises(UnitError, match="expected a finite number"):
        parse(value, "GB", Dimension.CAPACITY)


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (0.0015, "s", "1.5 ms"),
        (2e-6, "s", "2 µs"),
        (1.2345e-9, "s", "1.23 ns"),
        (0.0, "s", "0 s"),
        (80e9, "B", "80 GB"),
        (1023, "B", "1.02 kB"),  # 1.023 k
        (0.5, "B", "0.5 B"),  # no such thing as a millibyte
        (3.35e12, "B/s", "3.35 TB/s"),
        (989e12, "OP/s", "989 TOP/s"),
        (999.6, "OP/s", "1 kOP/s"),  # three digits of 999.6 are 1000
        (999.4, "OP/s", "999 OP/s"),
        (1000, "OP/s", "1 kOP/s"),
        (1e15, "OP/s", "1 POP/s"),
        (295.2, "OP/B", "295 OP/B"),
        (0.1667, "OP/B", "0.167 OP/B"),
        (-0.0123, "J", "-12.3 mJ"),
        (1e-21, "J", "0.001 aJ"),
        (None, "J", "unknown"),
        (math.inf, "B", "∞ B"),
    ],
)
def test_numbers_for_people(value: float | None, unit: str, text: str) -> None:
    assert format_si(value, unit) == text


PREFIXES = {"a": 1e-18, "f": 1e-15, "p": 1e-12, "n": 1e-9, "µ": 1e-6, "m": 1e-3, "": 1.0}
PREFIXES |= {"k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "P": 1e15, "E": 1e18, "Z": 1e21, "Y": 1e24}


@given(st.floats(min_value=1e-18, max_value=9.9e26), st.sampled_from(["s", "J", "W"]))
def test_a_formatted_number_reads_back_to_three_digits(value: float, unit: str) -> None:
    number, prefixed = format_si(value, unit).split(" ")
    assert float(number) * PREFIXES[prefixed.removesuffix(unit)] == pytest.approx(value, rel=5.01e-3)
    assert 1 <= float(number) < 1000


@given(st.floats(min_value=1e-3, max_value=9.9e26))
def test_an_indivisible_unit_has_no_small_prefix(value: float) -> None:
    number, prefixed = format_si(value, "OP/B").split(" ")
    assert prefixed.removesuffix("OP/B") in {"", "k", "M", "G", "T", "P", "E", "Z", "Y"}
    assert float(number) * PREFIXES[prefixed.removesuffix("OP/B")] == pytest.approx(value, rel=5.01e-3)
