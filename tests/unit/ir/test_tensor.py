"""Tensors: what they know of their size."""

import pytest

from onnxroof.dtypes import DType
from onnxroof.ir.tensor import Tensor, TensorKind


def tensor(shape, dtype=DType.FLOAT):
    return Tensor(name="t", dtype=dtype, shape=shape, kind=TensorKind.ACTIVATION)


@pytest.mark.parametrize(
    ("shape", "dtype", "elements", "size"),
    [
        ((2, 3, 4), DType.FLOAT, 24, 96),
        ((), DType.FLOAT16, 1, 2),
        ((0, 5), DType.FLOAT, 0, 0),
        ((3, 5), DType.INT4, 15, 8),  # two to a byte, rounded up
        ((5,), DType.INT2, 5, 2),
        ((4,), DType.BOOL, 4, 4),
        # 2^40 elements of 8 bytes: beyond 32 bits and exact
        ((2**20, 2**20), DType.DOUBLE, 2**40, 2**43),
        ((2**31, 2**31, 4), DType.FLOAT, 2**64, 2**66),
    ],
)
def test_size(shape, dtype, elements, size):
    found = tensor(shape, dtype)
    assert found.is_shaped
    assert (found.dims, found.elements, found.bytes) == (shape, elements, size)


@pytest.mark.parametrize("shape", [None, (None,), (2, None, 3)])
def test_an_unknown_extent_is_never_a_size(shape):
    found = tensor(shape)
    assert not found.is_shaped
    for read in ("dims", "elements", "bytes"):
        with pytest.raises(ValueError, match="`t` has no known shape"):
            getattr(found, read)
