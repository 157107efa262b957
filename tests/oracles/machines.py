"""Small machines in the forms of other tools, made up for tests: an array of 4 x 8, two cores, twelve elements."""

from __future__ import annotations

from pathlib import Path

from onnxroof.targets.importers.read import Imported, import_target
from onnxroof.targets.model import Target
from onnxroof.targets.read import read_target_text

__all__ = ["CORE", "MESH", "OUTSIDE", "TIMELOOP", "ZIGZAG", "imported"]

# Registers of weights are shared along D1, those of results along D2.
ZIGZAG = """
name: small_like
memories:
  weights:
    size: 64
    r_cost: 0.8
    w_cost: 1.6
    area: 3
    latency: 1
    operands: [I2]
    ports:
      - {name: r_port_1, type: read, bandwidth_min: 8, bandwidth_max: 8, allocation: ["I2, tl"]}
      - {name: w_port_1, type: write, bandwidth_min: 8, bandwidth_max: 8, allocation: ["I2, fh"]}
    served_dimensions: [D1]
  sums:
    size: 32
    r_cost: 0.1
    w_cost: 0.1
    operands: [O]
    ports:
      - {name: r_port_1, type: read, bandwidth_min: 16, bandwidth_max: 16, allocation: ["O, tl", "O, th"]}
      - {name: w_port_1, type: write, bandwidth_min: 16, bandwidth_max: 16, allocation: ["O, fh", "O, fl"]}
    served_dimensions: [D2]
  sram:
    size: 65536
    r_cost: 25.6
    w_cost: 12.8
    operands: [I1, O]
    ports:
      - {name: rw_port_1, type: read_write, bandwidth_min: 64, bandwidth_max: 256,
         allocation: ["I1, tl", "I1, fh", "O, tl", "O, fh", "O, fl", "O, th"]}
    served_dimensions: [D1, D2]
  dram:
    size: 8000000
    r_cost: 640
    w_cost: 704
    operands: [I1, I2, O]
    ports:
      - {name: rw_port_1, type: read_write, bandwidth_min: 64, bandwidth_max: 64,
         allocation: ["I1, tl", "I2, tl", "O, tl", "O, fl"]}
    served_dimensions: [D1, D2]
operational_array:
  input_precision: [8, 8]
  unit_energy: 0.5
  unit_area: 1
  dimensions: [D1, D2]
  sizes: [4, 8]
"""

CORE = """
name: core
memories:
  rf: {size: 32, operands: [O], served_dimensions: [], r_cost: 1, w_cost: 1, ports: []}
  sram: {size: 8192, operands: [I1, I2, O], served_dimensions: [D1], r_cost: 1, w_cost: 1, ports: []}
operational_array: {dimensions: [D1], sizes: [16], input_precision: [8, 8]}
dataflows: {D1: ["K, 4", "C, 2", "OX, 2"]}
"""
OUTSIDE = """
name: outside
memories:
  dram: {size: 80000, operands: [I1, I2, O], served_dimensions: [D1], ports: []}
operational_array: {dimensions: [D1], sizes: [0]}
"""
MESH = "name: mesh\ncores: {0: a.yaml, 1: a.yaml, 2: out.yaml}\noffchip_core_id: 2\nlinks: 3\n"

TIMELOOP = """
architecture:
  version: 0.4
  nodes:
  - !Container
    name: system
  - !Component
    name: DRAM
    class: DRAM
    attributes: {width: 64, datawidth: 8, type: LPDDR4}
  - !Container
    name: chip
    attributes: {technology: "28nm", global_cycle_seconds: 2e-9}
  - !Component
    name: buffer
    class: smartbuffer_SRAM
    attributes: {depth: 1024, width: 64, datawidth: 8, read_bandwidth: 16, write_bandwidth: 8}
    constraints:
      dataspace: {keep: [Inputs, Outputs], bypass: [Weights]}
  - !Component
    name: noc
    class: XY_NoC
  - !Container
    name: PE
    spatial: {meshX: 6, meshY: 2}
  - !Parallel
    nodes:
    - !Component
      name: spad
      class: smartbuffer_RF
      attributes: {depth: 12, width: 16, datawidth: 8}
      constraints:
        dataspace: {keep: [Weights], bypass: [Inputs, Outputs]}
  - !Component
    name: mac
    class: intmac
    attributes: {multiplier_width: 16}
"""


def imported(folder: Path, text: str, clock_hz: float | None = 1e9) -> tuple[Target, Imported]:
    """The target of a description, at 1 GHz unless said, and what was not carried over."""
    path = folder / "machine.yaml"
    path.write_text(text)
    found = import_target(path, clock_hz)
    return read_target_text(found.text, "imported.toml"), found
