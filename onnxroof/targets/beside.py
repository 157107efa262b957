"""Which faults of a target file are its own, whatever is wrong with the file that it extends?"""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import ValidationError

from onnxroof.targets.checks import cross_checks
from onnxroof.targets.extend import extended, is_never_inherited
from onnxroof.targets.faults import Fault, schema_faults
from onnxroof.targets.schema import TargetTable
from onnxroof.targets.toml_lines import KeyPath

__all__ = ["faults_beside", "validated"]

_NOTHING = object()


def validated(raw: Mapping[str, object]) -> tuple[TargetTable | None, list[Fault]]:
    """Tables of a description by the schema, None where that has faults, and these."""
    try:
        return TargetTable.model_validate(raw), []
    except ValidationError as error:
        return None, schema_faults(error)


def faults_beside(own: Mapping[str, object], base: Mapping[str, object] | None, file_stem: str | None) -> list[Fault]:
    """Faults of a file beside those of its base.

    Args:
        own: Tables of the file.
        base: Tables of what it extends, which has faults; None where they are not known: only what no base could mend
            is then a fault.
        file_stem: The name that the id must equal; None where any word will do.
    """
    if base is None or not _is_shaped(base):
        faults = [*cross_checks(own, file_stem, is_whole=False), *validated(own)[1]]
        return [fault for fault in faults if fault.code != "T201" or is_never_inherited(fault.path)]
    whole = extended(base, own)
    found = []
    for fault in (*cross_checks(whole.raw, file_stem), *validated(whole.raw)[1]):
        place = whole.place(fault.path)
        if place == ("extends",) != fault.path:
            continue
        table = _at(own, place[:-1])
        # A key that is absent is missed in the file where the base has nothing of that table.
        is_missed = table is not _NOTHING and (is_never_inherited(place) or table == _at(whole.raw, fault.path[:-1]))
        if is_missed or _at(own, place) is not _NOTHING:
            found.append(Fault(path=place, message=fault.message, hint=fault.hint, code=fault.code))
    return found


def _is_shaped(base: Mapping[str, object]) -> bool:
    """Whether what others refer to by name can be found in it."""
    tables, arrays = ("sources", "chip"), ("engine", "memory")
    return all(isinstance(base.get(key, {}), Mapping) for key in tables) and all(
        isinstance(base.get(key, []), list) for key in arrays
    )


def _at(tables: object, path: KeyPath) -> object:
    """What stands at a path."""
    for part in path:
        if isinstance(tables, Mapping):
            tables = tables.get(part, _NOTHING)
        elif isinstance(tables, list) and isinstance(part, int) and part < len(tables):
            tables = tables[part]
        else:
            return _NOTHING
    return tables
