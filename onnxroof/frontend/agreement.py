"""Do the extents of a node's inputs go together, and by how much do they miss?"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from onnxroof.frontend import proto
from onnxroof.frontend.tops import Tops
from onnxroof.ir.contents import Contents
from onnxroof.ir.op import Op

__all__ = ["Clash", "ContradictionError", "Gap", "Operands", "WatchedNodeError", "gaps_of", "unchecked_gap"]

Shape = tuple[int | None, ...] | None
Values = Sequence[Contents | None]


@dataclass(frozen=True, slots=True)
class Gap:
    """Two numbers that must be equal (or one at most the other) for a node's inputs to go together.

    Attributes:
        have: The one.
        want: The other.
        reason: What they are.
        can_broadcast: Whether 1 goes with any number.
        may_be_less: Whether the one may be less than the other.
    """

    have: int
    want: int
    reason: str
    can_broadcast: bool = False
    may_be_less: bool = False

    @property
    def is_closed(self) -> bool:
        """Whether the two go together."""
        if self.have == self.want or (self.can_broadcast and 1 in (self.have, self.want)):
            return True
        return self.may_be_less and self.have < self.want


class Clash(Exception):  # noqa: N818 - it is a finding that may be mended, not yet an error
    """The shapes of a node's inputs contradict each other.

    Attributes:
        node: Name of the node in the workload.
        op_type: Its type.
        operands: Names of its inputs.
        shapes: Their extents.
        reason: What does not go together.
        gaps: Pairs of numbers that may be the ones.
        ops: What the walk had listed before; the more, the further it came.
    """

    def __init__(
        self,
        *,
        node: str,
        op_type: str,
        operands: tuple[str, ...],
        shapes: tuple[Shape, ...],
        reason: str,
        gaps: tuple[Gap, ...],
        ops: Sequence[Op],
    ) -> None:
        self.node = node
        self.op_type = op_type
        self.operands = operands
        self.shapes = shapes
        self.reason = reason
        self.gaps = gaps
        self.ops = tuple(ops)
        super().__init__(reason)


class ContradictionError(Exception):
    """The shapes of a node's inputs do not go together; a walk makes a `Clash` of it."""


class WatchedNodeError(Exception):
    """Ends a walk at a node that is watched; holds its gaps."""

    def __init__(self, gaps: tuple[Gap, ...]) -> None:
        self.gaps = gaps
        super().__init__()


@dataclass(frozen=True, slots=True)
class Operands:
    """What is known of a node's inputs, by position.

    Attributes:
        shapes: Extents.
        values: Elements where they are small and known.
        tops: Largest elements where they are known.
    """

    shapes: Sequence[Shape]
    values: Values
    tops: Sequence[Tops | None]

    def extent(self, index: int, axis: int) -> int | None:
        """An extent, None where it or its axis is not known."""
        shape = self.shapes[index] if index < len(self.shapes) else None
        return shape[axis] if shape is not None and -len(shape) <= axis < len(shape) else None


def unchecked_gap(node: proto.NodeProto, operands: Operands) -> Gap | None:
    """The first gap of a node that onnx's own inference passes over, None where there is none."""
    rules = _UNCHECKED.get(node.op_type, ())
    return next((gap for rule in rules for gap in rule(node, operands) if not gap.is_closed), None)


