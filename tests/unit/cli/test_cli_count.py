"""`onnxroof count` from arguments to streams and exit codes."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from oracles.tiny import saved

from onnxroof.cli.count import count
from onnxroof.errors import UsageError

MATMUL = "g (float[N,64] x) => (float[N,32] y) <float[64,32] w> { m = MatMul(x, w) y = Relu(m) }"


@pytest.fixture
def model(tmp_path: Path) -> str:
    return str(saved(tmp_path, MATMUL))


def test_json_without_targets(model: str) -> None:
    result = CliRunner().invoke(count, [model, "-d", "N=8", "--format", "json"])
    assert (result.exit_code, result.stderr) == (0, "")
    (entry,) = json.loads(result.stdout)["models"]
    assert "targets" not in entry
    assert entry["totals"]["macs"] == 8 * 64 * 32


def test_csv_has_a_row_for_each_node(model: str) -> None:
    result = CliRunner().invoke(count, [model, "-d", "N=8", "--format", "csv"])
    rows = list(csv.DictReader(io.StringIO(result.stdout)))
    assert [(row["node"], row["macs"], row["vector_ops"]) for row in rows] == [
        ("MatMul_0", str(8 * 64 * 32), "0"),
        ("Relu_1", "0", "256"),
    ]


@pytest.mark.parametrize("format_", ["text", "json", "csv", "md", "html"])
def test_every_format_is_printed(model: str, format_: str) -> None:
    result = CliRunner().invoke(count, [model, "--format", format_])
    assert result.exit_code == 0
    assert "tiny.onnx" in result.stdout
    assert result.stdout.endswith("\n")


def test_guessed_dimensions_are_on_the_first_line_and_refused_if_strict(model: str) -> None:
    result = CliRunner().invoke(count, [model])
    assert "N=1 (default)" in result.stdout.splitlines()[0]
    assert CliRunner().invoke(count, [model, "--strict"]).exit_code == 1
    assert CliRunner().invoke(count, [model, "--strict", "-d", "N=1"]).exit_code == 0


def test_a_count_needs_no_target_options(model: str) -> None:
    result = CliRunner().invoke(count, [model, "-t", "hailo-8"])
    assert result.exit_code == 2
    assert "No such option" in result.stderr


def test_a_precision_is_on_the_first_line_and_in_the_json(model: str) -> None:
    result = CliRunner().invoke(count, [model, "-d", "N=8", "--precision", "w8a16"])
    assert result.stdout.splitlines()[0].endswith("as if exported in w8a16")
    assert "weights of contractions INT8" in result.stdout
    result = CliRunner().invoke(count, [model, "-d", "N=8", "--precision", "w8a16", "--format", "json"])
    (entry,) = json.loads(result.stdout)["models"]
    assert entry["precision"] == "w8a16"
    # 64 * 32 weights of a byte
    assert entry["totals"]["weight_bytes"] == 2_048
    plain = json.loads(CliRunner().invoke(count, [model, "--format", "json"]).stdout)
    assert plain["models"][0]["precision"] == "as-is"


def test_a_precision_that_does_not_exist_is_refused_with_those_that_do(model: str) -> None:
    with pytest.raises(UsageError, match="no such policy") as caught:
        CliRunner().invoke(count, [model, "--precision", "w5"], catch_exceptions=False)
    assert "w4a16" in caught.value.diagnostics[0].hint


def test_formulas_as_text_and_as_json(model: str) -> None:
    lines = CliRunner().invoke(count, [model, "--formula"]).stdout.splitlines()
    # 64 * 32 MACs, 64 floats in and twice 32 of 4 bytes out and in again; 64 * 32 weights
    assert "  MACs = 2048*N" in lines
    assert "  bytes read = 384*N + 8192" in lines
    result = CliRunner().invoke(count, [model, "--formula", "--format", "json"])
    (entry,) = json.loads(result.stdout)["models"]
    found = entry["formulas"]
    assert found["dims"] == [{"name": "N", "tied": []}]
    assert found["read_bytes"]["text"] == "384*N + 8192"
    assert found["read_bytes"]["terms"] == [
        {"coefficient": "384", "powers": {"N": 1}},
        {"coefficient": "8192", "powers": {}},
    ]
    assert found["read_bytes"]["range"] == {"N": {"least": 1, "most": 202, "step": 1}}
    plain = json.loads(CliRunner().invoke(count, [model, "--format", "json"]).stdout)
    assert "formulas" not in plain["models"][0]


def test_formulas_are_refused_where_they_would_be_lost(model: str, tmp_path: Path) -> None:
    arguments = [model, "--formula", "--format", "csv", "-o", str(tmp_path / "x.html"), "-o", str(tmp_path / "x.json")]
    with pytest.raises(UsageError, match="text or JSON") as caught:
        CliRunner().invoke(count, arguments, catch_exceptions=False)
    assert [fault.where for fault in caught.value.diagnostics] == [f"-o {tmp_path / 'x.html'}", "--format csv"]
