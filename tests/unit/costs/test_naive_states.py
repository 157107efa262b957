"""Rules of recurrent states, of streams between blocks and of indexers against counters over shapes of all kinds."""

from __future__ import annotations

import math
from collections import Counter
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from onnxroof.costs.cost import OpCost
from onnxroof.dtypes import DType
from tests.oracles import naive_data, naive_states
from tests.oracles.build import T, cost

F32, I64, MS = 4, DType.INT64, "com.microsoft"
SMALL = st.integers(1, 4)
BOOL = st.booleans()
modest = settings(max_examples=30, deadline=None)


def tally(found: OpCost) -> Counter[str]:
    """What a rule says in the words of the naive counters; zeros left out."""
    assert found.work is not None, found.reason
    return +Counter({"mac": found.work.macs, "vector": found.work.vector_ops, **found.work.special})


def size(operands: list[Any]) -> int:
    """Bytes of all operands, an element after the other."""
    shapes = [item.shape if isinstance(item, T) else item for item in operands if item is not None]
    wide = [8 if isinstance(item, T) and item.dtype is I64 else F32 for item in operands if item is not None]
    return sum(width * sum(1 for _ in range(math.prod(shape))) for shape, width in zip(shapes, wide, strict=True))


# -- streams ---------------------------------------------------------------------------------------------------


@modest
@given(SMALL, SMALL, SMALL, SMALL, BOOL)
def test_streams_that_are_reduced(batch, tokens, streams, width, is_scaled):
    inputs: list[Any] = [(batch, tokens, streams, width), (batch, tokens, streams)]
    attributes = {"reduction_scale": 0.5 if is_scaled else 1.0}
    found = cost("HyperConnectionPreMix", inputs, [(batch, tokens, width)], attributes, domain=MS)
    assert tally(found) == naive_states.reduced(batch * tokens, streams, width, scaled=is_scaled)
    assert (found.read_bytes, found.write_bytes) == (size(inputs), size([(batch, tokens, width)]))


@modest
@given(SMALL, SMALL, SMALL, SMALL, BOOL)
def test_streams_that_are_mixed(batch, tokens, streams, width, by_matrix):
    whole = (batch, tokens, streams, width)
    inputs: list[Any] = [whole, (batch, tokens, width), (batch, tokens, streams)]
    inputs += [(batch, tokens, streams, streams)] if by_matrix else []
    found = cost("HyperConnectionPostMix", inputs, [whole], domain=MS)
    assert tally(found) == naive_states.mixed(batch * tokens, streams, width, by_matrix=by_matrix)
    assert (found.read_bytes, found.write_bytes) == (size(inputs), size([whole]))


@modest
@given(SMALL, SMALL, SMALL, SMALL, BOOL, BOOL)
def test_a_block_of_low_rank(tokens, streams, width, rank, has_prologue, is_scaled):
    flat = (1, tokens, streams * width)
    inputs: list[Any] = [flat, flat[2:], (flat[2], rank), (rank, flat[2]), (flat[2], streams)]
    inputs += [(1, tokens, width), (1, tokens, streams)] if has_prologue else []
    outputs = [(1, tokens, width), (1, tokens, streams), flat]
    attributes = {"num_branches": streams, "reduction_scale": 0.5 if is_scaled else 1.0}
    found = cost("HyperConnectionLowRankMix", inputs, outputs, attributes, domain=MS)
    assert tally(found) == naive_states.low_rank_mix(
        tokens, streams, width, rank, has_prologue=has_prologue, scaled=is_scaled
    )
    assert (found.read_bytes, found.write_bytes) == (size(inputs), size(list(outputs)))


@modest
@given(SMALL, SMALL, SMALL, SMALL, BOOL)
def test_a_gate_of_n_grams(batch, tokens, streams, width, is_normalized):
    whole, scale = (batch, tokens, streams, width), (streams, width)
    inputs: list[Any] = [whole, whole, (batch, tokens, width), scale, scale, *([scale] if is_normalized else [])]
    outputs = [whole, whole] if is_normalized else [whole]
    found = cost("EngramGate", inputs, outputs, domain=MS)
    assert tally(found) == naive_states.engram_gate(batch * tokens * streams, width, is_normalized=is_normalized)
    assert (found.read_bytes, found.write_bytes) == (size(inputs), size(list(outputs)))


