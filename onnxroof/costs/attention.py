"""What attention costs as one operator: scores and their sum with V in MACs, softmax beside them, caches in place.

Work counts query heads, bytes count key/value heads. Past and present of an operator are one buffer, of which the
past is read and only new tokens are written, unless caches are copied. A causal mask does not reduce the work.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from onnxroof.costs.context import CostContext, MissingShapeError
from onnxroof.costs.cost import OpCost, Transfer, Work
from onnxroof.costs.elementwise import steps
from onnxroof.costs.nests import make_nest, pointwise, read_at, whole_reads, write_at
from onnxroof.costs.normalization import softmax_work
from onnxroof.costs.registry import cost
from onnxroof.dtypes import packed_bytes
from onnxroof.ir.loopnest import Access, AxisMap, Loop, LoopKind, LoopNest, Term, dense_axis, whole_axis

__all__ = ["Cache", "Heads", "attention"]


@dataclass(frozen=True, slots=True)
class Heads:
    """The extents of an attention: batch, heads, new and all tokens, and widths of a key and of a value."""

    batch: int
    heads: int
    kv_heads: int
    queries: int
    keys: int
    key_width: int
    value_width: int
    new_keys: int

    @property
    def scores(self) -> int:
        """Elements of the score matrix over all query heads."""
        return self.batch * self.heads * self.queries * self.keys

    @property
    def macs(self) -> int:
        """Q*K and P*V."""
        return self.scores * (self.key_width + self.value_width)


@dataclass(frozen=True, slots=True)
class Cache:
    """One appended buffer: positions of the past among the inputs and of the present among the outputs."""

    past: int
    present: int


_Q, _K, _V = 0, 1, 2


def _work(ctx: CostContext, heads: Heads, *, masks: int, is_soft_capped: bool) -> Work:
    """MACs, scaling, masks, an optional soft cap (DIV, TANH, mul) and softmax."""
    capped = steps(1, "DIV", "TANH").times(heads.scores) if is_soft_capped else Work()
    return Work(macs=heads.macs) + steps(heads.scores * (1 + masks)) + capped + softmax_work(heads.scores)


def _cached(
    ctx: CostContext, caches: tuple[Cache, ...], past: int, new: int, rows: int
) -> tuple[tuple[Transfer, ...], tuple[Transfer, ...], tuple[tuple[str, str], ...]]:
    """Reads of the past, writes of the present, and which buffers are shared.

    Args:
        ctx: The operator.
        caches: Its caches.
        past: Tokens that are read.
        new: Tokens that are appended.
        rows: Sequences that a cache holds: batch x heads.
    """
    reads: tuple[Transfer, ...] = ()
    writes: tuple[Transfer, ...] = ()
    shared: tuple[tuple[str, str], ...] = ()
    for cache in caches:
        has_past, has_present = ctx.has_input(cache.past), ctx.has_output(cache.present)
        if has_past:
            tensor = ctx.input(cache.past)
            length = tensor.dims[-2]
            width = tensor.elements // (rows * length) if rows * length else 0
            reads += (Transfer(tensor.name, packed_bytes(rows * min(past, length) * width, tensor.dtype)),)
        if not has_present:
            continue
        result = ctx.output(cache.present)
        if has_past and not ctx.copies_cache:
            length = result.dims[-2]
            width = result.elements // (rows * length) if rows * length else 0
            writes += (Transfer(result.name, packed_bytes(rows * new * width, result.dtype)),)
            shared += ((result.name, ctx.op.inputs[cache.past]),)
        else:
            writes += (Transfer(result.name, result.bytes),)
    return reads, writes, shared


def attention(
    ctx: CostContext,
    heads: Heads,
    *,
    caches: tuple[Cache, ...] = (),
    masks: tuple[int, ...] = (),
    small: tuple[int, ...] = (),
    extra: Work | None = None,
    partial: tuple[tuple[int, int], ...] = (),
    is_soft_capped: bool = False,
) -> OpCost:
    """The cost of an attention whose queries, keys and values are inputs 0 to 2.

    Args:
        ctx: The operator.
        heads: Its extents.
        caches: Of keys and of values.
        masks: Inputs that are added to the scores, where present.
        small: Further inputs that are read whole.
        extra: Work beside scores, softmax and the product with V.
        partial: Inputs that are read in part, with the elements of each.
        is_soft_capped: Whether scores pass a tanh.
    """
    present_masks = tuple(i for i in masks if ctx.has_input(i))
    work = _work(ctx, heads, masks=len(present_masks), is_soft_capped=is_soft_capped) + (extra or Work())
    past = heads.keys - heads.new_keys
    cache_reads, cache_writes, shared = _cached(ctx, caches, past, heads.new_keys, heads.batch * heads.kv_heads)
    outputs = {cache.present for cache in caches}
    others = [i for i in range(len(ctx.op.outputs)) if i not in outputs]
    partial_reads = tuple(transfer for index, elements in partial for transfer in ctx.read_some(index, elements))
    group = heads.heads // max(heads.kv_heads, 1)
    extras = (
        *(read_at(ctx, i, _mask_axes(ctx.input(i).dims, heads, group)) for i in present_masks),
        *whole_reads(ctx, *small),
        *(read_at(ctx, i, (whole_axis(min(elements, ctx.input(i).elements)),)) for i, elements in partial),
    )
    return ctx.compute(
        work,
        reads=(*ctx.read(_Q, _K, _V, *present_masks, *small), *partial_reads, *cache_reads),
        writes=(*ctx.write(*others), *cache_writes),
        nest=_nest(ctx, heads, caches, extras, others),
        in_place=shared,
    )


def _nest(
    ctx: CostContext,
    heads: Heads,
    caches: tuple[Cache, ...],
    extras: tuple[Access, ...],
    others: list[int],
) -> LoopNest | None:
    """Loops b, h_kv, group, q and, summed, kv; the widths are taken whole.

    K and V do not depend on `group`: the queries of a group share them. Axes are those of a [batch, head, token,
    width] layout whatever the operands' own. With a past, the accesses of keys and values stand for the past and
    the new tokens together, and those of the presents for the new tokens. A point is key width + value width MACs.
    """
    group = heads.heads // heads.kv_heads if heads.kv_heads else 0
    if group * heads.kv_heads != heads.heads:
        return None
    loops = (
        Loop("b", heads.batch),
        Loop("h_kv", heads.kv_heads),
        Loop("group", group),
        Loop("q", heads.queries),
        Loop("kv", heads.keys, LoopKind.REDUCTION),
    )
    batch, kv_head = dense_axis(0, heads.batch), dense_axis(1, heads.kv_heads)
    query_axes = (batch, kv_head, dense_axis(2, group), dense_axis(3, heads.queries))
    keys = (batch, kv_head, dense_axis(4, heads.keys))
    # Packed queries, keys and values are one tensor: its three parts are three accesses to it.
    key = _K if ctx.has_input(_K) else _Q
    value = _V if ctx.has_input(_V) else key
    accesses: list[Access] = [
        read_at(ctx, _Q, (*query_axes, whole_axis(heads.key_width))),
        read_at(ctx, key, (*keys, whole_axis(heads.key_width))),
        # One axis more, so that values packed beside their keys are not taken for the keys again.
        read_at(ctx, value, (*keys, whole_axis(heads.value_width), whole_axis(1))),
        *extras,
        write_at(ctx, 0, (*query_axes, whole_axis(heads.value_width)), ctx.compute_type.accumulator.bits),
    ]
    # Scores that are returned leave as they are: no sum over them is kept.
    scores = (*query_axes, dense_axis(4, heads.keys))
    accesses += [write_at(ctx, index, scores) for index in others[1:] if ctx.has_output(index)]
    for cache in caches:
        if ctx.has_output(cache.present):
            tensor = ctx.output(cache.present)
            is_appended = ctx.has_input(cache.past) and not ctx.copies_cache
            rows = heads.batch * heads.kv_heads * tensor.dims[-2]
            per_token = tensor.elements // rows if rows else 0
            tokens = heads.new_keys if is_appended else tensor.dims[-2]
            accesses.append(write_at(ctx, cache.present, (batch, kv_head, whole_axis(tokens * per_token))))
    return make_nest(loops, accesses)


def _mask_axes(shape: tuple[int, ...], heads: Heads, group: int) -> tuple[AxisMap, ...]:
    """A mask that is broadcast against [batch, heads, queries, keys]; of any other form it is taken whole."""
    full = (heads.batch, heads.heads, heads.queries, heads.keys)
    padded = (1,) * (4 - len(shape)) + tuple(shape)
    if len(padded) != 4 or any(size not in (1, extent) for size, extent in zip(padded, full, strict=True)):
        return (whole_axis(math.prod(shape)),)
    walked = (
        dense_axis(0, heads.batch),
        AxisMap((Term(1, group), Term(2)), heads.heads),
        dense_axis(3, heads.queries),
        dense_axis(4, heads.keys),
    )
    axes = tuple(axis if size == axis.extent else whole_axis(1) for size, axis in zip(padded, walked, strict=True))
    return axes[4 - len(shape) :]


def _past_tokens(ctx: CostContext, index: int) -> int:
    return ctx.input(index).dims[-2] if ctx.has_input(index) else 0


@cost("Attention")
def standard_attention(ctx: CostContext) -> OpCost:
    """B*Hq*Sq*Skv*(d + dv) MACs, Skv with the past; 1 mul (scale), 1 add (mask) and Softmax a score.

    A soft cap is 1 mul, DIV, TANH a score. Bytes of keys and values are those of key/value heads; the past is read,
    of the present the new tokens are written.
    """
    attributes = ctx.attributes
    query, key, value = (ctx.input(i).dims for i in range(3))
    if len(query) == 3:
        count, kv_count = attributes.integer("q_num_heads"), attributes.integer("kv_num_heads")
        if not count or not kv_count:
            raise MissingShapeError("`q_num_heads` and `kv_num_heads` are missing")
        query, key, value = (
            _split_heads(shape, n) for shape, n in ((query, count), (key, kv_count), (value, kv_count))
        )
    heads = Heads(
        batch=query[0],
        heads=query[1],
        kv_heads=key[1],
        queries=query[2],
        keys=key[2] + _past_tokens(ctx, 4),
        key_width=query[3],
        value_width=value[3],
        new_keys=key[2],
    )
    return attention(
        ctx,
        heads,
        caches=(Cache(4, 1), Cache(5, 2)),
        masks=(3,),
        small=(6,),
        is_soft_capped=attributes.number("softcap") != 0.0,
    )


def _split_heads(shape: tuple[int, ...], heads: int) -> tuple[int, ...]:
    """[batch, tokens, heads * width] as [batch, heads, tokens, width]."""
    return (shape[0], heads, shape[1], shape[2] // heads)


@cost("MultiHeadAttention", domain="com.microsoft")
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
        keys=new + _past_tokens(ctx, 6),
        key_width=width,
        value_width=value_width,
        new_keys=new,
    )
    biased = heads.batch * count * (heads.queries * width + new * (width + value_width)) if ctx.has_input(3) else 0
    return attention(ctx, heads, caches=(Cache(6, 1), Cache(7, 2)), masks=(4, 5), small=(3, 8, 9), extra=steps(biased))


def _keys_and_width(ctx: CostContext, count: int, width: int) -> tuple[int, int]:
    """New tokens and the width of a value, for keys and values in any of their layouts."""
    key = ctx.input(1).dims
    if len(key) == 5:  # packed [batch, tokens, heads, 2, width]
        return key[1], key[4]
    if len(key) == 4:  # [batch, heads, tokens, width], as a cross attention keeps them
        return key[2], ctx.input(2).dims[3]
    value = ctx.input(2).dims if ctx.has_input(2) else key
    return key[1], value[2] // count if len(value) == 3 else width


@cost("GroupQueryAttention", domain="com.microsoft")
def group_query_attention(ctx: CostContext) -> OpCost:
    """2*B*Hq*Sq*Skv*d MACs, Skv with the past; 1 mul (scale), 1 add (bias) and Softmax a score.

    A soft cap is 1 mul, DIV, TANH a score, a rotation 3 vector ops an element. Bytes of keys and values are those of
    key/value heads; the past is read, of the present the new tokens are written.
    """
    attributes = ctx.attributes
    count, kv_count = attributes.integer("num_heads", 1), attributes.integer("kv_num_heads", 1)
    batch, new, hidden = ctx.input(0).dims
    width = hidden // count if ctx.has_input(1) else hidden // (count + 2 * kv_count)
    past = _past_tokens(ctx, 3)
    if ctx.has_output(1) and ctx.output(1).dims[-2] == past and past >= new:
        # One buffer of the greatest length: how much of it is filled is a value, else all of it.
        total = ctx.integers(6)
        past = (total[0] if total else past) - new
    heads = Heads(
        batch=batch,
        heads=count,
        kv_heads=kv_count,
        queries=new,
        keys=past + new,
        key_width=width,
        value_width=width,
        new_keys=new,
    )
    rotated, tables = _rotated(ctx, heads)
    return attention(
        ctx,
        heads,
        caches=(Cache(3, 1), Cache(4, 2)),
        masks=(10,),
        small=(5, 6, 9, 11, 12, 13),
        extra=steps(3 * rotated),
        partial=tables,
        is_soft_capped=attributes.number("softcap") != 0.0,
    )


def _rotated(ctx: CostContext, heads: Heads) -> tuple[int, tuple[tuple[int, int], ...]]:
    """Elements that the operator rotates itself, and what it reads of the tables of cosines and sines."""
    if not ctx.attributes.integer("do_rotary") or not ctx.has_input(7):
        return 0, ()
    half = ctx.input(7).dims[-1]
    tokens = heads.batch * heads.queries
    rows = tokens if ctx.has_input(9) else heads.queries
    return tokens * (heads.heads + heads.kv_heads) * 2 * half, ((7, rows * half), (8, rows * half))


@cost("Attention", domain="com.microsoft")
def projected_attention(ctx: CostContext) -> OpCost:
    """B*S*Din*(Q + K + V widths) MACs of the projections, B*H*Sq*Skv*(d + dv) of the attention.

    1 add a projected element (bias); 1 mul (scale), 1 add (mask) and Softmax a score. Past and present are one cache.
    """
    batch, tokens, inner = ctx.input(0).dims
    projected = ctx.input(1).dims[1]
    count = ctx.attributes.integer("num_heads", 1)
    sizes = ctx.attributes.integers("qkv_hidden_sizes") or (projected // 3,) * 3
    heads = Heads(
        batch=batch,
        heads=count,
        kv_heads=count,
        queries=tokens,
        keys=tokens + _past_tokens(ctx, 4),
        key_width=sizes[0] // count,
        value_width=sizes[2] // count,
        new_keys=tokens,
    )
    masks = tuple(i for i in (3, 5) if ctx.has_input(i))
    reads, writes, shared = _cached(ctx, (Cache(4, 1),), heads.keys - tokens, tokens, 2 * batch * count)
    return ctx.compute(
        Work(macs=batch * tokens * inner * projected)
        + steps(batch * tokens * projected if ctx.has_input(2) else 0)
        + _work(ctx, heads, masks=len(masks), is_soft_capped=False),
        reads=(*ctx.read(0, 1, 2, 3, 5), *reads),
        writes=(*ctx.write(0), *writes),
        in_place=shared,
    )


@cost("LinearAttention")
def linear_attention(ctx: CostContext) -> OpCost:
    """d*dv MACs a token: 1 for each query head (output), 1 for each key/value head (update), 1 more with a delta rule.

    Gating adds 1 EXP a decay element and 1 mul a state element; a delta rule 1 sub and 1 mul a value element;
    scaling 1 mul an output element.
    """
    query, key, value = (ctx.input(i).dims for i in range(3))
    count, kv_count = ctx.attributes.integer("q_num_heads", 1), ctx.attributes.integer("kv_num_heads", 1)
    rule = ctx.attributes.text("update_rule", "gated_delta")
    tokens = query[0] * query[1]
    state = (key[2] // kv_count) * (value[2] // kv_count)
    products = count + kv_count * (2 if "delta" in rule else 1)
    vector = ctx.output(0).elements
    exponentials = 0
    if "gated" in rule and ctx.has_input(4):
        exponentials = ctx.input(4).elements
        vector += tokens * kv_count * state
    if "delta" in rule:
        vector += 2 * ctx.input(2).elements
    return ctx.compute(Work(macs=tokens * state * products, vector_ops=vector, special={"EXP": exponentials}))


@cost("RotaryEmbedding")
def rotary_embedding(ctx: CostContext) -> OpCost:
    """2 mul and 1 add for each rotated element; the rows of the positions are read from the tables."""
    return _rotary(ctx, cos=1, sin=2, ids=3)


@cost("RotaryEmbedding", domain="com.microsoft")
def contrib_rotary_embedding(ctx: CostContext) -> OpCost:
    """2 mul and 1 add for each rotated element; the rows of the positions are read from the tables."""
    return _rotary(ctx, cos=2, sin=3, ids=1)


def _rotary(ctx: CostContext, *, cos: int, sin: int, ids: int) -> OpCost:
    """Tables are [positions, half the rotated width], or [batch, tokens, that] without positions.

    In a 3-D tensor heads lie side by side: their number is an attribute, or follows from a table as wide as a head.
    """
    tensor = ctx.input(0)
    half = ctx.input(cos).dims[-1]
    batch = tensor.dims[0]
    count = ctx.attributes.integer("num_heads")
    if len(tensor.dims) == 4:
        heads, tokens = tensor.dims[1], tensor.dims[2]
    else:
        heads, tokens = count or tensor.dims[-1] // (2 * half or 1), tensor.dims[1]
    rows = batch * tokens if ctx.has_input(ids) else ctx.input(cos).elements // max(half, 1)
    if ctx.has_input(ids) and ctx.input(ids).elements == 1:
        rows = tokens  # one offset for the whole batch
    tables = tuple(read_at(ctx, i, (whole_axis(min(rows * half, ctx.input(i).elements)),)) for i in (cos, sin))
    reads = (*ctx.read(0, ids), *ctx.read_some(cos, rows * half), *ctx.read_some(sin, rows * half))
    nest = pointwise(ctx, (0,), extra=(*tables, *whole_reads(ctx, ids)))
    return ctx.compute(steps(3 * batch * tokens * heads * 2 * half), reads=reads, nest=nest)
