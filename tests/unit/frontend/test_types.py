"""What is known of a value."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from onnxroof.dtypes import DType
from onnxroof.frontend.types import UNKNOWN_TYPE, ValueType, contents_of, filled, type_of_proto, type_to_proto
from onnxroof.ir.contents import Contents


@pytest.mark.parametrize(
    "kind",
    [
        ValueType(DType.FLOAT, (2, 3)),
        ValueType(DType.INT4, (2, None)),
        ValueType(DType.BOOL, ()),
        ValueType(DType.FLOAT, None),
        UNKNOWN_TYPE,
    ],
)
def test_types_survive_the_way_to_onnx_and_back(kind):
    assert type_of_proto(type_to_proto(kind)) == kind


def test_a_sequence_is_a_container():
    proto = helper.make_sequence_type_proto(helper.make_tensor_type_proto(TensorProto.FLOAT, [2, None]))
    kind = type_of_proto(proto)
    assert (kind.dtype, kind.shape) == (DType.UNDEFINED, None)
    assert type_to_proto(kind).SerializeToString(deterministic=True) == proto.SerializeToString(deterministic=True)


def test_symbols_and_negative_extents_are_unknown():
    assert type_of_proto(helper.make_tensor_type_proto(TensorProto.FLOAT, ["N", -1, 0, 4])).shape == (None, None, 0, 4)


@pytest.mark.parametrize(
    ("kind", "declared", "expected"),
    [
        (UNKNOWN_TYPE, ValueType(DType.FLOAT, (2, None)), ValueType(DType.FLOAT, (2, None))),
        (ValueType(DType.FLOAT, (None, 3)), ValueType(DType.INT64, (2, 9)), ValueType(DType.FLOAT, (2, 3))),
        (ValueType(DType.FLOAT, (None, 3)), ValueType(DType.FLOAT, (2,)), ValueType(DType.FLOAT, (None, 3))),
        (ValueType(DType.FLOAT, (1, 3)), ValueType(DType.FLOAT, (2, 3)), ValueType(DType.FLOAT, (1, 3))),
        (UNKNOWN_TYPE, None, UNKNOWN_TYPE),
    ],
)
def test_declared_types_fill_gaps_and_overrule_nothing(kind, declared, expected):
    assert filled(kind, declared) == expected


def test_contents_of_small_numbers_are_read():
    tensor = onnx.numpy_helper.from_array(np.array([[1, 2]], np.int64))
    assert contents_of(tensor) == Contents(DType.INT64, (1, 2), (1, 2))


@pytest.mark.parametrize(
    "tensor",
    [
        onnx.numpy_helper.from_array(np.zeros(5000, np.int64)),
        helper.make_tensor("s", TensorProto.STRING, [1], [b"a"]),
        TensorProto(data_type=TensorProto.FLOAT, dims=[4]),
        TensorProto(data_type=TensorProto.FLOAT, dims=[2], raw_data=b"12345"),
        TensorProto(data_type=99, dims=[1], raw_data=b"1"),
        TensorProto(data_type=TensorProto.FLOAT, dims=[-1]),
    ],
    ids=["large", "text", "absent", "wrong size", "unknown type", "negative"],
)
def test_contents_that_are_large_absent_or_no_numbers_are_not(tensor):
    assert contents_of(tensor) is None


@pytest.mark.parametrize("dims", [[3], [0], [-2], [2, -1]])
def test_bytes_of_another_number_of_elements_tell_nothing(dims):
    tensor = helper.make_tensor("t", TensorProto.INT64, [2], [7, 8])
    tensor.ClearField("int64_data")
    tensor.raw_data = np.array([7, 8], np.int64).tobytes()
    assert contents_of(tensor) == Contents(DType.INT64, (2,), (7, 8))
    del tensor.dims[:]
    tensor.dims.extend(dims)
    assert contents_of(tensor) is None
