"""The process in which ONNX Runtime runs a model: takes it from stdin and answers on stdout."""

from __future__ import annotations

import contextlib
import pickle
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from onnxroof.frontend.runnable import MOST_BYTES, Feed, Runnable
from onnxroof.ir.observed import Observed
from onnxroof.measure.steps import steps_of

__all__ = ["answer"]

_SEED = 11
_MOST_COPIES = 5
"""Of what a run holds: the model as it came, as the runtime reads it, its weights, its values and what kernels need."""


def answer(run: Runnable) -> Observed | str:
    """What a run shows, or in words why there is none."""
    import onnxruntime

    generator = np.random.default_rng(_SEED)
    feeds = {name: _values(feed, generator) for name, feed in run.feeds.items()}
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 4
    with tempfile.TemporaryDirectory() as folder:
        options.enable_profiling = run.places.has_bodies
        options.profile_file_prefix = f"{folder}/steps"
        try:
            session = onnxruntime.InferenceSession(run.model, options, providers=["CPUExecutionProvider"])
            wanted = {value.name for value in session.get_inputs()}
            names = [value.name for value in session.get_outputs()]
            results = session.run(names, {name: value for name, value in feeds.items() if name in wanted})
        except Exception as error:  # the runtime raises many types of its own, none of them documented
            return next(iter(str(error).strip().splitlines()), type(error).__name__)
        inside = Observed()
        if run.places.has_bodies:
            with Path(session.end_profiling()).open(encoding="utf-8", errors="replace") as record:
                inside = steps_of(record, run.places)
    found = {name: value for name, value in zip(names, results, strict=True) if isinstance(value, np.ndarray)}
    return replace(inside, shapes={name: found[name].shape for name in run.values if name in found})


def _values(feed: Feed, generator: np.random.Generator) -> npt.NDArray[Any]:
    """Random floats and rows of tables, the sizes that are wanted, and ones for all else: full masks, valid indices."""
    if feed.kind == "object":
        return np.full(feed.shape, "a", object)
    if feed.values:
        return np.array(feed.values, feed.kind).reshape(feed.shape)
    if feed.below:
        return generator.integers(0, feed.below, feed.shape).astype(feed.kind)
    if feed.kind.startswith("float"):
        return generator.standard_normal(feed.shape).astype(feed.kind)
    return np.ones(feed.shape, feed.kind)


def _limit_memory() -> None:
    """A loop without end may stack up values; where a system cannot limit memory, nothing is limited."""
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource

        most = _MOST_COPIES * MOST_BYTES
        resource.setrlimit(resource.RLIMIT_DATA, (most, most))


if __name__ == "__main__":
    _limit_memory()
    pickle.dump(answer(pickle.load(sys.stdin.buffer)), sys.stdout.buffer)
