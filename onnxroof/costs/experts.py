"""What mixtures of experts cost: each token goes to k of them; experts that no token chooses are not read.

Which experts are chosen is data: at most one more with each choice, never more than there are; at least those that all
tokens have in common.
"""

from __future__ import annotations

import math

from onnxroof.costs.context import CostContext, MissingShapeError
from onnxroof.costs.cost import Least, OpCost, Transfer, Work
from onnxroof.costs.elementwise import STEPS, steps
from onnxroof.costs.normalization import softmax_work
from onnxroof.costs.registry import cost
from onnxroof.costs.sorting import comparisons

__all__ = ["gated_activation"]

MS = "com.microsoft"

_ACTIVATIONS = {
    "relu": STEPS["Relu"][0], "gelu": steps(4, "ERF"), "silu": STEPS["Swish"][0], "identity": Work(),
    "relu2": steps(2), "relu_squared": steps(2),
}  # fmt: skip
# Activations of two halves: of the gate, with a product by the other half.
_GATED = {"swiglu": STEPS["SwiGLU"][0], "geglu": steps(8, "TANH") + steps(1)}


def gated_activation(ctx: CostContext, *, limit: str, beta: str) -> Work:
    """SwiGLU an element: Swish of the gate, 1 mul; with a limit 1 min, and 1 min, 1 max; with a beta 1 add."""
    has_limit = limit in ctx.attributes and ctx.attributes.number(limit) > 0
    return _GATED["swiglu"] + steps(3 * has_limit + (ctx.attributes.number(beta) != 0.0))


def _routed(ctx: CostContext, tokens: int, experts: int, chosen: int) -> Work:
    """Softmax over the experts of each token, a heap of k; where weights are normalized 1 add and DIV a choice."""
    work = softmax_work(tokens * experts) + steps(comparisons(tokens * experts, chosen))
    if ctx.attributes.integer("normalize_routing_weights"):
        work += steps(1, "DIV").times(tokens * chosen)
    return work


