"""Operators of com.microsoft as ONNX Runtime itself defines them; run as a program it freezes their attribute
defaults and which inputs they need.

    python -m tests.oracles.runtime_schemas

writes `onnxroof/frontend/contrib_defaults.json`, from which the frontend fills in what a node leaves
out, and knows what it may not.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import onnx
import onnxruntime
from onnxruntime.capi import onnxruntime_pybind11_state as runtime

__all__ = ["DOMAINS", "TABLE", "defaults", "has_cpu_kernel", "operators", "required_inputs", "schema"]

DOMAINS = ("com.microsoft", "com.microsoft.nchwc")
TABLE = Path(__file__).resolve().parents[2] / "onnxroof" / "frontend" / "contrib_defaults.json"


@cache
def _schemas() -> dict[tuple[str, str], Any]:
    return {(s.domain, s.name): s for s in runtime.get_all_operator_schema() if s.domain in DOMAINS}


def operators() -> set[tuple[str, str]]:
    """(domain, type) of every operator that the installed runtime defines in its own domains."""
    return set(_schemas())


def schema(domain: str, op_type: str) -> Any:
    """The runtime's definition of one operator."""
    return _schemas()[domain, op_type]


@cache
def _kernels() -> frozenset[tuple[str, str]]:
    found = runtime.get_all_opkernel_def()
    return frozenset((kernel.domain, kernel.op_name) for kernel in found if kernel.provider == "CPUExecutionProvider")


def has_cpu_kernel(domain: str, op_type: str) -> bool:
    """Whether the installed runtime can run an operator on a CPU."""
    return (domain, op_type) in _kernels()


def defaults(domain: str, op_type: str) -> dict[str, Any]:
    """Values that an operator's attributes take where a node leaves them out, text as `str`."""
    found = {}
    for name, attribute in _schemas()[domain, op_type].attributes.items():
        proto = onnx.AttributeProto.FromString(attribute._default_value)
        if proto.name:
            value = onnx.helper.get_attribute_value(proto)
            found[name] = value.decode() if isinstance(value, bytes) else value
    return dict(sorted(found.items()))


def required_inputs(domain: str, op_type: str) -> list[int]:
    """Positions of the inputs that a node of an operator must have."""
    found = _schemas()[domain, op_type]
    options = [formal.option.name for formal in found.inputs]
    return [index for index in range(found.min_input) if options[min(index, len(options) - 1)] != "Optional"]


def main() -> None:
    """Writes the table."""
    table = {
        "source": "operator schemas of ONNX Runtime, read by tests/oracles/runtime_schemas.py",
        "version": onnxruntime.__version__,
        "operators": {
            domain: {op_type: defaults(domain, op_type) for d, op_type in sorted(operators()) if d == domain}
            for domain in DOMAINS
        },
        "required_inputs": {
            domain: {op_type: required_inputs(domain, op_type) for d, op_type in sorted(operators()) if d == domain}
            for domain in DOMAINS
        },
    }
    TABLE.write_text(json.dumps(table, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
