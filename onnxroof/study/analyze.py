"""Runs a study: models counted, planned, and held against targets."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, SupportsIndex

from onnxroof.errors import Diagnostic, OnnxroofError, TargetError, UsageError
from onnxroof.ir.workload import AS_IS, Workload
from onnxroof.rewrites.policy import Policy, parse_policy
from onnxroof.study.count import Counted, counted, model_result
from onnxroof.study.load import check_dims, check_names, load_one_of, loads
from onnxroof.study.precision import as_exported
from onnxroof.study.result import Analysis, Failure, ModelResult

if TYPE_CHECKING:  # counting has no target: what evaluates one is imported when there is one
    from onnxroof.roofline.duty import Duty
    from onnxroof.roofline.result import TargetResult
    from onnxroof.roofline.sensitivity import Elasticity
    from onnxroof.study.resized import Resized
    from onnxroof.targets.model import Target

__all__ = ["OBJECTIVES", "STATES", "Progress", "run_study"]

OBJECTIVES = ("latency", "energy", "edp")
STATES = ("cold", "steady")

# Called with what is being worked on, how many steps are done, and how many there are.
Progress = Callable[[str, int, int], None]


@contextmanager
def _no_collections() -> Iterator[None]:
    """Does not look for garbage meanwhile: what a study makes lives to its end, or is gone as soon as nobody wants it.

    Every look goes through what is new, which took a twentieth of the time, and a quarter of that of a large model.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            if not gc.get_freeze_count():  # else somebody keeps his own objects apart
                gc.freeze()  # and back: what is new counts as old, where the next look would go through all of it
                gc.unfreeze()
            gc.enable()


@_no_collections()
def run_study(
    models: Sequence[str | Path | Workload],
    targets: Sequence[str | Path | Target] | None,
    *,
    dims: Mapping[str, SupportsIndex] | None = None,
    fusion: str | None = None,
    objective: str = "latency",
    tf32: bool = True,
    copies_cache: bool = False,
    precision: str = AS_IS,
    formula: bool = False,
    shapes_from_run: bool = False,
    state: str = "cold",
    sensitivity: bool = False,
    groups: str | Path | None = None,
    duty: Duty | None = None,
    command: str = "",
    progress: Progress | None = None,
) -> Analysis:
    """Counts models and, with targets, evaluates each of them on each target.

    Args:
        models: Files or loaded workloads.
        targets: Ids, files or targets; None only counts.
        dims: Values of named dimensions for models that are loaded here.
        fusion: One policy, None for all that exist.
        objective: latency | energy | edp.
        tf32: Whether FLOAT contractions may use TF32.
        copies_cache: Whether an appended key/value cache is copied whole.
        precision: Policy by which the models are re-read, `AS_IS` for none.
        formula: Whether the counts of models that are loaded here are also wanted as polynomials in their dimensions.
        state: cold: all comes from the outermost level in each run; steady: weights that fit on chip stay there.
        sensitivity: Whether the readers of the result are to show how much each number of a target matters.
        shapes_from_run: Whether models that are loaded here are run once for their shapes.
        groups: A file with fusion groups, which are evaluated as one more plan: a plan file, a list of groups, or a
            model that ONNX Runtime optimized.
        duty: How often the models run and what is paid for it, for the readers of the result.
        command: The command line, for the report.
        progress: Told of each step.

    Returns:
        One entry a model; a model that cannot be read is a `Failure` in its place.

    Raises:
        TargetError: A target is not known or its file has faults (all of them at once).
        UsageError: The file with groups is none, a fusion or precision policy or an objective does not exist, no
            dimension can have a value that was given, no model has that dimension, a workload was loaded with
            another value of it, or a price is of a target that is not among these.
    """
    if objective not in OBJECTIVES:
        raise UsageError.at(
            f"--objective {objective}", "no such objective", f"choose one of {', '.join(OBJECTIVES)}", code="U201"
        )
    if state not in STATES:
        raise UsageError.at(f"--state {state}", "no such state", f"choose one of {', '.join(STATES)}", code="U201")
    if fusion is not None:
        from onnxroof.mapping.policies import check

        check(fusion)
    if formula and shapes_from_run:
        raise UsageError.at(
            "--formula --shapes-from-run", "a run has one size for each dimension, a polynomial needs many",
            "leave out one of the two", code="U201",
        )  # fmt: skip
    outside = None
    if groups is not None:
        from onnxroof.study.groups_file import read_groups

        outside = read_groups(Path(groups))
    policy = parse_policy(precision)
    given = check_dims(dims or {})
    _check_loaded(given, [source for source in models if isinstance(source, Workload)])
    chosen = None if targets is None else _targets(targets)
    if duty is not None:
        _check_prices(duty, chosen or ())
    steps = len(models) * (1 + len(chosen or ()))
    done = 0
    entries: list[ModelResult | Failure] = []
    for source in models:
        name = source.name if isinstance(source, Workload) else Path(source).name
        if progress:
            progress(name, done, steps)
        try:
            if isinstance(source, Workload):
                workload = source
            else:
                workload = load_one_of(source, dims=given, shapes_from_run=shapes_from_run)
        except OnnxroofError as error:
            entries.append(Failure(name=name, error=error))
            done += 1 + len(chosen or ())
            continue
        count = counted(as_exported(workload, policy), copies_cache=copies_cache)
        done += 1
        results = []
        place = None
        if chosen:
            from onnxroof.study.on_targets import OnTargets  # a count needs none of what stands behind it

            try:
                wanted = None if outside is None else outside.groups(count, [target.id for target in chosen])
                study = OnTargets(
                    count, fusion, objective, tf32=tf32, copies_cache=copies_cache, state=state, groups=wanted
                )
            except OnnxroofError as error:  # groups that do not go with this model
                entries.append(Failure(name=name, error=error))
                done += len(chosen)
                continue
            evaluated = study.results(chosen)
            for target in chosen:
                if progress:
                    progress(f"{name} on {target.id}", done, steps)
                results.append(next(evaluated))
                done += 1
            if sensitivity:
                from onnxroof.study.resized import Resized

                planned = partial(OnTargets, objective=objective, tf32=tf32, copies_cache=copies_cache, state=state)
                again = None
                if not isinstance(source, Workload) and not shapes_from_run:
                    again = _counted_again(_exported(loads(source), policy), copies_cache=copies_cache)
                resized = Resized(count, workload.dims, given, again, planned)
                results = [replace(one, sense=_with_model(one, resized)) for one in results]
            place = study.placement
        entry = model_result(count, tuple(results), place)
        if formula and not isinstance(source, Workload):
            from onnxroof.study.formula import formulas

            found = formulas(workload, given, _exported(loads(source), policy), copies_cache=copies_cache)
            entry = replace(entry, formulas=found)
        entries.append(entry)
    answered = [entry for entry in entries if isinstance(entry, ModelResult)]
    if len(answered) == len(entries):  # else the model that was not read may have it
        check_names(given, (dim for entry in answered for dim in entry.dims))
    return Analysis(
        models=tuple(entries),
        objective=objective,
        fusion=fusion,
        state=state,
        has_targets=chosen is not None,
        has_sensitivity=sensitivity,
        command=command,
        duty=duty,
    )


