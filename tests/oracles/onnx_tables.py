"""What the frontend knows of ONNX without importing it, as the package states it; run as a program it freezes it.

    python -m tests.oracles.onnx_tables

writes `onnxroof/frontend/onnx_messages.binpb`, the definition of the file format, and
`onnxroof/frontend/standard_operators.json`, what a node of a standard operator may have in every opset version.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import onnx
from onnx import defs, helper

__all__ = ["MESSAGES", "OPERATORS", "messages", "operators"]

_FRONTEND = Path(__file__).resolve().parents[2] / "onnxroof" / "frontend"
MESSAGES = _FRONTEND / "onnx_messages.binpb"
OPERATORS = _FRONTEND / "standard_operators.json"


def messages() -> bytes:
    """The serialized `FileDescriptorProto` of onnx-ml.proto."""
    content: bytes = onnx.ModelProto.DESCRIPTOR.file.serialized_pb
    return content


def operators() -> dict[str, dict[str, Any]]:
    """By standard operator and opset version that changed it: counts of operands, and attributes.

    Counts are the least and the most inputs, the least and the most outputs. An attribute has its type, and its default
    if there is one, text as `str`.
    """
    found: dict[str, dict[str, Any]] = {}
    for schema in sorted(defs.get_all_schemas_with_history(), key=lambda s: (s.name, s.since_version)):
        if not schema.domain:
            found.setdefault(schema.name, {})[str(schema.since_version)] = [
                [schema.min_input, schema.max_input, schema.min_output, schema.max_output],
                {name: _attribute(attribute) for name, attribute in sorted(schema.attributes.items())},
            ]
    return found


def _attribute(attribute: defs.OpSchema.Attribute) -> list[Any]:
    kind = [attribute.type.value]
    if not attribute.default_value.type:
        return kind
    return [*kind, _plain(helper.get_attribute_value(attribute.default_value))]


def _plain(value: Any) -> Any:
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return value.decode() if isinstance(value, bytes) else value


def main() -> None:
    """Writes the tables."""
    MESSAGES.write_bytes(messages())
    head = {
        "source": "operator schemas of the onnx package, read by tests/oracles/onnx_tables.py",
        "version": onnx.__version__,
        "opset": defs.onnx_opset_version(),
    }
    lines = ",\n".join(f"{json.dumps(name)}: {json.dumps(versions)}" for name, versions in operators().items())
    OPERATORS.write_text(f'{json.dumps(head)[:-1]}, "operators": {{\n{lines}\n}}}}\n', encoding="utf-8")


if __name__ == "__main__":
    main()
