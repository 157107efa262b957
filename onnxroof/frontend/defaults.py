"""Which values do attributes take that a node leaves out?

Those of the standard operators and of ONNX Runtime's are frozen in tables, so that reading a model of them needs no
schemas; `tests/oracles/onnx_tables.py` and `runtime_schemas.py` write the tables and contract tests hold them against
the installed packages.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

__all__ = ["FROZEN_OPSET", "attribute_defaults", "contrib_defaults", "since_version"]

FROZEN_OPSET = 28
"""The newest version of the standard domain that the table knows; the onnx package is asked what a later one says."""

Defaults = Mapping[str, Any]


@cache
def attribute_defaults(op_type: str, domain: str, version: int) -> Defaults:
    """Defaults of an operator at an opset version of its domain, empty where it does not exist there."""
    if domain in _contrib():
        return contrib_defaults(domain, op_type)
    if domain or version > FROZEN_OPSET:
        from onnxroof.frontend.onnx_inference import schema_defaults

        stated = schema_defaults(op_type, domain, version)
    else:
        since = since_version(op_type, version)
        stated = None if since is None else _standard()[op_type][str(since)]
    return contrib_defaults(domain, op_type) if stated is None else stated


def contrib_defaults(domain: str, op_type: str) -> Defaults:
    """Defaults of an operator of ONNX Runtime's own; empty for an unknown operator."""
    return _contrib().get(domain, {}).get(op_type, {})


@cache
def since_version(op_type: str, version: int) -> int | None:
    """The version up to `version` that last changed a standard operator, None where it did not exist then."""
    known = (int(since) for since in _standard().get(op_type, ()))
    return max((since for since in known if since <= version), default=None)


@cache
def _standard() -> Mapping[str, Mapping[str, Defaults]]:
    found: Mapping[str, Mapping[str, Defaults]] = _table("standard_defaults.json")
    return found


@cache
def _contrib() -> Mapping[str, Mapping[str, Defaults]]:
    found: Mapping[str, Mapping[str, Defaults]] = _table("contrib_defaults.json")
    return found


def _table(name: str) -> Any:
    return json.loads(Path(__file__).with_name(name).read_text(encoding="utf-8"))["operators"]
