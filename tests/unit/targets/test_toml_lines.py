"""Places in TOML: every form of key and value, and random documents whose lines are known by construction."""

from __future__ import annotations

import tomllib

from hypothesis import given
from hypothesis import strategies as st

from onnxroof.targets.toml_lines import KeyPath, key_lines, line_of

DOCUMENT = """\
# comment with = and [brackets]
top = 1
"quoted key" = "a # b" # and a comment
dotted.inner.leaf = true

[table]
text = '''
[not.a.table]
x = 1
'''
escaped = \"\"\"a \\\"\"\" b
\"\"\"
numbers = [
  1, # one
  { value = 2, unit = "x" },
  [3,
   4],
]
date = 1979-05-27T07:32:00Z

[[engine]]
name = "first"
array = { m = 1, nested = { k = 2 } }

[[engine.peak]]
input = 'INT8'

  [[engine.peak]]
  input = "FLOAT"

[engine.extra]
note = ""

[[engine]]
name = "second"

[[engine.peak]]
input = "INT4"
"""


def test_every_form_of_key() -> None:
    tomllib.loads(DOCUMENT)  # the document is TOML
    lines = key_lines(DOCUMENT)
    text = DOCUMENT.splitlines()
    expected: dict[KeyPath, str] = {
        ("top",): "top = 1",
        ("quoted key",): '"quoted key" = "a # b" # and a comment',
        ("dotted", "inner", "leaf"): "dotted.inner.leaf = true",
        ("table",): "[table]",
        ("table", "text"): "text = '''",
        ("table", "numbers"): "numbers = [",
        ("table", "numbers", 0): "  1, # one",
        ("table", "numbers", 1, "unit"): '  { value = 2, unit = "x" },',
        ("table", "numbers", 2, 1): "   4],",
        ("table", "date"): "date = 1979-05-27T07:32:00Z",
        ("engine", 0, "array", "nested", "k"): "array = { m = 1, nested = { k = 2 } }",
        ("engine", 0, "peak", 0, "input"): "input = 'INT8'",
        ("engine", 0, "peak", 1, "input"): '  input = "FLOAT"',
        ("engine", 0, "extra", "note"): 'note = ""',
        ("engine", 1, "name"): 'name = "second"',
        ("engine", 1, "peak", 0, "input"): 'input = "INT4"',
    }
    assert {path: text[lines[path] - 1] for path in expected} == expected
    assert ("table", "x") not in lines  # it is inside a string


def test_a_missing_key_stands_where_its_table_does() -> None:
    lines = {("engine",): 3, ("engine", 0): 3, ("engine", 0, "name"): 4}
    assert line_of(("engine", 0, "runs"), lines) == 3
    assert line_of(("engine", 0, "name"), lines) == 4
    assert line_of(("vendor",), lines) == 1


NAMES = st.sampled_from(["a", "b", "key", "1", "x-y"])
VALUES = st.sampled_from(["1", '"#"', "[1, 2]", "{ u = 1 }", "'''\nx = 1\n'''", '"""\\"\n\n"""', "true", "[\n[],\n]"])


@st.composite
def documents(draw: st.DrawFn) -> tuple[str, dict[KeyPath, int]]:
    """Tables of keys, written line by line, so that the lines are known."""
    text: list[str] = []
    lines: dict[KeyPath, int] = {}
    for index in range(draw(st.integers(1, 4))):
        text += [""] * draw(st.integers(0, 2)) + ["[[t]] # comment"]
        lines["t", index] = len(text)
        for name in draw(st.lists(NAMES, unique=True)):
            lines["t", index, name] = len(text) + 1
            text += f"{name} = {draw(VALUES)}".split("\n")
    return "\n".join(text) + "\n", lines


@given(documents())
def test_random_documents(document: tuple[str, dict[KeyPath, int]]) -> None:
    text, lines = document
    tomllib.loads(text)
    found = key_lines(text)
    assert {path: found[path] for path in lines} == lines
    assert key_lines(text.replace("\n", "\r\n")) == found
