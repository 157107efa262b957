"""Rows of figures against times and energies added up by hand."""

from __future__ import annotations

import numpy as np
import pytest
from oracles.tiny import engine, level, target

from onnxroof.roofline.prices import Prices

PEAK = {"FLOAT": "1 TFLOP/s"}


def test_engines_in_turn_add_up_and_the_others_hide_behind_the_longest() -> None:
    chip = target(
        engine("a", "mac", PEAK),
        engine("b", "vector", PEAK),
        engine("c", "vector", PEAK, rest="overlap = false"),
        engine("d", "special", PEAK, rest="overlap = false"),
        level("dram", "1 GB", "1 GB/s"),
    )
    assert chip.engines_in_turn == {"c", "d"}
    prices = Prices(chip, False)
    # Engines of 1, 2, 4 and 8 s, no energy, 3 GB in and 2 GB out over one port of 1 GB/s: the longest of 1, 2 and 5 s,
    # and 4 s and 8 s on top.
    row = np.array([[1.0, 2.0, 4.0, 8.0, 0.0, 3e9, 2e9]])
    latency_s, energy_j = prices.of(row, np.ones(1))
    assert latency_s.tolist() == [pytest.approx(5 + 4 + 8)]
    assert np.isinf(energy_j).all()


def test_energies_are_those_of_work_of_bytes_on_both_sides_and_of_static_power() -> None:
    chip = target(
        engine("a", "mac", PEAK),
        level("dram", "1 GB", "1 GB/s", "10 pJ/B"),
        level("sram", "1 MB", "10 GB/s", read_energy="1 pJ/B", write_energy="2 pJ/B"),
        static_power="3 W",
        launch_overhead="1 s",
    )
    # 1 s of work of 5 J; 2 GB out of dram into sram, 1 GB back; sram feeds 4 GB and takes nothing. Twice launched.
    row = np.array([[1.0, 5.0, 2e9, 4e9, 1e9, 0.0]])
    latency_s, energy_j = Prices(chip, True).of(row, np.full(1, 2.0))
    assert latency_s.tolist() == [pytest.approx(3.0 + 2.0)]  # dram: 3 GB at 1 GB/s; two launches of 1 s
    # dram 3 GB x 10 pJ; sram written 2 GB x 2 pJ, read 4 + 1 GB x 1 pJ; 3 W x 5 s
    assert energy_j.tolist() == [pytest.approx(5.0 + 0.03 + 0.004 + 0.005 + 15.0)]
