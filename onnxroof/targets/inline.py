"""What target does one line such as `peak=8TOP/s:INT8,dram=68GB/s,sram=4MiB@1TB/s` describe?

The line is short for a file: it becomes the same tables, which are then checked as those of a file are. Here is only
its grammar:

    line  = part {"," part}
    part  = "peak=" RATE ":" TYPE | LEVEL "=" (CAPACITY | BANDWIDTH | CAPACITY "@" BANDWIDTH)

Numbers carry their units. One engine runs everything, at the peaks that are given; levels stand outermost first.
What is left out is unknown.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from onnxroof.errors import Diagnostic
from onnxroof.targets.toml_lines import KeyPath

__all__ = ["Inline", "parse_inline"]

_SOURCE = "given"
_NUMBER = re.compile(r"(?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)\s*(?P<unit>\D.*)", re.ASCII)
_FORM = "e.g. `peak=8TOP/s:INT8,dram=68GB/s,sram=4MiB@1TB/s`"


@dataclass(frozen=True, slots=True)
class Inline:
    """A line as the tables of a file.

    Attributes:
        raw: The tables, of the parts that are of the grammar.
        parts: The part of the line that a table was made from, by its path.
        faults: Of the other parts.
    """

    raw: dict[str, object]
    parts: dict[KeyPath, str]
    faults: tuple[Diagnostic, ...]

    def part(self, path: KeyPath) -> str | None:
        """The part of the line that a path was made from, None for what belongs to the whole line."""
        return next((part for start, part in self.parts.items() if path[: len(start)] == start), None)


def parse_inline(line: str) -> Inline:
    """The tables that a line is short for, and what in it is not of the grammar."""
    peaks: list[object] = []
    levels: list[object] = []
    parts: dict[KeyPath, str] = {}
    faults: list[Diagnostic] = []
    for part in (part.strip() for part in line.split(",")):
        try:
            name, equals, value = (word.strip() for word in part.partition("="))
            if not equals or not name:
                raise _Fault(
                    "expected `peak=RATE:TYPE` or `LEVEL=CAPACITY@BANDWIDTH`, found no `=` with words around it"
                )
            if name == "peak":
                parts["engine", 0, "peak", len(peaks)] = part
                peaks.append(_peak(value))
            else:
                parts["memory", len(levels)] = part
                levels.append({"level": name, **_level(value)})
        except _Fault as fault:
            faults.append(Diagnostic(where=part or line, message=fault.message, hint=_FORM, code="T104"))
    if not faults:
        needed = (("peak", "`peak=RATE:TYPE`", peaks), ("level", "`LEVEL=CAPACITY@BANDWIDTH`", levels))
        faults += [
            Diagnostic(where=line, message=f"expected a {word}, {form}, found none", hint=_FORM, code="T104")
            for word, form, found in needed
            if not found
        ]
    raw: dict[str, object] = {
        "schema": 1,
        "id": re.sub(r"[^a-z0-9]+", "-", line.lower()).strip("-"),
        "name": line.strip(),
        "class": "custom",
        "sources": {_SOURCE: {"title": "The line that describes the target", "kind": "given"}},
        "engine": [{"name": "chip", "runs": ["mac", "vector", "special"], "peak": peaks}],
        "memory": levels,
    }
    return Inline(raw, parts, tuple(faults))


class _Fault(Exception):  # noqa: N818 - never leaves this module
    def __init__(self, message: str) -> None:
        self.message = message
        super().__init__(message)


def _peak(value: str) -> dict[str, object]:
    rate, colon, type_name = (word.strip() for word in value.partition(":"))
    if not colon or not type_name:
        raise _Fault(f"expected a type behind the rate, as in `{rate or '8TOP/s'}:INT8`, found none")
    return {"input": type_name, "rate": _quantity(rate, "a rate")}


def _level(value: str) -> dict[str, object]:
    first, at, second = (word.strip() for word in value.partition("@"))
    if at:
        bandwidth = _quantity(second, "a bandwidth behind the `@`")
        return {"capacity": _quantity(first, "a capacity before the `@`"), "bandwidth": bandwidth}
    quantity = _quantity(first, "a capacity or a bandwidth")
    unit = str(quantity["unit"])
    return {"bandwidth" if "/" in unit or unit.endswith("ps") else "capacity": quantity}


def _quantity(text: str, what: str) -> dict[str, object]:
    match = _NUMBER.fullmatch(text)
    if match is None:
        raise _Fault(f"expected {what}, a number with its unit, found {f'`{text}`' if text else 'nothing'}")
    return {"value": float(match["number"]), "unit": match["unit"].strip(), "source": _SOURCE}
