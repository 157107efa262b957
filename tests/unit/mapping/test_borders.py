"""What crosses runs with something that stays on chip, against a sum over one run at a time."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pytest

from onnxroof.mapping.borders import Borders, Entries
from onnxroof.mapping.timeline import NOBODY, WRITTEN

NAMES = [f"t{number}" for number in range(9)]


def some(draw: random.Random) -> dict[str, int]:
    return {name: draw.randrange(1, 100) for name in draw.sample(NAMES, draw.randrange(4))}


class Run(NamedTuple):
    steps: tuple[int, int]
    repeat: int
    reads: dict[str, int]
    writes: dict[str, int]
    shared: list[str]


def listed(parts: Sequence[dict[str, int]]) -> Entries:
    """Entries of runs of which no two are alike."""
    found = [(n, NAMES.index(name), size) for n, part in enumerate(parts) for name, size in part.items()]
    run, tensor, size = np.array(found, dtype=np.int64).reshape(-1, 3).T
    return Entries(run, tensor, size.astype(float))


def borders_of(runs: Sequence[Run]) -> Borders:
    """Two kernels a step."""
    return Borders(
        numbers={name: number for number, name in enumerate(NAMES)},
        reads=listed([run.reads for run in runs]),
        writes=listed([run.writes for run in runs]),
        shared=listed([dict.fromkeys(run.shared, 0) for run in runs]),
        first=np.array([run.steps[0] for run in runs], dtype=np.int64),
        last=np.array([run.steps[1] for run in runs], dtype=np.int64),
        repeat=np.array([run.repeat for run in runs], dtype=np.float64),
        step_of={kernel: kernel // 2 for kernel in range(12)},
    )


@pytest.mark.parametrize("seed", range(5))
def test_each_run_has_what_it_would_have_alone(seed: int) -> None:
    draw = random.Random(seed)
    runs = [
        Run((first, last), draw.choice([1, 3]), some(draw), some(draw), draw.sample(NAMES, 2))
        for last in range(6)
        for first in range(last)
    ]
    borders = borders_of(runs)
    kept = {name: draw.choice([*range(12), NOBODY, WRITTEN]) for name in draw.sample(NAMES, 5)} | {"elsewhere": 3}
    reads, writes = borders.crossing(kept)
    shares, touches = borders.shares(kept), borders.touches(kept)
    for number, run in enumerate(runs):
        kernels = range(2 * run.steps[0], 2 * run.steps[1] + 2)
        read = sum(size * run.repeat for name, size in run.reads.items() if name not in kept)
        read += sum(size for name, size in run.reads.items() if kept.get(name) in kernels)
        assert reads[number] == read
        leaving = (name for name in run.writes if kept.get(name, WRITTEN) == WRITTEN)
        assert writes[number] == sum(run.writes[name] * run.repeat for name in leaving)
        assert shares[number] == any(name not in kept for name in run.shared)
        assert touches[number] == any(name in kept for name in (*run.reads, *run.writes))


def test_a_model_without_runs_has_no_borders() -> None:
    borders = borders_of([])
    reads, writes = borders.crossing({"x": 0})
    assert len(reads) == len(writes) == len(borders.shares(["x"])) == 0
