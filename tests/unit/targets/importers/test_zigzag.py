"""ZigZag and Stream: every figure derived by hand."""

from __future__ import annotations

from pathlib import Path

import pytest
from oracles.machines import CORE, MESH, OUTSIDE, ZIGZAG, imported


def test_zigzag(tmp_path: Path) -> None:
    target, found = imported(tmp_path, ZIGZAG)
    assert target.name == "small_like"
    (engine,) = target.engines
    (peak,) = engine.peaks
    assert engine.runs == {"mac"}
    assert peak.input.name == "INT8"
    assert peak.rate is not None
    assert peak.rate.value == pytest.approx(4 * 8 * 2 * 1e9)  # MACs a cycle, two operations each
    assert peak.energy is not None
    assert peak.energy.value == pytest.approx(0.25e-12)  # 0.5 pJ a MAC
    # A weight is the same along D1: rows of the result. Along D2 results are added up.
    assert engine.array is not None
    assert (engine.array.m, engine.array.n, engine.array.k) == (4, 1, 8)
    assert [level.name for level in target.levels] == ["dram", "sram", "sums", "weights"]
    dram, sram, sums, weights = target.levels
    assert dram.capacity is not None
    assert dram.capacity.value == 1e6
    assert dram.shares_port
    assert dram.read_bandwidth is not None
    assert dram.read_bandwidth.value == pytest.approx(8e9)  # 64 bits a cycle
    assert dram.read_energy is not None
    assert dram.write_energy is not None
    assert dram.read_energy.value == pytest.approx(80e-12)  # 640 pJ / 64 bits = 10 pJ a bit
    assert dram.write_energy.value == pytest.approx(88e-12)
    assert sram.holds == {"input", "output"}
    assert sram.access_width is not None
    assert sram.access_width.value == 8  # 64 of 256 bits
    # Registers are of lanes: 8 of weights (a place of D2 each), 4 of sums (of D1), so 8 lanes with half a sum each.
    assert (weights.instances, sums.instances) == (8, 8)
    assert weights.capacity is not None
    assert sums.capacity is not None
    assert weights.capacity.value == 8
    assert sums.capacity.value == pytest.approx(2)  # 4 bytes x 4 / 8
    assert weights.holds == {"weight"}
    assert not sums.shares_port
    assert sums.read_bandwidth is not None
    assert sums.read_bandwidth.value == pytest.approx(1e9)  # 2 bytes x 4 / 8 a cycle
    assert any("area, latency" in note for note in found.notes)
    assert any("unit_area" in note for note in found.notes)


def test_the_older_form_of_ports(tmp_path: Path) -> None:
    text = """
name: old
memories:
  dram:
    size: 8000
    r_bw: 64
    w_bw: 32
    r_cost: 64
    w_cost: 64
    r_port: 1
    w_port: 1
    rw_port: 0
    operands: [I1, I2, O]
    ports:
      - {fh: w_port_1, tl: r_port_1}
      - {fh: w_port_1, tl: r_port_1}
      - {fh: w_port_1, tl: r_port_1, fl: w_port_1, th: r_port_1}
    served_dimensions: [D1]
multipliers:
  input_precision: [16, 16]
  multiplier_energy: 1
  dimensions: [D1]
  sizes: [2]
"""
    target, _ = imported(tmp_path, text, 1e8)
    (level,) = target.levels
    assert level.read_bandwidth is not None
    assert level.write_bandwidth is not None
    assert (level.read_bandwidth.value, level.write_bandwidth.value) == (8e8, 4e8)  # 8 and 4 bytes at 100 MHz
    assert level.write_energy is not None
    assert level.write_energy.value == pytest.approx(16e-12)  # 64 pJ / 32 bits
    assert target.engines[0].peaks[0].input.name == "INT16"


def test_stream(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(CORE)
    (tmp_path / "out.yaml").write_text(OUTSIDE)
    target, found = imported(tmp_path, MESH)
    assert target.cores == 2
    assert target.engines[0].array is not None
    array = target.engines[0].array
    assert (array.m, array.n, array.k) == (2, 4, 2)  # OX; K; C
    rate = target.engines[0].peaks[0].rate
    assert rate is not None
    assert rate.value == pytest.approx(2 * 16 * 2 * 1e9)
    assert [(level.name, level.instances) for level in target.levels] == [("dram", 1), ("sram", 2), ("rf", 32)]
    assert any("links" in note for note in found.notes)


def test_unlike_cores_are_added_up_and_it_is_said(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(CORE)
    (tmp_path / "b.yaml").write_text(CORE.replace("[16]", "[4]").replace("name: core", "name: small"))
    (tmp_path / "out.yaml").write_text(OUTSIDE)
    target, found = imported(tmp_path, MESH.replace("1: a.yaml", "1: b.yaml"))
    rate = target.engines[0].peaks[0].rate
    assert rate is not None
    assert rate.value == pytest.approx((16 + 4) * 2 * 1e9)
    assert [level.name for level in target.levels] == ["dram"]
    assert any("several kinds" in note for note in found.notes)


@pytest.mark.parametrize(
    "links",
    [
        "2d_mesh: {bandwidth: 32, offchip_core_id: 3, simd_core_id: 2}",
        "graph: {type: 2d_mesh, offchip_core_id: 3, simd_core_id: 2}",
        "offchip_core_id: 3\nsimd_core_id: 2",
    ],
)
def test_stream_of_every_age_says_which_core_is_which(tmp_path: Path, links: str) -> None:
    folder = tmp_path / "cores"  # where Stream looks too
    folder.mkdir()
    (folder / "a.yaml").write_text(CORE)
    (folder / "lanes.yaml").write_text(CORE.replace("[16]", "[64]").replace("name: core", "name: lanes"))
    (folder / "out.yaml").write_text(OUTSIDE)
    target, found = imported(tmp_path, f"name: old\ncores: [a.yaml, a.yaml, lanes.yaml, out.yaml]\n{links}\n")
    rate = target.engines[0].peaks[0].rate
    assert rate is not None
    assert rate.value == pytest.approx(2 * 16 * 2 * 1e9)  # two cores of 16 MACs, the lanes do none
    assert [level.name for level in target.levels] == ["dram", "sram", "rf"]
    assert any("core lanes: for work other than MACs" in note for note in found.notes)


def test_stream_with_a_file_for_what_is_outside(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(CORE)
    (tmp_path / "out.yaml").write_text(OUTSIDE)
    target, found = imported(
        tmp_path, "name: new\ncores: {0: a.yaml, 1: a.yaml}\noffchip_core: out.yaml\nbandwidth: 32\n"
    )
    assert (target.cores, [level.name for level in target.levels]) == (2, ["dram", "sram", "rf"])
    assert any(note.startswith("bandwidth: left out") for note in found.notes)
