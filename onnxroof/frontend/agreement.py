"""Do the extents of a node's inputs go together, and by how much do they miss?"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy.typing as npt
import onnx

from onnxroof.ir.op import Op

__all__ = ["Clash", "Gap", "WatchedNodeError", "gaps_of", "unchecked_gap"]

Shape = tuple[int | None, ...] | None
Values = Sequence[npt.NDArray[Any] | None]


@dataclass(frozen=True, slots=True)
class Gap:
    """Two numbers that must be equal for a node's inputs to go together.

    Attributes:
        have: The one.
        want: The other.
        reason: What they are.
        can_broadcast: Whether 1 goes with any number.
    """

    have: int
    want: int
    reason: str
    can_broadcast: bool = False

    @property
    def is_closed(self) -> bool:
        """Whether the two go together."""
        return self.have == self.want or (self.can_broadcast and 1 in (self.have, self.want))


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


class WatchedNodeError(Exception):
    """Ends a walk at a node that is watched; holds its gaps."""

    def __init__(self, gaps: tuple[Gap, ...]) -> None:
        self.gaps = gaps
        super().__init__()


def unchecked_gap(node: onnx.NodeProto, shapes: Sequence[Shape], values: Values) -> Gap | None:
    """The first gap of a node that onnx's own inference passes over, None where there is none."""
    rule = _UNCHECKED.get(node.op_type)
    if rule is None:
        return None
    return next((gap for gap in rule(node, shapes, values) if not gap.is_closed), None)


def gaps_of(node: onnx.NodeProto, shapes: Sequence[Shape], values: Values) -> tuple[Gap, ...]:
    """All pairs that may have to be equal, in an order that depends on ranks alone."""
    rule = _UNCHECKED.get(node.op_type)
    found = list(rule(node, shapes, values)) if rule else []
    known = [(index, shape) for index, shape in enumerate(shapes) if shape]
    if node.op_type in ("MatMul", "Gemm") and len(known) >= 2 and len(known[0][1]) > 1 and len(known[1][1]) > 1:
        flags = {a.name: a.i for a in node.attribute}
        first = -2 if flags.get("transA") else -1
        second = -1 if flags.get("transB") else -2
        found += _gap(known[0][1][first], known[1][1][second], "the extents that are summed over")
    can_broadcast = node.op_type != "Concat"
    for place, (i, a) in enumerate(known):
        for j, b in known[place + 1 :]:
            for axis in range(1, min(len(a), len(b)) + 1):
                reason = f"input {i} and input {j} on axis -{axis}"
                found += _gap(a[-axis], b[-axis], reason, can_broadcast=can_broadcast)
    return tuple(found)


def _gap(have: int | None, want: int | None, reason: str, *, can_broadcast: bool = False) -> Iterator[Gap]:
    if have is not None and want is not None:
        yield Gap(have, want, reason, can_broadcast)


def _extent(shapes: Sequence[Shape], index: int, axis: int) -> int | None:
    shape = shapes[index] if index < len(shapes) else None
    return shape[axis] if shape is not None and -len(shape) <= axis < len(shape) else None


def _channels(x: int, w: int, *, is_transposed: bool = False) -> Rule:
    """Channels of an image against those of a convolution's weights, at positions `x` and `w` of the inputs."""

    def rule(node: onnx.NodeProto, shapes: Sequence[Shape], _values: Values) -> Iterator[Gap]:
        group = next((a.i for a in node.attribute if a.name == "group"), 1)
        stated = _extent(shapes, w, 0 if is_transposed else 1)
        wanted = stated if stated is None or is_transposed else stated * group
        yield from _gap(_extent(shapes, x, 1), wanted, "channels of the input and of the weights")

    return rule


def _recurrent(_node: onnx.NodeProto, shapes: Sequence[Shape], _values: Values) -> Iterator[Gap]:
    yield from _gap(_extent(shapes, 0, 2), _extent(shapes, 1, 2), "features of the input and of the weights")


def _reshape(node: onnx.NodeProto, shapes: Sequence[Shape], values: Values) -> Iterator[Gap]:
    source = shapes[0] if shapes else None
    target = values[1] if len(values) > 1 else None
    if source is None or None in source or target is None:
        return
    copies = not any(a.name == "allowzero" and a.i for a in node.attribute)
    extents = [int(extent) for extent in target.reshape(-1)]
    if -1 in extents or (copies and 0 in extents[len(source) :]):
        return  # onnx checks the first, and says the second
    resolved = [(source[i] or 0) if copies and extent == 0 else extent for i, extent in enumerate(extents)]
    have = math.prod(extent or 0 for extent in source)
    yield Gap(have, math.prod(resolved), "elements of the input and of the new shape")


def _einsum(node: onnx.NodeProto, shapes: Sequence[Shape], _values: Values) -> Iterator[Gap]:
    equation = next((a.s.decode("utf-8", "replace") for a in node.attribute if a.name == "equation"), "")
    terms = equation.replace(" ", "").split("->")[0].split(",")
    if "..." in equation or len(terms) != len(shapes):
        return
    extents: dict[str, int] = {}
    for term, shape in zip(terms, shapes, strict=True):
        if shape is None or len(shape) != len(term):
            continue
        for label, extent in zip(term, shape, strict=True):
            if extent is not None:
                reason = f"the extents of `{label}` in `{equation}`"
                yield Gap(extents.setdefault(label, extent), extent, reason, can_broadcast=True)


def _group_query(node: onnx.NodeProto, shapes: Sequence[Shape], _values: Values) -> Iterator[Gap]:
    heads = {a.name: a.i for a in node.attribute}
    count, kv_count = heads.get("num_heads", 0), heads.get("kv_num_heads", 0)
    is_packed = len(shapes) < 2 or shapes[1] is None
    width = _extent(shapes, 0, -1)
    if width is None or not count or not kv_count:
        return
    size = width // (count + 2 * kv_count) if is_packed else width // count
    for index, name in ((3, "key"), (4, "value")):
        yield from _gap(_extent(shapes, index, 3), size, f"head size of the past {name} and of the query")
        yield from _gap(_extent(shapes, index, 0), _extent(shapes, 0, 0), f"batch of the past {name} and of the query")


def _packed_weight(node: onnx.NodeProto, shapes: Sequence[Shape], _values: Values) -> Iterator[Gap]:
    depth = next((a.i for a in node.attribute if a.name == "K"), None)
    yield from _gap(_extent(shapes, 0, -1), depth, "features of the input and of the packed weights")


Rule = Callable[[onnx.NodeProto, Sequence[Shape], Values], Iterator[Gap]]

_UNCHECKED: Mapping[str, Rule] = {
    "Conv": _channels(0, 1),
    "FusedConv": _channels(0, 1),
    "ConvInteger": _channels(0, 1),
    "QLinearConv": _channels(0, 3),
    "ConvTranspose": _channels(0, 1, is_transposed=True),
    "RNN": _recurrent,
    "GRU": _recurrent,
    "LSTM": _recurrent,
    "Reshape": _reshape,
    "Einsum": _einsum,
    "GroupQueryAttention": _group_query,
    "MatMulNBits": _packed_weight,
}
