"""Small networks with weights, and what ONNX Runtime's optimizer and quantizers make of them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper
from onnxruntime import quantization

__all__ = ["convolutional", "dynamic", "few_bits", "optimized", "static", "transformer"]

F, I64 = TensorProto.FLOAT, TensorProto.INT64
IMAGE = (2, 3, 16, 12)


class _Builder:
    """A graph that grows node by node; weights are random, of a fixed seed."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.weights: list[onnx.TensorProto] = []
        self._random = np.random.default_rng(3)

    def weight(self, *shape: int) -> str:
        name = f"w{len(self.weights)}"
        values = self._random.standard_normal(shape).astype(np.float32) * 0.2
        self.weights.append(onnx.numpy_helper.from_array(values, name))
        return name

    def constant(self, *values: int | float) -> str:
        name = f"c{len(self.weights)}"
        is_shape = isinstance(values[0], int)
        array = np.array(values, np.int64) if is_shape else np.array(values[0], np.float32)
        self.weights.append(onnx.numpy_helper.from_array(array, name))
        return name

    def add(self, op_type: str, *inputs: str, **attributes: Any) -> str:
        name = f"t{len(self.nodes)}"
        self.nodes.append(helper.make_node(op_type, list(inputs), [name], f"{op_type}_{len(self.nodes)}", **attributes))
        return name

    def save(self, path: Path, inputs: dict[str, tuple[int, ...]], output: str) -> Path:
        values = [helper.make_tensor_value_info(name, F, shape) for name, shape in inputs.items()]
        graph = helper.make_graph(
            self.nodes, "g", values, [helper.make_tensor_value_info(output, F, None)], self.weights
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
        path.write_bytes(model.SerializeToString())
        return path


def convolutional(path: Path, channels: int = 32) -> Path:
    """Convolutions (plain, depthwise, strided), batch normalization, a residual, pools, a classifier."""
    b = _Builder()
    x = b.add("Conv", "x", b.weight(channels, 3, 3, 3), b.weight(channels), pads=[1] * 4)
    scale, shift, mean = (b.weight(channels) for _ in range(3))
    variance = b.weight(channels)
    b.weights[-1] = onnx.numpy_helper.from_array(np.ones(channels, np.float32), variance)
    x = b.add("Relu", b.add("BatchNormalization", x, scale, shift, mean, variance))
    x = b.add("MaxPool", x, kernel_shape=[2, 2], strides=[2, 2])
    y = b.add("Relu", b.add("Conv", x, b.weight(channels, 1, 3, 3), b.weight(channels), pads=[1] * 4, group=channels))
    x = b.add("Relu", b.add("Add", b.add("Conv", y, b.weight(channels, channels, 1, 1), b.weight(channels)), x))
    x = b.add("Relu", b.add("Conv", x, b.weight(2 * channels, channels, 3, 3), b.weight(2 * channels), strides=[2, 2]))
    x = b.add("Flatten", b.add("GlobalAveragePool", x))
    return b.save(path, {"x": IMAGE}, b.add("Gemm", x, b.weight(10, 2 * channels), b.weight(10), transB=1))


def transformer(path: Path, tokens: int = 6, width: int = 32, heads: int = 4) -> Path:
    """One encoder layer written op by op: normalizations, attention, Gelu as Erf, residuals."""
    b = _Builder()
    split, flat = b.constant(0, 0, heads, width // heads), b.constant(0, 0, width)

    def linear(x: str, inputs: int, outputs: int) -> str:
        return b.add("Add", b.add("MatMul", x, b.weight(inputs, outputs)), b.weight(outputs))

    def headed(x: str, order: list[int]) -> str:
        return b.add("Transpose", b.add("Reshape", linear(x, width, width), split), perm=order)

    query, key, value = (headed("x", order) for order in ([0, 2, 1, 3], [0, 2, 3, 1], [0, 2, 1, 3]))
    scores = b.add("Div", b.add("MatMul", query, key), b.constant(float(np.sqrt(width // heads))))
    mixed = b.add("MatMul", b.add("Softmax", scores, axis=-1), value)
    joined = b.add("Reshape", b.add("Transpose", mixed, perm=[0, 2, 1, 3]), flat)
    x = b.add("LayerNormalization", b.add("Add", linear(joined, width, width), "x"), b.weight(width), b.weight(width))
    h = linear(x, width, 4 * width)
    e = b.add("Add", b.add("Erf", b.add("Div", h, b.constant(float(np.sqrt(2))))), b.constant(1.0))
    h = b.add("Mul", b.add("Mul", h, e), b.constant(0.5))
    y = b.add("Add", linear(h, 4 * width, width), x)
    return b.save(path, {"x": (2, tokens, width)}, b.add("LayerNormalization", y, b.weight(width), b.weight(width)))


def optimized(path: Path, level: str) -> Path:
    """The file after the runtime's own optimizer for its CPU: `EXTENDED` fuses, `ALL` lays channels in blocks."""
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = getattr(onnxruntime.GraphOptimizationLevel, f"ORT_ENABLE_{level}")
    result = path.with_name(f"{path.stem}_{level.lower()}.onnx")
    options.optimized_model_filepath = str(result)
    options.log_severity_level = 4
    onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    return result


def dynamic(path: Path) -> Path:
    """Weights quantized, activations on the fly."""
    result = path.with_name(f"{path.stem}_dynamic.onnx")
    quantization.quantize_dynamic(str(path), str(result))
    return result


class _Calibration(quantization.CalibrationDataReader):
    def __init__(self, path: Path) -> None:
        session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
        random = np.random.default_rng(5)
        self._feeds: Iterator[dict[str, Any]] = iter(
            [{v.name: random.standard_normal(v.shape).astype(np.float32) for v in session.get_inputs()}]
        )

    def get_next(self) -> dict[str, Any] | None:
        return next(self._feeds, None)


def static(path: Path, form: str, *, weights: str = "QInt8", activations: str = "QInt8") -> Path:
    """Weights and activations quantized: `QDQ` by pairs around operators, `QOperator` by operators on integers."""
    result = path.with_name(f"{path.stem}_{form.lower()}_{weights.lower()}.onnx")
    # Floats of 8 bits are calibrated by the spread of values: the runtime's tool takes no other way.
    method = "Distribution" if "FLOAT8" in weights else "MinMax"
    quantization.quantize_static(
        str(path), str(result), _Calibration(path), quant_format=quantization.QuantFormat[form],
        weight_type=quantization.QuantType[weights], activation_type=quantization.QuantType[activations],
        calibrate_method=quantization.CalibrationMethod[method], extra_options={"UseQDQContribOps": True},
    )  # fmt: skip
    return result


def few_bits(path: Path, bits: int = 4, block: int = 16, *, is_symmetric: bool = True, form: str = "QOperator") -> Path:
    """Weights of matrix products packed to a few bits, in products that unpack them or dequantized before."""
    from onnxruntime.quantization.matmul_nbits_quantizer import MatMulNBitsQuantizer  # needs onnx_ir

    result = path.with_name(f"{path.stem}_{bits}_{is_symmetric}_{form}.onnx")
    quantizer = MatMulNBitsQuantizer(
        onnx.load(str(path)), bits=bits, block_size=block, is_symmetric=is_symmetric,
        quant_format=quantization.QuantFormat[form],
    )  # fmt: skip
    quantizer.process()
    result.write_bytes(quantizer.model.model.SerializeToString())
    return result
