"""What does a whole process cost? Commands are run in turns, so that whatever else the machine does hits all alike.

The turns are taken in a small process of their own (this file as a script): on Linux the largest memory of a child
begins at that of whoever starts it, and pytest is larger than what is measured here.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

__all__ = ["Cost", "costs_of", "python", "ratios"]


@dataclass(frozen=True)
class Cost:
    """Median wall time and largest resident memory of a command; why it failed, "" if it did not."""

    seconds: float
    megabytes: float
    failure: str = ""


def python(*arguments: str) -> tuple[str, ...]:
    """A command of the interpreter that runs the tests."""
    return (sys.executable, *arguments)


def costs_of(commands: Mapping[str, Sequence[str]], folder: Path, rounds: int = 7) -> dict[str, Cost]:
    """Costs by name. A first round fills the file cache and writes bytecode, and is not counted.

    Args:
        commands: By name.
        folder: An empty one, for bytecode: a checkout that nobody may write to would compile anew in each process.
        rounds: How often each is run.
    """
    environment = os.environ | {"PYTHONPYCACHEPREFIX": str(folder / "bytecode")}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    task = json.dumps({"commands": commands, "folder": str(folder), "rounds": rounds})
    done = subprocess.run(
        [sys.executable, __file__], input=task, env=environment, stdout=subprocess.PIPE, text=True, check=True
    )
    return {name: Cost(**cost) for name, cost in json.loads(done.stdout).items()}


def ratios(title: str, costs: Mapping[str, Cost], ours: str) -> str:
    """A line for people: our cost, and that of every other as a multiple of it."""
    base = costs[ours]
    parts = [f"{title:<24} {base.seconds * 1e3:5.0f} ms {base.megabytes:5.0f} MB"]
    for name, cost in costs.items():
        if name == ours:
            continue
        if cost.failure:
            parts.append(f"{name}: fails ({cost.failure[:60]})")
        else:
            slower, larger = cost.seconds / base.seconds, cost.megabytes / base.megabytes
            parts.append(f"{name} x{slower:.2f} ({cost.seconds * 1e3:.0f} ms), memory x{larger:.2f}")
    return "   ".join(parts)


def _measure(commands: Mapping[str, Sequence[str]], folder: Path, rounds: int) -> dict[str, Cost]:
    seconds: dict[str, list[float]] = {name: [] for name in commands}
    megabytes: dict[str, list[float]] = {name: [] for name in commands}
    failures: dict[str, str] = {}
    for number in range(rounds + 1):
        for name, command in commands.items():
            if name in failures:
                continue
            spent, most, failure = _run(command, folder / "stderr")
            if failure:
                failures[name] = failure
            elif number:
                seconds[name].append(spent)
                megabytes[name].append(most)
    return {
        name: Cost(0.0, 0.0, failures[name])
        if name in failures
        else Cost(sorted(seconds[name])[rounds // 2], max(megabytes[name]))
        for name in commands
    }


def _run(command: Sequence[str], errors_path: Path) -> tuple[float, float, str]:
    with errors_path.open("w+b") as errors:
        start = time.perf_counter()
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=errors)
        _, status, usage = os.wait4(process.pid, 0)
        spent = time.perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        errors.seek(0)
        last = errors.read().decode(errors="replace").strip().splitlines()[-1:]
    failure = ("".join(last) or f"exit code {process.returncode}") if process.returncode else ""
    return spent, usage.ru_maxrss / 1024, failure


if __name__ == "__main__":
    _task = json.load(sys.stdin)
    _costs = _measure(_task["commands"], Path(_task["folder"]), _task["rounds"])
    print(json.dumps({name: asdict(cost) for name, cost in _costs.items()}))
