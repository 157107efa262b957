"""What the page says of one model on one target."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from onnxroof.mapping.plan import Decision
from onnxroof.report.assumptions import consequence
from onnxroof.report.cells import marked, name_cell, number_cell, text_column, word_cell
from onnxroof.report.conventions import LEAST_TIME
from onnxroof.report.embedded import slowest_first
from onnxroof.report.figures.bars import share_bar
from onnxroof.report.figures.roofline import rooflines_figure
from onnxroof.report.figures.svg import Svg
from onnxroof.report.numbers import UNKNOWN, change, count, intensity, percent, quantity
from onnxroof.report.roofline_view import chart_notes, level_legend, levels_table, rooflines_of
from onnxroof.report.shares import colour_of, share_figures, time_by_bound
from onnxroof.report.view import Cell, Column, Fact, Row, Table, TargetView
from onnxroof.report.words import bound_words, comma_list, counted, fusion_words, shortened, shown
from onnxroof.roofline.result import GroupResult, PlanResult, TargetResult
from onnxroof.targets.model import Source

__all__ = ["figures_words", "fits_words", "peak_share", "target_view"]

_TOP_GROUPS = 20
_TOP_DECISIONS = 15
_UNITS = {"_bytes_per_s": "B/s", "_ops_per_s": "OP/s", "_bytes": "B", "_s": "s", "_j": "J"}


def target_view(result: TargetResult, anchor: str, index: int) -> TargetView:
    """One target. `anchor` is the fragment by which the page links to it, `index` its place in the model's targets."""
    chart = rooflines_of(result)
    return TargetView(
        anchor=anchor,
        index=index,
        name=shown(result.target.name),
        klass=shown(result.target.klass),
        headline=_headline(result),
        facts=_facts(result),
        rooflines=rooflines_figure(chart),
        levels=levels_table(result),
        level_legend=level_legend(result),
        chart_notes=chart_notes(result, chart),
        groups=_groups_table(result),
        groups_total=len(result.best.groups),
        shares=share_figures(result.best, result),
        plans=_plans_table(result),
        decisions=_decision_tables(result.best.decisions),
        unknown=tuple(Fact(label=shown(key), value=consequence(key)) for key in result.unknown),
        estimated=tuple(shown(key) for key in result.estimated),
        sources=_sources_table(result.sources),
    )


def peak_share(result: TargetResult) -> float | None:
    """ops/s of the best plan / peak of the engine that runs most of the model."""
    attained = result.best.ops_per_s
    return None if attained is None or not result.peak_ops_per_s else attained / result.peak_ops_per_s


def fits_words(result: TargetResult) -> str:
    """Whether weights and activations fit the outermost level."""
    return {True: "fits", False: "does not fit", None: UNKNOWN}[result.fits]


def figures_words(figures: Mapping[str, float]) -> str:
    """Named numbers of a decision, the unit taken from the end of the name: "saved 480 kB, ratio 0.5"."""
    words = []
    for name, value in figures.items():
        suffix = next((ending for ending in _UNITS if name.endswith(ending)), "")
        text = quantity(value, _UNITS[suffix]) if suffix else count(value)
        words.append(f"{shown(name.removesuffix(suffix)).replace('_', ' ')} {text}")
    return ", ".join(words)


def _headline(result: TargetResult) -> str:
    """The best plan in one sentence."""
    plan = result.best
    words = f"The best plan here is {fusion_words(plan.fusion)} with {counted(len(plan.groups), 'group')}"
    bounds = time_by_bound(plan)
    if bounds:
        parts = [f"{bound_words(bound)} ({percent(part)})" for bound, part in bounds.items()]
        words += f". Its time is bound by {comma_list(parts, 4)}"
    if plan.assumed_precision:
        words += f". It is evaluated as if the model were converted to {shown(plan.assumed_precision)}"
    return words + "."