def gaps_of(node: proto.NodeProto, operands: Operands) -> tuple[Gap, ...]:
    """All pairs that may have to go together, in an order that depends on ranks alone."""
    rules = _UNCHECKED.get(node.op_type, ())
    found = [gap for rule in rules for gap in rule(node, operands)]
    known = [(index, shape) for index, shape in enumerate(operands.shapes) if shape]
    if (rules and node.op_type not in _BESIDE_PAIRS) or len(known) < 2:
        return tuple(found)
    nearest = 1
    if node.op_type in ("MatMul", "Gemm") and len(known[0][1]) > 1 and len(known[1][1]) > 1:
        first = -2 if _integer(node, "transA") else -1
        second = -1 if _integer(node, "transB") else -2
        found += _gap(known[0][1][first], known[1][1][second], "the extents that are summed over")
        nearest = 3
    can_broadcast = node.op_type != "Concat"
    for place, (i, a) in enumerate(known):
        for j, b in known[place + 1 :]:
            for axis in range(nearest, min(len(a), len(b)) + 1):
                reason = f"input {i} and input {j} on axis -{axis}"
                found += _gap(a[-axis], b[-axis], reason, can_broadcast=can_broadcast)
    return tuple(found)


def _gap(have: int | None, want: int | None, reason: str, *, can_broadcast: bool = False) -> Iterator[Gap]:
    if have is not None and want is not None:
        yield Gap(have, want, reason, can_broadcast)


def _integer(node: proto.NodeProto, name: str, default: int = 0) -> int:
    return next((int(a.i) for a in node.attribute if a.name == name), default)


def _channels(x: int, w: int, *, is_transposed: bool = False) -> Rule:
    """Channels of an image against those of a convolution's weights, at positions `x` and `w` of the inputs."""

    def rule(node: proto.NodeProto, operands: Operands) -> Iterator[Gap]:
        stated = operands.extent(w, 0 if is_transposed else 1)
        wanted = stated if stated is None or is_transposed else stated * _integer(node, "group", 1)
        channels = operands.extent(x, -1 if _integer(node, "channels_last") else 1)
        yield from _gap(channels, wanted, "the channels of the input and of the weights")

    return rule


def _window(w: int | None) -> Rule:
    """A window that is larger than the padded image; its extents are stated or those of the weights at `w`."""

    def rule(node: proto.NodeProto, operands: Operands) -> Iterator[Gap]:
        lists = {a.name: list(a.ints) for a in node.attribute}
        source = operands.shapes[0] if operands.shapes else None
        if source is None or any(a.name == "auto_pad" and a.s not in (b"", b"NOTSET") for a in node.attribute):
            return
        axes = len(source) - 2
        weights = operands.shapes[w] if w is not None and w < len(operands.shapes) else None
        kernel = lists.get("kernel_shape") or list(weights[2:] if weights is not None else ())
        pads = lists.get("pads") or [0] * (2 * axes)
        dilations = lists.get("dilations") or [1] * axes
        if len(kernel) != axes or len(pads) != 2 * axes or len(dilations) != axes:
            return
        for axis, (size, dilation) in enumerate(zip(kernel, dilations, strict=True)):
            place = axis + (1 if _integer(node, "channels_last") else 2)
            extent = source[place]
            if size is not None and extent is not None:
                room = extent + pads[axis] + pads[axis + axes]
                reason = f"the window and the padded input on axis {place}"
                yield Gap((size - 1) * dilation + 1, room, reason, may_be_less=True)

    return rule


def _kernel(w: int) -> Rule:
    """The window that an attribute states against that of a convolution's weights, at position `w` of the inputs."""

    def rule(node: proto.NodeProto, operands: Operands) -> Iterator[Gap]:
        stated = next((list(a.ints) for a in node.attribute if a.name == "kernel_shape"), [])
        weights = operands.shapes[w] if w < len(operands.shapes) else None
        if weights is not None and len(stated) == len(weights) - 2:
            for axis, size in enumerate(stated, 2):
                yield from _gap(size, weights[axis], f"the stated kernel_shape and the weights on axis {axis}")

    return rule


def _bias(b: int, w: int, *, is_transposed: bool = False) -> Rule:
    """The elements of a bias against the output channels of a convolution's weights, at positions `b` and `w`."""

    def rule(node: proto.NodeProto, operands: Operands) -> Iterator[Gap]:
        channels = operands.extent(w, 1 if is_transposed else 0)
        if channels is not None and is_transposed:
            channels *= _integer(node, "group", 1)
        yield from _gap(operands.extent(b, 0), channels, "the elements of the bias and the output channels")

    return rule


