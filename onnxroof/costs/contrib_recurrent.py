"""What com.microsoft's LSTMs cost: with weights quantized on the fly, and with an attention over a memory."""

from __future__ import annotations

from onnxroof.costs.context import CostContext, MissingShapeError
from onnxroof.costs.cost import OpCost, Work
from onnxroof.costs.elementwise import STEPS, steps
from onnxroof.costs.normalization import softmax_work
from onnxroof.costs.registry import cost

__all__ = ["dynamic_quantize_lstm"]

MS = "com.microsoft"

# Three sigmoids, two tanh; f * c + i * g, o * h(c); the sum of the two products of each gate.
_CELL = STEPS["Sigmoid"][0].times(3) + STEPS["Tanh"][0].times(2) + steps(4 + 4)
_BIASES = steps(8)
_PEEPHOLES = steps(6)


def _cell(ctx: CostContext) -> Work:
    if ctx.attributes.texts("activations") and set(ctx.attributes.texts("activations")) - {"Sigmoid", "Tanh"}:
        raise MissingShapeError("activations other than Sigmoid and Tanh have no rule here")
    work = _CELL + (_BIASES if ctx.has_input(3) else Work())
    return work + (_PEEPHOLES if ctx.has_input(7) else Work())


@cost("DynamicQuantizeLSTM", domain=MS)
def dynamic_quantize_lstm(ctx: CostContext) -> OpCost:
    """As LSTM on integers; DynamicQuantizeLinear of inputs and states, 1 mul of the scales for each product of a gate.

    1 sub for each weight that has a zero point.
    """
    time, batch, width = ctx.input(0).dims
    directions, hidden = ctx.input(2).dims[:2]
    states = time * batch * directions * hidden
    quantized = directions * ctx.input(0).elements + states
    shifted = sum(ctx.input(i).elements for i, zero in ((1, 9), (2, 11)) if ctx.has_input(zero))
    work = Work(macs=states * 4 * (width + hidden)) + _cell(ctx).times(states)
    work += steps(5, "DIV").times(quantized) + steps(shifted + 2 * 4 * states)
    return ctx.compute(work, compute_type=ctx.input(1).dtype)


@cost("AttnLSTM", domain=MS)
def attention_lstm(ctx: CostContext) -> OpCost:
    """As LSTM whose input is joined with an attention state; a step of attention over a memory of M tokens beside it.

    M*D*A MACs of the keys once a sequence; a step H*A of the query, M*A (1 add, TANH, 1 mul, 1 add) and Softmax over M
    of the alignment, M*D of the context, (D + H)*W of the attention layer.
    """
    time, batch, _ = ctx.input(0).dims
    directions, gates, width = ctx.input(1).dims  # the width includes the attention state
    hidden = gates // 4
    states = time * batch * directions * hidden
    work = Work(macs=states * 4 * (width + hidden)) + _cell(ctx).times(states)
    if not ctx.has_input(8):
        return ctx.compute(work)
    _, tokens, depth = ctx.input(11).dims
    attended = ctx.input(8).dims[2]
    sequences, steps_taken = batch * directions, time * batch * directions
    work += Work(macs=sequences * tokens * depth * attended)
    layer = (depth + hidden) * ctx.input(13).dims[2] if ctx.has_input(13) else 0
    step = Work(macs=hidden * attended + tokens * depth + layer)
    step += steps(3, "TANH").times(tokens * attended) + softmax_work(tokens)
    return ctx.compute(work + step.times(steps_taken))
