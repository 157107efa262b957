"""A workload with its plans, ready to be held against any number of targets."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from onnxroof.costs.cost import Work
from onnxroof.costs.table import CostTable
from onnxroof.ir.op import OpKind
from onnxroof.ir.tensor import Tensor, TensorKind
from onnxroof.ir.workload import Workload
from onnxroof.mapping.given import GIVEN, GivenGroups, GivenPlan, given_plan
from onnxroof.mapping.liveness import buffers
from onnxroof.mapping.operands import NOTHING
from onnxroof.mapping.operator import Operators
from onnxroof.mapping.plan import Group
from onnxroof.mapping.policies import POLICIES, plan
from onnxroof.mapping.reorder import chained_orders, permuted
from onnxroof.mapping.schedule_order import Schedule, schedule
from onnxroof.mapping.segments import Segments, segments
from onnxroof.mapping.shaped import ShapedPlan, Shapes
from onnxroof.mapping.storage import Kernel, Storage, parameter_roots
from onnxroof.mapping.timeline import Timeline, timeline
from onnxroof.mapping.traffic import GroupShape

__all__ = ["CLOCK", "Border", "PlannedModel", "border_of", "planned"]

CLOCK = "epilogue"
"""The policy whose groups are the steps in which what stays on chip is counted, for the plans of all policies."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Border:
    """Distinct bytes that cross the model's border in one run, and the work that no plan can avoid.

    Attributes:
        input_bytes: Elements of inputs that some operator touches, cache contents included.
        weight_bytes: Elements of weights that some operator touches.
        output_bytes: Elements of outputs that are written (of an appended cache, the new part).
        work: Work by compute type, without what can be folded into a neighbour or is of no use to any output.
        is_known: Whether the work of all operators is known.

    Where data decide how much is done, work and bytes are the least of it.
    """

    input_bytes: int
    weight_bytes: int
    output_bytes: int
    work: Mapping[str, Work]
    is_known: bool = True


@dataclass(frozen=True, eq=False)
class PlannedModel:
    """Everything of a model that a roofline needs, computed once for all targets.

    Attributes:
        workload: The model.
        costs: Its costs.
        store: Its kernels and views.
        policies: That are wanted.
        plans: One for each of them that is the same for all targets.
        clock: The plan whose groups are the steps in which time is counted.
        timeline: What could stay on chip from operator to operator.
        shapes: Makes shapes of groups.
        operators: That the kernels are.
        given: Groups that came from outside, and their parts with what is idle; None where there are none.
        idle: Operators that have nothing left to do since the workload was converted.
    """

    workload: Workload
    costs: CostTable
    store: Storage
    policies: tuple[str, ...]
    plans: tuple[ShapedPlan, ...]
    clock: ShapedPlan
    timeline: Timeline
    shapes: Shapes
    operators: Operators
    given: tuple[GivenPlan, ShapedPlan] | None = None
    idle: tuple[str, ...] = ()

    @cached_property
    def op_types(self) -> Mapping[str, str]:
        """Types of all operators by name."""
        return {op.name: op.op_type for op in self.workload.ops}

    @cached_property
    def alone(self) -> ShapedPlan:
        """Each operator alone, whether or not it is among the plans."""
        return self.shapes.shaped(self.store, plan("none", self.store))

    @cached_property
    def border(self) -> Border:
        """Compulsory figures of the whole model."""
        return border_of(self.workload, self.store)

    @cached_property
    def work(self) -> Mapping[str, Work]:
        """Known work by compute type, all of it."""
        return _work((kernel, kernel.cost.work) for kernel in self.store.kernels)

    @property
    def peak_activation_bytes(self) -> int | None:
        """Most bytes of activations alive at once in the order of the file; None where a shape is not known."""
        return self.store.peak_activation_bytes

    @cached_property
    def parameter_bytes(self) -> int:
        """Distinct weights that a kernel reads as data, at their full size."""
        weights = (self.workload.tensors[name] for name in parameter_roots(self.workload, self.store))
        return sum(tensor.bytes for tensor in weights if tensor.is_shaped)

    @cached_property
    def reordered(self) -> tuple[tuple[PlannedModel, str], ...]:
        """The clock in further orders in which operators follow what they read, each with what it is like."""
        return tuple((self._in_order(order), rule) for order, rule in chained_orders(self.store).items())

    @cached_property
    def in_given_order(self) -> PlannedModel | None:
        """The clock and the groups from outside in the order that they ask for, None where that is this one."""
        told = None if self.given is None else self.given[0].told
        steps = tuple(kernel for step in self.clock.kernels for kernel in step)
        if told is None or told in (steps, tuple(range(len(steps)))):
            return None
        return self._in_order(told, self.given and self.given[0].groups)

    def _in_order(self, order: Sequence[int], given: GivenGroups | None = None) -> PlannedModel:
        store = permuted(self.store, order)
        return planned(self.workload, self.costs, store, (), idle=self.idle, given=given, other=self)

    @cached_property
    def given_segments(self) -> Segments:
        """Every run of parts of one given group."""
        assert self.given is not None
        units = [use.kernels for use in self.timeline.uses[GIVEN] if use.kernels]
        label = list(range(len(units)))
        for run in self.given[0].runs:
            label[run.first : run.last + 1] = [run.first] * (run.last + 1 - run.first)
        return segments(self.store, self.operators, units, label)

    @cached_property
    def schedule(self) -> Schedule | None:
        """Peaks of live activations and the order with the lowest that was found; None where a shape is not known."""
        problem = buffers(self.workload, self.store)
        has_loop = any(kernel.op.repeat != 1 for kernel in self.store.kernels)
        return None if problem is None else schedule(problem, is_fixed=has_loop)

    def least_activation_bytes(self) -> int | None:
        """Most bytes of activations alive at once in that order; None where a shape is not known."""
        return None if self.schedule is None else self.schedule.least_bytes

    @cached_property
    def segments(self) -> Segments:
        """Every run of steps that could be one group."""
        return segments(self.store, self.operators, [step.kernels for step in self.timeline.steps])


