"""What every operator of a workload costs, for one trip: one `OpCost` a node, and the counts as arrays."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any, TypeAlias

from onnxroof.costs.context import CostContext, MissingShapeError, merged
from onnxroof.costs.cost import Coverage, Least, OpCost, Transfer, Work
from onnxroof.costs.registry import Registry, Treatment, standard_registry
from onnxroof.dtypes import DType, packed_bytes
from onnxroof.ir.contents import Contents
from onnxroof.ir.loopnest import LoopNest
from onnxroof.ir.op import Op, OpKind
from onnxroof.ir.tensor import Tensor, TensorKind
from onnxroof.ir.workload import Workload

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

__all__ = ["CostTable", "Seen", "Sums", "cost_table", "op_cost", "summed_costs", "weight_bytes"]

Sums = tuple[int | None, ...]
"""Figures of one operator, all trips; None for what is not known."""

Column: TypeAlias = "npt.NDArray[np.float64]"
_NAN = float("nan")

_UNFIT = (IndexError, KeyError, TypeError, ValueError, ArithmeticError)

_SETTLED = {
    kind: OpCost(kind=kind, work=Work()) for kind in (OpKind.CONSTANT, OpKind.HOST, OpKind.ABSORBED, OpKind.VIEW)
}


@dataclass(frozen=True, eq=False)
class CostTable:
    """Costs of a workload's operators, for one trip each: `repeat` is not multiplied in.

    Attributes:
        costs: Parallel to the workload's `ops`.
        by_name: The same by the operators' names.
        weight_reads: Likewise, the bytes of `cost.read_bytes` whose tensors are weights.
        alike: Likewise, a number that operators share which rules cannot tell apart but by names.
    """

    costs: tuple[OpCost, ...]
    by_name: Mapping[str, OpCost]
    weight_reads: tuple[int, ...]
    alike: tuple[int, ...]

    # A count reads the costs one by one: the arrays are made for those who ask for them.

    @cached_property
    def macs(self) -> Column:
        """(N,), nan where the work is not known."""
        return _column(cost.work.macs if cost.work else _NAN for cost in self.costs)

    @cached_property
    def vector_ops(self) -> Column:
        """(N,), nan where the work is not known."""
        return _column(cost.work.vector_ops if cost.work else _NAN for cost in self.costs)

    @cached_property
    def special_ops(self) -> Column:
        """(N,), all names together, nan where the work is not known."""
        return _column(cost.work.special_ops if cost.work else _NAN for cost in self.costs)

    @cached_property
    def read_bytes(self) -> Column:
        """(N,), operands without a known shape count nothing."""
        return _column(cost.read_bytes for cost in self.costs)

    @cached_property
    def weight_bytes(self) -> Column:
        """(N,), the part of `read_bytes` whose tensors are weights."""
        return _column(self.weight_reads)

    @cached_property
    def write_bytes(self) -> Column:
        """(N,), operands without a known shape count nothing."""
        return _column(cost.write_bytes for cost in self.costs)

    @cached_property
    def is_known(self) -> npt.NDArray[np.bool_]:
        """(N,), whether the cost counts as known."""
        import numpy as np

        return np.array([cost.coverage is not Coverage.UNKNOWN for cost in self.costs], dtype=np.bool_)


def cost_table(
    workload: Workload,
    *,
    registry: Registry | None = None,
    copies_cache: bool = False,
    alike: Sequence[int] | None = None,
) -> CostTable:
    """The cost of every operator.

    Args:
        workload: With concrete shapes.
        registry: Rules; those that onnxroof comes with by default.
        copies_cache: Whether appended caches are copied as a whole instead of in place.
        alike: Of each operator a number that operators share which are alike, where that is known already.
    """
    rules = registry or standard_registry()
    if alike is None:
        signatures, numbers = _Signatures(workload.tensors, Seen()), dict[Hashable, int]()
        alike = [
            -1 if op.disposition in _SETTLED else numbers.setdefault(signatures.of(op), len(numbers))
            for op in workload.ops
        ]
    known: dict[int, _Template] = {}
    costs = []
    for op, number in zip(workload.ops, alike, strict=True):
        if op.disposition in _SETTLED:
            costs.append(_SETTLED[op.disposition])
            continue
        template = known.get(number)
        if template is None:
            cost = op_cost(op, workload.tensors, rules, copies_cache=copies_cache)
            if cost.nest is not None:
                cost = dataclasses.replace(cost, nest=_one_of(cost.nest))
            known[number] = _Template(cost, op)
        else:
            cost = template.named(op)
        costs.append(cost)
    return CostTable(
        costs=tuple(costs),
        by_name={op.name: cost for op, cost in zip(workload.ops, costs, strict=True)},
        weight_reads=tuple(weight_bytes(cost, workload.tensors) for cost in costs),
        alike=tuple(alike),
    )


@lru_cache(maxsize=4096)
def _one_of(nest: LoopNest) -> LoopNest:
    """One nest for all equal ones, of whatever model: what follows from a nest is found faster by the same object."""
    return nest


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """What is kept from one sum of costs to the next, of one model under other dimensions.

    Attributes:
        numbers: Of what rules can see of operators and of tensors.
        ops: By the id of an operator, which is held so that its id stays its own: it, the number of what rules can see
            of it beside tensors, and the names of its tensors.
        tensors: By name: the last tensor of that name, and the number of what rules can see of it.
        sums: By signature.
    """

    numbers: dict[Hashable, int] = field(default_factory=dict)
    ops: dict[int, tuple[Op, int, tuple[str, ...]]] = field(default_factory=dict)
    tensors: dict[str, tuple[Tensor, int]] = field(default_factory=dict)
    sums: dict[Hashable, Sums] = field(default_factory=dict)

    def number(self, key: Hashable) -> int:
        """A number that equal keys share."""
        return self.numbers.setdefault(key, len(self.numbers))


def summed_costs(
    workload: Workload, of_one: Callable[[Op, OpCost], Sums], *, copies_cache: bool = False, seen: Seen | None = None
) -> list[Sums]:
    """A few figures of every operator, each made once for all operators that are alike.

    Args:
        workload: With concrete shapes.
        of_one: The figures of an operator and its cost; they may not depend on names.
        copies_cache: Whether appended caches are copied as a whole instead of in place.
        seen: Of earlier sums by the same `of_one` and `copies_cache`.
    """
    seen = Seen() if seen is None else seen
    rules, signatures = standard_registry(), _Signatures(workload.tensors, seen)
    known = seen.sums
    found = []
    for op in workload.ops:
        if op.disposition in _SETTLED:
            continue
        key = signatures.of_kept(op)
        if key not in known:
            known[key] = of_one(op, op_cost(op, workload.tensors, rules, copies_cache=copies_cache))
        found.append(known[key])
    return found


def op_cost(op: Op, tensors: Mapping[str, Tensor], registry: Registry, *, copies_cache: bool = False) -> OpCost:
    """The cost of one operator, with what it took over from quantize and dequantize nodes; zero if it never runs."""
    if op.disposition in _SETTLED:
        return _SETTLED[op.disposition]
    if op.lacks is not None:
        reason = f"input {op.lacks} is missing"
        return _bytes_alone(op, tensors, OpKind.UNKNOWN, None, coverage=Coverage.UNKNOWN, reason=reason)
    rule = registry.find(op.domain, op.op_type, op.version)
    if rule is None:
        reason = f"{op.domain or 'ai.onnx'}::{op.op_type} has no rule"
        return _bytes_alone(op, tensors, OpKind.UNKNOWN, None, coverage=Coverage.UNKNOWN, reason=reason)
    if rule.treatment is Treatment.EXPANDED:
        reason = f"{op.domain or 'ai.onnx'}::{op.op_type} has no body here that could be counted in its place"
        return _bytes_alone(op, tensors, OpKind.UNKNOWN, None, coverage=Coverage.UNKNOWN, reason=reason)
    if rule.formula is None:
        return _bytes_alone(op, tensors, rule.kind, Work(), coverage=Coverage.NOT_MODELLED, reason=rule.reason)
    try:
        cost = rule.formula(CostContext(op, tensors, copies_cache))
    except MissingShapeError as error:
        return _bytes_alone(op, tensors, rule.kind, None, coverage=Coverage.UNKNOWN, reason=str(error))
    except _UNFIT as error:
        # A file may hold a node with operands and attributes that its operator does not have. That is no answer, and
        # is said; whether the node or the rule is at fault, the rest of the model is counted.
        reason = f"its rule does not fit these operands and attributes ({type(error).__name__}: {error})"
        return _bytes_alone(op, tensors, rule.kind, None, coverage=Coverage.UNKNOWN, reason=reason)
    if op.is_at_most and cost.kind is not OpKind.VIEW:
        cost = dataclasses.replace(cost, least=Least(reads=()))
    if cost.kind is OpKind.VIEW or not (op.parameters or op.conversion_ops):
        return cost
    stated = {transfer.tensor for transfer in cost.reads}
    scales = [
        _scale(tensors[name], cost, op, tensors)
        for name in op.parameters
        if tensors[name].is_shaped and name not in stated
    ]
    work = None if cost.work is None else cost.work + Work(vector_ops=op.conversion_ops)
    least = cost.least
    if least is not None and least.reads is None:  # what is read is read in any case, and so converted
        least = Least(work=least.work + Work(vector_ops=op.conversion_ops))
    is_arithmetic = cost.kind is OpKind.MOVE and op.conversion_ops > 0
    return dataclasses.replace(
        cost,
        kind=OpKind.COMPUTE if is_arithmetic else cost.kind,
        compute_type=DType[op.compute_type] if is_arithmetic else cost.compute_type,
        reads=merged((*cost.reads, *scales)),
        work=work,
        least=least,
    )


def _scale(scale: Tensor, cost: OpCost, op: Op, tensors: Mapping[str, Tensor]) -> Transfer:
    """A scale or zero point, whole; of a table of which rows are gathered, the part that belongs to those rows."""
    if op.op_type != "Gather" or op.attributes.integer("axis") != 0:
        return Transfer(scale.name, scale.bytes)
    table = tensors[op.inputs[0]]
    if not table.elements or scale.dims[:1] != table.dims[:1]:
        return Transfer(scale.name, scale.bytes)
    gathered = next(transfer.bytes for transfer in cost.reads if transfer.tensor == table.name)
    return Transfer(scale.name, packed_bytes(-(-scale.elements * gathered // table.bytes), scale.dtype))


def _bytes_alone(
    op: Op, tensors: Mapping[str, Tensor], kind: OpKind, work: Work | None, *, coverage: Coverage, reason: str
) -> OpCost:
    """Every operand whole whose shape and width are known, beside work that is not counted."""

    def whole(names: Iterable[str]) -> tuple[Transfer, ...]:
        present = (tensors[name] for name in names if name)
        return merged(Transfer(t.name, t.bytes) for t in present if t.is_shaped and t.dtype.bits)

    return OpCost(
        kind=kind,
        work=work,
        reads=whole((*op.inputs, *op.parameters)),
        writes=whole(op.outputs),
        coverage=coverage,
        reason=reason,
    )


def weight_bytes(cost: OpCost, tensors: Mapping[str, Tensor]) -> int:
    """The part of what an operator reads that is weights."""
    return sum(t.bytes for t in cost.reads if tensors[t.tensor].kind is TensorKind.WEIGHT)


def _column(values: Iterable[float]) -> Column:
    import numpy as np

    return np.fromiter(values, dtype=np.float64)


class _Signatures:
    """What a rule can see of an operator, without its names: equal signatures have equal costs up to names."""

    def __init__(self, tensors: Mapping[str, Tensor], seen: Seen) -> None:
        self._tensors = tensors
        self._of_tensor: dict[str, int] = {"": -1}
        self._seen = seen

    def of(self, op: Op) -> Hashable:
        """The signature of an operator; rules see names only as equal or not equal."""
        names = (*op.inputs, *op.outputs, *op.parameters)
        return _said(op, names), tuple(map(self._tensor, names))

    def of_kept(self, op: Op) -> Hashable:
        """The same for an operator that may be met again in another workload."""
        entry = self._seen.ops.get(id(op))
        if entry is None:
            names = (*op.inputs, *op.outputs, *op.parameters)
            entry = self._seen.ops[id(op)] = op, self._seen.number((_said(op, names), op.repeat)), names
        return entry[1], tuple(map(self._tensor, entry[2]))

    def _tensor(self, name: str) -> int:
        number = self._of_tensor.get(name)
        if number is None:
            tensor = self._tensors[name]
            last = self._seen.tensors.get(name)
            if last is not None and last[0] is tensor:
                number = last[1]
            else:
                # The name itself decides where a shape is missing: the reason tells it.
                hidden = None if tensor.is_shaped else name
                key = (tensor.dtype, tensor.scale, tensor.shape, tensor.kind, tensor.is_output, tensor.value, hidden)
                number = self._seen.number(key)
                self._seen.tensors[name] = tensor, number
            self._of_tensor[name] = number
        return number


def _said(op: Op, names: tuple[str, ...]) -> Hashable:
    """What a rule can see of an operator beside its tensors, whose names are given."""
    return (
        op.domain,
        op.op_type,
        op.version,
        len(op.inputs),
        len(op.outputs),
        tuple(map(names.index, names)) if len(set(names)) < len(names) else (),
        op.compute_type,
        op.conversion_ops,
        op.is_at_most,
        tuple([(name, _frozen(value)) for name, value in op.attributes.values.items()]),
    )


def _frozen(value: Any) -> Hashable:
    """An attribute value as something that can be compared; what has no value semantics compares by identity."""
    if isinstance(value, (int, float, str, bytes, Contents)):
        return value
    if isinstance(value, (list, tuple)):
        return tuple([_frozen(item) for item in value])
    return id(value)


class _Template:
    """A cost with the positions of operands in place of their names."""

    def __init__(self, cost: OpCost, op: Op) -> None:
        places: dict[str, int] = {}
        for position, name in enumerate((*op.inputs, *op.outputs, *op.parameters)):
            places.setdefault(name, position)

        def placed(transfers: Iterable[Transfer]) -> tuple[tuple[int, int], ...]:
            return tuple((places[transfer.tensor], transfer.bytes) for transfer in transfers)

        self._cost = cost
        self._reads, self._writes = placed(cost.reads), placed(cost.writes)
        self._least = None if cost.least is None or cost.least.reads is None else placed(cost.least.reads)
        self._appends_to = places[cost.appends_to] if cost.appends_to else None
        self._in_place = [(places[a], places[b]) for a, b in cost.in_place]
        self._fields = {field.name: getattr(cost, field.name) for field in dataclasses.fields(cost)}
        self._is_nameless = not (self._reads or self._writes or self._least or cost.appends_to or cost.in_place)

    def named(self, op: Op) -> OpCost:
        """The cost of an operator that is like that of which this was made."""
        if self._is_nameless:
            return self._cost
        names = (*op.inputs, *op.outputs, *op.parameters)
        changed: dict[str, Any] = {
            "reads": tuple([Transfer(names[place], count) for place, count in self._reads]),
            "writes": tuple([Transfer(names[place], count) for place, count in self._writes]),
            "in_place": tuple([(names[a], names[b]) for a, b in self._in_place]),
        }
        if self._appends_to is not None:
            changed["appends_to"] = names[self._appends_to]
        if self._least is not None and self._cost.least is not None:
            reads = tuple([Transfer(names[place], count) for place, count in self._least])
            changed["least"] = dataclasses.replace(self._cost.least, reads=reads)
        return OpCost(**{**self._fields, **changed})
