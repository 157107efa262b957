"""A summary for a pull request: the answer in words, the targets side by side, the slowest groups."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from onnxroof import __version__
from onnxroof.report.answer import answer, coverage_words, winner
from onnxroof.report.conventions import LEAST_TIME
from onnxroof.report.estimates import marked
from onnxroof.report.given import given_lines
from onnxroof.report.kinds import Kind, slowest_kinds
from onnxroof.report.numbers import count, intensity, percent, quantity
from onnxroof.report.plans import fits_words, peak_share, time_by_bound
from onnxroof.report.words import bound_words, shortened, shown
from onnxroof.roofline.result import TargetResult
from onnxroof.study.result import Analysis, Failure, ModelResult

__all__ = ["to_markdown"]

_TOP_GROUPS = 10
_TOP_UNRESOLVED = 20


def to_markdown(analysis: Analysis) -> str:
    """GitHub's Markdown; every name out of a model or a target is a code span or escaped."""
    blocks: list[str] = []
    for entry in analysis.models:
        blocks += _failure(entry) if isinstance(entry, Failure) else _model(entry, analysis)
    return "\n\n".join([*blocks, f"<sub>onnxroof {__version__} · least time = {LEAST_TIME}</sub>"]) + "\n"


def _failure(failure: Failure) -> list[str]:
    faults = [
        f"- {_code(fault.where) + ': ' if fault.where else ''}{_escaped(fault.line)}"
        + (f" (hint: {_escaped(fault.hint)})" if fault.hint else "")
        for fault in failure.error.diagnostics
    ]
    return [f"### {_code(failure.name)}: no answer", "\n".join(faults)]


def _model(model: ModelResult, analysis: Analysis) -> list[str]:
    dims = "".join(f" · {_code(f'{dim.name}={dim.value}')} ({dim.source})" for dim in model.dims)
    words = coverage_words(model)
    blocks = [
        f"### {_code(model.name)}",
        _escaped(" ".join(answer(model, analysis.objective).sentences)),
        f"{words[0].upper()}{words[1:]}{dims}",
    ]
    if model.unresolved:
        blocks.append(_unresolved(model))
    if not analysis.has_targets:
        return [*blocks, _totals(model)]
    targets = [result for result in model.targets if result.plans]
    if targets:
        blocks.append(_targets_table(targets))
        blocks += _given(targets, analysis.objective)
    first = winner(targets, analysis.objective)
    if first is not None:
        blocks += [f"Slowest groups on {_code(first.target.name)}, alike ones together:", _groups_table(first)]
    return blocks


def _unresolved(model: ModelResult) -> str:
    lines = [f"- {_code(node.node)} ({_code(node.op_type)}): {_escaped(node.reason)}" for node in model.unresolved]
    more = [f"- and {len(lines) - _TOP_UNRESOLVED} more"] if len(lines) > _TOP_UNRESOLVED else []
    return "\n".join(["Operators of unknown cost:", "", *lines[:_TOP_UNRESOLVED], *more])


def _totals(model: ModelResult) -> str:
    totals = model.totals
    row = (
        count(totals.macs),
        count(totals.vector_ops),
        count(totals.special_ops),
        count(model.parameter_count),
        quantity(totals.read_bytes, "B"),
        quantity(totals.write_bytes, "B"),
    )
    return _table(("MACs", "vector ops", "special ops", "parameters", "read", "written"), [row], words=0)


def _targets_table(results: Sequence[TargetResult]) -> str:
    headings = ("target", "what binds", "memory", "floor", "least time", "energy", "share of peak")
    return _table(headings, [_target_row(result) for result in results], words=3)


def _target_row(result: TargetResult) -> tuple[str, ...]:
    plan = result.best
    bounds = time_by_bound(plan)
    binding = next((f"{_escaped(bound_words(bound))} {percent(part)}" for bound, part in bounds.items()), "unknown")
    return (
        _code(result.target.name),
        binding,
        fits_words(result),
        marked(result.floor_latency_s, "s", result.floor_latency_estimated_s),
        marked(plan.latency_s, "s", plan.latency_estimated_s),
        marked(plan.energy_j, "J", plan.energy_estimated_j),
        percent(peak_share(result)),
    )


def _given(results: Sequence[TargetResult], objective: str) -> list[str]:
    """Groups that came from outside against ours."""
    heading, *lines = [*given_lines(results, objective)] or [""]
    if not heading:
        return []
    return ["\n".join((f"{heading[0].upper()}{heading[1:]}", "", *(f"- {_escaped(line.strip())}" for line in lines)))]


def _groups_table(result: TargetResult) -> str:
    outer = result.levels[0].name if result.levels else ""
    headings = ("group", "operators", "bound by", "least time", "share", f"ops/byte at {_escaped(outer)}", "energy")
    total = result.best.latency_s
    kinds = slowest_kinds(result.best.groups)[:_TOP_GROUPS]
    return _table(headings, [_kind_row(kind, total, outer) for kind in kinds], words=3)


def _kind_row(kind: Kind, total: float | None, outer: str) -> tuple[str, ...]:
    group = kind.first
    share = kind.latency_s / total if total and kind.latency_s is not None else None
    alike = f" × {kind.groups}" if kind.groups > 1 else ""
    return (
        (_code(shortened(group.nodes[0], 48)) if group.nodes else _code(group.id)) + alike,
        _code(" + ".join(group.op_types[:4])),
        _escaped(bound_words(group.time_bound)),
        quantity(kind.latency_s, "s"),
        percent(share),
        intensity(group.intensity_ops_per_byte.get(outer)),
        quantity(kind.energy_j, "J"),
    )


def _table(headings: Sequence[str], rows: Iterable[Sequence[str]], words: int) -> str:
    """A table; the columns after the first `words` are numbers and stand to the right."""
    rule = ["---"] * words + ["--:"] * (len(headings) - words)
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (headings, rule, *rows))


def _code(text: str) -> str:
    """A code span, in which nothing is markup; the fence is longer than any run of backticks inside."""
    text = shown(text).replace("|", "\\|")
    runs = re.findall(r"`+", text)
    fence = "`" * (max(map(len, runs), default=0) + 1)
    pad = " " if text[:1] in ("`", " ") or text[-1:] in ("`", " ") else ""
    return f"{fence}{pad}{text}{pad}{fence}" if text else ""


def _escaped(text: str) -> str:
    """Text with everything escaped that Markdown or HTML would read, and no user mentioned."""
    escaped = re.sub(r"([\\`*_{}\[\]()#!|~>])", r"\\\1", shown(text)).replace("&", "&amp;").replace("<", "&lt;")
    return escaped.replace("@", "@\u200b").replace("://", ":\u200b//")
