"""Why a plan takes what it takes, for people: its regime in words, its waterfall, which roof to raise, what matters."""

from __future__ import annotations

from collections.abc import Iterator

from onnxroof.report.cells import number_cell, text_column, word_cell
from onnxroof.report.figures.bars import Part, share_bar, stacked_bar, swatch
from onnxroof.report.numbers import change, percent, quantity
from onnxroof.report.plans import plan_energy_j, time_by_bound
from onnxroof.report.shares import colour_of
from onnxroof.report.view import Cell, Column, Fact, Figure, LegendItem, Row, Table
from onnxroof.report.words import bound_words, cause_words, comma_list, counted, energy_words, shown, waterfall_words
from onnxroof.roofline.levers import Lever, energy_exit_of, levers
from onnxroof.roofline.regimes import ON_THE_ROOF
from onnxroof.roofline.result import PlanResult, TargetResult
from onnxroof.roofline.sensitivity import FUSION, Elasticity

__all__ = ["levers_table", "range_facts", "regime_facts", "sensitivity_table", "waterfall_figure"]

_KEYS = {FUSION: "fusion of operators"}
_SMALLEST = 5e-4  # an effect below that is not worth a row


def regime_facts(result: TargetResult) -> tuple[Fact, ...]:
    """What sets the time and the energy of the best plan, why it is not at its roof, and what the peak would be."""
    return tuple(_facts(result, result.best))


def waterfall_figure(result: TargetResult) -> Figure | None:
    """The parts of the best plan's latency, side by side; None where it is unknown."""
    plan = result.best
    if not plan.latency_s or not plan.waterfall_s:
        return None
    parts = [(name, time) for name, time in plan.waterfall_s.items() if time > 0]
    labelled = [
        Part(
            label=f"{waterfall_words(name)} {percent(time / plan.latency_s)}",
            fraction=time / plan.latency_s,
            colour=_colour(name, result),
        )
        for name, time in parts
    ]
    legend = tuple(
        LegendItem(
            swatch=swatch(part.colour),
            label=waterfall_words(name),
            value=percent(part.fraction),
            note=quantity(time, "s"),
        )
        for part, (name, time) in zip(labelled, parts, strict=True)
    )
    title = "Time, from the ideal to the least time of this plan"
    note = (
        "The parts add up. Ideal: the busiest engine at its full peak. A level’s wait is what lies above all that is "
        "shorter, group by group: of levels that work at the same time the longest waits last."
    )
    return Figure(title=title, svg=stacked_bar(labelled, title), legend=legend, note=note)


def levers_table(result: TargetResult) -> Table | None:
    """What each roof is worth, if traffic and groups stay as they are; None where the time is unknown."""
    plan = result.best
    found = levers(plan.groups)
    if not found or not plan.latency_s:
        return None
    columns = (
        text_column("Raise", "Below: the least factor at which something else binds most of the time"),
        Column(label="Twice as fast", help="Least time of the plan then"),
        Column(label="At most", help="Least time of the plan, were this term nothing"),
    )
    worth = [lever for lever in found if plan.latency_s - lever.limit_s >= _SMALLEST * plan.latency_s]
    rows = tuple(Row(cells=_lever_cells(lever, plan.latency_s, result)) for lever in worth)
    note = (
        "Bytes, tiles and groups stay as they are. What a factor on a bandwidth does, as many times fewer bytes at "
        "that level do too: narrower elements, more reuse."
    )
    if len(worth) < len(found):
        note += (
            f" Raising {comma_list(bound_words(lever.term) for lever in found if lever not in worth)} saves nothing."
        )
    return Table(caption="Which roof to raise", columns=columns, rows=rows, note=note, sortable=False)


