"""The frontend's tables of ONNX are those of the package: `python -m tests.oracles.onnx_tables` renews them."""

import json

import onnx
from onnx import defs

from onnxroof.frontend import proto
from onnxroof.frontend.defaults import FROZEN_OPSET, attribute_defaults
from onnxroof.frontend.infer import CONTRIB_DOMAINS
from onnxroof.frontend.onnx_inference import schema_defaults
from tests.oracles import onnx_tables


def test_the_messages_are_those_of_the_package():
    assert onnx_tables.MESSAGES.read_bytes() == onnx_tables.messages()


def test_the_operators_are_those_of_the_package():
    table = json.loads(onnx_tables.OPERATORS.read_text(encoding="utf-8"))
    assert table["operators"] == onnx_tables.operators()
    assert table["opset"] == FROZEN_OPSET == defs.onnx_opset_version()


def test_defaults_are_those_of_the_schemas_in_every_version():
    def as_text(value):
        return (
            value.decode() if isinstance(value, bytes) else [*map(as_text, value)] if isinstance(value, list) else value
        )

    for op_type in onnx_tables.operators():
        for version in range(1, FROZEN_OPSET + 1):
            stated = schema_defaults(op_type, "", version) or {}
            assert attribute_defaults(op_type, "", version) == {name: as_text(value) for name, value in stated.items()}


def test_the_package_has_no_schemas_in_the_domains_of_the_runtime():
    assert not {schema.domain for schema in defs.get_all_schemas()} & CONTRIB_DOMAINS


def test_messages_keep_what_a_later_format_adds():
    node = onnx.helper.make_node("Relu", ["x"], ["y"])
    later = node.SerializeToString() + bytes((0xF2, 0x3F, 1, 7))  # field 1022 of 1 byte, which no format has yet
    assert proto.NodeProto.FromString(later).SerializeToString() == later
    assert proto.NodeProto.FromString(later).op_type == "Relu"
