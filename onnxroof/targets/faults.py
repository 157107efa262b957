"""What is wrong with a target file, in words: faults, and the line that each stands on."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from onnxroof.errors import Diagnostic
from onnxroof.targets.schema import FAULT, QuantityTable, TargetTable
from onnxroof.targets.toml_lines import KeyPath, key_lines, line_of

__all__ = ["Fault", "diagnostics", "schema_faults", "table_at"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One fault of a target file, not yet placed on a line.

    Attributes:
        path: The key that is at fault.
        message: What was expected and what was found.
        hint: What to do, or "".
        code: Stable name of the kind of fault.
    """

    path: KeyPath
    message: str
    hint: str = ""
    code: str


def diagnostics(faults: Iterable[Fault], text: str, path: str) -> Iterator[Diagnostic]:
    """The faults of a file with `FILE:LINE` and key, sorted by line.

    Args:
        faults: In any order.
        text: The file, valid TOML.
        path: What the diagnostics call it.
    """
    lines = key_lines(text)
    placed = [(line_of(fault.path, lines), _key(fault.path), fault) for fault in faults]
    for line, key, fault in sorted(placed, key=lambda item: item[:2]):
        yield Diagnostic(where=f"{path}:{line}", message=f"{key}: {fault.message}", hint=fault.hint, code=fault.code)


def schema_faults(error: ValidationError) -> list[Fault]:
    """What the schema found, in our words."""
    return [_fault(details) for details in error.errors(include_url=False)]


def _key(path: KeyPath) -> str:
    """`engine[0].peak[1].rate.unit`."""
    key = ""
    for part in path:
        key += f"[{part}]" if isinstance(part, int) else f".{_printable(part)}" if key else _printable(part)
    return key


def _printable(text: str) -> str:
    """A text of the file without what a terminal would obey."""
    return "".join(character if character.isprintable() else "?" for character in text)


_WHY_REQUIRED = {"unit": "every number has a unit", "source": "every number names its source"}
_EXPECTED = {
    "string_type": "text",
    "float_type": "a number",
    "int_type": "a whole number",
    "bool_type": "true or false",
    "date_type": "a date",
    "list_type": "an array",
    "dict_type": "a table",
    "finite_number": "a finite number",
}
_BOUNDS = {"greater_than": "more than {gt}", "greater_than_equal": "at least {ge}", "less_than_equal": "at most {le}"}
_PATTERNS = {
    ("id",): "expected a kebab-case word such as `example-npu-16`, found {found}",
    ("modes",): "expected a kebab-case word such as `15w`, found {found}",
    ("special_cost",): "expected the name of an operation in capitals such as `EXP`, found {found}",
}


def _fault(details: ErrorDetails) -> Fault:
    path = tuple(part for part in details["loc"] if part != "[key]")
    kind, found, context = details["type"], details["input"], details.get("ctx", {})
    if kind == FAULT:
        return Fault(path=path, message=context["message"], hint=context["hint"], code=context["code"])
    if kind == "missing":
        why = _WHY_REQUIRED.get(str(path[-1]), "")
        return Fault(path=path, message="required, but absent" + (f": {why}" if why else ""), code="T201")
    if kind == "extra_forbidden":
        allowed = _keys_of_table(path)
        close = difflib.get_close_matches(str(path[-1]), allowed, n=1)
        hint = f"did you mean `{close[0]}`?" if close else "the keys here are " + ", ".join(allowed)
        return Fault(path=path, message="expected a key of the format, found an unknown one", hint=hint, code="T202")
    if kind == "literal_error":
        allowed = _choices(str(context["expected"]))
        close = difflib.get_close_matches(str(found), allowed, n=1)
        hint = f"did you mean `{close[0]}`?" if close and found not in allowed else ""
        return Fault(
            path=path, message=f"expected {' | '.join(allowed)}, found {_shown(found)}", hint=hint, code="T203"
        )
    if kind in _BOUNDS:
        bound = _BOUNDS[kind].format(**{key: f"{value:g}" for key, value in context.items()})
        return Fault(path=path, message=f"expected {bound}, found {_shown(found)}", code="T203")
    if kind == "string_pattern_mismatch":
        form = next((text for key, text in _PATTERNS.items() if key[0] in path), "expected a word, found {found}")
        return Fault(path=path, message=form.format(found=_shown(found)), code="T203")
    if kind == "too_short":
        return Fault(path=path, message="expected at least one, found none", code="T203")
    if kind == "model_type":
        return Fault(path=path, message=f"expected {_form(path)}, found {_shown(found)}", code="T203")
    expected = _EXPECTED.get(kind)
    message = f"expected {expected}, found {_shown(found)}" if expected else details["msg"]
    return Fault(path=path, message=message, code="T203")


def _shown(found: object) -> str:
    """A value as the file would write it, cut to a line's length."""
    if isinstance(found, bool):
        return f"`{str(found).lower()}`"
    if isinstance(found, Mapping):
        return "a table"
    if isinstance(found, list):
        return "an array"
    text = _printable(str(found))
    return f"`{text if len(text) <= 60 else text[:57] + '...'}`"


def _choices(expected: str) -> list[str]:
    """The alternatives of pydantic's "'a', 'b' or 'c'"."""
    return re.findall(r"'([^']*)'", expected) or [expected]


def table_at(path: KeyPath) -> type[BaseModel] | None:
    """The class that describes the table at a path; None where the path leaves the format."""
    table: type[BaseModel] | None = TargetTable
    named_freely = False  # the next part is a name that the user gives, of a source, an efficiency or a mode
    for part in path:
        if table is None:
            return None
        if isinstance(part, int) or named_freely:
            named_freely = False
            continue
        field = next((f for name, f in table.model_fields.items() if part in (name, f.alias)), None)
        if field is None:
            return None
        named_freely = part in ("sources", "efficiency", "modes")
        table = _inner_table(field.annotation)
    return table


def _inner_table(annotation: object) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((inner for inner in map(_inner_table, get_args(annotation)) if inner is not None), None)


def _keys_of_table(path: KeyPath) -> list[str]:
    table = table_at(path[:-1])
    return [field.alias or name for name, field in table.model_fields.items()] if table is not None else []


def _form(path: KeyPath) -> str:
    table = table_at(path)
    if table is not None and issubclass(table, QuantityTable):
        return "{ value = ..., unit = ..., source = ... }"
    return "a table"
