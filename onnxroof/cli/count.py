"""`onnxroof count`: operations and bytes alone, no target."""

from __future__ import annotations

from pathlib import Path

import click

from onnxroof.cli.common import (
    check_outputs,
    command_line,
    finish,
    model_arguments,
    output_options,
    parse_dims,
    precision_option,
    shapes_from_run_option,
)
from onnxroof.errors import Diagnostic, UsageError

__all__ = ["count"]


@click.command()
@model_arguments
@precision_option
@click.option(
    "--formula", is_flag=True, help="Also give MACs and bytes as polynomials in the dimensions: text or JSON."
)
@shapes_from_run_option
@click.option("--kv-copy", is_flag=True, help="Appended key/value caches are copied whole, not in place.")
@output_options
@click.pass_context
def count(
    context: click.Context,
    models: tuple[str, ...],
    dims: tuple[str, ...],
    strict: bool,
    formula: bool,
    precision: str,
    shapes_from_run: bool,
    kv_copy: bool,
    format_: str,
    outputs: tuple[str, ...],
) -> None:
    """Count the operations and bytes of models, node by node."""
    values = parse_dims(dims)
    check_outputs(outputs)
    if formula:
        _check_formats(format_, outputs)
    from onnxroof.study.analyze import run_study

    analysis = run_study(
        models,
        None,
        dims=values,
        copies_cache=kv_copy,
        precision=precision,
        formula=formula,
        shapes_from_run=shapes_from_run,
        command=command_line(),
    )
    context.exit(finish(analysis, format_, outputs, strict=strict))


def _check_formats(format_: str, outputs: tuple[str, ...]) -> None:
    """Formulas are no table and no page: raises `UsageError` with all places where they would be lost."""
    faults = [f"-o {output}" for output in outputs if Path(output).suffix != ".json"]
    faults += [f"--format {format_}"] if format_ not in ("text", "json") else []
    if faults:
        message = "formulas are given as text or JSON alone"
        raise UsageError(
            *(Diagnostic(where=where, message=message, hint="leave out --formula", code="U201") for where in faults)
        )
