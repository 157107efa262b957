"""Curves of groups: convolutions in all halo modes by hand, recorded results of other tools, known patterns."""

from __future__ import annotations

import itertools
import json
import math
from pathlib import Path

import numpy as np
import pytest
from oracles.named_stack import NamedStack, named_stack
from oracles.tiny import workload

from onnxroof.costs.table import cost_table
from onnxroof.mapping.fused import FusedCurve, Way, fused_curve, fused_step
from onnxroof.mapping.storage import storage
from onnxroof.mapping.ways import cuts_of, halos_of, sizes_of, tiled_dims, used_dims, ways_of

RECORDED = json.loads((Path(__file__).resolve().parents[2] / "data" / "fusion" / "recorded.json").read_text())
FLOAT = 4


def stack(text: str) -> NamedStack:
    """All operators of a model as one group, each a step of its own."""
    model = workload(text)
    store = storage(model, cost_table(model))
    return named_stack(store, model.tensors, [(kernel,) for kernel in range(len(store.kernels))])


def elements(values: np.ndarray) -> list[float]:
    return (values / FLOAT).tolist()


def best(curve: FusedCurve, capacity: float) -> float:
    fitting = curve.total_bytes[curve.capacity_bytes <= capacity]
    return float(fitting.min()) if len(fitting) else math.inf


# Two convolutions 3x3 of one channel without padding: 12 x 12 -> 10 x 10 -> 8 x 8, in tiles of 4 x 4 of the result:
# two a direction. A tile needs 6 x 6 of what is between and 8 x 8 of x.
PAIR = """g (float[1,1,12,12] x) => (float[1,1,8,8] y) <float[1,1,3,3] v, float[1,1,3,3] w>
    { m = Conv(x, v) y = Conv(m, w) }"""


@pytest.mark.parametrize(
    ("cached", "keeps", "fetch", "work", "footprint"),
    [
        # Recompute: (8 + 8)^2 of x; (6 + 6)^2 of 10^2 are made. While m is made: its 36, a row of v (3) and the tile of
        # x (64) that stream past. Then 36, w (9) and a row of y (4).
        ("", False, 16 * 16, 1.44, 36 + 3 + 64),
        # Halos along x stay: each of the 12 columns of x and of the 10 of m comes once for a row of tiles. Two columns
        # of m (2 x 6) and of x (2 x 8) stay beside the new 4 x 8 of x. While y is made: 4 x 6 new of m, w, a row of y.
        ("ox", True, 16 * 12, 1.2, 12 + 16 + 32 + 24 + 9 + 4),
        # All halos stay. Of m: two columns 2 x 4 and two rows 2 x 10 beside the new 4 x 4; of x: 2 x 4 and 2 x 12.
        ("oy ox", True, 12 * 12, 1.0, 8 + 20 + 16 + 8 + 24 + 16 + 9 + 4),
    ],
)
def test_c21_two_convolutions_in_three_halo_modes(
    cached: str, keeps: bool, fetch: int, work: float, footprint: int
) -> None:
    found = stack(PAIR)
    rows, columns = found.dims.index("oy"), found.dims.index("ox")
    x = found.operands.index("x")
    way = Way(
        (rows, columns), frozenset(found.dims.index(name) for name in cached.split()),
        kept=frozenset({x} if keeps else ()),
    )  # fmt: skip
    curve = fused_step(found.stack, {rows: 4, columns: 4}, way)
    assert elements(curve.read_bytes)[0][x] == fetch
    # Four tiles: each weight comes four times, and y leaves once.
    assert sorted(elements(curve.read_bytes)[0]) == sorted([fetch, 36, 36, 0])
    assert elements(curve.write_bytes)[0][found.operands.index("y")] == 64
    assert curve.work[0].tolist() == pytest.approx([work, 1.0])
    assert curve.again_ops[0] == round((work - 1) * 2 * 900)  # 2 x 9 x 100 operations of m
    assert elements(curve.capacity_bytes)[0] == footprint


def test_resident_weights_take_their_room_and_come_once() -> None:
    found = stack(PAIR)
    rows, columns = found.dims.index("oy"), found.dims.index("ox")
    weights = frozenset(found.operands.index(name) for name in ("v", "w"))
    curve = fused_step(found.stack, {rows: 4, columns: 4}, Way((rows, columns), resident=weights))
    assert sorted(elements(curve.read_bytes)[0]) == [0, 9, 9, 256]
    # While m is made only x streams past, one element at a time.
    assert elements(curve.capacity_bytes)[0] == max(36 + 1, 36 + 1) + 18


