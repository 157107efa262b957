"""One model on target after target: plans are made once, and again for each precision that a target forces."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial

from onnxroof.dtypes import DType
from onnxroof.mapping.between import alive_bytes
from onnxroof.mapping.given import GivenGroups
from onnxroof.mapping.liveness import buffers
from onnxroof.mapping.offload import Offload, offload
from onnxroof.mapping.placement import Placement, placement
from onnxroof.mapping.planned import PlannedModel, planned
from onnxroof.mapping.policies import NAMES, SEARCHED
from onnxroof.rewrites.precision import converted, converts_alike
from onnxroof.roofline.divided import divided_latency_s
from onnxroof.roofline.evaluate import evaluate, evaluated
from onnxroof.roofline.floor import floor
from onnxroof.roofline.groups import Once
from onnxroof.roofline.ranges import ranges
from onnxroof.roofline.rates import needed_conversion
from onnxroof.roofline.result import PlanResult, TargetResult
from onnxroof.roofline.sensitivity import elasticities
from onnxroof.study.count import Counted, counted
from onnxroof.targets.model import Support, Target

__all__ = ["OnTargets"]


class OnTargets:
    """One model with its plans, and with those of the precisions that some target forces on it."""

    def __init__(
        self,
        count: Counted,
        fusion: str | None,
        objective: str,
        *,
        tf32: bool,
        copies_cache: bool,
        state: str,
        groups: Mapping[str, GivenGroups] | None = None,
    ) -> None:
        """`groups` are those from outside, by target."""
        self._policies = NAMES if fusion is None else (fusion,)
        self._objective = objective
        self._tf32 = tf32
        self._state = state
        self._copies_cache = copies_cache
        self._groups = groups or {}
        self._counts: dict[DType | None, tuple[Counted, Sequence[str]]] = {None: (count, ())}
        self._variants: dict[tuple[DType | None, int], PlannedModel] = {}
        self._offloads: dict[tuple[int, Support | None], Offload] = {}
        self._base = self._planned(None, None)
        self.placement: Once[Placement] = Once(partial(placement, self._base))
        for given in {id(given): given for given in self._groups.values()}.values():
            self._planned(None, given)  # faults come before any work is done

    def results(self, targets: Sequence[Target]) -> Iterator[TargetResult]:
        """The model on targets, in their order, converted where a target lacks its types.

        Targets that take the same model are evaluated together; each result is made when it is asked for.
        """
        alike: dict[tuple[DType | None, GivenGroups | None], list[Target]] = {}
        keys = [(self._forced(target), self._groups.get(target.id)) for target in targets]
        for key, target in zip(keys, targets, strict=True):
            alike.setdefault(key, []).append(target)
        found = {key: self._evaluated(*key, members) for key, members in alike.items()}
        for key in keys:
            yield next(found[key])

    def _forced(self, target: Target) -> DType | None:
        """The type that a target forces on the model, which is counted in it; None for its own types."""
        forced = needed_conversion(target, _work_types(self._base), tf32=self._tf32)
        if forced is not None and forced not in self._counts:
            # What is alike stays so, since all tensors of a type become tensors of another.
            alike = self._base.costs.alike if converts_alike(self._base.workload) else None
            count = counted(converted(self._base.workload, forced), copies_cache=self._copies_cache, alike=alike)
            runs = {kernel.op.name for kernel in count.store.kernels}
            idle = [kernel.op.name for kernel in self._base.store.kernels if kernel.op.name not in runs]
            self._counts[forced] = (count, idle)
        return forced

    def _evaluated(
        self, forced: DType | None, given: GivenGroups | None, targets: Sequence[Target]
    ) -> Iterator[TargetResult]:
        """The model in a precision on targets."""
        model = self._planned(forced, given)
        found = evaluated(
            model,
            targets,
            objective=self._objective,
            assumed_precision=None if forced is None else forced.name,
            tf32=self._tf32,
            state=self._state,
        )
        for result in found:
            yield self._with_more(result, model)

    def _with_more(self, result: TargetResult, model: PlannedModel) -> TargetResult:
        """A result with what is worked out when it is asked for, and what runs on the host."""
        target = result.target
        # Plans that are searched for are found again from the others, so these stay.
        same = [plan for plan in model.plans if result.best_plan in (*SEARCHED, plan.plan.fusion)]
        best = replace(model, policies=(result.best_plan,), plans=tuple(same))
        shared = self._offload(model, target.support)
        device_s = result.floor_latency_s
        if shared.border is not model.border:  # else all runs on the device
            device_s = floor(shared.border, target, tf32=self._tf32).latency_s
        again = partial(self._best, best)
        return replace(
            result,
            fit=None if result.fit is None else result.fit.planned(Once(partial(_alive_bytes, model, result.best))),
            offload=shared,
            divided_latency_s=divided_latency_s(shared, target, device_s),
            sense=Once(partial(elasticities, target, result.best, again)),
            doubt=Once(partial(ranges, target, result.best, again, partial(floor, model.border, tf32=self._tf32))),
        )

    def _best(self, model: PlannedModel, target: Target) -> PlanResult:
        """The one plan of a model on a target."""
        return evaluate(model, target, objective=self._objective, tf32=self._tf32, state=self._state).best

    def _offload(self, model: PlannedModel, support: Support | None) -> Offload:
        key = (id(model), support)  # the models live as long as this object
        if key not in self._offloads:
            self._offloads[key] = offload(model.workload, model.store, support, model.border)
        return self._offloads[key]

    def _planned(self, forced: DType | None, given: GivenGroups | None) -> PlannedModel:
        key = (forced, id(given))
        if key not in self._variants:
            count, idle = self._counts[forced]
            self._variants[key] = planned(
                count.workload, count.costs, count.store, self._policies, idle=idle, given=given
            )
        return self._variants[key]


def _alive_bytes(model: PlannedModel, plan: PlanResult) -> int | None:
    """Least bytes of activations alive under a plan; None where a shape is not known."""
    problem = buffers(model.workload, model.store)
    number = {kernel.op.name: index for index, kernel in enumerate(model.store.kernels)}
    groups = [[number[name] for name in group.nodes if name in number] for group in plan.groups]
    return None if problem is None else alive_bytes(problem, groups)


def _work_types(model: PlannedModel) -> Iterator[tuple[str, DType]]:
    """Kinds and types of work that a model has."""
    for dtype, work in model.work.items():
        for kind, count in (("mac", work.macs), ("vector", work.vector_ops), ("special", work.special_ops)):
            if count:
                yield kind, DType[dtype]
