"""One-operator models of com.microsoft, and what ONNX Runtime says of their results: by a run, or by inference."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper

from onnxroof.frontend.load import load_workload
from onnxroof.ir.workload import Workload
from tests.oracles.ort_shapes import differences
from tests.oracles.runtime_schemas import has_cpu_kernel

__all__ = [
    "BF16",
    "BOOL",
    "F16",
    "I8",
    "I32",
    "I64",
    "MS",
    "NCHWC",
    "SCALE",
    "U8",
    "F",
    "Feed",
    "Spec",
    "Weight",
    "disagreement",
    "inferred",
    "loaded",
    "model_of",
    "w",
    "x",
]  # fmt: skip

MS, NCHWC = "com.microsoft", "com.microsoft.nchwc"
F, F16, BF16, BOOL = TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.BFLOAT16, TensorProto.BOOL
I8, U8, I32, I64 = TensorProto.INT8, TensorProto.UINT8, TensorProto.INT32, TensorProto.INT64


@dataclass(frozen=True)
class Feed:
    """An input of the model; `value` where the runtime needs particular contents."""

    dtype: int
    shape: tuple[int, ...]
    value: Any = None


@dataclass(frozen=True, eq=False)
class Weight:
    """A constant."""

    dtype: int
    content: Any


def x(dtype: int, *shape: int, value: Any = None) -> Feed:
    """An input."""
    return Feed(dtype, shape, value)


def w(dtype: int, *shape: int, value: Any = None) -> Weight:
    """A constant of ones, or of given contents."""
    element = helper.tensor_dtype_to_np_dtype(dtype)
    return Weight(dtype, np.ones(shape, element) if value is None else np.asarray(value, element))


SCALE = w(F, value=0.1)

Operand = Feed | Weight | None


@dataclass(frozen=True, eq=False)
class Spec:
    """One operator: inputs, how many results are asked for, and attributes."""

    op_type: str
    inputs: Sequence[Operand]
    outputs: int = 1
    attributes: Mapping[str, Any] = field(default_factory=dict)
    domain: str = MS
    lacks: str = ""  # what the CPU kernel of the operator lacks, so that the runtime's inference has to do
    is_declared: bool = False  # a result whose type the runtime wants declared

    def __str__(self) -> str:
        return self.op_type

    @property
    def runs(self) -> bool:
        """Whether the runtime has a CPU kernel that takes the operator."""
        return not self.lacks and has_cpu_kernel(self.domain, self.op_type)


def model_of(spec: Spec, results: Sequence[onnx.ValueInfoProto] | None = None) -> onnx.ModelProto:
    """The model of one operator; its results without types where none are given."""
    inputs, weights, names = [], [], []
    for place, operand in enumerate(spec.inputs):
        name = "" if operand is None else f"i{place}"
        names.append(name)
        if isinstance(operand, Feed):
            inputs.append(helper.make_tensor_value_info(name, operand.dtype, operand.shape))
        elif isinstance(operand, Weight):
            weights.append(onnx.numpy_helper.from_array(np.asarray(operand.content), name))
    made = [onnx.ValueInfoProto(name=f"o{i}") for i in range(spec.outputs)]
    node = helper.make_node(spec.op_type, names, [value.name for value in made], domain=spec.domain, **spec.attributes)
    graph = helper.make_graph([node], "g", inputs, results or made, weights)
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid(MS, 1), helper.make_opsetid(NCHWC, 1)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=8)


def loaded(spec: Spec, folder: Path) -> tuple[Path, Workload]:
    """The model's file, and what the frontend makes of it."""
    path = folder / "m.onnx"
    path.write_bytes(model_of(spec).SerializeToString())
    return path, load_workload(path, {}, lambda _ops, _tensors: 0.0)


def disagreement(spec: Spec, folder: Path) -> object:
    """What differs between our types and the runtime's, falsy if nothing: of a run where it can, else of inference."""
    path, workload = loaded(spec, folder)
    if spec.runs:
        fixed = {
            f"i{i}": np.asarray(operand.value, helper.tensor_dtype_to_np_dtype(operand.dtype)).reshape(operand.shape)
            for i, operand in enumerate(spec.inputs)
            if isinstance(operand, Feed) and operand.value is not None
        }
        if spec.is_declared:
            path.write_bytes(model_of(spec, _declared(spec, workload)).SerializeToString())
        found, compared = differences(path, workload, fixed)
        return found or (compared != spec.outputs and f"{compared} results of {spec.outputs}")
    return _refused(spec, workload)


def inferred(spec: Spec, folder: Path) -> set[int]:
    """Which results the runtime infers a shape for: those of which it refuses a wrong one."""
    _, workload = loaded(spec, folder)
    return {i for i in range(spec.outputs) if _refused(spec, workload, wrong=i)}


def _refused(spec: Spec, workload: Workload, wrong: int | None = None) -> str:
    """Why the runtime refuses our types as declarations of the results; "" where it misses only the kernel."""
    results = _declared(spec, workload, wrong)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.add_session_config_entry("session.strict_shape_type_inference", "1")
    model = model_of(spec, results).SerializeToString()
    try:
        onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    except Exception as error:
        lacks_kernel = any(text in str(error) for text in ("Could not find an implementation", "Kernel not found"))
        return "" if lacks_kernel else str(error)
    return ""


def _declared(spec: Spec, workload: Workload, wrong: int | None = None) -> list[onnx.ValueInfoProto]:
    """Our types of the results; of result `wrong` with other extents."""
    results = []
    for i in range(spec.outputs):
        tensor = workload.tensors[f"o{i}"]
        shape = [extent + 1 for extent in tensor.dims] or [2] if i == wrong else tensor.dims
        results.append(helper.make_tensor_value_info(tensor.name, tensor.dtype.number, shape))
    return results
