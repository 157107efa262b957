"""Power modes: what a mode states, what follows its clock, and where its faults stand."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from onnxroof.cli.targets import targets
from onnxroof.errors import TargetError
from onnxroof.targets.catalog import load_target
from onnxroof.targets.format import format_text
from onnxroof.targets.model import Target
from onnxroof.targets.read import read_target_text, read_with_warnings

FILE = """\
schema = 1
id = "board"
name = "Board"
class = "edge NPU"

[sources.sheet]
title = "sheet"
kind = "vendor"

[sources.memory]
title = "from memory"
kind = "recalled"

[chip]
clock = { value = 1000, unit = "MHz", source = "sheet" }
cores = 4
power_cap = { value = 30, unit = "W", source = "sheet" }

[[engine]]
name = "matrix"
runs = ["mac", "vector", "special"]

[[engine.peak]]
input = "INT8"
rate = { value = 8, unit = "TOP/s", source = "sheet", where = "page 2" }
energy = { value = 1, unit = "pJ/OP", source = "sheet" }

[[engine.peak]]
input = "FLOAT16"
rate = { value = 4, unit = "TFLOP/s", source = "sheet" }

[[memory]]
level = "dram"
bandwidth = { value = 60, unit = "GB/s", source = "sheet" }

[[memory]]
level = "sram"
scope = "core"
capacity = { value = 1, unit = "MiB", source = "sheet" }
bandwidth = { value = 100, unit = "GB/s", source = "sheet" }

[modes.15w]
name = "15 W"

[modes.15w.chip]
clock = { value = 0.5, unit = "GHz", source = "sheet" }
power_cap = { value = 15, unit = "W", source = "sheet" }

[modes.5w.chip]
clock = { value = 400, unit = "MHz", source = "memory" }
cores = 2

[[modes.5w.engine]]
name = "matrix"

[[modes.5w.engine.peak]]
input = "INT8"
rate = { value = 3, unit = "TOP/s", source = "sheet" }