def test_the_curve_of_a_pair_ends_at_the_compulsory_bytes() -> None:
    curve = fused_curve(stack(PAIR).stack)
    assert curve.total_bytes.min() == FLOAT * (144 + 9 + 9 + 64)
    # Two rows of x and two of m stay, and the weights: x 2 x 12 + m 2 x 10 + 18 at least.
    least = curve.capacity_bytes[curve.total_bytes == curve.total_bytes.min()].min()
    assert FLOAT * (24 + 20 + 18) <= least <= FLOAT * (24 + 20 + 18 + 12)
    assert (np.diff(curve.capacity_bytes) >= 0).all()
    assert (curve.work >= 1).all()


@pytest.mark.parametrize("row", RECORDED["fsrcnn"]["schedules"], ids=lambda row: f"{row['tile']} {row['mode']}")
def test_fsrcnn_fetches_what_defines_does(row: dict[str, object]) -> None:
    found = stack(fsrcnn())
    dims = [found.dims.index("oy"), found.dims.index("ox")]
    cached = {"fully cached": dims, "H cached, V recompute": dims[1:], "fully recompute": []}[str(row["mode"])]
    tile = dict(zip(dims, row["tile"], strict=True))  # type: ignore[call-overload]
    x = found.operands.index("x")
    curve = fused_step(found.stack, tile, Way(tuple(dims), frozenset(cached), kept=frozenset({x})))
    assert elements(curve.read_bytes)[0][x] == row["input_fetch"]
    assert elements(curve.write_bytes)[0][found.operands.index("t8")] == 16 * 540 * 960 == 8_294_400


def fsrcnn() -> str:
    """960 x 540, no padding: the input is 14 larger in both directions."""
    layers = RECORDED["fsrcnn"]["layers"]
    nodes = " ".join(f"t{n} = Conv({'x' if n == 1 else f't{n - 1}'}, w{n})" for n in range(1, len(layers) + 1))
    weights = ", ".join(f"float[{k},{c},{f},{f}] w{n}" for n, (f, c, k) in enumerate(layers, 1))
    return f"g (float[1,1,554,974] x) => (float[1,16,540,960] t8) <{weights}> {{ {nodes} }}"


def test_fsrcnn_gains_over_layer_by_layer() -> None:
    # Layer by layer 2 x 90,721,264 elements between the layers cross; fused none do, with lines of all layers kept.
    curve = fused_curve(stack(fsrcnn()).stack)
    compulsory = 554 * 974 + 15_992 + 8_294_400
    assert best(curve, 4 * 2**20) <= FLOAT * compulsory * 1.001
    assert 2 * 90_721_264 + compulsory > 20 * compulsory


def chain(rows: int, *widths: int) -> str:
    weights = ", ".join(f"float[{a},{b}] w{n}" for n, (a, b) in enumerate(itertools.pairwise(widths)))
    nodes = " ".join(f"t{n + 1} = MatMul({f't{n}' if n else 'x'}, w{n})" for n in range(len(widths) - 1))
    return (
        f"g (float[{rows},{widths[0]}] x) => (float[{rows},{widths[-1]}] t{len(widths) - 1}) <{weights}> {{ {nodes} }}"
    )


CURVES: dict[tuple[int, ...], FusedCurve] = {}


def chain_curve(*shape: int) -> FusedCurve:
    if shape not in CURVES:
        CURVES[shape] = fused_curve(stack(chain(*shape)).stack)
    return CURVES[shape]


@pytest.mark.parametrize("row", RECORDED["two_matmul_chain"], ids=lambda row: f"{row['shape']} {row['buffer']}")
def test_two_products_move_no_more_than_with_an_optimal_mapper(row: dict[str, object]) -> None:
    # Elements of one byte there and of four here; where it is not better to fuse, its result is the unfused one.
    found = best(chain_curve(*row["shape"]), FLOAT * row["buffer"]) / FLOAT  # type: ignore[misc, operator]
    assert min(found, row["unfused"]) <= row["fused"]  # type: ignore[type-var]


