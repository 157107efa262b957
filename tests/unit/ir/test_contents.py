"""Elements of small tensors."""

import pytest

from onnxroof.dtypes import DType
from onnxroof.ir.contents import Contents


def test_contents_are_values():
    one, other = Contents(DType.INT64, (2, 1), (3, 4)), Contents(DType.INT64, (2, 1), (3, 4))
    assert one == other
    assert hash(one) == hash(other)
    assert one != Contents(DType.INT64, (1, 2), (3, 4))
    assert one != Contents(DType.INT32, (2, 1), (3, 4))
    assert one.size == 2


def test_elements_as_integers():
    assert Contents(DType.BOOL, (2,), (True, False)).integers == (1, 0)
    assert Contents(DType.FLOAT, (), (2.0,)).integers == (2,)


def test_elements_fill_the_shape():
    with pytest.raises(ValueError, match="2 elements do not fill the shape"):
        Contents(DType.INT64, (3,), (1, 2))
