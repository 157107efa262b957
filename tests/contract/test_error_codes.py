"""Every fault that the package can report has a code, every code its paragraph, and every paragraph a fault."""

import ast
import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from onnxroof.cli.codes import PARAGRAPHS
from onnxroof.cli.main import cli
from onnxroof.errors import UsageError

PACKAGE = Path(__file__).resolve().parents[2] / "onnxroof"
MAKERS = {"Diagnostic", "Fault", "_fault"}  # calls that make a fault, beside `SomeError.at`
CODE = re.compile(r"[MTU]\d{3}")


def calls():
    """Every call in the package that makes a fault, with where it is."""
    for path in sorted(PACKAGE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and (_is_maker(node.func) or _is_at(node.func)):
                yield f"{path.relative_to(PACKAGE)}:{node.lineno}", node


def _is_maker(function):
    return isinstance(function, ast.Name) and function.id in MAKERS


def _is_at(function):
    is_at = isinstance(function, ast.Attribute) and function.attr == "at" and isinstance(function.value, ast.Name)
    return is_at and function.value.id.endswith("Error")


def codes():
    """Codes by the place where they are raised; a place that passes on another's code is left out."""
    for where, call in calls():
        given = [keyword.value for keyword in call.keywords if keyword.arg == "code"]
        if given and isinstance(given[0], ast.Constant):
            yield where, given[0].value


def test_every_fault_has_a_code():
    # `_fault(details)` of the target reader translates what another library found.
    without = [
        where
        for where, call in calls()
        if not any(keyword.arg == "code" for keyword in call.keywords)
        and not (where.startswith("targets/faults.py") and isinstance(call.func, ast.Name) and call.func.id == "_fault")
    ]
    assert without == [], "give each a code, and a new kind of fault its paragraph in onnxroof/cli/codes.py"


def test_codes_and_paragraphs_are_the_same():
    raised = dict(map(reversed, codes()))
    assert set(raised) == set(PARAGRAPHS)
    assert all(CODE.fullmatch(code) for code in raised)


def test_a_code_is_of_the_kind_of_its_error():
    letters = {
        "frontend": "MU",
        "targets": "T",
        "report": "U",
        "study": "U",
        "mapping": "U",
        "measure": "M",
        "rewrites": "U",
        "roofline": "U",
        "cli": "U",
    }
    strays = [(where, code) for where, code in codes() if code[0] not in letters[where.split("/")[0]]]
    assert not strays


@pytest.mark.parametrize("code", PARAGRAPHS)
def test_a_paragraph_is_one(code):
    paragraph = PARAGRAPHS[code]
    assert len(paragraph) > 80
    assert paragraph.endswith(".")
    assert "\n" not in paragraph


def test_explain_prints_the_paragraph_of_a_code_in_any_case():
    done = CliRunner().invoke(cli, ["explain", "m203"])
    assert done.exit_code == 0
    assert " ".join(done.output.split()) == f"M203: {PARAGRAPHS['M203']}"


def test_explain_of_an_unknown_code_lists_those_that_exist():
    done = CliRunner().invoke(cli, ["explain", "X1"])
    assert isinstance(done.exception, UsageError)
    (diagnostic,) = done.exception.diagnostics
    assert diagnostic.code == "U302"
    assert "M101" in diagnostic.hint
