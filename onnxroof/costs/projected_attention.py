"""What attention operators cost that project their queries, keys and values themselves."""

from __future__ import annotations

from onnxroof.costs.attention import Cache, Heads, at_least, cached, past_tokens, score_work
from onnxroof.costs.context import CostContext, MissingShapeError
from onnxroof.costs.contrib_attention import least_pairs
from onnxroof.costs.cost import Least, OpCost, Work
from onnxroof.costs.elementwise import steps
from onnxroof.costs.matmul import REQUANTIZE
from onnxroof.costs.registry import cost

__all__ = ["projected_attention"]

MS = "com.microsoft"


@cost("Attention", "DecoderMaskedSelfAttention", domain=MS)
def projected_attention(ctx: CostContext) -> OpCost:
    """B*S*Din*(Q + K + V widths) MACs of the projections, B*H*Sq*Skv*(d + dv) of the attention.

    1 add a projected element (bias); 1 mul (scale), 1 add (mask) and Softmax a score; a rotation 3 vector ops an
    element of queries and keys. Past and present are one cache.
    """
    heads, projected = _projected(ctx, weights=1, past=4, length=6)
    masks = sum(ctx.has_input(i) for i in (3, 5))
    rotated = 0
    if ctx.attributes.integer("do_rotary"):
        width = ctx.attributes.integer("rotary_embedding_dim") or heads.key_width
        rotated = 2 * heads.batch * heads.heads * heads.queries * width
    work = projected + score_work(heads, masks=masks) + steps(3 * rotated)
    work += steps(heads.batch * heads.queries * ctx.input(1).dims[1] if ctx.has_input(2) else 0)
    is_full = bool(ctx.attributes.integer("past_present_share_buffer")) and ctx.has_input(4) and not ctx.integers(6)
    certain = at_least(heads, is_full=is_full, is_causal=bool(ctx.attributes.integer("unidirectional")))
    least = None
    if certain.scores < heads.scores:
        least = Least(work=projected + score_work(certain), reads=ctx.read(0, 1, 2) if is_full else None)
    return _with_cache(ctx, work, heads, cache=Cache(4, 1), inputs=(0, 1, 2, 3, 5, 6, 7, 8), least=least)


