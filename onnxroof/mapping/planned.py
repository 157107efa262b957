"""A workload with its plans, ready to be held against any number of targets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from onnxroof.costs.cost import Work
from onnxroof.costs.table import CostTable
from onnxroof.ir.tensor import TensorKind
from onnxroof.ir.workload import Workload
from onnxroof.mapping.plan import Plan
from onnxroof.mapping.policies import plan
from onnxroof.mapping.storage import Storage, parameter_roots, peak_activation_bytes
from onnxroof.mapping.traffic import GroupShape, group_shapes

__all__ = ["Border", "PlannedModel", "ShapedPlan", "planned"]


@dataclass(frozen=True, slots=True, eq=False)
class ShapedPlan:
    """A plan with the distinct shapes of its groups.

    Attributes:
        plan: The groups.
        shapes: Distinct.
        index: For each group, which shape it has.
    """

    plan: Plan
    shapes: tuple[GroupShape, ...]
    index: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Border:
    """Distinct bytes that cross the model's border in one run, and the work that no plan can avoid.

    Attributes:
        input_bytes: Elements of inputs that some operator touches, cache contents included.
        weight_bytes: Elements of weights that some operator touches.
        output_bytes: Elements of outputs that are written (of an appended cache, the new part).
        work: Work by compute type, without what can be folded into a neighbour.
    """

    input_bytes: int
    weight_bytes: int
    output_bytes: int
    work: Mapping[str, Work]


@dataclass(frozen=True, slots=True, eq=False)
class PlannedModel:
    """Everything of a model that a roofline needs, computed once for all targets.

    Attributes:
        workload: The model.
        costs: Its costs.
        store: Its kernels and views.
        plans: One a policy.
        border: Compulsory figures of the whole model.
        parameter_bytes: Distinct weights that a kernel reads as data, at their full size.
        peak_activation_bytes: None where a shape is not known.
    """

    workload: Workload
    costs: CostTable
    store: Storage
    plans: tuple[ShapedPlan, ...]
    border: Border
    parameter_bytes: int
    peak_activation_bytes: int | None


def planned(workload: Workload, costs: CostTable, store: Storage, policies: Sequence[str]) -> PlannedModel:
    """Plans a workload under each policy."""
    plans = []
    for policy in policies:
        chosen = plan(policy, store)
        plans.append(ShapedPlan(chosen, *group_shapes(workload, store, chosen)))
    weights = [workload.tensors[name] for name in parameter_roots(workload, store)]
    return PlannedModel(
        workload=workload,
        costs=costs,
        store=store,
        plans=tuple(plans),
        border=_border(workload, store),
        parameter_bytes=sum(tensor.bytes for tensor in weights if tensor.is_shaped),
        peak_activation_bytes=peak_activation_bytes(workload, store),
    )


def _border(workload: Workload, store: Storage) -> Border:
    inputs: dict[str, int] = {}
    weights: dict[str, int] = {}
    outputs = 0
    work: dict[str, Work] = {}
    caches: dict[str, int] = {}
    for kernel in store.kernels:
        cost = kernel.cost
        if cost.appends_to and kernel.op.outputs[0] in store.readers:
            # Whoever reads the grown cache reads its old part from outside the model.
            caches[cost.appends_to] = workload.tensors[cost.appends_to].bytes
        for transfer in cost.reads:
            name = store.roots.get(transfer.tensor, transfer.tensor)
            tensor = workload.tensors[name]
            if tensor.kind is TensorKind.INPUT:
                inputs[name] = max(inputs.get(name, 0), transfer.bytes)
            elif tensor.kind is TensorKind.WEIGHT:
                root = tensor.origin or name
                weights[root] = max(weights.get(root, 0), transfer.bytes)
        outputs += sum(transfer.bytes for transfer in cost.writes if transfer.tensor in store.outputs)
        if cost.work is not None and not cost.is_foldable:
            dtype = cost.compute_type.name
            work[dtype] = work.get(dtype, Work()) + cost.work.times(kernel.op.repeat)
    for name, count in caches.items():
        inputs[name] = max(inputs.get(name, 0), count)
    return Border(input_bytes=sum(inputs.values()), weight_bytes=sum(weights.values()), output_bytes=outputs, work=work)
