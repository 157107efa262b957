"""What is remembered from one measurement to the next, and how to forget it."""

from __future__ import annotations

import sys

__all__ = ["forget"]


def forget() -> None:
    """Empties every cache of the modules that map loop nests to memories."""
    for name, module in list(sys.modules.items()):
        if name.startswith("onnxroof.mapping."):
            for value in vars(module).values():
                if hasattr(value, "cache_clear") and not isinstance(value, type):
                    value.cache_clear()
