"""What runs between the blocks of recent decoders: hyper-connections, n-gram hashes and gates, drafts of tokens."""

from __future__ import annotations

import math

from onnxroof.costs.context import CostContext
from onnxroof.costs.cost import OpCost, Work
from onnxroof.costs.elementwise import STEPS, steps
from onnxroof.costs.normalization import rms_norm_work
from onnxroof.costs.registry import cost

__all__ = ["pre_mix"]

MS = "com.microsoft"


@cost("HyperConnectionPreMix", domain=MS)
def pre_mix(ctx: CostContext) -> OpCost:
    """1 mul and 1 add an element of the streams; 1 mul a result where it is scaled."""
    streams, result = ctx.input(0).elements, ctx.output(0).elements
    is_scaled = ctx.attributes.number("reduction_scale", 1.0) != 1.0
    return ctx.compute(steps(2 * streams + result * is_scaled))


@cost("HyperConnectionPostMix", domain=MS)
def post_mix(ctx: CostContext) -> OpCost:
    """C MACs a result where C streams are mixed by a matrix; 1 mul, 1 add of the block's output a result."""
    result = ctx.output(0).elements
    mixed = Work(macs=result * ctx.input(3).dims[-1]) if ctx.has_input(3) else Work()
    return ctx.compute(mixed + steps(2 * result))


@cost("HyperConnectionLowRankMix", domain=MS)
def low_rank_mix(ctx: CostContext) -> OpCost:
    """C*H*(2*R + C) MACs a row: down, up and the gate of the streams.

    With a prologue 1 mul, 1 add an element; RMS normalization and 1 mul (scale) an element, a stream a row; a scaled
    Swish of the low rank; Sigmoid, 1 mul and 1 add an element, 1 mul a reduced one where scaled; DIV, Sigmoid and 1
    mul a gate.
    """
    streams = ctx.input(0)
    branches, rank = ctx.attributes.integer("num_branches"), ctx.input(2).dims[1]
    width = streams.dims[-1]
    rows = streams.elements // max(width, 1)
    reduced = streams.elements // max(branches, 1)
    is_scaled = ctx.attributes.number("reduction_scale", 1.0) != 1.0
    work = Work(macs=rows * width * (2 * rank + branches))
    work += steps(streams.elements * (1 + 2 * ctx.has_input(5))) + rms_norm_work(streams.elements, rows * branches)
    work += STEPS["Swish"][0].times(rows * rank) + STEPS["Sigmoid"][0].times(streams.elements)
    work += steps(2 * streams.elements + reduced * is_scaled)
    work += (STEPS["Sigmoid"][0] + steps(1, "DIV")).times(rows * branches)
    return ctx.compute(work)


@cost("EngramGate", domain=MS)
def engram_gate(ctx: CostContext) -> OpCost:
    """RMS normalization and 1 mul (scale) an element of keys and of queries; 1 mul, 1 add an element of their product.

    1 mul, 1 abs, 1 max, SQRT, 1 sign, 1 mul and Sigmoid a gate; 1 mul a gated element; RMS normalization and 1 mul an
    element of what is returned normalized.
    """
    keys = ctx.input(0)
    rows = keys.elements // max(keys.dims[-1], 1)
    normalized = rms_norm_work(keys.elements, rows) + steps(keys.elements)
    work = normalized.times(2) + steps(2 * keys.elements)
    work += (steps(5, "SQRT") + STEPS["Sigmoid"][0]).times(rows) + steps(keys.elements)
    return ctx.compute(work + (normalized if ctx.has_output(1) else Work()))


@cost("NGramHashMapping", "VarlenNGramHashMapping", domain=MS)
def ngram_hash(ctx: CostContext) -> OpCost:
    """For n tokens: n mul, and 1 xor for each order; a head 1 modulo (DIV, 1 mul, 1 sub), with an offset 1 add."""
    tokens = ctx.input(0).elements
    orders = ctx.attributes.integer("max_ngram_size") - 1
    offsets = 5 if ctx.op.op_type.startswith("Varlen") else 4
    head = steps(2 + ctx.has_input(offsets), "DIV")
    return ctx.compute(steps(tokens * (2 * orders + 1)) + head.times(ctx.output(0).elements))


@cost("NGramRepeatBlock", domain=MS)
def ngram_repeat_block(ctx: CostContext) -> OpCost:
    """1 comparison for each of the n - 1 tokens of each n-gram; every score is read and written."""
    batch, length = ctx.input(0).dims
    size = ctx.attributes.integer("ngram_size", 1)
    return ctx.compute(steps(batch * max(length - size + 1, 0) * max(size - 1, 1)))


@cost("BifurcationDetector", domain=MS)
def bifurcation_detector(ctx: CostContext) -> OpCost:
    """At most 1 comparison for each predicted token, and n for each source token and size n of n-grams."""
    smallest, largest = ctx.attributes.integer("min_ngram_size", 1), ctx.attributes.integer("max_ngram_size", 3)
    predicted = ctx.input(3).elements if ctx.has_input(3) else 0
    return ctx.compute(steps(predicted + ctx.input(0).elements * sum(range(smallest, largest + 1))))


@cost("SpeculativePrefixCommit", domain=MS)
def speculative_prefix_commit(ctx: CostContext) -> OpCost:
    """1 comparison for each drafted token; the state is updated in place."""
    shared = tuple((ctx.op.outputs[i], ctx.op.inputs[i + 2]) for i in (1, 2) if ctx.has_output(i))
    return ctx.compute(steps(math.prod(ctx.input(0).dims)), in_place=shared)
