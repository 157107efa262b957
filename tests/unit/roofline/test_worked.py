"""Work on engines, by hand: rates, energies, arrays that are not full, and what is unknown."""

from __future__ import annotations

import numpy as np
import pytest
from oracles.tiny import engine, level, target, workload

from onnxroof.costs.table import cost_table
from onnxroof.mapping.policies import plan
from onnxroof.mapping.shaped import Shapes
from onnxroof.mapping.storage import storage
from onnxroof.mapping.traffic import GroupShape
from onnxroof.roofline.worked import parts_of, worked

# 48 x 64 x 64: 196,608 MACs; then 3,072 exponentials, and 3,072 additions.
TEXT = (
    "g (float[48,64] x) => (float[48,64] z) <float[64,64] w, float[64] b> { m = MatMul(x, w) a = Add(m, b) z = Exp(a) }"
)
DRAM = level("dram", "1 GB")
ARRAY = "array = { m = 32, n = 32, k = 1 }"  # 48 rows take two steps of 32: 3/4 of the array is used


def shapes(policy: str = "none") -> tuple[GroupShape, ...]:
    model = workload(TEXT)
    store = storage(model, cost_table(model))
    return Shapes().shaped(store, plan(policy, store)).shapes


def test_the_parts_of_work_with_a_mac_as_two_operations() -> None:
    (shape,) = shapes("epilogue")
    assert parts_of(shape) == [
        (("mac", "FLOAT", ""), 2 * 196_608), (("vector", "FLOAT", ""), 3_072), (("special", "FLOAT", "EXP"), 3_072),
    ]  # fmt: skip


def test_times_by_engine_and_energies_on_two_targets_of_other_sizes() -> None:
    one = target(engine("all", "mac vector special", {"FLOAT": "1 GFLOP/s, 2 pJ/FLOP"}), DRAM)
    two = target(
        engine("matrix", "mac", {"FLOAT": "4 GFLOP/s, 1 pJ/FLOP"}, rest=ARRAY),
        engine("vector", "vector special", {"FLOAT": "1 GFLOP/s, 1 pJ/FLOP"}, rest="special_cost = { EXP = 2 }"), DRAM,
    )  # fmt: skip
    found = worked(shapes(), (one, two), tf32=True)
    assert found.engines_s.shape == (2, 3, 2)
    # product, addition, exponential of 4 lanes each where the target says nothing
    assert found.engines_s[0].tolist() == [[393_216e-9, 0], [3_072e-9, 0], [pytest.approx(4 * 3_072e-9), 0]]
    assert found.compute_j[0].tolist() == pytest.approx([2e-12 * 393_216, 2e-12 * 3_072, 2e-12 * 4 * 3_072])
    assert found.engines_s[1, 0].tolist() == [pytest.approx(393_216 / 4e9 / 0.75), 0.0]
    assert found.full_engines_s[1, 0].tolist() == [pytest.approx(393_216 / 4e9), 0.0]
    assert found.engines_s[1, 2].tolist() == [0.0, pytest.approx(2 * 3_072e-9)]
    assert found.runs.tolist()[1] == [[True, False], [False, True], [False, True]]
    assert found.spatial[:, 0].tolist() == [1.0, 0.75]
    assert np.isnan(found.spatial[:, 1:]).all()
    assert found.mac_engine.tolist() == [[-1, -1, -1], [0, -1, -1]]
    assert found.mac_s[1].tolist() == [pytest.approx(393_216 / 4e9 / 0.75), 0.0, 0.0]


def test_a_default_of_ours_is_doubtful_and_a_stated_number_is_not() -> None:
    found = worked(
        shapes(), (target(engine("all", "mac vector special", {"FLOAT": "1 GFLOP/s, 1 pJ/FLOP"}), DRAM),), tf32=True
    )
    assert found.doubtful_s[0, :, 0].tolist() == [0.0, 0.0, pytest.approx(4 * 3_072e-9)]
    assert found.doubtful_j[0].tolist() == [0.0, 0.0, pytest.approx(4 * 3_072e-12)]


def test_unknown_rates_take_no_time_and_unknown_energies_are_unknown() -> None:
    chip = target(engine("m", "mac", {"FLOAT": "1 pJ/FLOP"}), engine("v", "vector", {"FLOAT": "1 GFLOP/s"}), DRAM)
    found = worked(shapes(), (chip,), tf32=True)
    assert found.engines_s[0].tolist() == [[0.0, 0.0], [0.0, 3_072e-9], [0.0, 0.0]]
    assert found.runs[0].tolist() == [[False, False], [False, True], [False, False]]
    assert found.compute_j[0, 0] == pytest.approx(393_216e-12)
    assert np.isnan(found.compute_j[0, 1:]).all()  # no energy is stated; nothing runs exponentials
