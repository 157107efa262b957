"""Cycles of a systolic array against a cycle-exact simulator and a hand count."""

import pytest

from onnxroof.mapping.systolic import systolic_cycles


@pytest.mark.parametrize(("stationary", "reported"), [("weight", 155135), ("output", 146943)])
def test_counts_are_those_of_a_cycle_exact_simulator(stationary, reported) -> None:
    # SCALE-Sim 3.0.0, 512 x 512 x 512 on 32 x 32: 256 folds of 512 + 2*32 + 32 - 2 = 606 or 512 + 32 + 32 - 2 = 574
    # cycles, counted from 0.
    assert systolic_cycles(512, 512, 512, rows=32, columns=32, stationary=stationary) - 1 == reported


def stepped(m: int, n: int, k: int, rows: int, columns: int) -> int:
    """Outputs that stay: steps until the unit in the last corner of every fold has taken its last pair."""
    cycles = 0
    for _ in range(0, m, rows):
        for _ in range(0, n, columns):
            # The pair number p reaches unit (r, c) at step p + r + c.
            cycles += 1 + max(p + r + c for p in range(k) for r in range(rows) for c in range(columns))
    return cycles


@pytest.mark.parametrize("shape", [(1, 1, 1), (5, 7, 3), (8, 4, 9)])
@pytest.mark.parametrize("array", [(1, 1), (2, 3), (4, 4)])
def test_outputs_that_stay_as_stepped_through(shape, array) -> None:
    rows, columns = array
    assert systolic_cycles(*shape, rows=rows, columns=columns, stationary="output") == stepped(*shape, rows, columns)


def test_inputs_that_stay_are_the_transposed_product_with_weights_that_stay() -> None:
    one = systolic_cycles(100, 30, 70, rows=16, columns=8, stationary="input")
    assert one == systolic_cycles(30, 100, 70, rows=16, columns=8, stationary="weight")
    # ceil(70/16) = 5 folds of k, ceil(100/8) = 13 of m, each 16 to load and 30 waves through 16 + 8 - 2.
    assert one == 5 * 13 * (16 + 30 + 22)
