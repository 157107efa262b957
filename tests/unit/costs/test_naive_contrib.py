"""Rules of ONNX Runtime's own operators, and of recurrent states, against counters over shapes of all kinds."""

from __future__ import annotations

import math
from collections import Counter
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from onnxroof.costs.cost import OpCost
from onnxroof.dtypes import DType
from tests.oracles import naive, naive_data
from tests.oracles.build import T, cost

F32, MS = 4, "com.microsoft"
SMALL = st.integers(1, 4)
SHAPES = st.lists(SMALL, min_size=1, max_size=3).map(tuple)
modest = settings(max_examples=40, deadline=None)


def tally(found: OpCost) -> Counter[str]:
    """What a rule says in the words of the naive counters; zeros left out."""
    assert found.work is not None, found.reason
    return +Counter({"mac": found.work.macs, "vector": found.work.vector_ops, **found.work.special})


@modest
@given(st.sampled_from(["linear", "gated", "delta", "gated_delta"]), SMALL, SMALL, SMALL, SMALL, SMALL, SMALL)
def test_linear_attention_token_by_token(rule, batch, tokens, kv_heads, group, width, value_width):
    heads = kv_heads * group
    past = (batch, kv_heads, width, value_width)
    inputs: list[Any] = [(batch, tokens, heads * width), (batch, tokens, kv_heads * width)]
    inputs += [(batch, tokens, kv_heads * value_width), past]
    inputs += [(batch, tokens, kv_heads) if "gated" in rule else None]
    inputs += [(batch, tokens, kv_heads)] if "delta" in rule else []
    attributes = {"q_num_heads": heads, "kv_num_heads": kv_heads, "update_rule": rule}
    found = cost("LinearAttention", inputs, [(batch, tokens, heads * value_width), past], attributes)
    assert tally(found) == naive_data.delta_rule(rule, batch, tokens, heads, kv_heads, width, value_width)


@modest
@given(SMALL, SMALL, SMALL, SMALL, st.booleans())
def test_causal_convolutions_of_each_channel(batch, channels, tokens, taps, has_bias):
    inputs: list[Any] = [(batch, channels, tokens), (channels, 1, taps), *([(channels,)] if has_bias else [])]
    found = cost("CausalConvWithState", inputs, [(batch, channels, tokens)])
    assert tally(found) == naive_data.filtered(batch, channels, tokens, taps, has_bias=has_bias)


@modest
@given(SMALL, SMALL, SMALL, SMALL, SMALL)
def test_attention_that_projects_its_operands(batch, tokens, inner, heads, width):
    columns = 3 * heads * width
    operands = [(batch, tokens, inner), (inner, columns), (columns,)]
    found = cost("Attention", operands, [(batch, tokens, heads * width)], {"num_heads": heads}, domain=MS)
    assert tally(found) == naive_data.projected(batch, tokens, inner, heads, width)


@modest
@given(SMALL, SMALL, SMALL, SMALL, SMALL, st.integers(0, 3))
def test_heads_that_share_keys(batch, kv_heads, group, queries, width, past):
    heads = kv_heads * group
    cache = (batch, kv_heads, past, width)
    present = (batch, kv_heads, past + queries, width)
    inputs = [(batch, queries, heads * width), *[(batch, queries, kv_heads * width)] * 2, cache, cache]
    inputs += [T((batch,), DType.INT32), T((), DType.INT32)]
    attributes = {"num_heads": heads, "kv_num_heads": kv_heads}
    found = cost("GroupQueryAttention", inputs, [inputs[0], present, present], attributes, domain=MS)
    assert tally(found) == naive.attention(batch, heads, queries, past + queries, width, width)


@modest
@given(st.data(), SMALL, st.integers(1, 6), SMALL, SMALL)
def test_experts_of_any_choice_lie_between_the_least_and_the_most(data, tokens, count, hidden, inner):
    kept = data.draw(st.integers(1, count))
    choices = [data.draw(st.permutations(range(count)))[:kept] for _ in range(tokens)]
    work, read = naive_data.experts(choices, count, hidden, inner)
    operands = [(tokens, hidden), (tokens, count), (count, inner, hidden), None, (count, hidden, inner)]
    found = cost("MoE", operands, [(tokens, hidden)], {"k": kept, "activation_type": "relu"}, domain=MS)
    assert tally(found) == work
    border = F32 * (tokens * hidden + tokens * count)
    weights = F32 * 2 * hidden * inner * len(read)
    fewest = sum(transfer.bytes for transfer in found.least_reads)
    assert fewest <= border + weights <= found.read_bytes
    # All tokens may agree, or none with another.
    assert fewest == border + F32 * 2 * hidden * inner * kept
    assert found.read_bytes == border + F32 * 2 * hidden * inner * min(count, tokens * kept)


