"""The errors that a user can cause, as data: what is wrong, where, and what to do about it.

Anything that is not an `OnnxroofError` is a bug of ours and keeps its traceback.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

__all__ = [
    "Diagnostic",
    "ModelError",
    "OnnxroofError",
    "TargetError",
    "UsageError",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnostic:
    """One fault of an input.

    Attributes:
        message: What was expected and what was found, without a full stop.
        where: `FILE:LINE`, a file, a node or an option; empty when the whole input is meant.
        hint: What to do, or empty.
        code: Stable name of the kind of fault, such as `M201`, which `onnxroof explain` describes. Empty only where a
            user of the library makes a diagnostic of their own.
    """

    message: str
    where: str = ""
    hint: str = ""
    code: str = ""

    @property
    def line(self) -> str:
        """The message with its code."""
        return f"{self.message} [{self.code}]" if self.code else self.message

    def __str__(self) -> str:
        line = f"{self.where}: {self.line}" if self.where else self.line
        return f"{line}\nhint: {self.hint}" if self.hint else line


class OnnxroofError(Exception):
    """An input is bad. Holds every fault that was found, never only the first."""

    def __init__(self, *diagnostics: Diagnostic) -> None:
        self.diagnostics = diagnostics
        super().__init__("\n".join(str(diagnostic) for diagnostic in diagnostics))

    @classmethod
    def at(cls, where: str, message: str, hint: str = "", *, code: str) -> OnnxroofError:
        """An error with a single diagnostic."""
        return cls(Diagnostic(message=message, where=where, hint=hint, code=code))

    @classmethod
    def joined(cls, errors: Iterable[OnnxroofError]) -> OnnxroofError:
        """One error that holds the diagnostics of several."""
        return cls(*(d for error in errors for d in error.diagnostics))


class ModelError(OnnxroofError):
    """A model file is not what it should be, or contradicts what was said of it."""


class TargetError(OnnxroofError):
    """A target is not known, or its file has faults."""


class UsageError(OnnxroofError):
    """A command or a call asks for what does not exist."""
