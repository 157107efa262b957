"""The report page: one file that loads nothing, whose style and script are named by hash in its content policy."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, TemplateError
from markupsafe import Markup

from onnxroof._resources import resource_folder
from onnxroof.errors import Diagnostic, UsageError
from onnxroof.report.model_view import page_view
from onnxroof.study.result import Analysis

__all__ = ["summary_fragment", "to_html"]


def to_html(analysis: Analysis, *, generated: str = "", templates: Path | None = None) -> str:
    """The page. The same arguments give the same bytes.

    Args:
        analysis: The result.
        generated: When, for the foot of the page, or "".
        templates: Folder whose files replace ours of the same name.

    Raises:
        UsageError: There is no such folder, or a template of it has a fault.
    """
    if templates is not None and not templates.is_dir():
        raise UsageError(Diagnostic(where=str(templates), message="there is no such folder of templates", code="U203"))
    environment = _environment(templates)
    try:
        style, script = _source(environment, "report.css"), _source(environment, "report.js")
        page = environment.get_template("analysis.html.j2")
        return page.render(
            page=page_view(analysis, generated=generated),
            style=Markup(style),
            script=Markup(script),
            policy=Markup(_policy(style, script)),
        )
    except TemplateError as fault:
        if templates is None:
            raise
        line = getattr(fault, "lineno", None)
        where = f"{templates}/{getattr(fault, 'name', None) or ''}" + (f":{line}" if line else "")
        raise UsageError.at(where, f"the template cannot be rendered: {fault.message or fault}", code="U203") from fault


def summary_fragment(analysis: Analysis) -> str:
    """The answers and the comparison of targets as bare HTML, for a notebook that has a style of its own."""
    return _environment(None).get_template("fragment.html.j2").render(page=page_view(analysis))


def _environment(templates: Path | None) -> Environment:
    folders = [*([templates] if templates else []), resource_folder("templates")]
    environment = Environment(
        loader=FileSystemLoader(folders),
        autoescape=True,  # stated: the default is off, and `select_autoescape` passes over `.html.j2`
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.policies["json.dumps_kwargs"] = {"separators": (",", ":"), "allow_nan": False}
    return environment


def _source(environment: Environment, name: str) -> str:
    """A file as it stands: the style and the script are no templates."""
    loader = environment.loader
    if loader is None:
        raise FileNotFoundError(name)
    return loader.get_source(environment, name)[0]


def _policy(style: str, script: str) -> str:
    """Nothing may be loaded, run or sent but the one style and the one script."""
    return (
        f"default-src 'none'; style-src '{_hash(style)}'; script-src '{_hash(script)}'; "
        "img-src data:; base-uri 'none'; form-action 'none'"
    )


def _hash(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"
