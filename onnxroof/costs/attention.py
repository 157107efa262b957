"""What attention costs as one operator: scores and their sum with V in MACs, softmax beside them, caches in place.

Work counts query heads, bytes count key/value heads. Past and present of an operator are one buffer, of which the
past is read and only new tokens are written, unless caches are copied. A causal mask does not reduce the work
that is counted, but the least of it.
"""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass

from onnxroof.costs.context import CostContext, MissingShapeError
from onnxroof.costs.cost import Least, OpCost, Transfer, Work
from onnxroof.costs.elementwise import steps
from onnxroof.costs.nests import make_nest, pointwise, read_at, whole_reads, write_at
from onnxroof.costs.normalization import softmax_work
from onnxroof.costs.registry import cost
from onnxroof.ir.loopnest import Access, AxisMap, Loop, LoopKind, LoopNest, Term, dense_axis, whole_axis

__all__ = ["Cache", "Heads", "at_least", "attention", "cached", "past_tokens", "recurrence", "rotary", "score_work"]


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
    window: int = 0  # keys that a query sees, itself and those before it; 0 for all
    pairs: int | None = None  # queries times keys that they see, of all sequences, where these differ in length

    @property
    def is_windowed(self) -> bool:
        """Whether a query does not see all keys."""
        return 0 < self.window < self.keys

    @property
    def seen(self) -> int:
        """Keys that one query sees."""
        return self.window if self.is_windowed else self.keys

    @property
    def read_keys(self) -> int:
        """Keys that the queries of one sequence see together."""
        return min(self.keys, self.window + self.queries - 1) if self.is_windowed else self.keys

    @property
    def scores(self) -> int:
        """Elements of the score matrix over all query heads."""
        pairs = self.batch * self.queries * self.seen if self.pairs is None else self.pairs
        return self.heads * pairs

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


def score_work(heads: Heads, *, masks: int = 0, is_soft_capped: bool = False) -> Work:
    """MACs, scaling, masks, an optional soft cap (DIV, TANH, mul) and softmax."""
    capped = steps(1, "DIV", "TANH").times(heads.scores) if is_soft_capped else Work()
    return Work(macs=heads.macs) + steps(heads.scores * (1 + masks)) + capped + softmax_work(heads.scores)


