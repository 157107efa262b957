"""`onnxroof targets`: what goes to stdout, what to stderr, and the exit codes."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner
from oracles.machines import ZIGZAG

from onnxroof.cli.targets import targets
from onnxroof.errors import OnnxroofError, TargetError, UsageError
from onnxroof.targets.catalog import target_ids
from onnxroof.targets.read import read_target

HWDB = Path(__file__).parents[3] / "hwdb"
EXAMPLE = Path(__file__).parents[2] / "data" / "example-npu-16.toml"


@pytest.fixture(autouse=True)
def _wide(monkeypatch: pytest.MonkeyPatch) -> None:
    """As wide as in a file, whatever the terminal of whoever runs the tests."""
    monkeypatch.setenv("COLUMNS", "200")


def run(*arguments: str) -> tuple[int, str, str]:
    result = CliRunner().invoke(targets, arguments, catch_exceptions=False)
    return result.exit_code, result.stdout, result.stderr


def test_list_json() -> None:
    code, out, err = run("list", "--format", "json")
    assert (code, err) == (0, "")
    entries = json.loads(out)
    assert [entry["id"] for entry in entries] == list(target_ids())
    assert all({"id", "name", "vendor", "class"} <= set(entry) for entry in entries)


def test_list_text_has_a_line_for_each_target() -> None:
    _, out, _ = run("list")
    lines = out.splitlines()
    assert [line.split()[0] for line in lines[1:]] == list(target_ids())


def test_list_filters_and_sorts() -> None:
    _, out, err = run("list", "--class", "gpu", "--vendor", "nvidia", "--sort", "power", "a100", "--format", "json")
    entries = json.loads(out)
    assert err == ""
    assert {entry["id"] for entry in entries} == {t for t in target_ids() if t.startswith("nvidia-a100")}
    powers = [entry["power_cap_w"] for entry in entries]
    assert powers == sorted(powers, reverse=True)
    assert run("list", "nonesuch") == (0, "", "no target has all of that\n")
    assert json.loads(run("list", "nonesuch", "--format", "json")[1]) == []


def test_an_id_is_never_broken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    lines = run("list")[1].splitlines()
    assert all(len(line) <= 80 for line in lines)
    firsts = [line.split(" ")[0] for line in lines if line[0] != " "]  # lines that go on begin with a blank
    assert firsts == ["id", *target_ids()]


@pytest.mark.parametrize("target_id", target_ids())
def test_show_fits_into_80_columns(target_id: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    out, shown = run("show", target_id)[1], json.loads(run("show", target_id, "--format", "json")[1])
    assert all(len(line) <= 80 for line in out.splitlines())
    words = set(out.split())
    assert {peak["input"] for engine in shown["engines"] for peak in engine["peaks"]} <= words
    assert {row["name"] for row in (*shown["engines"], *shown["levels"])} <= words


def test_show_of_a_line() -> None:
    _, out, _ = run("show", "peak=8TOP/s:INT8,dram=68GB/s,sram=4MiB@1TB/s")
    assert "Roof in time, INT8 on chip" in out
    assert "dram 118" in out  # 8e12 OP/s / 68e9 B/s
    assert "Roof in energy" not in out  # no energy is given


def test_a_ridge_of_two_ports_is_that_of_both() -> None:
    """As in the report: Hailo-8 has 3.94 GB/s in each direction, 26 TOP/s / 7.88 GB/s = 3299."""
    host = json.loads(run("show", "hailo-8", "--format", "json")[1])["levels"][0]
    assert host["shares_port"] is False
    both = host["read_bandwidth"]["value"] + host["write_bandwidth"]["value"]
    ridge = next(r for r in host["ridges"] if r["input"] == "INT8")["ridge_ops_per_byte"]
    assert ridge == pytest.approx(26e12 / both)


def test_show_json_in_si() -> None:
    code, out, err = run("show", str(EXAMPLE), "--format", "json")
    assert (code, err) == (0, "")
    shown = json.loads(out)
    assert (shown["id"], shown["class"], shown["chip"]["cores"]) == ("example-npu-16", "edge NPU", 4)
    assert shown["engines"][0]["peaks"][0]["rate"] == {
        "value": 8.192e12,
        "text": "8.192 TOP/s",
        "source": "sheet",
        "where": None,
    }
    ridges = {(level["name"], r["engine"], r["input"]): r for level in shown["levels"] for r in level["ridges"]}
    ridge = ridges["dram", "matrix", "INT8"]
    assert ridge["ridge_ops_per_byte"] == pytest.approx(120.47, rel=1e-4)  # 8.192e12 OP/s / 68e9 B/s
    assert ridge["energy_ridge_ops_per_byte"] == pytest.approx(200)  # 5 pJ/bit x 8 / 0.2 pJ/OP
    # One instance of rf has 2 TB/s, four have 8: 8.192e12 / 8e12.
    assert ridges["rf", "matrix", "INT8"]["ridge_ops_per_byte"] == pytest.approx(1.024)
    assert shown["unknown"] == []


def test_show_json_says_unknown_as_null() -> None:
    shown = json.loads(run("show", "hailo-8", "--format", "json")[1])
    sram = shown["levels"][-1]
    assert (sram["capacity"], sram["read_bandwidth"]) == (None, None)
    assert all(ridge["ridge_ops_per_byte"] is None for ridge in sram["ridges"])
    assert "memory[sram].capacity" in shown["unknown"]


@pytest.mark.parametrize("target_id", target_ids())
def test_show_text_holds_every_name(target_id: str) -> None:
    code, out, err = run("show", target_id)
    shown = json.loads(run("show", target_id, "--format", "json")[1])
    assert (code, err) == (0, "")
    for row in (*shown["engines"], *shown["levels"]):
        assert row["name"] in out
    assert all(source["key"] in out and source["kind"] in out for source in shown["sources"])
    folded = "".join(out.split())
    assert all(key in folded for key in shown["unknown"])


def test_show_of_an_unknown_target_is_an_error_for_the_entry_point() -> None:
    with pytest.raises(TargetError, match="no target is called `nonesuch`"):
        run("show", "nonesuch")


def test_check_of_clean_files_prints_nothing() -> None:
    code, out, err = run("check", str(EXAMPLE), str(EXAMPLE))
    assert (code, out, err) == (0, "", "2 files, no faults\n")


def test_check_prints_every_fault_of_every_file(tmp_path: Path) -> None:
    first, second = tmp_path / "first.toml", tmp_path / "second.toml"
    text = EXAMPLE.read_text()
    rate_line = text.splitlines().index('rate = { value = 8.192, unit = "TOP/s", source = "sheet" }') + 1
    first.write_text(
        text.replace('8.192, unit = "TOP/s"', '8.192, unit = "TOPS"').replace("schema = 1 ", "schema = 7 ")
    )
    second.write_text("id = \n")
    code, out, err = run("check", str(first), str(EXAMPLE), str(second))
    schema_line = next(n for n, line in enumerate(text.splitlines(), 1) if line.startswith("schema"))
    assert out.splitlines() == [
        f"{first}:{schema_line}: schema: expected 1, the only version of the format, found `7` [T203]",
        f"{first}:{rate_line}: engine[0].peak[0].rate.unit: "
        "unknown unit `TOPS`, expected a compute rate [T204] (write `TOP/s`)",
        f"{second}:1: not TOML: Invalid value [T103]",
    ]
    assert (code, err) == (2, "3 files, 3 faults\n")


def test_check_warns_and_ends_well(tmp_path: Path) -> None:
    path = tmp_path / "slow.toml"
    path.write_text(EXAMPLE.read_text().replace('1.0, unit = "TB/s"', '1.0, unit = "GB/s"'))
    line = next(n for n, text in enumerate(path.read_text().splitlines(), 1) if '1.0, unit = "GB/s"' in text)
    code, out, err = run("check", str(path))
    assert out == (
        f"{path}:{line}: memory[1].bandwidth: warning: expected at least the 6.8e+10 B/s of `dram` outside it, found "
        "1e+09 B/s [T301] (levels stand outermost first, and of a level with the scope `core` the file gives one "
        "instance)\n"
    )
    assert (code, err) == (0, "1 file, no faults, 1 warning\n")


def test_check_of_a_missing_file(tmp_path: Path) -> None:
    code, out, _ = run("check", str(tmp_path / "none.toml"))
    assert code == 2
    assert out == f"{tmp_path / 'none.toml'}: cannot read the target file: No such file or directory [T102]\n"


def test_format_rewrites_what_is_not_in_form_and_says_so(tmp_path: Path) -> None:
    messy, tidy = tmp_path / "messy.toml", tmp_path / "tidy.toml"
    tidy.write_bytes((HWDB / "hailo-8.toml").read_bytes())
    messy.write_text(tidy.read_text().replace(" = ", "  =  "))
    before = messy.read_text()
    assert run("format", "--check", str(messy), str(tidy)) == (1, f"{messy}\n", "")
    assert messy.read_text() == before
    assert run("format", str(messy), str(tidy)) == (0, f"{messy}\n", "")
    assert messy.read_bytes() == tidy.read_bytes()
    assert run("format", "--check", str(messy), str(tidy)) == (0, "", "")


def test_format_leaves_a_file_with_faults_as_it_is(tmp_path: Path) -> None:
    bad, messy = tmp_path / "bad.toml", tmp_path / "messy.toml"
    bad.write_text("schema  = 7\n")
    messy.write_text((HWDB / "hailo-8.toml").read_text().replace(" = ", "="))
    result = CliRunner().invoke(targets, ["format", str(bad), str(messy)])
    assert isinstance(result.exception, OnnxroofError)
    assert all(fault.where.startswith(str(bad)) for fault in result.exception.diagnostics)
    assert bad.read_text() == "schema  = 7\n"
    assert messy.read_text() == (HWDB / "hailo-8.toml").read_text()


def test_format_of_a_file_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "messy.toml"
    path.write_text((HWDB / "hailo-8.toml").read_text().replace(" = ", "="))

    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "write_bytes", refuse)
    result = CliRunner().invoke(targets, ["format", str(path)])
    assert isinstance(result.exception, OnnxroofError)
    assert [(d.where, d.code) for d in result.exception.diagnostics] == [(str(path), "U202")]


def test_schema_is_json() -> None:
    code, out, err = run("schema")
    assert (code, err) == (0, "")
    assert json.loads(out)["properties"]["extends"]


def test_diff_in_text_and_json() -> None:
    _, out, _ = run("diff", "nvidia-h100-sxm", "nvidia-h200-sxm")
    row = next(line.split() for line in out.splitlines() if line.startswith("memory[hbm].capacity"))
    assert row == ["memory[hbm].capacity", "80", "GB", "[recalled]", "141", "GB", "[recalled]", "1.76"]  # 141 / 80
    found = json.loads(run("diff", "nvidia-h100-sxm", "nvidia-h200-sxm", "--format", "json")[1])
    assert (found["first"], found["second"]) == ("nvidia-h100-sxm", "nvidia-h200-sxm")
    capacity = next(entry for entry in found["differences"] if entry["key"] == "memory[hbm].capacity")
    assert capacity["first"] == {"text": "80 GB", "value": 80e9, "kind": "recalled"}
    assert capacity["ratio"] == pytest.approx(141 / 80)
    assert run("diff", "hailo-8", "hailo-8")[1] == "hailo-8 and hailo-8 say the same\n"
    only = json.loads(run("diff", "hailo-8", "peak=1TOP/s:INT8,dram=1GB/s", "--format", "json")[1])["differences"]
    assert any(entry["second"] is None and entry["ratio"] is None for entry in only)


def test_help_imports_nothing_heavy() -> None:
    heavy = ("rich", "pydantic", "numpy", "onnx", "networkx", "tomllib")
    code = f"import sys, onnxroof.cli.targets; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


@pytest.mark.parametrize("clock", ["1", "GHz", "0GHz", "3 GB", "-1GHz"])
def test_import_refuses_what_is_no_clock(tmp_path: Path, clock: str) -> None:
    with pytest.raises(UsageError, match="--clock"):
        run("import", str(tmp_path / "machine.yaml"), f"--clock={clock}")


@pytest.mark.parametrize("clock", ["1GHz", "1000 MHz", "1e6 kHz"])
def test_import_writes_a_target_that_checks_and_is_in_canonical_form(tmp_path: Path, clock: str) -> None:
    (tmp_path / "machine.yaml").write_text(ZIGZAG)
    output = tmp_path / "machine.toml"
    code, out, err = run("import", str(tmp_path / "machine.yaml"), "--clock", clock, "-o", str(output))
    assert (code, out) == (0, "")
    assert "not carried over: of the memories: area, latency left out" in err
    assert run("check", str(output))[0] == 0
    assert run("format", "--check", str(output))[0] == 0
    rate = read_target(output).engines[0].peaks[0].rate
    assert rate is not None
    assert rate.value == pytest.approx(64e9)  # 4 x 8 MACs at 1 GHz
