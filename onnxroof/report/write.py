"""Which formats there are, and writing a result to a file whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from onnxroof.errors import Diagnostic, UsageError

if TYPE_CHECKING:
    from onnxroof.study.result import Analysis

__all__ = ["FORMATS", "format_of", "render", "write", "write_text"]

FORMATS = ("text", "json", "csv", "md", "html")

_SUFFIXES = {".html": "html", ".json": "json", ".csv": "csv", ".md": "md"}


def render(
    analysis: Analysis, format: str, *, templates: Path | None = None, generated: str = "", width: int | None = None
) -> str:
    """The result in one of `FORMATS`; `templates` and `generated` are for the page alone, `width` for the text.

    Raises:
        UsageError: There is no such format, or a template has a fault.
    """
    match format:
        case "text":
            from onnxroof.report.text import to_text

            return to_text(analysis, width)
        case "json":
            from onnxroof.report.json import to_json

            return to_json(analysis)
        case "csv":
            from onnxroof.report.csv import to_csv

            return to_csv(analysis)
        case "md":
            from onnxroof.report.markdown import to_markdown

            return to_markdown(analysis)
        case "html":
            from onnxroof.report.html import to_html

            return to_html(analysis, templates=templates, generated=generated)
    raise UsageError(
        Diagnostic(message=f"there is no format `{format}`", hint=f"one of {', '.join(FORMATS)}", code="U201")
    )


def format_of(path: Path) -> str:
    """The format that a file's suffix asks for.

    Raises:
        UsageError: No format has the suffix.
    """
    format = _SUFFIXES.get(path.suffix.lower())
    if format is None:
        hint = f"end the name in one of {', '.join(_SUFFIXES)}"
        raise UsageError(
            Diagnostic(where=str(path), message=f"no format has the suffix `{path.suffix}`", hint=hint, code="U202")
        )
    return format


def write(analysis: Analysis, path: Path, *, templates: Path | None = None, generated: str = "") -> None:
    """Writes the result in the format of the path's suffix. A file that was there stays whole if anything fails.

    Raises:
        UsageError: No format has the suffix, or the folder cannot be written to.
    """
    format = format_of(path)
    write_text(path, render(analysis, format, templates=templates, generated=generated))


def write_text(path: Path, text: str) -> None:
    """Writes a text. A file that was there stays whole if anything fails.

    Raises:
        UsageError: The folder cannot be written to.
    """
    try:
        _replace(path, text)
    except OSError as error:
        raise UsageError(
            Diagnostic(where=str(path), message=f"cannot be written: {error.strerror or error}", code="U202")
        ) from error


def _replace(path: Path, text: str) -> None:
    """A new file beside the old one, then one step that puts it in its place."""
    if path.exists() and not path.is_file():
        path.write_text(text, encoding="utf-8")  # a device or a pipe has no whole to keep
        return
    whole = path.resolve()  # through a link to the file itself
    temporary = whole.with_name(f".{whole.name}.{os.getpid()}.part")
    try:
        temporary.write_text(text, encoding="utf-8", newline="")
        temporary.replace(whole)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
