"""Which runs of steps could be one group, and which of them are the same."""

from __future__ import annotations

import pytest
from oracles.tiny import workload

from onnxroof.costs.table import cost_table
from onnxroof.mapping.operator import Operators
from onnxroof.mapping.segments import MOST_IN_ALL, MOST_STEPS, Segments, segments
from onnxroof.mapping.storage import storage


def runs(text: str) -> Segments:
    """Runs of the model's kernels, each a step of its own."""
    model = workload(text)
    store = storage(model, cost_table(model))
    return segments(store, Operators(store, model.tensors), [(kernel,) for kernel in range(len(store.kernels))])


def spans(found: Segments) -> list[tuple[int, int]]:
    return sorted((segment.first, segment.last) for ends in found.by_last for segment in ends)


def test_steps_that_share_nothing_may_be_held_together_by_a_third() -> None:
    found = runs("g (float[8,8] x) => (float[8,8] b, float[8,8] c) { a = Relu(x) b = Tanh(a) c = Exp(a) }")
    assert spans(found) == [(0, 1), (0, 2), (1, 2)]
    # b and c read a; d reads only x, which nobody else does.
    found = runs(
        "g (float[8,8] x, float[8,8] z) => (float[8,8] d, float[8,8] c) { a = Relu(x) d = Tanh(z) c = Exp(a) }"
    )
    assert spans(found) == []
    found = runs(
        "g (float[8,8] x, float[8,8] z) => (float[8,8] e) { a = Relu(x) d = Tanh(z) c = Exp(a) e = Add(c, d) }"
    )
    assert spans(found) == [(0, 3), (1, 3), (2, 3)]


def chained(operators: list[str]) -> Segments:
    """Operators in a row, each of the result of the one before it."""
    body = " ".join(f"t{number + 1} = {operator}(t{number})" for number, operator in enumerate(operators))
    return runs(f"g (float[8,8] t0) => (float[8,8] t{len(operators)}) {{ {body} }}")


def test_moves_do_not_count_to_the_limit_of_steps() -> None:
    longest = {  # of so many steps is the longest run
        8: ["Exp"] * 9,
        12: ["Transpose"] * 13,
        10: ["Transpose", "Exp"] * 2 + ["Exp"] * 6 + ["Exp"],  # the last one would be the ninth that works
        11: ["Exp"] + ["Exp", "Transpose"] * 3 + ["Exp"] * 4,
    }
    for steps, operators in longest.items():
        found = chained(operators)
        assert max(last - first + 1 for first, last in spans(found)) == steps
        for first, last in [(0, len(operators) - 1), (0, 7), (1, 8)]:
            works = sum(operator != "Transpose" for operator in operators[first : last + 1])
            assert found.is_too_long(first, last) == (works > MOST_STEPS or last - first + 1 > MOST_IN_ALL)


def test_an_attention_with_transpositions_is_one_run() -> None:
    found = runs("""g (float[1,64,2,16] q, float[1,64,2,16] k, float[1,64,2,16] v) => (float[1,64,2,16] y)
        <float scale = {0.5}> { a = Transpose<perm=[0,2,1,3]>(q) b = Transpose<perm=[0,2,3,1]>(k)
        c = Transpose<perm=[0,2,1,3]>(v) d = Mul(a, scale) e = Mul(b, scale) s = MatMul(d, e) p = Softmax(s)
        o = MatMul(p, c) y = Transpose<perm=[0,2,1,3]>(o) }""")
    assert (0, 8) in spans(found)
    assert found.moves == (True, True, True, False, False, False, False, False, True)


def test_two_readers_of_one_weight_are_not_two_readers_of_two() -> None:
    text = """g (float[8,8] x, float[8,8] z) => (float[8,8] b, float[8,8] d)
        <float[8,8] v, float[8,8] w, float[8,8] u> {{
        a = MatMul(x, v) b = MatMul(a, {0}) s = Softmax(z) c = MatMul(s, w) d = MatMul(c, u) }}"""
    # The two pairs of products are alike but for the one weight that the first pair reads twice.
    tied, apart = runs(text.format("v")), runs(text.format("v2").replace("float[8,8] u", "float[8,8] u, float[8,8] v2"))
    pairs = [{(s.first, s.last): s.kind for ends in one.by_last for s in ends} for one in (tied, apart)]
    assert pairs[0][0, 1] is not pairs[0][3, 4]
    assert pairs[1][0, 1].curve.total_bytes[-1] == 4 * 64 * 4  # x, two weights and b, each once
    assert pairs[0][0, 1].curve.total_bytes[-1] == 3 * 64 * 4  # the weight once


@pytest.mark.parametrize("others", [("b", "c"), ("a", "d")])
def test_two_results_of_one_kernel_are_not_one_result_read_twice(others: tuple[str, str]) -> None:
    # Two pairs of products, in one of which the second reads what the first reads, in the other its neighbour. Relu
    # reads what is left, so that each result has a reader.
    left = {"a": "b", "b": "a"}[others[0]], {"c": "d", "d": "c"}[others[1]]
    found = runs(
        f"""g (float[16,8] s, float[16,8] t) => (float[8,8] v, float[8,8] z, float[8,8] e, float[8,8] f)
        <float[8,8] w, float[8,8] k> {{
        a, b = Split <axis=0, num_outputs=2> (s) u = MatMul(a, w) v = MatMul(u, {others[0]}) e = Relu({left[0]})
        c, d = Split <axis=0, num_outputs=2> (t) q = MatMul(c, k) z = MatMul(q, {others[1]}) f = Relu({left[1]}) }}"""
    )
    pairs = {(segment.first, segment.last): segment.kind for ends in found.by_last for segment in ends}
    for place, (first, other) in {(1, 2): ("a", others[0]), (5, 6): ("c", others[1])}.items():
        distinct = 3 if first == other else 4  # with the weight and the result
        assert pairs[place].curve.total_bytes[-1] == distinct * 64 * 4


def test_a_product_of_a_tensor_with_itself_is_not_one_of_two() -> None:
    found = runs(
        """g (float[8,8] x, float[8,8] y, float[8,8] z) => (float[8,8] b, float[8,8] d)
        { a = MatMul(x, x) b = Relu(a) c = MatMul(y, z) d = Relu(c) }"""
    )
    pairs = {(segment.first, segment.last): segment.kind for ends in found.by_last for segment in ends}
    assert pairs[0, 1].curve.total_bytes[-1] == 2 * 64 * 4
    assert pairs[2, 3].curve.total_bytes[-1] == 3 * 64 * 4
