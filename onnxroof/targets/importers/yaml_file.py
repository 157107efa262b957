"""What does a YAML file say, as plain data, and which keys does it give twice?

Tags such as Timeloop's `!Component` are read through: the kind of a node shows in its keys. Nothing of the file is run.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from onnxroof.errors import TargetError

__all__ = ["Table", "read_yaml", "table"]

Table = Mapping[str, Any]

_MAX_BYTES = 2**20  # such files have a few kilobytes
_MAX_NODES = 100_000  # aliases let a small file stand for a huge one


def table(node: object) -> Table:
    """The node if it is a mapping, else an empty one."""
    return node if isinstance(node, Mapping) else {}


def read_yaml(path: Path) -> tuple[Table, tuple[str, ...]]:
    """The mapping that a file holds, and what stands in it twice, of which only the last counts.

    Raises:
        TargetError: The file cannot be read, is no YAML, or holds no mapping; or the package that reads YAML is not
            installed.
    """
    try:
        import yaml
    except ModuleNotFoundError:
        hint = "pip install 'onnxroof[import]'"
        raise TargetError.at(str(path), "reading YAML needs the package `pyyaml`", hint, code="T107") from None
    repeated: list[str] = []

    class Loader(yaml.SafeLoader):  # type: ignore[misc]  # the package has no types
        def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
            names = [key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode) and key.value != "<<"]
            repeated.extend(name for name in dict.fromkeys(names) if names.count(name) > 1)
            found: dict[Any, Any] = super().construct_mapping(node, deep)
            return found

    def untagged(loader: Loader, _: str, node: yaml.Node) -> object:
        if isinstance(node, yaml.MappingNode):
            return loader.construct_mapping(node, deep=True)
        if isinstance(node, yaml.SequenceNode):
            return loader.construct_sequence(node, deep=True)
        return loader.construct_scalar(node)

    Loader.add_multi_constructor("!", untagged)
    try:
        with path.open("rb") as file:
            data = file.read(_MAX_BYTES + 1)
    except OSError as error:
        raise TargetError.at(str(path), f"cannot read the file: {error.strerror or error}", code="T106") from None
    if len(data) > _MAX_BYTES:
        raise TargetError.at(
            str(path), f"expected a hardware description, found more than {_MAX_BYTES} bytes", code="T106"
        )
    try:
        found = yaml.load(data, Loader)
    except yaml.MarkedYAMLError as error:
        where = f"{path}:{error.problem_mark.line + 1}" if error.problem_mark else str(path)
        raise TargetError.at(where, f"expected YAML, found what cannot be read: {error.problem}", code="T106") from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise TargetError.at(str(path), f"expected YAML, found what cannot be read: {error}", code="T106") from None
    if not isinstance(found, Mapping):
        raise TargetError.at(str(path), "expected a mapping of keys, found none", code="T106")
    if _is_too_large(found):
        raise TargetError.at(
            str(path), "expected a hardware description, found one without an end (see its aliases)", code="T106"
        )
    return found, tuple(dict.fromkeys(repeated))


def _is_too_large(node: object) -> bool:
    stack, count = [node], 0
    while stack:
        count += 1
        if count > _MAX_NODES:
            return True
        one = stack.pop()
        stack.extend(one.values() if isinstance(one, Mapping) else one if isinstance(one, list) else ())
    return False
