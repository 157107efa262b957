"""What a target does not say."""

from __future__ import annotations

from pathlib import Path

from onnxroof.targets.gaps import unknown_keys
from onnxroof.targets.read import read_target, read_target_text

EXAMPLE = Path(__file__).parents[2] / "data" / "example-npu-16.toml"

SPARSE = """\
schema = 1
id = "mine"
name = "Mine"
class = "CPU"
[sources.s]
title = "Sheet"
kind = "vendor"
[chip]
area = { value = 1, unit = "mm2", source = "s" }
clock = { value = 1, unit = "GHz", source = "s" }
[[engine]]
name = "silent"
runs = ["special"]
[[engine]]
name = "core"
runs = ["mac"]
[[engine.peak]]
input = "INT8"
energy = { value = 1, unit = "pJ/OP", source = "s" }
[[memory]]
level = "dram"
read_bandwidth = { value = 1, unit = "GB/s", source = "s" }
energy = { value = 1, unit = "pJ/B", source = "s" }
[[memory]]
level = "sram"
capacity = { value = 1, unit = "MiB", source = "s" }
"""


def test_a_complete_file_leaves_nothing_unknown() -> None:
    assert unknown_keys(read_target(EXAMPLE)) == ()


def test_gaps_in_the_order_of_the_file() -> None:
    assert unknown_keys(read_target_text(SPARSE, path="f.toml")) == (
        "chip.process",
        "chip.static_power",
        "chip.power_cap",
        "chip.launch_overhead",
        "engine[silent].peak",
        "engine[core].peak[INT8].rate",
        "memory[dram].capacity",
        "memory[dram].write_bandwidth",
        "memory[sram].bandwidth",
        "memory[sram].energy",
    )
