"""From a target's result to the data of its two rooflines, the table of its levels, and what the charts leave out."""

from __future__ import annotations

from collections.abc import Sequence

from onnxroof.report.cells import name_cell, number_cell, text_column
from onnxroof.report.embedded import slowest_first
from onnxroof.report.figures.bars import swatch
from onnxroof.report.figures.roofline import Ceiling, Dot, Roof, Rooflines
from onnxroof.report.numbers import count, intensity, percent, quantity
from onnxroof.report.view import Cell, Column, LegendItem, Row, Table
from onnxroof.report.words import comma_list, counted, shortened, shown
from onnxroof.roofline.result import GroupResult, LevelResult, PlanResult, TargetResult
from onnxroof.targets.model import Engine, Peak

__all__ = ["chart_notes", "level_legend", "levels_table", "rooflines_of"]

_MOST_TITLES = 20


def rooflines_of(result: TargetResult) -> Rooflines:
    """Roofs of the target and dots of its best plan."""
    plan = result.best
    groups = slowest_first(plan.groups)
    return Rooflines(
        name=shown(result.target.name),
        roofs=tuple(_roof(level) for level in result.levels),
        peak=_peak(result),
        lower_peaks=_lower_peaks(result),
        energy_per_op=result.energy_j_per_op,
        time_dots=_time_dots(groups, plan, result),
        energy_dots=_energy_dots(groups, plan, result),
    )


def levels_table(result: TargetResult) -> Table:
    """Capacity, bandwidth, energy and ridge points of each level, with the best plan's traffic and intensity there."""
    plan = result.best
    ops = None if plan.ops_per_s is None or plan.latency_s is None else plan.ops_per_s * plan.latency_s
    columns = (
        text_column("Memory level", "Outermost first"),
        Column(label="Capacity", help="Of all instances"),
        Column(label="Bandwidth", help="Of all instances"),
        Column(label="Energy", help="Mean of reading and writing a byte"),
        Column(label="Ridge point", help="Operations per byte from which computing takes longer than this level"),
        Column(label="Energy ridge", help="Operations per byte from which computing takes more energy than this level"),
        Column(label="Traffic", help="Bytes that the level exchanges with the one inside it, best plan"),
        Column(label="Model’s intensity", help="Operations of the model / traffic"),
    )
    rows = tuple(Row(cells=_level_cells(index, level, plan, ops)) for index, level in enumerate(result.levels))
    return Table(caption="Memory levels", columns=columns, rows=rows, sortable=False)


def level_legend(result: TargetResult) -> tuple[LegendItem, ...]:
    """The levels with the colours that they have in every figure of the target."""
    return tuple(
        LegendItem(swatch=swatch(f"s{index % 6}"), label=shown(level.name)) for index, level in enumerate(result.levels)
    )


def chart_notes(result: TargetResult, chart: Rooflines) -> tuple[str, ...]:
    """What the charts do not show, and why."""
    notes = []
    drawn = {dot.group for dot in chart.time_dots}
    missing = len(result.best.groups) - len(drawn)
    if missing:
        notes.append(
            f"{counted(missing, 'group')} cannot be drawn: no operations (bytes only), or time or work unknown."
        )
    if chart.peak is None:
        notes.append("The peak is unknown: the chart has no ceiling.")
    slopeless = [shown(level.name) for level in result.levels if level.bandwidth_bytes_per_s is None]
    if slopeless:
        notes.append(f"The bandwidth of {comma_list(slopeless)} is unknown: no roof is drawn for it.")
    if not chart.has_energy:
        notes.append("Energies are unknown on this target: there is no energy roofline.")
    elif not chart.energy_dots:
        notes.append("The energy of the plan is unknown: the energy roofline has no dots.")
    return tuple(notes)


def _roof(level: LevelResult) -> Roof:
    bandwidth = level.bandwidth_bytes_per_s
    return Roof(
        name=shown(level.name),
        bandwidth=None if bandwidth is None else bandwidth * level.instances,
        energy_per_byte=level.energy_j_per_byte,
        ridge=level.ridge_ops_per_byte,
        energy_ridge=level.energy_ridge_ops_per_byte,
    )