def sensitivity_table(result: TargetResult) -> Table:
    """The numbers of the target that time or energy of the best plan depend on, the largest effect first."""
    columns = (
        text_column("Number of the target, or of the model"),
        Column(label="Time", help="Percent for each percent of the number; below: when the number is doubled"),
        Column(label="Energy", help="The same of the energy"),
    )
    rows, left_out = [], 0
    for one in result.sensitivity:
        local = (one.latency, one.energy)
        doubled = (one.twice_latency, one.twice_energy)
        effects = [abs(value) for value in local if value is not None]
        effects += [abs(value - 1) for value in doubled if value is not None]
        effect = max(effects, default=0.0)
        if effect < _SMALLEST:
            left_out += 1
            continue
        cells = (
            word_cell(_KEYS.get(one.key, shown(one.key))),
            *(_effect_cell(one, value, after) for value, after in zip(local, doubled, strict=True)),
        )
        rows.append((effect, Row(cells=cells)))
    rows.sort(key=lambda row: -row[0])
    note = (
        "How many percent time and energy change by for each percent that a number grows; below, by how much when it "
        "is doubled. Each number is changed and the plan priced again; for another capacity or size of the model it is "
        "made again."
    )
    if left_out:
        note += f" {counted(left_out, 'more number')} {'changes' if left_out == 1 else 'change'} neither."
    return Table(caption="What each number matters", columns=columns, rows=tuple(row for _, row in rows), note=note)


def range_facts(result: TargetResult) -> tuple[Fact, ...]:
    """The figures of a target that rest on uncertain numbers, each with its range."""
    found = result.ranges
    if found is None:
        return ()
    named = (
        ("Least time of the best plan", found.latency_s, "s"),
        ("Energy of the best plan", found.energy_j, "J"),
        ("Floor", found.floor_latency_s, "s"),
        ("Floor of the energy", found.floor_energy_j, "J"),
    )
    return tuple(
        Fact(label=label, value=f"{quantity(one.low, unit)} to {quantity(one.high, unit)}")
        for label, one, unit in named
        if one is not None and one.is_wide
    )


def _facts(result: TargetResult, plan: PlanResult) -> Iterator[Fact]:
    regime, found = plan.regime, plan.efficiency
    yield Fact(label="Time", value=_time_words(plan), mark="" if regime.time else "unknown")
    yield Fact(label="Energy", value=_energy_words(plan), mark="" if regime.energy else "unknown")
    if regime.roof_share is not None:
        yield Fact(label="Distance to the roof", value=_roof_words(plan))
    if found.of_peak is not None:
        words = (
            f"{quantity(found.ops_per_s, 'OP/s')} of {quantity(found.peak_ops_per_s, 'OP/s')}, the peak of the engines "
            f"for this mix of work: {percent(found.of_peak)}"
        )
        if result.area_mm2 and found.ops_per_s is not None:
            words += f"; {quantity(found.ops_per_s / result.area_mm2, 'OP/s')} for each mm² of the chip"
        clock = result.target.clock
        if clock is not None and clock.value and found.ops_per_s is not None:
            words += f"; {quantity(found.ops_per_s / clock.value, 'OP')} a cycle at {quantity(clock.value, 'Hz')}"
        yield Fact(label="Peak and workload", value=words)
    if found.of_peak_energy is not None:
        yield Fact(
            label="Peak and workload efficiency",
            value=f"{quantity(found.ops_per_j, 'OP/J')} of {quantity(found.peak_ops_per_j, 'OP/J')}, were compute the "
            f"only thing that takes energy: {percent(found.of_peak_energy)}",
        )
    cap = result.target.power_cap
    if cap is not None and regime.power_s is not None and plan.latency_s:
        over = regime.power_s
        words = f"{quantity(cap.value, 'W')} are enough for every group at its least time"
        if over > 0:
            words = (
                f"held to {quantity(cap.value, 'W')} at each moment, the plan would take {quantity(over, 's')} more "
                f"({change(plan.latency_s + over, plan.latency_s)}), if the energies are right; no time on this page "
                "has it in it"
            )
        yield Fact(label="Power cap", value=words)


