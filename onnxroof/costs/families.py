"""The modules whose rules onnxroof comes with, as an explicit list: nothing is found by scanning."""

from __future__ import annotations

import importlib

__all__ = ["FAMILIES", "load"]

FAMILIES = (
    "elementwise",
    "matmul",
    "einsum",
    "conv",
    "pooling",
    "reduction",
    "normalization",
    "attention",
    "recurrent",
    "quantization",
    "views",
    "movement",
    "indexing",
    "vision",
    "sorting",
    "generators",
    "signal",
    "sequences",
    "losses",
    "classic",
    "training",
    "bodies",
    "contrib_attention",
    "block_sparse",
    "projected_attention",
    "indexers",
    "hybrid",
    "streams",
    "packed_weights",
    "experts",
    "contrib_elementwise",
    "contrib_windows",
    "contrib_transforms",
    "contrib_recurrent",
)


def load() -> None:
    """Imports every family, which registers its rules. Calls after the first do nothing."""
    for family in FAMILIES:
        importlib.import_module(f"onnxroof.costs.{family}")
