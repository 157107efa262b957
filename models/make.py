"""How the models of this folder were made: real architectures at real dimensions, random weights, weights left out.

    python models/make.py              all of them
    python models/make.py resnet50     only that

Needs `pip install onnxroof[models]`; `efficientnet_b0` and `mobilenet_v3_large` each need an environment of their own
(`makers/tensorflow.py` and `makers/paddle.py` say which). Everything is built from configurations written here: nothing
is downloaded. The largest takes 5 GB of memory and 3 GB of temporary disk space: where weights would take more
(`makers/exporting.hollow`), they are never made.
"""

from __future__ import annotations

import random
import sys
import tempfile
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

import numpy as np
import onnx

from onnxroof.frontend.read import strip_model

FOLDER = Path(__file__).parent

MODULES = {
    "vision": (
        "resnet50",
        "mobilenet_v2",
        "vit_b_16",
        "resnet18_int8_qdq",
        "ssdlite320",
        "stable_diffusion_unet",
    ),
    "language": (
        "bert_base",
        "bert_base_fused",
        "gpt2",
        "tinyllama_1b",
        "llama3_8b",
        "olmoe_1b_7b",
        "lstm_words",
        "whisper_base_encoder",
        "whisper_base_decoder",
    ),
    "packed": ("llama3_8b_int4",),
    "classic": ("random_forest",),
    "tensorflow": ("efficientnet_b0",),
    "paddle": ("mobilenet_v3_large",),
}
"""By module of `makers` the functions that each make the file of their name."""


def main(names: Sequence[str]) -> None:
    """Makes the models of these names, all if there are none."""
    for module, models in MODULES.items():
        for name in models:
            if not names or name in names:
                _make(module, name)


def _make(module: str, name: str) -> None:
    maker = getattr(import_module(f"makers.{module}"), name)
    random.seed(0)
    np.random.seed(0)
    with tempfile.TemporaryDirectory() as folder:
        exported, slim = Path(folder, f"{name}.onnx"), Path(folder, "slim.onnx")
        if module in {"vision", "language"}:
            import torch

            torch.manual_seed(0)
            with torch.no_grad():
                maker(exported)
        else:
            maker(exported)
        _without_metadata(exported, slim)
        sizes = strip_model(slim, FOLDER / f"{name}.onnx")
    print(f"{name}.onnx: {sizes.after_bytes:,} bytes")


def _without_metadata(exported: Path, slim: Path) -> None:
    """Leaves out what the newer exporter notes of each node's origin: several times the size of the nodes."""
    model = onnx.load(exported, load_external_data=False)
    for message in (model.graph, *model.graph.node, *model.graph.value_info, *model.graph.initializer):
        message.ClearField("metadata_props")
    onnx.save(model, slim)


if __name__ == "__main__":
    main(sys.argv[1:])
