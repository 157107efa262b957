"""From a target's result to the data of its two rooflines, the table of its levels, and what the charts leave out."""

from __future__ import annotations

import math
from collections.abc import Sequence

from onnxroof.report.cells import name_cell, number_cell, text_column
from onnxroof.report.figures.bars import swatch
from onnxroof.report.figures.roofline import Ceiling, Dot, Roof, Rooflines, Shift
from onnxroof.report.kinds import Kind
from onnxroof.report.numbers import count, intensity, percent, quantity
from onnxroof.report.view import Cell, Column, LegendItem, Row, Table
from onnxroof.report.words import comma_list, counted, shortened, shown
from onnxroof.roofline.ceilings import cheapest_op_j, highest_mix_ops_per_s, precision_ceilings
from onnxroof.roofline.result import LevelResult, PlanResult, TargetResult
from onnxroof.targets.model import Engine, Peak

__all__ = ["chart_notes", "level_legend", "levels_table", "rooflines_of"]

_MOST_TITLES = 20
_MOST_ARRAY_CEILINGS = 4
_MOST_TYPES = 3
_APART = 1.03  # ceilings closer than that look like one
_NEAR = 0.1  # ceilings closer than that to one another look like one
_FULL = 0.995  # an array that is filled so far has the ceiling of the peak


def rooflines_of(result: TargetResult, kinds: Sequence[Kind]) -> Rooflines:
    """Roofs of the target, a dot for each kind of group of its best plan at each level, and what fusion did."""
    unfused = [plan for plan in result.plans if plan.fusion == "none" and plan is not result.best]
    ends = [*unfused, result.best] if unfused else []
    outermost = result.levels[0].name if result.levels else ""
    highest, cheapest = _highest_mix(kinds, ends), _cheapest_op(kinds, ends)
    is_above = result.peak_ops_per_s is not None and highest > result.peak_ops_per_s
    is_cheaper = result.energy_j_per_op is not None and cheapest is not None and cheapest < result.energy_j_per_op
    waiting = {level.name for level in result.target.levels if not level.overlaps}
    static, cap = result.target.static_power, result.target.power_cap
    return Rooflines(
        name=shown(result.target.name),
        roofs=tuple(_roof(level, overlaps=level.name not in waiting) for level in result.levels),
        peak=_peak(result),
        lower_peaks=_lower_peaks(result),
        mix=_mix(highest) if is_above and highest < math.inf else None,
        is_open=highest == math.inf,
        precisions=_precisions(result),
        array_ceilings=_array_ceilings(result, kinds),
        energy_per_op=result.energy_j_per_op,
        cheapest_op=cheapest if is_cheaper else None,
        static_power=static.value if static else 0.0,
        power_cap=cap.value if cap else None,
        time_dots=_time_dots(result, kinds),
        energy_dots=_energy_dots(result, kinds),
        time_shift=_shift(ends, [plan.ops_per_s for plan in ends], outermost, "OP/s"),
        energy_shift=_shift(ends, [plan.ops_per_j for plan in ends], outermost, "OP/J"),
    )


def _highest_mix(kinds: Sequence[Kind], ends: Sequence[PlanResult]) -> float:
    """The highest peak of a mix of work among all that the chart shows, ops/s; infinite where no rate bounds one."""
    plans = [plan.efficiency.peak_ops_per_s or 0.0 for plan in ends]
    return max([highest_mix_ops_per_s(kind.first for kind in kinds), *plans])


def _cheapest_op(kinds: Sequence[Kind], ends: Sequence[PlanResult]) -> float | None:
    """The least compute energy of an operation among all that the chart shows, J; None where none is known."""
    plans = [1 / plan.efficiency.peak_ops_per_j for plan in ends if plan.efficiency.peak_ops_per_j]
    found = cheapest_op_j(kind.first for kind in kinds)
    return min([*plans, *([found] if found else [])], default=None)


def _mix(highest: float) -> Ceiling:
    return Ceiling(label=f"several engines at once {quantity(highest, 'OP/s')}", ops_per_s=highest)


def _precisions(result: TargetResult) -> tuple[Ceiling, ...]:
    """Peaks of the engine of the peak in other types, one for all types of a rate, the highest first."""
    rates: dict[float, list[str]] = {}
    for ceiling in precision_ceilings(result.target):
        if ceiling.engine == result.peak_engine and ceiling.ops_per_s and ceiling.ops_per_s != result.peak_ops_per_s:
            rates.setdefault(ceiling.ops_per_s, []).append(ceiling.dtype)
    return tuple(
        Ceiling(label=f"in {comma_list(rates[rate], _MOST_TYPES)} {quantity(rate, 'OP/s')}", ops_per_s=rate)
        for rate in sorted(rates, reverse=True)
    )