def _level_cells(index: int, level: LevelResult, plan: PlanResult, ops: float | None) -> tuple[Cell, ...]:
    capacity, bandwidth = level.capacity_bytes, level.bandwidth_bytes_per_s
    traffic = plan.traffic_bytes.get(level.name)
    each = "" if level.instances == 1 else f"{level.instances} instances"
    head = name_cell(level.name, 24, note=each)
    return (
        Cell(text=head.text, sort=head.sort, note=each, title=head.title, figure=swatch(f"s{index % 6}")),
        _scaled(capacity, level.instances, "B"),
        _scaled(bandwidth, level.instances, "B/s"),
        number_cell(level.energy_j_per_byte, quantity(level.energy_j_per_byte, "J/B")),
        number_cell(level.ridge_ops_per_byte, intensity(level.ridge_ops_per_byte)),
        number_cell(level.energy_ridge_ops_per_byte, intensity(level.energy_ridge_ops_per_byte)),
        number_cell(traffic, quantity(traffic, "B")),
        number_cell(
            ops / traffic if ops is not None and traffic else None,
            intensity(ops / traffic if ops is not None and traffic else None),
        ),
    )


def _scaled(value: float | None, instances: int, unit: str) -> Cell:
    total = None if value is None else value * instances
    return number_cell(total, quantity(total, unit))


def _peak(result: TargetResult) -> Ceiling | None:
    if not result.peak_ops_per_s:
        return None
    what = ", ".join(part for part in (shown(result.peak_engine), result.peak_type) if part)
    words = f"peak {quantity(result.peak_ops_per_s, 'OP/s')}" + (f" ({what})" if what else "")
    return Ceiling(label=words, ops_per_s=result.peak_ops_per_s)


def _lower_peaks(result: TargetResult) -> tuple[Ceiling, ...]:
    """Peaks of the other engines: vector work meets these first."""
    ceilings = []
    for engine in result.target.engines:
        peak = None if engine.name == result.peak_engine else _best_peak(engine, result.peak_type)
        if peak is not None and peak.rate is not None:
            rate = peak.rate.value
            label = f"{shortened(engine.name, 20)} {quantity(rate, 'OP/s')} ({peak.input.name})"
            ceilings.append(Ceiling(label=label, ops_per_s=rate))
    return tuple(ceilings)


def _best_peak(engine: Engine, wanted: str) -> Peak | None:
    """The peak of an engine for a type, else its highest; None where no rate is known."""
    rated = [peak for peak in engine.peaks if peak.rate is not None and peak.rate.value > 0]
    exact = [peak for peak in rated if peak.input.name == wanted]
    return max(exact or rated, key=lambda peak: peak.rate.value if peak.rate else 0.0, default=None)


def _time_dots(groups: Sequence[GroupResult], plan: PlanResult, result: TargetResult) -> tuple[Dot, ...]:
    dots = []
    for rank, group in enumerate(groups):
        if not group.ops or not group.latency_s:
            continue
        share = group.latency_s / plan.latency_s if plan.latency_s else 0.0
        title = f"{_label(group)} · {quantity(group.latency_s, 's')} · {percent(share)} of the time"
        dots += _level_dots(result, group, rank=rank, height=group.ops / group.latency_s, share=share, title=title)
    return tuple(dots)


def _energy_dots(groups: Sequence[GroupResult], plan: PlanResult, result: TargetResult) -> tuple[Dot, ...]:
    dots = []
    for rank, group in enumerate(groups):
        if not group.ops or not group.energy_j:
            continue
        share = group.energy_j / plan.energy_j if plan.energy_j else 0.0
        title = f"{_label(group)} · {quantity(group.energy_j, 'J')} · {percent(share)} of the energy"
        dots += _level_dots(result, group, rank=rank, height=group.ops / group.energy_j, share=share, title=title)
    return tuple(dots)


def _level_dots(
    result: TargetResult, group: GroupResult, *, rank: int, height: float, share: float, title: str
) -> list[Dot]:
    """The dots of one group. Only the slowest groups have titles: the script tells of the others."""
    dots = []
    for index, level in enumerate(result.levels):
        at = group.intensity_ops_per_byte.get(level.name)
        if at:
            words = f"{title} · {intensity(at)} ops/byte at {shown(level.name)}" if rank < _MOST_TITLES else ""
            dots.append(Dot(group=rank, level=index, intensity=at, height=height, share=share, title=words))
    return dots


def _label(group: GroupResult) -> str:
    more = len(group.nodes) - 1
    name = shortened(group.nodes[0], 48) if group.nodes else group.id
    return f"{name} and {count(more)} more" if more > 0 else name
