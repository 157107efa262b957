"""Warnings of what is sound but implausible: each slip gives its own, on its line, and no real device gives any."""

from __future__ import annotations

from pathlib import Path

import pytest

from onnxroof.targets.catalog import load_target, target_ids
from onnxroof.targets.plausible import implausible
from onnxroof.targets.read import read_target_text, read_with_warnings

EXAMPLE = Path(__file__).parents[2] / "data" / "example-npu-16.toml"
TEXT = EXAMPLE.read_text(encoding="utf-8")


@pytest.mark.parametrize("target_id", target_ids())
def test_no_device_of_the_catalogue_is_implausible(target_id: str) -> None:
    assert list(implausible(load_target(target_id))) == []


# What is written instead, the warning, its key and a part of its words. The example has 8.192 TOP/s INT8 and 4.096
# TFLOP/s FLOAT16 on 4 arrays of 1 x 32 x 32 at 1 GHz (8.192 TOP/s), a cap of 15 W, 68 GB/s DRAM and 1 TB/s SRAM.
SLIPS = [
    (("1.0, unit = \"TB/s\"", "1.0, unit = \"GB/s\""), "T301", "memory[1].bandwidth", "the 6.8e+10 B/s of `dram`"),
    (('4, unit = "MiB"', '40, unit = "GiB"'), "T302", "memory[1].capacity", "the 16 GiB of `dram`"),
    (("0.4, unit = \"pJ/bit\"", "6, unit = \"pJ/bit\""), "T303", "memory[1].energy", "the 5 pJ/bit of `dram`"),
    # 8.192e12 OP/s x 20 pJ/OP = 163.84 W
    (("0.2, unit = \"pJ/OP\"", "20, unit = \"pJ/OP\""), "T304", "engine[0].peak[0].energy", "draws 164 W"),
    # 1 TB/s / 8.192 TOP/s is the ridge of the SRAM; that of the DRAM is 8.192e12 / 68e6 = 120,000.
    (("68, unit = \"GB/s\"", "68, unit = \"MB/s\""), "T306", "memory[0].bandwidth", "1.2e+05 operations"),
    # 4 x 32 x 2 x 1e9 = 2.56e11 OP/s, of which the slower peak of 4.096e12 is 16 times
    (("n = 32, k = 32", "n = 32, k = 1"), "T307", "engine[0].array", "do 2.56e+11 OP/s"),
    (('runs = ["mac"]', 'runs = ["vector"]'), "T308", "engine[0].runs", "no time"),
]  # fmt: skip


@pytest.mark.parametrize(("change", "code", "key", "words"), SLIPS)
def test_a_slip_gives_its_warning_alone(
    tmp_path: Path, change: tuple[str, str], code: str, key: str, words: str
) -> None:
    before, after = change
    assert TEXT.count(before) == 1
    path = tmp_path / "slip.toml"
    path.write_text(TEXT.replace(before, after), encoding="utf-8")
    _, (warning,) = read_with_warnings(path)
    assert warning.code == code
    assert warning.message.startswith(f"{key}: ")
    assert words in warning.message
    assert warning.hint
    line = next(n for n, text in enumerate(path.read_text().splitlines(), 1) if after in text)
    assert warning.where == f"{path}:{line}"


def test_a_half_that_is_slower_than_a_single() -> None:
    slow = TEXT.replace(
        '[[engine]]\nname = "vector"',
        '[[engine.peak]]\ninput = "FLOAT"\nrate = { value = 5, unit = "TFLOP/s", source = "sheet" }\n'
        '[[engine]]\nname = "vector"',
    )
    (warning,) = implausible(read_target_text(slow, path="f.toml"))
    assert (warning.code, warning.path) == ("T305", ("engine", 0, "peak", 1, "rate"))
    assert "the 5 TFLOP/s of the wider FLOAT, found 4.096 TFLOP/s for FLOAT16" in warning.message


def test_a_cap_may_be_passed_by_a_boost_clock() -> None:
    """8.192e12 OP/s x 2.7 pJ/OP = 22.1 W stay within one and a half of 15 W, 2.8 pJ/OP (22.9 W) do not."""
    within, beyond = (TEXT.replace("0.2, unit", f"{energy}, unit") for energy in (2.7, 2.8))
    assert list(implausible(read_target_text(within, path="f.toml"))) == []
    assert [warning.code for warning in implausible(read_target_text(beyond, path="f.toml"))] == ["T304"]


def test_what_is_unknown_is_no_slip() -> None:
    assert list(implausible(load_target("peak=8TOP/s:INT8,dram=8GB,sram=4MiB"))) == []


def test_a_warning_of_a_file_that_extends_stands_on_its_own_line_or_on_that_of_the_base(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    head = 'schema = 1\nid = "mine"\nname = "Mine"\nextends = "base.toml"\n[sources.s]\ntitle = "S"\nkind = "vendor"\n'
    (tmp_path / "base.toml").write_text(TEXT)
    levels = '[[memory]]\nlevel = "dram"\n[[memory]]\nlevel = "new"'
    path.write_text(f'{head}{levels}\ncapacity = {{ value = 90, unit = "GB", source = "s" }}\n')
    target, (warning,) = read_with_warnings(path)
    assert [level.name for level in target.levels] == ["dram", "new", "sram", "rf"]
    assert (warning.where, warning.message.split(":")[0]) == (f"{path}:12", "memory[1].capacity")  # 7 of head, then 5
    (tmp_path / "base.toml").write_text(TEXT.replace('1.0, unit = "TB/s"', '1.0, unit = "GB/s"'))
    path.write_text('schema = 1\nid = "mine"\nname = "Mine"\nextends = "base.toml"\n')
    _, (warning,) = read_with_warnings(path)
    assert (warning.where, warning.message.split(":")[0]) == (f"{path}:4", "extends")


def test_levels_of_different_operands_are_not_inside_each_other() -> None:
    head = TEXT[: TEXT.index("[[memory]]")]
    level = (
        '[[memory]]\nlevel = "{}"\nholds = ["{}"]\nbandwidth = {{ value = {}, unit = "GB/s", source = "sheet" }}\n\n'
    )
    dram = '[[memory]]\nlevel = "dram"\nbandwidth = { value = 68, unit = "GB/s", source = "sheet" }\n\n'
    beside = head + dram + level.format("sums", "output", 400) + level.format("rows", "weight", 100)
    assert list(implausible(read_target_text(beside, "x.toml"))) == []
    inside = head + dram + level.format("sums", "output", 400) + level.format("rows", "output", 100)
    assert [fault.code for fault in implausible(read_target_text(inside, "x.toml"))] == ["T301"]
