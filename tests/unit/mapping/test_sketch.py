"""Sketches of runs: what two that are alike share, what tells others apart, and what crosses their borders."""

from __future__ import annotations

import pytest
from oracles.tiny import workload

from onnxroof.costs.table import cost_table
from onnxroof.mapping.operator import Operators
from onnxroof.mapping.sketch import Sketch, Sketches, hangs_together, outside, sketch_of
from onnxroof.mapping.storage import Storage, storage

BYTES = 8 * 8 * 4


def taken_apart(text: str) -> tuple[Storage, Operators]:
    model = workload(text)
    store = storage(model, cost_table(model))
    return store, Operators(store, model.tensors)


def sketch(text: str, *kernels: int) -> Sketch:
    """Of some kernels of a model, each a step; of all where none are named."""
    store, operators = taken_apart(text)
    return sketch_of(store, operators, [(kernel,) for kernel in kernels or range(len(store.kernels))])


def test_equal_runs_of_two_models_have_equal_sketches() -> None:
    one = sketch("g (float[8,8] x) => (float[8,8] b) <float[8,8] w> { a = MatMul(x, w) b = Relu(a) }")
    other = sketch(
        "h (float[8,8] p) => (float[8,8] s) <float[8,8] v> { q = Exp(p) r = MatMul(q, v) s = Relu(r) }", 1, 2
    )
    assert one == other
    assert hash(one) == hash(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("(float[8,8] x, float[8,8] y) => (float[8,8] a) { a = Add(x, y) }",  # a tensor twice, or two
         "(float[8,8] x, float[8,8] y) => (float[8,8] a) { a = Add(x, x) }"),
        ("(float[8,8] x) => (float[8,8] a) { a = Relu(x) }",  # another width
         "(float16[8,8] x) => (float16[8,8] a) { a = Relu(x) }"),
        ("(float[8,8] x) => (float[8,8] a) { a = Relu(x) }",  # another shape
         "(float[8,4] x) => (float[8,4] a) { a = Relu(x) }"),
        ("(float[8,8] x) => (float[8,8] b) { a = Relu(x) b = Exp(a) }",  # what is wanted outside
         "(float[8,8] x) => (float[8,8] b, float[8,8] a) { a = Relu(x) b = Exp(a) }"),
    ],
)  # fmt: skip
def test_what_matters_to_a_group_tells_sketches_apart(one: str, other: str) -> None:
    assert sketch(f"g {one}") != sketch(f"g {other}")


def test_a_run_is_sketched_by_what_it_has_before_a_shorter_one() -> None:
    store, operators = taken_apart(
        """g (float[8,8] x) => (float[8,8] e) <float[8,8] w>
        { a = MatMul(x, w) b = Relu(a) c = MatMul(b, w) d = Add(c, a) e = Exp(d) }"""
    )
    sketches = Sketches(store, operators)
    for first in range(len(store.kernels) - 1, -1, -1):
        assert sketches.with_step((first,)) == sketch_of(store, operators, [(k,) for k in range(first, 5)])


def test_steps_hang_together_by_what_they_touch() -> None:
    apart = "g (float[8,8] x, float[8,8] z) => (float[8,8] a, float[8,8] b) { a = Relu(x) b = Exp(z) }"
    by_operand = apart.replace("Exp(z)", "Exp(x)")
    assert not hangs_together(sketch(apart))
    assert hangs_together(sketch(by_operand))
    assert hangs_together(sketch(apart, 0))


def test_what_crosses_a_border_is_every_tensor_once() -> None:
    # x is read by two, w by two; a stays inside, b leaves though it is read inside.
    found = outside(
        sketch(
            """g (float[8,8] x) => (float[8,8] c, float[8,8] b) <float[8,8] w>
            { a = MatMul(x, w) b = Add(a, x) c = MatMul(b, w) }"""
        )
    )
    # The first operator that touches it, its place among that one's tensors (operands, then results), and bytes.
    assert sorted(found.reads.tolist()) == [[0, 0, BYTES], [0, 1, BYTES]]
    assert sorted(found.writes.tolist()) == [[1, 2, BYTES], [2, 2, BYTES]]
    assert sorted(found.shared[:, :2].tolist()) == [[0, 0], [0, 1], [0, 2], [1, 2]]
