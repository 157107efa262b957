"""Contents of tensors out of anything that numpy takes for an array."""

from __future__ import annotations

from typing import Any

import numpy as np
from onnx import helper

from onnxroof.dtypes import DType
from onnxroof.ir.contents import Contents

__all__ = ["contents"]


def contents(values: Any, dtype: DType | None = None) -> Contents:
    """The values with their shape, as numbers of a type: numpy's for them where none is given."""
    array = np.asarray(values)
    kind = dtype or DType.from_number(helper.np_dtype_to_tensor_dtype(array.dtype))
    return Contents(kind, array.shape, tuple(array.ravel().tolist()))
