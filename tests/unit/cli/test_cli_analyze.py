"""`onnxroof analyze` from arguments to streams, files and exit codes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from oracles.tiny import saved

from onnxroof.cli.analyze import analyze
from onnxroof.errors import OnnxroofError, TargetError, UsageError

MATMUL = "g (float[N,64] x) => (float[N,64] y) <float[64,64] w> { m = MatMul(x, w) y = Relu(m) }"

CHIP = """schema = 1
id = "chip"
name = "Chip"
class = "academic"
[sources.made]
title = "made up"
kind = "vendor"
[[engine]]
name = "all"
runs = ["mac", "vector", "special"]
[[engine.peak]]
input = "FLOAT"
accumulate = "FLOAT"
rate = { value = 1, unit = "GFLOP/s", source = "made" }
[[engine.peak]]
input = "TF32"
accumulate = "FLOAT"
rate = { value = 4, unit = "GFLOP/s", source = "made" }
[[memory]]
level = "dram"
bandwidth = { value = 1, unit = "GB/s", source = "made" }
"""


@pytest.fixture
def files(tmp_path: Path) -> tuple[str, str]:
    chip = tmp_path / "chip.toml"
    chip.write_text(CHIP)
    return str(saved(tmp_path, MATMUL)), str(chip)


def run(*arguments: str) -> Result:
    """Standalone click, errors of ours raised: `main` gives them their exit code."""
    result = CliRunner().invoke(analyze, arguments)
    if isinstance(result.exception, OnnxroofError):
        raise result.exception
    return result


def document(*arguments: str) -> Any:
    result = run(*arguments, "--format", "json")
    assert result.exit_code == 0
    assert result.stderr == ""
    return json.loads(result.stdout)


def test_a_target_of_a_file_and_one_by_id(files: tuple[str, str]) -> None:
    model, chip = files
    (entry,) = document(model, "-t", chip, "-t", "raspberry-pi-5", "-d", "N=64")["models"]
    assert [target["target"] for target in entry["targets"]] == ["chip", "raspberry-pi-5"]
    assert entry["dims"] == {"N": {"value": 64, "source": "given"}}
    assert [plan["fusion"] for plan in entry["targets"][0]["plans"]] == ["none", "epilogue", "depth-first", "auto"]


def test_without_a_target_the_shelf_of_eight(files: tuple[str, str]) -> None:
    (entry,) = document(files[0])["models"]
    assert len({target["target"] for target in entry["targets"]}) == 8


def test_fusion_and_objective(files: tuple[str, str]) -> None:
    model, chip = files
    found = document(model, "-t", chip, "--fusion", "none", "--objective", "energy")
    (target,) = found["models"][0]["targets"]
    assert (found["objective"], found["fusion"]) == ("energy", "none")
    assert [plan["fusion"] for plan in target["plans"]] == ["none"]
    assert target["best_plan"] == "none"
    assert target["plans"][0]["energy_j"] is None  # the chip states none: by traffic, and the metric is null
    assert document(model, "-t", chip, "--objective", "energy")["models"][0]["targets"][0]["best_plan"] == "epilogue"


def test_tf32_can_be_forbidden(files: tuple[str, str]) -> None:
    model, chip = files
    floors = [
        document(model, "-t", chip, "-d", "N=64", *more)["models"][0]["targets"][0]["floor_latency_s"]
        for more in ((), ("--no-tf32",))
    ]
    # 524,288 operations of MACs at 4 or 1 GFLOP/s, 4,096 others at 1 GFLOP/s
    assert floors == pytest.approx([524_288 / 4e9 + 4_096e-9, 524_288 / 1e9 + 4_096e-9])


def test_caches_are_copied_on_demand(tmp_path: Path, files: tuple[str, str]) -> None:
    text = "g (float[64,64] p, float[1,64] x) => (float[65,64] q) { k = Exp(x) q = Concat <axis = 0> (p, k) }"
    model = str(saved(tmp_path, text, "cache.onnx"))
    moved = [
        document(model, "-t", files[1], *more)["models"][0]["nodes"][1]["write_bytes"] for more in ((), ("--kv-copy",))
    ]
    assert moved == [256, 65 * 256]


def test_text_by_default_also_beside_a_file(tmp_path: Path, files: tuple[str, str]) -> None:
    model, chip = files
    output = tmp_path / "result.json"
    result = run(model, "-t", chip, "-o", str(output), "-o", str(tmp_path / "again.json"))
    assert result.stdout.startswith("tiny.onnx: coverage 100 %")
    assert "N=1 (default)" in result.stdout.splitlines()[0]
    assert json.loads(output.read_text())["schema_version"] == "1"
    assert (tmp_path / "again.json").read_text() == output.read_text()


def test_the_first_sentence_says_what_was_assumed(tmp_path: Path, files: tuple[str, str]) -> None:
    byte_chip = tmp_path / "bytes.toml"
    byte_chip.write_text(CHIP.replace('"FLOAT"', '"INT8"').replace('"TF32"', '"INT16"').replace("FLOP", "OP"))
    result = run(files[0], "-t", str(byte_chip), "-d", "N=1", "--strict")
    assert result.exit_code == 1
    assert "INT16" in result.stdout.split(".")[1] + result.stdout.splitlines()[0]
    assert "as if converted to INT16" in result.stderr


def test_templates_of_a_folder_that_is_not_there(tmp_path: Path, files: tuple[str, str]) -> None:
    model, chip = files
    with pytest.raises(UsageError):
        run(model, "-t", chip, "-o", str(tmp_path / "a.html"), "--template", str(tmp_path / "absent"))
    assert not (tmp_path / "a.html").exists()


def test_bad_targets_and_policies_are_errors_of_the_user(files: tuple[str, str]) -> None:
    with pytest.raises(TargetError) as wrong:
        run(files[0], "-t", "nvidia-h1000", "-t", "nothing-like-it-at-all")
    assert len(wrong.value.diagnostics) == 2
    with pytest.raises(UsageError):
        run(files[0], "--fusion", "magic")
    with pytest.raises(UsageError):
        run(files[0], "-o", "a.pdf")
    with pytest.raises(UsageError):
        run(files[0], "-d", "N")


def test_one_bad_model_of_several(tmp_path: Path, files: tuple[str, str]) -> None:
    model, chip = files
    bad = tmp_path / "bad.onnx"
    bad.write_bytes(b"")
    result = run(model, str(bad), model, "-t", chip, "--format", "json")
    assert result.exit_code == 2
    entries = json.loads(result.stdout)["models"]
    assert ["error" in entry for entry in entries] == [False, True, False]
    assert "bad.onnx: the file is empty" in result.stderr


@pytest.mark.parametrize("name", ["a b [x] 'q\" <b>&%s.onnx", "öß.onnx", "-dash.onnx", "{}.onnx"])
def test_odd_file_names(tmp_path: Path, files: tuple[str, str], name: str) -> None:
    path = saved(tmp_path, MATMUL, name)
    output = tmp_path / "report.html"
    result = run("-t", files[1], "-o", str(output), "--format", "json", "--", str(path))
    assert result.exit_code == 0
    assert json.loads(result.stdout)["models"][0]["name"] == name
    assert "<b>&%s" not in output.read_text(encoding="utf-8")


def test_sensitivity_is_written_where_it_is_asked_for(files: tuple[str, str]) -> None:
    model, chip = files
    plain, asked = document(model, "-t", chip), document(model, "-t", chip, "--sensitivity")
    assert "sensitivity" not in plain["models"][0]["targets"][0]
    keys = {one["key"] for one in asked["models"][0]["targets"][0]["sensitivity"]}
    assert {"memory[dram].bandwidth", "engine[all].peak[TF32].rate"} <= keys


def test_plans_go_out_and_groups_come_in(tmp_path: Path, files: tuple[str, str]) -> None:
    model, chip = files
    plans = tmp_path / "plans.json"
    document(model, "-t", chip, "--fusion", "epilogue", "--plan-out", str(plans))
    assert [group["nodes"] for group in json.loads(plans.read_text())["plans"][0]["groups"]] == [["MatMul_0", "Relu_1"]]
    (target,) = document(model, "-t", chip, "--fusion", "none", "--groups", str(plans))["models"][0]["targets"]
    assert [plan["fusion"] for plan in target["plans"]] == ["none", "given"]
    assert target["best_plan"] == "given"
    plans.write_text('{"groups": [["MatMul_0", "Reluu_1"]]}')
    result = run(model, "-t", chip, "--groups", str(plans))
    assert result.exit_code == 2
    assert "nearest: `Relu_1`" in result.stderr
