"""`onnxroof count`: operations and bytes alone, no target."""

from __future__ import annotations

import click

from onnxroof.cli.common import (
    check_outputs,
    command_line,
    finish,
    model_arguments,
    output_options,
    parse_dims,
    precision_option,
)

__all__ = ["count"]


@click.command()
@model_arguments
@precision_option
@click.option("--kv-copy", is_flag=True, help="Appended key/value caches are copied whole, not in place.")
@output_options
@click.pass_context
def count(
    context: click.Context,
    models: tuple[str, ...],
    dims: tuple[str, ...],
    strict: bool,
    precision: str,
    kv_copy: bool,
    format_: str,
    outputs: tuple[str, ...],
) -> None:
    """Count the operations and bytes of models, node by node."""
    values = parse_dims(dims)
    check_outputs(outputs)
    from onnxroof.study.analyze import run_study

    analysis = run_study(models, None, dims=values, copies_cache=kv_copy, precision=precision, command=command_line())
    context.exit(finish(analysis, format_, outputs, strict=strict))