@modest
@given(SMALL, st.integers(1, 3), st.integers(1, 40), st.sampled_from([16, 32]), st.booleans())
def test_packed_weights_are_read_in_their_bits_and_dequantized_once(rows, columns, depth, block, has_bias):
    blocks = -(-depth // block)
    packed = T((columns, blocks, block // 2), DType.UINT8)
    inputs: list[Any] = [(rows, depth), packed, (columns * blocks,), None, None]
    inputs = [*inputs, (columns,)] if has_bias else inputs[:3]
    attributes = {"N": columns, "K": depth, "bits": 4, "block_size": block}
    found = cost("MatMulNBits", inputs, [(rows, columns)], attributes, domain=MS)
    counted: Counter[str] = Counter()
    for _ in range(columns * depth):
        counted["vector"] += 1  # by its scale
    for _ in range(rows * columns):
        for _ in range(depth):
            counted["mac"] += 1
        counted["vector"] += has_bias
    assert tally(found) == counted
    # two weights share a byte, the last block is filled up
    assert (
        found.read_bytes == F32 * (rows * depth + columns * blocks + columns * has_bias) + columns * blocks * block // 2
    )


@modest
@given(SMALL, SMALL, SMALL, st.integers(1, 3), st.integers(3, 6))
def test_convolutions_with_channels_last(batch, channels, filters, kernel, side):
    result = side - kernel + 1
    if result < 1:
        return
    found = cost(
        "NhwcConv", [(batch, side, side, channels), (filters, channels, kernel, kernel), (filters,)],
        [(batch, result, result, filters)], {"kernel_shape": [kernel, kernel]}, domain=MS,
    )  # fmt: skip
    counted: Counter[str] = Counter()
    for _ in naive.indices((batch, result, result, filters)):
        for _ in naive.indices((channels, kernel, kernel)):
            counted["mac"] += 1
        counted["vector"] += 1
    assert tally(found) == counted


@modest
@given(st.lists(SHAPES, min_size=1, max_size=3), st.sampled_from(["Adagrad", "Momentum"]))
def test_a_step_of_an_optimizer_weight_by_weight(shapes, name):
    states = [*shapes, *shapes, *shapes]  # weights, gradients, one state
    extra = {"mode": "standard", "alpha": 0.9, "beta": 1.0, "norm_coefficient": 0.0} if name == "Momentum" else {}
    found = cost(name, [(), T((), DType.INT64), *states], [*shapes, *shapes], extra, domain="ai.onnx.preview.training")
    assert tally(found) == naive_data.optimizer(name, shapes)


@modest
@given(SMALL, SMALL, SMALL)
def test_distances_of_all_pairs(rows, columns, depth):
    found = cost("CDist", [(rows, depth), (columns, depth)], [(rows, columns)], {"metric": "sqeuclidean"}, domain=MS)
    assert tally(found) == naive_data.crossings(rows, columns, depth)


@modest
@given(SMALL, st.integers(1, 5))
def test_an_inverse_by_elimination(batch, size):
    counted: Counter[str] = Counter()
    for _ in range(batch):
        for pivot in range(size):
            counted["DIV"] += 1  # the reciprocal of the pivot
            counted["vector"] += size  # the row is scaled
            for row in range(size):
                if row != pivot:
                    counted["vector"] += 2 * size  # a product, and less it
    assert tally(cost("Inverse", [(batch, size, size)], [(batch, size, size)], domain=MS)) == counted


@modest
@given(SMALL, SMALL, SMALL, SMALL, SMALL)
def test_crops_tap_by_tap(boxes, channels, height, width, side):
    result = (boxes, channels, height, width)
    operands = [(1, channels, side, side), (boxes, 4), T((boxes,), DType.INT32), T((2,), DType.INT32)]
    found = cost("CropAndResize", operands, [result], domain=MS)
    counted: Counter[str] = Counter()
    for _ in range(boxes):
        for _ in range(height + width):
            counted["vector"] += 2  # where a row or column lies
        for _ in naive.indices((channels, height, width)):
            for _ in range(4):
                counted["vector"] += 2
    assert tally(found) == counted
    assert found.write_bytes == F32 * math.prod(result)


@modest
@given(SMALL, SMALL, SMALL, st.integers(1, 6), st.integers(0, 5), st.sampled_from([-1, 1, 2, 4]))
def test_a_causal_mask_spares_what_lies_behind_each_query(batch, kv_heads, group, queries, past, window):
    heads, width = kv_heads * group, 2
    cache, present = (batch, kv_heads, past, width), (batch, kv_heads, past + queries, width)
    inputs = [(batch, queries, heads * width), *[(batch, queries, kv_heads * width)] * 2, cache, cache]
    inputs += [T((batch,), DType.INT32), T((), DType.INT32)]
    attributes = {"num_heads": heads, "kv_num_heads": kv_heads, "local_window_size": window}
    found = cost("GroupQueryAttention", inputs, [inputs[0], present, present], attributes, domain=MS)
    counted: Counter[str] = Counter()
    for _ in range(batch * heads):
        for query in range(past, past + queries):
            for key in range(past + queries):
                if key <= query and (window < 0 or query - key < window):
                    counted["mac"] += 2 * width
                    counted.update(["vector", "vector", "vector", "EXP", "vector", "DIV"])
    assert found.least_work is not None
    work = found.least_work
    assert +Counter({"mac": work.macs, "vector": work.vector_ops, **work.special}) == counted
    assert counted <= tally(found)


@modest
@given(SMALL, SMALL, st.integers(1, 6), st.integers(1, 9))
def test_a_shared_cache_may_hold_nothing_before_the_new_tokens(batch, heads, queries, more):
    width, room = 2, queries + more
    cache = (batch, heads, room, width)
    inputs = [*[(batch, queries, heads * width)] * 3, cache, cache, T((batch,), DType.INT32), T((), DType.INT32)]
    attributes = {"num_heads": heads, "kv_num_heads": heads}
    found = cost("GroupQueryAttention", inputs, [inputs[0], cache, cache], attributes, domain=MS)
    assert found.least_work is not None
    pairs = sum(1 for query in range(queries) for key in range(queries) if key <= query)
    assert found.least_work.macs == batch * heads * pairs * 2 * width
    assert sum(transfer.bytes for transfer in found.least_reads) == 3 * F32 * batch * queries * heads * width
    assert found.work is not None
    assert found.work.macs == batch * heads * queries * room * 2 * width  # taken as full
