"""Which file, or which description in a line, does a word mean?"""

from __future__ import annotations

import difflib
from pathlib import Path

from onnxroof._resources import resource_folder
from onnxroof.errors import TargetError

__all__ = ["is_inline", "split_mode", "target_ids", "target_path"]


def target_ids() -> tuple[str, ...]:
    """The ids of `hwdb/`, sorted."""
    return tuple(sorted(path.stem for path in resource_folder("hwdb").glob("*.toml")))


def is_inline(word: str, folder: Path | None = None) -> bool:
    """Whether a word describes a target itself, as `peak=8TOP/s:INT8,dram=68GB/s` does.

    Args:
        word: What the user wrote.
        folder: Where relative paths start, the working folder when left out.
    """
    return "=" in word and not word.endswith(".toml") and not _exists((folder or Path()) / word)


def split_mode(word: str, folder: Path | None = None) -> tuple[str, str]:
    """A word that names no file as a target and one of its modes: `jetson-nano@5w`; "" for no mode.

    Args:
        word: Id or path, with or without a mode.
        folder: Where relative paths start, the working folder when left out.
    """
    target, _, mode = word.rpartition("@")
    if not (target and mode) or mode.endswith(".toml") or _exists((folder or Path()) / word):
        return word, ""
    return target, mode


def target_path(word: str, folder: Path | None = None) -> Path:
    """The file that is meant: of an id in `hwdb/`, else of a path.

    A path is what ends in `.toml`, or names a file and no id.

    Args:
        word: Id or path.
        folder: Where relative paths start, the working folder when left out.

    Raises:
        TargetError: An unknown id, with the nearest ones.
    """
    path = (folder or Path()) / word
    if path.suffix == ".toml":
        return path
    shipped = resource_folder("hwdb") / f"{word}.toml"
    if Path(word).name == word and shipped.is_file():
        return shipped
    if not _exists(path):
        raise TargetError.at("", f"no target is called `{word}`", _hint(word), code="T101")
    return path


def _exists(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):  # a word that no file system takes for a path
        return False


def _hint(word: str) -> str:
    near = difflib.get_close_matches(word.lower(), target_ids(), n=3, cutoff=0.4)
    within = [known for known in target_ids() if word and word.lower() in known and known not in near]
    names = ", ".join(f"`{name}`" for name in [*near, *within][:5])
    listing = "`onnxroof targets list` shows all; a path to your own file serves too"
    return f"did you mean {names}? {listing}" if names else listing
