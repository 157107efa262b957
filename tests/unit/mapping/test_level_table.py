"""The traffic of many shapes on many targets against that of one shape on one target."""

from __future__ import annotations

import dataclasses
import random

import numpy as np
import pytest
from oracles.tiny import engine, level, target, workload

from onnxroof.costs.table import cost_table
from onnxroof.mapping.level_table import level_table
from onnxroof.mapping.policies import plan
from onnxroof.mapping.shaped import Shapes
from onnxroof.mapping.storage import storage
from onnxroof.mapping.traffic import GroupShape, level_traffic
from onnxroof.targets.model import Array, MemoryLevel

MODEL = """g (float[1,8,20,20] x) => (float[1,10] z, float[0] nothing)
    <float[16,8,3,3] p, float[16,1,3,3] q, float[16,10] w, float[10] b, float[0] e>
    { a = Conv<pads=[1,1,1,1]>(x, p) r = Relu(a) d = Conv<group=16,strides=[2,2]>(r, q) s = Sigmoid(d)
      g = GlobalAveragePool(s) f = Flatten(g) m = MatMul(f, w) z = Add(m, b) nothing = Relu(e) }"""

WIDE = 'access_width = { value = 64, unit = "B", source = "made" }'


def shapes() -> list[GroupShape]:
    model = workload(MODEL)
    store = storage(model, cost_table(model))
    made = Shapes()
    found = [shape for policy in ("none", "epilogue") for shape in made.shaped(store, plan(policy, store)).shapes]
    return [*dict.fromkeys(found)]


def levels(draw: random.Random) -> tuple[MemoryLevel, ...]:
    """Two to four levels, some too small for any tile, some of each core, some that hold only some operands."""
    capacities = ["64 KiB", "4 KiB", "512 B", "8 B", "2 B", ""]
    rests = ["", "", "usable = 0.5", 'scope = "core"', 'holds = ["weight"]', WIDE]
    inner = [
        level(f"l{number}", draw.choice(capacities), "1 GB/s", rest=draw.choice(rests))
        for number in range(draw.randint(1, 3))
    ]
    return target(engine("all", "mac", {"FLOAT": ""}), level("dram", "1 GB"), *inner, cores="4").levels


@pytest.mark.parametrize("seed", range(20))
def test_a_table_has_for_each_shape_and_target_what_they_have_alone(seed: int) -> None:
    draw = random.Random(seed)
    chips = [levels(draw) for _ in range(6)]
    listed = shapes()
    kinds = [None, Array(m=4, n=8, k=2), Array(m=16, n=16, k=1)]
    arrays = [[draw.choice(kinds) for _ in listed] for _ in chips]
    table = level_table(listed, chips, arrays)
    for place, one in enumerate(chips):
        for number, shape in enumerate(listed):
            wanted = level_traffic(shape, one, arrays[place][number])
            found = table.traffic(place, number, len(one), shape.curve)
            assert found.read_bytes.tolist() == pytest.approx(wanted.read_bytes.tolist(), rel=1e-12)
            assert found.write_bytes.tolist() == pytest.approx(wanted.write_bytes.tolist(), rel=1e-12)
            assert found.footprint_bytes.tolist() == wanted.footprint_bytes.tolist()
            assert (found.bypassed, dict(found.tile)) == (wanted.bypassed, dict(wanted.tile))
            assert not np.any(table.read_bytes[place, number, len(one) :])


def test_equal_levels_that_all_hold_everything_are_looked_up_together() -> None:
    # The same levels, once said to hold what levels hold anyway and once with a width that rounds nothing (1 B).
    plain = levels(random.Random(1))
    plain = tuple(
        dataclasses.replace(one, holds=frozenset({"input", "weight", "output"}), access_width=None) for one in plain
    )
    wide = tuple(
        dataclasses.replace(one, access_width=dataclasses.replace(plain[0].capacity, value=1.0)) for one in plain
    )
    listed = shapes()
    table = level_table(listed, [plain, wide], [[None] * len(listed)] * 2)
    assert np.allclose(table.read_bytes[0], table.read_bytes[1], rtol=1e-12)
    assert np.allclose(table.write_bytes[0], table.write_bytes[1], rtol=1e-12)