def _time_words(plan: PlanResult) -> str:
    kind, _, name = plan.regime.time.partition(":")
    share = time_by_bound(plan).get(plan.regime.time)
    time = "the largest part of its time" if share is None else f"{percent(share)} of its time, the largest part,"
    if kind == "compute":
        return f"compute-bound: for {time} the {shown(name)} engine is busy and memory waits for it"
    if kind == "memory":
        return f"memory-bound at {shown(name)}: for {time} the engines wait for bytes from {shown(name)}"
    if kind == "launch":
        return f"launch-bound: for {time} starting a group takes longer than what the group does"
    if kind == "ridge":
        return f"at the ridge: for {time} compute and memory take equally long, and both are in full use"
    return "unknown"


def _energy_words(plan: PlanResult) -> str:
    kind = plan.regime.energy.partition(":")[0]
    sums = plan_energy_j(plan)
    share = percent(sums.get(plan.regime.energy, 0.0) / sum(sums.values())) if sum(sums.values()) > 0 else ""
    leave = energy_exit_of(sums)
    until = f"; cut to {percent(1 / leave.factor)} of that, {_leads(leave.becomes)}" if leave else ""
    if kind == "compute":
        return f"compute-dominated: arithmetic takes {share}, at least half{until}"
    if kind == "memory":
        most = f"most of it {energy_words(plan.regime.energy)} ({share})"
        return f"memory-dominated: moving bytes takes more than arithmetic, {most}{until}"
    if kind == "static":
        words = "are drawn for as long as the chip is on, whatever it does; less time saves it"
        return f"static: {share} {words}{until}"
    return "unknown"


def _leads(regime: str) -> str:
    """What an energy regime means, as the end of a sentence."""
    if regime == "compute":
        return "arithmetic would take half"
    return f"{energy_words(regime)} would lead"


def _roof_words(plan: PlanResult) -> str:
    regime = plan.regime
    share = regime.roof_share or 0.0
    if share >= ON_THE_ROOF:
        return f"on the roof: {percent(share)} of what its groups could attain at these bytes"
    lost = {cause: time for cause, time in regime.lost_s.items() if time > 0}
    parts = sorted(lost.items(), key=lambda item: -item[1])
    words = ", ".join(f"{cause_words(cause)} ({quantity(time, 's')})" for cause, time in parts)
    return f"{percent(share)} of what its groups could attain at these bytes; the rest is lost to {words}"


def _lever_cells(lever: Lever, latency_s: float, result: TargetResult) -> tuple[Cell, ...]:
    leave = lever.exit
    words = f"from {_factor(leave.factor)} on {bound_words(leave.becomes)} binds" if leave else ""
    bar = share_bar(lever.limit_s / latency_s, colour_of(lever.term, result))
    return (
        word_cell(bound_words(lever.term), note=words),
        number_cell(lever.twice_s, quantity(lever.twice_s, "s"), note=change(lever.twice_s, latency_s)),
        Cell(text=quantity(lever.limit_s, "s"), note=change(lever.limit_s, latency_s), figure=bar),
    )


def _factor(value: float) -> str:
    return f"× {value:.3g}" if value < 1e4 else "× 10000 and more"


def _effect_cell(one: Elasticity, value: float | None, after: float | None) -> Cell:
    """What a small change does, and below what the large one does; of what is no number the large one alone."""
    words = "" if after is None else change(after, 1.0)
    if one.change != "twice":
        return number_cell(after, words, note="without it" if words else "")
    return number_cell(value, _signed(value), note=f"{words} at twice" if words else "")


def _signed(value: float | None) -> str:
    """An elasticity: "+0.41 %" of the result for each percent of the number."""
    if value is None:
        return ""
    return f"{'−' if value < 0 else '+'}{abs(value):.2f} %" if abs(value) >= 0.005 else "±0 %"


def _colour(part: str, result: TargetResult) -> str:
    kind, _, name = part.partition(":")
    if kind in ("stall", "serial"):
        return colour_of(name if name.startswith("compute:") else f"memory:{name}", result)
    if kind == "ideal":
        return "k0"
    return "k2" if kind == "spatial" else "launch"