def _per_channel(_node: proto.NodeProto, operands: Operands) -> Iterator[Gap]:
    yield from _gap(operands.extent(0, 1), operands.extent(1, 0), "the channels of the input and of the scale")


def _expand(_node: proto.NodeProto, operands: Operands) -> Iterator[Gap]:
    source = operands.shapes[0] if operands.shapes else None
    target = operands.values[1] if len(operands.values) > 1 else None
    if source is not None and target is not None:
        for have, want in zip(reversed(source), reversed(target.integers), strict=False):
            yield from _gap(have, want, "the extents of the input and of the new shape", can_broadcast=True)


def _recurrent(gates: int) -> Rule:
    """Features of the input, and what a recurrence states of its state, against weights for so many gates."""

    def rule(node: proto.NodeProto, operands: Operands) -> Iterator[Gap]:
        yield from _gap(operands.extent(0, 2), operands.extent(1, 2), "the features of the input and of the weights")
        kept = operands.extent(2, 2)
        stated = _integer(node, "hidden_size") or kept
        yield from _gap(stated, kept, "the stated hidden_size and the recurrent weights on axis 2")
        if stated is not None:
            for index, name in ((1, "the weights"), (2, "the recurrent weights")):
                reason = f"{name} on axis 1 and {gates} times the hidden size"
                yield from _gap(operands.extent(index, 1), gates * stated, reason)

    return rule


def _reshape(node: proto.NodeProto, operands: Operands) -> Iterator[Gap]:
    source = operands.shapes[0] if operands.shapes else None
    target = operands.values[1] if len(operands.values) > 1 else None
    if source is None or None in source or target is None:
        return
    copies = not _integer(node, "allowzero")
    extents = target.integers
    if -1 in extents or (copies and 0 in extents[len(source) :]):
        return  # onnx checks the first, and says the second
    resolved = [(source[i] or 0) if copies and extent == 0 else extent for i, extent in enumerate(extents)]
    have = math.prod(extent or 0 for extent in source)
    yield Gap(have, math.prod(resolved), "the elements of the input and of the new shape")


def _split(node: proto.NodeProto, operands: Operands) -> Iterator[Gap]:
    sizes = next((list(a.ints) for a in node.attribute if a.name == "split"), None)
    operand = operands.values[1] if len(operands.values) > 1 else None
    if operand is not None:
        sizes = list(operand.integers)
    if sizes is not None:
        extent = operands.extent(0, _integer(node, "axis"))
        yield from _gap(extent, sum(sizes), "the extent that is split and the sum of its parts")


def _einsum(node: proto.NodeProto, operands: Operands) -> Iterator[Gap]:
    equation = next((a.s.decode("utf-8", "replace") for a in node.attribute if a.name == "equation"), "")
    terms = equation.replace(" ", "").split("->")[0].split(",")
    if "..." in equation or len(terms) != len(operands.shapes):
        return
    extents: dict[str, int] = {}
    for term, shape in zip(terms, operands.shapes, strict=True):
        if shape is None or len(shape) != len(term):
            continue
        for label, extent in zip(term, shape, strict=True):
            if extent is not None:
                reason = f"the extents of `{label}` in `{equation}`"
                yield Gap(extents.setdefault(label, extent), extent, reason, can_broadcast=True)


def _gathered(node: proto.NodeProto, operands: Operands) -> Iterator[Gap]:
    tops = operands.tops[1] if len(operands.tops) > 1 else None
    if tops is not None:
        yield from _reach(max(tops), operands.extent(0, _integer(node, "axis")))


def _gathered_nd(node: proto.NodeProto, operands: Operands) -> Iterator[Gap]:
    tops = operands.tops[1] if len(operands.tops) > 1 else None
    if tops is not None and len(tops) == operands.extent(1, -1):
        for place, top in enumerate(tops):
            yield from _reach(top, operands.extent(0, place + _integer(node, "batch_dims")))