@modest
@given(SMALL, SMALL, st.integers(2, 5), SMALL, BOOL)
def test_hashes_of_n_grams(batch, tokens, longest, heads, has_offsets):
    made = (longest - 1) * heads
    inputs = [T((batch, tokens), I64), T((longest,), I64), T((made,), I64), None]
    inputs += [T((made,), I64)] if has_offsets else []
    outputs = [T((batch, tokens, made), I64)]
    attributes = {"max_ngram_size": longest, "n_head_per_ngram": heads, "pad_id": 0}
    found = cost("NGramHashMapping", inputs, outputs, attributes, domain=MS)
    expected = naive_states.ngram_hash(batch * tokens, longest, heads, has_offsets=has_offsets)
    assert tally(found) == expected
    assert (found.read_bytes, found.write_bytes) == (size(list(inputs)), size(list(outputs)))
    inputs = [T((batch * tokens,), I64), *inputs[1:3], T((2,), DType.INT32), None, *inputs[4:]]
    packed = cost("VarlenNGramHashMapping", inputs, [T((batch * tokens, made), I64)], attributes, domain=MS)
    assert tally(packed) == expected


@modest
@given(SMALL, st.integers(1, 7), st.integers(1, 5), SMALL)
def test_n_grams_that_may_not_repeat(batch, tokens, length, words):
    operands = [T((batch, tokens), I64), (batch, words)]
    found = cost("NGramRepeatBlock", operands, [(batch, words)], {"ngram_size": length}, domain=MS)
    counted: Counter[str] = Counter()
    for _ in range(batch):
        for start in range(tokens):
            if start + length <= tokens:
                for _ in range(max(length - 1, 1)):  # all but the last token, which is the one that is ruled out
                    counted["vector"] += 1
    assert tally(found) == +counted


TOKENS = st.lists(st.integers(0, 2), min_size=1, max_size=9)


@modest
@given(TOKENS, TOKENS, TOKENS, st.integers(1, 3), st.integers(0, 2))
def test_bifurcations_take_no_more_comparisons_than_counted(source, current, predicted, smallest, more):
    operands = [*(T((len(part),), I64) for part in (source, current)), T((1,), I64), T((len(predicted),), I64)]
    outputs = [T((len(current) + len(predicted),), I64), T((1,), I64)]
    sizes = range(smallest, smallest + more + 1)
    attributes = {"min_ngram_size": smallest, "max_ngram_size": smallest + more}
    found = cost("BifurcationDetector", operands, outputs, attributes, domain=MS)
    ran = naive_states.bifurcation(source, current, predicted, sizes)
    assert ran <= tally(found)["vector"]
    assert tally(found)["vector"] == len(predicted) + sum(1 for _ in source for n in sizes for _ in range(n))


@modest
@given(SMALL, st.integers(3, 8))
def test_drafts_that_are_committed(batch, rows):
    control, context = T((batch, 16), I64), T((batch, 2), I64)
    operands = [T((batch, rows), I64), T((batch, rows), I64), T((2,), DType.INT32), control, context]
    operands += [T((batch, 2 * rows), I64), T((2,), I64)]
    outputs = [T((batch,), DType.INT32), control, context]
    found = cost("SpeculativePrefixCommit", operands, outputs, {"head_rows": rows}, domain=MS)
    assert tally(found) == Counter({"vector": sum(1 for _ in range(batch) for _ in range(rows))})
    assert {pair[1] for pair in found.in_place} == {"op.i3", "op.i4"}


# -- recurrent states ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("gate", ["none", "softplus", "sigmoid"])
@modest
@given(st.tuples(SMALL, SMALL, SMALL, SMALL, SMALL), st.sampled_from(["linear", "delta"]), BOOL, BOOL, BOOL)
def test_gated_delta_networks(gate, sizes, rule, is_decay_wide, has_norm, has_rate):
    tokens, heads, group, width, value_width = sizes
    value_heads = heads * group
    if gate != "none" or has_norm:
        rule = {"linear": "gated", "delta": "gated_delta"}[rule]
    decay = (tokens, value_heads, width) if is_decay_wide else (tokens, value_heads)
    inputs: list[Any] = [(tokens, heads, width), (tokens, heads, width), (tokens, value_heads, value_width), None]
    inputs += [decay if "gated" in rule else None, (tokens, value_heads) if "delta" in rule else None]
    inputs += [(1, value_heads, value_width, width)]
    inputs += [] if gate == "none" else [(value_heads,), decay[1:]]
    has_rate = has_rate and "delta" in rule
    attributes = {
        "update_rule": rule, "gate_activation": gate, "qk_l2_norm": int(has_norm),
        "beta_activation": "sigmoid" if has_rate else "none",
    }  # fmt: skip
    outputs = [(tokens, value_heads, value_width), (1, value_heads, value_width, width)]
    found = cost("GatedDeltaNet", inputs, outputs, attributes, domain=MS)
    assert tally(found) == naive_states.gated_delta(
        tokens, heads, group, width, value_width, rule=rule, gate=gate, is_decay_wide=is_decay_wide,
        has_norm=has_norm, has_rate=has_rate,
    )  # fmt: skip
    assert (found.read_bytes, found.write_bytes) == (size(inputs), size(list(outputs)))


