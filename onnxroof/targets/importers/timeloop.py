"""What machine does an architecture file of Timeloop, with or without Accelergy, describe?

Of the versions 0.2 to 0.4 (`architecture`, a tree of containers and components) and of the form before them (`arch`,
an arithmetic and its storage). The innermost component is what computes. Capacities are words times their width,
bandwidths words a cycle. Energies are Accelergy's, in files of their own, and so unknown here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from onnxroof.errors import TargetError
from onnxroof.targets.importers.machine import OPERANDS, Machine, Memory
from onnxroof.targets.importers.yaml_file import Table, table

__all__ = ["timeloop_machine"]

_MAX_DEPTH = 64
_RANGE = re.compile(r"(?P<name>.*)\[(?P<first>\d+)\.\.(?P<last>\d+)\]")
_PLAIN = re.compile(r"\d+(?:\.\d*)?(?:[eE][+-]?\d+)?", re.ASCII)
_NANOMETRES = re.compile(r"(\d+(?:\.\d+)?)\s*nm")
_DATASPACES = {"inputs": "input", "weights": "weight", "outputs": "output"}
_WORD = ("word-bits", "word_bits", "datawidth", "data_width")
_DEPTH = ("depth", "memory_depth", "entries")
_WIDTH = ("width", "memory_width")
_STORES = {*_DEPTH, *_WIDTH, "sizeKB", "size", "read_bandwidth", "write_bandwidth", "shared_bandwidth"}
_READ = {*_STORES, *_WORD, "technology", "block-size", "block_size", "global_cycle_seconds"}
_INTEGERS = {4: "INT4", 8: "INT8", 16: "INT16", 32: "INT32"}
_FLOATS = {16: "FLOAT16", 32: "FLOAT", 64: "DOUBLE"}


@dataclass(frozen=True, slots=True)
class _Component:
    """A component, with how many of it there are and what holds for all around it."""

    name: str
    klass: str
    attributes: dict[str, Any]
    instances: int
    constraints: Table


def timeloop_machine(file: Table, path: str) -> Machine:
    """The machine of an architecture file.

    Raises:
        TargetError: There is nothing in it that computes, or nothing that stores.
    """
    components = list(_legacy(table(file["arch"]))) if "arch" in file else _tree(table(file["architecture"]), path)
    stores = [component for component in components[:-1] if _is_storage(component)]
    if not components or _is_storage(components[-1]) or not stores:
        raise TargetError.at(
            path, "expected storage components with one that computes innermost, found no such tree", code="T106"
        )
    compute = components[-1]
    notes = [
        f"{component.name} ({component.klass or 'no class'}): left out, it neither stores nor computes"
        for component in components[:-1]
        if not _is_storage(component)
    ]
    ignored = sorted({key for component in (*stores, compute) for key in component.attributes} - _READ - {"class"})
    if ignored:
        notes.append(f"of the components: {', '.join(ignored)} left out")
    memories = tuple(_memory(component, notes) for component in stores)
    if memories[0].instances != 1 or memories[0].holds != OPERANDS:
        raise TargetError.at(
            path, f"expected an outermost storage of which there is one, found {stores[0].name}", code="T106"
        )
    notes.append("energies: not in the file (Accelergy computes them), unknown")
    notes.append("array: which loops it unrolls is in Timeloop's constraints, so it counts as always full")
    if "arch" in file or not any(component.constraints for component in components):
        notes.append("levels that constraints in another file let an operand pass by: set `holds` by hand")
    named = (compute.attributes, table(file.get("variables")))
    seconds = next((found for one in named if (found := _number(one.get("global_cycle_seconds")))), None)
    process = _NANOMETRES.fullmatch(str(compute.attributes.get("technology", "")).strip())
    return Machine(
        name=_name(file, components),
        tool="Timeloop",
        macs=compute.instances,
        type=_type(compute, notes),
        memories=memories,
        process_nm=float(process[1]) if process else None,
        clock_hz=1 / seconds if seconds else None,
        notes=tuple(notes),
    )


def _tree(architecture: Table, path: str) -> list[_Component]:
    found: list[_Component] = []
    if "nodes" in architecture:
        _nodes(architecture["nodes"], {}, 1, found, path, 0)
    else:
        _subtree(architecture.get("subtree"), {}, 1, found, path, 0)
    return found


def _nodes(nodes: object, around: dict[str, Any], fan: int, found: list[_Component], path: str, depth: int) -> None:
    """Version 0.4: each node is inside all before it, but those of a `!Parallel` are beside each other."""
    _refuse_depth(path, depth)
    for node in nodes if isinstance(nodes, list) else []:
        one = table(node)
        if "nodes" in one:
            _nodes(one["nodes"], around, fan, found, path, depth + 1)
            continue
        name, count = _counted(str(one.get("name", "")))
        spatial = table(one.get("spatial"))
        count *= int(_number(spatial.get("meshX")) or 1) * int(_number(spatial.get("meshY")) or 1)
        attributes = {**around, **table(one.get("attributes"))}
        if "class" in one or "subclass" in one:
            klass = str(one.get("subclass", one.get("class")))
            found.append(_Component(name, klass, attributes, fan * count, table(one.get("constraints"))))
        else:
            fan *= count
            around = attributes


def _subtree(nodes: object, around: dict[str, Any], fan: int, found: list[_Component], path: str, depth: int) -> None:
    """Versions 0.2 and 0.3: `local` components of a node, then the nodes in it; a range in a name counts them."""
    _refuse_depth(path, depth)
    for node in nodes if isinstance(nodes, list) else [nodes]:
        one = table(node)
        _, count = _counted(str(one.get("name", "")))
        inside = {**around, **table(one.get("attributes"))}
        for local in one.get("local") or []:
            component = table(local)
            name, copies = _counted(str(component.get("name", "")))
            attributes = {**inside, **table(component.get("attributes"))}
            klass = str(component.get("class", ""))
            found.append(_Component(name, klass, attributes, fan * count * copies, {}))
        if one.get("subtree"):
            _subtree(one["subtree"], inside, fan * count, found, path, depth + 1)


def _legacy(arch: Table) -> Iterator[_Component]:
    for one in reversed(arch.get("storage") or []):
        attributes = dict(table(one))
        instances = int(_number(attributes.pop("instances", 1)) or 1)
        klass = str(attributes.pop("class", attributes.pop("technology", "")))
        yield _Component(str(attributes.pop("name", "")), klass, attributes, instances, {})
    arithmetic = dict(table(arch.get("arithmetic")))
    instances = int(_number(arithmetic.pop("instances", 1)) or 1)
    yield _Component(str(arithmetic.pop("name", "arithmetic")), "", arithmetic, instances, {})


def _is_storage(component: _Component) -> bool:
    return "mac" not in component.klass.lower() and (
        component.klass.upper() == "DRAM" or bool({*_DEPTH, "sizeKB"} & component.attributes.keys())
    )


def _memory(component: _Component, notes: list[str]) -> Memory:
    attributes = component.attributes
    block = _number(_first(attributes, ("block-size", "block_size"))) or 1
    word = _number(_first(attributes, _WORD))
    width = _number(_first(attributes, _WIDTH)) or (word * block if word else None)
    depth, kilobytes = _number(_first(attributes, _DEPTH)), _number(attributes.get("sizeKB"))
    if depth and "entries" in attributes:
        width = word  # entries are words
    bits = kilobytes * 8192 if kilobytes else depth * width if depth and width else None
    texts = [
        f"{key} {attributes[key]}" for key in sorted(_STORES & attributes.keys()) if _number(attributes[key]) is None
    ]
    if texts:
        notes.append(f"{component.name}: {', '.join(texts)}: no plain number, unknown")
    shared = _number(attributes.get("shared_bandwidth"))
    read, write = (_number(attributes.get(key)) for key in ("read_bandwidth", "write_bandwidth"))
    return Memory(
        name=component.name,
        bits=bits,
        instances=component.instances,
        is_outside=component.instances == 1,
        holds=_holds(component, notes),
        read_bits=(shared or read or 0) * (word or 0) or None,
        write_bits=(shared or write or 0) * (word or 0) or None,
        shares_port=shared is not None,
    )


def _holds(component: _Component, notes: list[str]) -> tuple[str, ...]:
    dataspace = table(component.constraints.get("dataspace"))
    kept, passing = ([str(name) for name in dataspace.get(key) or []] for key in ("keep", "bypass"))
    strange = [name for name in (*kept, *passing) if name.lower() not in _DATASPACES]
    if strange:
        notes.append(f"{component.name}: dataspaces {', '.join(strange)} are not Inputs, Weights or Outputs; holds all")
        return OPERANDS
    away = {_DATASPACES[name.lower()] for name in passing}
    return tuple(operand for operand in OPERANDS if operand not in away) or OPERANDS


def _type(compute: _Component, notes: list[str]) -> str:
    bits = _number(_first(compute.attributes, ("multiplier_width", *_WORD)))
    is_float = "fp" in compute.klass.lower() or "float" in compute.klass.lower()
    found = (_FLOATS if is_float else _INTEGERS).get(int(bits or 0))
    if found is None:
        found = "FLOAT16" if is_float else "INT8"
        notes.append(f"{compute.name}: {f'{bits:g} bits' if bits else 'no width named'}, taken as {found}")
    return found


def _name(file: Table, components: list[_Component]) -> str:
    architecture = table(file.get("architecture"))
    nodes = architecture.get("nodes") or architecture.get("subtree") or []
    names = [str(table(node).get("name")) for node in nodes if isinstance(node, dict) and table(node).get("name")]
    plain = [name for name in names if name.lower() not in ("system", *(c.name.lower() for c in components))]
    inner = [_counted(str(table(one).get("name")))[0] for node in nodes for one in table(node).get("subtree") or []]
    return next(iter([*plain, *inner]), "timeloop")


def _counted(name: str) -> tuple[str, int]:
    """`PE[0..167]` is 168 of `PE`."""
    found = _RANGE.fullmatch(name)
    return (found["name"], int(found["last"]) - int(found["first"]) + 1) if found else (name, 1)


def _first(attributes: dict[str, Any], keys: tuple[str, ...]) -> object:
    return next((attributes[key] for key in keys if key in attributes), None)


def _number(value: object) -> float | None:
    """A plain positive number; expressions are Timeloop's to evaluate."""
    if isinstance(value, str) and _PLAIN.fullmatch(value):
        value = float(value)  # `1e-9` is a number in YAML 1.2, which Timeloop reads, and a text in 1.1
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) and value > 0 else None


def _refuse_depth(path: str, depth: int) -> None:
    if depth > _MAX_DEPTH:
        raise TargetError.at(path, "expected an architecture, found one nested deeper than any", code="T106")