def _reach(top: int, extent: int | None) -> Iterator[Gap]:
    if extent is not None:
        yield Gap(top + 1, extent, "the positions that are taken and those that there are", may_be_less=True)


def _attention(node: proto.NodeProto, operands: Operands) -> Iterator[Gap]:
    if node.domain not in ("", "ai.onnx"):
        return  # that of ONNX Runtime has other inputs
    shapes = [operands.shapes[index] if index < len(operands.shapes) else None for index in (0, 1)]
    found = [_integer(node, name) or None for name in ("q_num_heads", "kv_num_heads")]
    heads, kv_heads = (
        shape[1] if shape is not None and len(shape) == 4 else stated
        for shape, stated in zip(shapes, found, strict=True)
    )
    yield from _shared_heads(heads, kv_heads)


def _shared_heads(heads: int | None, kv_heads: int | None) -> Iterator[Gap]:
    """Each head of keys and values serves as many heads of the query."""
    if heads and kv_heads:
        reason = f"the heads of the query and a multiple of the {kv_heads} of keys and values"
        yield Gap(heads, max(heads // kv_heads, 1) * kv_heads, reason)


def _group_query(node: proto.NodeProto, operands: Operands) -> Iterator[Gap]:
    heads, kv_heads = _integer(node, "num_heads"), _integer(node, "kv_num_heads")
    yield from _shared_heads(heads, kv_heads)
    width = operands.extent(0, -1)
    if width is None or not heads or not kv_heads:
        return
    is_packed = len(operands.shapes) < 2 or operands.shapes[1] is None
    size = width // (heads + 2 * kv_heads) if is_packed else width // heads
    stored = -(-size // 2) if _integer(node, "kv_cache_bit_width") == 4 else size  # two elements share a byte
    for index, name in ((3, "key"), (4, "value")):
        yield from _gap(operands.extent(index, 3), stored, f"the head sizes of the past {name} and of the query")
        batch = operands.extent(0, 0)
        yield from _gap(operands.extent(index, 0), batch, f"the batches of the past {name} and of the query")


def _packed_weight(node: proto.NodeProto, operands: Operands) -> Iterator[Gap]:
    depth = _integer(node, "K") or None
    yield from _gap(operands.extent(0, -1), depth, "the features of the input and of the packed weights")


Rule = Callable[[proto.NodeProto, Operands], Iterator[Gap]]

_UNCHECKED: Mapping[str, tuple[Rule, ...]] = {
    "Conv": (_channels(0, 1), _kernel(1), _bias(2, 1), _window(1)),
    "FusedConv": (_channels(0, 1), _kernel(1), _bias(2, 1), _window(1)),
    "ConvInteger": (_channels(0, 1), _kernel(1), _window(1)),
    "QLinearConv": (_channels(0, 3), _kernel(3), _bias(8, 3), _window(3)),
    "ConvTranspose": (_channels(0, 1, is_transposed=True), _kernel(1), _bias(2, 1, is_transposed=True)),
    "AveragePool": (_window(None),),
    "MaxPool": (_window(None),),
    "LpPool": (_window(None),),
    "BatchNormalization": (_per_channel,),
    "InstanceNormalization": (_per_channel,),
    "Expand": (_expand,),
    "RNN": (_recurrent(1),),
    "GRU": (_recurrent(3),),
    "LSTM": (_recurrent(4),),
    "Reshape": (_reshape,),
    "Einsum": (_einsum,),
    "Split": (_split,),
    "Gather": (_gathered,),
    "GatherND": (_gathered_nd,),
    "Attention": (_attention,),
    "GroupQueryAttention": (_group_query,),
    "MatMulNBits": (_packed_weight,),
}

# Operators whose rules say little, so that any two extents may be those that have to go together.
_BESIDE_PAIRS = frozenset({"Attention"})
