"""Tables and paragraphs for a terminal, in plain text: which column gives way where the width does not suffice.

A library that does this (and colours, and markup) takes longer to import than counting a model takes.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from onnxroof.report.words import shortened, shown

__all__ = ["Heading", "Name", "paragraph", "styled", "table", "text_width"]

_GAP = "   "
_STYLES = {"bold": "1", "dim": "2", "bold red": "1;31", "yellow": "33", "bold yellow": "1;33"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Heading:
    """A column.

    Attributes:
        label: What stands above it.
        is_number: Whether it stands to the right.
        least: Columns of the terminal below which it does not shrink; 0 where it does not shrink at all.
    """

    label: str
    is_number: bool = False
    least: int = 0


@dataclass(frozen=True, slots=True)
class Name:
    """A name that is shortened in its middle, never broken, with what follows it whole."""

    name: str
    suffix: str = ""

    def __str__(self) -> str:
        return shown(self.name) + self.suffix

    def fitting(self, width: int) -> str:
        """As much of the name as there is room for."""
        if text_width(str(self)) <= width:
            return str(self)
        return shortened(self.name, max(width - len(self.suffix), 2)) + self.suffix


Content: TypeAlias = "str | Name"


def table(title: str, headings: Sequence[Heading], rows: Sequence[Sequence[Content]], width: int) -> list[str]:
    """Lines of a table that is at most `width` wide if its columns can shrink so far, blank lines around its body."""
    widths = _widths(headings, rows, width)
    lines = [*([title] if title else []), ""]
    lines += _row([heading.label for heading in headings], headings, widths, at_bottom=True)
    lines.append(" " + "─" * (sum(widths) + len(_GAP) * (len(widths) - 1)))
    for row in rows:
        lines += _row(row, headings, widths)
    return [*lines, ""]


def paragraph(text: str, width: int) -> list[str]:
    """Words in lines of at most `width`."""
    return _wrapped(text, width)


def styled(line: str, style: str, *, colour: bool) -> str:
    """The line in a style, where the terminal knows colours."""
    return f"\x1b[{_STYLES[style]}m{line}\x1b[0m" if colour and style and line else line


def text_width(text: str) -> int:
    """Columns that a text takes on a terminal."""
    if text.isascii():
        return len(text)
    return sum(
        0 if unicodedata.combining(char) else 2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text
    )


def _widths(headings: Sequence[Heading], rows: Sequence[Sequence[Content]], width: int) -> list[int]:
    """Natural widths; where these are too much, the widest column that may shrink gives way, again and again."""
    columns = [[text_width(str(row[index])) for row in rows] for index in range(len(headings))]
    widths = [max([text_width(h.label), *column]) for h, column in zip(headings, columns, strict=True)]
    least = [
        max(heading.least, *map(len, heading.label.split())) if heading.least else natural
        for heading, natural in zip(headings, widths, strict=True)
    ]
    excess = 1 + sum(widths) + len(_GAP) * (len(widths) - 1) - width
    while excess > 0:
        slack = [index for index in range(len(widths)) if widths[index] > least[index]]
        if not slack:
            break
        widths[max(slack, key=lambda index: widths[index])] -= 1
        excess -= 1
    return widths


def _row(
    cells: Sequence[Content], headings: Sequence[Heading], widths: Sequence[int], *, at_bottom: bool = False
) -> Iterator[str]:
    """The lines of one row; a heading of fewer lines than its neighbours stands at the bottom."""
    columns = [
        [cell.fitting(width)] if isinstance(cell, Name) else _wrapped(cell, width)
        for cell, width in zip(cells, widths, strict=True)
    ]
    height = max(map(len, columns))
    for line in range(height):
        parts = []
        for column, heading, width in zip(columns, headings, widths, strict=True):
            place = line - (height - len(column) if at_bottom else 0)
            text = column[place] if 0 <= place < len(column) else ""
            pad = " " * (width - text_width(text))
            parts.append(pad + text if heading.is_number else text + pad)
        yield (" " + _GAP.join(parts)).rstrip()


def _wrapped(text: str, width: int) -> list[str]:
    lines = [""]
    for word in text.split(" "):
        joined = f"{lines[-1]} {word}" if lines[-1] else word
        if text_width(joined) <= width:
            lines[-1] = joined
            continue
        if lines[-1]:
            lines.append("")
        pieces = [word[start : start + width] for start in range(0, len(word), width)]  # a long word is broken
        lines[-1:] = pieces or [""]
    return lines
