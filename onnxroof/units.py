"""What is a number with a unit worth in SI, and how is an SI number written for people?

One table holds every unit that a file may use. Its factors are ratios of integers, so that a conversion rounds once.
"""

from __future__ import annotations

import difflib
import enum
import math
import re
from dataclasses import dataclass

__all__ = ["UNITS", "Dimension", "Unit", "UnitError", "format_si", "parse"]


class Dimension(enum.Enum):
    """What a unit measures. The value is how people call it."""

    CAPACITY = "a capacity"
    BANDWIDTH = "a bandwidth"
    RATE = "a compute rate"
    OPERATION_ENERGY = "an energy per operation"
    BYTE_ENERGY = "an energy per byte"
    POWER = "a power"
    TIME = "a time"
    FREQUENCY = "a frequency"
    LENGTH = "a length"
    AREA = "an area"
    RATIO = "a plain number"


@dataclass(frozen=True, slots=True)
class Unit:
    """A unit: one of it is `numerator / denominator` of the SI unit of its dimension."""

    dimension: Dimension
    numerator: int
    denominator: int = 1


class UnitError(ValueError):
    """A number or its unit does not serve.

    Attributes:
        message: What was expected and what was found, without a full stop.
        hint: What to write instead, or "".
    """

    def __init__(self, message: str, hint: str = "") -> None:
        self.message = message
        self.hint = hint
        super().__init__(message)


_DECIMAL = {"": 1, "k": 10**3, "M": 10**6, "G": 10**9, "T": 10**12, "P": 10**15}
_OPERATIONS = {"OP": 1, "FLOP": 1, "MAC": 2}  # one multiply-accumulate is two operations


def _table() -> dict[str, Unit]:
    units = {f"{prefix}B": Unit(Dimension.CAPACITY, _DECIMAL[prefix]) for prefix in ("", "k", "M", "G", "T")}
    units |= {f"{prefix}iB": Unit(Dimension.CAPACITY, 2**power) for prefix, power in (("K", 10), ("M", 20), ("G", 30))}
    units |= {f"{prefix}B/s": Unit(Dimension.BANDWIDTH, _DECIMAL[prefix]) for prefix in ("", "k", "M", "G", "T")}
    units |= {
        f"{prefix}{word}/s": Unit(Dimension.RATE, factor * count)
        for word, count in _OPERATIONS.items()
        for prefix, factor in _DECIMAL.items()
    }
    units |= {f"pJ/{word}": Unit(Dimension.OPERATION_ENERGY, 1, count * 10**12) for word, count in _OPERATIONS.items()}
    return units | {
        "pJ/B": Unit(Dimension.BYTE_ENERGY, 1, 10**12),
        "pJ/bit": Unit(Dimension.BYTE_ENERGY, 8, 10**12),
        "W": Unit(Dimension.POWER, 1),
        "mW": Unit(Dimension.POWER, 1, 10**3),
        "s": Unit(Dimension.TIME, 1),
        "ms": Unit(Dimension.TIME, 1, 10**3),
        "us": Unit(Dimension.TIME, 1, 10**6),
        "ns": Unit(Dimension.TIME, 1, 10**9),
        "Hz": Unit(Dimension.FREQUENCY, 1),
        "kHz": Unit(Dimension.FREQUENCY, 10**3),
        "MHz": Unit(Dimension.FREQUENCY, 10**6),
        "GHz": Unit(Dimension.FREQUENCY, 10**9),
        "nm": Unit(Dimension.LENGTH, 1, 10**9),
        "mm2": Unit(Dimension.AREA, 1, 10**6),
        "1": Unit(Dimension.RATIO, 1),
    }


UNITS = _table()


def parse(value: float, unit: str, dimension: Dimension) -> float:
    """The SI value of a number with its unit.

    Args:
        value: As written; finite and not negative.
        unit: A key of `UNITS`.
        dimension: What the number must measure.

    Returns:
        Bytes, bytes/s, operations/s (1 MAC = 2 operations), J/operation, J/byte, W, s, Hz, m, m2, or a plain number.

    Raises:
        UnitError: An unknown unit, one of another dimension, or a number that is negative or not finite.
    """
    known = UNITS.get(unit)
    if known is None:
        in_bits = ", an eighth of the number in bits" if _BITS.fullmatch(unit) else ""
        hint = _write(_spelled(unit, dimension)) + in_bits
        raise UnitError(f"unknown unit `{unit}`, expected {dimension.value}", hint)
    if known.dimension is not dimension:
        message = f"`{unit}` is {known.dimension.value}, expected {dimension.value}"
        raise UnitError(message, _write(_same_prefix(unit, dimension)))
    if not math.isfinite(value) or value < 0:
        raise UnitError(f"expected a finite number that is not negative, found {value}")
    return value * known.numerator / known.denominator


