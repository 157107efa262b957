"""Images: classifiers, a detector, a quantized network and the network of a diffusion model."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
import transformers

from makers.exporting import export, export_hollow, hollow, trace


class Logits(torch.nn.Module):
    """An image classifier from pixels to logits, as a plain module."""

    def __init__(self, model: torch.nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, pixel_values: torch.Tensor) -> torch.Tensor:
        """Logits (batch, classes) of pixels (batch, 3, height, width)."""
        return self.model(pixel_values=pixel_values).logits


class Denoiser(torch.nn.Module):
    """The U-Net of a latent diffusion model, as a plain module."""

    def __init__(self, model: torch.nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, sample: torch.Tensor, timestep: torch.Tensor, text: torch.Tensor) -> torch.Tensor:
        """Noise (batch, 4, height, width) in latents of that shape, given time and text (batch, tokens, hidden)."""
        return self.model(sample, timestep, text, return_dict=False)[0]


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
    trace(
        Logits(transformers.MobileNetV2ForImageClassification(config)),
        (torch.zeros(2, 3, 224, 224),),
        path,
        inputs={"pixel_values": {0: "batch", 2: "height", 3: "width"}},
        outputs={"logits": {0: "batch"}},
    )


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
    trace(
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


def ssdlite320(path: Path) -> None:
    """SSDlite on MobileNetV3-large: 3234 boxes, of which a non-maximum suppression leaves as many as the image has."""
    from torchvision.models.detection import ssdlite320_mobilenet_v3_large

    trace(
        ssdlite320_mobilenet_v3_large(weights=None, weights_backbone=None),
        ([torch.zeros(3, 320, 320)],),
        path,
        inputs={"image": {}},
        outputs={"boxes": {0: "detections"}, "scores": {0: "detections"}, "labels": {0: "detections"}},
    )


def stable_diffusion_unet(path: Path) -> None:
    """The U-Net of Stable Diffusion 1.5 in float16, latents of 64 x 64 for images of 512 x 512; dynamic batch."""
    from diffusers import UNet2DConditionModel

    with hollow(torch.float16):
        model = UNet2DConditionModel(sample_size=64, cross_attention_dim=768)
    export_hollow(
        Denoiser(model),
        (
            torch.zeros(2, 4, 64, 64, dtype=torch.float16),
            torch.zeros(2, dtype=torch.int64),
            torch.zeros(2, 77, 768, dtype=torch.float16),
        ),
        path,
        inputs=["sample", "timestep", "text"],
        outputs=["noise"],
        axes={"sample": {0: "batch"}, "timestep": {0: "batch"}, "text": {0: "batch"}},
    )


def _export_classifier(model: torch.nn.Module, path: Path) -> None:
    export(
        model,
        (torch.zeros(2, 3, 224, 224),),
        path,
        inputs=["pixel_values"],
        outputs=["logits"],
        axes={"pixel_values": {0: "batch"}},
    )
