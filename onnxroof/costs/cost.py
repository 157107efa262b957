"""What one operator costs on any machine: work by kind, bytes by operand, and its loop nest."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field

from onnxroof.dtypes import DType
from onnxroof.ir.loopnest import LoopNest
from onnxroof.ir.op import OpKind

__all__ = ["Coverage", "Least", "OpCost", "Transfer", "Work"]


class Coverage(enum.Enum):
    """Whether a cost is known."""

    EXACT = "exact"
    NOT_MODELLED = "not modelled"  # counting has no meaning here; the reason is stated. Counts as known
    UNKNOWN = "unknown"  # no rule, or the rule lacks a shape. Does not count as known


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """Operations of one trip, counted by kind and never weighted by what a machine makes of them.

    Attributes:
        macs: Multiply-adds of a contraction. 1 MAC = 2 operations. Nothing else is ever in here.
        vector_ops: Every other arithmetic, comparison, logic, conversion or selection, one a scalar result.
        special: Counts of EXP, LOG, SQRT, DIV, ERF, TANH, SIN, COS, POW ... by name.
    """

    macs: int = 0
    vector_ops: int = 0
    special: Mapping[str, int] = field(default_factory=dict)

    @property
    def special_ops(self) -> int:
        """Special operations of all names."""
        return sum(self.special.values())

    @property
    def ops(self) -> int:
        """2 x macs + vector_ops + special_ops."""
        return 2 * self.macs + self.vector_ops + self.special_ops

    def __add__(self, other: Work) -> Work:
        special = dict(self.special)
        for name, count in other.special.items():
            special[name] = special.get(name, 0) + count
        return Work(macs=self.macs + other.macs, vector_ops=self.vector_ops + other.vector_ops, special=special)

    def times(self, count: int) -> Work:
        """The work of `count` repetitions."""
        return Work(
            macs=self.macs * count,
            vector_ops=self.vector_ops * count,
            special={name: n * count for name, n in self.special.items()},
        )


@dataclass(frozen=True, slots=True)
class Transfer:
    """Bytes of one tensor that an operator alone must touch in one trip, each distinct element once."""

    tensor: str
    bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Least:
    """The least that an operator can cost where not all that is counted need be done.

    Its data may decide how much it does, or a causal mask, or a part meets nothing but padding, or another order of
    the same sums takes fewer steps.

    Attributes:
        work: Operations of one trip that nothing spares it.
        reads: Likewise; None where all that it reads is needed.
    """

    work: Work = field(default_factory=Work)
    reads: tuple[Transfer, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class OpCost:
    """Cost of one operator, for one trip.

    Attributes:
        kind: COMPUTE, MOVE, VIEW or UNKNOWN (also CONSTANT, HOST, ABSORBED for nodes that no longer run).
        work: None where the operator has no rule or a rule without the shapes that it needs.
        reads: At most one entry a tensor; empty for views.
        writes: At most one entry a tensor; empty for views.
        compute_type: Type of the arithmetic: of the MACs where there are any.
        nest: Loop nest with access maps, None where the operator is not affine (then its bytes are its curve).
        is_foldable: Scale or shift by constants that any compiler may fold into a neighbouring contraction.
        rescales: Whether results of a part of the swept loops only need a factor for each row once the rest is known
            (softmax): a sum along them may take the parts one after the other.
        repeats: Whether the result repeats elements of the operand at places that the nest leaves out (a mirrored
            border): the nest counts what moves, but not which elements a tile of the result needs.
        appends_to: Name of the cache tensor to which the first output is appended in place, or "".
        in_place: (output, input) names that share one buffer: the output is the input with new elements written
            into it (appended caches, of attention operators too, and scattered updates).
        least: Where data, a causal mask or padding decide how much is done, so that `work` and `reads` are the most:
            the least. A floor may rest on nothing else. None where they have no say.
        coverage: Whether the cost is known.
        reason: Why it is not, or why it is not modelled.
    """

    kind: OpKind
    work: Work | None
    reads: tuple[Transfer, ...] = ()
    writes: tuple[Transfer, ...] = ()
    compute_type: DType = DType.UNDEFINED
    nest: LoopNest | None = None
    is_foldable: bool = False
    rescales: bool = False
    repeats: bool = False
    appends_to: str = ""
    in_place: tuple[tuple[str, str], ...] = ()
    least: Least | None = None
    coverage: Coverage = Coverage.EXACT
    reason: str = ""

    @property
    def least_work(self) -> Work | None:
        """What nothing spares the operator."""
        return self.work if self.least is None else self.least.work

    @property
    def least_reads(self) -> tuple[Transfer, ...]:
        """What nothing spares it to read."""
        return self.reads if self.least is None or self.least.reads is None else self.least.reads

    @property
    def read_bytes(self) -> int:
        """Bytes read, all operands."""
        return sum(transfer.bytes for transfer in self.reads)

    @property
    def write_bytes(self) -> int:
        """Bytes written, all results."""
        return sum(transfer.bytes for transfer in self.writes)
