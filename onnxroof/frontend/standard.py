"""Which operators does the installed onnx define, and in which opset versions do they change?"""

from __future__ import annotations

from collections.abc import Mapping

from onnx import defs

__all__ = ["standard_versions"]


def standard_versions() -> Mapping[tuple[str, str], tuple[int, ...]]:
    """The versions of every operator by (domain, operator), oldest first, without one that only ends it."""
    found: dict[tuple[str, str], list[defs.OpSchema]] = {}
    for schema in defs.get_all_schemas_with_history():
        found.setdefault((schema.domain, schema.name), []).append(schema)
    for versions in found.values():
        versions.sort(key=lambda schema: schema.since_version)
        if versions[-1].deprecated:
            versions.pop()
    return {key: tuple(schema.since_version for schema in found[key]) for key in sorted(found)}