def _facts(result: TargetResult) -> tuple[Fact, ...]:
    plan = result.best
    floor_note = (
        f"no plan can beat it; set by {bound_words(result.floor_bound)}"
        if result.floor_bound
        else "no plan can beat it"
    )
    share = peak_share(result)
    facts = [
        _fact("Floor", result.floor_latency_s, "s", floor_note),
        _fact("Least time of the best plan", plan.latency_s, "s", "a bound, not a prediction"),
        _fact("Energy of the best plan", plan.energy_j, "J", f"floor {quantity(result.floor_energy_j, 'J')}"),
        _fact("Throughput", plan.ops_per_s, "OP/s", "" if share is None else f"{percent(share)} of the peak"),
        _fact("Efficiency", plan.ops_per_j, "OP/J", ""),
        Fact(
            label="Memory needed",
            value=quantity(result.memory_needed_bytes, "B"),
            note=fits_words(result) if result.fits is not None else "whether it fits is unknown",
            mark="bad" if result.fits is False else "",
        ),
    ]
    if plan.expected_latency_s is not None:
        note = "with the efficiencies that were measured on this target"
        facts.insert(2, _fact("Expected time", plan.expected_latency_s, "s", note))
    return tuple(facts)


def _fact(label: str, value: float | None, unit: str, note: str) -> Fact:
    return Fact(label=label, value=quantity(value, unit), note=note, mark="unknown" if value is None else "")


def _groups_table(result: TargetResult) -> Table:
    """The slowest groups of the best plan."""
    plan = result.best
    ranked = slowest_first(plan.groups)
    outer = result.levels[0].name if result.levels else ""
    columns = (
        text_column("Group", "Its operators run together"),
        text_column("Operators"),
        Column(label="Least time"),
        Column(label="Share", help="Of the plan's time"),
        Column(label="Cumulative"),
        text_column("Bound by", "What sets its time"),
        Column(label=f"Intensity at {shortened(outer, 16)}", help="Operations per byte"),
        Column(label="Utilization", help="Of the array: spatial x temporal"),
        Column(label="Energy"),
        text_column("Energy led by"),
    )
    rows, sum_s = [], 0.0
    longest_s = max((group.latency_s or 0.0 for group in ranked), default=0.0)
    for rank, group in enumerate(ranked[:_TOP_GROUPS]):
        sum_s += group.latency_s or 0.0
        bar = share_bar((group.latency_s or 0.0) / longest_s if longest_s else 0.0, colour_of(group.time_bound, result))
        rows.append(Row(cells=_group_cells(group, plan, outer, sum_s, bar), group=str(rank)))
    others = len(ranked) - len(rows)
    note = f"The {len(rows)} slowest of {len(ranked)} groups; the JSON has them all." if others else ""
    return Table(caption="Slowest groups", columns=columns, rows=tuple(rows), note=note)


def _group_cells(group: GroupResult, plan: PlanResult, outer: str, sum_s: float, bar: Svg) -> tuple[Cell, ...]:
    total = plan.latency_s
    share = group.latency_s / total if total and group.latency_s is not None else None
    cumulative = sum_s / total if total else None
    at = group.intensity_ops_per_byte.get(outer)
    spatial, temporal = group.spatial_utilization, group.temporal_utilization
    used = None if spatial is None or temporal is None else spatial * temporal
    parts = f"{percent(spatial)} × {percent(temporal)}" if used is not None else ""
    more = len(group.nodes) - 1
    repeat = f"× {group.repeat}" if group.repeat > 1 else ""
    share_cell = number_cell(share, percent(share))
    return (
        name_cell(
            group.nodes[0] if group.nodes else group.id,
            34,
            note=" ".join(filter(None, (f"+ {more} more" if more > 0 else "", repeat))),
        ),
        name_cell(" + ".join(group.op_types[:4]) + (" + …" if len(group.op_types) > 4 else ""), 32),
        number_cell(group.latency_s, quantity(group.latency_s, "s")),
        Cell(text=share_cell.text, sort=share_cell.sort, mark=share_cell.mark, figure=bar),
        number_cell(cumulative, percent(cumulative)),
        word_cell(bound_words(group.time_bound), mark="" if group.time_bound else "unknown"),
        number_cell(at, intensity(at)),
        number_cell(used, percent(used), note=parts),
        number_cell(group.energy_j, quantity(group.energy_j, "J")),
        word_cell(
            bound_words(group.energy_bound).replace(" bandwidth", " access"),
            mark="" if group.energy_bound else "unknown",
        ),
    )