def planned(
    workload: Workload,
    costs: CostTable,
    store: Storage,
    policies: Sequence[str],
    *,
    idle: Sequence[str] = (),
    given: GivenGroups | None = None,
    other: PlannedModel | None = None,
) -> PlannedModel:
    """Plans a workload under each policy.

    Args:
        workload: The model.
        costs: Its costs.
        store: Its kernels and views.
        policies: Names, one a plan.
        idle: Operators that have nothing left to do since the workload was converted (a cast to the type that its
            input now has): each is listed in the group that makes its input, at no cost.
        given: Groups from outside, which make a further plan.
        other: The same kernels in another order.

    Raises:
        UsageError: The groups from outside do not go with the model.
    """
    shapes = Shapes() if other is None else other.shapes
    fixed = [policy for policy in policies if policy in POLICIES]
    found = {policy: shapes.shaped(store, plan(policy, store)) for policy in dict.fromkeys((*fixed, CLOCK))}
    listed = {policy: _with_idle(shaped, workload, store, idle) for policy, shaped in found.items()}
    outside = None
    if given is not None:
        parts = given_plan(given, workload, store)
        outside = (parts, _with_idle(shapes.shaped(store, parts.plan), workload, store, idle))
        listed[GIVEN] = outside[1]
    return PlannedModel(
        workload=workload,
        costs=costs,
        store=store,
        policies=tuple(policies),
        plans=tuple(listed[policy] for policy in fixed),
        clock=listed[CLOCK],
        timeline=timeline(workload, store, found[CLOCK], [*listed.values()]),
        shapes=shapes,
        operators=Operators(store, workload.tensors) if other is None else other.operators,
        given=outside,
        idle=tuple(idle),
    )


def _with_idle(shaped: ShapedPlan, workload: Workload, store: Storage, idle: Sequence[str]) -> ShapedPlan:
    """The plan with each idle operator at the end of a group; one that no kernel has to do with gets its own."""
    if not idle:
        return shaped
    wanted = frozenset(idle)
    groups, shapes = [list(group.ops) for group in shaped.plan.groups], [*shaped.shapes]
    index, kernels, operands = [*shaped.index], [*shaped.kernels], [*shaped.operands]
    repeats = [group.repeat for group in shaped.plan.groups]
    place = {kernel: number for number, members in enumerate(kernels) for kernel in members}
    for op in (op for op in workload.ops if op.name in wanted):
        source = store.root(op.inputs[0])
        maker = store.producers.get(source)
        neighbours = store.readers.get(source, ()) if maker is None else (maker,)
        if neighbours:
            groups[min(place[kernel] for kernel in neighbours)].append(op.name)
            continue
        groups.append([op.name])
        repeats.append(op.repeat)
        index.append(len(shapes))
        kernels.append(())
        operands.append(NOTHING)
        shapes.append(GroupShape(None, 0, 0, (), (), (), is_known=True, repeat=op.repeat))
    merged = tuple(
        Group(id=f"g{number}", ops=tuple(names), repeat=repeat)
        for number, (names, repeat) in enumerate(zip(groups, repeats, strict=True))
    )
    return ShapedPlan(
        dataclasses.replace(shaped.plan, groups=merged), tuple(shapes), tuple(index), tuple(kernels), tuple(operands)
    )


