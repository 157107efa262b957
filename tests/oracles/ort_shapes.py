"""What ONNX Runtime makes of a small model: types and shapes of every value of its own graph, from a run."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import onnx
import onnxruntime

from onnxroof.frontend.load import load_workload
from onnxroof.ir.workload import Workload

BY_ORT_NAME = {
    "tensor(float)": np.float32,
    "tensor(double)": np.float64,
    "tensor(float16)": np.float16,
    "tensor(int64)": np.int64,
    "tensor(int32)": np.int32,
    "tensor(int16)": np.int16,
    "tensor(uint8)": np.uint8,
    "tensor(int8)": np.int8,
    "tensor(bool)": np.bool_,
}


def saved(folder: Path, text: str, name: str = "model.onnx") -> Path:
    """A model in ONNX text, as a file."""
    path = folder / name
    path.write_bytes(onnx.parser.parse_model(text).SerializeToString())
    return path


def loaded(folder: Path, text: str, **dims: int) -> Workload:
    """A model in ONNX text, lowered; the branch with more nodes counts."""
    return load_workload(saved(folder, text), dims, lambda ops, _tensors: float(len(ops)))


def values_of_run(path: Path, feeds: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Every tensor of the model's own graph after a run with these inputs."""
    model = onnx.load(str(path))
    known = {value.name for value in model.graph.output}
    for node in model.graph.node:
        for name in node.output:
            if name and name not in known:
                model.graph.output.append(onnx.ValueInfoProto(name=name))
                known.add(name)
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 3
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    return {n: v for n, v in zip(names, session.run(names, dict(feeds)), strict=True) if isinstance(v, np.ndarray)}


def random_feeds(path: Path, workload: Workload, fixed: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Random inputs of the shapes that the workload says; integers are 0 or 1, so that they can index anything."""
    generator = np.random.default_rng(7)
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    feeds = dict(fixed)
    for value in session.get_inputs():
        if value.name in feeds:
            continue
        dtype = np.dtype(BY_ORT_NAME[value.type])
        shape = workload.tensors[value.name].dims
        if dtype.kind == "f":
            feeds[value.name] = generator.standard_normal(shape).astype(dtype)
        else:
            feeds[value.name] = generator.integers(0, 2, shape).astype(dtype)
    return feeds


def differences(
    path: Path, workload: Workload, fixed: Mapping[str, np.ndarray] | None = None
) -> tuple[dict[str, tuple[object, object]], int]:
    """(ours, ONNX Runtime's) type and shape by name where they differ, and how many values were compared."""
    found = {}
    run = values_of_run(path, random_feeds(path, workload, fixed or {}))
    for name, value in run.items():
        tensor = workload.tensors[name]
        ours = (tensor.dtype.name, tensor.shape)
        theirs = (onnx.helper.np_dtype_to_tensor_dtype(value.dtype), value.shape)
        theirs = (onnx.TensorProto.DataType.Name(theirs[0]), theirs[1])
        if ours != theirs:
            found[name] = (ours, theirs)
    return found, len(run)