@modest
@given(SMALL, SMALL, SMALL, BOOL)
def test_gates_of_a_linear_attention(batch, tokens, heads, has_rate):
    shape = (batch, tokens, heads)
    inputs: list[Any] = [shape, (heads,), (heads,), *([shape] if has_rate else [])]
    found = cost("LinearAttentionGate", inputs, [shape] * (1 + has_rate), domain=MS)
    counted: Counter[str] = Counter()
    for _ in range(batch * tokens * heads):
        counted.update(["vector", "vector"])  # plus the bias, times the factor
        naive_states.activate(counted, "softplus")
        if has_rate:
            naive_states.activate(counted, "sigmoid")
    assert tally(found) == counted
    assert (found.read_bytes, found.write_bytes) == (size(inputs), size([shape] * (1 + has_rate)))


@modest
@given(SMALL, SMALL, SMALL, BOOL, BOOL)
def test_packed_causal_convolutions(tokens, channels, taps, has_bias, is_swish):
    state = (2, channels, taps - 1)
    inputs: list[Any] = [(tokens, channels), (channels, 1, taps), T((3,), DType.INT32)]
    inputs += [(channels,) if has_bias else None, state]
    outputs = [(tokens, channels), state]
    attributes = {"activation": "silu" if is_swish else "none"}
    found = cost("VarlenCausalConvWithState", inputs, outputs, attributes, domain=MS)
    counted = naive_data.filtered(1, channels, tokens, taps, has_bias=has_bias)
    for _ in range(tokens * channels * is_swish):
        naive_states.activate(counted, "swish")
    assert tally(found) == +counted


@modest
@given(SMALL, SMALL, SMALL, SMALL)
def test_packed_causal_convolutions_whose_two_taps_change(tokens, groups, wide, projected):
    channels = groups * wide
    state = (2, channels, 1)
    inputs: list[Any] = [(tokens, channels), (channels, 1, 2), T((3,), DType.INT32), None, state, None]
    inputs += [(tokens, projected + 1, groups), (tokens, 1)]
    found = cost(
        "VarlenCausalConvWithState", inputs, [(tokens, channels), state], {"group_size": wide}, domain=MS
    )  # fmt: skip
    counted: Counter[str] = Counter()
    for _ in range(tokens * channels):
        for _ in ("previous", "current"):
            counted["vector"] += 1  # the delta is added to the tap
            counted["mac"] += 1
        counted["vector"] += 1  # the previous product times the mask
    assert tally(found) == counted


@modest
@given(SMALL, SMALL, SMALL, SMALL, st.sampled_from([1, 2]), st.integers(1, 5))
def test_state_spaces_that_keep_snapshots(rows, heads, head_width, depth, groups, slots):
    heads *= groups
    inner = heads * head_width
    channels = inner + 2 * groups * depth
    states: list[Any] = [(slots, channels, 3), (slots, heads, depth, head_width)]
    others: list[Any] = [(rows, 2 * inner + 2 * groups * depth + heads), (channels, 4), (channels,)]
    others += [(heads,)] * 3 + [(inner,), T((1,), DType.INT32)]
    attributes = {"heads": heads, "head_dim": head_width, "d_state": depth, "n_groups": groups}
    found = cost("Mamba2Verify", [others[0], *states, *others[1:]], [(rows, inner), *states], attributes, domain=MS)
    assert tally(found) == naive_states.mamba(rows, heads, head_width, depth, groups)
    # One snapshot of each state is read; after each token one is written, the last ones where there are too few.
    kept = [(1, *state[1:]) for state in states]
    written = len({row % slots for row in range(rows)})
    assert found.read_bytes == size(others) + size(kept)
    assert found.write_bytes == size([(rows, inner)]) + written * size(kept)


