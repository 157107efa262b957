"""The result for a terminal: coverage and assumptions first, then totals, targets and the slowest groups.

Written in plain text without a library, so that `count` answers as fast as it counts.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from onnxroof.ir.workload import AS_IS
from onnxroof.report.answer import answer, assumed_precisions, coverage_words, winner
from onnxroof.report.formula_lines import formula_lines
from onnxroof.report.numbers import count, quantity
from onnxroof.report.terminal import Content, Heading, Name, paragraph, styled, table
from onnxroof.report.words import alike_notes, comma_list, common_stem, shown, without_stem
from onnxroof.study.result import Analysis, Failure, ModelResult, NodeResult

if TYPE_CHECKING:
    from onnxroof.roofline.result import TargetResult

__all__ = ["to_text"]

_WIDTH = 120
_WIDE = 112
_TOP_NODES = 20
_TOP_UNRESOLVED = 10


@dataclass(slots=True)
class _Page:
    """Lines as they come, of at most `width` columns where they may be broken."""

    width: int
    colour: bool
    lines: list[str] = field(default_factory=list)

    def add(self, line: str, style: str = "") -> None:
        """A line that is never broken: scripts read it, and a terminal wraps it by itself."""
        self.lines.append(styled(line, style, colour=self.colour))

    def say(self, text: str, style: str = "") -> None:
        """Words in as many lines as they take, all as far to the right as the first."""
        words = text.lstrip(" ")
        indent = " " * (len(text) - len(words))
        for line in paragraph(words, self.width - len(indent)):
            self.add(indent + line, style)

    def table(self, title: str, headings: Sequence[Heading], rows: Sequence[Sequence[Content]]) -> None:
        """A table with its title."""
        lines = table(title, headings, rows, self.width)
        if title:
            self.add(lines.pop(0), "bold")
        self.lines += lines


def to_text(analysis: Analysis, width: int | None = None, *, colour: bool = False) -> str:
    """Plain text of at most `width` columns (120 unless said), except for the first lines, which are never broken."""
    page = _Page(width or _WIDTH, colour)
    for index, entry in enumerate(analysis.models):
        if index:
            page.add("")
        if isinstance(entry, Failure):
            _add_failure(page, entry)
        else:
            _add_model(page, entry, analysis)
    while page.lines and not page.lines[-1]:
        page.lines.pop()
    return "\n".join(page.lines) + "\n"


def _add_failure(page: _Page, failure: Failure) -> None:
    page.add(f"{shown(failure.name)}: no answer", "bold red")
    for fault in failure.error.diagnostics:
        where = f"{shown(fault.where)}: " if fault.where else ""
        page.add(f"  {where}{shown(fault.line)}")
        if fault.hint:
            page.add(f"  hint: {shown(fault.hint)}")


def _add_model(page: _Page, model: ModelResult, analysis: Analysis) -> None:
    page.add(_first_line(model), "bold" if model.nodes_costed == model.nodes_total else "bold yellow")
    for line in _assumptions(model):
        page.add(line, "yellow")
    page.say(_totals_line(model))
    if model.formulas is not None:
        for line in formula_lines(model.formulas):
            page.add(line)
    if not analysis.has_targets:
        _add_nodes(page, model.nodes)
        return
    page.add("")
    page.say(" ".join(answer(model, analysis.objective).sentences))
    targets = [result for result in model.targets if result.plans]
    if targets:
        _add_targets(page, targets, analysis)


def _add_targets(page: _Page, targets: Sequence[TargetResult], analysis: Analysis) -> None:
    from onnxroof.report.duty import duty_lines
    from onnxroof.report.fit import fit_lines
    from onnxroof.report.given import given_lines
    from onnxroof.report.offload import offload_lines
    from onnxroof.report.text_targets import (
        LEGEND,
        expected_lines,
        groups_table,
        targets_table,
        uncertain_lines,
    )  # not for a count

    is_wide = page.width >= _WIDE
    page.table("", *targets_table(targets, is_wide=is_wide))
    page.say(LEGEND, "dim")
    first = winner(targets, analysis.objective)
    if first is not None:
        page.add("")
        page.table(*groups_table(first, is_wide=is_wide))
    duty = () if analysis.duty is None else duty_lines(analysis.duty, targets)
    given = given_lines(targets, analysis.objective)
    for line in (*given, *expected_lines(targets), *duty, *fit_lines(targets), *offload_lines(targets)):
        page.say(line)
    for line in uncertain_lines(targets):
        page.add(line, "dim")


def _first_line(model: ModelResult) -> str:
    parts = [f"{shown(model.name)}: {coverage_words(model)}"]
    if model.dims:
        dims = ", ".join(f"{shown(dim.name)}={dim.value} ({dim.source})" for dim in model.dims)
        parts.append(f"dims {dims}")
    if model.precision != AS_IS:
        parts.append(f"as if exported in {shown(model.precision)}")
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
    for note in alike_notes(model.notes):
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


def _add_nodes(page: _Page, nodes: Sequence[NodeResult]) -> None:
    """The nodes with most work, unknown ones first; a narrow terminal goes without types, trips and weights."""
    is_wide = page.width >= _WIDE
    of = f"largest {_TOP_NODES} of {len(nodes)} nodes" if len(nodes) > _TOP_NODES else "nodes"
    numbers = (*(["trips"] if is_wide else []), "MACs", "vector", "special", "read")
    headings = (
        Heading(label="node", least=14),
        Heading(label="operator", least=10),
        *([Heading(label="type")] if is_wide else []),
        *(Heading(label=label, is_number=True) for label in (*numbers, *(["weights"] if is_wide else []), "written")),
    )
    stem = common_stem(node.name for node in nodes)
    rows: list[tuple[Content, ...]] = [
        (
            Name(without_stem(node.name, stem)),
            shown(node.op_type),
            *([shown(node.compute_type), count(node.repeat)] if is_wide else []),
            count(node.macs),
            count(node.vector_ops),
            count(node.special_ops),
            quantity(node.read_bytes, "B"),
            *([quantity(node.weight_bytes, "B")] if is_wide else []),
            quantity(node.write_bytes, "B"),
        )
        for node in sorted(nodes, key=_work, reverse=True)[:_TOP_NODES]
    ]
    page.table(f"{of}, for one trip", headings, rows)


def _work(node: NodeResult) -> float:
    if node.macs is None or node.vector_ops is None or node.special_ops is None:
        return float("inf")
    return node.repeat * (2 * node.macs + node.vector_ops + node.special_ops)
