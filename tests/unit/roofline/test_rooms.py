"""The room of runs, against a walk over the steps of one run and level at a time."""

from __future__ import annotations

import random

import numpy as np
import pytest

from onnxroof.mapping.residency import Residency
from onnxroof.mapping.timeline import NOBODY, Candidate
from onnxroof.roofline.rooms import Rooms

STEPS, LEVELS, INSTANCES = 9, 3, (1, 3, 4)
ROOM = (1e9, 5000.0, 3000.0)


def some_candidates(draw: random.Random) -> list[tuple[Candidate, int]]:
    """What stays, with the level where it does."""
    found = []
    for number in range(12):
        first = draw.randrange(STEPS)
        candidate = Candidate(
            root=f"t{number}", is_weight=False, bytes=draw.randrange(1, 400), first=first,
            last=draw.randrange(first, STEPS), saved_bytes=0, payer=NOBODY, is_written=draw.random() < 0.2, subject="",
        )  # fmt: skip
        found.append((candidate, draw.choice([1, 2])))
    return found


@pytest.mark.parametrize("seed", range(6))
def test_what_passes_inside_of_groups_need_not_stay(seed: int) -> None:
    draw = random.Random(seed)
    kept = some_candidates(draw)
    made = {one.root for one, _ in kept if draw.random() < 0.8}
    place = {one.root: level if draw.random() < 0.7 else 0 for one, level in kept}  # 0: it stays nowhere
    residency = Residency(
        kept=tuple({root: NOBODY for root, at in place.items() if at == level and at} for level in range(LEVELS)),
        resident_bytes=((0.0,) * STEPS,) * LEVELS, room_bytes=ROOM, instances=INSTANCES,
        candidates=tuple(one for one, _ in kept),
    )  # fmt: skip
    rooms = Rooms(residency, [(0.0,) * LEVELS] * STEPS, made)
    groups = [(0, 3, draw.choice([1, 2])), (5, 8, draw.choice([1, 2]))]
    expected = {
        one.root
        for one, _ in kept
        for first, last, level in groups
        if first <= one.first <= one.last <= last and place[one.root] <= level
        if one.root in made and not one.is_written
    }
    assert rooms.apart(residency.candidates, groups) == expected
    assert rooms.apart(residency.candidates, []) == frozenset()


@pytest.mark.parametrize("seed", range(6))
def test_a_run_has_what_stays_during_it_less_what_passes_inside_of_it(seed: int) -> None:
    draw = random.Random(seed)
    kept = some_candidates(draw)
    made = {one.root for one, _ in kept if draw.random() < 0.8}
    taken = [[sum(c.bytes for c, at in kept if at == level and c.first <= step <= c.last) for level in range(LEVELS)]
             for step in range(STEPS)]  # fmt: skip
    residency = Residency(
        kept=tuple({c.root: NOBODY for c, at in kept if at == level} for level in range(LEVELS)),
        resident_bytes=tuple(zip(*taken, strict=True)),
        room_bytes=ROOM,
        instances=INSTANCES,
        candidates=tuple(c for c, _ in kept),
    )
    of_one = [tuple(size / count for size, count in zip(row, INSTANCES, strict=True)) for row in taken]
    rooms = Rooms(residency, of_one, made)
    runs = [(first, last) for last in range(STEPS) for first in range(last + 1)]
    found = rooms.of(np.array([first for first, _ in runs]), np.array([last for _, last in runs]))
    for (first, last), row in zip(runs, found.tolist(), strict=True):
        for level in (1, 2):
            inner = [c for c, at in kept if at == level and first <= c.first and c.last <= last
                     and not c.is_written and c.root in made]  # fmt: skip
            left = [
                taken[step][level] - sum(c.bytes for c in inner if c.first <= step <= c.last)
                for step in range(first, last + 1)
            ]
            assert row[level] == ROOM[level] - max(left)
            assert rooms.residents(first, last, level)[level] * INSTANCES[level] == pytest.approx(max(left), abs=1e-9)
        # At the innermost level all that passes inside of it, at whatever level, need not stay.
        passing = {c.root for c, _ in kept if first <= c.first and c.last <= last and not c.is_written}
        assert rooms.apart(residency.candidates, [(first, last, 2)]) == passing & made
        assert rooms.left(first, last) == row


def test_steps_with_the_same_around_them_have_the_same_state() -> None:
    def stays(first: int) -> Candidate:
        return Candidate(
            root=f"t{first}", is_weight=False, bytes=64, first=first, last=first + 1, saved_bytes=0, payer=NOBODY,
            is_written=False, subject="",
        )  # fmt: skip

    residency = Residency(
        kept=({}, {"t0": NOBODY, "t2": NOBODY}), resident_bytes=((0.0,) * 4, (64.0,) * 4), room_bytes=(1e9, 128.0),
        instances=(1, 1), candidates=(stays(0), stays(2)),
    )  # fmt: skip
    rooms = Rooms(residency, [(0.0, 64.0)] * 4, {"t0", "t2"})
    states = [rooms.state(step) for step in range(4)]
    assert states[0] == states[2] != states[1] == states[3]
