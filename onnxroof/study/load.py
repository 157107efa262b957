"""A model file to a workload with quantization absorbed: where the frontend meets the costs."""

from __future__ import annotations

import dataclasses
import math
import operator
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import SupportsIndex

from onnxroof.costs.registry import Registry, standard_registry
from onnxroof.costs.table import op_cost
from onnxroof.errors import Diagnostic, UsageError
from onnxroof.frontend.load import load_workload, loader
from onnxroof.ir.observed import NOTHING_OBSERVED
from onnxroof.ir.op import Op
from onnxroof.ir.tensor import Tensor
from onnxroof.ir.workload import DimBinding, Workload
from onnxroof.rewrites.quantization import absorb_quantization

__all__ = ["check_dims", "check_names", "load", "load_one_of", "loads"]

# Extents beyond this are mistakes, and products of a few of them do not fit the 64 bits of ONNX.
_LARGEST_DIM = 2**31 - 1


def load(
    path: str | Path, *, dims: Mapping[str, SupportsIndex] | None = None, shapes_from_run: bool = False
) -> Workload:
    """Reads a model without its weights.

    Args:
        path: Of the ONNX file; data files beside it are never opened and may be absent.
        dims: Values of named dimensions; the others get defaults, listed in `Workload.dims`.
        shapes_from_run: Run the model once in ONNX Runtime, and take the shapes, trip counts and branches of that run.
            Weights are read where there are any, and made up where not; so are the inputs.

    Raises:
        ModelError: The file is not a sound model, the dimensions contradict it, or it cannot be run.
        UsageError: The model lacks a dimension, or one is no whole number, negative or beyond what an index can count.
    """
    workload = load_one_of(path, dims=dims or {}, shapes_from_run=shapes_from_run)
    check_names(dims or {}, workload.dims)
    return workload


def load_one_of(path: str | Path, *, dims: Mapping[str, SupportsIndex], shapes_from_run: bool) -> Workload:
    """As `load` for one of several models: dimensions that it lacks are no fault, as another model may have them."""
    given = check_dims(dims)
    workload = load_workload(Path(path), given, _branch_work)
    if shapes_from_run:
        from onnxroof.frontend.runnable import runnable
        from onnxroof.measure.shapes import observe

        run = runnable(Path(path), workload)
        # The sizes of the run hide contradictions, by which its dimensions were found.
        settled = {dim.name: (dim.value, dim.source) for dim in workload.dims if dim.source != "given"}
        observed = dataclasses.replace(observe(run), settled=settled)
        workload = load_workload(Path(path), given, _branch_work, observed)
        note = "shapes, trip counts and branches are those of one run with made-up inputs"
        note += f" and {run.made_up} made-up weights" if run.made_up else ""
        workload = dataclasses.replace(workload, notes=(*workload.notes, note, *observed.gaps))
    return absorb_quantization(workload)


def loads(path: str | Path) -> Callable[[Mapping[str, int]], Workload]:
    """As `load` for one model under many dimensions: the file is read once.

    Raises `ModelError` as `load` does, and so does what it returns.
    """
    read = loader(Path(path), _branch_work)

    def loaded(dims: Mapping[str, int]) -> Workload:
        return absorb_quantization(read(check_dims(dims), NOTHING_OBSERVED))

    return loaded


def check_dims(dims: Mapping[str, SupportsIndex]) -> dict[str, int]:
    """Values of dimensions as Python's own whole numbers: those of NumPy would overflow in silence.

    Raises `UsageError` for values that no dimension can have, with all faults at once.
    """
    found, faults = {}, []
    for name, value in dims.items():
        try:
            # True is a whole number to Python, and a slip here.
            number = None if isinstance(value, bool) else operator.index(value)
        except TypeError:
            number = None
        if number is None:
            message = f"expected a whole number, found {value!r}, which is of type {type(value).__name__}"
            faults.append(Diagnostic(where=f"-d {name}={value}", message=message, code="U101"))
        elif not 0 <= number <= _LARGEST_DIM:
            message = f"expected a number from 0 to {_LARGEST_DIM}"
            faults.append(Diagnostic(where=f"-d {name}={number}", message=message, code="U101"))
        else:
            found[name] = number
    if faults:
        raise UsageError(*faults)
    return found


def check_names(given: Mapping[str, object], dims: Iterable[DimBinding]) -> None:
    """Refuses values for names that no model has: they would change nothing.

    Args:
        given: Value by name.
        dims: The dimensions of all models.

    Raises:
        UsageError: For all of them at once.
    """
    known = {dim.name for dim in dims}
    have = ", ".join(f"`{dim}`" for dim in sorted(known)) or "none: all are fixed in the file"
    faults = [
        Diagnostic(
            where=f"-d {name}={value}",
            message=f"no model has a dimension `{name}`",
            hint=f"named dimensions: {have}",
            code="U102",
        )
        for name, value in given.items()
        if name not in known
    ]
    if faults:
        raise UsageError(*faults)


@cache
def _registry() -> Registry:
    return standard_registry()


def _branch_work(ops: Sequence[Op], tensors: Mapping[str, Tensor]) -> float:
    """MACs of a branch, other operations far behind them: the larger decides which branch of an If is counted.

    Infinite where the work of an operator is not known: nothing says that it is less than that of the other branch.
    """
    total = 0.0
    for op in ops:
        work = op_cost(op, tensors, _registry()).work
        if work is None:
            return math.inf
        total += op.repeat * (work.macs + 1e-9 * (work.vector_ops + work.special_ops))
    return total
