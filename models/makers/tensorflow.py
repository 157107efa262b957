"""A Keras model. Needs `pip install tensorflow-cpu tf2onnx` in an environment of its own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import tensorflow as tf


def efficientnet_b0(path: Path) -> None:
    """EfficientNet-B0, channels last as in TensorFlow, dynamic batch."""
    tf.keras.utils.set_random_seed(0)
    model = tf.keras.applications.EfficientNetB0(weights=None)
    for weight in model.weights:  # the converter shares weights that are equal, such as biases of zeros
        weight.assign(weight + tf.random.normal(weight.shape, stddev=0.02))
    saved = path.with_suffix("")
    model.export(saved, input_signature=[tf.TensorSpec((None, 224, 224, 3), tf.float32, name="image")])
    command = [sys.executable, "-m", "tf2onnx.convert", "--saved-model", str(saved), "--output", str(path)]
    subprocess.run([*command, "--opset", "17"], check=True)
