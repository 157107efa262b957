"""What are the tables of a target in a power mode that its file describes?

A mode is written as changes of its own file, in the form in which a file changes another. What it does not state
follows its clock: rates of engines by clock and cores, bandwidths of all levels but the outermost by the clock.
Energies stay: at which voltage a mode runs is not published with it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from onnxroof.targets.extend import Extended, extended
from onnxroof.targets.faults import Fault
from onnxroof.targets.toml_lines import KeyPath
from onnxroof.units import Dimension, parse

__all__ = ["clock_faults", "in_mode", "place_in_mode"]

_BANDWIDTHS = ("bandwidth", "read_bandwidth", "write_bandwidth")
_UNCERTAIN = ("estimate", "recalled", "default")

Table = dict[str, object]


def in_mode(base: Mapping[str, object], name: str) -> Extended:
    """The tables of a target in one of its modes.

    Args:
        base: Its sound tables, `modes` among them.
        name: Of the mode.
    """
    changes = _changes(base, name)
    whole = {key: value for key, value in base.items() if key != "modes"}
    slowed = _slowed(whole, cast("Table", changes.get("chip", {})))
    found = extended(slowed, changes)
    return Extended({**whole, **found.raw}, found.places)  # what a file says of itself holds in its modes too


def place_in_mode(whole: Extended, name: str, path: KeyPath) -> KeyPath:
    """A path in the tables of a mode as a path in its file."""
    placed = whole.place(path)
    return ("modes", name, *(() if placed == ("extends",) else placed))


def clock_faults(base: Mapping[str, object], name: str) -> list[Fault]:
    """A mode with a clock needs one to compare it with."""
    own, chip = cast("Table", _changes(base, name).get("chip", {})), cast("Table", base.get("chip", {}))
    if "clock" not in own or "clock" in chip:
        return []
    message = "expected a clock under [chip] too, found none: rates follow the ratio of the two"
    return [Fault(path=("modes", name, "chip", "clock"), message=message, code="T206")]


def _changes(base: Mapping[str, object], name: str) -> Table:
    mode = cast("Mapping[str, Mapping[str, object]]", base["modes"])[name]
    return {key: value for key, value in mode.items() if key != "name"}


def _slowed(whole: Table, own: Mapping[str, object]) -> Table:
    """The tables with all that follows the clock and the cores of a mode."""
    chip = cast("Table", whole.get("chip", {}))
    clock = _hertz(own.get("clock")) / _hertz(chip.get("clock")) if "clock" in own and "clock" in chip else 1.0
    cores = cast("int", own.get("cores", chip.get("cores", 1))) / cast("int", chip.get("cores", 1))
    source = str(cast("Table", own["clock"])["source"]) if "clock" in own else ""
    sources = cast("Mapping[str, Mapping[str, object]]", whole.get("sources", {}))
    # A number is no surer than the clock that it follows.
    doubtful = source if sources.get(source, {}).get("kind") in _UNCERTAIN else ""
    engines = [
        {
            **engine,
            "peak": [_scaled(peak, ("rate",), clock * cores, doubtful) for peak in cast("list[Table]", engine["peak"])],
        }
        if "peak" in engine
        else engine
        for engine in cast("list[Table]", whole["engine"])
    ]
    outermost, *inner = cast("list[Table]", whole["memory"])
    levels = [outermost, *(_scaled(level, _BANDWIDTHS, clock, doubtful) for level in inner)]
    return {**whole, "engine": engines, "memory": levels}


def _scaled(table: Table, keys: tuple[str, ...], factor: float, source: str) -> Table:
    if factor == 1.0:
        return table
    changed: Table = {}
    for key in keys:
        if key in table:
            quantity = cast("Table", table[key])
            value = float(f"{cast('float', quantity['value']) * factor:.6g}")
            notes = [str(quantity.get("where", "")), f"times {factor:.4g}, as the clock of the mode"]
            changed[key] = {**quantity, "value": value, "where": "; ".join(filter(None, notes))}
            if source:
                changed[key] = {**cast("Table", changed[key]), "source": source}
    return {**table, **changed}


def _hertz(quantity: object) -> float:
    table = cast("Table", quantity)
    return parse(cast("float", table["value"]), str(table["unit"]), Dimension.FREQUENCY)
