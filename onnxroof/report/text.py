"""The result for a terminal: coverage and assumptions first, then totals, targets and the slowest groups."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from onnxroof.report.answer import answer, assumed_precisions, coverage_words, winner
from onnxroof.report.conventions import LEAST_TIME
from onnxroof.report.kinds import slowest_kinds
from onnxroof.report.numbers import count, intensity, percent, quantity
from onnxroof.report.shares import time_by_bound
from onnxroof.report.target_view import peak_share
from onnxroof.report.words import bound_words, comma_list, fusion_words, shortened, shown
from onnxroof.roofline.result import TargetResult
from onnxroof.study.result import Analysis, Failure, ModelResult, NodeResult

__all__ = ["to_text"]

_WIDTH = 120
_WIDE = 112
_TOP_GROUPS = 10
_TOP_NODES = 20
_TOP_UNRESOLVED = 10
_TOP_KEYS = 4


def to_text(analysis: Analysis, width: int | None = None, *, colour: bool = False) -> str:
    """Plain text of at most `width` columns (120 unless said), except for the first lines, which are never broken."""
    file = io.StringIO()
    console = Console(
        file=file,
        width=width or _WIDTH,
        color_system="standard" if colour else None,
        force_terminal=colour,
        markup=False,
        highlight=False,
        emoji=False,
        legacy_windows=False,
    )
    for index, entry in enumerate(analysis.models):
        if index:
            console.print()
        if isinstance(entry, Failure):
            _print_failure(console, entry)
        else:
            _print_model(console, entry, analysis)
    lines = (line.rstrip() for line in file.getvalue().splitlines())
    return "\n".join(lines) + "\n"


def _print_failure(console: Console, failure: Failure) -> None:
    _print_line(console, f"{shown(failure.name)}: no answer", "bold red")
    for fault in failure.error.diagnostics:
        where = f"{shown(fault.where)}: " if fault.where else ""
        _print_line(console, f"  {where}{shown(fault.message)}")
        if fault.hint:
            _print_line(console, f"  hint: {shown(fault.hint)}")


def _print_model(console: Console, model: ModelResult, analysis: Analysis) -> None:
    _print_line(console, _first_line(model), "bold" if model.nodes_costed == model.nodes_total else "bold yellow")
    for line in _assumptions(model):
        _print_line(console, line, "yellow")
    console.print(Text(_totals_line(model)))
    if not analysis.has_targets:
        console.print(_nodes_table(model.nodes, console.width))
        return
    targets = [result for result in model.targets if result.plans]
    console.print()
    console.print(Text(" ".join(answer(model, analysis.objective))))
    if not targets:
        return
    console.print(_targets_table(targets, console.width))
    console.print(Text(f"least time = {LEAST_TIME}; floor = what no plan can beat", style="dim"))
    first = winner(targets, analysis.objective)
    if first is not None:
        console.print()
        console.print(_groups_table(first, console.width))
    for line in _unknown_lines(targets):
        console.print(Text(line, style="dim"))


def _print_line(console: Console, line: str, style: str = "") -> None:
    """A line that is never broken: scripts read it, and a terminal wraps it by itself."""
    console.print(Text(line, style=style), soft_wrap=True)


def _first_line(model: ModelResult) -> str:
    parts = [f"{shown(model.name)}: {coverage_words(model)}"]
    if model.dims:
        dims = ", ".join(f"{shown(dim.name)}={dim.value} ({dim.source})" for dim in model.dims)
        parts.append(f"dims {dims}")
    parts += [f"as if {shown(dtype)} on {comma_list(names, 3)}" for dtype, names in assumed_precisions(model).items()]
    return " · ".join(parts)


def _assumptions(model: ModelResult) -> Iterator[str]:
    """Unknown operators, those that are not modelled, and what the lowering assumed."""
    for node in model.unresolved[:_TOP_UNRESOLVED]:
        operator = ".".join(filter(None, (shown(node.domain), shown(node.op_type))))
        yield f"  unknown: {shown(node.node)} ({operator}): {shown(node.reason)}"
    if len(model.unresolved) > _TOP_UNRESOLVED:
        yield f"  unknown: {len(model.unresolved) - _TOP_UNRESOLVED} more"
    for node in model.not_modelled[:_TOP_UNRESOLVED]:
        yield f"  not modelled: {shown(node.node)} ({shown(node.op_type)}): {shown(node.reason)}"
    if len(model.not_modelled) > _TOP_UNRESOLVED:
        yield f"  not modelled: {len(model.not_modelled) - _TOP_UNRESOLVED} more"
    for note in model.notes:
        yield f"  note: {shown(note)}"


def _totals_line(model: ModelResult) -> str:
    totals = model.totals
    return " · ".join(
        (
            f"MACs {count(totals.macs)}",
            f"vector ops {count(totals.vector_ops)}",
            f"special ops {count(totals.special_ops)}",
            f"parameters {count(model.parameter_count)} ({quantity(model.parameter_bytes, 'B')})",
            f"read {quantity(totals.read_bytes, 'B')} (weights {quantity(totals.weight_bytes, 'B')})",
            f"written {quantity(totals.write_bytes, 'B')}",
            f"peak activations {quantity(model.peak_activation_bytes, 'B')}",
        )
    )


def _targets_table(results: Sequence[TargetResult], width: int) -> Table:
    """One target a row; a narrow terminal goes without the name of the plan."""
    has_plan = width >= _WIDE
    table = _table("")
    table.add_column("target", min_width=14)
    for heading in ("floor", "least time", "energy"):
        table.add_column(heading, justify="right", no_wrap=True)
    if has_plan:
        table.add_column("plan", no_wrap=True)
    table.add_column("what binds", min_width=12)
    table.add_column("of peak", justify="right", no_wrap=True)
    table.add_column("fits")
    for result in results:
        plan = result.best
        bounds = time_by_bound(plan)
        cells = (
            shown(result.target.name),
            quantity(result.floor_latency_s, "s"),
            quantity(plan.latency_s, "s"),
            quantity(plan.energy_j, "J"),
            *([shown(plan.fusion)] if has_plan else []),
            next((f"{bound_words(bound)} {percent(part)}" for bound, part in bounds.items()), "unknown"),
            percent(peak_share(result)),
            {True: "yes", False: "no", None: "unknown"}[result.fits],
        )
        table.add_row(*map(Text, cells))
    return table


def _unknown_lines(results: Sequence[TargetResult]) -> Iterator[str]:
    """What the targets do not know by its name, what is estimated by its number."""
    for result in results:
        if result.unknown:
            yield f"unknown of {shown(result.target.name)}: {comma_list(map(shown, result.unknown), _TOP_KEYS)}"
    estimated = [f"{shown(result.target.name)} {len(result.estimated)}" for result in results if result.estimated]
    if estimated:
        yield f"numbers that rest on estimates: {', '.join(estimated)}"


def _groups_table(result: TargetResult, width: int) -> Table:
    """Alike groups in one row with the time of all; a narrow terminal goes without the intensity."""
    has_intensity = width >= _WIDE
    names = max(width - (96 if has_intensity else 70), 14)  # what the other columns leave
    outer = result.levels[0].name if result.levels else ""
    plan = result.best
    table = _table(f"slowest groups on {shown(result.target.name)}, {fusion_words(plan.fusion)}, alike ones together")
    table.add_column("group", min_width=14)
    table.add_column("operators", overflow="ellipsis", no_wrap=True, max_width=26)
    for heading in ("least time", "share"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("bound by")
    if has_intensity:
        table.add_column(Text(f"ops/byte at {shortened(outer, 12)}"), justify="right")
    table.add_column("energy", justify="right", no_wrap=True)
    for kind in slowest_kinds(plan.groups)[:_TOP_GROUPS]:
        group = kind.first
        share = kind.latency_s / plan.latency_s if plan.latency_s and kind.latency_s is not None else None
        more = f" (+{len(group.nodes) - 1})" if len(group.nodes) > 1 else ""
        alike = f" × {kind.groups}" if kind.groups > 1 else ""
        cells = (
            (shortened(group.nodes[0], names) if group.nodes else group.id) + more + alike,
            shown(" + ".join(group.op_types)),
            quantity(kind.latency_s, "s"),
            percent(share),
            bound_words(group.time_bound),
            *([intensity(group.intensity_ops_per_byte.get(outer))] if has_intensity else []),
            quantity(kind.energy_j, "J"),
        )
        table.add_row(*map(Text, cells))
    return table


def _nodes_table(nodes: Sequence[NodeResult], width: int) -> Table:
    """The nodes with most work, unknown ones first; a narrow terminal goes without types, trips and weights."""
    is_wide = width >= _WIDE
    ranked = sorted(nodes, key=_work, reverse=True)
    cut = (
        f"largest {_TOP_NODES} of {len(nodes)} nodes, for one trip"
        if len(nodes) > _TOP_NODES
        else "nodes, for one trip"
    )
    table = _table(cut)
    table.add_column("node", min_width=14)
    table.add_column("operator")
    if is_wide:
        table.add_column("type", no_wrap=True)
    for heading in (*(["trips"] if is_wide else []), "MACs", "vector", "special", "read"):
        table.add_column(heading, justify="right", no_wrap=True)
    for heading in (*(["weights"] if is_wide else []), "written"):
        table.add_column(heading, justify="right", no_wrap=True)
    for node in ranked[:_TOP_NODES]:
        cells = (
            shortened(node.name, 48),
            shown(node.op_type),
            *([shown(node.compute_type), count(node.repeat)] if is_wide else []),
            count(node.macs),
            count(node.vector_ops),
            count(node.special_ops),
            quantity(node.read_bytes, "B"),
            *([quantity(node.weight_bytes, "B")] if is_wide else []),
            quantity(node.write_bytes, "B"),
        )
        table.add_row(*map(Text, cells))
    return table


def _work(node: NodeResult) -> float:
    if node.macs is None or node.vector_ops is None or node.special_ops is None:
        return float("inf")
    return node.repeat * (2 * node.macs + node.vector_ops + node.special_ops)


def _table(title: str) -> Table:
    caption = Text(title, style="bold") if title else None
    return Table(box=SIMPLE_HEAD, title=caption, title_justify="left", pad_edge=False)
