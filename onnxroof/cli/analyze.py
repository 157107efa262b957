"""`onnxroof analyze`: models against targets."""

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
    progress_bar,
    shapes_from_run_option,
)
from onnxroof.cli.duty import duty_options, parse_duty

__all__ = ["analyze"]


@click.command()
@model_arguments
@click.option(
    "-t", "--target", "targets", multiple=True, metavar="TARGET|FILE|LINE",
    help="Target by id, by file, or described in a line: peak=RATE:TYPE and LEVEL=CAPACITY@BANDWIDTH (or one of the "
    "two) with commas between them, outermost level first, e.g. peak=8TOP/s:INT8,dram=68GB/s,sram=4MiB@1TB/s. Behind "
    "id or file stands a power mode: jetson-nano@5w. "
    "May be repeated; a shelf of eight, one of each class, when left out.",
)  # fmt: skip
@click.option(
    "--fusion", metavar="POLICY",
    help="Plan with this policy alone: none, epilogue, depth-first, auto. All are planned when left out.",
)  # fmt: skip
@click.option(
    "--objective", type=click.Choice(["latency", "energy", "edp"]), default="latency", show_default=True,
    help="What the best plan is least in.",
)  # fmt: skip
@click.option(
    "--state", type=click.Choice(["cold", "steady"]), default="cold", show_default=True,
    help="cold: weights come from the outermost memory in each run. steady: those that fit on chip stay there.",
)  # fmt: skip
@click.option("--no-tf32", "tf32", flag_value=False, default=True, help="FLOAT contractions may not use TF32.")
@precision_option
@shapes_from_run_option
@click.option(
    "--sensitivity", is_flag=True, help="Also say how much each number of a target matters to time and energy."
)
@click.option("--kv-copy", is_flag=True, help="Appended key/value caches are copied whole, not in place.")
@click.option(
    "--groups",
    metavar="FILE",
    help="Also evaluate fusion groups from outside: a file of --plan-out, a list of groups, or the model that ONNX "
    "Runtime wrote after its optimizations.",
)
@click.option(
    "--plan-out",
    metavar="FILE.json",
    help="Also write every plan for compilers: groups, order, tiles, what stays on chip, reasons.",
)
@duty_options
@click.option("--template", metavar="DIR", help="Folder with templates that replace those of the HTML report.")
@output_options
@click.pass_context
def analyze(
    context: click.Context,
    models: tuple[str, ...],
    dims: tuple[str, ...],
    strict: bool,
    targets: tuple[str, ...],
    fusion: str | None,
    objective: str,
    state: str,
    tf32: bool,
    precision: str,
    shapes_from_run: bool,
    sensitivity: bool,
    kv_copy: bool,
    groups: str | None,
    plan_out: str | None,
    rate: str | None,
    battery: str | None,
    prices: tuple[str, ...],
    electricity: str | None,
    template: str | None,
    format_: str,
    outputs: tuple[str, ...],
) -> None:
    """Say how models will run on targets: floor, time, energy, what binds, and what fusion buys."""
    values = parse_dims(dims)
    duty = parse_duty(rate, battery, prices, electricity)
    check_outputs(outputs)
    from onnxroof.study.analyze import run_study
    from onnxroof.targets.catalog import DEFAULT_SHELF

    with progress_bar() as progress:
        analysis = run_study(
            models,
            targets or DEFAULT_SHELF,
            dims=values,
            fusion=fusion,
            objective=objective,
            state=state,
            tf32=tf32,
            copies_cache=kv_copy,
            precision=precision,
            shapes_from_run=shapes_from_run,
            sensitivity=sensitivity,
            groups=groups,
            duty=duty,
            command=command_line(),
            progress=progress,
        )
    if plan_out:
        from onnxroof.report.plan_file import to_plan_file
        from onnxroof.report.write import write_text

        write_text(Path(plan_out), to_plan_file(analysis))
    context.exit(finish(analysis, format_, outputs, strict=strict, template=template))