def _expert_reads(ctx: CostContext, weights: tuple[int, ...], share: tuple[int, int]) -> tuple[Transfer, ...]:
    """Of operands with one entry an expert, the entries of those that are chosen."""
    chosen, experts = share
    found: tuple[Transfer, ...] = ()
    for index in weights:
        if ctx.has_input(index):
            found += ctx.read_some(index, ctx.input(index).elements * chosen // max(experts, 1))
    return found


def _experts(
    ctx: CostContext,
    *,
    fc1: int,
    fc2: int,
    fc3: int,
    biases: tuple[int, int, int],
    inner: int,
    is_fused: bool,
    per_expert: tuple[int, ...],
    whole: tuple[int, ...],
    is_packed: bool,
) -> OpCost:
    """The cost of a mixture whose inner width and operands are known.

    Args:
        ctx: The operator.
        fc1: Weights into the inner width, or into twice that where gate and linear half are one product.
        fc2: Weights back.
        fc3: Weights of the linear half, where it is a product of its own.
        biases: Of the three, -1 for none.
        inner: Width between the products.
        is_fused: Whether `fc1` makes both halves.
        per_expert: Operands with one entry an expert.
        whole: Other operands.
        is_packed: Whether weights must be dequantized.
    """
    *rows, hidden = ctx.input(0).dims
    tokens, experts = math.prod(rows), ctx.input(1).dims[-1]
    chosen = min(ctx.attributes.integer("k", 1), experts)
    name = ctx.attributes.text("activation_type", "relu").lower()
    if name not in _ACTIVATIONS and name not in _GATED:
        raise MissingShapeError(f"the activation `{name}` has no rule")
    has_third = ctx.has_input(fc3) and not is_fused
    made = inner * (2 if is_fused else 1)
    routes = tokens * chosen
    products = made + inner * has_third + inner  # into the inner width, and back
    work = Work(macs=routes * hidden * products) + _routed(ctx, tokens, experts, chosen)
    if name == "swiglu":
        work += gated_activation(ctx, limit="swiglu_limit", beta="activation_beta").times(routes * inner)
    elif name in _GATED:
        work += _GATED[name].times(routes * inner)
    else:
        work += (_ACTIVATIONS[name] + steps(int(has_third))).times(routes * inner)
    for bias, width in zip(biases, (made, hidden, inner), strict=True):
        work += steps(routes * width if bias >= 0 and ctx.has_input(bias) else 0)
    work += steps(routes * hidden + (routes - tokens) * hidden)  # weighted by the router, summed over the choices

    def with_experts(busy: int) -> Least:
        unpacked = steps(busy * hidden * products * is_packed)
        experts_read = _expert_reads(ctx, (fc1, fc2, fc3, *per_expert), (busy, experts))
        return Least(work=work + unpacked, reads=(*ctx.read(0, 1, *whole), *experts_read))

    most, least = with_experts(min(experts, routes)), with_experts(min(chosen, routes))
    return ctx.compute(most.work, reads=most.reads, least=least)


@cost("MoE", domain=MS)
def mixture_of_experts(ctx: CostContext) -> OpCost:
    """T*k*(inner*hidden of each product) MACs for T tokens and k experts each; the activation an inner element.

    Softmax over the experts and ceil(log2 k) comparisons an expert and token; a bias 1 add an element; 1 mul a result
    of an expert and 1 add for each after the first. Weights of at most T*k experts are read.
    """
    is_fused = bool(ctx.attributes.integer("swiglu_fusion"))
    return _experts(
        ctx, fc1=2, fc2=4, fc3=6, biases=(3, 5, 7), inner=ctx.input(2).dims[1] // (2 if is_fused else 1),
        is_fused=is_fused, per_expert=(3, 5, 7), whole=(), is_packed=False,
    )  # fmt: skip


@cost("QMoE", domain=MS)
def quantized_mixture_of_experts(ctx: CostContext) -> OpCost:
    """As MoE in the type of the tokens; 1 mul to dequantize each weight of an expert that is read, once."""
    is_fused = bool(ctx.attributes.integer("swiglu_fusion"))
    return _experts(
        ctx, fc1=2, fc2=5, fc3=8, biases=(4, 7, 10), inner=ctx.input(2).dims[1] // (2 if is_fused else 1),
        is_fused=is_fused, per_expert=(3, 4, 6, 7, 9, 10, 11, 12, 13, 15, 16), whole=(14, 17, 18, 19, 20),
        is_packed=True,
    )  # fmt: skip


@cost("MoEPacked", domain=MS)
def packed_mixture_of_experts(ctx: CostContext) -> OpCost:
    """As QMoE: gate, up and down products of packed blocks; SwiGLU of gate and up, or a squared Relu of the gate."""
    return _experts(
        ctx, fc1=2, fc2=4, fc3=3, biases=(-1, -1, -1), inner=ctx.input(2).dims[1], is_fused=False, per_expert=(),
        whole=(5,), is_packed=True,
    )  # fmt: skip


@cost("MoEGroupRouter", domain=MS)
def group_router(ctx: CostContext) -> OpCost:
    """Sigmoid and 1 add (bias) a token and expert; with weights width MACs before them.

    Without full scores, top-k comparisons within groups, among groups and among experts, 1 max and LOG a choice.
    """
    experts = ctx.input(1).elements
    tokens = ctx.input(0).elements // max(ctx.input(0).dims[-1], 1)
    scores = tokens * experts
    work = (STEPS["Sigmoid"][0] + steps(1)).times(scores)
    if ctx.has_input(2):
        work += Work(macs=scores * ctx.input(2).dims[1])
    if ctx.has_output(0):
        groups = ctx.attributes.integer("n_group", 1)
        chosen = ctx.attributes.integer("top_k", 1)
        ranked = comparisons(scores, chosen)
        if groups > 1:
            ranked += comparisons(scores, ctx.attributes.integer("group_topk", 2))
            ranked += comparisons(tokens * groups, ctx.attributes.integer("topk_group", 1))
        work += steps(ranked) + steps(1, "LOG").times(tokens * chosen)
    return ctx.compute(work)


@cost("RouterGateUpProj", domain=MS)
def router_projection(ctx: CostContext) -> OpCost:
    """M * N * K MACs of one product for router, gate and up; SwiGLU of gate and up an activated element."""
    depth, columns = ctx.input(1).dims
    rows = ctx.input(0).elements // max(depth, 1)
    activated = gated_activation(ctx, limit="limit", beta="activation_beta").times(ctx.output(1).elements)
    return ctx.compute(Work(macs=rows * columns * depth) + activated)
