"""Models as ONNX Runtime optimizes them on this machine, absent weights made up."""

from __future__ import annotations

from pathlib import Path

import onnx
import onnxruntime

from onnxroof.frontend.runnable import runnable
from onnxroof.ir.workload import Workload

__all__ = ["optimized", "runnable_model"]


def runnable_model(path: Path, workload: Workload) -> bytes:
    """The model with weights, and the outputs of the file alone; raises `ModelError` where it is too large to run."""
    model = onnx.load_from_string(runnable(path, workload).model)
    given = {value.name for value in onnx.load(str(path), load_external_data=False).graph.output}
    kept = [value for value in model.graph.output if value.name in given]
    del model.graph.output[:]
    model.graph.output.extend(kept)
    return model.SerializeToString()


def optimized(model: bytes, file: Path, *, is_blocked: bool = False) -> Path:
    """The file that the runtime writes at its extended level, or with all layouts of this processor."""
    options = onnxruntime.SessionOptions()
    levels = onnxruntime.GraphOptimizationLevel
    options.graph_optimization_level = levels.ORT_ENABLE_ALL if is_blocked else levels.ORT_ENABLE_EXTENDED
    options.optimized_model_filepath = str(file)
    options.log_severity_level = 4
    onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    return file
