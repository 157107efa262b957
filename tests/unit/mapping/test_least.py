"""What a group must hold and move again: by hand, and never above the curves of known patterns."""

from __future__ import annotations

import math

import pytest
from oracles.named_stack import named_stack
from oracles.tiny import workload

from onnxroof.costs.table import cost_table
from onnxroof.mapping.fused import fused_curve
from onnxroof.mapping.least import Least
from onnxroof.mapping.operator import Operators
from onnxroof.mapping.segments import Kind
from onnxroof.mapping.sketch import sketch_of
from onnxroof.mapping.stacks import Stack
from onnxroof.mapping.storage import storage


def stack(text: str) -> Stack:
    """All operators of a model as one group, each a step of its own."""
    model = workload(text)
    store = storage(model, cost_table(model))
    return named_stack(store, model.tensors, [(kernel,) for kernel in range(len(store.kernels))]).stack


# A softmax over channels needs all 8 of a pixel of `a`: it is cut along rows and columns only, 256 pixels of 32 bytes.
# The weights, 64 x 8 elements of 4 bytes, depend on neither.
PIXELS = """g (float[1,64,16,16] x) => (float[1,8,16,16] y) <float[8,64,1,1] w>
    { a = Conv(x, w) y = Softmax<axis=1>(a) }"""


def test_weights_come_again_with_each_tile_that_there_is_no_room_for() -> None:
    bound = Least(stack(PIXELS))
    # In 1,024 bytes are 32 pixels at most: 8 tiles, so 2,048 bytes come 7 times more. If all but one pixel's room were
    # for weights, 992 bytes of them would stay, and 1,056 come with each of 256 pixels.
    assert bound.again_bytes(1024) == pytest.approx(7 * 2048, rel=1e-4)
    # All weights may stay in 2,080 bytes, beside one pixel. With one less, one byte comes with each pixel but the
    # first: less than 2,048 x (8,192 / 2,079 - 1).
    assert bound.again_bytes(2048 + 32) == pytest.approx(0.0, abs=1)
    assert bound.again_bytes(2048 + 31) == pytest.approx(255, abs=1)
    # All pixels in 8,192 bytes: one tile.
    assert bound.again_bytes(8192) == 0.0


def test_nothing_fits_below_the_least_tile() -> None:
    bound = Least(stack(PIXELS))
    assert bound.again_bytes(31) == math.inf
    assert bound.again_bytes(32) < math.inf


def test_operands_that_do_not_count_come_never_again() -> None:
    found = stack(PIXELS)
    weights = next(number for number, operand in enumerate(found.operands) if operand.bytes == 64 * 8 * 4)
    assert Least(found).again_bytes(1024, frozenset({weights})) == 0.0


PATTERNS = {
    "pixels": PIXELS,
    "convolutions": """g (float[1,16,24,24] x) => (float[1,16,24,24] d)
        <float[16,16,3,3] p, float[16,16,3,3] q, float[32,16,1,1] r, float[16,32,3,3] s>
        { a = Conv<pads=[1,1,1,1]>(x, p) b = Relu(a) c = Conv<pads=[1,1,1,1]>(b, q) e = Conv(c, r) f = Relu(e)
          h = Conv<pads=[1,1,1,1]>(f, s) i = Add(h, x) d = Relu(i) }""",
    "strides": """g (float[1,4,33,33] x) => (float[1,4,8,8] d) <float[4,4,3,3] p, float[8,4,1,1] q, float[4,8,3,3] r>
        { a = Conv<pads=[1,1,1,1], strides=[2,2]>(x, p) b = Conv<strides=[2,2]>(a, q)
          c = MaxPool<kernel_shape=[2,2]>(b) d = Conv<pads=[1,1,1,1]>(c, r) }""",
    "attention": """g (float[1,2,256,32] q, float[1,2,32,256] k, float[1,2,256,32] v, float[1,1,256,256] mask)
        => (float[1,2,256,32] y) <float scale = {8.0}>
        { s = MatMul(q, k) t = Div(s, scale) u = Add(t, mask) p = Softmax<axis=-1>(u) y = MatMul(p, v) }""",
    "perceptron": """g (float[128,64] x) => (float[128,64] y) <float[64,256] up, float[256,64] down>
        { h = MatMul(x, up) a = Sigmoid(h) y = MatMul(a, down) }""",
    "norm": """g (float[64,256] x) => (float[64,128] y) <float[256] g, float[256,512] up, float[512,128] down>
        { n = LayerNormalization(x, g) h = MatMul(n, up) a = Relu(h) b = MatMul(a, down) y = Softmax(b) }""",
}


@pytest.mark.parametrize("name", PATTERNS)
def test_no_step_of_a_curve_is_below_the_bound(name: str) -> None:
    found = stack(PATTERNS[name])
    curve, bound, once = fused_curve(found), Least(found), sum(operand.bytes for operand in found.operands)
    moved = curve.total_bytes.tolist()
    before = math.inf
    for room, total in zip(curve.capacity_bytes.tolist(), moved, strict=True):
        # Up to here no step before this one moves less than `before`.
        assert once + bound.again_bytes(room - 1) <= before * (1 + 1e-9)
        before = min(before, total)
        assert once + bound.again_bytes(room) <= before * (1 + 1e-9)
    assert bound.again_bytes(min(case.holds for case in bound.cases()) - 1) == math.inf


@pytest.mark.parametrize("name", ["pixels", "attention", "perceptron", "norm"])
def test_of_the_least_room_it_knows_a_good_part(name: str) -> None:
    # Not of convolutions, whose halos it leaves out.
    found = stack(PATTERNS[name])
    curve, bound = fused_curve(found), Least(found)
    assert 0.2 <= min(case.holds for case in bound.cases()) / curve.capacity_bytes[0] <= 1.0


def test_a_kind_knows_what_its_curve_says() -> None:
    model = workload(PATTERNS["convolutions"])
    store = storage(model, cost_table(model))
    kind = Kind(sketch_of(store, Operators(store, model.tensors), [(k,) for k in range(len(store.kernels))]))
    assert kind.known_bytes(1.0) == (0.0, 0.0)
    curve = kind.curve
    once = [sum(crossed[:, 2].tolist()) for crossed in kind.outside[:2]]
    assert kind.known_bytes(curve.capacity_bytes[0] - 1) == (math.inf, math.inf)
    moved = zip(curve.read_bytes.sum(axis=1).tolist(), curve.write_bytes.sum(axis=1).tolist(), strict=True)
    least = [math.inf, math.inf]
    for room, both in zip(curve.capacity_bytes.tolist(), moved, strict=True):
        least = [min(before, now) for before, now in zip(least, both, strict=True)]
        found = kind.known_bytes(room)
        assert found == tuple(now - size for now, size in zip(least, once, strict=True))
