"""`onnxroof strip`: how to hand a model to others without its weights."""

from __future__ import annotations

from pathlib import Path

import click

__all__ = ["strip"]


@click.command()
@click.argument("model", type=click.Path(path_type=Path))
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path), help="File to write.")
@click.option("--keep-stack-traces", is_flag=True, help="Keep the source lines that exporters note at each node.")
def strip(model: Path, output: Path, keep_stack_traces: bool) -> None:
    """Write a copy of MODEL without its weights: small enough to share, and analyzed like the original."""
    from onnxroof.frontend.read import strip_model

    sizes = strip_model(model, output, keep_stack_traces=keep_stack_traces)
    click.echo(f"{model}: {sizes.before_bytes:,} bytes -> {output}: {sizes.after_bytes:,} bytes", err=True)
