"""Time and energy of bytes at the levels of a target."""

from __future__ import annotations

import pytest
from oracles.tiny import engine, level, target

from onnxroof.roofline.terms import bandwidth_bytes_per_s, least_energy_j_per_byte, level_energy_terms, level_time_s
from onnxroof.targets.model import MemoryLevel

MATRIX = engine("matrix", "mac", {"FLOAT": "1 TFLOP/s"})


def levels(*texts: str, cores: str = "") -> tuple[MemoryLevel, ...]:
    return target(MATRIX, *texts, cores=cores).levels


def test_one_port_serves_reads_and_writes_in_turn() -> None:
    (dram,) = levels(level("dram", bandwidth="10 GB/s"))
    assert level_time_s(dram, 3e9, 1e9) == pytest.approx(0.4)  # (3 + 1) GB at 10 GB/s


def test_two_ports_work_side_by_side() -> None:
    (dram,) = levels(level("dram", read_bandwidth="10 GB/s", write_bandwidth="2 GB/s"))
    assert level_time_s(dram, 3e9, 1e9) == pytest.approx(0.5)  # reads 0.3 s, writes 1/2 = 0.5 s
    assert level_time_s(dram, 8e9, 1e9) == pytest.approx(0.8)  # reads 0.8 s
    assert bandwidth_bytes_per_s(dram) == 12e9  # both ways at once; reads 10 GB and writes 2 GB take 1 s
    assert level_time_s(dram, 10e9, 2e9) == pytest.approx(1.0)


def test_of_two_ports_the_unknown_one_takes_no_time() -> None:
    (dram,) = levels(level("dram", write_bandwidth="2 GB/s"))
    assert level_time_s(dram, 3e9, 1e9) == pytest.approx(0.5)
    assert bandwidth_bytes_per_s(dram) is None  # what is read would lie above a roof of 2 GB/s


def test_an_unknown_bandwidth_is_no_time_at_all() -> None:
    (dram,) = levels(level("dram"))
    assert level_time_s(dram, 3e9, 1e9) is None
    assert bandwidth_bytes_per_s(dram) is None
    assert least_energy_j_per_byte(dram) is None


def test_bandwidth_is_of_one_instance_and_all_instances_work() -> None:
    _, sram = levels(level("dram"), level("sram", bandwidth="10 GB/s", rest='scope = "core"'), cores="4")
    assert bandwidth_bytes_per_s(sram) == 10e9
    assert level_time_s(sram, 3e9, 1e9) == pytest.approx(0.1)  # 4 GB at 4 x 10 GB/s


def test_each_crossing_is_priced_at_both_of_its_ends() -> None:
    # 100 B go from dram to sram, 20 B back; 300 B go from sram to the engines, 50 B back. In pJ:
    #   dram: 100 x 5 read + 20 x 7 written                             = 640
    #   sram: (300 + 20) x 2 read, as 20 B are read to be sent out      = 640
    #         (50 + 100) x 3 written, as 100 B arrive                   = 450
    both = levels(
        level("dram", read_energy="5 pJ/B", write_energy="7 pJ/B"),
        level("sram", read_energy="2 pJ/B", write_energy="3 pJ/B"),
    )
    terms = level_energy_terms(both, [100.0, 300.0], [20.0, 50.0])
    assert terms == pytest.approx({"memory:dram": 640e-12, "memory:sram": 1090e-12})
    assert least_energy_j_per_byte(both[0]) == pytest.approx(5e-12)  # reading is cheaper


def test_an_energy_that_is_needed_and_not_known_makes_all_unknown() -> None:
    both = levels(level("dram", energy="5 pJ/B"), level("sram", read_energy="2 pJ/B"))
    assert level_energy_terms(both, [100.0, 300.0], [0.0, 0.0]) is None  # 100 B are written into sram
    assert least_energy_j_per_byte(both[1]) == pytest.approx(2e-12)


def test_an_energy_that_is_not_needed_may_be_unknown() -> None:
    (dram,) = levels(level("dram", read_energy="5 pJ/B"))
    assert level_energy_terms([dram], [100.0], [0.0]) == pytest.approx({"memory:dram": 500e-12})
