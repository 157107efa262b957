"""What does ONNX Runtime's record of a run tell of bodies and functions: sizes, trips, branches?

The record has an event for each step of each kernel, those of bodies too, with the name of its node and the shapes of
the tensors that it made (https://onnxruntime.ai/docs/performance/tune-performance/profiling-tools.html). Nodes are
named by their places before the run.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from onnxroof.frontend.places import MARK, Places
from onnxroof.ir.observed import Observed

__all__ = ["steps_of"]

_END = "_kernel_time"
_MOST_EVENTS = 10**6
"""Beyond these the runtime records nothing."""

_UNEVEN = (
    "inside of bodies, sizes that differ from trip to trip stay as inferred; of trips and branches that differ from "
    "time to time, the mean number and the more frequent one are taken"
)

Shapes = tuple[tuple[int, ...], ...]


@dataclass(slots=True)
class _Steps:
    """All steps of one node."""

    shapes: Shapes
    count: int = 0
    is_steady: bool = True


def steps_of(record: Iterable[str], places: Places) -> Observed:
    """Sizes, trips and branches of a record.

    Args:
        record: Its lines, of which each holds an event.
        places: Of loops and branches.
    """
    found: dict[str, _Steps] = {}
    events = 0
    for line in record:
        events += 1
        event = _event(line)
        if event is None:
            continue
        place, shapes = event
        steps = found.setdefault(place, _Steps(shapes))
        steps.count += 1
        steps.is_steady = steps.is_steady and steps.shapes == shapes
    if events >= _MOST_EVENTS:
        return Observed(gaps=("it takes more steps than are recorded: bodies and functions are not looked into",))
    is_uneven = False
    runs: dict[str, int] = {}  # of bodies: every body has a node that runs when it does
    for place, steps in found.items():
        body = place.rpartition("/")[0]
        runs[body] = max(runs.get(body, 0), steps.count)
    trips: dict[str, int] = {}
    branches: dict[str, bool] = {}
    for loop in (place for place in places.loops if place in found):
        made, times = runs.get(f"{loop}/body", 0), found[loop].count
        trips[loop] = -(-made // times)
        is_uneven = is_uneven or made % times > 0
    for place in (place for place in places.branches if place in found):
        then, times = runs.get(f"{place}/then_branch", 0), found[place].count
        branches[place] = 2 * then >= times
        is_uneven = is_uneven or 0 < then < times
    inner = {place: steps.shapes for place, steps in found.items() if steps.is_steady and "/" in place}
    is_uneven = is_uneven or any(not steps.is_steady for steps in found.values())
    gaps = (_UNEVEN,) if is_uneven else ()
    return Observed(inner=inner, trips=trips, branches=branches, gaps=gaps)


def _event(line: str) -> tuple[str, Shapes] | None:
    """Place and shapes of a step; None for all else that a record holds."""
    text = line.strip().rstrip(",")
    if MARK not in text or not text.startswith("{"):
        return None
    event: dict[str, Any] = json.loads(text)
    name = str(event.get("name", ""))
    if MARK not in name or not name.endswith(_END):
        return None
    made: Sequence[dict[str, list[int]]] = event.get("args", {}).get("output_type_shape", ())
    shapes = tuple(tuple(shape) for output in made for shape in output.values())
    return name.rsplit(MARK, 1)[1].removesuffix(_END), shapes