def _counted_again(
    read: Callable[[Mapping[str, int]], Workload], *, copies_cache: bool
) -> Callable[[Mapping[str, int]], Counted]:
    """A model under any dimensions, counted."""
    return lambda dims: counted(read(dims), copies_cache=copies_cache)


def _with_model(result: TargetResult, resized: Resized) -> Callable[[], tuple[Elasticity, ...]]:
    """Elasticities to the numbers of the target, then to the model's dimensions and to fusion; worked out once."""
    from onnxroof.roofline.groups import Once

    return Once(lambda: (*result.sensitivity, *resized.elasticities(result)))


def _exported(
    read: Callable[[Mapping[str, int]], Workload], policy: Policy | None
) -> Callable[[Mapping[str, int]], Workload]:
    """A model under any dimensions, as if exported in the precision of a policy."""
    return lambda dims: as_exported(read(dims), policy)


def _targets(wanted: Sequence[str | Path | Target]) -> tuple[Target, ...]:
    from onnxroof.targets.catalog import load_target
    from onnxroof.targets.model import Target

    found, errors = [], []
    for target in wanted:
        try:
            found.append(target if isinstance(target, Target) else load_target(target))
        except TargetError as error:
            errors.append(error)
    if errors:
        raise TargetError(*OnnxroofError.joined(errors).diagnostics)
    return tuple(found)


def _check_prices(duty: Duty, targets: Sequence[Target]) -> None:
    """A price of a device that nothing runs on would be left out of every figure: most often its id is misspelt."""
    known = {name for target in targets for name in duty.names(target)}
    have = ", ".join(f"`{target.id}`" for target in targets) or "none"
    faults = [
        Diagnostic(
            where=f"--price {name}={price:g}/h",
            message=f"no model is held against a target `{name}`",
            hint=f"targets of this study: {have}",
            code="U105",
        )
        for name, price in duty.per_hour.items()
        if name and name not in known
    ]
    if faults:
        raise UsageError(*faults)


def _check_loaded(given: Mapping[str, int], workloads: Sequence[Workload]) -> None:
    """A workload has its dimensions for good: another value is refused, never ignored."""
    faults = [
        Diagnostic(
            where=f"-d {dim.name}={given[dim.name]}",
            message=f"`{workload.name}` was loaded with {dim.name}={dim.value}",
            hint="give dimensions to `load`",
            code="U103",
        )
        for workload in workloads
        for dim in workload.dims
        if given.get(dim.name, dim.value) != dim.value
    ]
    if faults:
        raise UsageError(*faults)
