"""Which targets travel with the package, and how is one found by id, by path or by a description?"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from onnxroof.targets.locate import is_inline, split_mode, target_ids, target_path
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
    """A target by the id of a file in `hwdb/`, by the path of a file, or described in a line.

    Behind an `@` stands a power mode of it: `jetson-nano@5w`.

    A path is what ends in `.toml`, or names a file and no id. What has an `=` and is no path is a description, such as
    `peak=8TOP/s:INT8,dram=68GB/s,sram=4MiB@1TB/s`. Files are read once, and again when they or what they extend change.

    Raises:
        TargetError: An unknown id, with the nearest ones; or every fault of the file or the line.
    """
    word = str(id_or_path)
    if is_inline(word):
        from onnxroof.targets.read import read_inline

        return read_inline(word)
    word, mode = split_mode(word)
    path = target_path(word)
    try:
        stat = path.stat()
    except OSError:
        return _read(path, mode, ())  # which says what is wrong
    target = _read(path, mode, (stat.st_dev, stat.st_ino, stat.st_mtime_ns, stat.st_size))
    return _read.__wrapped__(path, mode, ()) if target.extends else target


@lru_cache(maxsize=256)
def _read(path: Path, mode: str, _version: tuple[int, ...]) -> Target:
    """The target of a file in a mode; the version is there for the cache, which forgets nothing else."""
    from onnxroof.targets.read import read_target  # pydantic takes 0.1 s to import

    return read_target(path, mode)
