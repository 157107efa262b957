"""A decoder as ONNX Runtime's model builder for generation writes it, in four bits."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import onnx
from onnx import TensorProto, helper

BLOCK = 32


@dataclass
class Builder:
    """A graph in the making: float16 activations, weights of contractions in 4 bits, none of which has a value."""

    nodes: list[onnx.NodeProto] = field(default_factory=list)
    weights: list[onnx.TensorProto] = field(default_factory=list)

    def add(self, domain: str, op_type: str, name: str, inputs: list[str], outputs: list[str], **attributes) -> str:
        """A node; returns its first output."""
        self.nodes.append(helper.make_node(op_type, inputs, outputs, name, domain=domain, **attributes))
        return outputs[0]

    def weight(self, name: str, dtype: int, *dims: int) -> str:
        """A tensor whose values would be in a file that does not exist."""
        tensor = TensorProto(name=name, data_type=dtype, dims=dims, data_location=TensorProto.EXTERNAL)
        tensor.external_data.add(key="location", value="model.onnx.data")
        self.weights.append(tensor)
        return name

    def product(self, x: str, path: str, rows: int, columns: int, output: str | None = None) -> str:
        """Multiplies x (..., rows) by a matrix in blocks of 32 along the rows, each with a scale."""
        name = path.strip("/").replace("/", ".")
        packed = self.weight(f"{name}.MatMul.weight_Q4", TensorProto.UINT8, columns, rows // BLOCK, BLOCK // 2)
        scales = self.weight(f"{name}.MatMul.weight_scales", TensorProto.FLOAT16, columns, rows // BLOCK)
        return self.add(
            "com.microsoft",
            "MatMulNBits",
            f"{path}/MatMul_Q4",
            [x, packed, scales],
            [output or f"{path}/MatMul/output_0"],
            K=rows,
            N=columns,
            accuracy_level=4,
            bits=4,
            block_size=BLOCK,
        )

    def skip_norm(self, stream: str, update: str, path: str, width: int, *, last: bool = False) -> tuple[str, str]:
        """The normalized sum of stream and update, and the sum."""
        scale = self.weight(f"{path.strip('/').replace('/', '.')}.weight", TensorProto.FLOAT16, width)
        outputs = [f"{path}/output_0"] if last else [f"{path}/output_0", "", "", f"{path}/output_3"]
        self.add(
            "com.microsoft",
            "SkipSimplifiedLayerNormalization",
            f"{path}/SkipLayerNorm",
            [stream, update, scale],
            outputs,
            epsilon=1e-5,
        )
        return outputs[0], outputs[-1]


def llama3_8b_int4(path: Path) -> None:
    """Llama 3 8B, weights in 4 bits: MatMulNBits and GroupQueryAttention, dynamic batch, sequence and past.

    Node by node as the model builder of onnxruntime-genai 0.18 lays a Llama out; activations are float16.
    """
    vocabulary, width, inner, layers, heads, kv_heads, tokens = 128_256, 4096, 14_336, 32, 32, 8, 8192
    depth = width // heads
    build = Builder()
    last_token, total = _mask_arithmetic(build)
    angles = [build.weight(name, TensorProto.FLOAT16, tokens, depth // 2) for name in ("cos_cache", "sin_cache")]
    table = build.weight("model.embed_tokens.weight", TensorProto.FLOAT16, vocabulary, width)
    stream = build.add(
        "", "Gather", "/model/embed_tokens/Gather", [table, "input_ids"], ["/model/embed_tokens/Gather/output_0"]
    )
    scale = build.weight("model.layers.0.input_layernorm.weight", TensorProto.FLOAT16, width)
    x = build.add(
        "",
        "SimplifiedLayerNormalization",
        "/model/layers.0/input_layernorm/LayerNorm",
        [stream, scale],
        ["/model/layers.0/input_layernorm/output_0"],
        epsilon=1e-5,
        axis=-1,
        stash_type=1,
    )
    for i in range(layers):
        layer = f"/model/layers.{i}"
        qkv = build.product(x, f"{layer}/attn/qkv_proj", width, (heads + 2 * kv_heads) * depth)
        attended = build.add(
            "com.microsoft",
            "GroupQueryAttention",
            f"{layer}/attn/GroupQueryAttention",
            [qkv, "", "", *_caches("past_key_values", i), last_token, total, *angles, "", "", ""],
            [f"{layer}/attn/GroupQueryAttention/output_0", *_caches("present", i)],
            num_heads=heads,
            kv_num_heads=kv_heads,
            scale=depth**-0.5,
            local_window_size=-1,
            softcap=0.0,
            do_rotary=1,
            rotary_interleaved=0,
        )
        update = build.product(attended, f"{layer}/attn/o_proj", width, width)
        x, stream = build.skip_norm(stream, update, f"{layer}/post_attention_layernorm", width)
        gate = build.product(x, f"{layer}/mlp/gate_proj", width, inner)
        up = build.product(x, f"{layer}/mlp/up_proj", width, inner)
        act = f"{layer}/mlp/act_fn"
        sigmoid = build.add("", "Sigmoid", f"{act}/Sigmoid", [gate], [f"{act}/Sigmoid/output_0"])
        gate = build.add("", "Mul", f"{act}/Mul", [gate, sigmoid], [f"{act}/Mul/output_0"])
        gated = build.add("", "Mul", f"{layer}/mlp/Mul", [gate, up], [f"{layer}/mlp/Mul/output_0"])
        update = build.product(gated, f"{layer}/mlp/down_proj", inner, width)
        norm = "final_norm_layernorm" if i + 1 == layers else "input_layernorm"
        x, stream = build.skip_norm(stream, update, f"/model/layers.{i + 1}/{norm}", width, last=i + 1 == layers)
    build.product(x, "/lm_head", width, vocabulary, "logits")
    _save(build, path, vocabulary, layers, kv_heads, depth)


def _mask_arithmetic(build: Builder) -> tuple[str, str]:
    """The index of each sequence's last token, and the longest length, of an attention mask (batch, length)."""
    path = "/model/attn_mask_reformat/attn_mask_subgraph"
    for name, dims in (("[1]", [1]), ("1", [])):
        value = helper.make_tensor("", TensorProto.INT64, dims, [1])
        path_of_value = f"/model/constants/INT64/{name}"
        build.add("", "Constant", f"/model/constant_nodes/INT64/{name}", [], [path_of_value], value=value)

    def step(op_type: str, inputs: list[str], after: str = "", **attributes: int) -> str:
        name = f"{path}/{after}{op_type}"
        return build.add("", op_type, name, inputs, [f"{name}/output_0"], **attributes)

    counted = step("ReduceSum", ["attention_mask", "/model/constants/INT64/[1]"], keepdims=0)
    last = step("Sub", [counted, "/model/constants/INT64/[1]"])
    length = step("Gather", [step("Shape", ["attention_mask"]), "/model/constants/INT64/1"], axis=0)
    to = TensorProto.INT32
    return step("Cast", [last], "Sub/", to=to), step("Cast", [length], "Gather/", to=to)


def _caches(prefix: str, layer: int) -> list[str]:
    return [f"{prefix}.{layer}.{kind}" for kind in ("key", "value")]


def _save(build: Builder, path: Path, vocabulary: int, layers: int, kv_heads: int, depth: int) -> None:
    half, integer = TensorProto.FLOAT16, TensorProto.INT64

    def cache(prefix: str, length: str) -> list[onnx.ValueInfoProto]:
        dims = ["batch", kv_heads, length, depth]
        return [helper.make_tensor_value_info(name, half, dims) for i in range(layers) for name in _caches(prefix, i)]

    total = "past_sequence + sequence"
    graph = helper.make_graph(
        build.nodes,
        "main_graph",
        [
            helper.make_tensor_value_info("input_ids", integer, ["batch", "sequence"]),
            helper.make_tensor_value_info("attention_mask", integer, ["batch", total]),
            *cache("past_key_values", "past_sequence"),
        ],
        [
            helper.make_tensor_value_info("logits", half, ["batch", "sequence", vocabulary]),
            *cache("present", total),
        ],
        build.weights,
    )
    opsets = [helper.make_opsetid("", 22), helper.make_opsetid("com.microsoft", 1)]
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=10, producer_name="onnx.helper"), path)
