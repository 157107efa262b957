"""Which faults of a target file can no single key show?

These checks look at the raw tables, not at validated ones, so that they also speak of a file that has other faults;
what is not shaped as it should be they pass over, since the schema reports it.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping

from onnxroof.dtypes import DType
from onnxroof.targets.faults import Fault
from onnxroof.targets.model import OPERANDS
from onnxroof.targets.toml_lines import KeyPath

__all__ = ["cross_checks", "peak_types"]


def cross_checks(raw: Mapping[str, object], file_stem: str | None, *, is_whole: bool = True) -> Iterator[Fault]:
    """All faults that lie between keys.

    Args:
        raw: The file as `tomllib` gives it.
        file_stem: The name that the id must equal; None where any word will do.
        is_whole: Else it extends what cannot be read: only what is wrong whatever that says is a fault.
    """
    if file_stem is not None and isinstance(raw.get("id"), str) and raw["id"] != file_stem:
        yield Fault(
            path=("id",), message=f"expected the name of the file, `{file_stem}`, found `{raw['id']}`", code="T206"
        )
    yield from _derived(raw)
    yield from _engines(raw)
    yield from _memories(raw)
    yield from _support(raw)
    if is_whole:
        yield from _sources(raw)
        yield from _scopes(raw)
        yield from _efficiencies(raw)


def _derived(raw: Mapping[str, object]) -> Iterator[Fault]:
    sources = raw.get("sources")
    if not isinstance(sources, Mapping):
        return
    for key, source in sources.items():
        if isinstance(source, Mapping) and source.get("kind") == "derived" and not source.get("from"):
            yield Fault(
                path=("sources", key, "from"), message="a derived source says what it was derived from", code="T205"
            )


def _sources(raw: Mapping[str, object]) -> Iterator[Fault]:
    sources = raw.get("sources")
    if not isinstance(sources, Mapping):
        return
    for path, quantity in _quantities(raw, ()):
        key = quantity.get("source")
        if isinstance(key, str) and key not in sources:
            hint = _meant(key, sources) or "the sources are " + ", ".join(f"`{name}`" for name in sources)
            yield Fault(
                path=(*path, "source"), message=f"`{key}` is not defined under [sources]", hint=hint, code="T205"
            )


def _quantities(node: object, path: KeyPath) -> Iterator[tuple[KeyPath, Mapping[str, object]]]:
    """Every inline table that names a source, with its path."""
    if isinstance(node, Mapping):
        if "source" in node:
            yield path, node
            return
        for key, child in node.items():
            if path or key != "sources":  # a source may be called `source`
                yield from _quantities(child, (*path, key))
    elif isinstance(node, list):
        for index, child in enumerate(node):
            yield from _quantities(child, (*path, index))


def _engines(raw: Mapping[str, object]) -> Iterator[Fault]:
    yield from _repeated(raw, "engine", "name")
    for index, engine in _tables(raw.get("engine")):
        seen: dict[tuple[str, str], int] = {}
        for number, peak in _tables(engine.get("peak")):
            types = peak_types(peak)
            if types in seen:
                first = f"engine[{index}].peak[{seen[types]}]"
                message = f"`{types[0]}` into `{types[1]}` has a peak already, {first}"
                yield Fault(path=("engine", index, "peak", number, "input"), message=message, code="T206")
            seen.setdefault(types, number)


def peak_types(peak: Mapping[str, object]) -> tuple[str, str]:
    """Input and accumulator of a peak, the usual accumulator where none is given."""
    name = str(peak.get("input"))
    usual = DType[name].accumulator.name if name in DType.__members__ else ""
    return name, str(peak.get("accumulate", usual))


def _memories(raw: Mapping[str, object]) -> Iterator[Fault]:
    yield from _repeated(raw, "memory", "level")
    for index, memory in _tables(raw.get("memory")):
        for quantity in ("bandwidth", "energy"):
            parts = [key for key in (f"read_{quantity}", f"write_{quantity}") if key in memory]
            if quantity in memory and parts:
                message = f"expected either `{quantity}` or read and write apart, found `{quantity}` and `{parts[0]}`"
                yield Fault(path=("memory", index, quantity), message=message, code="T206")


def _scopes(raw: Mapping[str, object]) -> Iterator[Fault]:
    """What a level needs of the chip, and of its place among the levels."""
    chip = raw.get("chip")
    counts = {"core": "cores", "lane": "lanes"}
    for index, memory in _tables(raw.get("memory")):
        scope = memory.get("scope")
        count = counts.get(scope) if isinstance(scope, str) else None
        if count is not None and not (isinstance(chip, Mapping) and count in chip):
            owner = "the chip has" if scope == "core" else "each core has"
            message = f"expected `chip.{count}` beside the scope `{scope}`, found none"
            yield Fault(
                path=("memory", index, "scope"), message=message, hint=f"say how many {count} {owner}", code="T206"
            )
        if index == 0 and isinstance(holds := memory.get("holds"), list) and not OPERANDS.issubset(map(str, holds)):
            message = "expected an outermost level that holds every operand, found `holds` without some"
            hint = "everything comes from the first [[memory]] and goes back there: leave `holds` out"
            yield Fault(path=("memory", index, "holds"), message=message, hint=hint, code="T206")


def _efficiencies(raw: Mapping[str, object]) -> Iterator[Fault]:
    efficiencies = raw.get("efficiency")
    if not isinstance(efficiencies, Mapping):
        return
    names = [engine.get("name") for _, engine in _tables(raw.get("engine"))]
    names += [memory.get("level") for _, memory in _tables(raw.get("memory"))]
    known = list(dict.fromkeys(name for name in names if isinstance(name, str)))
    for key in efficiencies:
        if key not in known:
            hint = _meant(key, known) or "they are " + ", ".join(f"`{name}`" for name in known)
            yield Fault(
                path=("efficiency", key), message="expected the name of an engine or a level", hint=hint, code="T206"
            )


def _support(raw: Mapping[str, object]) -> Iterator[Fault]:
    support = raw.get("support")
    if not isinstance(support, Mapping):
        return
    operators, constant = support.get("operators"), support.get("constant_weights")
    if not isinstance(operators, list) or not isinstance(constant, list):
        return
    for index, name in enumerate(constant):
        if isinstance(name, str) and name not in operators:
            hint = _meant(name, map(str, operators)) or "an operator that is left out runs on the host anyway"
            message = f"expected one of `operators`, found `{name}`"
            yield Fault(path=("support", "constant_weights", index), message=message, hint=hint, code="T206")


def _repeated(raw: Mapping[str, object], array: str, key: str) -> Iterator[Fault]:
    first: dict[str, int] = {}
    for index, table in _tables(raw.get(array)):
        name = table.get(key)
        if not isinstance(name, str):
            continue
        if name in first:
            message = f"expected a name of its own, found `{name}` again, as {array}[{first[name]}]"
            yield Fault(path=(array, index, key), message=message, code="T206")
        first.setdefault(name, index)


def _tables(node: object) -> Iterator[tuple[int, Mapping[str, object]]]:
    if isinstance(node, list):
        yield from ((index, table) for index, table in enumerate(node) if isinstance(table, Mapping))


def _meant(word: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(word, list(known), n=1)
    return f"did you mean `{close[0]}`?" if close else ""