def cached(
    ctx: CostContext, caches: tuple[Cache, ...], *, past: int, new: int, rows: int
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
            reads += (Transfer(tensor.name, tensor.bytes_of(rows * min(past, length) * width)),)
        if not has_present:
            continue
        result = ctx.output(cache.present)
        if has_past and not ctx.copies_cache:
            length = result.dims[-2]
            width = result.elements // (rows * length) if rows * length else 0
            writes += (Transfer(result.name, result.bytes_of(rows * new * width)),)
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
    has_ids: bool = False,
    is_soft_capped: bool = False,
    is_full: bool = False,
    is_causal: bool = False,
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
        has_ids: Whether data say which part of them: each position a part of its own, or all the same.
        is_soft_capped: Whether scores pass a tanh.
        is_full: Whether a cache is taken as full because how much it holds is not known: it may hold nothing.
        is_causal: Whether no query sees the keys behind it: a kernel may leave them out.
    """
    present_masks = tuple(i for i in masks if ctx.has_input(i))
    work = score_work(heads, masks=len(present_masks), is_soft_capped=is_soft_capped) + (extra or Work())
    past = max(heads.read_keys - heads.new_keys, 0)
    rows = heads.batch * heads.kv_heads
    cache_reads, cache_writes, shared = cached(ctx, caches, past=past, new=heads.new_keys, rows=rows)
    outputs = {cache.present for cache in caches}
    others = [i for i in range(len(ctx.op.outputs)) if i not in outputs]
    partial_reads = tuple(transfer for index, elements in partial for transfer in ctx.read_some(index, elements))
    group = heads.heads // max(heads.kv_heads, 1)
    reads = ctx.read(_Q, _K, _V, *present_masks, *small)
    certain = at_least(heads, is_full=is_full, is_causal=is_causal)
    least = None
    if is_full:
        least = Least(work=score_work(certain), reads=ctx.read(_Q, _K, _V))
    elif certain.scores < heads.scores or has_ids:
        work_left = score_work(certain, masks=len(present_masks), is_soft_capped=is_soft_capped)
        least = Least(work=work_left, reads=(*reads, *cache_reads, *(() if has_ids else partial_reads)))
    extras = (
        *(read_at(ctx, i, _mask_axes(ctx.input(i).dims, heads, group)) for i in present_masks),
        *whole_reads(ctx, *small),
        *(read_at(ctx, i, (whole_axis(min(elements, ctx.input(i).elements)),)) for i, elements in partial),
    )
    return ctx.compute(
        work,
        reads=(*reads, *partial_reads, *cache_reads),
        writes=(*ctx.write(*others), *cache_writes),
        nest=_nest(ctx, heads, caches, extras, others),
        in_place=shared,
        least=least,
    )


def _causal_pairs(heads: Heads) -> int:
    """Queries times keys up to each of them, of all sequences; the queries follow what is past."""
    past = heads.keys - heads.new_keys
    seen = heads.window if heads.is_windowed else heads.keys
    # The first queries see one key more each, up to as many as there are to see.
    growing = min(max(seen - past, 0), heads.queries)
    first = growing * past + growing * (growing + 1) // 2
    return heads.batch * (first + (heads.queries - growing) * seen)


def at_least(heads: Heads, *, is_full: bool, is_causal: bool) -> Heads:
    """The same attention behind an empty cache where it is only taken as full, and without the keys behind a query."""
    certain = dataclasses.replace(heads, keys=heads.new_keys, pairs=None) if is_full else heads
    return dataclasses.replace(certain, pairs=_causal_pairs(certain)) if is_causal and heads.pairs is None else certain


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
    if group * heads.kv_heads != heads.heads or heads.pairs is not None:
        return None
    key = _K if ctx.has_input(_K) else _Q
    if any(ctx.has_input(c.past) and ctx.input(c.past).dtype.bits != ctx.input(key).dtype.bits for c in caches):
        return None  # one access stands for past and new keys, which must be of one width
    loops = (
        Loop("b", heads.batch),
        Loop("h_kv", heads.kv_heads),
        Loop("group", group),
        Loop("q", heads.queries),
        Loop("kv", heads.seen, LoopKind.REDUCTION),
    )
    batch, kv_head = dense_axis(0, heads.batch), dense_axis(1, heads.kv_heads)
    query_axes = (batch, kv_head, dense_axis(2, group), dense_axis(3, heads.queries))
    keys = (batch, kv_head, _key_axis(heads))
    # Packed queries, keys and values are one tensor: its three parts are three accesses to it.
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
    scores = (*query_axes, whole_axis(heads.keys) if heads.is_windowed else dense_axis(4, heads.keys))
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


def _key_axis(heads: Heads) -> AxisMap:
    """Keys as the loops q and kv walk them: of a window, the last one is the query's own."""
    if not heads.is_windowed:
        return dense_axis(4, heads.keys)
    return AxisMap((Term(3), Term(4)), heads.keys, heads.keys - heads.queries - heads.seen + 1)


def _mask_axes(shape: tuple[int, ...], heads: Heads, group: int) -> tuple[AxisMap, ...]:
    """A mask that is broadcast against [batch, heads, queries, keys]; of any other form it is taken whole."""
    full = (heads.batch, heads.heads, heads.queries, heads.keys)
    padded = (1,) * (4 - len(shape)) + tuple(shape)
    if (
        heads.is_windowed
        or len(padded) != 4
        or any(size not in (1, extent) for size, extent in zip(padded, full, strict=True))
    ):
        return (whole_axis(math.prod(shape)),)
    walked = (
        dense_axis(0, heads.batch),
        AxisMap((Term(1, group), Term(2)), heads.heads),
        dense_axis(3, heads.queries),
        dense_axis(4, heads.keys),
    )
    axes = tuple(axis if size == axis.extent else whole_axis(1) for size, axis in zip(padded, walked, strict=True))
    return axes[4 - len(shape) :]


def past_tokens(ctx: CostContext, index: int) -> int:
    """Tokens of a cache [..., tokens, width], none where there is no cache."""
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
        keys=key[2] + past_tokens(ctx, 4),
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
        is_causal=bool(attributes.integer("is_causal")),
        is_soft_capped=attributes.number("softcap") != 0.0,
    )