@pytest.mark.parametrize("shape", [(512, 512, 512, 512), (1024, 64, 1024, 64), (300, 70, 900, 130)])
def test_two_products_are_close_to_the_closed_form(shape: tuple[int, int, int, int]) -> None:
    curve = chain_curve(*shape)
    for buffer in (1024, 4096, 16384, 65536, 262144):
        closed = closed_form(*shape, buffer)
        found = best(curve, FLOAT * buffer) / FLOAT
        # Two tiles may share the room of what streams past, which the closed form does not know.
        assert closed * 0.95 <= found <= closed * 1.02, buffer


def closed_form(m: int, n0: int, n1: int, n2: int, buffer: int) -> float:
    """Least traffic of a fused pair over all tiles of m rows and b columns (Orojenesis, Huang et al., ISCA 2024)."""
    rows, block = np.meshgrid(np.arange(1, m + 1), np.arange(1, n1 + 1), indexing="ij")
    trips, blocks = -(-m // rows), -(-n1 // block)
    t0, w0, w1, t2 = m * n0, n0 * n1, n1 * n2, m * n2
    least = math.inf
    for keeps_t0 in (False, True):
        for keeps_t2 in (False, True):
            for stays in (False, True):
                first = 1 if keeps_t0 else blocks
                last = 1 if keeps_t2 else 2 * blocks - 1
                moved = t0 * first + (w0 + w1) * (1 if stays else trips) + t2 * last
                one = (0 if stays else 1 if keeps_t0 else block) + (0 if keeps_t0 else rows)
                two = (0 if stays else 1 if keeps_t2 else block) + (0 if keeps_t2 else rows)
                held = rows * block + rows * (n0 * keeps_t0 + n2 * keeps_t2) + np.maximum(one, two)
                held = held + (w0 + w1 if stays else 0)
                fits = held <= buffer
                least = min(least, float(np.where(fits, moved, math.inf).min()))
    for keeps_w0 in (False, True):
        for keeps_w1 in (False, True):
            moved = (
                t0 * blocks + t2 * (2 * blocks - 1) + w0 * (1 if keeps_w0 else trips) + w1 * (1 if keeps_w1 else trips)
            )
            held = rows * block + rows + (n0 * block if keeps_w0 else block) + (n2 * block if keeps_w1 else block)
            least = min(least, float(np.where(held <= buffer, moved, math.inf).min()))
    return least


ATTENTION = """g (float[1,HEADS,1024,64] q, float[1,HEADS,64,1024] k, float[1,HEADS,1024,64] v,
    float[1,1,1024,1024] mask) => (float[1,HEADS,1024,64] y) <float scale = {8.0}>
    { s = MatMul(q, k) t = Div(s, scale) u = Add(t, mask) p = Softmax<axis=-1>(u) y = MatMul(p, v) }"""


def test_attention_streams_its_keys_with_an_online_softmax() -> None:
    found = stack(ATTENTION.replace("HEADS", "1"))
    rows, keys = found.dims.index("m"), next(n for n, name in enumerate(found.dims) if " of " in name)
    numbers = {name: found.operands.index(name) for name in ("q", "k", "v", "mask", "y")}
    (scale,) = set(range(len(found.operands))) - set(numbers.values())
    kept = frozenset({numbers["q"], numbers["y"]})
    way = Way((rows, keys), cut=frozenset({keys}), kept=kept, resident=frozenset({scale}))
    curve = fused_step(found.stack, {rows: 128, keys: 1}, way)
    # FlashAttention: q and y once, k and v once for each of the 1024 / 128 = 8 tiles of rows; and the mask once.
    moved = 2 * 65_536 + 8 * 2 * 65_536 + 1024 * 1024
    assert curve.total_bytes[0] == FLOAT * (moved + 1)  # and the scale
    # Rows of q and y, one column of scores, a maximum and a sum a row; nothing of the 1024 x 1024 scores.
    assert elements(curve.capacity_bytes)[0] == pytest.approx(128 * 64 * 2 + 128 + 2 * 128, abs=130)
    assert curve.capacity_bytes[0] < FLOAT * 1024 * 128


def test_attention_without_online_softmax_would_need_whole_rows_of_scores() -> None:
    text = ATTENTION.replace("HEADS", "1").replace("p = Softmax<axis=-1>(u)", "p = LayerNormalization(u, one)")
    text = text.replace("float scale = {8.0}", "float scale = {8.0}, float[1024] one")
    online = fused_curve(stack(ATTENTION.replace("HEADS", "1")).stack)
    whole = fused_curve(stack(text).stack)
    room = FLOAT * 700
    assert best(online, room) < math.inf
    assert best(whole, room) == math.inf  # one row of scores is 1024
    assert best(whole, FLOAT * 4096) < math.inf


def test_keys_and_values_stay_for_the_rows_of_a_head() -> None:
    found = stack(ATTENTION.replace("HEADS", "4"))
    curve = fused_curve(found.stack)
    # Room for one head's keys and values and a few rows: each tensor once.
    compulsory = 4 * 65_536 * 4 + 1024 * 1024 + 1
    one_head = 2 * 65_536
    assert best(curve, FLOAT * (one_head + 16_384)) <= FLOAT * (compulsory + 3 * 1024 * 1024)  # the mask a head
    assert best(curve, FLOAT * 4 * 10**6) == FLOAT * compulsory


MLP = """g (float[128,256] x) => (float[128,256] y) <float[256,1024] up, float[1024,256] down>
    { h = MatMul(x, up) a = Sigmoid(h) y = MatMul(a, down) }"""


def test_an_mlp_keeps_its_hidden_block_on_chip() -> None:
    found = stack(MLP)
    rows, hidden = found.dims.index("m"), next(n for n, name in enumerate(found.dims) if " of " in name)
    x, y = found.operands.index("x"), found.operands.index("y")
    curve = fused_step(
        found.stack, {rows: 32, hidden: 64}, Way((rows, hidden), cut=frozenset({hidden}), kept=frozenset({x, y}))
    )
    # 4 tiles of rows: x and y once, both weights 4 times.
    assert curve.total_bytes[0] == FLOAT * (2 * 128 * 256 + 4 * 2 * 256 * 1024)
    # Rows of x and y, and a block of the hidden values, which the sigmoid overwrites.
    assert elements(curve.capacity_bytes)[0] <= 32 * 256 * 2 + 2 * 32 * 64 + 1
    assert fused_curve(found.stack).total_bytes.min() == FLOAT * (2 * 128 * 256 + 2 * 256 * 1024)


def test_a_residual_block_reads_its_input_once_if_it_stays() -> None:
    text = """g (float[1,4,16,16] x) => (float[1,4,16,16] y) <float[4,4,3,3] v, float[4,4,3,3] w>
        { a = Conv<pads=[1,1,1,1]>(x, v) b = Relu(a) c = Conv<pads=[1,1,1,1]>(b, w) y = Add(c, x) }"""
    found = stack(text)
    rows = found.dims.index("d2")
    x, v, w = (found.operands.index(name) for name in ("x", "v", "w"))
    weights = frozenset({v, w})
    apart = fused_step(found.stack, {rows: 4}, Way((rows,), frozenset({rows}), resident=weights))
    # Streamed, x comes for the convolution (rows with their halo, 6 + 8 + 8 + 6 of 16) and for the sum (16).
    assert elements(apart.read_bytes)[0][x] == 4 * 16 * (6 + 8 + 8 + 6 + 16)
    once = fused_step(found.stack, {rows: 4}, Way((rows,), frozenset({rows}), kept=frozenset({x}), resident=weights))
    assert elements(once.read_bytes)[0][x] == 4 * 16 * 16
    assert once.work.tolist() == [[1.0, 1.0, 1.0, 1.0]]
    # x: 4 new rows and the 4 of its halo (two convolutions). Of a (b is written in its place) 2 rows are kept of each
    # name; the weights are 288; the convolutions' result is 4 rows.
    assert fused_curve(found.stack).total_bytes.min() == FLOAT * (2 * 1024 + 288)


def test_an_inverted_bottleneck_never_holds_its_wide_tensor() -> None:
    text = """g (float[1,8,14,14] x) => (float[1,8,14,14] y)
        <float[48,8,1,1] e, float[48,1,3,3] d, float[8,48,1,1] p>
        { a = Conv(x, e) b = Conv<group=48, pads=[1,1,1,1]>(a, d) c = Conv(b, p) y = Add(c, x) }"""
    curve = fused_curve(stack(text).stack)
    weights = 48 * 8 + 48 * 9 + 8 * 48
    assert curve.total_bytes.min() == FLOAT * (2 * 8 * 14 * 14 + weights)
    wide = 48 * 14 * 14
    least = curve.capacity_bytes[curve.total_bytes == curve.total_bytes.min()].min()
    assert least < FLOAT * (wide + weights)


def test_branches_that_are_joined() -> None:
    text = """g (float[1,4,16,16] x) => (float[1,6,16,16] y) <float[4,4,1,1] v, float[4,4,3,3] w, float[6,8,1,1] u>
        { a = Conv(x, v) b = Conv<pads=[1,1,1,1]>(x, w) c = Concat<axis=1>(a, b) y = Conv(c, u) }"""
    found = stack(text)
    curve = fused_curve(found.stack)
    # Nothing of a, b, c crosses: x, three weights and y do, once.
    assert curve.total_bytes.min() == FLOAT * (1024 + 16 + 144 + 48 + 6 * 256)
    assert sorted(found.operands) == ["u", "v", "w", "x", "y"]


def test_what_is_used_outside_is_written() -> None:
    text = """g (float[64,64] x) => (float[64,64] m, float[64,64] y) <float[64,64] v, float[64,64] w>
        { m = MatMul(x, v) y = MatMul(m, w) }"""
    found = stack(text)
    curve = fused_curve(found.stack)
    assert sorted(found.operands) == ["m", "v", "w", "x", "y"]
    assert curve.total_bytes.min() == FLOAT * 5 * 64 * 64


def test_two_products_of_one_input_share_its_rows() -> None:
    # Nothing passes from one to the other. 16 rows of x stay for both, a column of w or v and one of results at a time:
    # 16 * 64 + 64 + 16 elements. Both weights then come in 64 / 16 times.
    text = """g (float[64,64] x) => (float[64,64] y, float[64,64] u) <float[64,64] w, float[64,64] v>
        { y = MatMul(x, w) u = MatMul(x, v) }"""
    curve = fused_curve(stack(text).stack)
    step = np.flatnonzero(curve.capacity_bytes == FLOAT * (16 * 64 + 64 + 16))
    assert curve.read_bytes[step, :3].tolist() == [[FLOAT * 64 * 64, 4 * FLOAT * 64 * 64, 4 * FLOAT * 64 * 64]]
    assert curve.total_bytes.min() == FLOAT * 5 * 64 * 64


def test_a_tensor_that_a_sum_needs_whole_is_held_whole() -> None:
    # Squeeze and excitation: the mean needs all of a before any of y can be made.
    text = """g (float[1,8,16,16] x) => (float[1,8,16,16] y) <float[8,8,1,1] v, float[8,8,1,1] w>
        { a = Conv(x, v) m = GlobalAveragePool(a) s = Conv(m, w) y = Mul(a, s) }"""
    curve = fused_curve(stack(text).stack)
    assert curve.total_bytes.min() == FLOAT * (2 * 8 * 256 + 2 * 64)
    assert curve.capacity_bytes.min() >= FLOAT * 8 * 256


@pytest.mark.parametrize("text", [chain(12, 8, 6, 4), chain(6, 4, 12, 8)])
def test_steps_are_the_best_whether_or_not_an_operand_stays_on_chip(text: str) -> None:
    # Every tile, way and set of operands that stay for good, one at a time.
    found = stack(text).stack
    used = used_dims(found)
    halos = halos_of(found)
    held, reads, writes = [], [], []
    for cut in cuts_of(found, used, halos):
        dims = tiled_dims(found, used, halos, cut)
        for sizes in itertools.product(*(sizes for _, sizes in sizes_of(found, dims, halos))):
            for way in ways_of(found, dims, halos, cut):
                step = fused_step(found, dict(zip(dims, sizes, strict=True)), way)
                held.append(step.capacity_bytes[0])
                reads.append(step.read_bytes[0])
                writes.append(step.write_bytes[0])
    curve = fused_curve(found)
    # What may stay around: one of the operands that are read with the tiles of the result, all of them, or all others.
    everything = set(range(len(found.operands)))
    dims = [{axis.span.dim for use in operand.uses for axis in use.axes} for operand in found.operands]
    inputs = {n for n in everything if not found.operands[n].is_written and dims[n] & set(range(found.tiled))}
    outputs = {n for n in everything if found.operands[n].is_written}
    assert (len(inputs), len(everything - inputs - outputs)) == (2, 1)
    for counted in (everything, everything - inputs, inputs | outputs, *(everything - {one} for one in inputs)):
        columns = sorted(counted)
        every = np.array(reads)[:, columns].sum(axis=1) + np.array(writes)[:, columns].sum(axis=1)
        ours = curve.read_bytes[:, columns].sum(axis=1) + curve.write_bytes[:, columns].sum(axis=1)
        for capacity in sorted(set(held)):
            assert ours[curve.capacity_bytes <= capacity].min() <= every[np.array(held) <= capacity].min() + 1
