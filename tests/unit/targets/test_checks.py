"""The table of what a target runs: read, checked, extended, compared and laid out."""

from __future__ import annotations

import pytest

from onnxroof.dtypes import DType
from onnxroof.errors import TargetError
from onnxroof.targets.diff import differences
from onnxroof.targets.format import format_text
from onnxroof.targets.model import Target
from onnxroof.targets.read import read_target_text

HEAD = """schema = 1
id = "x"
name = "X"
extends = "peak=1TOP/s:INT8,dram=1GB/s"

[sources.doc]
title = "documentation"
kind = "vendor"
"""
SUPPORT = """
[support]
compiler = "C 1"
source = "doc"
where = "table 3"
operators = ["Conv", "com.microsoft:FusedConv"]
constant_weights = ["Conv"]
types = ["INT8"]
largest_rank = 4
cut = "first"
unchecked = "strides"
"""
LINK = '\n[chip]\nhost_link = { value = 2, unit = "GB/s", source = "doc" }\n'


def read(text: str) -> Target:
    return read_target_text(HEAD + text, "x.toml")


def faults(text: str) -> list[str]:
    with pytest.raises(TargetError) as caught:
        read(text)
    return [f"{fault.where}: {fault.line}" for fault in caught.value.diagnostics]


def test_the_table_is_read_with_its_source() -> None:
    target = read(LINK + SUPPORT)
    support = target.support
    assert support is not None
    assert (support.compiler, support.source.title, support.where) == ("C 1", "documentation", "table 3")
    assert support.operators == {"Conv", "com.microsoft:FusedConv"}
    assert (support.constant_weights, support.types) == ({"Conv"}, {DType.INT8})
    assert (support.largest_rank, support.cut, support.unchecked) == (4, "first", "strides")
    assert target.host_link is not None
    assert target.host_link.value == 2e9


def test_without_the_table_nothing_is_known() -> None:
    assert read("").support is None
    assert read("").layout is None


def test_the_layout_that_it_wants() -> None:
    text = '[layout]\nsource = "doc"\nwhere = "table 4"\nchannel_multiple = 16\n'
    layout = read(text).layout
    assert layout is not None
    assert (layout.channel_multiple, layout.channels_last) == (16, False)
    assert (layout.source.title, layout.where) == ("documentation", "table 4")
    assert [d.key for d in differences(read(text), read(text.replace("16", "32")))] == ["layout.channel_multiple"]
    assert any("channel_multiple" in fault for fault in faults(text.replace("16", "0")))
    assert any("`nowhere` is not defined" in fault for fault in faults(text.replace('"doc"', '"nowhere"')))


@pytest.mark.parametrize(
    ("before", "after", "line", "words"),
    [
        ('source = "doc"', 'source = "dok"', 12, "`dok` is not defined under [sources]"),
        ('"Conv", "com', '"conv", "com', 14, "operators"),
        ('constant_weights = ["Conv"]', 'constant_weights = ["Cnov"]', 15, "expected one of `operators`, found `Cnov`"),
        ('["INT8"]', '["INT9"]', 16, "INT9"),
        ("largest_rank = 4", "largest_rank = 0", 17, "largest_rank"),
        ('cut = "first"', 'cut = "last"', 18, "cut"),
    ],
)
def test_faults_stand_on_their_lines(before: str, after: str, line: int, words: str) -> None:
    assert before in SUPPORT
    found = faults(SUPPORT.replace(before, after))
    assert any(fault.startswith(f"x.toml:{line}: ") and words in fault for fault in found), found


def test_a_file_that_extends_changes_single_keys(tmp_path: pytest.TempPathFactory) -> None:
    (tmp_path / "x.toml").write_text(HEAD + SUPPORT, encoding="utf-8")  # type: ignore[operator]
    own = 'schema = 1\nid = "y"\nname = "Y"\nextends = "x.toml"\n\n[support]\nlargest_rank = 6\n'
    changed = read_target_text(own, str(tmp_path / "y.toml"))  # type: ignore[operator]
    assert [d.key for d in differences(read(SUPPORT), changed)] == ["support.largest_rank"]


def test_a_long_list_is_broken_into_lines_and_keeps_its_values() -> None:
    names = [f"Operator{index}" for index in range(40)]
    text = HEAD + SUPPORT.replace('["Conv", "com.microsoft:FusedConv"]', str(names).replace("'", '"'))
    text = text.replace('constant_weights = ["Conv"]\n', "")
    once = format_text(text)
    assert max(map(len, once.splitlines())) <= 120
    assert format_text(once) == once
    support = read_target_text(once, "x.toml").support
    assert support is not None
    assert support.operators == set(names)