def _shift(ends: Sequence[PlanResult], heights: Sequence[float | None], level: str, unit: str) -> Shift | None:
    """From one plan of a model to another in a chart with such heights, at a level; None where one is unknown."""
    points = []
    for plan, height in zip(ends, heights, strict=True):
        traffic = plan.traffic_bytes.get(level)
        if not height or not traffic or plan.ops_per_s is None or plan.latency_s is None:
            return None
        points.append((plan.ops_per_s * plan.latency_s / traffic, height))
    if not points:
        return None
    words = " to ".join(f"{intensity(at)} ops/byte, {quantity(height, unit)}" for at, height in points)
    return Shift(start=points[0], end=points[1], title=f"the whole model at {shown(level)}, fused: {words}")


def levels_table(result: TargetResult) -> Table:
    """Capacity, bandwidth, energy and ridge points of each level, with the best plan's traffic and intensity there."""
    plan = result.best
    ops = None if plan.ops_per_s is None or plan.latency_s is None else plan.ops_per_s * plan.latency_s
    columns = (
        text_column("Memory level", "Outermost first"),
        Column(label="Capacity", help="Of all instances"),
        Column(label="Bandwidth", help="Of all instances"),
        Column(label="Energy", help="Of a byte: the lower of reading and writing it"),
        Column(label="Ridge point", help="Operations per byte from which computing takes longer than this level"),
        Column(label="Energy ridge", help="Operations per byte from which computing takes more energy than this level"),
        Column(label="Gap", help="Energy ridge / ridge point: above 1, energy needs more reuse than time does"),
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


def chart_notes(result: TargetResult, kinds: Sequence[Kind], chart: Rooflines) -> tuple[str, ...]:
    """What the charts do not show, and why; and what lines they have that not every chart has."""
    notes = []
    drawn = {dot.group for dot in chart.time_dots}
    missing = sum(kind.groups for rank, kind in enumerate(kinds) if rank not in drawn)
    if missing:
        notes.append(
            f"{counted(missing, 'group')} cannot be drawn: no operations (bytes only), or no time or work is known."
        )
    if chart.peak is None:
        notes.append("The peak is unknown: the chart has no ceiling.")
    elif chart.is_open:
        notes.append(
            "The slopes end at no peak: of some groups all operations run at a rate that is unknown, so that only "
            "their bytes bound them."
        )
    elif chart.mix and chart.mix.ops_per_s > _APART * chart.peak.ops_per_s:
        notes.append(
            f"The slopes end above the peak, at {quantity(chart.mix.ops_per_s, 'OP/s')}: so high comes the group whose "
            "work several engines, or another type, share best."
        )
    if chart.cheapest_op and chart.has_energy:
        notes.append(
            f"The thin curves are the energy roofs of the group whose operations take the least energy each, "
            f"{quantity(chart.cheapest_op, 'J')} instead of {quantity(chart.energy_per_op, 'J')} at the peak."
        )
    if chart.power_cap is not None:
        notes.append(
            f"The power cap is {quantity(chart.power_cap, 'W')}. Where it would hold throughput below the roof it is a "
            "line of long dashes: (cap − static power) × the efficiency that compute and the chosen level alone allow."
        )
    if chart.static_power and chart.has_energy:
        notes.append(
            f"Static power, {quantity(chart.static_power, 'W')}, flows until the work is done: the energy roof counts "
            "it for the time that the throughput roof allows. The dashed curve is the roof without it."
        )
    waiting = [shown(roof.name) for roof in chart.roofs if not roof.overlaps]
    if waiting:
        notes.append(
            f"{comma_list(waiting)} {'does' if len(waiting) == 1 else 'do'} not work beside compute: the dashed curve "
            "under the corner is what is left when both times add up."
        )
    if chart.time_shift or chart.energy_shift:
        notes.append(f"The arrow is the whole model at {shown(result.levels[0].name)}: without fusion, and as planned.")
    lowered = _part_filled(kinds)
    if chart.peak and len(lowered) > len(chart.array_ceilings):
        notes.append(
            f"Of {counted(len(lowered), 'ceiling')} of an array that is not full {len(chart.array_ceilings)} are "
            "drawn: those that most time is spent under and that are well apart. A dot pointed at shows its own."
        )
    slopeless = [shown(level.name) for level in result.levels if level.bandwidth_bytes_per_s is None]
    if slopeless:
        notes.append(f"The bandwidth of {comma_list(slopeless)} is unknown: no roof is drawn for it.")
    if not chart.has_energy:
        notes.append("Energies are unknown on this target: there is no energy roofline.")
    elif not chart.energy_dots:
        notes.append("The energy of the plan is unknown: the energy roofline has no dots.")
    return tuple(notes)


def _roof(level: LevelResult, *, overlaps: bool) -> Roof:
    bandwidth = level.bandwidth_bytes_per_s
    return Roof(
        name=shown(level.name),
        bandwidth=None if bandwidth is None else bandwidth * level.instances,
        energy_per_byte=level.energy_j_per_byte,
        ridge=level.ridge_ops_per_byte,
        energy_ridge=level.energy_ridge_ops_per_byte,
        overlaps=overlaps,
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
        number_cell(level.balance_gap, "" if level.balance_gap is None else f"{level.balance_gap:.3g}"),
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
    for name in (wanted, "FLOAT" if wanted == "TF32" else ""):  # what is no contraction stays FLOAT
        exact = [peak for peak in rated if peak.input.name == name]
        if exact:
            return exact[0]
    return max(rated, key=lambda peak: peak.rate.value if peak.rate else 0.0, default=None)


def _array_ceilings(result: TargetResult, kinds: Sequence[Kind]) -> tuple[Ceiling, ...]:
    """`peak x spatial utilization` for the utilizations under which most of the time is spent."""
    if not result.peak_ops_per_s:
        return ()
    times = _part_filled(kinds)
    chosen: list[float] = []
    for part in sorted(times, key=lambda part: -times[part]):
        if len(chosen) < _MOST_ARRAY_CEILINGS and all(abs(part - other) > _NEAR * other for other in (1.0, *chosen)):
            chosen.append(part)
    return tuple(
        Ceiling(
            label=f"{percent(part)} of the array: {quantity(part * result.peak_ops_per_s, 'OP/s')}",
            ops_per_s=part * result.peak_ops_per_s,
        )
        for part in sorted(chosen, reverse=True)
    )


def _part_filled(kinds: Sequence[Kind]) -> dict[float, float]:
    """Spatial utilizations below 1 and the time spent under each."""
    times: dict[float, float] = {}
    for kind in kinds:
        part = kind.first.spatial_utilization
        if part and part < _FULL:
            times[part] = times.get(part, 0.0) + (kind.latency_s or 0.0)
    return times


def _time_dots(result: TargetResult, kinds: Sequence[Kind]) -> tuple[Dot, ...]:
    total = result.best.latency_s
    dots = []
    for rank, kind in enumerate(kinds):
        group = kind.first
        if not group.ops or not group.latency_s or not kind.latency_s:
            continue
        share = kind.latency_s / total if total else 0.0
        title = f"{_label(kind)} · {quantity(kind.latency_s, 's')} · {percent(share)} of the time"
        dots += _level_dots(result, kind, rank=rank, height=group.ops / group.latency_s, share=share, title=title)
    return tuple(dots)


def _energy_dots(result: TargetResult, kinds: Sequence[Kind]) -> tuple[Dot, ...]:
    total = result.best.energy_j
    dots = []
    for rank, kind in enumerate(kinds):
        group = kind.first
        if not group.ops or not group.energy_j or not kind.energy_j:
            continue
        share = kind.energy_j / total if total else 0.0
        title = f"{_label(kind)} · {quantity(kind.energy_j, 'J')} · {percent(share)} of the energy"
        dots += _level_dots(result, kind, rank=rank, height=group.ops / group.energy_j, share=share, title=title)
    return tuple(dots)


def _level_dots(result: TargetResult, kind: Kind, *, rank: int, height: float, share: float, title: str) -> list[Dot]:
    """The dots of one kind. Only the slowest have titles, at the outermost level: the script tells of the others."""
    dots = []
    for index, level in enumerate(result.levels):
        at = kind.first.intensity_ops_per_byte.get(level.name)
        if at:
            words = (
                f"{title} · {intensity(at)} ops/byte at {shown(level.name)}"
                if rank < _MOST_TITLES and not index
                else ""
            )
            dots.append(
                Dot(group=rank, groups=kind.groups, level=index, intensity=at, height=height, share=share, title=words)
            )
    return dots


def _label(kind: Kind) -> str:
    group = kind.first
    name = shortened(group.nodes[0], 48) if group.nodes else group.id
    more = f" and {count(len(group.nodes) - 1)} more" if len(group.nodes) > 1 else ""
    alike = f" × {kind.groups}" if kind.groups > 1 else ""
    return f"{name}{more}{alike}"
