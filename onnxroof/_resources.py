"""Finds the files that travel with the package: `hwdb/` and `templates/`."""

from __future__ import annotations

from pathlib import Path

__all__ = ["resource_folder"]

_PACKAGE = Path(__file__).resolve().parent


def resource_folder(name: str) -> Path:
    """The folder of a kind of resource: inside the wheel first, then beside the package in a checkout.

    Raises:
        FileNotFoundError: The installation is broken.
    """
    for folder in (_PACKAGE / "_data" / name, _PACKAGE.parent / name):
        if folder.is_dir():
            return folder
    raise FileNotFoundError(f"the folder `{name}` is missing from the installation of onnxroof")