def _split_heads(shape: tuple[int, ...], heads: int) -> tuple[int, ...]:
    """[batch, tokens, heads * width] as [batch, heads, tokens, width]."""
    return (shape[0], heads, shape[1], shape[2] // heads)


def recurrence(rule: str, *, tokens: int, reads: int, heads: int, state: int, values: int, decays: int) -> Work:
    """Work of a linear attention over its state of d x dv elements a head.

    Args:
        rule: linear, gated, delta or gated_delta.
        tokens: Of all sequences.
        reads: Heads that read the state: d*dv MACs a token each.
        heads: Key/value heads, whose states take d*dv MACs a token, with a delta rule twice that.
        state: Elements of one head's state.
        values: Value elements, of which a delta rule subtracts what is known and scales the rest.
        decays: Decay elements, 0 where nothing decays: EXP each, and 1 mul a state element and token.
    """
    products = reads + heads * (2 if "delta" in rule else 1)
    is_gated = "gated" in rule and decays > 0
    vector = (tokens * heads * state if is_gated else 0) + (2 * values if "delta" in rule else 0)
    return Work(macs=tokens * state * products, vector_ops=vector, special={"EXP": decays if is_gated else 0})


@cost("LinearAttention")
def linear_attention(ctx: CostContext) -> OpCost:
    """d*dv MACs a token: 1 for each output head, 1 for each key/value head (update), 1 more with a delta rule.

    Gating adds 1 EXP a decay element and 1 mul a state element; a delta rule 1 sub and 1 mul a value element;
    scaling 1 mul an output element.
    """
    query, key, value = (ctx.input(i).dims for i in range(3))
    count, kv_count = ctx.attributes.integer("q_num_heads", 1), ctx.attributes.integer("kv_num_heads", 1)
    work = recurrence(
        ctx.attributes.text("update_rule", "gated_delta"),
        tokens=query[0] * query[1],
        reads=max(count, kv_count),
        heads=kv_count,
        state=(key[2] // kv_count) * (value[2] // kv_count),
        values=ctx.input(2).elements,
        decays=ctx.input(4).elements if ctx.has_input(4) else 0,
    )
    return ctx.compute(work + steps(ctx.output(0).elements))


cost("LinearAttention", domain="com.microsoft")(linear_attention)


@cost("RotaryEmbedding")
def rotary_embedding(ctx: CostContext) -> OpCost:
    """2 mul and 1 add for each rotated element; the rows of the positions are read from the tables."""
    return rotary(ctx, cos=1, sin=2, ids=3)


def rotary(ctx: CostContext, *, cos: int, sin: int, ids: int) -> OpCost:
    """The cost of a rotation with tables of cosines and sines, and ids of positions, at these inputs.

    Tables are [positions, half the rotated width], or [batch, tokens, that] without positions.

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
    work = steps(3 * batch * tokens * heads * 2 * half)
    certain = ctx.read(0, ids)
    least = None
    if rows == batch * tokens and ctx.has_input(ids):  # a position a token: all of them may be one
        least = Least(work=work, reads=(*certain, *ctx.read_some(cos, half), *ctx.read_some(sin, half)))
    reads = (*certain, *ctx.read_some(cos, rows * half), *ctx.read_some(sin, rows * half))
    nest = pointwise(ctx, (0,), extra=(*tables, *whole_reads(ctx, ids)))
    return ctx.compute(work, reads=reads, nest=nest, least=least)
