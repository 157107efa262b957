"""What the recurrent states of hybrid models cost: causal convolutions, delta networks, state spaces, their replay."""

from __future__ import annotations

import math

from onnxroof.costs.attention import recurrence
from onnxroof.costs.context import CostContext, MissingShapeError
from onnxroof.costs.cost import Least, OpCost, Work
from onnxroof.costs.elementwise import STEPS, activation, steps
from onnxroof.costs.nests import broadcast_axes, make_nest, pointwise, read_at, write_at
from onnxroof.costs.normalization import rms_norm_work
from onnxroof.costs.registry import cost
from onnxroof.costs.windows import Window
from onnxroof.ir.loopnest import Access, AxisMap, Loop, LoopKind, LoopNest, Term, dense_axis, whole_axis
from onnxroof.ir.op import OpKind

__all__ = ["causal_conv"]

MS = "com.microsoft"


@cost("CausalConvWithState")
def causal_conv(ctx: CostContext) -> OpCost:
    """Output elements x taps MACs (depthwise); 1 add an output element for the bias, and the steps of Swish.

    At least: without the taps before the first token, where there is no state.
    """
    taps = math.prod(ctx.input(1).dims[2:])
    is_last = bool(ctx.attributes.integer("channels_last"))
    work, least = _causal_work(ctx, taps, bias=2), None
    if not ctx.has_input(3) and len(ctx.input(1).dims) == 3:
        result = ctx.output(0)
        tokens, dilation = result.dims[1 if is_last else -1], ctx.attributes.integer("dilation", 1)
        window = Window(tokens, taps, 1, dilation, (taps - 1) * dilation, tokens)
        sequences = result.elements // max(tokens, 1)
        least = Least(work=work + Work(macs=sequences * window.meetings - result.elements * taps))
    return ctx.compute(work, nest=None if is_last else _causal_nest(ctx), least=least)


cost("CausalConvWithState", domain=MS)(causal_conv)


def _causal_work(ctx: CostContext, taps: int, *, bias: int) -> Work:
    result = ctx.output(0).elements
    name = ctx.attributes.text("activation", "none")
    swish = activation("Swish" if name in ("silu", "swish") else "")
    return Work(macs=result * taps) + (swish + steps(int(ctx.has_input(bias)))).times(result)


