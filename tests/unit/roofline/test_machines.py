"""The numbers of targets as arrays, filled up where a target has fewer engines or levels."""

from __future__ import annotations

import numpy as np
from oracles.tiny import engine, level, target

from onnxroof.roofline.machines import machines

VECTOR = engine("v", "vector", {"FLOAT": "1 GFLOP/s"})
SMALL = target(VECTOR, level("dram", "1 GB", "2 GB/s", "3 pJ/B"))
LARGE = target(
    engine("m", "mac", {"FLOAT": "1 GFLOP/s"}, rest="overlap = false"), VECTOR,
    level("dram", "1 GB", read_bandwidth="4 GB/s", write_bandwidth="1 GB/s"),
    level("sram", "1 MB", "8 GB/s", rest='overlap = false\nscope = "core"'),
    cores="4", static_power="2 W", launch_overhead="5 us",
)  # fmt: skip


def test_every_number_is_where_its_level_is() -> None:
    found = machines([SMALL, LARGE])
    assert found.read_rate.tolist() == [[2e9, np.inf], [4e9, 32e9]]  # four instances of 8 GB/s
    assert found.write_rate.tolist() == [[2e9, np.inf], [1e9, 32e9]]
    assert found.shares_port.tolist() == [[True, True], [False, True]]
    assert np.array_equal(found.both_rate, [[2e9, np.nan], [5e9, 32e9]], equal_nan=True)
    assert found.is_timed.tolist() == [[True, False], [True, True]]
    assert found.overlaps.tolist() == [[True, True], [True, False]]
    assert found.in_turn.tolist() == [[False, False], [True, False]]
    assert np.array_equal(found.read_j, [[3e-12, 0.0], [np.nan, np.nan]], equal_nan=True)
    assert np.array_equal(found.static_w, [np.nan, 2.0], equal_nan=True)
    assert np.array_equal(found.launch_s, [np.nan, 5e-6], equal_nan=True)


def test_rows_take_the_numbers_of_their_targets() -> None:
    found = machines([SMALL, LARGE]).of(np.array([1, 0, 1]))
    assert found.read_rate[:, 0].tolist() == [4e9, 2e9, 4e9]
    assert found.static_w.shape == (3,)
