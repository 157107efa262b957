"""What does a target file say that changes another, its base?

Both are tables as `tomllib` gives them, not yet validated. Engines of one name, peaks of one type, levels of one name,
and the tables of one key are merged; everything else, quantities, arrays and lists among it, is replaced as a whole.
An engine, peak or level that the base lacks goes behind the one that stands before it in the changes, or to the end.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from onnxroof.targets.checks import peak_types
from onnxroof.targets.toml_lines import KeyPath

__all__ = ["Extended", "extended", "is_never_inherited"]

_OWN = frozenset({"schema", "id", "name", "extends"})  # what a file says of itself is not inherited
_MERGED = frozenset({"chip", "efficiency", "layout", "modes", "special_cost", "support"})
_OF_A_NUMBER = frozenset({"value", "unit", "source"})  # numbers and sources are replaced whole
_APART = ("bandwidth", "energy")

Match = Callable[[Mapping[str, object], Sequence[object]], int | None]


@dataclass(frozen=True, slots=True)
class Extended:
    """A base with changes.

    Attributes:
        raw: The tables of the whole.
        places: Where an element of an array of tables stands in the changes, by its place in the whole; None where
            there is no base, so that everything stands where it is.
    """

    raw: dict[str, object]
    places: dict[KeyPath, KeyPath] | None = None

    def place(self, path: KeyPath) -> KeyPath:
        """A path in the whole as a path in the changes; `extends` where all of it comes from the base."""
        if self.places is None:
            return path
        for length in range(len(path), 0, -1):
            if path[:length] in self.places:
                return (*self.places[path[:length]], *path[length:])
        return ("extends",) if any(key in _MATCHES for key in path[:-1]) else path


def is_never_inherited(path: KeyPath) -> bool:
    """Whether a key must stand in the file itself, whatever that extends: of the file, of a number or of a source."""
    return path[0] in _OWN or (path[0] == "sources" and len(path) > 1) or path[-1] in _OF_A_NUMBER


def extended(base: Mapping[str, object], changes: Mapping[str, object]) -> Extended:
    """A base with changes.

    Args:
        base: Tables of a sound target.
        changes: Tables of the file that extends it; what is not shaped as it should be is kept, for the schema to find.
    """
    places: dict[KeyPath, KeyPath] = {}
    inherited = {key: value for key, value in base.items() if key not in _OWN}
    own_sources, base_sources = changes.get("sources", {}), inherited.pop("sources", {})
    if isinstance(own_sources, Mapping) and isinstance(base_sources, Mapping):
        names = _new_names(base_sources, own_sources, str(base.get("id")))
        renamed = {names.get(key, key): source for key, source in base_sources.items()}
        inherited = {key: _resourced(value, names) for key, value in inherited.items()}
        changes = {**changes, "sources": {**own_sources, **renamed}}
    return Extended(_table(inherited, changes, places, (), ()), places)


def _new_names(base: Mapping[str, object], own: Mapping[str, object], base_id: str) -> dict[str, str]:
    """New keys for sources of the base, so that a number of the base never names a source of the changes."""
    names = {}
    for key in base:
        if key in own and own[key] != base[key]:
            free = (f"{base_id}:{key}" + "'" * count for count in itertools.count())
            names[key] = next(name for name in free if name not in own and name not in base)
    return names


def _resourced(node: object, names: Mapping[str, str]) -> object:
    if isinstance(node, Mapping):
        return {
            key: names.get(str(value), value) if key == "source" else _resourced(value, names)
            for key, value in node.items()
        }
    return [_resourced(item, names) for item in node] if isinstance(node, list) else node


def _table(
    base: Mapping[str, object],
    own: Mapping[str, object],
    places: dict[KeyPath, KeyPath],
    path: KeyPath,
    own_path: KeyPath,
) -> dict[str, object]:
    """One table with its changes; `path` and `own_path` are where it stands in the whole and in the changes."""
    kept = dict(base)
    for word in _APART:  # given as a whole or for reads and writes apart, never both
        apart = (f"read_{word}", f"write_{word}")
        gone = apart if word in own else (word,) if any(name in own for name in apart) else ()
        kept = {key: value for key, value in kept.items() if key not in gone}
    for key, value in own.items():
        before = kept.get(key)
        match = _MATCHES.get(key)
        if match is not None and isinstance(value, list) and isinstance(before, list):
            kept[key] = _array(before, value, match, places, (*path, key), (*own_path, key))
        elif key in _MERGED and isinstance(value, Mapping) and isinstance(before, Mapping):
            kept[key] = {**before, **value}
        else:
            kept[key] = value
            if match is not None and isinstance(value, list):  # all of it is new
                for index in range(len(value)):
                    places[*path, key, index] = (*own_path, key, index)
    return kept


def _array(
    base: list[object],
    own: list[object],
    match: Match,
    places: dict[KeyPath, KeyPath],
    path: KeyPath,
    own_path: KeyPath,
) -> list[object]:
    order: list[tuple[object, int | None]] = [(item, None) for item in base]  # with the index among the changes
    behind = len(order)
    for index, item in enumerate(own):
        found = match(item, [entry for entry, _ in order]) if isinstance(item, Mapping) else None
        if found is not None and order[found][1] is None:
            order[found] = (order[found][0], index)
            behind = found + 1
        else:  # new, or named twice, which the checks find
            order.insert(behind, (item, index))
            behind += 1
    merged: list[object] = []
    for position, (item, change) in enumerate(order):
        entry = item
        if change is not None:
            places[*path, position] = (*own_path, change)
            changes = own[change]
            if isinstance(item, Mapping) and isinstance(changes, Mapping):
                old = {} if item is changes else item
                entry = _table(old, changes, places, (*path, position), (*own_path, change))
        merged.append(entry)
    return merged


def _by(key: str) -> Match:
    def match(item: Mapping[str, object], entries: Sequence[object]) -> int | None:
        name = item.get(key)
        return next((i for i, e in enumerate(entries) if isinstance(e, Mapping) and e.get(key) == name), None)

    return match


def _same_type(item: Mapping[str, object], entries: Sequence[object]) -> int | None:
    """The peak of the same types; without an accumulator, the only peak of that input."""
    peaks = [(index, entry) for index, entry in enumerate(entries) if isinstance(entry, Mapping)]
    if "accumulate" not in item:
        of_input = [index for index, entry in peaks if entry.get("input") == item.get("input")]
        if len(of_input) == 1:
            return of_input[0]
    return next((index for index, entry in peaks if peak_types(entry) == peak_types(item)), None)


_MATCHES: Mapping[str, Match] = {"engine": _by("name"), "peak": _same_type, "memory": _by("level")}
