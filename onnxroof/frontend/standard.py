"""Which operators does the installed onnx define, and in which opset versions do they change?"""

from __future__ import annotations

from collections.abc import Mapping

from onnx import defs

__all__ = ["standard_versions"]


def standard_versions() -> Mapping[tuple[str, str], tuple[int, ...]]:
    """The versions of every operator that the newest opset still has, by (domain, operator), oldest first."""
    found: dict[tuple[str, str], list[int]] = {}
    living = {(schema.domain, schema.name) for schema in defs.get_all_schemas() if not schema.deprecated}
    for schema in defs.get_all_schemas_with_history():
        if (schema.domain, schema.name) in living:
            found.setdefault((schema.domain, schema.name), []).append(schema.since_version)
    return {key: tuple(sorted(versions)) for key, versions in sorted(found.items())}
