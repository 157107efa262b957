"""What does the page show of whether a model fits the memories of targets?"""

from __future__ import annotations

from collections.abc import Sequence

from onnxroof.report.cells import name_cell, number_cell, text_column, word_cell
from onnxroof.report.fit import VERDICTS, home_words, ranked
from onnxroof.report.numbers import percent, quantity
from onnxroof.report.view import Cell, Column, Row, Table
from onnxroof.report.words import comma_list, shown
from onnxroof.roofline.fit import Fit, Verdict
from onnxroof.roofline.result import TargetResult

__all__ = ["fit_table"]

_MARKS = {Verdict.TOO_SMALL: "bad", Verdict.UNKNOWN: "unknown"}
_NOTE = (
    "Weights lie in the outermost memory; activations live there too, or in the first memory that keeps them where it "
    "is a flash. Nothing is set aside for code or a runtime."
)


def fit_table(targets: Sequence[tuple[str, TargetResult]]) -> Table | None:
    """Targets, each with its anchor, ranked by the room that a model leaves; None where nobody asked."""
    anchors = {id(result): anchor for anchor, result in targets}
    rows = tuple(
        Row(cells=_cells(result, fit, anchors[id(result)])) for result, fit in ranked([each for _, each in targets])
    )
    if not rows:
        return None
    columns = (
        text_column("Target"),
        text_column("Does it fit"),
        Column(label="Spare", help="Room that is left over all of it, in the fullest memory"),
        text_column("What it must hold", "In the types in which the target runs the model"),
    )
    return Table(caption="Does it fit", columns=columns, rows=rows, note=_NOTE)


def _cells(result: TargetResult, fit: Fit, anchor: str) -> tuple[Cell, ...]:
    spare = fit.spare_fraction
    short = [-home.spare_bytes for home in fit.homes if home.spare_bytes is not None and home.spare_bytes < 0]
    return (
        name_cell(result.target.name, 40, note=shown(result.target.klass), href=f"#{anchor}"),
        word_cell(VERDICTS[fit.verdict], mark=_MARKS.get(fit.verdict, "")),
        number_cell(spare, f"short by {comma_list([quantity(s, 'B') for s in short])}" if short else percent(spare)),
        word_cell("; ".join(map(home_words, fit.homes))),
    )
