"""What com.microsoft's attention operators cost that take queries, keys and values already projected.

Sequences of unknown, unequal lengths are taken as of one length, which is the least work. A cache whose filling is
not known is taken as full, and at least as empty.
"""

from __future__ import annotations

import dataclasses
import math

from onnxroof.costs.attention import Cache, Heads, at_least, attention, past_tokens, rotary, score_work
from onnxroof.costs.context import CostContext, MissingShapeError
from onnxroof.costs.cost import Least, OpCost, Transfer, Work
from onnxroof.costs.elementwise import steps
from onnxroof.costs.nests import pointwise, read_at, write_at
from onnxroof.costs.normalization import rms_norm_work
from onnxroof.costs.registry import cost
from onnxroof.ir.loopnest import Access, dense_axis, whole_axis

__all__ = ["appended", "grouped", "least_pairs", "rotated_elements"]

MS = "com.microsoft"


def least_pairs(tokens: int, sequences: int, past: int = 0) -> int:
    """Queries times keys of tokens in sequences of (nearly) one length, each behind as many tokens of its past."""
    length, longer = divmod(tokens, max(sequences, 1))
    return longer * (length + 1) * (length + 1 + past) + (sequences - longer) * length * (length + past)


@cost("MultiHeadAttention", domain=MS)
def multi_head_attention(ctx: CostContext) -> OpCost:
    """B*H*Sq*Skv*(d + dv) MACs, Skv with the past; 1 mul, 1 add a mask and Softmax a score; 1 add a biased element."""
    query = ctx.input(0).dims
    count = ctx.attributes.integer("num_heads", 1)
    if len(query) == 5:  # packed [batch, tokens, heads, 3, width]
        width, new, value_width = query[4], query[1], query[4]
    else:
        width = query[2] // count
        new, value_width = _keys_and_width(ctx, count, width)
    heads = Heads(
        batch=query[0],
        heads=count,
        kv_heads=count,
        queries=query[1],
        keys=new + _filled(ctx, 6, new, 8, is_shared=ctx.has_input(8)),
        key_width=width,
        value_width=value_width,
        new_keys=new,
    )
    biased = heads.batch * count * (heads.queries * width + new * (width + value_width)) if ctx.has_input(3) else 0
    return attention(
        ctx, heads, caches=(Cache(6, 1), Cache(7, 2)), masks=(4, 5), small=(3, 8, 9), extra=steps(biased),
        is_full=ctx.has_input(8) and ctx.integers(8) is None, is_causal=bool(ctx.attributes.integer("unidirectional")),
    )  # fmt: skip


def _keys_and_width(ctx: CostContext, count: int, width: int) -> tuple[int, int]:
    """New tokens and the width of a value, for keys and values in any of their layouts."""
    key = ctx.input(1).dims
    if len(key) == 5:  # packed [batch, tokens, heads, 2, width]
        return key[1], key[4]
    if len(key) == 4:  # [batch, heads, tokens, width], as a cross attention keeps them
        return key[2], ctx.input(2).dims[3]
    value = ctx.input(2).dims if ctx.has_input(2) else key
    return key[1], value[2] // count if len(value) == 3 else width


def _filled(ctx: CostContext, past: int, new: int, length: int, *, is_shared: bool) -> int:
    """Tokens of the past: of a shared buffer what its length says, else all but the new ones."""
    tokens = past_tokens(ctx, past)
    if not is_shared:
        return tokens
    known = ctx.integers(length)
    return known[0] if known else max(tokens - new, 0)


