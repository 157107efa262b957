"""Table cells with text to show and a key to sort by, and the mark of the best cell of a column."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from onnxroof.report.numbers import UNKNOWN, exact
from onnxroof.report.view import Cell, Column
from onnxroof.report.words import shortened, shown

__all__ = ["marked", "name_cell", "number_cell", "text_column", "word_cell"]


def text_column(label: str, meaning: str = "") -> Column:
    """A column of words."""
    return Column(label=label, help=meaning, is_number=False)


def number_cell(value: float | None, text: str, *, note: str = "") -> Cell:
    """A number that sorts by its value; an unknown one sorts last and looks unknown."""
    if value is None:
        return Cell(text=text or UNKNOWN, note=note, mark="unknown")
    return Cell(text=text, sort=exact(value), note=note)


def word_cell(text: str, *, note: str = "", mark: str = "") -> Cell:
    """Words that sort by the alphabet."""
    return Cell(text=text, sort=text.lower(), note=note, mark=mark)


def name_cell(name: str, length: int, *, note: str = "", href: str = "") -> Cell:
    """A name out of a model or target, shortened where it is long and then whole on hover."""
    text = shortened(name, length)
    return Cell(text=text, sort=shown(name).lower(), note=note, title=shown(name) if "…" in text else "", href=href)


def marked(rows: Sequence[tuple[Cell, ...]], column: int, best: Sequence[bool]) -> list[tuple[Cell, ...]]:
    """The rows with the cells of a column marked that are the best of it."""
    return [
        (*row[:column], replace(row[column], mark="best"), *row[column + 1 :]) if is_best else row
        for row, is_best in zip(rows, best, strict=True)
    ]
