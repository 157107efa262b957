"""How does a hardware description of another tool become a target file?"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from onnxroof.errors import TargetError
from onnxroof.targets.importers.machine import Machine, target_text
from onnxroof.targets.importers.timeloop import timeloop_machine
from onnxroof.targets.importers.yaml_file import Table, read_yaml
from onnxroof.targets.importers.zigzag import stream_machine, zigzag_machine
from onnxroof.targets.read import read_target_text

__all__ = ["Imported", "import_target"]


@dataclass(frozen=True, slots=True)
class Imported:
    """A target file without faults, and what of the description is not in it or was assumed."""

    text: str
    notes: tuple[str, ...]


def import_target(path: Path, clock_hz: float | None = None) -> Imported:
    """A description of ZigZag, Stream or Timeloop as a target file.

    Args:
        path: YAML: an accelerator of ZigZag or Stream, or an architecture of Timeloop.
        clock_hz: What a cycle is worth. Where neither it nor the file says so, rates and bandwidths are unknown.

    Raises:
        TargetError: The file cannot be read as such a description, or the package that reads YAML is not installed.
    """
    file, repeated = read_yaml(path)
    machine = _machine(file, path)
    notes = [f"{name}: stands there twice; only the last counts" for name in repeated]
    if not (clock_hz or machine.clock_hz):
        notes.append("rates and bandwidths: the file counts in cycles and names no clock (--clock), so all are unknown")
    machine = replace(machine, notes=(*notes, *machine.notes))
    text = target_text(machine, path.name, clock_hz)
    read_target_text(text, str(path))
    return Imported(text, machine.notes)


def _machine(file: Table, path: Path) -> Machine:
    where = str(path)
    if "cores" in file:
        return stream_machine(file, where, lambda name: _beside(path, name))
    if "memories" in file:
        return zigzag_machine(file, where)
    if "architecture" in file or "arch" in file:
        return timeloop_machine(file, where)
    message = "expected `memories` (ZigZag), `cores` (Stream) or `architecture` (Timeloop), found none of them"
    raise TargetError.at(where, message, f"its keys are {', '.join(map(str, file)) or 'none'}", code="T106")


def _beside(path: Path, name: str) -> Table:
    """A file that another one names, below its folder."""
    if PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts:
        raise TargetError.at(
            f"{path}: cores", f"expected a file below the folder of this one, found `{name}`", code="T106"
        )
    beside = path.parent / name
    # Stream also looks for the files of cores in a folder of that name.
    return read_yaml(beside if beside.is_file() else path.parent / "cores" / name)[0]