[[modes.5w.memory]]
level = "dram"
bandwidth = { value = 30, unit = "GB/s", source = "sheet" }
"""


@pytest.fixture
def board(tmp_path: Path) -> Path:
    path = tmp_path / "board.toml"
    path.write_text(FILE, encoding="utf-8")
    return path


def rates(target: Target) -> list[float]:
    return [peak.rate.value for peak in target.engines[0].peaks if peak.rate]


def bandwidths(target: Target) -> list[float]:
    return [level.read_bandwidth.value for level in target.levels if level.read_bandwidth]


def test_without_a_mode_the_file_is_as_it_is(board: Path) -> None:
    target = load_target(board)
    assert (target.id, dict(target.modes)) == ("board", {"15w": "15 W", "5w": "5w"})
    assert (rates(target), bandwidths(target)) == ([8e12, 4e12], [60e9, 100e9])


def test_what_a_mode_does_not_state_follows_its_clock(board: Path) -> None:
    mode = load_target(f"{board}@15w")
    assert (mode.id, mode.name, dict(mode.modes)) == ("board@15w", "Board, 15 W", {})
    # Half the clock: rates and the memory on the chip halve, the memory outside stays.
    assert (rates(mode), bandwidths(mode)) == ([4e12, 2e12], [60e9, 50e9])
    assert mode.power_cap is not None
    assert mode.power_cap.value == 15
    rate, energy = mode.engines[0].peaks[0].rate, mode.engines[0].peaks[0].energy
    assert rate is not None
    assert energy is not None
    assert (rate.source.kind, rate.where) == ("vendor", "page 2; times 0.5, as the clock of the mode")
    assert energy.value == 1e-12  # no voltage is published with a mode


def test_what_a_mode_states_goes_before_its_clock(board: Path) -> None:
    mode = load_target(f"{board}@5w")
    # INT8 and the DRAM as stated; FLOAT16 by 0.4 of the clock and half of the cores: 4 x 0.2; SRAM of a core by 0.4.
    assert rates(mode) == pytest.approx([3e12, 0.8e12])
    assert bandwidths(mode) == pytest.approx([30e9, 40e9])
    assert [level.instances for level in mode.levels] == [1, 2]
    kinds = [peak.rate.source.kind for peak in mode.engines[0].peaks if peak.rate]
    assert kinds == ["vendor", "recalled"], "a number is no surer than the clock that it follows"


def test_a_mode_that_is_not_there_is_refused_with_those_that_are(board: Path) -> None:
    with pytest.raises(TargetError, match="no power mode `7w`") as caught:
        load_target(f"{board}@7w")
    (fault,) = caught.value.diagnostics
    assert (fault.code, fault.hint) == ("T108", "there are `board@15w`, `board@5w`")
    with pytest.raises(TargetError, match="has no power mode") as caught:
        load_target("raspberry-pi-5@5w")
    assert "it has no modes" in caught.value.diagnostics[0].hint
    for word, name in (("jetson-nanno@5w", "jetson-nanno"), ("jetson-nano@", "jetson-nano@"), ("@5w", "@5w")):
        with pytest.raises(TargetError, match=f"no target is called `{name}`"):
            load_target(word)


def test_a_file_whose_name_has_an_at_is_a_file(tmp_path: Path) -> None:
    path = tmp_path / "a@15w.toml"
    path.write_text(FILE, encoding="utf-8")
    assert load_target(path).id == "board"
    assert load_target(f"{path}@15w").id == "board@15w"


def test_a_mode_can_be_extended_and_modes_are_inherited(board: Path) -> None:
    own = 'schema = 1\nid = "mine"\nname = "Mine"\nextends = "board.toml{}"\n'
    (board.parent / "low.toml").write_text(own.format("@5w"), encoding="utf-8")
    (board.parent / "mine.toml").write_text(own.format(""), encoding="utf-8")
    assert rates(load_target(board.parent / "low.toml")) == pytest.approx([3e12, 0.8e12])
    assert rates(load_target(f"{board.parent / 'mine.toml'}@15w")) == [4e12, 2e12]


@pytest.mark.parametrize(
    ("before", "after", "line", "words"),
    [
        ("value = 0.5, unit", "value = -0.5, unit", 46, "modes.15w.chip.clock.value: expected more than 0"),
        ('name = "15 W"', "nam = 1", 43, "did you mean `name`?"),
        ('[[modes.5w.memory]]\nlevel = "dram"', '[[modes.5w.memory]]\nlevel = "hbm"\nscope = "lane"', 62, "chip.lanes"),
        ('[[modes.5w.engine]]\nname = "matrix"', '[[modes.5w.engine]]\nname = "matrx"', 53, "runs"),
        ('rate = { value = 3, unit = "TOP/s"', 'rate = { value = 3, unit = "GB/s"', 58, "peak[0].rate.unit"),
        ("[modes.5w", "[modes.5W", 1, "kebab-case word such as `15w`"),
        ('clock = { value = 1000, unit = "MHz", source = "sheet" }\n', "", 45, "expected a clock under [chip] too"),
    ],
)  # fmt: skip
def test_faults_of_a_mode_stand_on_its_lines(before: str, after: str, line: int, words: str) -> None:
    assert before in FILE
    with pytest.raises(TargetError) as caught:
        read_target_text(FILE.replace(before, after), "board.toml")
    found = [f"{fault.where}: {fault.line} {fault.hint}" for fault in caught.value.diagnostics]
    assert any(text.startswith(f"board.toml:{line}: ") and words in text for text in found), found


def test_the_form_is_canonical_and_the_schema_knows_modes(board: Path) -> None:
    assert format_text(FILE) == FILE
    shuffled = FILE.replace('name = "15 W"\n', "").replace("[modes.15w]\n\n", "") + '\n[modes.15w]\nname = "15 W"\n'
    assert format_text(format_text(shuffled)) == format_text(shuffled)
    assert dict(read_target_text(format_text(shuffled), "x.toml").modes) == {"15w": "15 W", "5w": "5w"}


def test_commands_show_and_list_modes(board: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    run = CliRunner()
    shown = run.invoke(targets, ["show", str(board)]).output
    assert "power modes: @15w (clock 0.5 GHz, power cap 15 W), @5w (clock 400 MHz, power cap 30 W)" in shown
    document = json.loads(run.invoke(targets, ["show", str(board), "--format", "json"]).output)
    assert [mode["id"] for mode in document["modes"]] == ["board@15w", "board@5w"]
    assert [mode["bandwidth_bytes_per_s"] for mode in document["modes"]] == [60e9, 30e9]
    listed = json.loads(run.invoke(targets, ["list", "jetson-nano", "--format", "json"]).output)
    assert [target["modes"] for target in listed] == [["jetson-nano@5w"]]
    assert run.invoke(targets, ["show", "jetson-nano@5w"]).output.startswith("NVIDIA Jetson Nano, 5 W")


def test_what_is_implausible_in_a_mode_alone_is_warned_of_once(tmp_path: Path) -> None:
    path = tmp_path / "board.toml"
    path.write_text(FILE, encoding="utf-8")
    assert read_with_warnings(path)[1] == ()
    path.write_text(FILE.replace('value = 30, unit = "GB/s"', 'value = 30, unit = "MB/s"'), encoding="utf-8")
    (warning,) = read_with_warnings(path)[1]
    assert (warning.code, warning.where) == ("T306", f"{path}:62")
    assert "modes.5w.memory[0].bandwidth" in warning.message
    # A slip of the file itself stands in its modes too.
    path.write_text(FILE.replace('value = 1, unit = "pJ/OP"', 'value = 100, unit = "pJ/OP"'), encoding="utf-8")
    assert [warning.code for warning in read_with_warnings(path)[1]] == ["T304"]
