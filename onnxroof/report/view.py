"""What a page shows, as frozen dataclasses of finished strings and sort keys: templates calculate nothing."""

from __future__ import annotations

from dataclasses import dataclass, field

from onnxroof.report.answer import Answer
from onnxroof.report.document import Document
from onnxroof.report.figures.svg import Svg

__all__ = [
    "NO_FIGURE",
    "Cell",
    "Column",
    "Fact",
    "Failed",
    "Figure",
    "LegendItem",
    "ModelView",
    "Page",
    "Row",
    "Table",
    "TargetView",
]


NO_FIGURE = Svg("")


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A column: its heading, what that means (shown on hover, "" for none), and whether it holds numbers."""

    label: str
    help: str = ""
    is_number: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """A cell.

    Attributes:
        text: What it shows.
        sort: Sort key: the bare number or lower-case text; "" sorts last.
        note: A second, smaller line, or "".
        figure: A small picture beside the text, or "".
        title: Long form on hover, or "".
        mark: "best", "bad", "unknown" or "".
        href: Fragment of this page that it leads to, or "".
    """

    text: str
    sort: str = ""
    note: str = ""
    figure: Svg = NO_FIGURE
    title: str = ""
    mark: str = ""
    href: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A row; `group` is the rank of the fusion group that it tells of, or ""."""

    cells: tuple[Cell, ...]
    group: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A table. The first column heads its rows; `note` says what was left out."""

    caption: str
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    note: str = ""
    sortable: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """A labelled figure."""

    label: str
    value: str
    note: str = ""
    mark: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class LegendItem:
    """An entry of a legend: a colour, what it stands for, and its figure."""

    swatch: Svg
    label: str
    value: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """A picture with its title and legend."""

    title: str
    svg: Svg
    legend: tuple[LegendItem, ...] = ()
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetView:
    """One model on one target; `index` finds it in the page's data."""

    anchor: str
    index: int
    name: str
    klass: str
    headline: str
    facts: tuple[Fact, ...]
    bottlenecks: tuple[Fact, ...]
    rooflines: Svg
    levels: Table
    level_legend: tuple[LegendItem, ...]
    chart_notes: tuple[str, ...]
    groups: Table
    shares: tuple[Figure, ...]
    regimes: tuple[Fact, ...]
    detachment: Table | None
    levers: Table | None
    sensitivity: Table | None
    plans: Table
    tiles: Table | None
    decisions: tuple[Table, ...]
    fallbacks: Table | None
    ranges: tuple[Fact, ...]
    unknown: tuple[Fact, ...]
    estimated: tuple[str, ...]
    sources: Table


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelView:
    """One model; `index` finds it in the page's data."""

    anchor: str
    index: int
    name: str
    origin: str
    answer: Answer
    coverage: Fact
    dims: tuple[Fact, ...]
    unresolved: Table | None
    not_modelled: Table | None
    totals: tuple[Fact, ...]
    comparison: Table | None
    fit: Table | None
    duty: Table | None
    tradeoff: Figure | None
    capacity: Figure | None
    capacities: Table | None
    live: tuple[Fact, ...]
    targets: tuple[TargetView, ...]
    op_types: Table
    nodes: Table
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """A model without an answer, and why."""

    name: str
    faults: tuple[Fact, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """The whole page.

    Attributes:
        title: Of the window.
        tool: Name and version.
        generated: When, as the caller says it, or "".
        command: What reproduces it, or "".
        overview: All models side by side, None for a single one.
        models: Answered models in the order given.
        failed: The others.
        conventions: Counting rules.
        provenance: Where the method comes from.
        data: What the script reads, the JSON of the contract in part.
    """

    title: str
    tool: str
    generated: str
    command: str
    overview: Table | None
    models: tuple[ModelView, ...]
    failed: tuple[Failed, ...]
    conventions: tuple[Fact, ...]
    provenance: str
    data: Document = field(repr=False)
