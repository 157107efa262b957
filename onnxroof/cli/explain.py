"""`onnxroof explain CODE`: what does the code behind an error mean, and what can be done?"""

from __future__ import annotations

import click

__all__ = ["explain"]


@click.command()
@click.argument("code", metavar="CODE")
def explain(code: str) -> None:
    """Explain the code that stands behind an error, such as M201."""
    from onnxroof.cli.codes import PARAGRAPHS

    paragraph = PARAGRAPHS.get(code.upper())
    if paragraph is None:
        from onnxroof.errors import UsageError

        raise UsageError.at(
            "", f"no error has the code `{code}`", f"the codes are {', '.join(PARAGRAPHS)}", code="U302"
        )
    click.echo(click.wrap_text(f"{code.upper()}: {paragraph}", width=100))
