"""Which targets of the catalogue does a user ask for, in which order, and how are they listed?"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from onnxroof.cli.roof_chart import fastest_peak
from onnxroof.cli.target_view import table_of, terminal
from onnxroof.roofline.terms import bandwidth_bytes_per_s
from onnxroof.targets.model import Target
from onnxroof.units import format_si

__all__ = ["list_json", "ordered", "print_list", "selected"]


def selected(
    targets: Iterable[Target], *, words: Sequence[str] = (), classes: Sequence[str] = (), vendors: Sequence[str] = ()
) -> list[Target]:
    """The targets in which every word occurs, in a class and of a vendor that are asked for; upper case is lower case.

    Args:
        targets: To choose from.
        words: Each occurs in the id, the name, the vendor or the class.
        classes: Parts of the class, of which one must occur: "NPU" asks for edge, client and mobile ones.
        vendors: Parts of the vendor, of which one must occur.
    """
    return [
        target
        for target in targets
        if all(_has(word, target.id, target.name, target.vendor, target.klass) for word in words)
        and (not classes or any(_has(part, target.klass) for part in classes))
        and (not vendors or any(_has(part, target.vendor) for part in vendors))
    ]


def ordered(targets: Iterable[Target], column: str) -> list[Target]:
    """Sorted by a column of the table: texts from A to Z, numbers from the largest, what is unknown last."""
    if column in _TEXTS:
        text = _TEXTS[column]
        return sorted(targets, key=lambda target: (text(target).casefold(), target.id))
    number = _NUMBERS[column]
    return sorted(targets, key=lambda target: (-(number(target) or 0.0), target.id))


def print_list(targets: Iterable[Target]) -> None:
    """Prints one line a target."""
    rows = [
        (
            *(text(target) for text in _TEXTS.values()),
            " ".join(filter(None, (format_si(_peak(target), "OP/s"), _peak_type(target)))),
            format_si(_bandwidth(target), "B/s"),
            format_si(_capacity(target), "B"),
            format_si(_power(target), "W"),
            " ".join(target.modes),
        )
        for target in targets
    ]
    terminal().print(table_of((*_TEXTS, *_NUMBERS, "modes"), rows))


def list_json(targets: Iterable[Target]) -> list[dict[str, object]]:
    """The same as JSON: figures in SI, what is unknown as null."""
    return [
        {
            "id": target.id,
            "name": target.name,
            "vendor": target.vendor or None,
            "class": target.klass,
            "peak_ops_per_s": _peak(target),
            "peak_type": _peak_type(target) or None,
            "bandwidth_bytes_per_s": _bandwidth(target),
            "capacity_bytes": _capacity(target),
            "power_cap_w": _power(target),
            "modes": [f"{target.id}@{mode}" for mode in target.modes],
        }
        for target in targets
    ]


def _has(part: str, *texts: str) -> bool:
    return any(part.casefold() in text.casefold() for text in texts)


def _peak(target: Target) -> float | None:
    found = fastest_peak(target)
    return found[1].rate.value if found and found[1].rate else None


def _peak_type(target: Target) -> str:
    found = fastest_peak(target)
    return found[1].input.name if found else ""


def _bandwidth(target: Target) -> float | None:
    return bandwidth_bytes_per_s(target.levels[0])


def _capacity(target: Target) -> float | None:
    capacity = target.levels[0].capacity
    return capacity.value if capacity else None


def _power(target: Target) -> float | None:
    return target.power_cap.value if target.power_cap else None


_TEXTS: Mapping[str, Callable[[Target], str]] = {
    "id": lambda target: target.id,
    "name": lambda target: target.name,
    "vendor": lambda target: target.vendor,
    "class": lambda target: target.klass,
}
_NUMBERS: Mapping[str, Callable[[Target], float | None]] = {
    "peak": _peak,
    "bandwidth": _bandwidth,
    "capacity": _capacity,
    "power": _power,
}
