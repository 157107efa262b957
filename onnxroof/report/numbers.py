"""How numbers are shown to people: percentages and changes here, SI prefixes by `onnxroof.units`. Unknown is a word."""

from __future__ import annotations

from onnxroof.units import format_si

__all__ = ["UNKNOWN", "change", "count", "exact", "intensity", "percent", "quantity"]

UNKNOWN = "unknown"


def quantity(value: float | None, unit: str) -> str:
    """A value in SI with three digits and a prefix: `quantity(0.00123, "s")` is "1.23 ms"."""
    if value is None:
        return UNKNOWN
    head, slash, per = unit.partition("/")  # the prefix goes to what is divided: pJ/B
    return f"{format_si(value, head)}{slash}{per}"


def count(value: float | None, unit: str = "") -> str:
    """A number of things: exact below 1000, else as `quantity`; "25.6 M" where there is no unit."""
    if value is not None and abs(value) < 1000 and value == int(value):
        return f"{int(value)} {unit}".rstrip()
    return quantity(value, unit).rstrip()


def exact(value: float) -> str:
    """Every digit, for a program to read: an int as it is, a float so that it reads back to the same bits."""
    return repr(float(value)) if isinstance(value, float) else str(int(value))


def intensity(value: float | None) -> str:
    """Operations per byte; no prefix below ten thousand, where people compare the bare numbers."""
    if value is None:
        return UNKNOWN
    rounded = float(f"{value:.2e}")
    if rounded >= 10_000:
        return format_si(value, "").rstrip()
    return f"{rounded:.0f}" if rounded >= 1000 else f"{rounded:g}"


def percent(fraction: float | None) -> str:
    """A share. Only a whole is "100 %" and only nothing is "0 %"."""
    if fraction is None:
        return UNKNOWN
    value = fraction * 100
    if value in (0, 100):
        return f"{value:.0f} %"
    if 0 < value < 0.05:
        return "< 0.1 %"
    if 99.95 <= value < 100:
        return "> 99.9 %"
    return f"{value:.0f} %" if 9.95 <= abs(value) < 99 or value > 100 else f"{value:.1f} %"


def change(value: float | None, base: float | None) -> str:
    """What `value` saves or costs against `base`: "−23 %", "+4 %", "±0 %"; "" where one is unknown or the base is 0."""
    if value is None or not base:
        return ""
    delta = (value - base) / base * 100
    if abs(delta) < 0.05:
        return "±0 %"
    digits = 0 if abs(delta) >= 9.95 else 1
    return f"{'−' if delta < 0 else '+'}{abs(delta):.{digits}f} %"
