"""What the page says of one model, and of all models side by side."""

from __future__ import annotations

from collections.abc import Sequence

from onnxroof import __version__
from onnxroof.report.answer import Answer, answer
from onnxroof.report.capacity_view import capacity_figure_of, capacity_table, live_facts
from onnxroof.report.cells import name_cell, number_cell, text_column, word_cell
from onnxroof.report.comparison import comparison, overview, tradeoff
from onnxroof.report.conventions import CONVENTION_TITLES, CONVENTIONS, EXTENSIONS, PROVENANCE
from onnxroof.report.duty_view import duty_table
from onnxroof.report.embedded import page_data
from onnxroof.report.fit_view import fit_table
from onnxroof.report.numbers import count, percent, quantity
from onnxroof.report.target_view import target_view
from onnxroof.report.view import Cell, Column, Fact, Failed, ModelView, Page, Row, Table
from onnxroof.report.words import alike_notes, comma_list, counted, shown, unbroken
from onnxroof.study.result import Analysis, Failure, ModelResult, NodeResult, Totals, Unresolved

__all__ = ["MOST_ROWS", "page_view"]

MOST_ROWS = 200  # a table of ten thousand rows takes a browser seconds
_TOP_TYPES = 20


def page_view(analysis: Analysis, *, generated: str = "") -> Page:
    """The whole page of an analysis."""
    answered = [(f"m{index}", entry) for index, entry in enumerate(analysis.models) if isinstance(entry, ModelResult)]
    names = [shown(entry.name) for entry in analysis.models]
    models = tuple(
        _model_view(entry, index, analysis)
        for index, entry in enumerate(analysis.models)
        if isinstance(entry, ModelResult)
    )
    return Page(
        title=comma_list(names, 2) or "onnxroof",
        tool=f"onnxroof {__version__}",
        generated=generated,
        command=shown(analysis.command),
        overview=overview(answered) if len(answered) > 1 else None,
        models=models,
        failed=tuple(_failed(entry) for entry in analysis.models if isinstance(entry, Failure)),
        conventions=tuple(Fact(label=CONVENTION_TITLES[key], value=words) for key, words in CONVENTIONS.items()),
        provenance=PROVENANCE + comma_list(EXTENSIONS) + ".",
        data=page_data(analysis),
    )


def _model_view(model: ModelResult, index: int, analysis: Analysis) -> ModelView:
    anchor = f"m{index}"
    targets = [(f"{anchor}t{place}", place, result) for place, result in enumerate(model.targets) if result.plans]
    missing = model.nodes_total - model.nodes_costed
    placement = model.placement
    # Where nothing crosses at any capacity, or nothing is known of what does, there is no curve to show.
    curved = placement if placement and any(placement.curve.bytes) else None
    return ModelView(
        anchor=anchor,
        index=index,
        name=shown(model.name),
        origin=_origin(model),
        answer=_unbroken(answer(model, analysis.objective)),
        coverage=Fact(
            label="Coverage",
            value=percent(model.coverage),
            note=f"{model.nodes_costed} of {counted(model.nodes_total, 'node')}",
            mark="bad" if missing else "",
        ),
        dims=tuple(
            Fact(
                label=shown(dim.name),
                value=str(dim.value),
                note=dim.source,
                mark="bad" if dim.source == "default" else "",
            )
            for dim in model.dims
        ),
        unresolved=_unresolved_table("Operators of unknown cost", model.unresolved),
        not_modelled=_unresolved_table("Operators that are not modelled, for a reason", model.not_modelled),
        totals=_totals(model),
        comparison=comparison([(link, result) for link, _, result in targets]) if targets else None,
        duty=duty_table(analysis.duty, [(link, result) for link, _, result in targets])
        if analysis.duty is not None and targets
        else None,
        fit=fit_table([(link, result) for link, _, result in targets]),
        tradeoff=tradeoff([(link, result) for link, _, result in targets], shown(model.name)),
        capacity=capacity_figure_of(curved, model.targets, model.name) if curved else None,
        capacities=capacity_table(curved, model.targets) if curved else None,
        live=live_facts(placement) if placement else (),
        targets=tuple(
            target_view(result, link, place, has_sensitivity=analysis.has_sensitivity)
            for link, place, result in targets
        ),
        op_types=_op_types_table(model.nodes),
        nodes=_nodes_table(model.nodes),
        notes=tuple(shown(note) for note in alike_notes(model.notes)),
    )


def _unbroken(words: Answer) -> Answer:
    return Answer(
        assumption=words.assumption,
        headline=unbroken(words.headline),
        findings=tuple(map(unbroken, words.findings)),
        caveats=tuple(map(unbroken, words.caveats)),
    )


def _origin(model: ModelResult) -> str:
    opsets = [f"{shown(domain) or 'ai.onnx'} {version}" for domain, version in model.opsets.items()]
    parts = [shown(model.producer), f"opset {comma_list(opsets, 4)}" if opsets else "", f"IR {model.ir_version}"]
    return " · ".join(part for part in parts if part)


