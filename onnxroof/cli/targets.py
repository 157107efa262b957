"""`onnxroof targets`: which targets there are, what is known of one, and how target files are written."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

__all__ = ["targets"]

_COLUMNS = ("id", "name", "vendor", "class", "peak", "bandwidth", "capacity", "power")
_FORMAT = click.option(
    "--format",
    "output_format",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="What to print to stdout.",
)


@click.group()
def targets() -> None:
    """List, show, compare, check and format accelerators."""


@targets.command(name="list")
@click.argument("words", metavar="[TEXT]...", nargs=-1)
@click.option(
    "--class", "classes", multiple=True, metavar="TEXT",
    help="Only classes in which this occurs: NPU, edge, ... May be repeated: any of them.",
)  # fmt: skip
@click.option("--vendor", "vendors", multiple=True, metavar="TEXT", help="Only of these vendors. May be repeated.")
@click.option(
    "--sort", "column", type=click.Choice(_COLUMNS), default="id", show_default=True,
    help="Column to sort by: numbers from the largest, what is unknown last.",
)  # fmt: skip
@_FORMAT
def list_targets(
    words: tuple[str, ...], classes: tuple[str, ...], vendors: tuple[str, ...], column: str, output_format: str
) -> None:
    """List the targets that come with onnxroof.

    With TEXT only those in whose id, name, vendor or class every TEXT occurs. peak is the fastest dense one; bandwidth
    and capacity are those of the outermost memory, power is the cap. A mode is chosen behind an @: jetson-nano@5w.
    """
    from onnxroof.cli.target_list import list_json, ordered, print_list, selected
    from onnxroof.targets.catalog import load_target, target_ids

    found = selected(map(load_target, target_ids()), words=words, classes=classes, vendors=vendors)
    rows = ordered(found, column)
    if output_format == "json":
        click.echo(json.dumps(list_json(rows), indent=2, ensure_ascii=False))
    elif rows:
        print_list(rows)
    else:
        click.echo("no target has all of that", err=True)


def _complete_id(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    from click.shell_completion import CompletionItem

    from onnxroof.targets.catalog import load_target, target_ids

    base = incomplete.partition("@")[0]
    ids = [target_id for target_id in target_ids() if target_id.startswith(incomplete)]
    if "@" in incomplete and base in target_ids():
        ids = [f"{base}@{mode}" for mode in load_target(base).modes]
    return [CompletionItem(target_id) for target_id in ids if target_id.startswith(incomplete)]


@targets.command()
@click.argument("target_id", metavar="ID", shell_complete=_complete_id)
@_FORMAT
def show(target_id: str, output_format: str) -> None:
    """Show what is known of a target, and from where, with its roofs.

    ID is an id of the list, a target file, or a description in a line such as
    peak=8TOP/s:INT8,dram=68GB/s,sram=4MiB@1TB/s. Behind an @ stands a power mode: jetson-nano@5w.
    """
    from onnxroof.targets.catalog import load_target

    target = load_target(target_id)
    from onnxroof.cli.target_view import print_target, target_json

    if output_format == "json":
        click.echo(json.dumps(target_json(target), indent=2, ensure_ascii=False))
    else:
        print_target(target)


@targets.command()
@click.argument("files", metavar="FILE...", nargs=-1, required=True, type=click.Path())
def check(files: tuple[str, ...]) -> None:
    """Check target files: one fault a line, all faults of all files; exit code 2 if there is any.

    Files without faults are also read for what is sound but implausible: a warning a line, no change of the exit code.
    """
    from pathlib import Path

    from onnxroof.errors import TargetError
    from onnxroof.targets.read import read_with_warnings

    faults = warnings = 0
    for file in files:
        try:
            _, doubts = read_with_warnings(Path(file))
            for doubt in doubts:
                key, _, message = doubt.line.partition(": ")
                click.echo(f"{doubt.where}: {key}: warning: {message} ({doubt.hint})")
            warnings += len(doubts)
        except TargetError as error:
            for diagnostic in error.diagnostics:
                hint = f" ({diagnostic.hint})" if diagnostic.hint else ""
                click.echo(f"{diagnostic.where}: {diagnostic.line}{hint}")
            faults += len(error.diagnostics)
    found = [_counted(len(files), "file"), _counted(faults, "fault") if faults else "no faults"]
    click.echo(", ".join([*found, *([_counted(warnings, "warning")] if warnings else [])]), err=True)
    if faults:
        sys.exit(2)


@targets.command(name="format")
@click.argument("files", metavar="FILE...", nargs=-1, required=True, type=click.Path())
@click.option("--check", "only_check", is_flag=True, help="Write nothing; exit code 1 if a file is not in this form.")
@click.pass_context
def format_files(context: click.Context, files: tuple[str, ...], only_check: bool) -> None:
    """Rewrite target files with keys in canonical order and even spacing; comments stay. Prints what has changed.

    A file with faults is left as it is, and they are told.
    """
    from pathlib import Path

    from onnxroof.errors import OnnxroofError, TargetError, UsageError
    from onnxroof.targets.format import format_text
    from onnxroof.targets.read import read_target

    errors: list[OnnxroofError] = []
    changed = 0
    for file in files:
        path = Path(file)
        try:
            read_target(path)
            before = path.read_bytes()
            after = format_text(before.decode("utf-8")).encode("utf-8")
            if after != before:
                if not only_check:
                    path.write_bytes(after)
                click.echo(file)
                changed += 1
        except TargetError as error:
            errors.append(error)
        except OSError as error:
            errors.append(UsageError.at(file, f"cannot write the file: {error.strerror}", code="U202"))
    if errors:
        raise OnnxroofError.joined(errors)
    context.exit(1 if only_check and changed else 0)


@targets.command(name="import")
@click.argument("file", metavar="FILE", type=click.Path())
@click.option("-o", "output", metavar="FILE.toml", type=click.Path(), help="Where to write the target; else to stdout.")
@click.option("--clock", metavar="FREQUENCY", help="What a cycle is worth, such as 1GHz: these files count in cycles.")
def import_file(file: str, output: str | None, clock: str | None) -> None:
    """Make a target of a hardware description of ZigZag, Stream or Timeloop (YAML).

    What could not be carried over is listed, and stands at the top of the target. Needs `pip install
    'onnxroof[import]'`.
    """
    from pathlib import Path

    from onnxroof.report.write import write_text
    from onnxroof.targets.importers.read import import_target

    found = import_target(Path(file), None if clock is None else _hertz(clock))
    for note in found.notes:
        click.echo(f"not carried over: {note}", err=True)
    if output is None:
        click.echo(found.text, nl=False)
    else:
        write_text(Path(output), found.text)


@targets.command()
def schema() -> None:
    """Print the format of target files as a JSON Schema.

    With `onnxroof targets schema > target.schema.json` and the line `#:schema target.schema.json` at the top of a
    file, editors that know TOML complete its keys and check them.
    """
    from onnxroof.targets.schema import json_schema

    click.echo(json.dumps(json_schema(), indent=2))


@targets.command()
@click.argument("first", metavar="A", shell_complete=_complete_id)
@click.argument("second", metavar="B", shell_complete=_complete_id)
@_FORMAT
def diff(first: str, second: str, output_format: str) -> None:
    """Show in what targets A and B differ: ids, files or descriptions in a line. ratio is B over A."""
    from onnxroof.cli.target_view import differences_json, print_differences
    from onnxroof.targets.catalog import load_target

    a, b = load_target(first), load_target(second)
    if output_format == "json":
        click.echo(json.dumps(differences_json(a, b), indent=2, ensure_ascii=False))
    else:
        print_differences(a, b)


def _hertz(text: str) -> float:
    """A frequency such as `1GHz`; raises `UsageError` where it is none."""
    import re

    from onnxroof.errors import UsageError
    from onnxroof.units import Dimension, UnitError, parse

    match = re.fullmatch(r"(\d+(?:\.\d*)?(?:[eE][+-]?\d+)?)\s*(\S+)", text.strip(), re.ASCII)
    try:
        hertz = parse(float(match[1]), match[2], Dimension.FREQUENCY) if match else 0.0
    except UnitError as error:
        raise UsageError.at(f"--clock {text}", error.message, error.hint, code="U201") from None
    if hertz <= 0:
        raise UsageError.at(f"--clock {text}", "expected a frequency with its unit", "e.g. `--clock 1GHz`", code="U201")
    return hertz


def _counted(number: int, word: str) -> str:
    return f"{number} {word}{'s' if number != 1 else ''}"
