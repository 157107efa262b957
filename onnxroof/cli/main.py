"""The entry: which command, and what becomes of errors.

Exit codes: 0 done, 1 the answer is bad, 2 an input is bad, 3 a bug of ours.
"""

from __future__ import annotations

import gc
import os
import sys

import click

from onnxroof import __version__
from onnxroof.cli.analyze import analyze
from onnxroof.cli.annotate import annotate
from onnxroof.cli.common import error_lines
from onnxroof.cli.count import count
from onnxroof.cli.explain import explain
from onnxroof.cli.ops import ops
from onnxroof.cli.strip import strip
from onnxroof.cli.targets import targets
from onnxroof.errors import OnnxroofError

__all__ = ["main", "run"]


class _ReaderGoneError(Exception):
    """Whoever reads our output has closed it."""


class _Commands(click.Group):
    """All commands. A reader that goes is no failure of theirs: click would exit with 1."""

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except BrokenPipeError as fault:
            raise _ReaderGoneError from fault


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="onnxroof")
def cli() -> None:
    """How an ONNX model will run on accelerators, before anything is compiled or bought."""


_INTERRUPTED = 130  # as shells say it: 128 + SIGINT

for command in (analyze, annotate, count, targets, ops, explain, strip):
    cli.add_command(command)


def run() -> None:
    """The entry of the console script: `main`, and then nothing more.

    What was printed has left the process when `main` ends; taking apart what it made would only cost time.
    """
    # numpy's linear algebra is not used here: its threads would cost more to start than a count takes.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    try:
        main()
    except SystemExit as stop:
        sys.stderr.flush()
        os._exit(stop.code if isinstance(stop.code, int) else 0)


def main() -> None:
    """Runs the command line and exits."""
    # Nearly all that is made here lives to the end: looking for garbage often finds none.
    gc.set_threshold(100_000, 50, 50)
    try:
        code = _run()
    except click.Abort:
        print("aborted", file=sys.stderr)
        code = _INTERRUPTED
    except click.ClickException as error:
        error.show()
        code = 2
    except OnnxroofError as error:
        print_error(error)
        code = 2
    except (BrokenPipeError, _ReaderGoneError):
        _discard_output()
        code = 0
    except OSError as error:
        if not error.filename:
            _discard_output()
        print(f"error: {error.filename or 'standard output'}: {error.strerror or error}", file=sys.stderr)
        code = 2
    except Exception:
        sys.excepthook(*sys.exc_info())
        print("this is a bug of onnxroof: please report it with the lines above", file=sys.stderr)
        code = 3
    sys.exit(code)


def _run() -> int:
    """Runs the command of the command line. When it returns, what was printed has left this process."""
    try:
        code = cli.main(prog_name="onnxroof", standalone_mode=False)
    except click.exceptions.Exit as stop:
        code = stop.exit_code
    sys.stdout.flush()
    return code if isinstance(code, int) else 0


def _discard_output() -> None:
    """Sends what stdout still holds nowhere: Python would complain once more when it closes it."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def print_error(error: OnnxroofError) -> None:
    """Writes every diagnostic of an error to stderr."""
    for line in error_lines(error):
        print(line, file=sys.stderr)
