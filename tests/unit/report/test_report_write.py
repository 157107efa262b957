"""Files are written whole or not at all."""

import json

import pytest
from oracles.sample_analysis import analysis

from onnxroof.errors import UsageError
from onnxroof.report import write as writing
from onnxroof.report.write import FORMATS, format_of, render, write


@pytest.mark.parametrize(
    ("suffix", "start"), [("html", "<!DOCTYPE html>"), ("json", "{"), ("csv", "model,"), ("md", "###")]
)
def test_the_suffix_decides(tmp_path, suffix, start):
    path = tmp_path / f"result.{suffix}"
    write(analysis(4), path)
    assert path.read_text(encoding="utf-8").startswith(start)
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


def test_every_format_renders():
    assert all(render(analysis(3), name).strip() for name in FORMATS)
    json.loads(render(analysis(3), "json"))


def test_another_suffix_or_format_is_an_error_of_usage(tmp_path):
    with pytest.raises(UsageError, match=r"no format has the suffix `\.pdf`"):
        write(analysis(1), tmp_path / "result.pdf")
    with pytest.raises(UsageError, match="suffix ``"):
        format_of(tmp_path / "result")
    with pytest.raises(UsageError, match="no format `xml`"):
        render(analysis(1), "xml")


def test_a_folder_that_is_not_there_is_an_error_of_usage(tmp_path):
    with pytest.raises(UsageError, match="cannot be written"):
        write(analysis(1), tmp_path / "missing" / "result.md")


def test_a_fault_leaves_the_old_file_whole(tmp_path, monkeypatch):
    path = tmp_path / "result.json"
    path.write_text("old")

    def fail(*_args: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(writing.Path, "replace", fail)
    with pytest.raises(UsageError, match="disk full"):
        write(analysis(1), path)
    assert path.read_text() == "old"
    assert [file.name for file in tmp_path.iterdir()] == ["result.json"]


def test_a_link_keeps_leading_to_its_file(tmp_path):
    real = tmp_path / "real.md"
    real.write_text("old")
    link = tmp_path / "link.md"
    link.symlink_to(real)
    write(analysis(1), link)
    assert link.is_symlink()
    assert real.read_text(encoding="utf-8").startswith("###")


@pytest.mark.parametrize("name", ["json", "html"])
def test_c6_the_counting_rules_are_in_every_report(name):
    text = render(analysis(3), name)
    assert "1 MAC = 2 ops" in text
    assert "counts as one write and one read" in text
    assert "ops / traffic of that level" in text
    assert "in ops/word it is that times the bytes of an element" in " ".join(text.split())
