"""The JSON Schema of target files says what the reader says, as far as a schema can."""

from __future__ import annotations

import copy
import datetime
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from onnxroof.errors import TargetError
from onnxroof.targets.read import read_target_text
from onnxroof.targets.schema import json_schema

ROOT = Path(__file__).parents[3]
EXAMPLE = ROOT / "tests" / "data" / "example-npu-16.toml"
SCHEMA = json_schema()
KINDS = {"string": str, "integer": int, "number": (int, float), "boolean": bool, "array": list, "object": dict}
KINDS |= {"null": type(None), "any": object}


def violations(value: Any, schema: dict[str, Any], path: str = "") -> Iterator[str]:
    """What a JSON Schema refuses, after the words of its specification that our schema uses."""
    if "$ref" in schema:
        yield from violations(value, SCHEMA["$defs"][schema["$ref"].removeprefix("#/$defs/")], path)
    if "anyOf" in schema and all(any(violations(value, part, path)) for part in schema["anyOf"]):
        yield f"{path}: none of the alternatives"
    if "const" in schema and value != schema["const"]:
        yield f"{path}: constant"
    if "enum" in schema and value not in schema["enum"]:
        yield f"{path}: none of the words"
    kind = schema.get("type", "any")
    is_of_kind = isinstance(value, KINDS[kind]) and not (isinstance(value, bool) and kind in ("integer", "number"))
    if not is_of_kind:
        yield f"{path}: no {kind}"
        return
    if isinstance(value, str) and not re.search(schema.get("pattern", ""), value):
        yield f"{path}: pattern"
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        is_in = value >= schema.get("minimum", value) and value <= schema.get("maximum", value)
        if not is_in or value <= schema.get("exclusiveMinimum", value - 1):
            yield f"{path}: bounds"
    if isinstance(value, list):
        if len(value) < schema.get("minItems", 0):
            yield f"{path}: too few"
        for index, item in enumerate(value):
            yield from violations(item, schema.get("items", {}), f"{path}[{index}]")
    if isinstance(value, dict):
        yield from (f"{path}.{key}: absent" for key in schema.get("required", []) if key not in value)
        if len(value) < schema.get("minProperties", 0):
            yield f"{path}: too few"
        known = schema.get("properties", {})
        for key, item in value.items():
            others = schema.get("additionalProperties", True)
            patterns = schema.get("patternProperties", {})
            if key in known:
                yield from violations(item, known[key], f"{path}.{key}")
            elif patterns:
                matching = [part for pattern, part in patterns.items() if re.search(pattern, key)]
                yield from (found for part in matching for found in violations(item, part, f"{path}.{key}"))
                if not matching and others is False:
                    yield f"{path}.{key}: unknown"
            elif others is False:
                yield f"{path}.{key}: unknown"
            elif isinstance(others, dict):
                yield from violations(item, others, f"{path}.{key}")


def as_json(text: str) -> Any:
    """A TOML text as an editor hands it to a schema: dates are texts."""

    def plain(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: plain(item) for key, item in value.items()}
        if isinstance(value, list):
            return [plain(item) for item in value]
        return value.isoformat() if isinstance(value, datetime.date) else value

    return plain(tomllib.loads(text))


@pytest.mark.parametrize("path", [*sorted((ROOT / "hwdb").glob("*.toml")), EXAMPLE], ids=lambda path: path.stem)
def test_sound_files_pass(path: Path) -> None:
    assert list(violations(as_json(path.read_text(encoding="utf-8")), SCHEMA)) == []


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("schema = 1 ", "schema = 2 "),
        ('class = "edge NPU"', 'class = "edge"'),
        ('unit = "TOP/s"', 'unit = "TOPS"'),
        ('68, unit = "GB/s"', '68, unit = "GB"'),
        ('68, unit = "GB/s"', '"68", unit = "GB/s"'),
        ('68, unit = "GB/s"', '0, unit = "GB/s"'),
        ('68, unit = "GB/s", source = "sheet"', '68, unit = "GB/s"'),
        ('input = "INT8"', 'input = "int8"'),
        ('input = "INT8"', 'inputs = "INT8"'),
        ('runs = ["mac"]', "runs = []"),
        ('runs = ["mac"]', 'runs = ["macs"]'),
        ('runs = ["mac"]', ""),
        ("n = 32", "n = 0"),
        ("EXP = 4", "exp = 4"),
        ("usable = 1.0", "usable = 2.0"),
        ("overlap = true", "overlap = 1"),
        ('name = "matrix"', ""),
        ('id = "example-npu-16"', 'id = "Example"'),
        ('name = "Example NPU, 16 GiB"', 'name = "a\\u0007b"'),
        ("cores = 4", "cores = 4.5"),
        ('kind = "vendor"', 'kind = "hearsay"'),
    ],
)
def test_the_schema_refuses_what_the_reader_refuses(before: str, after: str) -> None:
    text = EXAMPLE.read_text(encoding="utf-8")
    assert before in text
    text = text.replace(before, after, 1)
    assert list(violations(as_json(text), SCHEMA))
    with pytest.raises(TargetError):
        read_target_text(text, path="f.toml")


def test_a_file_that_extends_may_leave_out_what_its_base_has() -> None:
    head = {"schema": 1, "id": "mine", "name": "Mine"}
    engine = {"name": "matrix", "peak": [{"input": "INT8"}]}
    assert list(violations({**head, "extends": "hailo-8", "engine": [engine]}, SCHEMA)) == []
    assert list(violations({**head, "engine": [engine]}, SCHEMA))
    assert list(violations({"schema": 1, "extends": "hailo-8"}, SCHEMA))


def test_every_table_says_what_it_is() -> None:
    assert all(table.get("description") for table in SCHEMA["$defs"].values())
    assert SCHEMA["$schema"].startswith("https://json-schema.org/")
    before = copy.deepcopy(SCHEMA)
    assert json_schema() == before
