"""An operator of the workload: what the ONNX node says, with every attribute default filled in."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

__all__ = ["Attributes", "Op", "OpKind"]


class OpKind(enum.Enum):
    """What becomes of a node when the model runs."""

    COMPUTE = "compute"  # does arithmetic
    MOVE = "move"  # moves bytes and does no arithmetic
    VIEW = "view"  # another name for the same bytes
    CONSTANT = "constant"  # computable without an input: folded before the model runs
    ABSORBED = "absorbed"  # a quantize or dequantize that lives on in its neighbour
    HOST = "host"  # shape arithmetic on a few integers
    UNKNOWN = "unknown"  # no rule says what it costs


@dataclass(frozen=True, slots=True, eq=False)
class Attributes:
    """Typed read access to a node's attributes. A name that the node does not have is None or the default given."""

    values: Mapping[str, Any] = field(default_factory=dict)

    def __contains__(self, name: str) -> bool:
        return name in self.values

    def integer(self, name: str, default: int = 0) -> int:
        """An INT attribute."""
        return int(self.values.get(name, default))

    def integers(self, name: str) -> tuple[int, ...] | None:
        """An INTS attribute, None when absent."""
        value = self.values.get(name)
        return None if value is None else tuple(int(v) for v in value)

    def number(self, name: str, default: float = 0.0) -> float:
        """A FLOAT attribute."""
        return float(self.values.get(name, default))

    def text(self, name: str, default: str = "") -> str:
        """A STRING attribute."""
        value = self.values.get(name, default)
        return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)

    def texts(self, name: str) -> tuple[str, ...]:
        """A STRINGS attribute, empty when absent."""
        return tuple(
            v.decode("utf-8", "replace") if isinstance(v, bytes) else str(v) for v in self.values.get(name, ())
        )

    def raw(self, name: str) -> Any:
        """Any other attribute as it stands, None when absent."""
        return self.values.get(name)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Op:
    """One node.

    Attributes:
        name: Unique in the workload: the ONNX name, or `Relu_17` where that is empty or repeated.
        op_type: As in ONNX.
        domain: As in ONNX, the standard domain spelled "".
        version: Opset version of that domain that the model imports.
        inputs: Tensor names by position; an optional input that is left out is "".
        outputs: Tensor names by position; an output that nobody wants is "".
        attributes: With the defaults of the schema filled in. Subgraphs are not here: the frontend lowers them.
        scope: Call path of inlined functions, loops and branches, outermost first, joined by "/".
        repeat: How often it runs for one run of the model (trips of the loops around it).
        disposition: CONSTANT, HOST or ABSORBED or VIEW where that is settled before costs are known, else None.
        parameters: Names of further tensors that it reads: scales and zero points of a quantize or dequantize that it
            took over, and what it has learned in its attributes (trees, coefficients).
        compute_type: Name of the type it computes in, where that is not the type of its first input.
        conversion_ops: Vector operations by which it dequantizes an operand or requantizes its result on the fly.
        is_at_most: Whether data may leave all or some of it out: it is in a branch or trip that need not run, or the
            extents of an input are upper bounds. No floor may rest on it.
        position: Of the node in the model's own graph that it is, or that calls, repeats or chooses it.
        lacks: Position of the first input that its operator needs and it does not have, so that it means nothing; None
            where it has all.
    """

    name: str
    op_type: str
    domain: str
    version: int
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: Attributes
    scope: str = ""
    repeat: int = 1
    disposition: OpKind | None = None
    parameters: tuple[str, ...] = ()
    compute_type: str = ""
    conversion_ops: int = 0
    is_at_most: bool = False
    position: int = -1
    lacks: int | None = None

    @property
    def key(self) -> tuple[str, str]:
        """(domain, op_type), by which a cost rule is found."""
        return (self.domain, self.op_type)
