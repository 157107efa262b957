"""What may a node of an operator have, and which values do the attributes take that it leaves out?

Of the standard operators and of ONNX Runtime's this is frozen in tables, so that reading a model of them needs no
schemas; `tests/oracles/onnx_tables.py` and `runtime_schemas.py` write the tables and contract tests hold them against
the installed packages.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

__all__ = ["FROZEN_OPSET", "Signature", "attribute_defaults", "contrib_defaults", "missing_input", "signature"]

FROZEN_OPSET = 28
"""The newest version of the standard domain that the table knows; the onnx package is asked what a later one says."""

Defaults = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature:
    """What a node of an operator may have.

    Attributes:
        since: The opset version that last changed the operator.
        inputs: The least and the most.
        outputs: The least and the most.
        types: Of the attributes by name, as `AttributeProto.type` has them.
        defaults: Of those attributes that have one.
    """

    since: int
    inputs: tuple[int, int]
    outputs: tuple[int, int]
    types: Mapping[str, int]
    defaults: Defaults


@cache
def attribute_defaults(op_type: str, domain: str, version: int) -> Defaults:
    """Defaults of an operator at an opset version of its domain, empty where it does not exist there."""
    if domain in _contrib():
        return contrib_defaults(domain, op_type)
    if domain or version > FROZEN_OPSET:
        from onnxroof.frontend.onnx_inference import schema_defaults

        stated = schema_defaults(op_type, domain, version)
    else:
        known = signature(op_type, version)
        stated = None if known is None else known.defaults
    return contrib_defaults(domain, op_type) if stated is None else stated


def contrib_defaults(domain: str, op_type: str) -> Defaults:
    """Defaults of an operator of ONNX Runtime's own; empty for an unknown operator."""
    return _contrib().get(domain, {}).get(op_type, {})


@cache
def signature(op_type: str, version: int) -> Signature | None:
    """What a standard operator has at an opset version up to `FROZEN_OPSET`, None where it does not exist then."""
    versions = _standard().get(op_type, {})
    since = max((int(known) for known in versions if int(known) <= version), default=None)
    if since is None:
        return None
    (least_in, most_in, least_out, most_out), attributes = versions[str(since)]
    return Signature(
        since=since, inputs=(least_in, most_in), outputs=(least_out, most_out),
        types={name: entry[0] for name, entry in attributes.items()},
        defaults={name: entry[1] for name, entry in attributes.items() if len(entry) > 1},
    )  # fmt: skip


def missing_input(op_type: str, domain: str, version: int, is_there: Sequence[bool]) -> int | None:
    """Position of the first input that an operator needs and a node does not have, None where it has all.

    Args:
        op_type: The operator.
        domain: Its domain; nothing is known of what those of nobody's schema need.
        version: Opset version of the domain.
        is_there: Of each input that the node lists, whether it has a name.
    """
    # Where a resize goes by sizes, exporters leave out what its early versions need without reading it.
    may_be_nameless = op_type == "Resize" and len(is_there) > 3
    for index in _needed_inputs(op_type, domain, version):
        if index >= len(is_there) or not (is_there[index] or (index and may_be_nameless)):
            return index
    return None


@cache
def _needed_inputs(op_type: str, domain: str, version: int) -> Sequence[int]:
    """Positions of the inputs that an operator needs, in order."""
    if domain in _contrib():
        return _contrib_inputs()[domain].get(op_type, ())
    if domain or version > FROZEN_OPSET:
        from onnxroof.frontend.onnx_inference import least_inputs

        least = least_inputs(op_type, domain, version)
    else:
        known = signature(op_type, version)
        least = 0 if known is None else known.inputs[0]
    return range(least)


@cache
def _standard() -> Mapping[str, Mapping[str, Any]]:
    found: Mapping[str, Mapping[str, Any]] = _table("standard_operators.json")["operators"]
    return found


@cache
def _contrib() -> Mapping[str, Mapping[str, Defaults]]:
    found: Mapping[str, Mapping[str, Defaults]] = _table("contrib_defaults.json")["operators"]
    return found


@cache
def _contrib_inputs() -> Mapping[str, Mapping[str, Sequence[int]]]:
    found: Mapping[str, Mapping[str, Sequence[int]]] = _table("contrib_defaults.json")["required_inputs"]
    return found


@cache
def _table(name: str) -> Any:
    return json.loads(Path(__file__).with_name(name).read_text(encoding="utf-8"))