def _causal_nest(ctx: CostContext) -> LoopNest | None:
    """Loops b, c, t and taps; taps before the first token fall on the state, which each channel takes whole."""
    if len(ctx.input(0).dims) != 3 or len(ctx.input(1).dims) != 3 or ctx.input(0).dims != ctx.output(0).dims:
        return None
    batch, channels, tokens = ctx.input(0).dims
    taps, dilation = ctx.input(1).dims[-1], ctx.attributes.integer("dilation", 1)
    loops = (Loop("b", batch), Loop("c", channels), Loop("t", tokens), Loop("f", taps, LoopKind.REDUCTION))
    b, c, t = (dense_axis(i, loops[i].extent) for i in range(3))
    seen = AxisMap((Term(2), Term(3, dilation)), tokens, -(taps - 1) * dilation)
    accesses = [read_at(ctx, 0, (b, c, seen)), read_at(ctx, 1, (c, dense_axis(3, taps)))]
    if ctx.has_input(2):
        accesses.append(read_at(ctx, 2, (c,)))
    if ctx.has_input(3):
        accesses.append(read_at(ctx, 3, (b, c, whole_axis(ctx.input(3).elements // max(batch * channels, 1)))))
    accesses.append(write_at(ctx, 0, (b, c, t), ctx.compute_type.accumulator.bits))
    if ctx.has_output(1):
        accesses.append(write_at(ctx, 1, (b, c, whole_axis(ctx.output(1).elements // max(batch * channels, 1)))))
    return make_nest(loops, accesses)


@cost("VarlenCausalConvWithState", domain=MS)
def packed_causal_conv(ctx: CostContext) -> OpCost:
    """As CausalConvWithState; with deltas of its two taps 1 add more for each, 1 mul (mask) of the previous product."""
    work = _causal_work(ctx, ctx.input(1).dims[-1], bias=3)
    return ctx.compute(work + steps(3 * ctx.output(0).elements if ctx.has_input(6) else 0))


@cost("GatedDeltaNet", domain=MS)
def gated_delta_net(ctx: CostContext) -> OpCost:
    """As LinearAttention; with norms 1 mul, 1 add, 1 mul an element of queries and keys, SQRT and DIV a head.

    Gates a decay: 1 add (bias), Softplus, 1 mul, or 1 add, 1 mul, Sigmoid, 1 mul; EXP a head. Sigmoid a beta.
    """
    query = ctx.input(0).dims
    if ctx.has_input(1):
        *rows, heads, width = query
        value_heads, value_width = ctx.input(2).dims[-2:]
    else:
        _, value_heads, value_width, width = ctx.input(6).dims
        *rows, packed = query
        heads = (packed - value_heads * value_width) // max(2 * width, 1)
    tokens = math.prod(rows)
    decays = ctx.input(4).elements if ctx.has_input(4) else 0
    work = recurrence(
        ctx.attributes.text("update_rule", "gated_delta"), tokens=tokens, reads=max(heads, value_heads),
        heads=value_heads, state=width * value_width, values=tokens * value_heads * value_width, decays=decays,
    )  # fmt: skip
    work += steps(ctx.output(0).elements)
    if ctx.attributes.integer("qk_l2_norm"):
        vectors = 2 * tokens * heads
        work += steps(3 * vectors * width) + steps(0, "SQRT", "DIV").times(vectors)
    gate = ctx.attributes.text("gate_activation", "none")
    if gate != "none":
        work += _gate(gate).times(decays) + steps(0, "EXP").times(value_heads)
    if ctx.attributes.text("beta_activation", "none") != "none" and ctx.has_input(5):
        work += STEPS["Sigmoid"][0].times(ctx.input(5).elements)
    return ctx.compute(work)


def _gate(name: str) -> Work:
    """Bias, activation and factor of one decay; a bounded one has a factor on either side of its activation."""
    return steps(2) + STEPS["Softplus"][0] if name in ("softplus", "qwen") else steps(3) + STEPS["Sigmoid"][0]


@cost("LinearAttentionGate", domain=MS)
def linear_attention_gate(ctx: CostContext) -> OpCost:
    """1 add, Softplus (EXP, 1 add, LOG), 1 mul a decay; Sigmoid (EXP, 2 vector ops, DIV) an update rate."""
    work = (steps(2) + STEPS["Softplus"][0]).times(ctx.input(0).elements)
    extra: tuple[Access, ...] = ()
    if ctx.has_output(1):
        work += STEPS["Sigmoid"][0].times(ctx.input(3).elements)
        extra = (write_at(ctx, 1, broadcast_axes(ctx.output(1).dims, ctx.output(0).dims)),)
    return ctx.compute(work, nest=pointwise(ctx, (0, 1, 2, 3), extra=extra))


@cost("Mamba2Verify", domain=MS)
def mamba_verify(ctx: CostContext) -> OpCost:
    """A token: 4 MACs a channel of the convolution, 2 MACs a state element (update, readout).

    1 add (bias) and Swish a channel; 1 add (bias), Softplus, 1 max, 1 mul, EXP a head; 1 mul a state element (decay),
    1 mul an inner element (dt * x); 1 mul, 1 add (skip), Swish and 1 mul (gate), RMS normalization and 1 mul an inner
    element. One snapshot of each state is read, one a token written, at most all.
    """
    rows = ctx.input(0).dims[0]
    heads, groups = ctx.attributes.integer("heads"), ctx.attributes.integer("n_groups")
    inner, depth = heads * ctx.attributes.integer("head_dim", 64), ctx.attributes.integer("d_state", 128)
    channels = inner + 2 * groups * depth
    swish = STEPS["Swish"][0]
    token = Work(macs=4 * channels + 2 * inner * depth) + (steps(1) + swish).times(channels)
    token += (STEPS["Softplus"][0] + steps(3, "EXP")).times(heads)
    token += steps(inner * depth + inner) + (steps(4) + swish).times(inner) + rms_norm_work(inner, groups)
    slots = max(ctx.input(1).dims[0], 1)
    written = min(rows, slots)
    reads = ctx.read(0, *range(3, 10))
    writes = ctx.write(0, 3, 4)
    in_place: tuple[tuple[str, str], ...] = ()
    for source, result in ((1, 1), (2, 2)):
        one = ctx.input(source).elements // slots
        reads += ctx.read_some(source, one)
        writes += ctx.write_some(result, one * written)
        in_place += ((ctx.op.outputs[result], ctx.op.inputs[source]),)
    return ctx.compute(token.times(rows), reads=reads, writes=writes, in_place=in_place)


@cost("ConvStateReplay", domain=MS, kind=OpKind.MOVE)
def conv_state_replay(ctx: CostContext) -> OpCost:
    """Moves batch x channels x history elements into the destination, in place; its metadata must be known."""
    _, _, _, batch, channels, history, _, _ = _metadata(ctx, 8)
    state = batch * channels * history
    writes = ctx.write_some(0, state)
    return ctx.move((*ctx.read_some(0, state), *ctx.read(3)), writes, in_place=((ctx.op.outputs[0], ctx.op.inputs[2]),))


@cost("GatedDeltaNetStateReplay", domain=MS)
def delta_net_replay(ctx: CostContext) -> OpCost:
    """1 MAC (outer product) and 1 mul (decay) a state element and replayed token; its metadata must be known."""
    _, _, decay_at, key_at, _, heads, value_width, width, key_heads, capacity, kept = _metadata(ctx, 11)
    state = heads * value_width * width
    # One decay a head, or one for each key dimension: the offsets of the sections tell. They are stored as factors.
    decays = (key_at - decay_at) // max(capacity, 1)
    captured = kept * (decays + key_heads * width + heads * value_width)
    reads = (*ctx.read_some(0, state), *ctx.read_some(1, captured), *ctx.read(3))
    return ctx.compute(
        Work(macs=kept * state, vector_ops=kept * state),
        reads=reads,
        writes=ctx.write_some(0, state),
        in_place=((ctx.op.outputs[0], ctx.op.inputs[2]),),
    )


def _metadata(ctx: CostContext, count: int) -> tuple[int, ...]:
    found = ctx.integers(3)
    if found is None or len(found) != count:
        raise MissingShapeError("how much is replayed stands in its metadata, which are not known")
    return found
