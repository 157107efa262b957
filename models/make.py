"""How the models of this folder were made: real architectures at real dimensions, random weights, weights left out.

Run with the extra `models` installed (`pip install onnxroof[models]`):

    python models/make.py              all of them
    python models/make.py resnet50     only that

Everything is built from configurations written here: nothing is downloaded. The largest model takes 3 GB of
memory and as much temporary disk space.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import onnx
import torch
import transformers

from onnxroof.frontend.read import strip_model

FOLDER = Path(__file__).parent


class Logits(torch.nn.Module):
    """An image classifier from pixels to logits, as a plain module."""

    def __init__(self, model: torch.nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, pixel_values: torch.Tensor) -> torch.Tensor:
        """Logits (batch, classes) of pixels (batch, 3, height, width)."""
        return self.model(pixel_values=pixel_values).logits


class Encoder(torch.nn.Module):
    """A BERT from token ids to hidden states."""

    def __init__(self, model: torch.nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(
        self, input_ids: torch.Tensor, attention_mask: torch.Tensor, token_type_ids: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Hidden states (batch, sequence, hidden) and the pooled state (batch, hidden)."""
        out = self.model(
            input_ids=input_ids, attention_mask=attention_mask, token_type_ids=token_type_ids, return_dict=False
        )
        return out[0], out[1]


