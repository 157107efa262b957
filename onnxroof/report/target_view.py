"""What the page says of one model on one target."""

from __future__ import annotations

from collections.abc import Sequence

from onnxroof.report.assumptions import consequence
from onnxroof.report.bottlenecks import bottlenecks
from onnxroof.report.cells import text_column, word_cell
from onnxroof.report.detachment_view import detachment_table
from onnxroof.report.estimates import estimated_words
from onnxroof.report.figures.roofline import rooflines_figure
from onnxroof.report.fusion_view import decision_tables, given_tables, plans_table
from onnxroof.report.groups_view import groups_table
from onnxroof.report.kinds import slowest_kinds
from onnxroof.report.numbers import percent, quantity
from onnxroof.report.offload_view import fallback_table, offload_facts
from onnxroof.report.plans import efficiency_words, fits_words, peak_share, time_by_bound
from onnxroof.report.roofline_view import chart_notes, level_legend, levels_table, rooflines_of
from onnxroof.report.shares import share_figures
from onnxroof.report.tiles_view import tiles_table
from onnxroof.report.view import Fact, Row, Table, TargetView
from onnxroof.report.why_view import levers_table, range_facts, regime_facts, sensitivity_table, waterfall_figure
from onnxroof.report.words import bound_words, comma_list, counted, fusion_words, shown
from onnxroof.roofline.result import TargetResult
from onnxroof.targets.model import Source

__all__ = ["target_view"]


def target_view(result: TargetResult, anchor: str, index: int, *, has_sensitivity: bool = False) -> TargetView:
    """One target.

    Args:
        result: Of the model on it.
        anchor: Fragment by which the page links to it.
        index: Its place in the model's targets.
        has_sensitivity: Whether to say what each of its numbers matters.
    """
    kinds = slowest_kinds(result.best.groups)
    waterfall = waterfall_figure(result)
    chart = rooflines_of(result, kinds)
    return TargetView(
        anchor=anchor,
        index=index,
        name=shown(result.target.name),
        klass=shown(result.target.klass),
        headline=_headline(result),
        facts=(*_facts(result), *offload_facts(result)),
        bottlenecks=bottlenecks(result, kinds),
        rooflines=rooflines_figure(chart),
        levels=levels_table(result),
        level_legend=level_legend(result),
        chart_notes=chart_notes(result, kinds, chart),
        groups=groups_table(result, kinds),
        shares=(*([waterfall] if waterfall else []), *share_figures(result, kinds)),
        regimes=regime_facts(result),
        detachment=detachment_table(result),
        levers=levers_table(result),
        sensitivity=sensitivity_table(result) if has_sensitivity else None,
        plans=plans_table(result),
        tiles=tiles_table(result, kinds),
        decisions=(*decision_tables(result.best), *given_tables(result)),
        fallbacks=fallback_table(result),
        ranges=range_facts(result),
        unknown=tuple(Fact(label=shown(key), value=consequence(key)) for key in result.unknown),
        estimated=tuple(shown(key) for key in result.estimated),
        sources=_sources_table(result.sources),
    )


def _headline(result: TargetResult) -> str:
    """The best plan in one sentence."""
    plan = result.best
    words = f"Best plan: {fusion_words(plan.fusion)}, {counted(len(plan.groups), 'group')}"
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
        _fact("Floor", result.floor_latency_s, "s", floor_note, result.floor_latency_estimated_s),
        _fact(
            "Least time of the best plan",
            plan.latency_s,
            "s",
            "its groups one after the other: a bound, not a prediction",
            plan.latency_estimated_s,
        ),
        _fact(
            "Energy of the best plan",
            plan.energy_j,
            "J",
            f"floor {quantity(result.floor_energy_j, 'J')}",
            plan.energy_estimated_j,
        ),
        _fact("Throughput", plan.ops_per_s, "OP/s", "" if share is None else f"{percent(share)} of the peak"),
        _fact("Efficiency", plan.ops_per_j, "OP/J", ""),
        Fact(
            label="Memory needed",
            value=quantity(result.memory_needed_bytes, "B"),
            note=fits_words(result) if result.fits is not None else "whether it fits is unknown",
            mark="unknown" if result.memory_needed_bytes is None else "bad" if result.fits is False else "",
        ),
    ]
    if plan.expected_latency_s is not None:
        note = f"with efficiencies that were measured on this target: {efficiency_words(result)}"
        facts.insert(2, _fact("Expected time", plan.expected_latency_s, "s", note))
    return tuple(facts)


def _fact(label: str, value: float | None, unit: str, note: str, estimated: float | None = None) -> Fact:
    rests = estimated_words(value, estimated)
    whole = f"{note}; {rests}" if rests else note
    return Fact(label=label, value=quantity(value, unit), note=whole, mark="unknown" if value is None else "")


def _sources_table(sources: Sequence[Source]) -> Table:
    has_dates = any(source.retrieved for source in sources)
    rows = []
    for source in sources:
        is_doubtful = source.kind in ("estimate", "recalled", "default")
        retrieved = source.retrieved.isoformat() if source.retrieved else ""
        derived = f"derived from {shown(source.derived_from)}" if source.derived_from else ""
        cells = (
            word_cell(shown(source.title), note=derived),
            word_cell(shown(source.kind), mark="bad" if is_doubtful else ""),
            *((word_cell(retrieved),) if has_dates else ()),
        )
        rows.append(Row(cells=cells))
    headings = ("Source", "Kind", *(("Retrieved",) if has_dates else ()))
    return Table(caption="Sources", columns=tuple(map(text_column, headings)), rows=tuple(rows), sortable=False)
