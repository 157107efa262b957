"""What RNN, GRU and LSTM cost: the gate products of every time step, and the activations and updates beside them."""

from __future__ import annotations

from collections.abc import Mapping

from onnxroof.costs.context import CostContext, MissingShapeError
from onnxroof.costs.cost import OpCost, Work
from onnxroof.costs.elementwise import STEPS, activation, steps
from onnxroof.costs.nests import make_nest, read_at, write_at
from onnxroof.costs.registry import cost
from onnxroof.ir.loopnest import Access, AxisMap, Loop, LoopKind, LoopNest, Term, dense_axis

__all__ = ["recurrent"]

# Gates, their activations for a forward pass (f for gates, then g, h), how often each is applied to a hidden element
# of a step, and the vector ops that combine gates into the new state.
_CELLS: Mapping[str, tuple[int, tuple[str, ...], tuple[int, ...], int]] = {
    "RNN": (1, ("Tanh",), (1,), 0),
    "GRU": (3, ("Sigmoid", "Tanh"), (2, 1), 5),  # r * h; (1 - z) * n + z * h
    "LSTM": (4, ("Sigmoid", "Tanh", "Tanh"), (3, 1, 1), 4),  # f * c + i * g; o * h(c)
}


@cost("RNN", "GRU", "LSTM")
def recurrent(ctx: CostContext) -> OpCost:
    """T*B*directions*(gates*H*I + gates*H*H) MACs; each gate 1 add of the two products and 2 of biases an element.

    Activations beside them (LSTM 3 sigmoids and 2 tanh a hidden element and step, GRU 2 and 1, RNN 1 tanh), and the
    update: LSTM 3 mul, 1 add; GRU 3 mul, 1 sub, 1 add. Peepholes: 3 mul, 3 add. Weights are read once.
    """
    gates, default, uses, update = _CELLS[ctx.op.op_type]
    steps_count, batch, width, directions, hidden = _extents(ctx)
    states = steps_count * batch * directions * hidden
    chosen = ctx.attributes.texts("activations") or default * directions
    unknown = [name for name in chosen if name not in STEPS]
    if unknown or len(chosen) < len(uses):
        raise MissingShapeError(f"the activation `{unknown[0] if unknown else ''}` has no rule")
    element = steps(update + gates * (3 if ctx.has_input(3) else 1))
    if ctx.op.op_type == "LSTM" and ctx.has_input(7):
        element += steps(6)
    work = Work(macs=states * gates * (width + hidden)) + element.times(states)
    for direction in range(directions):
        for name, count in zip(chosen[direction * len(uses) :], uses, strict=False):
            work += activation(name).times(count * states // directions)
    return ctx.compute(work, nest=_nest(ctx, gates))


def _extents(ctx: CostContext) -> tuple[int, int, int, int, int]:
    """Time steps, batch, input width, directions, hidden width."""
    first, second, width = ctx.input(0).dims
    directions, _, hidden = ctx.input(2).dims
    is_batch_first = bool(ctx.attributes.integer("layout"))
    return (second, first, width, directions, hidden) if is_batch_first else (first, second, width, directions, hidden)


def _nest(ctx: CostContext, gates: int) -> LoopNest | None:
    """Loops t, dir, b, gate, h, and k over input and hidden state laid end to end, with what every step needs: R and Y.

    All else is no operand of the nest, so it crosses once whatever the room. Products with W do not wait for a state:
    formed for all steps at once they read W, the input and their biases once. States, peepholes and the other biases
    may stay inside from step to step. That leaves out what comes again where there is no room for these, so the bytes
    are a lower bound: of schedules that walk both directions together, and keep R as a whole or take all of it at each
    step.

    R holds the end of k: what lies outside an operand's extent is not read. The gates of one hidden element are
    combined into it, so they count as a reduction.
    """
    time, batch, width, directions, hidden = _extents(ctx)
    loops = (
        Loop("t", time, LoopKind.SEQUENTIAL),
        Loop("dir", directions),
        Loop("b", batch),
        Loop("gate", gates, LoopKind.REDUCTION),
        Loop("h", hidden),
        Loop("k", width + hidden, LoopKind.REDUCTION),
    )
    t, direction, b, h = (dense_axis(i, loops[i].extent) for i in (0, 1, 2, 4))
    gate_rows = AxisMap((Term(3, hidden), Term(4)), gates * hidden)
    accesses: list[Access] = [read_at(ctx, 2, (direction, gate_rows, AxisMap((Term(5),), hidden, -width)))]
    if ctx.has_output(0):
        is_batch_first = bool(ctx.attributes.integer("layout"))
        result = (b, t, direction, h) if is_batch_first else (t, direction, b, h)
        accesses.append(write_at(ctx, 0, result, ctx.compute_type.accumulator.bits))
    return make_nest(loops, accesses)
