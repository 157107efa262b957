"""A model as if exported in other formats: which of its tensors are caches, and what a policy makes of it."""

from __future__ import annotations

from onnxroof.costs.table import cost_table
from onnxroof.ir.tensor import TensorKind
from onnxroof.ir.workload import Workload
from onnxroof.rewrites.policy import Policy
from onnxroof.rewrites.precision import recast

__all__ = ["as_exported"]


def as_exported(workload: Workload, policy: Policy | None) -> Workload:
    """The workload in the formats of a policy; None leaves it as it is."""
    if policy is None:
        return workload
    return recast(workload, policy, () if policy.is_whole else _caches(workload))


def _caches(workload: Workload) -> set[str]:
    """Key/value caches: inputs of the model to which an operator appends, and what it makes of them."""
    return {
        name
        for cost in cost_table(workload).costs
        for result, past in cost.in_place
        if workload.tensors[past].kind is TensorKind.INPUT
        for name in (result, past)
    }
