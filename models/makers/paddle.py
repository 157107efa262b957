"""A Paddle model. Needs an environment of its own.

`pip install paddlepaddle paddle2onnx packaging sympy onnxruntime`, then `pip install -U onnx onnxroof`: paddle2onnx
asks for an older onnx than it needs.
"""

from __future__ import annotations

from pathlib import Path

import paddle


def mobilenet_v3_large(path: Path) -> None:
    """MobileNetV3-large, dynamic batch, height and width."""
    paddle.seed(0)
    model = paddle.vision.models.mobilenet_v3_large()
    model.eval()
    shape = paddle.static.InputSpec([None, 3, None, None], "float32", "image")
    paddle.onnx.export(model, str(path.with_suffix("")), input_spec=[shape], opset_version=16)
