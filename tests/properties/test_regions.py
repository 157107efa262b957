"""What a tile needs of every tensor before it, against walking all points of random stacks of windows."""

from __future__ import annotations

import itertools

from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from oracles.named_stack import named_stack
from oracles.tiles import needed
from oracles.tiny import workload

from onnxroof.costs.table import cost_table
from onnxroof.mapping.regions import span_table
from onnxroof.mapping.sketch import unfusible
from onnxroof.mapping.stacks import Stack
from onnxroof.mapping.storage import storage


@st.composite
def stacks(draw: st.DrawFn, *, is_dense: bool) -> str:
    """Two to four operators over rows: convolutions, pools, sums of branches, joins, elementwise.

    `is_dense`: no window leaves gaps or lies in the padding as a whole.
    """
    channels, extent, name = 2, draw(st.integers(9, 14)), "x"
    nodes, weights, shapes = [], [], {"x": (2, extent)}
    for number in range(draw(st.integers(2, 4))):
        kind = draw(st.sampled_from(["conv", "conv", "pool", "relu", "add", "concat"]))
        taps = draw(st.integers(1, 3))
        dilation = draw(st.integers(1, 1 if is_dense else 2)) if taps > 1 else 1
        reach = dilation * (taps - 1) + 1
        stride = draw(st.integers(1, taps if is_dense else 4))
        pads = [draw(st.integers(0, min(reach - 1, 2))) for _ in range(2)]
        if not is_dense and kind == "conv":
            pads = [draw(st.integers(0, 3)) for _ in range(2)]
        result = (extent + sum(pads) - reach) // stride + 1
        others = [other for other, shape in shapes.items() if shape == (channels, extent)]
        window = f"strides=[{stride}], dilations=[{dilation}], pads=[{pads[0]},{pads[1]}]"
        if kind == "conv" and result > 1:
            weights.append(f"float[{channels},{channels},{taps}] w{number}")
            nodes.append(f"t{number} = Conv<{window}>({name}, w{number})")
            extent = result
        elif kind == "pool" and result > 1 and max(pads) < taps:
            nodes.append(f"t{number} = MaxPool<kernel_shape=[{taps}], {window}>({name})")
            extent = result
        elif kind == "add":
            nodes.append(f"t{number} = Add({name}, {draw(st.sampled_from(others))})")
        elif kind == "concat" and len(others) > 1:
            other = draw(st.sampled_from([one for one in others if one != name]))
            nodes.append(f"t{number} = Concat<axis=2>({name}, {other})")
            extent *= 2
        else:
            nodes.append(f"t{number} = Relu({name})")
        name = f"t{number}"
        shapes[name] = (channels, extent)
    declared = f"<{', '.join(weights)}>" if weights else ""
    first = shapes["x"][1]
    return f"g (float[1,2,{first}] x) => (float[1,2,{extent}] {name}) {declared} {{ {' '.join(nodes)} }}"


def check(text: str, size: int, *, is_exact: bool) -> None:
    model = workload(text)
    store = storage(model, cost_table(model))
    kernels = range(len(store.kernels))
    assume(not any(map(unfusible, store.kernels)))  # a join that appends to a cache
    used = {len(store.kernels) - 1}
    for kernel in reversed(kernels):  # those that the last one does not need are no part of its group
        makers = (store.producers.get(t.tensor, -1) for t in store.kernels[kernel].cost.reads)
        used |= set(makers) if kernel in used else set()
    members = sorted(used - {-1})
    stack = named_stack(store, model.tensors, [(kernel,) for kernel in members]).stack
    extent = model.tensors[model.outputs[0]].dims[2]
    rows = next(dim for dim in range(stack.tiled) if dim == stack.tiled - 1)
    assert stack.extents[rows] == extent
    size = min(size, extent)
    starts = range(0, extent, size)
    found = [
        needed(store, members, set(itertools.product((0,), range(2), range(begin, min(begin + size, extent)))))
        for begin in starts
    ]
    made = {store.kernels[members[v.maker]].op.outputs[0]: v for v in stack.values}
    for name, value in made.items():
        span = value.spans[2]
        lengths, before, total, overlap = [], None, set(), 0
        for tile in found:
            here = {element[2] for element in tile[name]}
            interval = set(range(min(here), max(here) + 1)) if here else set()
            lengths.append(len(interval))
            overlap = max(overlap, len(interval & before)) if before is not None else 0
            total |= interval
            before = interval
        table = span_table(span, (size if span.dim == rows else stack.extents[span.dim],)) if span.dim >= 0 else None
        peak = span.extent if table is None else table.peak[0]
        if is_exact and table is not None:
            assert (peak, table.total[0], table.covered[0], table.overlap[0]) == (
                max(lengths), sum(lengths), len(total), overlap,
            )  # fmt: skip
        assert peak >= max(lengths)
        assert table is None or table.total[0] >= sum(lengths)


# Tiles need t0 up to 2 i + 1 through the window, as far as t0 goes in t1, and then i for the sum: less than before.
GOES_BACK = """g (float[1,2,9] x) => (float[1,2,9] t3) <float[2,2,1] w0, float[2,2,2] w2> {
    t0 = Conv(x, w0) t1 = Concat<axis=2>(t0, x) t2 = Conv<strides=[2]>(t1, w2) t3 = Add(t2, t0) }"""


@settings(max_examples=120, deadline=None)
@given(stacks(is_dense=True), st.integers(1, 6))
@example(GOES_BACK, 1)
def test_regions_are_exact_where_windows_leave_no_gaps(text: str, size: int) -> None:
    check(text, size, is_exact=True)


@settings(max_examples=80, deadline=None)
@given(stacks(is_dense=False), st.integers(1, 6))
def test_regions_hold_what_is_needed(text: str, size: int) -> None:
    check(text, size, is_exact=False)


def test_a_stack_has_its_result_as_the_only_tile() -> None:
    model = workload("g (float[1,2,9] x) => (float[1,2,9] y) { t = Relu(x) y = Exp(t) }")
    found: Stack = named_stack(storage(model, cost_table(model)), model.tensors, [(0,), (1,)]).stack
    assert found.extents == (2, 9)
