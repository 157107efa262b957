"""The most that an output can have."""

import onnx
import pytest

from onnxroof.dtypes import DType
from onnxroof.frontend.types import UNKNOWN_TYPE, ValueType
from onnxroof.frontend.upper_bounds import upper_bounds
from tests.oracles.contents import contents

X = ValueType(DType.FLOAT, (3, 4))


def bounds(op_type, types, values=None, inferred=(UNKNOWN_TYPE,), **attributes):
    node = onnx.helper.make_node(op_type, [], [], **attributes)
    return [t.shape for t in upper_bounds(node, types, values or [None] * len(types), inferred)]


def test_positions_that_are_not_zero():
    assert bounds("NonZero", [X]) == [(2, 12)]


@pytest.mark.parametrize(
    ("attributes", "shapes"), [({}, [(12,), (12,), (12,), (12,)]), ({"axis": -1}, [(3, 4), (4,), (4,), (4,)])]
)
def test_distinct_elements(attributes, shapes):
    assert bounds("Unique", [X], inferred=(UNKNOWN_TYPE,) * 4, **attributes) == shapes


@pytest.mark.parametrize(("attributes", "shape"), [({}, (12,)), ({"axis": 0}, (3, 4))])
def test_kept_elements(attributes, shape):
    assert bounds("Compress", [X, ValueType(DType.BOOL, (3,))], **attributes) == [shape]


@pytest.mark.parametrize(("words", "most"), [((5,), (5,)), ((1, 7), (1, 7)), ((0,), (1,))])
def test_words_that_are_not_left_out(words, most):
    assert bounds("StringNormalizer", [ValueType(DType.STRING, words)]) == [most]


@pytest.mark.parametrize(("limit", "boxes"), [(None, 50), (7, 7), (90, 50)])
def test_selected_boxes(limit, boxes):
    types = [ValueType(DType.FLOAT, (2, 50, 4)), ValueType(DType.FLOAT, (2, 3, 50)), ValueType(DType.INT64, (1,))]
    values = [None, None, None if limit is None else contents([limit])]
    assert bounds("NonMaxSuppression", types, values) == [(2 * 3 * boxes, 3)]


def test_a_slice_is_no_larger_than_its_source():
    inferred = (ValueType(DType.FLOAT, (None, 4)),)
    assert bounds("Slice", [X], inferred=inferred) == [(3, 4)]
    assert bounds("TopK", [X], inferred=(UNKNOWN_TYPE, UNKNOWN_TYPE), axis=1) == [(3, 4), (3, 4)]


@pytest.mark.parametrize(
    ("op_type", "types", "attributes"),
    [
        ("Relu", [X], {}),
        ("NonZero", [ValueType(DType.FLOAT, (3, None))], {}),
        ("NonZero", [], {}),
        ("Compress", [X], {"axis": 5}),
        ("NonMaxSuppression", [X], {}),
    ],
)
def test_nothing_is_said_of_others(op_type, types, attributes):
    assert bounds(op_type, types, **attributes) == [None]
