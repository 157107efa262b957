"""What the frontend knows of ONNX without importing it, as the package states it; run as a program it freezes it.

    python -m tests.oracles.onnx_tables

writes `onnxroof/frontend/onnx_messages.binpb`, the definition of the file format, and
`onnxroof/frontend/standard_defaults.json`, the attribute defaults of the standard operators in every opset version.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import onnx
from onnx import defs, helper

__all__ = ["DEFAULTS", "MESSAGES", "defaults", "messages"]

_FRONTEND = Path(__file__).resolve().parents[2] / "onnxroof" / "frontend"
MESSAGES = _FRONTEND / "onnx_messages.binpb"
DEFAULTS = _FRONTEND / "standard_defaults.json"


def messages() -> bytes:
    """The serialized `FileDescriptorProto` of onnx-ml.proto."""
    content: bytes = onnx.ModelProto.DESCRIPTOR.file.serialized_pb
    return content


def defaults() -> dict[str, dict[str, dict[str, Any]]]:
    """Attributes that have a default, text as `str`, by standard operator and opset version that changed it."""
    found: dict[str, dict[str, dict[str, Any]]] = {}
    for schema in sorted(defs.get_all_schemas_with_history(), key=lambda s: (s.name, s.since_version)):
        if schema.domain:
            continue
        stated = {}
        for name, attribute in sorted(schema.attributes.items()):
            if attribute.default_value.type:
                stated[name] = _plain(helper.get_attribute_value(attribute.default_value))
        found.setdefault(schema.name, {})[str(schema.since_version)] = stated
    return found


def _plain(value: Any) -> Any:
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return value.decode() if isinstance(value, bytes) else value


def main() -> None:
    """Writes the tables."""
    MESSAGES.write_bytes(messages())
    table = {
        "source": "operator schemas of the onnx package, read by tests/oracles/onnx_tables.py",
        "version": onnx.__version__,
        "opset": defs.onnx_opset_version(),
        "operators": defaults(),
    }
    DEFAULTS.write_text(json.dumps(table, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
