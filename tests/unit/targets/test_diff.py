"""Differences of two targets: what is said, not how, and in the order of the files."""

from __future__ import annotations

from pathlib import Path

import pytest

from onnxroof.targets.catalog import load_target, target_ids
from onnxroof.targets.diff import differences, facts
from onnxroof.targets.model import Target
from onnxroof.targets.read import read_target_text

TEXT = (Path(__file__).parents[2] / "data" / "example-npu-16.toml").read_text(encoding="utf-8")
EXAMPLE = read_target_text(TEXT, path="f.toml")


def changed(*changes: tuple[str, str]) -> Target:
    text = TEXT
    for before, after in changes:
        assert before in text
        text = text.replace(before, after, 1)
    return read_target_text(text, path="f.toml")


@pytest.mark.parametrize("target_id", target_ids())
def test_a_target_does_not_differ_from_itself(target_id: str) -> None:
    assert differences(load_target(target_id), load_target(target_id)) == []


def test_another_way_to_write_a_number_another_source_and_another_name_are_no_difference() -> None:
    same = changed(
        ('68, unit = "GB/s"', '68000, unit = "MB/s"'),
        ('name = "Example NPU, 16 GiB"', 'name = "Other"'),
        ('0.8, unit = "W", source = "energy"', '800, unit = "mW", source = "sheet"'),
    )  # fmt: skip
    assert differences(EXAMPLE, same) == []


# What is written instead, and the differences: key, text before and after, ratio.
CASES = [
    (('68, unit = "GB/s"', '34, unit = "GB/s"'), [
        ("memory[dram].read_bandwidth", "68 GB/s", "34 GB/s", 0.5),
        ("memory[dram].write_bandwidth", "68 GB/s", "34 GB/s", 0.5),
    ]),
    (("cores = 4", "cores = 8"), [("chip.cores", "4", "8", 2), ("memory[rf].instances", "4", "8", 2)]),
    (('runs = ["mac"]', 'runs = ["vector", "mac"]'), [("engine[matrix].runs", "mac", "mac, vector", None)]),
    (("m = 1, n = 32", "m = 2, n = 16"), [("engine[matrix].array", "1 x 32 x 32", "2 x 16 x 32", None)]),
    (('power_cap = { value = 15, unit = "W", source = "sheet" }', ""), [("chip.power_cap", "15 W", "unknown", None)]),
    (("EXP = 4", "EXP = 6"), [("engine[vector].special_cost.EXP", "4", "6", 1.5)]),
    (('keeps = ["activation", "weight"]', "keeps = []"), [
        ("memory[sram].keeps", "activation, weight", "nothing", None),
    ]),
    (('dram = { value = 0.9', 'rf = { value = 0.9'), [
        ("efficiency.rf", None, "0.9", None), ("efficiency.dram", "0.9", None, None),
    ]),
]  # fmt: skip


@pytest.mark.parametrize(("change", "expected"), CASES)
def test_a_change_is_the_difference(
    change: tuple[str, str], expected: list[tuple[str, str | None, str | None, float | None]]
) -> None:
    found = [
        (row.key, row.first and row.first.text, row.second and row.second.text, row.ratio)
        for row in differences(EXAMPLE, changed(change))
    ]
    assert found == expected


def test_a_level_that_one_lacks_stands_where_it_is_in_the_other() -> None:
    other = changed(('level = "sram"', 'level = "llc"'))
    keys = [row.key for row in differences(EXAMPLE, other)]
    assert keys[0] == "memory"
    sram, llc = keys.index("memory[sram].capacity"), keys.index("memory[llc].capacity")
    assert llc < sram
    row = differences(EXAMPLE, other)[sram]
    assert (row.first and row.first.text, row.second, row.ratio) == ("4 MiB", None, None)


def test_every_number_has_its_kind_of_source() -> None:
    said = facts(EXAMPLE)
    assert (said["memory[dram].read_energy"].kind, said["memory[dram].read_energy"].value) == ("derived", 40e-12)
    assert said["chip.cores"].kind == ""