@modest
@given(SMALL, SMALL, st.integers(0, 4), SMALL, st.data())
def test_histories_of_convolutions_that_are_replayed(batch, channels, history, capacity, data):
    kept = data.draw(st.integers(0, capacity))
    backing = (400,)
    metadata = T((8,), I64, value=[0, 0, 0, batch, channels, history, capacity, kept])
    found = cost("ConvStateReplay", [backing, backing, backing, metadata], [backing], domain=MS)
    read, written = set(), set()
    for b in range(batch):
        for c in range(channels):
            for p in range(history):
                read.add(("old", b, c, p + kept) if p + kept < history else ("new", b, p + kept - history, c))
                written.add((b, c, p))
    assert tally(found) == Counter()
    assert (found.read_bytes, found.write_bytes) == (F32 * len(read) + 8 * 8, F32 * len(written))


@modest
@given(st.tuples(SMALL, SMALL, SMALL, SMALL), SMALL, st.data(), BOOL)
def test_states_that_are_replayed(sizes, capacity, data, is_decay_wide):
    key_heads, group, value_width, width = sizes
    heads, kept = key_heads * group, data.draw(st.integers(1, capacity))
    decay_at = 3
    key_at = decay_at + capacity * heads * (width if is_decay_wide else 1)
    delta_at = key_at + capacity * key_heads * width
    numbers = [5, 0, decay_at, key_at, delta_at, heads, value_width, width, key_heads, capacity, kept]
    backing = (4000,)
    operands = [backing, backing, backing, T((11,), I64, value=numbers)]
    found = cost("GatedDeltaNetStateReplay", operands, [backing], domain=MS)
    counted, touched, written = naive_states.replayed(
        5, (decay_at, key_at, delta_at), (heads, value_width, width, key_heads), kept, capacity,
        is_decay_wide=is_decay_wide,
    )  # fmt: skip
    assert tally(found) == counted
    assert (found.read_bytes, found.write_bytes) == (F32 * len(touched) + 8 * 11, F32 * written)


@modest
@given(SMALL, SMALL, st.integers(1, 2), SMALL, SMALL, BOOL, BOOL)
def test_recurrent_cells_that_quantize_on_the_way(steps, batch, directions, width, hidden, has_bias, has_zero):
    q = DType.INT8
    one, zero = T((directions,)), T((directions,), q) if has_zero else None
    inputs = [(steps, batch, width), T((directions, width, 4 * hidden), q), T((directions, hidden, 4 * hidden), q)]
    inputs += [(directions, 8 * hidden) if has_bias else None, None, None, None, None, one, zero, one, zero]
    attributes = {"hidden_size": hidden, "direction": "bidirectional" if directions == 2 else "forward"}
    found = cost("DynamicQuantizeLSTM", inputs, [(steps, directions, batch, hidden)], attributes, domain=MS)
    assert tally(found) == naive_states.quantized_cell(
        steps, batch, directions, width, hidden, has_bias=has_bias, has_zero=has_zero
    )
    assert found.compute_type is q


@modest
@given(st.tuples(SMALL, SMALL, st.integers(1, 2), SMALL, SMALL), st.tuples(SMALL, SMALL, SMALL), st.none() | SMALL)
def test_recurrent_cells_with_an_attention(sizes, memory, layer):
    steps, batch, directions, more, hidden = sizes
    tokens, depth, attended = memory
    width = more + (layer or depth)  # the input beside the attention state
    inputs: list[Any] = [(steps, batch, more), (directions, 4 * hidden, width), (directions, 4 * hidden, hidden)]
    inputs += [None] * 5 + [(directions, hidden, attended), (directions, depth, attended), (directions, attended)]
    inputs += [(batch, tokens, depth), None, *([(directions, depth + hidden, layer)] if layer else [])]
    attributes = {"hidden_size": hidden, "direction": "bidirectional" if directions == 2 else "forward"}
    found = cost("AttnLSTM", inputs, [(steps, directions, batch, hidden)], attributes, domain=MS)
    assert tally(found) == naive_states.attended_cell(steps, batch, directions, width, hidden, memory, layer)
    assert found.read_bytes == size(inputs)


# -- choosing tokens -------------------------------------------------------------------------------------------


