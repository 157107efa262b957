"""Runs a model once on this machine: which shapes, trip counts and branches does it have?

The run is a process of its own: a model that the runtime breaks down over, that never ends or that takes all memory
ends as an error and takes nothing with it.
"""

from __future__ import annotations

import os
import pickle
import subprocess
import sys

from onnxroof.errors import ModelError, OnnxroofError
from onnxroof.frontend.runnable import Runnable
from onnxroof.ir.observed import Observed

__all__ = ["observe"]

_LONGEST_S = 600.0


def observe(run: Runnable, *, longest_s: float = _LONGEST_S) -> Observed:
    """Runs a model once on the CPU with made-up inputs, without optimizations.

    Args:
        run: The model with the inputs that it wants.
        longest_s: When it is given up, in seconds.

    Raises:
        ModelError: ONNX Runtime does not run it: an operator without a kernel, values that do not go together, a
            break-down, or no end.
    """
    command = [sys.executable, "-P", "-m", "onnxroof.measure.child"]  # nothing is imported from the current folder
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment
    ) as process:
        try:
            answer, _ = process.communicate(pickle.dumps(run), timeout=longest_s)
        except subprocess.TimeoutExpired:
            raise _refused(run, f"it has no end within {longest_s:g} s") from None
        finally:
            process.kill()
    if process.returncode != 0 or not answer:
        raise _refused(run, f"it breaks down (exit code {process.returncode})")
    found: Observed | str = pickle.loads(answer)
    if isinstance(found, str):
        raise _refused(run, found)
    return found


def _refused(run: Runnable, reason: str) -> OnnxroofError:
    return ModelError.at(
        run.path, f"ONNX Runtime does not run this model: {reason}", "leave out --shapes-from-run", code="M403"
    )
