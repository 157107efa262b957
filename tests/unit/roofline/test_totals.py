"""Sums over rows of sheets, by hand."""

from __future__ import annotations

import numpy as np
import pytest
from oracles.tiny import engine, level, target

from onnxroof.roofline.machines import machines
from onnxroof.roofline.sheet import Rows, Sheet
from onnxroof.roofline.totals import Sums
from onnxroof.targets.model import Target

CHIP = target(
    engine("mac", "mac", {"FLOAT": "1 TFLOP/s"}), level("dram", "1 GB", "1 GB/s", "10 pJ/B"), static_power="2 W"
)


def sheet(chip: Target, seconds: list[list[float]], read_bytes: list[float], is_known: list[bool]) -> Sheet:
    """Groups that keep each engine busy for so long at 1 J each, its array half full, and read so much."""
    count = len(seconds)
    engines_s, reads = np.array(seconds), np.array(read_bytes)[:, None]
    rows = Rows(
        engines_s=engines_s, full_engines_s=engines_s / 2, runs=engines_s > 0, compute_j=np.ones(count),
        doubtful_s=np.zeros_like(engines_s), doubtful_j=np.zeros(count), read_bytes=reads,
        write_bytes=np.zeros((count, 1)), saved_bytes=np.zeros((count, 1)), whole_bytes=reads[:, 0], least_bytes=reads,
        launches=np.ones(count), is_known=np.array(is_known),
    )  # fmt: skip
    return Sheet(rows, machines([chip]).of(np.zeros(count, dtype=np.int64)))


def test_rows_of_several_sheets_add_up() -> None:
    one, other = sheet(CHIP, [[1.0], [2.0], [9.0]], [3e9, 1e9, 0.0], [True] * 3), sheet(CHIP, [[4.0]], [0.0], [True])
    # Once the first of one, three times its second, twice the only one of the other; its third is not among them.
    sums = Sums(CHIP, [(one, np.array([0, 1])), (other, np.array([0]))], np.array([1.0, 3.0, 2.0]))
    assert sums.is_known and sums.says_time
    # max(1, 3) + 3 max(2, 1) + 2 x 4 s
    assert sums.total(lambda figures: figures.latency_s) == pytest.approx(3 + 6 + 8)
    assert sums.by_level(lambda figures: figures.rows.read_bytes) == {"dram": pytest.approx(3e9 + 3e9)}
    assert sums.mix_s == pytest.approx(0.5 + 3 + 4)
    assert sums.energy_terms_j == {
        "compute": pytest.approx(6.0), "memory:dram": pytest.approx(6e9 * 10e-12), "static": pytest.approx(2 * 17.0),
    }  # fmt: skip
    # Half of the 1 + 6 + 8 s of the engine is its array; the first group waits 2 s for its bytes.
    assert sums.waterfall_s == {
        "ideal": pytest.approx(7.5), "spatial": pytest.approx(7.5), "stall:dram": pytest.approx(2.0),
        "launch": pytest.approx(0.0),
    }  # fmt: skip
    assert sums.regime.time == "compute:mac"  # 14 of 17 s


def test_the_busiest_engine_over_all_groups_sets_the_roof_of_a_mix() -> None:
    two = target(
        engine("matrix", "mac", {"FLOAT": "1 TFLOP/s"}), engine("vector", "vector", {"FLOAT": "1 TFLOP/s"}),
        level("dram", "1 GB", "1 GB/s"),
    )  # fmt: skip
    found = sheet(two, [[3.0, 1.0], [1.0, 4.0]], [0.0, 0.0], [True, True])
    # matrix 2 x 3 + 1 = 7, vector 2 x 1 + 4 = 6; the sum of each group's longest would be 2 x 3 + 4 = 10. Half of that,
    # since arrays are half full.
    assert Sums(two, [(found, np.arange(2))], np.array([2.0, 1.0])).mix_s == 3.5


def test_one_unknown_group_makes_sums_unknown() -> None:
    found = sheet(CHIP, [[1.0], [2.0]], [0.0, 0.0], [True, False])
    both, known = (Sums(CHIP, [(found, np.arange(count))], np.ones(count)) for count in (2, 1))
    assert (both.is_known, known.is_known) == (False, True)
    assert both.total(lambda figures: figures.latency_s) is None
    assert (both.energy_terms_j, both.waterfall_s, both.regime.time) == ({}, {}, "")
    assert known.total(lambda figures: figures.latency_s) == 1.0


def test_figures_are_worked_out_when_they_are_looked_at() -> None:
    found = sheet(CHIP, [[1.0]], [0.0], [True])
    assert Sums(CHIP, [(found, np.arange(1))], np.ones(1)).total(lambda figures: figures.latency_s) == 1.0
    assert "regimes" not in vars(found) and "latency_s" in vars(found)
