"""The groups of the best plan with their tiles: how each is cut, and what it takes of every level on chip."""

from __future__ import annotations

from collections.abc import Sequence

from onnxroof.report.cells import name_cell, number_cell, text_column, word_cell
from onnxroof.report.kinds import Kind
from onnxroof.report.numbers import count, quantity
from onnxroof.report.plans import stem_of
from onnxroof.report.view import Cell, Column, Row, Table
from onnxroof.report.words import shortened, shown, without_stem
from onnxroof.roofline.result import GroupResult, TargetResult

__all__ = ["tiles_table"]

_MOST_KINDS_SHOWN = 20


def tiles_table(result: TargetResult, kinds: Sequence[Kind]) -> Table | None:
    """Tiles of the slowest kinds of groups of the best plan; None where no group has one."""
    cut = [kind for kind in kinds if kind.first.tile]
    if not cut:
        return None
    outer = result.levels[0].name if result.levels else ""
    has_again = any(kind.first.recomputed_ops for kind in cut)
    columns = (
        text_column("Group", "Its operators run together; × 3: three groups that are alike"),
        text_column(
            "Tile", f"Size by dimension of what passes between {shown(outer)} and the level inside it at a time"
        ),
        text_column("Room taken", "Of one instance of each level on chip: by tiles, and by what stays there meanwhile"),
        Column(label=f"Bytes at {shortened(outer, 16)}", help="Of one such group"),
        *((Column(label="Computed again", help="Operations for parts of tiles that overlap"),) if has_again else ()),
    )
    stem = stem_of(result.best)
    rows = tuple(Row(cells=_cells(kind, result, stem, outer, has_again=has_again)) for kind in cut[:_MOST_KINDS_SHOWN])
    note = f"Those of the {len(rows)} slowest of {len(cut)} kinds of groups; the JSON has them all."
    return Table(
        caption="Groups and their tiles", columns=columns, rows=rows, note=note if len(rows) < len(cut) else ""
    )


def _cells(kind: Kind, result: TargetResult, stem: str, outer: str, *, has_again: bool) -> tuple[Cell, ...]:
    group = kind.first
    more = f"and {len(group.nodes) - 1} more" if len(group.nodes) > 1 else ""
    alike = f"× {kind.groups}" if kind.groups > 1 else ""
    moved = None if group.ops is None else group.traffic_bytes.get(outer)
    return (
        name_cell(without_stem(group.nodes[0], stem), 34, note=", ".join(filter(None, (more, alike)))),
        word_cell(", ".join(f"{_dimension(name, stem)} {size}" for name, size in group.tile.items())),
        word_cell("; ".join(_rooms(group, result))),
        number_cell(moved, quantity(moved, "B")),
        *((number_cell(group.recomputed_ops, count(group.recomputed_ops, "OP")),) if has_again else ()),
    )


def _dimension(name: str, stem: str) -> str:
    """A dimension, as in "m" or "k of MatMul_2" where an operator behind the first sums over it."""
    dim, of, member = name.partition(" of ")
    return f"{shown(dim)}{of}{shortened(without_stem(member, stem), 24)}"


def _rooms(group: GroupResult, result: TargetResult) -> list[str]:
    """As in "26 kB of 393 kB of sram"."""
    return [
        f"{quantity(group.footprint_bytes[level.name], 'B')} of "
        + ("" if level.capacity_bytes is None else f"{quantity(level.capacity_bytes, 'B')} of ")
        + shown(level.name)
        for level in result.levels
        if group.footprint_bytes.get(level.name)
    ]
