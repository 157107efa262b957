"""What it costs to choose the tokens that a sparse attention reads: scores of blocks of tokens, and their ranking.

How many tokens of a state are there is data: where it is not known, the state is taken as full.
"""

from __future__ import annotations

from dataclasses import dataclass

from onnxroof.costs.context import CostContext
from onnxroof.costs.cost import OpCost, Work
from onnxroof.costs.elementwise import steps
from onnxroof.costs.normalization import rms_norm_work, softmax_work
from onnxroof.costs.registry import cost
from onnxroof.costs.sorting import comparisons

__all__ = ["indexer"]

MS = "com.microsoft"


@dataclass(frozen=True, slots=True)
class _Scores:
    """Extents of the scores: query tokens, heads, their width, entries that a query is held against."""

    tokens: int
    heads: int
    width: int
    entries: int

    @property
    def count(self) -> int:
        return self.tokens * self.heads * self.entries


def _scored(ctx: CostContext, scores: _Scores, prepared: int, *, is_weighted: bool, kept: int) -> Work:
    """MACs of the scores; queries and `prepared` keys normalized, scaled and rotated; Relu, sum and ranking."""
    rows = scores.tokens * scores.heads + prepared
    rotated = min(2 * ctx.input(4).dims[-1], scores.width)
    work = Work(macs=scores.count * scores.width)
    work += rms_norm_work(rows * scores.width, rows) + steps(rows * (scores.width + 3 * rotated))
    work += steps(scores.count * (2 + is_weighted))
    return work + steps(comparisons(scores.tokens * scores.entries, max(kept, 1)))


def _pooled(ctx: CostContext, made: int, width: int, *, is_qsa: bool) -> Work:
    """Keys of blocks: a mean over the tokens, or sums weighted by a softmax over the slots of two windows."""
    ratio = ctx.attributes.integer("compress_ratio", 1)
    if is_qsa:
        return steps(ratio, "DIV").times(made * width)
    slots = made * 2 * ratio * width
    return softmax_work(slots) + steps(3 * slots)  # bias, product, sum


@cost("SparseAttentionIndexer", domain=MS)
def indexer(ctx: CostContext) -> OpCost:
    """H*d MACs for each query token and block of keys; 1 relu, 1 add (1 mul more with weights of heads) a score.

    RMS normalization, 1 mul (scale) and 3 vector ops (rotation) an element of queries and of block keys; a block is a
    mean of its tokens, or a sum weighted by a softmax over two windows; ceil(log2 k) comparisons a query and block.
    """
    is_qsa = ctx.attributes.text("policy_mode") == "qsa"
    batch, length, query = ctx.input(0).dims
    width, ratio = ctx.input(3).elements, ctx.attributes.integer("compress_ratio", 1)
    heads = query // max(width, 1) - (not ctx.has_input(1))
    known = ctx.integers(12)
    past = known[0] if known else ctx.input(7).dims[1] - (length if ctx.has_input(12) and is_qsa else 0)
    if is_qsa:
        appended, entries = length, (past + length) // ratio
        made, kept = batch * entries, ctx.attributes.integer("token_budget") // ratio
    else:
        buffered = ctx.input(13).dims[2] if ctx.has_input(13) else 0
        appended = (buffered + length - ctx.output(2).dims[2]) // ratio if ctx.has_output(2) else length // ratio
        entries, made, kept = past + appended, batch * appended, ctx.attributes.integer("index_topk")
    work = _scored(ctx, _Scores(batch * length, heads, width, entries), made, is_weighted=ctx.has_input(10), kept=kept)
    table = (made + batch * length) * ctx.input(4).dims[-1]
    reads = (
        *ctx.read(0, 1, 2, 3, 6, 8, 9, 10, 11, 12, 13), *ctx.read_some(4, table), *ctx.read_some(5, table),
        *ctx.read_some(7, batch * max(past, 0) * width),
    )  # fmt: skip
    shared = () if ctx.copies_cache else ((ctx.op.outputs[1], ctx.op.inputs[7]),)
    state = ctx.write_some(1, batch * appended * width) if shared else ctx.write(1)
    return ctx.compute(
        work + _pooled(ctx, made, width, is_qsa=is_qsa), reads=reads, writes=(*ctx.write(0, 2), *state), in_place=shared
    )


@cost("PackedSparseAttentionIndexer", domain=MS)
def packed_indexer(ctx: CostContext) -> OpCost:
    """As SparseAttentionIndexer for packed tokens, over keys of blocks that its state keeps ready."""
    is_qsa = ctx.attributes.text("policy_mode") == "qsa"
    tokens, query = ctx.input(0).dims
    width, ratio = ctx.input(3).elements, ctx.attributes.integer("compress_ratio", 1)
    heads = query // max(width, 1) - (not ctx.has_input(1))
    entries = ctx.input(12).dims[1]
    made = tokens // ratio
    kept = ctx.attributes.integer("token_budget") // ratio if is_qsa else ctx.attributes.integer("index_topk")
    work = _scored(ctx, _Scores(tokens, heads, width, entries), made, is_weighted=ctx.has_input(10), kept=kept)
    table = (made + tokens) * ctx.input(4).dims[-1]
    reads = (
        *ctx.read(0, 1, 2, 3, 6, 7, 8, 9, 10, 11, 12, 13, 14, *range(15, len(ctx.op.inputs))),
        *ctx.read_some(4, table), *ctx.read_some(5, table),
    )  # fmt: skip
    shared = () if ctx.copies_cache else ((ctx.op.outputs[2], ctx.op.inputs[12]),)
    state = ctx.write_some(2, made * width) if shared else ctx.write(2)
    writes = (*ctx.write(0, 1, 3, 4, *range(5, len(ctx.op.outputs))), *state)
    return ctx.compute(work + _pooled(ctx, made, width, is_qsa=is_qsa), reads=reads, writes=writes, in_place=shared)


@cost("PackedSparseAttentionIndexerMerge", domain=MS)
def merged_selection(ctx: CostContext) -> OpCost:
    """1 look-up for each entry of the base rows that are taken and of what is joined to them."""
    rows, width = ctx.input(2).elements, ctx.input(0).dims[1]
    joined = ctx.input(5).elements if ctx.has_input(5) else 0
    reads = (*ctx.read_some(0, rows * width), *ctx.read_some(1, rows), *ctx.read(2, 3, 4, 5, 6))
    return ctx.compute(steps(rows * width + joined), reads=reads)
