"""Classic machine learning."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from skl2onnx import to_onnx
from skl2onnx.common.data_types import FloatTensorType
from sklearn.ensemble import RandomForestClassifier


def random_forest(path: Path) -> None:
    """A hundred trees of depth 5 over 64 features, ten classes, fitted to noise."""
    generator = np.random.default_rng(0)
    features, labels = generator.standard_normal((2000, 64), dtype=np.float32), generator.integers(0, 10, 2000)
    forest = RandomForestClassifier(n_estimators=100, max_depth=5, random_state=0).fit(features, labels)
    inputs = [("features", FloatTensorType([None, 64]))]
    model = to_onnx(forest, initial_types=inputs, options={"zipmap": False})  # a tensor of probabilities, not maps
    path.write_bytes(model.SerializeToString())
