"""What does the page show of the operators that a device leaves to its host?"""

from __future__ import annotations

from onnxroof.report.cells import number_cell, text_column, word_cell
from onnxroof.report.numbers import count, quantity
from onnxroof.report.offload import AS_IF, divided_words, link_words
from onnxroof.report.view import Column, Fact, Row, Table
from onnxroof.report.words import comma_list, counted, shown
from onnxroof.roofline.result import TargetResult

__all__ = ["fallback_table", "offload_facts"]

_MOST_NAMES = 4


def offload_facts(result: TargetResult) -> tuple[Fact, ...]:
    """What falls back, and what crosses, for the report."""
    offload, support = result.offload, result.target.support
    if offload is None:
        return ()
    if support is None:
        runs = Fact(label="Runs on the device", value="unknown", note="no list of operators is known", mark="unknown")
    else:
        share = f"{count(offload.node_count - offload.fallback_count)} of {count(offload.node_count)} nodes"
        notes = [f"by {support.compiler} [{support.source.kind}]"]
        if offload.fallbacks:
            notes += [f"in {counted(offload.segment_count, 'part')}", f"{AS_IF.replace('them', 'the others')}"]
        if support.unchecked:
            notes.append(f"not checked: {support.unchecked}")
        runs = Fact(
            label="Runs on the device", value=share, note=shown("; ".join(notes)),
            mark="bad" if offload.fallbacks else "",
        )  # fmt: skip
    crossing = Fact(
        label="Crosses the host link",
        value=f"{quantity(offload.to_device_bytes, 'B')} in, {quantity(offload.to_host_bytes, 'B')} out",
        note=link_words(result) + divided_words(result),
    )
    return runs, crossing


def fallback_table(result: TargetResult) -> Table | None:
    """What would run on the host and why, None where nothing would."""
    offload = result.offload
    if offload is None or not offload.fallbacks:
        return None
    rows = tuple(
        Row(
            cells=(
                word_cell(shown(fallback.op_type)),
                word_cell(shown(fallback.reason)),
                number_cell(len(fallback.nodes), count(len(fallback.nodes))),
                word_cell(shown(comma_list(fallback.nodes, _MOST_NAMES))),
            )
        )
        for fallback in offload.fallbacks
    )
    columns = (
        text_column("Operator", "As in ONNX"),
        text_column("Why", "By the documentation of the compiler"),
        Column(label="Nodes", help="How many run on the host for that reason"),
        text_column("Names", "The first of them"),
    )
    return Table(caption="Left to the host", columns=columns, rows=rows)
