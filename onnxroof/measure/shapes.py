"""Runs a model once on this machine: which shapes, trip counts and branches does it have?"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from onnxroof.dtypes import DType, Kind
from onnxroof.errors import ModelError
from onnxroof.frontend.runnable import Feed, Runnable
from onnxroof.ir.observed import Observed

__all__ = ["observe"]

_SEED = 11


def observe(run: Runnable) -> Observed:
    """Runs a model once on the CPU with made-up inputs, without optimizations.

    Raises:
        ModelError: ONNX Runtime does not run it: an operator without a kernel, or values that do not go together.
    """
    import onnxruntime

    generator = np.random.default_rng(_SEED)
    feeds = {name: _values(feed, generator) for name, feed in run.feeds.items()}
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 4
    try:
        session = onnxruntime.InferenceSession(run.model, options, providers=["CPUExecutionProvider"])
        wanted = {value.name for value in session.get_inputs()}
        names = [value.name for value in session.get_outputs()]
        results = session.run(names, {name: value for name, value in feeds.items() if name in wanted})
    except Exception as error:  # the runtime raises many types of its own, none of them documented
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise ModelError.at(
            run.path, f"ONNX Runtime does not run this model: {reason}", "leave out --shapes-from-run", code="M403"
        ) from error
    found = {name: value for name, value in zip(names, results, strict=True) if isinstance(value, np.ndarray)}
    return Observed(
        shapes={name: found[name].shape for name in run.values if name in found},
        trips={node: int(found[name].shape[0]) for node, name in run.trips.items() if name in found},
        branches={
            node: bool(condition.reshape(-1)[0])
            for node, name in run.conditions.items()
            if (condition := found.get(name, feeds.get(name))) is not None and condition.size
        },
    )


def _values(feed: Feed, generator: np.random.Generator) -> npt.NDArray[Any]:
    if feed.dtype.kind is Kind.INTEGER:
        return generator.integers(0, feed.below, feed.shape).astype(feed.dtype.name.lower())
    if feed.dtype is DType.BOOL:
        return np.ones(feed.shape, dtype=bool)
    if feed.dtype is DType.STRING:
        return np.full(feed.shape, "a", dtype=object)
    kinds = {DType.FLOAT16: np.float16, DType.DOUBLE: np.float64}
    return generator.standard_normal(feed.shape).astype(kinds.get(feed.dtype, np.float32))
