"""onnxroof: how an ONNX model will run on accelerators, before anything is compiled or bought."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from onnxroof.api import Analysis, Duty, analyze, load, load_target
    from onnxroof.errors import OnnxroofError

__version__ = "0.1.0"
__all__ = ["Analysis", "Duty", "OnnxroofError", "__version__", "analyze", "load", "load_target"]


def __getattr__(name: str) -> object:
    # Nothing heavy happens on import: `onnxroof --help` needs none of it.
    if name in ("Analysis", "Duty", "analyze", "load", "load_target"):
        from onnxroof import api

        return getattr(api, name)
    if name == "OnnxroofError":
        from onnxroof.errors import OnnxroofError

        return OnnxroofError
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