def _write(units: tuple[str, ...]) -> str:
    quoted = [f"`{unit}`" for unit in units]
    return "write " + (" or ".join((", ".join(quoted[:-1]), quoted[-1])) if len(quoted) > 1 else quoted[0])


def _of(dimension: Dimension) -> tuple[str, ...]:
    return tuple(unit for unit, known in UNITS.items() if known.dimension is dimension)


def _same_prefix(unit: str, dimension: Dimension) -> tuple[str, ...]:
    """Units of the dimension, those with the prefix of `unit` if there are any."""
    prefix = unit[0] if unit[0] in "kMGTP" and len(unit) > 1 else ""
    prefixed = tuple(name for name in _of(dimension) if prefix and name.startswith(prefix))
    return prefixed or _of(dimension)


_BITS = re.compile(r"(?P<prefix>[kKMGT]?)b(?:it|its)?(?:/s|ps)", re.ASCII)
_PER_SECOND = re.compile(r"(?P<unit>[kKMGT]?i?[bB])(?:ps|/sec|/S)", re.ASCII)
_OPERATION_RATE = re.compile(
    r"(?P<prefix>[kMGTP]?)(?P<word>FLOP|MAC|OP)(?P<many>s?)(?:/s|/sec|ps)?", re.ASCII | re.IGNORECASE
)
_WORDS = {
    "KB": ("kB", "KiB"),
    "Kb": ("kB", "KiB"),
    "kiB": ("KiB",),
    "µs": ("us",),
    "μs": ("us",),
    "usec": ("us",),
    "sec": ("s",),
    "mm^2": ("mm2",),
    "mm²": ("mm2",),
    "%": ("1",),
    "": ("1",),
    "pJ/byte": ("pJ/B",),
    "pJ/b": ("pJ/bit", "pJ/B"),
}


def _spelled(unit: str, dimension: Dimension) -> tuple[str, ...]:
    """What somebody who wrote `unit` may have meant: all units of the dimension if it is none of the common slips."""
    candidates = _WORDS.get(unit, ())
    if match := _BITS.fullmatch(unit):
        candidates = (f"{match['prefix'].replace('K', 'k')}B/s",)
    elif match := _PER_SECOND.fullmatch(unit):
        candidates = (f"{match['unit'].replace('K', 'k').replace('i', '').replace('b', 'B')}/s",)
    elif match := _OPERATION_RATE.fullmatch(unit):  # TOPS, TFLOPS, GMACs ...
        prefix = match["prefix"].lower() if match["prefix"] in "kK" else match["prefix"].upper()
        candidates = (f"{prefix}{match['word'].upper()}/s",)
    fitting = tuple(name for name in candidates if name in UNITS and UNITS[name].dimension is dimension)
    if fitting:
        return fitting
    folded = {name.casefold(): name for name in _of(dimension)}
    close = difflib.get_close_matches(unit.casefold(), folded, n=1, cutoff=0.7)
    return (folded[close[0]],) if close else _of(dimension)


_LARGE = ("", "k", "M", "G", "T", "P", "E", "Z", "Y")
_SMALL = ("", "m", "µ", "n", "p", "f", "a")
_DIVISIBLE = frozenset({"s", "J", "W"})  # a thousandth of these is a thing; half a byte stays 0.5 B


def format_si(value: float | None, unit: str) -> str:
    """A number for people: three significant digits, trailing zeros dropped, and an SI prefix.

    Args:
        value: In SI; None is unknown.
        unit: s, B, B/s, OP/s, J, W, OP/J, OP/B ...; the prefix goes before it.

    Returns:
        E.g. "1.5 ms", "80 GB", "989 TOP/s", "0 s", or "unknown".
    """
    if value is None or math.isnan(value):
        return "unknown"
    if math.isinf(value):
        return f"{'-' if value < 0 else ''}∞ {unit}"
    rounded = float(f"{value:.2e}")  # round first: 999.6 is 1 k, not 1000
    if rounded == 0:
        return f"0 {unit}"
    step = math.floor(math.log10(abs(rounded)) / 3 + 1e-9)  # log10(1000) / 3 may fall a hair below 1
    step = min(max(step, 1 - len(_SMALL) if unit in _DIVISIBLE else 0), len(_LARGE) - 1)
    prefix = _LARGE[step] if step >= 0 else _SMALL[-step]
    scaled = rounded / 10 ** (3 * step) if step >= 0 else rounded * 10 ** (-3 * step)
    return f"{_digits(scaled)} {prefix}{unit}"


def _digits(value: float) -> str:
    """Three significant digits without an exponent where they are readable so."""
    if not 1e-4 <= abs(value) < 1e6:
        return f"{value:.3g}"
    decimals = max(0, 2 - math.floor(math.log10(abs(value)) + 1e-9))
    text = f"{value:.{decimals}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
