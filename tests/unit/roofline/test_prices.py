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
    prices = Prices(chip, ("a", "b", "c", "d"), False)
    # Engines of 1, 2, 4 and 8 s, no energy, 3 GB in and 2 GB out over one port of 1 GB/s: the longest of 1, 2 and 5 s,
    # and 4 s and 8 s on top.
    row = np.array([[1.0, 2.0, 4.0, 8.0, 0.0, 3e9, 2e9]])
    latency_s, energy_j = prices.of(row, 1)
    assert latency_s.tolist() == [pytest.approx(5 + 4 + 8)]
    assert np.isinf(energy_j).all()
