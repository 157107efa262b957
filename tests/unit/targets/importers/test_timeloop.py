"""Timeloop in three forms: every figure derived by hand."""

from __future__ import annotations

from pathlib import Path

import pytest
from oracles.machines import TIMELOOP, imported


def test_timeloop(tmp_path: Path) -> None:
    target, found = imported(tmp_path, TIMELOOP, None)
    (peak,) = target.engines[0].peaks
    assert peak.input.name == "INT16"
    assert peak.rate is not None
    assert peak.rate.value == pytest.approx(12 * 2 * 0.5e9)  # 6 x 2 elements, a cycle of 2 ns
    assert target.process is not None
    assert target.process.value == pytest.approx(28e-9)
    dram, buffer, spad = target.levels
    assert dram.capacity is None
    assert buffer.capacity is not None
    assert buffer.capacity.value == 8192  # 1024 words of 64 bits
    assert buffer.holds == {"input", "output"}
    assert buffer.read_bandwidth is not None
    assert buffer.write_bandwidth is not None
    assert (buffer.read_bandwidth.value, buffer.write_bandwidth.value) == (8e9, 4e9)  # words of a byte in 2 ns
    assert spad.instances == 12
    assert spad.capacity is not None
    assert spad.capacity.value == 24
    assert spad.holds == {"weight"}
    assert any(note.startswith("noc (XY_NoC)") for note in found.notes)
    assert any(note.startswith("energies") for note in found.notes)


def test_timeloop_of_the_versions_with_subtrees(tmp_path: Path) -> None:
    text = """
architecture:
  version: 0.3
  subtree:
    - name: system
      local:
        - {name: DRAM, class: DRAM, attributes: {width: 64, word-bits: 16}}
      subtree:
        - name: chip
          local:
            - {name: glb, class: SRAM, attributes: {memory_depth: 256, memory_width: 64, word-bits: 16}}
          subtree:
            - name: PE[0..13]
              local:
                - {name: spad, class: regfile, attributes: {depth: 8, width: 16, word-bits: 16}}
                - {name: mac, class: fpmac, attributes: {datawidth: 32}}
"""
    target, _ = imported(tmp_path, text)
    assert target.name == "chip"
    (peak,) = target.engines[0].peaks
    assert (peak.input.name, peak.rate.value if peak.rate else 0) == ("FLOAT", pytest.approx(14 * 2e9))
    assert [(level.name, level.instances) for level in target.levels] == [("DRAM", 1), ("glb", 1), ("spad", 14)]


def test_timeloop_before_the_trees(tmp_path: Path) -> None:
    text = """
arch:
  arithmetic: {instances: 64, word-bits: 8}
  storage:
    - {name: registers, instances: 64, entries: 4, word-bits: 8}
    - {name: buffer, instances: 1, sizeKB: 32, word-bits: 8, shared_bandwidth: 4}
    - {name: DRAM, technology: DRAM, instances: 1, word-bits: 8}
"""
    target, _ = imported(tmp_path, text)
    dram, buffer, registers = target.levels
    assert dram.name == "DRAM"
    assert buffer.capacity is not None
    assert buffer.capacity.value == 32 * 1024
    assert buffer.shares_port
    assert buffer.read_bandwidth is not None
    assert buffer.read_bandwidth.value == pytest.approx(4e9)
    assert (registers.instances, registers.capacity.value if registers.capacity else 0) == (64, 4)
