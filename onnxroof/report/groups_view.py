"""The groups of a plan as a table, alike ones in one row: what they take, what binds, how far the roof is."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

from onnxroof.report.cells import name_cell, number_cell, text_column, word_cell
from onnxroof.report.figures.bars import share_bar
from onnxroof.report.figures.svg import Svg
from onnxroof.report.kinds import Kind
from onnxroof.report.numbers import intensity, percent, quantity
from onnxroof.report.plans import stem_of
from onnxroof.report.shares import colour_of, energy_bar
from onnxroof.report.view import Cell, Column, Row, Table
from onnxroof.report.words import bound_words, cause_label, energy_words, shortened, shown, without_stem
from onnxroof.roofline.detachment import cause_of, host_nodes
from onnxroof.roofline.result import GroupResult, TargetResult

__all__ = ["MOST_KINDS_SHOWN", "groups_table"]

MOST_KINDS_SHOWN = 60


def groups_table(result: TargetResult, kinds: Sequence[Kind]) -> Table:
    """The slowest kinds of groups of the best plan; a row's `group` is the rank of its kind."""
    outer = result.levels[0].name if result.levels else ""
    columns = (
        text_column("Group", "Its operators run together; × 3: three groups that are alike"),
        text_column("Operators"),
        Column(label="Least time", help="Of all alike groups together"),
        Column(label="Share", help="Of the plan's time; below: of it and all slower ones"),
        text_column("Bound by", "What sets its time"),
        Column(label=f"Intensity at {shortened(outer, 16)}", help="Operations per byte"),
        Column(label="Utilization", help="Of the array: spatial × temporal"),
        Column(
            label="Of its roof",
            help="What it attains / what the roof over it allows; below: what most of the rest is lost to",
        ),
        Column(label="Energy", help="Of all alike groups together; below: of one operation"),
        text_column("Energy goes to", "The largest contribution"),
    )
    stem, on_host = stem_of(result.best), host_nodes(result)
    rows, sum_s = [], 0.0
    longest_s = max((kind.latency_s or 0.0 for kind in kinds), default=0.0)
    for rank, kind in enumerate(kinds[:MOST_KINDS_SHOWN]):
        sum_s += kind.latency_s or 0.0
        length = (kind.latency_s or 0.0) / longest_s if longest_s else 0.0
        bar = share_bar(length, colour_of(kind.first.time_bound, result))
        head = _head(kind, stem)
        rows.append(Row(cells=(head, *_cells(kind, result, on_host, outer, sum_s, bar)), group=str(rank)))
    cut = f"The {len(rows)} slowest of {len(kinds)} kinds of groups; the JSON has them all."
    return Table(
        caption="Slowest groups, alike ones together",
        columns=columns,
        rows=tuple(rows),
        note=cut if len(rows) < len(kinds) else "",
    )


def _head(kind: Kind, stem: str) -> Cell:
    """The name of the first node, without what all names start with; the whole of it on hover."""
    group = kind.first
    name = group.nodes[0] if group.nodes else group.id
    alike = f"× {kind.groups}" if kind.groups > 1 else ""
    trips = f"{group.repeat} runs" if group.repeat > 1 else ""
    cell = name_cell(without_stem(name, stem), 44, note=", ".join(filter(None, (alike, trips))))
    return replace(cell, title=shown(name) if cell.text != shown(name) else "", sort=shown(name).lower())


def _cells(
    kind: Kind, result: TargetResult, on_host: Collection[str], outer: str, sum_s: float, bar: Svg
) -> tuple[Cell, ...]:
    group, total = kind.first, result.best.latency_s
    share = kind.latency_s / total if total and kind.latency_s is not None else None
    at, of_roof = group.intensity_ops_per_byte.get(outer), group.regime.roof_share
    used, parts = _utilization(group)
    share_cell = number_cell(share, percent(share))
    so_far = f"Σ {percent(round(sum_s / total, 9))}" if share is not None and total else ""
    per_op = group.energy_j / group.ops if group.energy_j is not None and group.ops else None
    return (
        name_cell(" + ".join(group.op_types[:4]) + (" + …" if len(group.op_types) > 4 else ""), 32),
        number_cell(kind.latency_s, quantity(kind.latency_s, "s")),
        Cell(text=share_cell.text, sort=share_cell.sort, mark=share_cell.mark, figure=bar, note=so_far),
        word_cell(bound_words(group.time_bound), mark="" if group.time_bound else "unknown"),
        number_cell(at, intensity(at), note=_most(group)),
        number_cell(used, percent(used) if group.macs else "no MACs", note=parts),
        number_cell(of_roof, percent(of_roof), note=cause_label(cause_of(group, on_host))),
        number_cell(
            kind.energy_j,
            quantity(kind.energy_j, "J"),
            note="" if per_op is None else quantity(per_op, "J/OP"),
        ),
        _energy_cell(group, result),
    )


def _most(group: GroupResult) -> str:
    """The right limit of the group's intensity: with room for everything, each byte moves once."""
    most = group.compulsory_intensity_ops_per_byte
    return "" if most is None else f"of {intensity(most)} at most"


def _utilization(group: GroupResult) -> tuple[float | None, str]:
    """Spatial x temporal utilization and the two factors in words."""
    spatial, temporal = group.spatial_utilization, group.temporal_utilization
    if spatial is None or temporal is None:
        return None, ""
    return spatial * temporal, f"{percent(spatial)} × {percent(temporal)}"


def _energy_cell(group: GroupResult, result: TargetResult) -> Cell:
    if not group.energy_bound:
        return Cell(text="unknown", mark="unknown")
    words = energy_words(group.energy_bound)
    return Cell(text=words, sort=words.lower(), figure=energy_bar(group, result))
