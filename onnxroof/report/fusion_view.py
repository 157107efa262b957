"""What fusion buys: each figure before and after, by memory level, and why not more was fused."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

from onnxroof.mapping.plan import Decision
from onnxroof.report.cells import number_cell, text_column, word_cell
from onnxroof.report.figures.bars import share_bar
from onnxroof.report.given import given_decisions, given_plan
from onnxroof.report.numbers import change, count, quantity
from onnxroof.report.plans import fastest, in_reach, is_work_known, over_fastest, stem_of
from onnxroof.report.view import NO_FIGURE, Cell, Column, Row, Table
from onnxroof.report.words import comma_list, fusion_words, shortened, shown, without_stem
from onnxroof.roofline.result import PlanResult, TargetResult

__all__ = ["decision_tables", "figures_words", "given_tables", "plans_table"]

_MOST_REASONS = 12
_MOST_EXAMPLES = 2
_BYTES = re.compile(r"\b(\d+) B\b")
_NUMBER = re.compile(r"\d+(?:\.\d+)?")
_UNITS = {"_bytes_per_s": "B/s", "_ops_per_s": "OP/s", "_bytes": "B", "_s": "s", "_j": "J"}


def plans_table(result: TargetResult) -> Table:
    """One figure a row, one plan a column, each with a bar against the largest and what it saves against no fusion."""
    plans = result.plans
    columns = [text_column("Figure")]
    for plan in plans:
        chosen = ", chosen" if plan.fusion == result.best_plan else ""
        columns.append(Column(label=fusion_words(plan.fusion).capitalize() + chosen))
    rows = [
        _figure_row("Least time", plans, [plan.latency_s for plan in plans], "s", "k0"),
        _figure_row("Energy", plans, [plan.energy_j for plan in plans], "J", "k0"),
    ]
    for index, level in enumerate(result.levels):
        values = [plan.traffic_bytes.get(level.name) if is_work_known(plan) else None for plan in plans]
        rows.append(_figure_row(f"Bytes at {shortened(level.name, 24)}", plans, values, "B", f"s{index % 6}"))
    values = [sum(plan.layout_bytes.values()) for plan in plans]
    if any(values):
        label = f"of them at {shortened(result.levels[0].name, 24)} for the layout"
        rows.insert(3, _figure_row(label, plans, values, "B", "s0"))
    sizes = (number_cell(len(plan.groups), count(len(plan.groups))) for plan in plans)
    rows.append(Row(cells=(word_cell("Groups"), *sizes)))
    note = _compiler_words(result)
    return Table(caption="Before and after", columns=tuple(columns), rows=tuple(rows), note=note, sortable=False)


def _compiler_words(result: TargetResult) -> str:
    """How far what the target's compiler is known to do lies from the fastest plan, and what is not known of it."""
    fusion = result.target.fusion
    if fusion is None:
        return "What its own compiler fuses is unknown: the target's file does not say."
    words = f"Its own compiler is known to do {fusion_words(fusion)}"
    more = " Its fused attention is not in these figures." if result.target.fused_attention else ""
    plan, least, ratio = in_reach(result), fastest(result.plans), over_fastest(result)
    if plan is None or least is None or ratio is None:
        return f"{words}. None of the plans up to that is here with a known time.{more}"
    words = f"{words}. Of the plans up to that, the fastest ({fusion_words(plan.fusion)})"
    times = f"{ratio:.4g}"
    if times == "1":
        return f"{words} is as fast as the fastest of all: nothing is left to gain.{more}"
    return f"{words} takes {times} times as long as the fastest of all ({fusion_words(least.fusion)}).{more}"


def decision_tables(plan: PlanResult) -> tuple[Table, ...]:
    """What was fused, what was refused, and every other choice, one reason a row: first those that save most."""
    kinds = {"fused": "Fused, and why", "not fused": "Not fused, and why"}
    tables, stem = [], stem_of(plan)
    for action, caption in (*kinds.items(), ("", "Other choices")):
        chosen = [d for d in plan.decisions if (d.action == action if action else d.action not in kinds)]
        if chosen:
            tables.append(_reasons_table(f"{caption} ({len(chosen)})", chosen, stem, has_action=not action))
    return tuple(tables)


def given_tables(result: TargetResult) -> tuple[Table, ...]:
    """What is to be said of groups that came from outside where another plan is the best: its decisions are above."""
    plan = given_plan(result)
    said = () if plan is None or plan is result.best else given_decisions(plan)
    if plan is None or not said:
        return ()
    return (_reasons_table(f"Of the groups given ({len(said)})", said, stem_of(plan), has_action=True),)


def figures_words(figures: Mapping[str, float]) -> str:
    """Named numbers of a decision, the unit taken from the end of the name: "saved 480 kB, ratio 0.5"."""
    words = []
    for name, value in figures.items():
        suffix = next((ending for ending in _UNITS if name.endswith(ending)), "")
        text = _signed(quantity(value, _UNITS[suffix]) if suffix else count(value))
        words.append(f"{shown(name.removesuffix(suffix)).replace('_', ' ')} {text}")
    return ", ".join(words)


