"""A decoder of 70 billion parameters, operator by operator, as an exporter writes it, without its weights."""

from __future__ import annotations

import onnx
from onnx import TensorProto, helper

HIDDEN, HEADS, KV_HEADS, DEPTH, WIDE, VOCABULARY = 8192, 64, 8, 128, 28672, 128256


class _Graph:
    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.weights: list[onnx.TensorProto] = []

    def op(self, op_type: str, *inputs: str, **attributes: object) -> str:
        name = f"{op_type}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(op_type, list(inputs), [f"{name}_out"], name=name, **attributes))
        return f"{name}_out"

    def weight(self, *dims: int) -> str:
        """A tensor whose data lies in a file that does not exist."""
        name = f"w{len(self.weights)}"
        tensor = onnx.TensorProto(name=name, data_type=TensorProto.FLOAT16, dims=dims)
        tensor.data_location = TensorProto.EXTERNAL
        tensor.external_data.add(key="location", value="weights.bin")
        self.weights.append(tensor)
        return name

    def constant(self, *values: int) -> str:
        name = f"c{len(self.weights)}"
        self.weights.append(helper.make_tensor(name, TensorProto.INT64, [len(values)], values))
        return name

    def half(self, value: float) -> str:
        name = f"c{len(self.weights)}"
        self.weights.append(helper.make_tensor(name, TensorProto.FLOAT16, [], [value]))
        return name


def decoder(layers: int = 80, tokens: int = 1, past: int = 4096) -> onnx.ModelProto:
    """RMS norms, rotary embedding, grouped heads (64 on 8) with past keys and values, gated MLP; batch of one."""
    g = _Graph()
    total = past + tokens
    inputs = [helper.make_tensor_value_info("input_ids", TensorProto.INT64, [1, tokens])]
    inputs += [helper.make_tensor_value_info(n, TensorProto.FLOAT16, [1, 1, tokens, DEPTH]) for n in ("cos", "sin")]
    inputs.append(helper.make_tensor_value_info("mask", TensorProto.FLOAT16, [1, 1, tokens, total]))
    outputs = []
    epsilon, two, scale = g.half(1e-5), g.half(2.0), g.half(DEPTH**-0.5)
    low, middle, high, last = g.constant(0), g.constant(DEPTH // 2), g.constant(DEPTH), g.constant(3)

    def norm(x: str) -> str:
        mean = g.op("ReduceMean", g.op("Pow", x, two), axes=[-1], keepdims=1)
        scaled = g.op("Mul", x, g.op("Reciprocal", g.op("Sqrt", g.op("Add", mean, epsilon))))
        return g.op("Mul", g.weight(HIDDEN), scaled)

    def heads(x: str, count: int) -> str:
        shaped = g.op("Reshape", x, g.constant(1, tokens, count, DEPTH))
        return g.op("Transpose", shaped, perm=[0, 2, 1, 3])

    def rotated(x: str) -> str:
        first, second = g.op("Slice", x, low, middle, last), g.op("Slice", x, middle, high, last)
        turned = g.op("Concat", g.op("Neg", second), first, axis=-1)
        return g.op("Add", g.op("Mul", x, "cos"), g.op("Mul", turned, "sin"))

    def cached(layer: int, kind: str, new: str) -> str:
        inputs.append(
            helper.make_tensor_value_info(f"past.{layer}.{kind}", TensorProto.FLOAT16, [1, KV_HEADS, past, DEPTH])
        )
        g.nodes.append(helper.make_node("Concat", [f"past.{layer}.{kind}", new], [f"present.{layer}.{kind}"], axis=2))
        outputs.append(
            helper.make_tensor_value_info(f"present.{layer}.{kind}", TensorProto.FLOAT16, [1, KV_HEADS, total, DEPTH])
        )
        group = HEADS // KV_HEADS
        apart = g.op("Unsqueeze", f"present.{layer}.{kind}", g.constant(2))
        spread = g.op("Expand", apart, g.constant(1, KV_HEADS, group, total, DEPTH))
        return g.op("Reshape", spread, g.constant(1, HEADS, total, DEPTH))

    x = g.op("Gather", g.weight(VOCABULARY, HIDDEN), "input_ids")
    for layer in range(layers):
        h = norm(x)
        q = rotated(heads(g.op("MatMul", h, g.weight(HIDDEN, HIDDEN)), HEADS))
        k = rotated(heads(g.op("MatMul", h, g.weight(HIDDEN, KV_HEADS * DEPTH)), KV_HEADS))
        v = heads(g.op("MatMul", h, g.weight(HIDDEN, KV_HEADS * DEPTH)), KV_HEADS)
        keys, values = cached(layer, "key", k), cached(layer, "value", v)
        scores = g.op("MatMul", q, g.op("Transpose", keys, perm=[0, 1, 3, 2]))
        weights = g.op("Softmax", g.op("Add", g.op("Mul", scores, scale), "mask"), axis=-1)
        mixed = g.op("Transpose", g.op("MatMul", weights, values), perm=[0, 2, 1, 3])
        flat = g.op("Reshape", mixed, g.constant(1, tokens, HIDDEN))
        x = g.op("Add", x, g.op("MatMul", flat, g.weight(HIDDEN, HIDDEN)))
        h = norm(x)
        gate, up = (g.op("MatMul", h, g.weight(HIDDEN, WIDE)) for _ in range(2))
        gated = g.op("Mul", g.op("Mul", gate, g.op("Sigmoid", gate)), up)
        x = g.op("Add", x, g.op("MatMul", gated, g.weight(WIDE, HIDDEN)))
    g.nodes.append(helper.make_node("MatMul", [norm(x), g.weight(HIDDEN, VOCABULARY)], ["logits"], name="head"))
    outputs.insert(0, helper.make_tensor_value_info("logits", TensorProto.FLOAT16, [1, tokens, VOCABULARY]))
    graph = helper.make_graph(g.nodes, "decoder", inputs, outputs, g.weights)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
