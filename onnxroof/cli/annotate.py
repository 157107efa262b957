"""`onnxroof annotate`: the figures where viewers of models show them."""

from __future__ import annotations

from pathlib import Path

import click

from onnxroof.cli.common import parse_dims, precision_option
from onnxroof.errors import Diagnostic, UsageError

__all__ = ["annotate"]

_PREFIX = "onnxroof."
_COUNTS = (
    "ops",
    "macs",
    "vector_ops",
    "special_ops",
    "read_bytes",
    "weight_bytes",
    "write_bytes",
    "kind",
    "compute_type",
)
_OF_A_TARGET = ("latency_s", "energy_j", "group", "time_bound", "energy_bound")


@click.command()
@click.argument("model", type=click.Path(path_type=Path))
@click.option(
    "-o", "--output", required=True, type=click.Path(path_type=Path),
    help="File to write: .onnx is the model with the figures in metadata_props of its nodes (Netron shows them); "
    ".json is node data for Model Explorer.",
)  # fmt: skip
@click.option("-t", "--target", metavar="TARGET|FILE", help="Also times, bounds and groups of the best plan there.")
@click.option(
    "-d", "--dim", "dims", multiple=True, metavar="NAME=INT", help="Value of a named dimension. May be repeated."
)
@precision_option
@click.option(
    "--value", type=click.Choice([*_COUNTS, *_OF_A_TARGET]),
    help="What a .json holds, one value a node: ops when left out, latency_s with a target.",
)  # fmt: skip
def annotate(
    model: Path, output: Path, target: str | None, dims: tuple[str, ...], precision: str, value: str | None
) -> None:
    """Write the figures of MODEL for a viewer: a copy with metadata at its nodes, or a file beside it."""
    suffix = output.suffix.lower()
    _check(suffix, output, target, value)
    values = parse_dims(dims)
    from onnxroof.frontend.annotate import annotate_model, graph_names
    from onnxroof.report.words import counted
    from onnxroof.study.analyze import run_study
    from onnxroof.study.annotate import model_figures, node_figures
    from onnxroof.study.result import Failure

    study = run_study([model], [target] if target else None, dims=values, precision=precision)
    (entry,) = study.models
    if isinstance(entry, Failure):
        raise entry.error
    figures = node_figures(entry)
    if suffix == ".onnx":
        written = {position: _texts(found) for position, found in figures.items()}
        annotate_model(model, output, _texts(model_figures(entry)), written, prefix=_PREFIX)
        nodes = counted(len(written), "node")
        click.echo(f"{output}: {nodes} annotated, keys begin with `{_PREFIX}`", err=True)
        return
    from onnxroof.report.model_explorer import node_data
    from onnxroof.report.write import write_text

    wanted = value or ("latency_s" if target else "ops")
    names = graph_names(model)
    chosen = {position: found.get(wanted) for position, found in figures.items()}
    write_text(output, node_data(names.graph, names.nodes, chosen, is_numbered=names.are_named_inside))
    nameless = sum(not name for name, _ in names.nodes)
    number = " and by the number that the ONNX adapter gives them" if names.are_named_inside else ""
    note = f"; {nameless:,} nodes without a name go by their first output{number}" if nameless else ""
    click.echo(f"{output}: {wanted} of nodes of graph `{names.graph}`{note}", err=True)


def _check(suffix: str, output: Path, target: str | None, value: str | None) -> None:
    faults = []
    if suffix not in (".onnx", ".json"):
        faults.append(
            Diagnostic(
                where=f"-o {output}", message="no such format", hint="end the name in .onnx or .json", code="U202"
            )
        )
    if value and suffix == ".onnx":
        faults.append(
            Diagnostic(
                where=f"--value {value}", message="an .onnx file holds every figure", hint="leave it out", code="U201"
            )
        )
    if value in _OF_A_TARGET and not target:
        faults.append(
            Diagnostic(where=f"--value {value}", message="this needs a target", hint="name one with -t", code="U201")
        )
    if faults:
        raise UsageError(*faults)


def _texts(figures: dict[str, int | float | str | None]) -> dict[str, str]:
    return {
        f"{_PREFIX}{key}": "unknown" if found is None else str(found) for key, found in figures.items() if found != ""
    }
