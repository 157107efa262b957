"""What was tried of a group against its curve, and against the same tiles one at a time."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from oracles.named_stack import named_stack
from oracles.tiny import workload

from onnxroof.costs.table import cost_table
from onnxroof.mapping.fused import WORTH, fused_curve, fused_step
from onnxroof.mapping.stacks import Stack
from onnxroof.mapping.storage import storage
from onnxroof.mapping.tried import Tried


def stack(text: str) -> Stack:
    """All operators of a model as one group."""
    model = workload(text)
    store = storage(model, cost_table(model))
    return named_stack(store, model.tensors, [(kernel,) for kernel in range(len(store.kernels))]).stack


GROUPS = {
    "convolutions": """g (float[1,16,24,24] x) => (float[1,16,24,24] d)
        <float[16,16,3,3] p, float[16,16,3,3] q, float[32,16,1,1] r>
        { a = Conv<pads=[1,1,1,1]>(x, p) b = Relu(a) c = Conv<pads=[1,1,1,1]>(b, q) f = Add(c, x) d = Relu(f) }""",
    "perceptron": """g (float[128,64] x) => (float[128,64] y) <float[64,256] up, float[256,64] down>
        { h = MatMul(x, up) a = Sigmoid(h) y = MatMul(a, down) }""",
    "two results": """g (float[64,32] x) => (float[64,16] y, float[64,32] h) <float[32,32] up, float[32,16] down>
        { h = MatMul(x, up) y = MatMul(h, down) }""",
}


@pytest.mark.parametrize("name", GROUPS)
def test_figures_are_those_of_each_tile_and_way_alone(name: str) -> None:
    found = Tried(stack(GROUPS[name]))
    reads = found.reads_of([*range(len(found.stack.operands))])
    ops, number = sum(member.ops for member in found.stack.members), 0
    for part in found.parts:
        sizes = part.evaluation.grid.tiles.sizes
        for tile in itertools.product(*sizes.values()):
            step = fused_step(found.stack, dict(zip(sizes, tile, strict=True)) | part.evaluation.grid.fixed, part.way)
            if part.resident:  # room for slices of all that is read is left, though some of it does not stream past
                assert found.footprint_bytes[number] >= step.capacity_bytes[0] - 1
            else:
                assert found.footprint_bytes[number] == pytest.approx(step.capacity_bytes[0], abs=1)
            assert found.moved_bytes[number] == pytest.approx(step.total_bytes[0], abs=len(found.stack.operands))
            for operand in range(len(found.stack.operands)):
                assert reads[operand, number] == pytest.approx(step.read_bytes[0, operand], abs=1)
            assert found.work[number] == pytest.approx(1 + step.again_ops[0] / ops, abs=1e-6)
            number += 1
    assert number == len(found.moved_bytes) > 50


@pytest.mark.parametrize("name", GROUPS)
def test_no_step_of_the_curve_moves_less_than_was_found(name: str) -> None:
    group = stack(GROUPS[name])
    curve, found = fused_curve(group), Tried(group)
    once = np.array([operand.bytes for operand in group.operands], dtype=float)
    inputs = [n for n, operand in enumerate(group.operands) if not operand.is_written]
    for room in curve.capacity_bytes.tolist():
        for aside in (frozenset[int](), frozenset(inputs[:1]), frozenset(inputs)):
            columns = [n for n in range(len(once)) if n not in aside]
            moved = (curve.read_bytes + curve.write_bytes)[curve.capacity_bytes <= room][:, columns].sum(axis=1).min()
            least = found.again_bytes(room, aside) + once[columns].sum()
            assert least <= moved + 1e-6
            if not aside:  # in a large group steps that move about the same are one
                assert moved * WORTH <= least + len(once)
    assert found.again_bytes(curve.capacity_bytes[0] - 1) == math.inf
