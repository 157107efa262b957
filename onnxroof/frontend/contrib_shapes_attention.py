"""Output types of com.microsoft's attention and recurrent-state operators, caches in each of their layouts."""

from __future__ import annotations

import contextlib
import math

from onnxroof.dtypes import DType
from onnxroof.frontend.contrib_rules import ContribNode, Shape, UnknownError, rule
from onnxroof.frontend.types import ValueType

__all__: list[str] = []

Types = tuple[ValueType, ...]


# -- projections inside the operator ------------------------------------------------------------------------


def _projected(at: ContribNode, *, past: int, weights: int = 1, result: int = 0) -> Types:
    """Output and one cache [2, batch, heads, tokens, width] of keys and values; a shared buffer keeps its room."""
    batch, length, _ = at.shape(0)
    heads = at.integer("num_heads")
    sizes = at.attribute("qkv_hidden_sizes") or (at.shape(weights)[-1] // 3,) * 3
    output = at.like(result, (batch, length, sizes[2]))
    if at.has(past) and at.integer("past_present_share_buffer", 0):
        return (output, at.like(past))
    tokens = length + (at.shape(past)[3] if at.has(past) else 0)
    return (output, at.like(result, (2, batch, heads, tokens, sizes[2] // heads)))


@rule("Attention", "DecoderMaskedSelfAttention")
def _attention(at: ContribNode) -> Types:
    return _projected(at, past=4)


@rule("QAttention")
def _quantized_attention(at: ContribNode) -> Types:
    return _projected(at, past=8, result=3)


@rule("QOrderedAttention")
def _ordered_attention(at: ContribNode) -> Types:
    return (at.like(0, (*at.shape(0, 3)[:2], at.shape(7)[-1])),)


@rule("LongformerAttention", "QOrderedLongformerAttention")
def _longformer(at: ContribNode) -> Types:
    return (at.like(0),)


@rule("PackedAttention")
def _packed_attention(at: ContribNode) -> Types:
    sizes = at.attribute("qkv_hidden_sizes") or (at.shape(1)[-1] // 3,) * 3
    return (at.like(0, (at.shape(0)[0], sizes[2])),)


@rule("DecoderAttention")
def _decoder_attention(at: ContribNode) -> Types:
    """Keys of a cross attention are all there; those of a self attention follow the cache, where it is used."""
    length, batch, hidden = at.shape(0, 3)
    heads = at.integer("num_heads")
    output = at.like(0)
    try:
        is_static, uses_past = bool(at.scalar(8)), bool(at.scalar(9))
        if uses_past and at.has(6):
            tokens = at.shape(6)[2] + (0 if is_static else length)
        else:
            tokens = at.shape(1)[0] if is_static else length
    except UnknownError:
        return (output,)
    cache = at.like(0, (batch, heads, tokens, hidden // heads))
    return (output, cache, cache)


# -- attention alone ----------------------------------------------------------------------------------------


@rule("MultiHeadAttention")
def _multi_head(at: ContribNode) -> Types:
    query = at.shape(0)
    heads = at.integer("num_heads")
    if len(query) == 5:  # packed [batch, tokens, heads, 3, width]
        batch, length, heads, _, size = query
        new, width, out_width = length, heads * size, heads * size
    else:
        batch, length, width = query
        new, out_width = _keys_of(at, heads, length, width)
    is_cross = at.has(1) and len(at.shape(1)) == 4
    past = at.shape(6)[2] if at.has(6) and not is_cross else 0
    total = past if at.has(6) and at.has(8) else past + new
    caches = tuple(at.like(0, (batch, heads, total, size)) for size in (width // heads, out_width // heads))
    return (at.like(0, (batch, length, out_width)), *caches, at.like(0, (batch, heads, length, past + new)))


def _keys_of(at: ContribNode, heads: int, length: int, width: int) -> tuple[int, int]:
    """New tokens, and the width of all heads' values."""
    if not at.has(1):
        return length, width
    key = at.shape(1)
    if len(key) == 5:  # packed [batch, tokens, heads, 2, width]
        return key[1], key[2] * key[4]
    value = at.shape(2)
    return (value[1], value[2]) if len(value) == 3 else (value[2], value[1] * value[3])


@rule("PackedMultiHeadAttention")
def _packed_multi_head(at: ContribNode) -> Types:
    query = at.shape(0)
    if len(query) == 4:  # [tokens, heads, 3, width]
        return (at.like(0, (query[0], query[1] * query[3])),)
    return (at.like(0, (query[0], at.shape(2)[1])),)


@rule("DecoderMaskedMultiHeadAttention")
def _decoder_masked(at: ContribNode) -> Types:
    batch, length, width = at.shape(0, 3)
    heads = at.integer("num_heads")
    width = width if at.has(1) else width // 3
    is_cross = at.has(1) and len(at.shape(1)) == 4
    if is_cross:
        keys = at.shape(1)
        out_width = at.shape(2)[1] * at.shape(2)[3]
        caches: Types = (at.like(1), at.like(2))
        total = keys[2]
    else:
        out_width = at.shape(2)[2] if at.has(2) else width
        past = at.shape(5)[2] if at.has(5) else 0
        total = past if at.integer("past_present_share_buffer", 0) else past + 1
        caches = tuple(at.like(0, (batch, heads, total, size // heads)) for size in (width, out_width))
    return (at.like(0, (batch, length, out_width)), *caches, at.like(0, (batch, heads, length, total)))


def _grouped_width(at: ContribNode, width: int) -> int:
    """Width of a head, of queries that may have their keys and values beside them."""
    heads = at.integer("num_heads")
    return width // heads if at.has(1) else width // (heads + 2 * at.integer("kv_num_heads"))


@rule("GroupQueryAttention")
def _group_query(at: ContribNode) -> Types:
    batch, length, width = at.shape(0, 3)
    heads, kv_heads = at.integer("num_heads"), at.integer("kv_num_heads")
    size = _grouped_width(at, width)
    past = at.shape(3)[2] if at.has(3) else 0
    new = at.shape(1)[1] if at.has(1) else length
    total = past + new
    with contextlib.suppress(UnknownError):
        total = max(at.scalar(6), past)
    if at.integer("sliding_window_cache") and at.has(3):
        total = past
    stored = at.shape(3)[3] if at.has(3) else size  # two quantized elements may share a byte
    cache = ValueType(at.dtype(3) if at.has(3) else at.dtype(0), (batch, kv_heads, total, stored))
    return (at.like(0, (batch, length, heads * size)), cache, cache, at.like(0, (batch, heads, length, total)))


@rule("SparseAttention")
def _sparse_attention(at: ContribNode) -> Types:
    batch, length, width = at.shape(0, 3)
    return (at.like(0, (batch, length, at.integer("num_heads") * _grouped_width(at, width))), at.like(3), at.like(4))


@rule("DynamicSparseAttention")
def _dynamic_sparse(at: ContribNode) -> Types:
    batch, length, width = at.shape(0, 3)
    kv_heads, size = at.integer("kv_num_heads"), _grouped_width(at, width)
    dtype = DType.BFLOAT16 if at.integer("output_bf16") else at.dtype(0)
    output = ValueType(dtype, (batch, length, at.integer("num_heads") * size))
    past = at.shape(3)[2] if at.has(3) else 0
    total = past + length
    with contextlib.suppress(UnknownError):
        total = max(at.scalar(10), past)
    cache = ValueType(at.dtype(3) if at.has(3) else at.dtype(0), (batch, kv_heads, total, size))
    return (output, cache, cache, ValueType(DType.INT32, (1,)))


@rule("PagedAttention")
def _paged(at: ContribNode) -> Types:
    tokens, width = at.shape(0, 2)
    heads = at.integer("num_heads")
    if at.attribute("kv_cache_layout") == "LATENT":
        return (at.like(0, (tokens, heads * at.integer("v_head_size"))), at.like(3))
    return (at.like(0, (tokens, heads * _grouped_width(at, width))), at.like(3), at.like(4))


@rule("SparsePagedAttention")
def _sparse_paged(at: ContribNode) -> Types:
    tokens, width = at.shape(0, 2)
    return (at.like(0, (tokens, at.integer("num_heads") * _grouped_width(at, width))), at.like(3), at.like(4))


# -- which tokens a sparse attention reads -------------------------------------------------------------------


def _selected(at: ContribNode) -> int:
    """Entries that an indexer lists for a query."""
    if at.attribute("policy_mode") == "qsa":
        return at.integer("token_budget") + at.integer("compress_ratio") - 1
    return at.integer("index_topk")


@rule("SparseAttentionIndexer")
def _indexer(at: ContribNode) -> Types:
    batch, length, _ = at.shape(0, 3)
    indices = ValueType(DType.INT32, (batch, length, _selected(at)))
    rows, size = at.shape(7)[1], at.shape(7)[2]
    if at.attribute("policy_mode") == "qsa":
        return (indices, at.like(7, (batch, rows if at.has(12) else rows + length, size)))
    ratio, buffered = at.integer("compress_ratio"), at.shape(13)[2]
    made = max((buffered + length - ratio) // ratio, 0) if buffered >= ratio else (buffered + length) // ratio
    kept = buffered + length - made * ratio
    return (
        indices,
        at.like(7, (batch, rows if at.has(12) else rows + made, size)),
        at.like(13, (2, batch, kept, 2 * size)),
    )


@rule("PackedSparseAttentionIndexer")
def _packed_indexer(at: ContribNode) -> Types:
    tokens = at.shape(0)[0]
    batch = at.shape(7)[0]
    width = at.integer("max_output_entries") or _selected(at)
    rows = ValueType(DType.INT32, (tokens,))
    gate = at.type(14) if at.has(14) else ValueType(at.dtype(0), None)
    update = at.like(0, (batch, at.integer("state_update_capacity"), at.shape(2)[0]))
    return (
        ValueType(DType.INT32, (tokens, width)), rows, at.like(12), at.like(13), gate, at.like(15), update, rows,
        ValueType(DType.INT32, (batch,)),
    )  # fmt: skip


@rule("PackedSparseAttentionIndexerMerge")
def _merge(at: ContribNode) -> Types:
    rows = at.shape(2)[0]
    return (at.like(0, (rows, at.integer("max_output_entries"))), at.like(0, (rows,)), at.like(0, (rows,)))


# -- states instead of caches -------------------------------------------------------------------------------


@rule("LinearAttention")
def _linear_attention(at: ContribNode) -> Types:
    batch, tokens, width = at.shape(0, 3)
    heads, kv_heads = at.integer("q_num_heads"), at.integer("kv_num_heads")
    key_width, value_width = width // heads, at.shape(2)[2] // kv_heads
    window = at.integer("state_window")
    state = ((window,) if window else ()) + (batch, kv_heads, key_width, value_width)
    kept = at.like(3, state) if at.has(3) else at.like(0, state)
    return (at.like(0, (batch, tokens, max(heads, kv_heads) * value_width)), kept)


@rule("GatedDeltaNet")
def _gated_delta_net(at: ContribNode) -> Types:
    query = at.shape(0)
    if at.has(1):
        *tokens, heads, key_width = query
        value_heads, value_width = at.shape(2)[-2:]
    else:
        _, value_heads, value_width, key_width = at.shape(6, 4)
        tokens = list(query[:-1])
        heads = (query[-1] - value_heads * value_width) // (2 * key_width)
    batch = at.shape(6)[0] if at.has(6) else at.shape(3)[0] - 1 if at.has(3) else tokens[0] if len(tokens) == 2 else 1
    state = ValueType(at.dtype(6) if at.has(6) else DType.FLOAT, (batch, value_heads, value_width, key_width))
    decays = math.prod(at.shape(4)[len(tokens) :]) if at.has(4) else value_heads
    update = at.integer("state_update_capacity") * (decays + heads * key_width + value_heads * value_width)
    output = at.like(0, (*tokens, max(heads, value_heads), value_width))
    return (output, state, ValueType(state.dtype, (batch, update)))


@rule("CausalConvWithState")
def _causal_conv(at: ContribNode) -> Types:
    image, taps = at.shape(0), at.shape(1)[-1]
    if at.has(3):
        state = at.type(3)
    else:
        length = at.integer("state_length") or (taps - 1) * at.integer("dilation")
        channels_last = at.integer("channels_last")
        shape: Shape = (image[0], length, image[-1]) if channels_last else (*image[:-1], length)
        window = at.integer("state_window")
        state = at.like(0, (window, *shape) if window else shape)
    output = at.type(0)
    if at.integer("input_channels"):
        output = at.like(0, (*image[:-1], at.integer("input_channels")))
    update = at.like(0, (image[0], at.integer("state_update_capacity"), at.shape(1)[0]))
    return (output, state, update)


@rule("VarlenCausalConvWithState")
def _packed_causal_conv(at: ContribNode) -> Types:
    batch, channels, _ = at.shape(4, 3)
    return (at.like(0), at.like(4), at.like(0, (batch, at.integer("state_update_capacity"), channels)))


@rule("Mamba2Verify")
def _mamba(at: ContribNode) -> Types:
    rows = at.shape(0, 2)[0]
    inner = at.integer("heads") * at.integer("head_dim")
    channels = inner + 2 * at.integer("n_groups") * at.integer("d_state")
    readout = ValueType(DType.FLOAT, (rows, inner))
    return (at.like(0, (rows, inner)), at.like(1), at.like(2), at.like(0, (rows, channels)), readout)


@rule("ConvStateReplay", "GatedDeltaNetStateReplay")
def _replay(at: ContribNode) -> Types:
    return (at.like(2),)


@rule("AttnLSTM", "DynamicQuantizeLSTM")
def _lstm(at: ContribNode) -> Types:
    steps, batch, _ = at.shape(0, 3)
    directions, hidden = at.shape(1)[0], at.integer("hidden_size")
    state = at.like(0, (directions, batch, hidden))
    return (at.like(0, (steps, directions, batch, hidden)), state, state)