@cost("DecoderMaskedMultiHeadAttention", domain=MS)
def decoder_masked_attention(ctx: CostContext) -> OpCost:
    """B*H*Skv*(d + dv) MACs for one new token, as MultiHeadAttention; keys and values may be those of a cache alone."""
    batch, queries, hidden = ctx.input(0).dims
    count = ctx.attributes.integer("num_heads", 1)
    is_cross = ctx.has_input(1) and len(ctx.input(1).dims) == 4
    width = (hidden if ctx.has_input(1) else hidden // 3) // count
    new = ctx.input(1).dims[2] if is_cross else queries
    is_shared = bool(ctx.attributes.integer("past_present_share_buffer"))
    if is_cross:
        past, value_width = 0, ctx.input(2).dims[3]
    else:
        past = _filled(ctx, 5, new, 7, is_shared=is_shared)
        value_width = ctx.input(2).dims[2] // count if ctx.has_input(2) else width
    heads = Heads(
        batch=batch, heads=count, kv_heads=count, queries=queries, keys=past + new, key_width=width,
        value_width=value_width, new_keys=new,
    )  # fmt: skip
    biased = batch * queries * count * (2 * width + value_width) if ctx.has_input(10) else 0
    return attention(
        ctx,
        heads,
        caches=(Cache(5, 1), Cache(6, 2)),
        masks=(3, 4),
        small=(7, 8, 9, 10),
        extra=steps(biased),
        is_full=is_shared and not is_cross and ctx.integers(7) is None,
    )


@cost("PackedMultiHeadAttention", domain=MS)
def packed_multi_head_attention(ctx: CostContext) -> OpCost:
    """H*(d + dv) MACs for each pair of tokens of one sequence, as MultiHeadAttention; tokens of padding are not there.

    The lengths of the sequences are data: taken as equal.
    """
    query = ctx.input(0).dims
    count = ctx.attributes.integer("num_heads", 1)
    tokens = query[0]
    width = query[3] if len(query) == 4 else query[1] // count
    value_width = ctx.input(2).dims[1] // count if ctx.has_input(2) else width
    sequences = ctx.input(5).elements - 1
    if sequences < 1:
        raise MissingShapeError("the number of sequences is not known")
    is_even = tokens % sequences == 0
    heads = Heads(
        batch=sequences, heads=count, kv_heads=count, queries=tokens // sequences, keys=tokens // sequences,
        key_width=width, value_width=value_width, new_keys=tokens // sequences,
        pairs=None if is_even else least_pairs(tokens, sequences),
    )  # fmt: skip
    biased = tokens * count * (2 * width + value_width) if ctx.has_input(3) else 0
    return attention(ctx, heads, masks=(6,), small=(3, 4, 5), extra=steps(biased))


@cost("GroupQueryAttention", domain=MS)
def group_query_attention(ctx: CostContext) -> OpCost:
    """2*B*Hq*Sq*Skv*d MACs, Skv with the past or the local window; 1 mul (scale), 1 add (bias), Softmax a score.

    A soft cap is 1 mul, DIV, TANH a score; a rotation 3 vector ops an element; a norm of heads as RMSNormalization; a
    sink EXP and 1 add a row of scores; a quantized cache 1 mul an element read, 3 vector ops one written. Bytes of
    keys and values are those of key/value heads; the past is read, of the present the new tokens are written.
    """
    count, kv_count, width = grouped(ctx)
    batch, queries, _ = ctx.input(0).dims
    new = ctx.input(1).dims[1] if ctx.has_input(1) else queries
    past = past_tokens(ctx, 3)
    is_shared = ctx.has_output(1) and ctx.output(1).dims[-2] == past and past >= new
    if is_shared:
        # One buffer of the greatest length: how much of it is filled is a value, else all of it.
        total = ctx.integers(6)
        past = (min(total[0], past) if total else past) - new
    heads = Heads(
        batch=batch,
        heads=count,
        kv_heads=kv_count,
        queries=queries,
        keys=past + new,
        key_width=width,
        value_width=width,
        new_keys=new,
        window=max(ctx.attributes.integer("local_window_size", -1), 0),
    )
    rotated, tables = rotated_elements(ctx, heads, cos=7, has_ids=ctx.has_input(9))
    sinks = heads.batch * count * queries if ctx.has_input(11) else 0
    extra = steps(3 * rotated) + steps(1, "EXP").times(sinks) + _head_norms(ctx, heads, 14)
    return attention(
        ctx,
        heads,
        caches=(Cache(3, 1), Cache(4, 2)),
        masks=(10,),
        small=(5, 6, 9, 11, 12, 13, 14, 15, 16),
        extra=extra + _quantized_cache(ctx, heads, 12, 13),
        partial=tables,
        has_ids=ctx.has_input(9) and bool(tables),
        is_soft_capped=ctx.attributes.number("softcap") != 0.0,
        is_full=is_shared and ctx.integers(6) is None,
        is_causal=True,
    )


def grouped(ctx: CostContext) -> tuple[int, int, int]:
    """Query heads, key/value heads, and the width of a head; keys and values may lie beside the queries."""
    count, kv_count = ctx.attributes.integer("num_heads", 1), ctx.attributes.integer("kv_num_heads", 1)
    hidden = ctx.input(0).dims[-1]
    return count, kv_count, hidden // (count if ctx.has_input(1) else count + 2 * kv_count)


def rotated_elements(
    ctx: CostContext, heads: Heads, *, cos: int, has_ids: bool
) -> tuple[int, tuple[tuple[int, int], ...]]:
    """Elements that the operator rotates itself, and what it reads of the tables of cosines and sines."""
    if not ctx.attributes.integer("do_rotary") or not ctx.has_input(cos):
        return 0, ()
    half = ctx.input(cos).dims[-1]
    tokens = heads.batch * heads.queries
    rows = tokens if has_ids else heads.queries
    return tokens * (heads.heads + heads.kv_heads) * 2 * half, ((cos, rows * half), (cos + 1, rows * half))


def _head_norms(ctx: CostContext, heads: Heads, index: int) -> Work:
    """RMS normalization of each head of the queries and of the new keys, with its scale, where there are weights."""
    if not ctx.has_input(index):
        return Work()
    rows = heads.batch * (heads.queries * heads.heads + heads.new_keys * heads.kv_heads)
    return rms_norm_work(rows * heads.key_width, rows) + steps(rows * heads.key_width)


def _quantized_cache(ctx: CostContext, heads: Heads, *scales: int) -> Work:
    """1 mul for each element read of a quantized cache; 1 mul, 1 round, 1 saturate for each that is appended."""
    present = sum(ctx.has_input(i) for i in scales)
    token = heads.batch * heads.kv_heads * heads.key_width
    read = max(heads.read_keys - heads.new_keys, 0)
    return steps(present * token * (read + 3 * heads.new_keys))


@cost("DynamicSparseAttention", domain=MS)
def dynamic_sparse_attention(ctx: CostContext) -> OpCost:
    """2*d MACs for each query and key that is selected for it or, with a local window, lies in it; else as GQA.

    At most as many keys as a row of the selection holds. What is selected is read of the past or of the auxiliary
    keys; new tokens are appended.
    """
    return _selected_attention(
        ctx, sequences=ctx.input(0).dims[0], lengths=(9, 10), selection=7, auxiliary=5, cos=11, norms=14, sink=16
    )


@cost("SparsePagedAttention", domain=MS)
def sparse_paged_attention(ctx: CostContext) -> OpCost:
    """2*d MACs for each query and key that is selected for it or, with a local window, lies in it; else as GQA.

    As DynamicSparseAttention over a cache of pages.
    """
    return _selected_attention(
        ctx, sequences=ctx.input(6).elements, lengths=(5, 6, 7), selection=9, auxiliary=11, cos=14, norms=17, sink=16
    )


def _selected_attention(
    ctx: CostContext,
    *,
    sequences: int,
    lengths: tuple[int, ...],
    selection: int,
    auxiliary: int,
    cos: int,
    norms: int,
    sink: int,
) -> OpCost:
    count, kv_count, width = grouped(ctx)
    queries = math.prod(ctx.input(0).dims[:-1])
    chosen, local = ctx.input(selection).dims[-1], 0
    if ctx.attributes.text("attention_mode") == "local_plus_selected":
        local = max(ctx.attributes.integer("local_window_size", -1), 0)
    heads = Heads(
        batch=1, heads=count, kv_heads=kv_count, queries=queries, keys=chosen + local, key_width=width,
        value_width=width, new_keys=queries, pairs=queries * (chosen + local),
    )  # fmt: skip
    rotated, tables = rotated_elements(ctx, heads, cos=cos, has_ids=True)
    sinks = count * queries if ctx.has_input(sink) else 0
    is_capped = ctx.attributes.number("softcap") != 0.0
    certain = _head_norms(ctx, heads, norms) + steps(3 * rotated)
    work = score_work(heads, is_soft_capped=is_capped) + certain + steps(1, "EXP").times(sinks)
    # Selected keys are distinct for each query; a window holds all but the last of its keys before the new tokens.
    token = kv_count * width
    selected, before = queries * chosen * token, sequences * max(local - 1, 0) * token
    taken: tuple[tuple[int, int], ...]
    if ctx.attributes.text("selected_kv_source") == "auxiliary":
        taken = ((3, before), (4, before), (auxiliary, selected), (auxiliary + 1, selected))
    else:
        taken = ((3, before + selected), (4, before + selected))
    reads = ctx.read(0, 1, 2, *lengths, selection, selection + 1, norms, norms + 1, sink)
    for index, elements in (*taken, *tables):
        reads += ctx.read_some(index, elements) if ctx.has_input(index) else ()
    # A row of the selection may hold nothing but filling.
    return appended(ctx, work, reads, queries * token, least=Least(work=certain, reads=ctx.read(0, 1, 2)))


def appended(
    ctx: CostContext, work: Work, reads: tuple[Transfer, ...], elements: int, least: Least | None = None
) -> OpCost:
    """An attention that appends `elements` to its caches, inputs 3 and 4, in place whether or not it returns them."""
    writes = ctx.write(0)
    shared: tuple[tuple[str, str], ...] = ()
    for place, index in ((1, 3), (2, 4)):
        if not ctx.has_input(index):
            continue
        if ctx.has_output(place) and ctx.copies_cache:
            writes += ctx.write(place)
        elif ctx.has_output(place):
            writes += ctx.write_some(place, elements)
            shared += ((ctx.op.outputs[place], ctx.op.inputs[index]),)
        else:
            writes += ctx.read_some(index, elements)
    return ctx.compute(work, reads=reads, writes=writes, in_place=shared, least=least)


@cost("PagedAttention", domain=MS)
def paged_attention(ctx: CostContext) -> OpCost:
    """Hq*(d + dv) MACs for each query and key of its sequence, past and new; 1 mul and Softmax a score.

    A soft cap, rotation, norms, sinks and quantized caches as in GroupQueryAttention. Pages of the past are read as
    far as they are filled (all of them where that is not known), new tokens are appended. The lengths of the
    sequences are data: taken as equal.
    """
    attributes = ctx.attributes
    tokens, hidden = ctx.input(0).dims
    count, kv_count, width = grouped(ctx)
    value_width = width
    if attributes.text("kv_cache_layout") == "LATENT":  # one cache of keys, whose first elements are the values
        width, value_width = hidden // count, attributes.integer("v_head_size")
    sequences = max(ctx.input(6).elements, 1)
    room = ctx.input(7).dims[1] * ctx.input(3).dims[1]
    known = ctx.integers(6)
    pasts = known or (max(room - -(-tokens // sequences), 0),) * sequences
    window = max(attributes.integer("local_window_size", -1), 0)
    length, longer = divmod(tokens, sequences)
    pairs, read = 0, 0
    for place, past in enumerate(pasts):
        new = length + (place < longer)
        one = Heads(1, count, kv_count, new, past + new, width, value_width, new, window)
        pairs += one.queries * one.seen
        read += max(one.read_keys - one.new_keys, 0)
    heads = Heads(1, count, kv_count, tokens, read + tokens, width, value_width, tokens, pairs=pairs)
    rotated, tables = rotated_elements(ctx, heads, cos=8, has_ids=True)
    sinks = count * tokens if ctx.has_input(11) else 0
    is_capped = attributes.number("softcap") != 0.0
    work = score_work(heads, is_soft_capped=is_capped) + _head_norms(ctx, heads, 12)
    work += steps(3 * rotated) + steps(1, "EXP").times(sinks) + _quantized_cache(ctx, heads, 14, 15)
    reads = ctx.read(0, 1, 2, 5, 6, 7, 10, 11, 12, 13, 14, 15, 16)
    for index, elements in ((3, _stored(ctx, 3, read)), (4, _stored(ctx, 4, read)), *tables):
        reads += ctx.read_some(index, elements) if ctx.has_input(index) else ()
    # New tokens of equal numbers, each behind the shortest past, see the fewest keys. No query sees what is behind it.
    certain = 0
    for place in range(sequences):
        new, past = length + (place < longer), min(pasts) if known else 0
        one = Heads(1, count, kv_count, new, past + new, width, value_width, new, window)
        certain += at_least(one, is_full=False, is_causal=True).pairs or 0
    least = Least(work=score_work(dataclasses.replace(heads, pairs=certain)), reads=ctx.read(0, 1, 2))
    return appended(ctx, work, reads, _stored(ctx, 3, tokens), least=least)


def _stored(ctx: CostContext, index: int, tokens: int) -> int:
    """Elements of a cache of pages [pages, tokens, heads, width] that tokens take."""
    if not ctx.has_input(index):
        return 0
    _, _, kv_heads, width = ctx.input(index).dims
    return tokens * kv_heads * width


# -- rotations -----------------------------------------------------------------------------------------------


@cost("RotaryEmbedding", domain=MS)
def contrib_rotary_embedding(ctx: CostContext) -> OpCost:
    """2 mul and 1 add for each rotated element; the rows of the positions are read from the tables."""
    return rotary(ctx, cos=2, sin=3, ids=1)


@cost("MRotaryEmbedding", domain=MS)
def multimodal_rotary_embedding(ctx: CostContext) -> OpCost:
    """As RotaryEmbedding: 2 mul and 1 add for each rotated element; one row of each table a token, in three parts."""
    tensor, half = ctx.input(0), ctx.input(2).dims[-1]
    tokens = ctx.input(1).elements // 3
    count = ctx.attributes.integer("num_heads")
    heads = tensor.dims[1] if len(tensor.dims) == 4 else count or tensor.dims[-1] // (2 * half or 1)
    rows = tokens * half
    tables = tuple(read_at(ctx, i, (whole_axis(min(rows, ctx.input(i).elements)),)) for i in (2, 3))
    ids = read_at(ctx, 1, (whole_axis(ctx.input(1).elements),))
    reads = (*ctx.read(0, 1), *ctx.read_some(2, rows), *ctx.read_some(3, rows))
    work = steps(3 * tokens * heads * 2 * half)
    least = Least(work=work, reads=ctx.read(0, 1))  # all tokens may have one position
    return ctx.compute(work, reads=reads, nest=pointwise(ctx, (0,), extra=(*tables, ids)), least=least)


@cost("GemmaRotaryEmbedding", domain=MS)
def gemma_rotary_embedding(ctx: CostContext) -> OpCost:
    """SIN, COS and 2 conversions a table element; 2 mul and 1 add an element of the queries and of the keys."""
    angles = ctx.input(0)
    rotated = ctx.input(1).elements + ctx.input(3).elements
    batch, tokens, width = angles.dims
    table = read_at(ctx, 0, (dense_axis(0, batch), dense_axis(2, tokens), dense_axis(3, width)))
    keys: tuple[Access, ...] = ()
    if ctx.input(1).dims == ctx.input(3).dims:
        dense = tuple(dense_axis(i, extent) for i, extent in enumerate(ctx.input(1).dims))
        keys = (*(read_at(ctx, i, dense) for i in (3, 4)), write_at(ctx, 1, dense))
    nest = pointwise(ctx, (1, 2), extra=(table, *keys)) if keys else None
    work = steps(2, "SIN", "COS").times(angles.elements) + steps(3 * rotated)
    return ctx.compute(work, nest=nest, compute_type=ctx.input(1).dtype)


@cost("RMSNormRotary", domain=MS)
def norm_rotary(ctx: CostContext) -> OpCost:
    """RMS normalization of each head with its scale, then 2 mul and 1 add a rotated element; rows of the tables."""
    batch, tokens, heads, stride = ctx.input(0).dims
    width = ctx.attributes.integer("input_width") or stride
    rows = batch * tokens * heads
    rotated = rows * ctx.attributes.integer("rotary_embedding_dim")
    table = batch * tokens * ctx.input(3).dims[-1]
    certain = (*ctx.read_some(0, rows * width), *ctx.read(1, 2, 5))
    reads = (*certain, *ctx.read_some(3, table), *ctx.read_some(4, table))
    work = rms_norm_work(rows * width, rows) + steps(rows * width + 3 * rotated)
    return ctx.compute(work, reads=reads, least=Least(work=work, reads=certain))  # all tokens may have one position
