"""What crosses a boundary of a run with something that stays on chip around it, by hand."""

from __future__ import annotations

import numpy as np
from oracles.tiny import workload

from onnxroof.costs.table import cost_table
from onnxroof.mapping.operator import Operators
from onnxroof.mapping.residency import Residency
from onnxroof.mapping.segments import Segment, Segments, segments
from onnxroof.mapping.storage import storage
from onnxroof.mapping.timeline import NOBODY, WRITTEN
from onnxroof.roofline.staying import Stay, Staying

CHAIN = "g (float[8,8] x) => (float[8,8] d) <float[8,8] w> { a = MatMul(x, w) b = Relu(a) c = Exp(b) d = Add(c, x) }"
BYTES = 8 * 8 * 4


def runs() -> Segments:
    model = workload(CHAIN)
    store = storage(model, cost_table(model))
    return segments(store, Operators(store, model.tensors), [(kernel,) for kernel in range(4)])


def residency(*kept: dict[str, int]) -> Residency:
    return Residency(
        kept=kept, resident_bytes=(), room_bytes=(1e9,) * len(kept), instances=(1,) * len(kept), candidates=()
    )


def pair(found: Segments) -> Segment:
    """The product and the Relu as one run; x and w come in, b goes out."""
    return next(one for one in found.by_last[1] if one.first == 0)


def test_nothing_stays_where_nothing_is_kept() -> None:
    found = runs()
    staying = Staying(found, residency({}, {}))
    assert staying.of(pair(found)) == ()
    read, write = staying.crossing(pair(found), 0, np.array([3.0, 4.0, 0.0]), np.array([0.0, 0.0, 5.0]), 1)
    assert (read, write) == (7.0, 5.0)


def test_what_stays_crosses_once_if_the_run_brings_it_in_and_else_never() -> None:
    # Twice as many bytes as there are come in of each; x stays in level 1, brought in by kernel 0 or by another.
    found = runs()
    run = pair(found)
    names = [name for _, name in found.operands(run.first, run.last, run.kind)]
    assert sorted(names) == ["b", "w", "x"]
    x = names.index("x")
    reads = np.array([2.0 * BYTES if name != "b" else 0.0 for name in names])
    writes = np.array([float(BYTES) if name == "b" else 0.0 for name in names])
    for payer, once in ((0, BYTES), (3, 0), (NOBODY, 0)):
        staying = Staying(found, residency({}, {"x": payer}))
        assert staying.of(run) == (Stay(x, 1, float(once), False),)
        assert staying.crossing(run, 0, reads, writes, 1) == (2.0 * BYTES + once, BYTES)
        # Inside of the level where it stays all of it crosses.
        assert staying.crossing(run, 1, reads, writes, 1) == (4.0 * BYTES, BYTES)
    assert reads[x] == 2.0 * BYTES  # what was given is as it was


def test_what_is_written_leaves_only_if_it_must() -> None:
    found = runs()
    run = pair(found)
    reads, writes = np.zeros(3), np.array([0.0, 0.0, float(BYTES)])
    assert [is_written for is_written, _ in found.operands(run.first, run.last, run.kind)] == [False, False, True]
    for payer, leaving in ((NOBODY, 0), (WRITTEN, BYTES)):
        staying = Staying(found, residency({}, {"b": payer}))
        assert staying.crossing(run, 0, reads, writes, 1) == (0.0, leaving)
