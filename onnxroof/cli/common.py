"""Options that several commands share, so that each has one meaning everywhere."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from onnxroof.errors import OnnxroofError, UsageError

if TYPE_CHECKING:
    from onnxroof.study.analyze import Progress
    from onnxroof.study.result import Analysis, ModelResult

__all__ = [
    "check_outputs",
    "command_line",
    "error_lines",
    "finish",
    "model_arguments",
    "output_options",
    "parse_dims",
    "precision_option",
    "progress_bar",
    "shapes_from_run_option",
]

Command = TypeVar("Command", bound=Callable[..., Any])

_FORMATS = ("text", "json", "csv", "md", "html")


def model_arguments(function: Command) -> Command:
    """MODEL..., -d NAME=INT and --strict."""
    for decorator in (
        click.option("--strict", is_flag=True, help="Exit 1 if anything is guessed or unknown."),
        click.option(
            "-d",
            "--dim",
            "dims",
            multiple=True,
            metavar="NAME=INT",
            help="Value of a named dimension. May be repeated.",
        ),
        click.argument("models", nargs=-1, required=True, metavar="MODEL..."),
    ):
        function = decorator(function)
    return function


def precision_option(function: Command) -> Command:
    """--precision."""
    return click.option(
        "--precision", metavar="POLICY", default="as-is", show_default=True,
        help="Read models as if exported in other types: fp32, fp16, bf16, int16 or int8 for the whole model; fp8, "
        "int4, int2, mxfp8, mxfp6, mxfp4 or nvfp4 for contractions and caches, the rest in fp16; or for weights (w), "
        "activations (a) and key/value caches (kv) apart: w4a16, w8a8, w4a16kv8, wmxfp4abf16.",
    )(function)  # fmt: skip


def shapes_from_run_option(function: Command) -> Command:
    """--shapes-from-run."""
    return click.option(
        "--shapes-from-run", is_flag=True,
        help="Run each model once in ONNX Runtime, with made-up inputs, and take its shapes, trip counts and branches.",
    )(function)  # fmt: skip


def output_options(function: Command) -> Command:
    """--format and -o."""
    for decorator in (
        click.option(
            "-o", "--output", "outputs", multiple=True, metavar="FILE",
            help="Also write a file, by suffix: .html .json .csv .md. May be repeated.",
        ),
        click.option(
            "--format", "format_", type=click.Choice(_FORMATS), default="text", show_default=True,
            help="What to print on standard output.",
        ),
    ):  # fmt: skip
        function = decorator(function)
    return function


def parse_dims(texts: tuple[str, ...]) -> dict[str, int]:
    """`NAME=INT` texts to values; raises `UsageError` with all faults at once."""
    found: dict[str, int] = {}
    faults = []
    for text in texts:
        name, _, value = text.rpartition("=")
        try:
            number = int(value)
        except ValueError:
            number = -1
        if not name or number < 0:
            faults.append(
                UsageError.at(
                    f"-d {text}", "expected NAME=INT with a number of 0 or more", "e.g. `-d batch=8`", code="U101"
                )
            )
        elif found.get(name, number) != number:
            faults.append(UsageError.at(f"-d {text}", f"`{name}` was already given as {found[name]}", code="U101"))
        found[name] = number
    if faults:
        raise UsageError(*OnnxroofError.joined(faults).diagnostics)
    return found


def check_outputs(outputs: tuple[str, ...]) -> None:
    """Refuses files that no format fits before any work is done; raises `UsageError` with all faults at once."""
    from onnxroof.report.write import format_of

    faults = []
    for output in outputs:
        try:
            format_of(Path(output))
        except UsageError as fault:
            faults.append(fault)
    if faults:
        raise UsageError(*OnnxroofError.joined(faults).diagnostics)


def error_lines(error: OnnxroofError) -> Iterator[str]:
    """An error for a terminal, names from files made harmless; lines of a hint follow their fault."""
    from onnxroof.report.words import shown

    for diagnostic in error.diagnostics:
        where = f"{shown(diagnostic.where)}: " if diagnostic.where else ""
        yield f"error: {where}{shown(diagnostic.line)}"
        if diagnostic.hint:
            yield f"hint: {shown(diagnostic.hint)}"


def command_line() -> str:
    """The command as it was typed, to reproduce a report."""
    return shlex.join(["onnxroof", *sys.argv[1:]])


@contextmanager
def progress_bar() -> Iterator[Progress | None]:
    """Progress on standard error, on a terminal only."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import Progress as Bar

    with Bar(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=None)
        yield lambda label, done, total: bar.update(task, description=label, completed=done, total=total)


def finish(
    analysis: Analysis, format_: str, outputs: tuple[str, ...], *, strict: bool, template: str | None = None
) -> int:
    """Writes what was asked for and says how it ended.

    Returns:
        2 if a model could not be answered, 1 with `strict` if something is guessed or unknown, else 0.
    """
    from onnxroof.report.words import shown
    from onnxroof.report.write import render, write
    from onnxroof.study.result import Failure

    folder = Path(template) if template else None
    for output in outputs:
        write(analysis, Path(output), templates=folder)
    click.echo(render(analysis, format_, templates=folder), nl=False)
    code = 0
    for entry in analysis.models:
        if isinstance(entry, Failure):
            for line in error_lines(entry.error):
                click.echo(line, err=True)
            code = 2
        elif strict:
            for reason in _doubts(entry):
                click.echo(f"strict: {shown(entry.name)}: {shown(reason)}", err=True)
                code = max(code, 1)
    return code


def _doubts(model: ModelResult) -> Iterator[str]:
    """What a strict reader does not accept."""
    for dim in model.dims:
        if dim.source == "default":
            yield f"the dimension `{dim.name}` is guessed as {dim.value}: give it with `-d {dim.name}=INT`"
    for unresolved in model.unresolved:
        yield f"the cost of `{unresolved.node}` ({unresolved.op_type}) is not known: {unresolved.reason}"
    for result in model.targets:
        assumed = {plan.assumed_precision for plan in result.plans if plan.assumed_precision}
        for precision in sorted(assumed):
            yield f"{result.target.id} lacks the model's types: it is evaluated as if converted to {precision}"