def _totals(model: ModelResult) -> tuple[Fact, ...]:
    totals = model.totals
    figures = (
        ("MACs", totals.macs, count(totals.macs), "1 MAC = 2 ops"),
        ("Vector ops", totals.vector_ops, count(totals.vector_ops), ""),
        ("Special ops", totals.special_ops, count(totals.special_ops), "EXP, DIV, ERF ..."),
        ("Parameters", model.parameter_count, count(model.parameter_count), quantity(model.parameter_bytes, "B")),
        ("Peak activations", model.peak_activation_bytes, quantity(model.peak_activation_bytes, "B"), ""),
        (
            "Read, node by node",
            totals.read_bytes,
            quantity(totals.read_bytes, "B"),
            f"of these weights {quantity(totals.weight_bytes, 'B')}",
        ),
        ("Written, node by node", totals.write_bytes, quantity(totals.write_bytes, "B"), ""),
    )
    return tuple(
        Fact(label=label, value=text, note=note, mark="unknown" if value is None else "")
        for label, value, text, note in figures
    )


def _failed(failure: Failure) -> Failed:
    faults = tuple(
        Fact(label=shown(fault.where), value=shown(fault.line), note=shown(fault.hint))
        for fault in failure.error.diagnostics
    )
    return Failed(name=shown(failure.name), faults=faults)


def _unresolved_table(caption: str, nodes: Sequence[Unresolved]) -> Table | None:
    if not nodes:
        return None
    rows = tuple(
        Row(
            cells=(
                name_cell(node.node, 60),
                word_cell(shown(node.op_type)),
                word_cell(shown(node.domain) or "ai.onnx"),
                word_cell(shown(node.reason)),
            )
        )
        for node in nodes[:MOST_ROWS]
    )
    columns = (text_column("Node"), text_column("Operator"), text_column("Domain"), text_column("Reason"))
    note = f"{MOST_ROWS} of {len(nodes)}; the JSON has them all." if len(nodes) > MOST_ROWS else ""
    return Table(caption=f"{caption} ({len(nodes)})", columns=columns, rows=rows, note=note)


def _op_types_table(nodes: Sequence[NodeResult]) -> Table:
    """Counts summed by operator type, trips included."""
    types: dict[tuple[str, str], list[NodeResult]] = {}
    for node in nodes:
        types.setdefault((node.domain, node.op_type), []).append(node)
    ranked = sorted(types.items(), key=lambda entry: (-(_summed(entry[1], "macs") or 0), -len(entry[1]), entry[0]))
    rows = []
    for (domain, op_type), members in ranked[:_TOP_TYPES]:
        counts = [_summed(members, name) for name in ("macs", "vector_ops", "special_ops")]
        moved = [_summed(members, name) for name in ("read_bytes", "weight_bytes", "write_bytes")]
        cells = (
            name_cell(op_type, 40, note=shown(domain)),
            number_cell(len(members), count(len(members))),
            *(number_cell(value, count(value)) for value in counts),
            *(number_cell(value, quantity(value, "B")) for value in moved),
        )
        rows.append(Row(cells=cells))
    columns = (text_column("Operator"), Column(label="Nodes"), *_COUNT_COLUMNS)
    note = f"{_TOP_TYPES} of {len(types)} operators." if len(types) > _TOP_TYPES else ""
    return Table(caption="Operators of the model", columns=columns, rows=tuple(rows), note=note)


def _summed(nodes: Sequence[NodeResult], name: str) -> int | None:
    total = 0
    for node in nodes:
        value: int | None = getattr(node, name)
        if value is None:
            return None
        total += value * node.repeat
    return total


_COUNT_COLUMNS = (
    Column(label="MACs"),
    Column(label="Vector ops"),
    Column(label="Special ops"),
    Column(label="Read"),
    Column(label="of these weights"),
    Column(label="Written"),
)


def _nodes_table(nodes: Sequence[NodeResult]) -> Table:
    """Nodes for one trip, those of unknown work first, then those with most operations."""
    ranked = sorted(nodes, key=lambda node: -_ops(node))[:MOST_ROWS]
    rows = tuple(Row(cells=_node_cells(node)) for node in ranked)
    columns = (text_column("Node"), text_column("Operator"), text_column("Kind"), text_column("Type"), *_COUNT_COLUMNS)
    note = (
        f"The {MOST_ROWS} largest of {len(nodes)} nodes; JSON and CSV have them all." if len(nodes) > MOST_ROWS else ""
    )
    return Table(caption="Nodes", columns=columns, rows=rows, note=note)


def _node_cells(node: NodeResult) -> tuple[Cell, ...]:
    repeat = f"× {node.repeat}" if node.repeat != 1 else ""
    return (
        name_cell(node.name, 40, note=repeat),
        name_cell(node.op_type, 24, note=shown(node.domain)),
        word_cell(node.kind.value),
        word_cell(shown(node.compute_type)),
        *(number_cell(value, count(value)) for value in (node.macs, node.vector_ops, node.special_ops)),
        *(number_cell(value, quantity(value, "B")) for value in (node.read_bytes, node.weight_bytes, node.write_bytes)),
    )


def _ops(counts: NodeResult | Totals) -> float:
    """Operations by which nodes are ranked, unknown above all."""
    if counts.macs is None or counts.vector_ops is None or counts.special_ops is None:
        return float("inf")
    return 2 * counts.macs + counts.vector_ops + counts.special_ops