def _work(parts: Iterable[tuple[Kernel, Work | None]]) -> dict[str, Work]:
    """All trips of the known work that is given for kernels, by compute type."""
    plain: dict[str, list[int]] = {}
    special: dict[str, dict[str, int]] = {}
    for kernel, work in parts:
        repeat = kernel.op.repeat
        if work is None:
            continue
        dtype = kernel.cost.compute_type.name
        sums = plain.setdefault(dtype, [0, 0])
        sums[0] += work.macs * repeat
        sums[1] += work.vector_ops * repeat
        by_name = special.setdefault(dtype, {})
        for name, count in work.special.items():
            by_name[name] = by_name.get(name, 0) + count * repeat
    return {
        dtype: Work(macs=macs, vector_ops=vector_ops, special=special[dtype])
        for dtype, (macs, vector_ops) in plain.items()
    }


def border_of(workload: Workload, store: Storage, without: frozenset[str] = frozenset()) -> Border:
    """What no plan can avoid of a workload, or of what is left of it `without` some operators."""
    kernels = [store.kernels[index] for index in _needed(store) if store.kernels[index].op.name not in without]
    folded = _folded(store)
    inputs: dict[str, int] = {}
    weights: dict[str, int] = {}
    outputs = 0
    taken: dict[str, int] = {}
    for kernel in kernels:
        for transfer in kernel.cost.least_reads:
            name = store.root(transfer.tensor)
            if kernel.op.name in folded and _is_vector(workload.tensors[name]):
                continue  # it goes into a neighbour's weights
            taken[name] = max(taken.get(name, 0), transfer.bytes)
        if not kernel.op.is_at_most:
            made = (t for t in kernel.cost.writes if t.tensor in store.outputs)
            outputs += sum(t.bytes for t in made if not workload.tensors[t.tensor].is_at_most)
    for kernel in reversed(kernels):
        for output, source in kernel.cost.in_place:
            # What its readers take of a buffer beyond the new part was there before.
            new = sum(transfer.bytes for transfer in kernel.cost.writes if transfer.tensor == output)
            before = store.root(source)
            taken[before] = max(taken.get(before, 0), taken.get(output, 0) - new)
    for name, count in taken.items():
        tensor = workload.tensors[name]
        if tensor.kind is TensorKind.INPUT:
            inputs[name] = count
        elif tensor.kind is TensorKind.WEIGHT:
            weights[tensor.origin or name] = max(weights.get(tensor.origin or name, 0), count)
    return Border(
        input_bytes=sum(inputs.values()),
        weight_bytes=sum(weights.values()),
        output_bytes=outputs,
        work=_work((kernel, kernel.cost.least_work) for kernel in kernels if not kernel.cost.is_foldable),
        is_known=all(kernel.cost.work is not None for kernel in kernels),
    )


def _folded(store: Storage) -> frozenset[str]:
    """Names of the operators that may be folded into a contraction: nothing but such, and moves, lies between."""
    found: set[int] = set()
    pending = [index for index, kernel in enumerate(store.kernels) if kernel.cost.work and kernel.cost.work.macs]
    while pending:
        kernel = store.kernels[pending.pop()]
        made = (reader for name in kernel.op.outputs for reader in store.readers.get(name, ()))
        read = (store.producers[name] for name in kernel.reads if name in store.producers)
        for other in {*made, *read} - found:
            if store.kernels[other].cost.is_foldable or store.kernels[other].cost.kind is OpKind.MOVE:
                found.add(other)
                pending.append(other)
    return frozenset(store.kernels[index].op.name for index in found if store.kernels[index].cost.is_foldable)


def _is_vector(tensor: Tensor) -> bool:
    """Whether it is a weight of which one goes to each channel, or one to all."""
    return tensor.kind is TensorKind.WEIGHT and tensor.is_shaped and sum(extent > 1 for extent in tensor.dims) <= 1


def _needed(store: Storage) -> tuple[int, ...]:
    """Indices of the kernels that the outputs depend on: any compiler drops the others."""
    wanted = set(store.outputs)
    found = []
    for index in range(len(store.kernels) - 1, -1, -1):
        op = store.kernels[index].op
        if not wanted.isdisjoint(op.outputs):
            wanted.update(store.root(name) for name in (*op.inputs, *op.parameters) if name)
            found.append(index)
    return tuple(reversed(found))