def _plans_table(result: TargetResult) -> Table:
    """Fusion policies side by side, changes against the plan without fusion where there is one."""
    levels = [level.name for level in result.levels]
    base = next((plan for plan in result.plans if plan.fusion == "none"), None)
    columns = (
        text_column("Plan"),
        Column(label="Groups"),
        Column(label="Least time", help=LEAST_TIME[0].upper() + LEAST_TIME[1:]),
        Column(label="Energy"),
        *(Column(label=f"Bytes at {shortened(name, 16)}") for name in levels),
    )
    rows = [_plan_cells(plan, base if plan is not base else None, levels, result.best_plan) for plan in result.plans]
    if len(rows) > 1:
        rows = marked(rows, 2, [plan.latency_s for plan in result.plans])
        rows = marked(rows, 3, [plan.energy_j for plan in result.plans])
        for index, name in enumerate(levels):
            rows = marked(rows, 4 + index, [plan.traffic_bytes.get(name) for plan in result.plans])
    return Table(caption="Fusion plans", columns=columns, rows=tuple(Row(cells=row) for row in rows))


def _plan_cells(plan: PlanResult, base: PlanResult | None, levels: Sequence[str], best: str) -> tuple[Cell, ...]:
    """A plan's row; `base` is the plan against which changes are said, None for none."""

    def cell(value: float | None, base_value: float | None, unit: str) -> Cell:
        return number_cell(value, quantity(value, unit), note=change(value, base_value))

    return (
        word_cell(fusion_words(plan.fusion), note="chosen" if plan.fusion == best else ""),
        number_cell(len(plan.groups), count(len(plan.groups))),
        cell(plan.latency_s, base.latency_s if base else None, "s"),
        cell(plan.energy_j, base.energy_j if base else None, "J"),
        *(cell(plan.traffic_bytes.get(name), base.traffic_bytes.get(name) if base else None, "B") for name in levels),
    )


def _decision_tables(decisions: Sequence[Decision]) -> tuple[Table, ...]:
    """What was fused, what was refused, and every other choice; those that save most first."""
    kinds = {"fused": "Fused", "not fused": "Not fused, and why"}
    tables = []
    for action, caption in (*kinds.items(), ("", "Other choices")):
        chosen = [d for d in decisions if (d.action == action if action else d.action not in kinds)]
        if not chosen:
            continue
        chosen.sort(key=lambda decision: -max((v for n, v in decision.figures.items() if "sav" in n), default=0.0))
        rows = tuple(
            Row(cells=_decision_cells(decision, with_action=not action)) for decision in chosen[:_TOP_DECISIONS]
        )
        cut = f"{_TOP_DECISIONS} of {len(chosen)}; the JSON has them all." if len(chosen) > _TOP_DECISIONS else ""
        headings = ("Subject", *(() if action else ("Choice",)), "Reason", "Figures")
        columns = tuple(text_column(heading) for heading in headings)
        title = f"{caption} ({len(chosen)})"
        tables.append(Table(caption=title, columns=columns, rows=rows, note=cut, sortable=False))
    return tuple(tables)


def _decision_cells(decision: Decision, *, with_action: bool) -> tuple[Cell, ...]:
    return (
        name_cell(decision.subject, 60),
        *((word_cell(shown(decision.action)),) if with_action else ()),
        word_cell(shown(decision.reason)),
        word_cell(figures_words(decision.figures)),
    )


def _sources_table(sources: Sequence[Source]) -> Table:
    rows = tuple(
        Row(
            cells=(
                word_cell(
                    shown(source.title),
                    note=f"derived from {shown(source.derived_from)}" if source.derived_from else "",
                ),
                word_cell(shown(source.kind), mark="bad" if source.kind in ("estimate", "recalled", "default") else ""),
                word_cell(source.retrieved.isoformat() if source.retrieved else ""),
            )
        )
        for source in sources
    )
    columns = (text_column("Source"), text_column("Kind"), text_column("Retrieved"))
    return Table(caption="Sources", columns=columns, rows=rows, sortable=False)
