"""What the options that commands share mean, and how an answer is handed over."""

from __future__ import annotations

from pathlib import Path

import pytest
from oracles.tiny import saved, target

from onnxroof.cli.common import check_outputs, command_line, error_lines, finish, parse_dims
from onnxroof.errors import Diagnostic, ModelError, UsageError
from onnxroof.study.analyze import run_study
from onnxroof.study.result import Analysis

RELU = "g (float[N,8] x) => (float[N,8] y) { y = Relu(x) }"
UNKNOWN = "g (float[8] x) => (float[8] y) { y = my.domain.Foo(x) }"


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        ((), {}),
        (("batch=8", "sequence=0"), {"batch": 8, "sequence": 0}),
        (("past_sequence + sequence=12",), {"past_sequence + sequence": 12}),
        (("a=b=3",), {"a=b": 3}),  # the value is behind the last sign
        (("decode.trips=7",), {"decode.trips": 7}),
        (("batch=8", "batch=8"), {"batch": 8}),
    ],
)
def test_dimensions_are_read(texts: tuple[str, ...], expected: dict[str, int]) -> None:
    assert parse_dims(texts) == expected


def test_all_faults_of_dimensions_are_told_at_once() -> None:
    with pytest.raises(UsageError) as wrong:
        parse_dims(("batch", "batch=", "=8", "batch=x", "batch=-1", "batch=1.5", "ok=1", "ok=2"))
    faults = wrong.value.diagnostics
    assert [fault.where for fault in faults] == [
        "-d batch", "-d batch=", "-d =8", "-d batch=x", "-d batch=-1", "-d batch=1.5", "-d ok=2",
    ]  # fmt: skip
    assert faults[-1].message == "`ok` was already given as 1"


def test_outputs_are_refused_before_any_work_all_at_once() -> None:
    check_outputs(("report.html", "a.JSON", "b.csv", "c.md"))
    with pytest.raises(UsageError) as wrong:
        check_outputs(("a.pdf", "b.json", "c", ""))
    assert len(wrong.value.diagnostics) == 3


def test_the_command_line_can_be_pasted_into_a_shell(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["somewhere/onnxroof", "analyze", "my model.onnx", "-d", "a b=3"])
    assert command_line() == "onnxroof analyze 'my model.onnx' -d 'a b=3'"


def test_errors_show_what_names_hide() -> None:
    error = ModelError(
        Diagnostic(where="\x1b[31mred.onnx", message="node `a\nb` is bad", hint="rename it"),
        Diagnostic(message="and that"),
    )
    assert list(error_lines(error)) == [
        "error: \\x1b[31mred.onnx: node `a\\nb` is bad",
        "hint: rename it",
        "error: and that",
    ]


# -- how it ends --------------------------------------------------------------------------------------------------


def count(tmp_path: Path, *texts: str, **dims: int) -> Analysis:
    paths = [
        saved(tmp_path, text, f"{index}.onnx") if text else tmp_path / "absent.onnx" for index, text in enumerate(texts)
    ]
    return run_study(paths, None, dims=dims)


@pytest.mark.parametrize(
    ("texts", "dims", "strict", "code", "said"),
    [
        ((RELU,), {}, False, 0, ""),
        ((RELU,), {}, True, 1, "strict: 0.onnx: the dimension `N` is guessed as 1: give it with `-d N=INT`"),
        ((RELU,), {"N": 1}, True, 0, ""),
        ((UNKNOWN,), {}, False, 0, ""),
        ((UNKNOWN,), {}, True, 1, "strict: 0.onnx: the cost of `Foo_0` (Foo) is not known"),
        ((RELU, ""), {}, False, 2, "absent.onnx: there is no such file"),
        ((RELU, ""), {}, True, 2, "absent.onnx: there is no such file"),
    ],
)
def test_the_exit_code_and_what_is_said(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    texts: tuple[str, ...],
    dims: dict[str, int],
    strict: bool,
    code: int,
    said: str,
) -> None:
    analysis = count(tmp_path, *texts, **dims)
    assert finish(analysis, "csv", (), strict=strict) == code
    streams = capsys.readouterr()
    assert said in streams.err
    assert bool(streams.err) is bool(said)
    assert streams.out.startswith("model,node")  # data alone


LACKING = """
[[engine]]
name = "matrix"
runs = ["mac", "vector"]
[[engine.peak]]
input = "INT8"
accumulate = "INT32"
[[memory]]
level = "sram"
"""


def test_an_assumed_precision_is_no_answer_for_a_strict_reader(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = saved(tmp_path, "g (float[8,8] x) => (float[8,8] y) { y = MatMul(x, x) }")
    analysis = run_study([path], [target(LACKING, name="byte-chip")])
    assert finish(analysis, "csv", (), strict=True) == 1
    said = capsys.readouterr().err
    assert said.count("byte-chip lacks the model's types: it is evaluated as if converted to INT8") == 1
    assert finish(analysis, "csv", (), strict=False) == 0


def test_files_are_written_beside_what_is_printed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    analysis = count(tmp_path, RELU)
    outputs = tuple(str(tmp_path / f"report.{suffix}") for suffix in ("json", "csv", "md", "html"))
    assert finish(analysis, "json", outputs, strict=False) == 0
    printed = capsys.readouterr().out
    assert Path(outputs[0]).read_text(encoding="utf-8") == printed
    assert all(Path(output).stat().st_size > 100 for output in outputs)


def test_a_file_that_cannot_be_written_is_told_and_nothing_is_printed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    analysis = count(tmp_path, RELU)
    with pytest.raises(UsageError, match="cannot be written"):
        finish(analysis, "text", (str(tmp_path / "no" / "such" / "folder.json"),), strict=False)
    assert capsys.readouterr().out == ""