def _figure_row(label: str, plans: Sequence[PlanResult], values: Sequence[float | None], unit: str, colour: str) -> Row:
    """One figure of every plan, its bars in the colour of a class."""
    base = next((value for plan, value in zip(plans, values, strict=True) if plan.fusion == "none"), None)
    largest = max((value for value in values if value is not None), default=0.0)
    cells = []
    for plan, value in zip(plans, values, strict=True):
        cell = number_cell(
            value, quantity(value, unit), note="" if plan.fusion == "none" else _saved(value, base, unit)
        )
        bar = NO_FIGURE if value is None or not largest else share_bar(value / largest, colour)
        cells.append(replace(cell, figure=bar))
    return Row(cells=(word_cell(label), *cells))


def _saved(value: float | None, base: float | None, unit: str) -> str:
    """What is saved against the plan without fusion: "−121 MB, −36 %"."""
    if value is None or base is None:
        return ""
    if value == base:
        return change(value, base)
    sign = "−" if value < base else "+"
    return f"{sign}{quantity(abs(value - base), unit)}, {change(value, base)}"


def _reasons_table(caption: str, decisions: Sequence[Decision], stem: str, *, has_action: bool) -> Table:
    """Decisions with the same reason in one row; numbers inside a reason do not make it another."""
    alike: dict[tuple[str, str], list[Decision]] = {}
    for decision in decisions:
        alike.setdefault((decision.action, _NUMBER.sub("#", decision.reason)), []).append(decision)
    ranked = sorted(
        alike.values(),
        key=lambda members: (-sum(map(_at_stake, members)), -sum(map(_time_at_stake, members)), -len(members)),
    )
    has_figures = any(decision.figures for decision in decisions)
    columns = (
        text_column("Reason"),
        *((text_column("Choice"),) if has_action else ()),
        Column(label="Times"),
        text_column("For example", "Those first that save most"),
        *((text_column("Figures"),) if has_figures else ()),
    )
    rows = tuple(
        Row(cells=_reason_cells(members, stem, has_action=has_action, has_figures=has_figures))
        for members in ranked[:_MOST_REASONS]
    )
    return Table(
        caption=caption,
        columns=columns,
        rows=rows,
        note=f"{len(rows)} of {len(ranked)} reasons; the JSON has every decision." if len(ranked) > len(rows) else "",
        sortable=False,
    )


def _reason_cells(members: Sequence[Decision], stem: str, *, has_action: bool, has_figures: bool) -> tuple[Cell, ...]:
    leading = sorted(members, key=lambda decision: (-_at_stake(decision), -_time_at_stake(decision)))
    first = leading[0]
    return (
        word_cell(_reason_words(members, first)),
        *((word_cell(shown(first.action)),) if has_action else ()),
        number_cell(len(members), count(len(members))),
        word_cell(comma_list(_example(decision, stem) for decision in leading[:_MOST_EXAMPLES])),
        *((word_cell(_row_figures(members, first)),) if has_figures else ()),
    )


def _row_figures(members: Sequence[Decision], first: Decision) -> str:
    """What all of them save or cost together; where that is nothing, the figures of the first."""
    names = [name for name in first.figures if _is_at_stake(name)]
    sums = {names[0] if len(names) == 1 else "saved_bytes": sum(map(_at_stake, members))}
    sums["saved_s"] = sum(one.figures.get("saved_s", 0.0) for one in members)
    if any(sums.values()):
        return figures_words({name: value for name, value in sums.items() if value})
    words = figures_words(first.figures)
    return words if all(one.figures == first.figures for one in members) else f"{words} (the first of them)"


def _reason_words(members: Sequence[Decision], first: Decision) -> str:
    """The reason of the first, its bytes for people, and that it is the first's where others have other numbers."""
    words = _BYTES.sub(lambda found: quantity(int(found[1]), "B"), shown(first.reason))
    return words if all(one.reason == first.reason for one in members) else f"{words} (the first of them)"


def _example(decision: Decision, stem: str) -> str:
    saved, time = _at_stake(decision), decision.figures.get("saved_s", 0.0)
    ends = (shortened(without_stem(end, stem), 34) for end in decision.subject.split(" -> "))
    subject = " → ".join(ends)
    if not saved and not time:
        return subject
    return f"{subject} ({_signed(quantity(saved, 'B') if saved else quantity(time, 's'))})"


def _at_stake(decision: Decision) -> float:
    """Bytes that a decision saves, would save or costs."""
    return sum(value for name, value in decision.figures.items() if _is_at_stake(name))


def _time_at_stake(decision: Decision) -> float:
    """Seconds that a decision saves, or that two groups would take less as one."""
    figures = decision.figures
    return figures.get("saved_s", figures.get("apart_s", 0.0) - figures.get("fused_s", 0.0))


def _signed(text: str) -> str:
    """A number with the minus of a figure instead of a hyphen."""
    return f"−{text[1:]}" if text.startswith("-") else text


def _is_at_stake(name: str) -> bool:
    return name.endswith("_bytes") and ("sav" in name or name.startswith("costs"))
