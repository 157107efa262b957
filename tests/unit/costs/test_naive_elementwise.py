"""Elementwise rules of the standard and of the runtime against their formulas, run on numbers that count."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from onnxroof.costs.cost import OpCost
from onnxroof.costs.elementwise import STEPS
from onnxroof.dtypes import DType
from tests.oracles import naive, naive_states
from tests.oracles.build import T, cost
from tests.oracles.counted import FORMULAS, Counted

F32, I32, I64, MS = 4, DType.INT32, DType.INT64, "com.microsoft"
SMALL = st.integers(1, 4)
SHAPES = st.lists(SMALL, min_size=1, max_size=3).map(tuple)
modest = settings(max_examples=8, deadline=None)
# What they need that their schema gives no default.
ATTRIBUTES = {"BitShift": {"direction": "LEFT"}, "com.microsoft.BiasAdd": {}}


def tally(found: OpCost) -> Counter[str]:
    """What a rule says in the words of the naive counters; zeros left out."""
    assert found.work is not None, found.reason
    return +Counter({"mac": found.work.macs, "vector": found.work.vector_ops, **found.work.special})


@pytest.mark.parametrize("label", FORMULAS)
@modest
@given(shape=SHAPES)
def test_each_element_goes_through_its_formula(label, shape):
    domain, op_type = (MS, label.split(".")[-1]) if label.startswith(MS) else ("", label)
    formula = FORMULAS[label]
    counted: Counter[str] = Counter()
    operands = 3 if op_type == "Clip" else formula.__code__.co_argcount if hasattr(formula, "__code__") else 1
    for _ in naive.indices(shape):
        formula(*(Counted(counted) for _ in range(1 if op_type == "Clip" else operands)))
    # Zero points and bounds are scalars, and stand behind each other or between the operands.
    small = {"MulInteger": (1, 3), "Clip": (1, 2)}.get(op_type, ())
    inputs = [() if place in small else shape for place in range(operands)]
    found = cost(op_type, inputs, [shape], ATTRIBUTES.get(label, {}), domain=domain)
    assert tally(found) == counted
    size = sum(1 for _ in naive.indices(shape))
    assert found.read_bytes == F32 * sum(size if operand else 1 for operand in inputs)
    assert found.write_bytes == F32 * size


def test_no_row_of_the_table_is_left_out():
    """Two are activations of recurrent operators alone; SwiGLU has a test of its two halves below."""
    assert set(STEPS) - set(FORMULAS) == {"Affine", "ScaledTanh", "SwiGLU"}


@modest
@given(SHAPES, st.integers(2, 4), st.sampled_from(["Sum", "Max", "Min", "Mean"]))
def test_several_operands(shape, operands, op_type):
    counted: Counter[str] = Counter()
    for _ in naive.indices(shape):
        total = Counted(counted)
        for _ in range(operands - 1):
            total = total + Counted(counted)
        if op_type == "Mean":
            total / operands
    assert tally(cost(op_type, [shape] * operands, [shape])) == counted


@modest
@given(SHAPES)
def test_selections_and_conversions(shape):
    size = sum(1 for _ in naive.indices(shape))
    chosen = cost("Where", [T(shape, DType.BOOL), shape, shape], [shape])
    assert (tally(chosen), chosen.read_bytes) == (Counter({"vector": size}), size * (1 + 2 * F32))
    cast = cost("Cast", [shape], [T(shape, I64)], {"to": 7})
    assert (tally(cast), cast.read_bytes, cast.write_bytes) == (Counter({"vector": size}), F32 * size, 8 * size)
    assert tally(cost("Cast", [shape], [shape], {"to": 1})) == Counter()


@modest
@given(SMALL, SMALL, st.lists(SMALL, max_size=2), st.booleans())
def test_scale_and_shift_by_channels(batch, channels, space, is_training):
    shape, vector = (batch, channels, *space), (channels,)
    attributes = {"training_mode": int(is_training)}
    outputs = [shape, vector, vector] if is_training else [shape]
    found = cost("BatchNormalization", [shape, *[vector] * 4], outputs, attributes)
    counted: Counter[str] = Counter()
    for _ in naive.indices(shape):
        counted.update(["vector", "vector"])  # times, plus
        if is_training:
            counted.update(["vector"] * 4)  # into the mean, less it, squared, into the variance
    assert tally(found) == counted


# -- of the runtime ----------------------------------------------------------------------------------------------


@modest
@given(SMALL, SMALL, SMALL, st.booleans())
def test_halves_side_by_side(rows, width, split, has_limit):
    result = (rows, width)
    extra = {"limit": 7.0} if has_limit else {}
    found = cost("SwiGLU", [(rows, 2 * width)], [result], extra, domain=MS)
    counted: Counter[str] = Counter()
    for _ in naive.indices(result):
        naive_states.activate(counted, "swish")
        counted["vector"] += 1  # times the other half
        counted["vector"] += 3 * has_limit  # the gate at most, the other half between two
    assert tally(found) == counted
    assert (found.read_bytes, found.write_bytes) == (F32 * rows * 2 * width, F32 * rows * width)


@modest
@given(SMALL, SMALL, SMALL)
def test_a_gate_that_is_projected(rows, width, depth):
    found = cost("GatedAdd", [(rows, width), (rows, width), (rows, depth), (depth, 1)], [(rows, width)], domain=MS)
    counted: Counter[str] = Counter()
    for _ in range(rows):
        for _ in range(depth):
            counted["mac"] += 1
        naive_states.activate(counted, "sigmoid")
        for _ in range(width):
            counted.update(["vector", "vector"])
    assert tally(found) == counted


@modest
@given(SMALL, SMALL, st.sampled_from(["ComplexMul", "ComplexMulConj"]))
def test_complex_products(rows, pairs, op_type):
    shape = (rows, pairs, 2)
    counted: Counter[str] = Counter()
    for _ in range(rows * pairs):
        counted.update(["vector"] * 6)  # ac - bd, ad + bc
    assert tally(cost(op_type, [shape, shape], [shape], domain=MS)) == counted


@modest
@given(st.lists(SHAPES, min_size=1, max_size=3))
def test_tensors_that_must_be_finite(shapes):
    counted: Counter[str] = Counter()
    for shape in shapes:
        for _ in naive.indices(shape):
            counted.update(["vector", "vector"])  # is it, and all before
    found = cost("IsAllFinite", shapes, [T((), DType.BOOL)], domain=MS)
    assert tally(found) == counted
    assert found.read_bytes == F32 * counted["vector"] // 2


@modest
@given(SHAPES, st.sampled_from([(DType.INT32, 1), (DType.INT64, 2)]))
def test_hashes_word_by_word(shape, kind):
    dtype, words = kind
    counted: Counter[str] = Counter()
    for _ in naive.indices(shape):
        for _ in range(words):
            counted.update(["vector"] * 7)  # mul, rotate, mul, xor, rotate, mul, add
        counted.update(["vector"] * 9)  # xor the length; xor shift, mul, xor shift, mul, xor shift
    assert tally(cost("MurmurHash3", [T(shape, dtype)], [T(shape, DType.UINT32)], domain=MS)) == counted


@modest
@given(SMALL, SMALL, SMALL, st.booleans(), st.sampled_from(["silu", "sigmoid"]))
def test_normalizations_by_branch_and_by_group(rows, branches, width, is_flat, gate):
    shape = (rows, branches * width) if is_flat else (rows, branches, width)
    attributes = {"num_branches": branches} if is_flat else {}
    counted: Counter[str] = Counter()
    for _ in range(rows * branches):
        naive_states.rms(counted, width, scaled=True)
    scale = (branches * width,) if is_flat else (width,)
    assert tally(cost("BranchwiseRMSNorm", [shape, scale], [shape], attributes, domain=MS)) == counted
    gated = cost("GatedRMSNorm", [shape, (width,), shape], [shape], {"activation": gate}, domain=MS)
    for _ in naive.indices(shape):
        naive_states.activate(counted, gate)
        counted["vector"] += 1
    assert tally(gated) == counted


@modest
@given(SMALL, SMALL, st.booleans())
def test_normalization_of_integers(rows, width, has_bias):
    q, one = T((rows, width), DType.INT8), ()
    inputs = [q, one, (width,), (width,) if has_bias else None, one]
    found = cost("QOrderedLayerNormalization", inputs, [q], domain=MS)
    counted = naive.normalized((rows, width), [1], is_centred=True, affine=1 + has_bias)
    for _ in range(rows * width):
        counted.update(["vector"] * 4)  # by the scale; by the other scale, round, saturate
    assert tally(found) == counted


@modest
@given(SHAPES)
def test_integers_in_another_layout(shape):
    q, one = T(shape, DType.INT8), ()
    there, back, both = Counter[str](), Counter[str](), Counter[str]()
    for _ in naive.indices(shape):
        there.update(["DIV", "vector", "vector"])  # by the scale, round, saturate
        back["vector"] += 1
        both["vector"] += 1
        naive_states.activate(both, "gelu")
        both.update(["vector"] * 3)
    assert (
        tally(cost("QuantizeWithOrder", [shape, one], [q], {"order_input": 1, "order_output": 2}, domain=MS)) == there
    )
    assert (
        tally(cost("DequantizeWithOrder", [q, one], [shape], {"order_input": 2, "order_output": 1}, domain=MS)) == back
    )
    assert tally(cost("QOrderedGelu", [q, one, one], [q], domain=MS)) == both


@modest
@given(SMALL, SMALL, SMALL, st.booleans())
def test_products_of_integers_in_another_layout(rows, columns, depth, has_bias):
    q, one = DType.INT8, ()
    inputs = [T((rows, depth), q), one, T((columns, depth), q), one, one, (columns,) if has_bias else None]
    found = cost("QOrderedMatMul", inputs, [T((rows, columns), q)], domain=MS)
    counted: Counter[str] = Counter()
    for _ in range(rows * columns):
        for _ in range(depth):
            counted["mac"] += 1
        counted["vector"] += has_bias
        counted.update(["vector"] * 4)  # as every integer product: scale, round, zero point, saturate
    assert tally(found) == counted


@modest
@given(SMALL, SMALL, SMALL, st.booleans())
def test_embeddings_of_integers(batch, tokens, width, has_segments):
    u8, ids = DType.UINT8, T((batch, tokens), I32)
    table = T((30, width), u8)
    one, zero = (), T((), u8)
    inputs = [
        ids,
        ids if has_segments else None,
        table,
        T((20, width), u8),
        T((2, width), u8) if has_segments else None,
    ]
    inputs += [T((width,), u8)] * 2 + [None] + [one] * 5 + [zero] * 5
    outputs = [(batch, tokens, width), T((batch,), I32)]
    found = cost("QEmbedLayerNormalization", inputs, outputs, domain=MS)
    tables = 2 + has_segments
    counted = naive.normalized((batch * tokens, width), [1], is_centred=True, affine=2)
    for _ in range(batch * tokens * width):
        for place in range(tables):
            counted.update(["vector", "vector"])  # less the zero point, times the scale
            counted["vector"] += place > 0  # added to those before
    for _ in range(2 * width):
        counted.update(["vector", "vector"])  # gamma and beta
    assert tally(found) == counted


@modest
@given(SMALL, SMALL, SMALL)
def test_binned_positions(heads, queries, keys):
    inputs = [(32, heads), T((1,), I64, value=[queries]), T((1,), I64, value=[keys])]
    found = cost("RelativePositionBias", inputs, [(1, heads, queries, keys)], {"max_distance": 128}, domain=MS)
    counted: Counter[str] = Counter()
    for _ in range(queries * keys):
        # how far, its size, is it small; else log of it over the exact ones, over log of the most, by the others, plus
        # the exact ones, at most the last; the one or the other
        counted.update(["vector", "vector", "vector", "LOG", "DIV", "vector", "vector", "vector", "vector"])
    assert tally(found) == counted
    assert (found.read_bytes, found.write_bytes) == (F32 * 32 * heads, F32 * heads * queries * keys)


@modest
@given(SMALL, SMALL, SMALL, SMALL, st.integers(1, 3))
def test_gated_positions(batch, heads, tokens, width, half):
    columns = 2 * half
    inputs = [(batch, tokens, heads * width), (heads * width,), (1, heads, tokens, tokens), (width, columns)]
    inputs += [(columns,), (1, heads, 1, 1)]
    result = (batch, heads, tokens, tokens)
    found = cost("GatedRelativePositionBias", inputs, [result], {"num_heads": heads}, domain=MS)
    counted: Counter[str] = Counter()
    for _ in range(batch * heads * tokens):
        for _ in range(width):
            counted["vector"] += 1  # bias of the query
        for _ in range(columns):
            for _ in range(width):
                counted["mac"] += 1
            counted.update(["vector", "vector"])  # bias, into the sum of its half
        naive_states.activate(counted, "sigmoid")
        naive_states.activate(counted, "sigmoid")
        counted.update(["vector"] * 4)  # gate_u * (gate_r * a - 1) + 2
        for _ in range(tokens):
            counted["vector"] += 1
    assert tally(found) == counted


@modest
@given(SMALL, SMALL, SMALL, st.data())
def test_padding_that_goes_and_comes(batch, tokens, width, data):
    kept = data.draw(st.integers(1, batch * tokens))
    lengths = T((batch,), I32)
    outputs = [(kept, width), T((batch, tokens), I32), T((batch + 1,), I32), T((1,), I32)]
    gone = cost("RemovePadding", [(batch, tokens, width), lengths], outputs, domain=MS)
    assert gone.read_bytes == F32 * kept * width + 4 * batch
    back = cost("RestorePadding", [(kept, width), T((batch, tokens), I32)], [(batch, tokens, width)], domain=MS)
    assert (back.read_bytes, back.write_bytes) == (
        F32 * kept * width + 4 * batch * tokens,
        F32 * batch * tokens * width,
    )


@modest
@given(SHAPES, st.booleans())
def test_what_drops_nothing_is_another_name(shape, has_mask):
    mask = [T(shape, DType.BOOL)] if has_mask else []
    dropped = cost("BitmaskDropout", [shape], [shape, *[T((8,), DType.UINT32)] * has_mask], domain=MS)
    assert (tally(dropped), dropped.read_bytes, dropped.write_bytes) == (Counter(), 0, 32 * has_mask)
    added = cost("BiasDropout", [shape, shape[-1:]], [shape, *mask], domain=MS)
    size = sum(1 for _ in naive.indices(shape))
    assert (tally(added), added.write_bytes) == (Counter({"vector": size}), (F32 + has_mask) * size)
    assert tally(cost("SampleOp", [shape], [shape], domain=MS)) == Counter()