@modest
@given(SMALL, SMALL, SMALL, st.integers(1, 4), st.integers(1, 3), st.integers(0, 9), st.integers(1, 6), BOOL)
def test_blocks_that_are_scored_and_chosen(batch, tokens, heads, half, ratio, past, chosen, is_packed):
    width, table = 2 * half, (64, half)
    appended = (batch, past + tokens, width)
    query = (batch, tokens, (heads + is_packed) * width)
    inputs: list[Any] = [query, None if is_packed else (batch, tokens, width), (width,), (width,), table, table, None]
    inputs += [(batch, past, width)]
    selected = T((batch, tokens, chosen * ratio + ratio - 1), DType.INT32)
    attributes = {"policy_mode": "qsa", "compress_ratio": ratio, "token_budget": chosen * ratio}
    found = cost("SparseAttentionIndexer", inputs, [selected, appended], attributes, domain=MS)
    entries = len(range(ratio, past + tokens + 1, ratio))  # blocks that are complete
    assert tally(found) == +naive_states.indexer(
        batch * tokens, heads, width, entries, batch * entries, rotary=half, ratio=ratio, kept=chosen,
        is_weighted=False, is_pooled_by_softmax=False,
    )  # fmt: skip


@modest
@given(SMALL, SMALL, SMALL, st.integers(1, 4), st.integers(1, 3), st.integers(0, 9), st.integers(1, 6))
def test_compressed_blocks_that_are_scored_and_chosen(batch, tokens, heads, half, ratio, past, chosen):
    width, table = 2 * half, (64, half)
    made = tokens // ratio
    inputs: list[Any] = [(batch, tokens, heads * width), (batch, tokens, 2 * width), (width,), (width,), table, table]
    inputs += [None, (batch, past, width), (batch, tokens, 2 * width), (ratio, 2 * width), (batch, tokens, heads)]
    attributes = {"policy_mode": "csa", "compress_ratio": ratio, "index_topk": chosen}
    outputs = [T((batch, tokens, chosen), DType.INT32), (batch, past + made, width)]
    found = cost("SparseAttentionIndexer", inputs, outputs, attributes, domain=MS)
    assert tally(found) == +naive_states.indexer(
        batch * tokens, heads, width, past + made, batch * made, rotary=half, ratio=ratio, kept=chosen,
        is_weighted=True, is_pooled_by_softmax=True,
    )  # fmt: skip


@modest
@given(SMALL, SMALL, st.integers(1, 4), st.integers(1, 3), st.integers(1, 9), st.integers(1, 6))
def test_packed_tokens_are_held_against_all_entries_of_the_state(tokens, heads, half, ratio, capacity, chosen):
    width, table = 2 * half, (64, half)
    inputs: list[Any] = [(tokens, heads * width), (tokens, width), (width,), (width,), table, table]
    inputs += [T((3,), DType.INT32), T((2,), DType.INT32), None, None, None, None, (2, capacity, width)]
    inputs += [(2, 2 * ratio - 1, width), None, T((2, 2), DType.INT32)]
    outputs = [T((tokens, chosen * ratio + ratio - 1), DType.INT32), T((tokens,), DType.INT32), *inputs[12:]]
    attributes = {
        "policy_mode": "qsa", "compress_ratio": ratio, "token_budget": chosen * ratio, "state_capacity": capacity,
    }  # fmt: skip
    found = cost("PackedSparseAttentionIndexer", inputs, outputs, attributes, domain=MS)
    assert tally(found) == naive_states.indexer(
        tokens, heads, width, capacity, tokens // ratio, rotary=half, ratio=ratio, kept=chosen, is_weighted=False,
        is_pooled_by_softmax=False,
    )  # fmt: skip


@modest
@given(SMALL, SMALL, SMALL, st.none() | SMALL)
def test_selections_that_are_joined(rows, width, queries, more):
    i32 = DType.INT32
    ranges = [None, None, T((queries, more), i32), T((queries,), i32)] if more else [T((queries,), i32)] * 2
    operands = [T((rows, width), i32), T((rows,), i32), T((queries,), i32), *ranges]
    outputs = [T((queries, 9), i32), T((queries,), i32), T((queries,), i32)]
    attributes = {"policy_mode": "append_indices" if more else "append_range", "max_output_entries": 9}
    found = cost("PackedSparseAttentionIndexerMerge", operands, outputs, attributes, domain=MS)
    looked_up = sum(1 for _ in range(queries) for _ in range(width + (more or 0)))
    assert tally(found) == Counter({"vector": looked_up})
