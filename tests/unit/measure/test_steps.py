"""A record of a run, line by line: what does it tell of bodies and functions?"""

import json

import pytest

from onnxroof.frontend.places import MARK, Places
from onnxroof.measure import steps
from onnxroof.measure.steps import steps_of


def step(place, *shapes, prefix=""):
    made = [{"float": list(shape)} for shape in shapes]
    event = {"cat": "Node", "name": f"{prefix}{MARK}{place}_kernel_time", "args": {"output_type_shape": made}}
    return json.dumps(event) + ",\n"


# Twice the body of the loop at 0, which calls a function at 1 of it, once behind a branch.
RECORD = [
    "[\n",
    json.dumps({"cat": "Session", "name": "session_initialization", "args": {}}) + ",\n",
    step("0/body/0", (2, 3)),
    step("0/body/1/0", (4,), prefix="_inlfunc_fn_"),
    step("0/body/2/then_branch/0", (1,)),
    step("0/body/2", (1,)),
    step("0/body/0", (2, 3)),
    step("0/body/1/0", (5,), prefix="_inlfunc_fn_"),
    step("0/body/2/then_branch/0", (1,)),
    step("0/body/2", (1,)),
    step("0", (7,), (2, 1)),
    json.dumps({"cat": "Node", "name": "other_kernel_time", "args": {}}) + "\n",
    "]\n",
]
PLACES = Places(loops=["0", "9"], branches=["0/body/2"], has_bodies=True)


def test_sizes_trips_and_branches_of_a_record():
    found = steps_of(RECORD, PLACES)
    assert found.trips == {"0": 2}  # the loop at 9 did not run
    assert found.branches == {"0/body/2": True}
    assert found.inner["0/body/0"] == ((2, 3),)
    assert "0/body/1/0" not in found.inner  # 4 in one trip and 5 in the other
    assert len(found.gaps) == 1
    assert "differ from trip to trip" in found.gaps[0]


def test_what_is_the_same_in_all_trips_leaves_no_gap():
    assert steps_of([line for line in RECORD if "fn" not in line], PLACES).gaps == ()


@pytest.mark.parametrize(("then", "branch"), [(1, False), (2, True), (3, True)])
def test_of_branches_that_differ_the_more_frequent_one_counts(then, branch):
    record = [step("0/then_branch/0", ())] * then + [step("0/else_branch/0", ())] * (4 - then) + [step("0", ())] * 4
    found = steps_of(record, Places(branches=["0"]))
    assert found.branches == {"0": branch}
    assert found.gaps


def test_trips_that_differ_are_their_mean_rounded_up():
    found = steps_of([step("1/body/0", ())] * 7 + [step("1", ())] * 2, Places(loops=["1"]))
    assert found.trips == {"1": 4}  # 7 / 2
    assert found.gaps


def test_a_record_that_was_cut_off_tells_nothing_but_that(monkeypatch):
    monkeypatch.setattr(steps, "_MOST_EVENTS", len(RECORD))
    found = steps_of(RECORD, PLACES)
    assert (found.trips, found.inner, found.branches) == ({}, {}, {})
    assert "more steps than are recorded" in found.gaps[0]
