"""Which targets travel with the package, and how is one found by id or by path?"""

from __future__ import annotations

import difflib
from functools import lru_cache
from pathlib import Path

from onnxroof._resources import resource_folder
from onnxroof.errors import TargetError
from onnxroof.targets.model import Target

__all__ = ["DEFAULT_SHELF", "load_target", "target_ids"]

DEFAULT_SHELF: tuple[str, ...] = (
    "nvidia-h100-sxm",
    "google-tpu-v4",
    "nvidia-rtx-4090",
    "jetson-orin-nano-8gb",
    "intel-xeon-8480plus",
    "hailo-8",
    "ethos-u85-1024",
    "apple-m2",
)
"""What a model is held against when no target is named: one of each of eight classes."""


def load_target(id_or_path: str | Path) -> Target:
    """A target by the id of a file in `hwdb/`, or by the path of a file.

    A path is what ends in `.toml`, or names a file and no id. Files are read once, and again when they change.

    Raises:
        TargetError: An unknown id, with the nearest ones; or every fault of the file.
    """
    word = str(id_or_path)
    path = Path(id_or_path)
    if path.suffix != ".toml":
        shipped = resource_folder("hwdb") / f"{word}.toml"
        if path.name == word and shipped.is_file():
            path = shipped
        elif not path.is_file():
            raise TargetError.at("", f"no target is called `{word}`", _hint(word), code="T101")
    try:
        stat = path.stat()
    except OSError:
        return _read(path, ())  # which says what is wrong
    return _read(path, (stat.st_dev, stat.st_ino, stat.st_mtime_ns, stat.st_size))


def target_ids() -> tuple[str, ...]:
    """The ids of `hwdb/`, sorted."""
    return tuple(sorted(path.stem for path in resource_folder("hwdb").glob("*.toml")))


@lru_cache(maxsize=256)
def _read(path: Path, _version: tuple[int, ...]) -> Target:
    """The target of a file; the version is there for the cache, which forgets nothing else."""
    from onnxroof.targets.read import read_target  # pydantic takes 0.1 s to import

    return read_target(path)


def _hint(word: str) -> str:
    near = difflib.get_close_matches(word.lower(), target_ids(), n=3, cutoff=0.4)
    within = [known for known in target_ids() if word and word.lower() in known and known not in near]
    names = ", ".join(f"`{name}`" for name in [*near, *within][:5])
    listing = "`onnxroof targets list` shows all; a path to your own file serves too"
    return f"did you mean {names}? {listing}" if names else listing
