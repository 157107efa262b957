"""Targets side by side, as a table and as a picture, and models side by side."""

from __future__ import annotations

from collections.abc import Sequence

from onnxroof.report.cells import marked, name_cell, number_cell, text_column, word_cell
from onnxroof.report.conventions import LEAST_TIME
from onnxroof.report.estimates import estimated_words
from onnxroof.report.figures.bars import Part, stacked_bar
from onnxroof.report.figures.tradeoff import Point, tradeoff_figure
from onnxroof.report.fit import room_words
from onnxroof.report.numbers import count, exact, percent, quantity
from onnxroof.report.plans import best_in, fits_words, is_rankable, peak_share, time_by_bound
from onnxroof.report.shares import colour_of
from onnxroof.report.view import Cell, Column, Figure, Row, Table
from onnxroof.report.words import bound_words, comma_list, shortened, shown
from onnxroof.roofline.result import TargetResult
from onnxroof.study.result import ModelResult

__all__ = ["comparison", "overview", "tradeoff"]

_FEWEST_POINTS = 3  # two targets are compared faster in the table


def comparison(targets: Sequence[tuple[str, TargetResult]]) -> Table:
    """Targets, each with its anchor, side by side, the best of each column marked."""
    columns = (
        text_column("Target"),
        Column(label="Floor", help="Least time that any plan could take"),
        Column(label="Least time, best plan", help=LEAST_TIME[0].upper() + LEAST_TIME[1:]),
        Column(label="Energy, best plan"),
        text_column("What binds", "Share of the plan's time by what sets it"),
        Column(label="Share of peak", help="Operations of MACs per second / peak of the engine that runs them"),
        text_column("Memory", "Weights and activations against the memories that must hold them"),
        Column(label="Uncertain", help="Numbers of the target that rest on estimates, and those that are unknown"),
    )
    results = [result for _, result in targets]
    rows = [_comparison_cells(result, anchor) for anchor, result in targets]
    rows = marked(rows, 1, best_in(results, lambda result: result.floor_latency_s))
    rows = marked(rows, 2, best_in(results, _time_s))
    rows = marked(rows, 3, best_in(results, lambda result: result.best.energy_j))
    return Table(caption="Targets side by side", columns=columns, rows=tuple(Row(cells=row) for row in rows))


def tradeoff(targets: Sequence[tuple[str, TargetResult]], name: str) -> Figure | None:
    """Least time against energy of targets, each with its anchor; None where fewer than three have both figures."""
    points = []
    missing = []
    for anchor, result in targets:
        latency_s, energy_j = result.best.latency_s, result.best.energy_j
        if not latency_s or not energy_j:
            missing.append(shown(result.target.name))
            continue
        points.append(
            Point(
                name=shortened(result.target.name, 44),
                href=f"#{anchor}",
                latency_s=latency_s,
                energy_j=energy_j,
                floor_s=result.floor_latency_s,
                flaw=_flaw(result),
            )
        )
    if len(points) < _FEWEST_POINTS:
        return None
    note = (
        "Lower left is better. No target beats a filled dot in both figures. The thin line leads from the least time "
        "of the best plan to the floor, which no plan can beat."
    )
    if any(point.flaw for point in points):
        note += " A dashed dot is out of the contest: it does not hold the model, or its memory’s bandwidth is unknown."
    if missing:
        note += f" Time or energy unknown, so not drawn: {comma_list(missing)}."
    return Figure(title="Fast against frugal", svg=tradeoff_figure(points, name), note=note)


def _flaw(result: TargetResult) -> str:
    if result.fits is False:
        return "the model does not fit its memory"
    return "" if is_rankable(result) else "its peak or its memory’s bandwidth is unknown"


def _comparison_cells(result: TargetResult, anchor: str) -> tuple[Cell, ...]:
    plan, share = result.best, peak_share(result)
    assumed = f" · as {shown(plan.assumed_precision)}" if plan.assumed_precision else ""
    times = estimated_words(plan.latency_s, plan.latency_estimated_s)
    uncertain = len(result.estimated) + len(result.unknown)
    return (
        name_cell(result.target.name, 40, note=shown(result.target.klass), href=f"#{anchor}"),
        number_cell(
            result.floor_latency_s,
            quantity(result.floor_latency_s, "s"),
            note=estimated_words(result.floor_latency_s, result.floor_latency_estimated_s),
        ),
        number_cell(
            plan.latency_s,
            quantity(plan.latency_s, "s"),
            note=" · ".join(filter(None, (shown(plan.fusion) + assumed, times))),
        ),
        number_cell(
            plan.energy_j, quantity(plan.energy_j, "J"), note=estimated_words(plan.energy_j, plan.energy_estimated_j)
        ),
        _bound_cell(result),
        number_cell(share, percent(share)),
        word_cell(fits_words(result), note=_memory_words(result), mark="bad" if result.fits is False else ""),
        number_cell(uncertain, f"{len(result.estimated)} estimated", note=f"{len(result.unknown)} unknown"),
    )


def _bound_cell(result: TargetResult) -> Cell:
    bounds = time_by_bound(result.best)
    if not bounds:
        return Cell(text="unknown", mark="unknown")
    parts = [
        Part(label=f"{bound_words(bound)} {percent(part)}", fraction=part, colour=colour_of(bound, result))
        for bound, part in bounds.items()
    ]
    bar = stacked_bar(parts, "Time by bound", width=120, height=8)
    first, share = next(iter(bounds.items()))
    return Cell(
        text=bound_words(first), sort=bound_words(first).lower(), note=f"{percent(share)} of the time", figure=bar
    )


def _memory_words(result: TargetResult) -> str:
    if result.fit is not None and len(result.fit.homes) > 1:
        return "; ".join(map(room_words, result.fit.homes))
    capacity = result.levels[0].capacity_bytes if result.levels else None
    if result.memory_needed_bytes is None:
        return ""
    needed = quantity(result.memory_needed_bytes, "B")
    return f"{needed} needed" if capacity is None else f"{needed} of {quantity(capacity, 'B')}"


def overview(models: Sequence[tuple[str, ModelResult]]) -> Table:
    """Models, each with its anchor, side by side with the least time on each target."""
    targets = list(
        dict.fromkeys((result.target.id, shown(result.target.name)) for _, model in models for result in model.targets)
    )
    columns = (
        text_column("Model"),
        Column(label="Coverage"),
        Column(label="MACs"),
        Column(label="Parameters"),
        *(Column(label=shortened(name, 28), help="Least time of the best plan") for _, name in targets),
    )
    rows = []
    for anchor, model in models:
        results = [result for result in model.targets if result.plans]
        times = {result.target.id: _time_s(result) for result in results}
        marks = zip(results, best_in(results, _time_s), strict=True)
        fastest = {result.target.id for result, is_best in marks if is_best}
        cells = (
            name_cell(model.name, 44, href=f"#{anchor}"),
            number_cell(model.coverage, percent(model.coverage)),
            number_cell(model.totals.macs, count(model.totals.macs)),
            number_cell(model.parameter_count, count(model.parameter_count)),
            *(_time_cell(times.get(key), is_best=key in fastest) for key, _ in targets),
        )
        rows.append(Row(cells=cells))
    return Table(caption="Models side by side", columns=columns, rows=tuple(rows))


def _time_cell(time_s: float | None, *, is_best: bool) -> Cell:
    text = quantity(time_s, "s")
    mark = "unknown" if time_s is None else "best" if is_best else ""
    return Cell(text=text, sort="" if time_s is None else exact(time_s), mark=mark)


def _time_s(result: TargetResult) -> float | None:
    return result.best.latency_s
