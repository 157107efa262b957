"""Counts of one model: node by node, totals, parameters, coverage. No target and no plan is needed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from operator import mul
from typing import TYPE_CHECKING

from onnxroof.costs.cost import Coverage, OpCost
from onnxroof.costs.table import CostTable, Seen, Sums, cost_table, summed_costs, weight_bytes
from onnxroof.dtypes import DType
from onnxroof.ir.op import Op, OpKind
from onnxroof.ir.workload import Workload
from onnxroof.mapping.storage import Storage, parameter_roots, storage
from onnxroof.study.result import ModelResult, NodeResult, OutputInfo, Totals, Unresolved
from onnxroof.units import format_si

if TYPE_CHECKING:
    from onnxroof.mapping.placement import Placement
    from onnxroof.roofline.result import TargetResult

__all__ = ["Counted", "counted", "model_result", "totals"]


@dataclass(frozen=True, slots=True, eq=False)
class Counted:
    """A workload with its costs and what of it runs."""

    workload: Workload
    costs: CostTable
    store: Storage


def counted(workload: Workload, *, copies_cache: bool = False, alike: Sequence[int] | None = None) -> Counted:
    """Costs of a workload; `copies_cache` says whether an appended key/value cache is copied whole.

    `alike` are numbers that operators share which are alike, where they are known.
    """
    costs = cost_table(workload, copies_cache=copies_cache, alike=alike)
    return Counted(workload, costs, storage(workload, costs))


def model_result(
    count: Counted, targets: tuple[TargetResult, ...] = (), place: Callable[[], Placement] | None = None
) -> ModelResult:
    """The result of one model, with those of its targets if there are any."""
    workload, costs = count.workload, count.costs
    parameters = [t for t in map(workload.tensors.__getitem__, parameter_roots(workload, count.store)) if t.is_shaped]
    unresolved: list[Unresolved] = []
    not_modelled: list[Unresolved] = []
    shaped = 0
    nodes = []
    for index, (op, cost) in enumerate(zip(workload.ops, costs.costs, strict=True)):
        if cost.coverage is not Coverage.EXACT:
            entry = Unresolved(node=op.name, op_type=op.op_type, domain=op.domain, reason=cost.reason)
            (unresolved if cost.coverage is Coverage.UNKNOWN else not_modelled).append(entry)
        shaped += all(workload.tensors[name].is_shaped for name in op.outputs if name)
        nodes.append(_node(op, costs, index, workload))
    return ModelResult(
        name=workload.name,
        producer=workload.producer,
        ir_version=workload.ir_version,
        opsets=workload.opsets,
        dims=workload.dims,
        notes=(*workload.notes, *_spread(workload, costs)),
        precision=workload.precision,
        nodes_total=len(workload.ops),
        nodes_costed=len(workload.ops) - len(unresolved),
        nodes_shaped=shaped,
        unresolved=tuple(unresolved),
        not_modelled=tuple(not_modelled),
        parameter_count=sum(tensor.elements for tensor in parameters),
        parameter_bytes=sum(tensor.bytes for tensor in parameters),
        peak_activation_bytes=count.store.peak_activation_bytes,
        totals=_totals(nodes),
        nodes=tuple(nodes),
        targets=targets,
        place=place,
    )


def _spread(workload: Workload, costs: CostTable) -> Iterator[str]:
    """How far apart the most and the least are, where data or a mask decide how much is done."""
    open_nodes = [
        (op.repeat, cost.work.ops, cost.least.work.ops)
        for op, cost in zip(workload.ops, costs.costs, strict=True)
        if cost.least is not None and cost.work is not None and cost.work.ops != cost.least.work.ops
    ]
    if open_nodes:
        most, least = (sum(part[0] * part[place] for part in open_nodes) for place in (1, 2))
        yield (
            f"padding, data, a causal mask or earlier sums may spare work ({len(open_nodes)} of {len(workload.ops)} "
            f"nodes): counts and plans take the most, {format_si(most, 'OP')}, floors the least, "
            f"{format_si(least, 'OP')}"
        )


def totals(workload: Workload, *, copies_cache: bool = False, seen: Seen | None = None) -> Totals:
    """The sums alone, without a result a node; `seen` keeps what is the same in sums under other dimensions."""
    tensors = workload.tensors

    def of_one(op: Op, cost: OpCost) -> Sums:
        work = cost.work
        counts = (None,) * 3 if work is None else (work.macs, work.vector_ops, work.special_ops)
        bytes_ = (cost.read_bytes, weight_bytes(cost, tensors), cost.write_bytes)
        figures = (*counts, *(bytes_ if _has_bytes(op, cost, workload) else (None,) * 3))
        return tuple(None if figure is None else figure * op.repeat for figure in figures)

    columns = list(zip(*summed_costs(workload, of_one, copies_cache=copies_cache, seen=seen), strict=True)) or [()] * 6
    sums = (None if None in column else sum(v for v in column if v is not None) for column in columns)
    return Totals(**dict(zip(_TOTALS, sums, strict=True)))


_TOTALS = ("macs", "vector_ops", "special_ops", "read_bytes", "weight_bytes", "write_bytes")


def _has_bytes(op: Op, cost: OpCost, workload: Workload) -> bool:
    """Whether bytes are known: where no formula states them, only if all shapes and types are."""
    return cost.coverage is Coverage.EXACT or all(
        workload.tensors[name].is_shaped and workload.tensors[name].dtype is not DType.UNDEFINED
        for name in (*op.inputs, *op.outputs)
        if name
    )


def _node(op: Op, costs: CostTable, index: int, workload: Workload) -> NodeResult:
    cost = costs.costs[index]
    work = cost.work
    has_bytes = _has_bytes(op, cost, workload)
    return NodeResult(
        name=op.name,
        op_type=op.op_type,
        domain=op.domain,
        scope=op.scope,
        kind=cost.kind,
        repeat=op.repeat,
        macs=work.macs if work is not None else None,
        vector_ops=work.vector_ops if work is not None else None,
        special_ops=work.special_ops if work is not None else None,
        read_bytes=cost.read_bytes if has_bytes else None,
        weight_bytes=costs.weight_reads[index] if has_bytes else None,
        write_bytes=cost.write_bytes if has_bytes else None,
        compute_type=cost.compute_type.name if cost.kind is OpKind.COMPUTE else "",
        outputs=tuple(
            OutputInfo(name=name, dtype=workload.tensors[name].dtype.name, shape=workload.tensors[name].shape)
            for name in op.outputs
            if name
        ),
        position=op.position,
    )


def _totals(nodes: Sequence[NodeResult]) -> Totals:
    repeats = [node.repeat for node in nodes]

    def total(values: Sequence[int | None]) -> int | None:
        known = [value for value in values if value is not None]
        return sum(map(mul, known, repeats)) if len(known) == len(values) else None

    return Totals(
        macs=total([node.macs for node in nodes]),
        vector_ops=total([node.vector_ops for node in nodes]),
        special_ops=total([node.special_ops for node in nodes]),
        read_bytes=total([node.read_bytes for node in nodes]),
        weight_bytes=total([node.weight_bytes for node in nodes]),
        write_bytes=total([node.write_bytes for node in nodes]),
    )