def _projected(ctx: CostContext, *, weights: int, past: int, length: int) -> tuple[Heads, Work]:
    """Extents of the attention and the MACs of the projections; `length` of what a shared buffer holds."""
    batch, tokens, inner = ctx.input(0).dims
    columns = ctx.input(weights).dims[1]
    count = ctx.attributes.integer("num_heads", 1)
    sizes = ctx.attributes.integers("qkv_hidden_sizes") or (columns // 3,) * 3
    before = past_tokens(ctx, past)
    if before and ctx.attributes.integer("past_present_share_buffer"):
        known = ctx.integers(length)
        before = known[0] if known else max(before - tokens, 0)
    heads = Heads(
        batch=batch,
        heads=count,
        kv_heads=count,
        queries=tokens,
        keys=tokens + before,
        key_width=sizes[0] // count,
        value_width=sizes[2] // count,
        new_keys=tokens,
    )
    return heads, Work(macs=batch * tokens * inner * columns)


def _with_cache(
    ctx: CostContext, work: Work, heads: Heads, *, cache: Cache, inputs: tuple[int, ...], least: Least | None = None
) -> OpCost:
    """Keys and values are one cache [2, batch, heads, tokens, width], read as past and appended to."""
    rows = 2 * heads.batch * heads.heads
    reads, writes, shared = cached(ctx, (cache,), past=heads.keys - heads.new_keys, new=heads.new_keys, rows=rows)
    return ctx.compute(
        work, reads=(*ctx.read(*inputs), *reads), writes=(*ctx.write(0), *writes), in_place=shared, least=least
    )


@cost("QAttention", domain=MS)
def quantized_attention(ctx: CostContext) -> OpCost:
    """MACs as Attention, taken at the integer type of the projections; the attention itself is of floats.

    1 sub for each element of input and weights that has a zero point; 1 mul (scales), 1 add (bias) a projected
    element; 1 mul, 1 add (mask) and Softmax a score.
    """
    heads, projected = _projected(ctx, weights=1, past=8, length=-1)
    shifted = sum(ctx.input(i).elements for i, zero in ((0, 6), (1, 7)) if ctx.has_input(zero))
    dequantized = 2 * heads.batch * heads.queries * ctx.input(1).dims[1]
    work = projected + steps(shifted + dequantized) + score_work(heads, masks=int(ctx.has_input(5)))
    return _with_cache(ctx, work, heads, cache=Cache(8, 1), inputs=(0, 1, 2, 3, 4, 5, 6, 7))


@cost("QOrderedAttention", domain=MS)
def ordered_attention(ctx: CostContext) -> OpCost:
    """MACs as Attention on integers; 1 add (bias) and 4 vector ops to requantize a projected element.

    1 mul, 1 add a mask, Softmax and 4 vector ops to requantize a score; 4 to requantize an output element.
    """
    batch, tokens, inner = ctx.input(0).dims
    count = ctx.attributes.integer("num_heads", 1)
    widths = [ctx.input(i).dims[1] for i in (5, 6, 7)]
    heads = Heads(
        batch=batch, heads=count, kv_heads=count, queries=tokens, keys=tokens, key_width=widths[0] // count,
        value_width=widths[2] // count, new_keys=tokens,
    )  # fmt: skip
    projected = batch * tokens * sum(widths)
    masks = sum(ctx.has_input(i) for i in (17, 19))
    work = Work(macs=inner * projected) + steps(projected) + score_work(heads, masks=masks)
    return ctx.compute(work + REQUANTIZE.times(projected + heads.scores + ctx.output(0).elements))


@cost("PackedAttention", domain=MS)
def packed_attention(ctx: CostContext) -> OpCost:
    """T*Din*(Q + K + V widths) MACs of the projections of T tokens, H*(d + dv) for each pair of one sequence.

    1 add a projected element; 1 mul (scale), 1 add (bias) and Softmax a score. The lengths of the sequences are data:
    taken as equal.
    """
    tokens, inner = ctx.input(0).dims
    columns = ctx.input(1).dims[1]
    count = ctx.attributes.integer("num_heads", 1)
    sizes = ctx.attributes.integers("qkv_hidden_sizes") or (columns // 3,) * 3
    sequences = ctx.input(4).elements - 1
    if sequences < 1:
        raise MissingShapeError("the number of sequences is not known")
    heads = Heads(
        batch=1, heads=count, kv_heads=count, queries=tokens, keys=tokens, key_width=sizes[0] // count,
        value_width=sizes[2] // count, new_keys=tokens, pairs=least_pairs(tokens, sequences),
    )  # fmt: skip
    work = Work(macs=tokens * inner * columns) + steps(tokens * columns)
    return ctx.compute(work + score_work(heads, masks=int(ctx.has_input(5))))


@cost("DecoderAttention", domain=MS)
def decoder_attention(ctx: CostContext) -> OpCost:
    """S*B*H*H MACs of the queries, 2*H*H for each new key token, 2*B*S*Skv*H of the attention.

    1 add a projected element; 1 mul (scale), 1 add (mask) and Softmax a score. Whether it is a cross attention and
    whether caches are used are contents of inputs that must be known.
    """
    tokens, batch, hidden = ctx.input(0).dims
    flags = [ctx.integers(i) for i in (8, 9)]
    if flags[0] is None or flags[1] is None:
        raise MissingShapeError("`static_kv` and `use_past` are not known")
    is_static, uses_past = bool(flags[0][0]), bool(flags[1][0]) and ctx.has_input(6)
    past = past_tokens(ctx, 6) if uses_past else 0
    new = (0 if uses_past else ctx.input(1).dims[0]) if is_static else tokens
    count = ctx.attributes.integer("num_heads", 1)
    heads = Heads(
        batch=batch, heads=count, kv_heads=count, queries=tokens, keys=past + new, key_width=hidden // count,
        value_width=hidden // count, new_keys=new,
    )  # fmt: skip
    projected = batch * hidden * (tokens + 2 * new)
    work = Work(macs=projected * hidden) + steps(projected) + score_work(heads, masks=int(ctx.has_input(5)))
    caches = (Cache(6, 1), Cache(7, 2))
    reads, writes, shared = cached(ctx, caches, past=past, new=new, rows=batch * count)
    # Keys of a cross attention that are cached are not projected again: then only the queries' weights are read.
    inputs = (0, 2, 4, 5) if new == 0 else (0, 1, 2, 3, 4, 5)
    return ctx.compute(work, reads=(*ctx.read(*inputs), *reads), writes=(*ctx.write(0), *writes), in_place=shared)


@cost("LongformerAttention", domain=MS)
def longformer_attention(ctx: CostContext) -> OpCost:
    """3*B*S*H*H MACs of the projections; 2*H for each token and token within its window of W to either side.

    1 add a projected element; 1 mul (scale), 1 add (mask) and Softmax a score. Which tokens attend globally is data:
    where it is not known, none are counted, which is the least.
    """
    return _longformer(ctx, weight=1, flags=6, of_global=(4, 5))


@cost("QOrderedLongformerAttention", domain=MS)
def ordered_longformer_attention(ctx: CostContext) -> OpCost:
    """As LongformerAttention on integers; 4 vector ops to requantize a projected and an output element."""
    requantized = REQUANTIZE.times(3 * ctx.input(0).elements + ctx.output(0).elements)
    return _longformer(ctx, weight=2, flags=12, of_global=(8, 9, 10, 11), extra=requantized)


def _longformer(
    ctx: CostContext, *, weight: int, flags: int, of_global: tuple[int, ...], extra: Work | None = None
) -> OpCost:
    """Global tokens have queries, and all tokens keys and values, of projections of their own, where there are any."""
    batch, tokens, hidden = ctx.input(0).dims
    count, window = ctx.attributes.integer("num_heads", 1), ctx.attributes.integer("window")
    band = sum(min(i, window) + min(tokens - 1 - i, window) + 1 for i in range(tokens))
    chosen = sum(1 for flag in ctx.integers(flags) or () if flag)
    # A global token attends to all and is attended to by all.
    pairs = batch * band + 2 * chosen * tokens
    heads = Heads(batch, count, count, tokens, tokens, hidden // count, hidden // count, tokens, pairs=pairs)
    projected = batch * tokens * ctx.input(weight).dims[1]
    if chosen:
        projected += chosen * hidden + 2 * batch * tokens * hidden
    work = Work(macs=projected * hidden) + steps(projected) + score_work(heads, masks=1) + (extra or Work())
    inputs = (i for i in range(len(ctx.op.inputs)) if chosen or i not in of_global)
    return ctx.compute(work, reads=ctx.read(*inputs))
