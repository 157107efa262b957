"""How much do a model's own dimensions, and fusion, matter to its time and energy on a target?

Numbers of a target change a plan that is there; a dimension or a policy makes another one: the model is planned anew.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping

from onnxroof.errors import OnnxroofError
from onnxroof.ir.workload import DimBinding
from onnxroof.mapping.policies import NAMES
from onnxroof.roofline.result import PlanResult, TargetResult
from onnxroof.roofline.sensitivity import FUSION, Elasticity, doubled, without_fusion
from onnxroof.study.count import Counted
from onnxroof.study.on_targets import OnTargets

__all__ = ["Resized"]


class Resized:
    """One model under other dimensions and without fusion."""

    def __init__(
        self,
        count: Counted,
        dims: tuple[DimBinding, ...],
        given: Mapping[str, int],
        read: Callable[[Mapping[str, int]], Counted] | None,
        study: Callable[[Counted, str], OnTargets],
    ) -> None:
        """What it takes to plan the model anew.

        Args:
            count: The model as it is.
            dims: Its named dimensions.
            given: Those that were given.
            read: The model under other dimensions; None where it cannot be read again.
            study: A model with the plans of a policy.
        """
        self._count = count
        self._dims = dims
        self._given = given
        self._read = read
        self._study = study
        self._counts: dict[str, Counted | None] = {}
        self._studies: dict[tuple[str, str], OnTargets] = {}

    def elasticities(self, result: TargetResult) -> Iterator[Elasticity]:
        """Of the best plan to each dimension that can be doubled, and to fusion."""
        if result.best_plan not in NAMES:
            return  # groups from outside are of this model alone
        for dim in self._dims:
            if dim.value > 0 and self._counted(dim) is not None:
                yield doubled(f"model.{dim.name}", result.best, self._plan(result, dim.name, result.best_plan))
        if result.best_plan != "none":
            yield without_fusion(result.best, self._plan(result, FUSION, "none"))

    def _counted(self, dim: DimBinding) -> Counted | None:
        """The model with twice a dimension, None where it contradicts another one or the model cannot be read again."""
        if dim.name not in self._counts:
            self._counts[dim.name] = None
            if self._read is not None:
                with contextlib.suppress(OnnxroofError):  # it is tied to a dimension that was given
                    self._counts[dim.name] = self._read({**self._given, dim.name: 2 * dim.value})
        return self._counts[dim.name]

    def _plan(self, result: TargetResult, name: str, policy: str) -> PlanResult:
        """The best plan of a policy with twice a dimension, or without one that is changed."""
        key = (name, policy)
        if key not in self._studies:
            self._studies[key] = self._study(self._counts.get(name) or self._count, policy)
        (found,) = self._studies[key].results([result.target])
        return found.best
