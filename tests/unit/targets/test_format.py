"""Target files in canonical form: order, spacing, comments, and that nothing of what they say changes."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from onnxroof.targets.format import format_text

ROOT = Path(__file__).parents[3]
FILES = sorted((ROOT / "hwdb").glob("*.toml"))

MESSY = """\
# Of the whole file.

name = "Mine"

# schema, version one
schema=1\x20
chip.cores   =  2
class = "CPU"
id = "m"

[[memory]]   # the outermost
capacity={unit='GB',value = 8,source="s"}
level = "dram"
# Not known:
# its energy.

[ sources . s ]
kind = "vendor"
title = "A # sheet"  #  read twice
[[engine]]
runs = [
  "mac",
  "vector",
]
name = "x"
[[engine.peak]]
rate = { source = "s", value = 1.50, unit = "TOP/s" }

input = "INT8"
# In lanes.
[engine.special_cost]
EXP = 0x10
"DIV" = 4
"""

TIDY = """\
# Of the whole file.

# schema, version one
schema = 1
id = "m"
name = "Mine"
class = "CPU"
chip.cores = 2

[sources.s]
title = "A # sheet"  #  read twice
kind = "vendor"

[[engine]]
name = "x"
runs = ["mac", "vector"]

# In lanes.
[engine.special_cost]
EXP = 0x10
"DIV" = 4

[[engine.peak]]
input = "INT8"
rate = { value = 1.50, unit = "TOP/s", source = "s" }

[[memory]]  # the outermost
level = "dram"
capacity = { value = 8, unit = 'GB', source = "s" }
# Not known:
# its energy.
"""


def test_a_messy_file() -> None:
    assert tomllib.loads(MESSY) == tomllib.loads(TIDY)
    assert format_text(MESSY) == TIDY
    assert format_text(TIDY) == TIDY


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_the_catalogue_is_in_this_form(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert format_text(text) == text, "`onnxroof targets format hwdb/*.toml` does it"


def test_the_example_with_its_many_comments() -> None:
    text = (ROOT / "tests" / "data" / "example-npu-16.toml").read_text(encoding="utf-8")
    once = format_text(text)
    assert once != text
    assert format_text(once) == once
    assert tomllib.loads(once) == tomllib.loads(text)
    assert once.count("#") == text.count("#")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("schema = 1", "schema = 1\n"),
        ("\n\n\nschema = 1\n\n\n", "schema = 1\n"),
        ("\ufeffschema = 1\r\nid = 'a'\r\n", "schema = 1\nid = 'a'\n"),
        ("# about the key\nschema = 1\n", "# about the key\nschema = 1\n"),
        ("# about the file\n\nschema = 1\n# the end", "# about the file\n\nschema = 1\n# the end\n"),
        ("# about the file\n\n# about the table\n[chip]\n", "# about the file\n\n# about the table\n[chip]\n"),
        ("id = 'a'\n# of the top\n\n[chip]\n", "id = 'a'\n# of the top\n\n[chip]\n"),
        ("id = 'a'\n# of the table\n[chip]\n", "id = 'a'\n\n# of the table\n[chip]\n"),
        ("name = '''a\n# no comment\n'''  # one\n", "name = '''a\n# no comment\n'''  # one\n"),
        ("x = [ # kept\n   1,\n 2 ]\n", "x = [ # kept\n   1,\n 2 ]\n"),
        ("x = [ [ ] , { } , { a . b = 1 } ]\n", "x = [[], {}, { a.b = 1 }]\n"),
        ('x = "a#b" # c\n', 'x = "a#b"  # c\n'),
        ("z = 1\ny = 2\nid = 'a'\n", "id = 'a'\nz = 1\ny = 2\n"),
    ],
)
def test_small_texts(text: str, expected: str) -> None:
    assert format_text(text) == expected
    assert format_text(expected) == expected
