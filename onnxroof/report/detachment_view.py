"""What keeps a plan below its roofs, for people: each cause with its time and what it is."""

from __future__ import annotations

from collections.abc import Mapping

from onnxroof.report.cells import number_cell, text_column, word_cell
from onnxroof.report.numbers import percent, quantity
from onnxroof.report.view import Column, Row, Table
from onnxroof.report.words import cause_words, comma_list, counted
from onnxroof.roofline.detachment import CONVERSION, HOST, POWER, RELOAD, SPARSITY, detachment
from onnxroof.roofline.result import TargetResult

__all__ = ["detachment_table"]

_NAMES = {
    RELOAD: "Bytes that cross again",
    "ports": "One port idle (temporal)",
    "spatial": "Array not full (spatial)",
    "overlap": "No overlap (temporal)",
    "launch": "Launches",
    CONVERSION: "Type conversions",
    POWER: "Power cap",
    HOST: "Host fallback",
}
_MEANINGS = {
    RELOAD: "Tiles do not fit: operands are fetched, or partial sums written, more than once. Part of the time at the "
    "roof: a larger memory on chip, or fusion, moves the dots right.",
    "ports": "A level has one port for reading and one for writing, and one waits while the other is busy.",
    "spatial": "Sizes of the layers are no multiples of the array, or smaller: units stand idle, and the peak that "
    "these layers can reach is lower.",
    "overlap": "Compute stands still while a level transfers, and the other way round, instead of both at once.",
    "launch": "Starting each group takes its time, whatever the group does.",
    CONVERSION: "All the time of groups that do nothing but turn elements into another type.",
    POWER: "On top of all times on this page: at full speed the groups would draw more than the cap, if the energies "
    "are right.",
    HOST: "On top of all times on this page: what crosses the link to the host takes at least that; how long the host "
    "computes is not known.",
}


def detachment_table(result: TargetResult) -> Table | None:
    """The causes that take time, the longest first, and those that do not in its note; None where nothing is known."""
    plan = result.best
    causes = detachment(result, plan)
    if not causes or not plan.latency_s:
        return None
    taken = sorted(((cause, time) for cause, time in causes.items() if time), key=lambda item: -item[1])
    rows = tuple(
        Row(
            cells=(
                word_cell(_NAMES[cause], note=_meaning(cause, result)),
                number_cell(time, quantity(time, "s"), note=percent(time / plan.latency_s)),
            )
        )
        for cause, time in taken
    )
    columns = (text_column("Cause"), Column(label="Time", help="Below: as a part of the least time of the plan"))
    return Table(
        caption="What keeps it below its roofs", columns=columns, rows=rows, note=_note(causes), sortable=False
    )


def _meaning(cause: str, result: TargetResult) -> str:
    if cause != HOST or result.offload is None:
        return _MEANINGS[cause]
    return f"{counted(result.offload.fallback_count, 'operator')} would run there. {_MEANINGS[cause]}"


def _note(causes: Mapping[str, float | None]) -> str:
    """What takes nothing, what is unknown, and what is not modelled."""
    nothing = [cause_words(cause) for cause, time in causes.items() if time == 0]
    unknown = [cause_words(cause) for cause, time in causes.items() if time is None and cause != SPARSITY]
    notes = [f"Nothing is lost to {comma_list(nothing, conjunction='or')}."] if nothing else []
    if unknown:
        notes.append(f"Unknown on this target: what is lost to {comma_list(unknown, conjunction='or')}.")
    notes.append("Sparsity is not modelled: every element counts as dense, and none is skipped.")
    return " ".join(notes)