class Decoder(torch.nn.Module):
    """A causal language model that takes keys and values of the past and returns them grown."""

    def __init__(self, model: torch.nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(
        self, input_ids: torch.Tensor, attention_mask: torch.Tensor, past: list[tuple[torch.Tensor, torch.Tensor]]
    ) -> tuple[torch.Tensor, list[tuple[torch.Tensor, torch.Tensor]]]:
        """Logits (batch, sequence, vocabulary) and, for each layer, keys and values (batch, heads, total, depth)."""
        cache = transformers.DynamicCache(past)
        out = self.model(input_ids=input_ids, attention_mask=attention_mask, past_key_values=cache, use_cache=True)
        return out.logits, [(layer.keys, layer.values) for layer in out.past_key_values.layers]


def resnet50(path: Path) -> None:
    """ResNet-50 v1.5, dynamic batch."""
    model = Logits(transformers.ResNetForImageClassification(transformers.ResNetConfig(num_labels=1000)))
    _export_classifier(model, path)


def vit_b_16(path: Path) -> None:
    """ViT-B/16 on 224 x 224, dynamic batch."""
    model = Logits(transformers.ViTForImageClassification(transformers.ViTConfig(num_labels=1000)))
    _export_classifier(model, path)


def mobilenet_v2(path: Path) -> None:
    """MobileNetV2 1.0, dynamic batch, height and width."""
    config = transformers.MobileNetV2Config(num_labels=1000, tf_padding=False)
    _trace(
        Logits(transformers.MobileNetV2ForImageClassification(config)),
        (torch.zeros(2, 3, 224, 224),),
        path,
        inputs={"pixel_values": {0: "batch", 2: "height", 3: "width"}},
        outputs={"logits": {0: "batch"}},
    )


def bert_base(path: Path) -> None:
    """BERT-base without a head, dynamic batch and sequence."""
    ids = torch.ones(2, 16, dtype=torch.int64)
    axes = {0: "batch", 1: "sequence"}
    _trace(
        Encoder(transformers.BertModel(transformers.BertConfig(attn_implementation="eager"))),
        (ids, ids, ids),
        path,
        inputs={"input_ids": axes, "attention_mask": axes, "token_type_ids": axes},
        outputs={"last_hidden_state": axes, "pooler_output": {0: "batch"}},
    )


def gpt2(path: Path) -> None:
    """GPT-2 (124 million parameters) with keys and values of the past, dynamic batch, sequence and past."""
    config = transformers.GPT2Config()
    _export_decoder(transformers.GPT2LMHeadModel(config), config.n_layer, config.n_head, config.n_embd // 12, path)


def tinyllama_1b(path: Path) -> None:
    """TinyLlama-1.1B in float16: grouped heads (32 on 4), rotary embedding, gated MLP, past keys and values."""
    config = transformers.LlamaConfig(
        vocab_size=32000,
        hidden_size=2048,
        intermediate_size=5632,
        num_hidden_layers=22,
        num_attention_heads=32,
        num_key_value_heads=4,
        max_position_embeddings=2048,
    )
    torch.set_default_dtype(torch.float16)
    try:
        model = transformers.LlamaForCausalLM(config)
    finally:
        torch.set_default_dtype(torch.float32)
    _export_decoder(model, config.num_hidden_layers, config.num_key_value_heads, 64, path)


def resnet18_int8_qdq(path: Path) -> None:
    """ResNet-18, convolutions and matrix products quantized by ONNX Runtime: int8 weights per channel, QDQ."""
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
    from onnxruntime.quantization.shape_inference import quant_pre_process

    class Noise(CalibrationDataReader):
        def __init__(self) -> None:
            generator = np.random.default_rng(0)
            self.batches = iter(generator.standard_normal((4, 1, 3, 224, 224), dtype=np.float32))

        def get_next(self) -> dict[str, np.ndarray] | None:
            batch = next(self.batches, None)
            return None if batch is None else {"pixel_values": batch}

    config = transformers.ResNetConfig(
        num_labels=1000, depths=[2, 2, 2, 2], layer_type="basic", hidden_sizes=[64, 128, 256, 512], embedding_size=64
    )
    exported, prepared = path.with_suffix(".float.onnx"), path.with_suffix(".prepared.onnx")
    _trace(
        Logits(transformers.ResNetForImageClassification(config)),
        (torch.zeros(2, 3, 224, 224),),
        exported,
        inputs={"pixel_values": {0: "batch"}},
        outputs={"logits": {0: "batch"}},
    )
    quant_pre_process(str(exported), str(prepared))
    quantize_static(
        str(prepared),
        str(path),
        Noise(),
        quant_format=QuantFormat.QDQ,
        per_channel=True,
        activation_type=QuantType.QInt8,
        weight_type=QuantType.QInt8,
    )


def _export_classifier(model: torch.nn.Module, path: Path) -> None:
    """PyTorch's newer exporter (torch.export), dynamic batch."""
    torch.onnx.export(
        _randomized(model),
        (torch.zeros(2, 3, 224, 224),),
        path,
        dynamo=True,
        external_data=True,
        input_names=["pixel_values"],
        output_names=["logits"],
        dynamic_shapes={"pixel_values": {0: "batch"}},
    )


def _export_decoder(model: torch.nn.Module, layers: int, heads: int, depth: int, path: Path) -> None:
    """PyTorch's newer exporter; `heads` and `depth` are those of the keys and values."""
    batch, sequence, past = 2, 3, 5
    ids = torch.ones(batch, sequence, dtype=torch.int64)
    mask = torch.ones(batch, past + sequence, dtype=torch.int64)
    state = torch.zeros(batch, heads, past, depth, dtype=model.dtype)
    state_axes = {0: "batch", 2: "past_sequence"}
    names = [f"{i}.{kind}" for i in range(layers) for kind in ("key", "value")]
    torch.onnx.export(
        _randomized(Decoder(model)),
        (ids, mask, [(state, state.clone()) for _ in range(layers)]),
        path,
        dynamo=True,
        external_data=True,
        input_names=["input_ids", "attention_mask", *(f"past_key_values.{name}" for name in names)],
        output_names=["logits", *(f"present.{name}" for name in names)],
        dynamic_shapes={
            "input_ids": {0: "batch", 1: "sequence"},
            "attention_mask": {0: "batch", 1: "past_sequence + sequence"},
            "past": [(state_axes, state_axes) for _ in range(layers)],
        },
    )


def _trace(
    model: torch.nn.Module,
    arguments: tuple[torch.Tensor, ...],
    path: Path,
    inputs: dict[str, dict[int, str]],
    outputs: dict[str, dict[int, str]],
) -> None:
    """PyTorch's older exporter (TorchScript)."""
    torch.onnx.export(
        _randomized(model),
        arguments,
        path,
        dynamo=False,
        opset_version=17,
        input_names=list(inputs),
        output_names=list(outputs),
        dynamic_axes=inputs | outputs,
    )


def _randomized(model: torch.nn.Module) -> torch.nn.Module:
    """The model ready for inference, no two tensors alike: exporters share equal ones, such as biases of zeros."""
    for name, tensor in (*model.named_parameters(), *model.named_buffers()):
        if name.endswith("running_var"):
            tensor.uniform_(0.5, 1.5)
        elif isinstance(tensor, torch.nn.Parameter) or name.endswith("running_mean"):
            tensor.add_(torch.randn_like(tensor), alpha=0.02)
    return model.eval()


def _without_metadata(exported: Path, slim: Path) -> None:
    """Leaves out what the newer exporter notes of each node's origin: several times the size of the nodes."""
    model = onnx.load(exported, load_external_data=False)
    for message in (model.graph, *model.graph.node, *model.graph.value_info, *model.graph.initializer):
        message.ClearField("metadata_props")
    onnx.save(model, slim)


MAKERS: Sequence[Callable[[Path], None]] = (
    resnet50,
    mobilenet_v2,
    vit_b_16,
    bert_base,
    gpt2,
    tinyllama_1b,
    resnet18_int8_qdq,
)


def main(names: Sequence[str]) -> None:
    """Makes the models of these names, all if there are none."""
    for maker in MAKERS:
        if names and maker.__name__ not in names:
            continue
        torch.manual_seed(0)
        with tempfile.TemporaryDirectory() as folder, torch.no_grad():
            exported, slim = Path(folder, f"{maker.__name__}.onnx"), Path(folder, "slim.onnx")
            maker(exported)
            _without_metadata(exported, slim)
            sizes = strip_model(slim, FOLDER / f"{maker.__name__}.onnx")
        print(f"{maker.__name__}.onnx: {sizes.after_bytes:,} bytes")


if __name__ == "__main__":
    main(sys.argv[1:])
