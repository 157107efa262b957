"""Random small nests of every family against every integer tile and loop order.

A quick sample runs always; the exam takes thousands (`-m exam`) and prints the seed of each family, with which
`nests(family, seed)` makes the same ones again.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator

import numpy as np
import pytest
from oracles.exhaustive import schedules

from onnxroof.ir.loopnest import Access, AxisMap, Loop, LoopKind, LoopNest, Term, dense_axis, whole_axis
from onnxroof.mapping.canonical import canonical
from onnxroof.mapping.curve import reuse_curve
from onnxroof.mapping.footprint import compulsory_bytes

REDUCTION, SEQUENTIAL = LoopKind.REDUCTION, LoopKind.SEQUENTIAL
WITHIN = 1.02

Make = Callable[[random.Random], LoopNest]


def axis(loops: tuple[Loop, ...], name: str) -> AxisMap:
    number = next(i for i, loop in enumerate(loops) if loop.name == name)
    return dense_axis(number, loops[number].extent)


def widths(rng: random.Random) -> tuple[int, int, int, int]:
    """Bits of inputs, weights, results and partial sums."""
    return rng.choice([(8, 8, 8, 8), (8, 8, 8, 32), (8, 4, 16, 32), (16, 4, 16, 32), (16, 16, 16, 16), (32, 8, 32, 32)])


def product(rng: random.Random) -> LoopNest:
    b, m, n, k = (rng.randint(1, top) for top in (2, 6, 5, 6))
    loops = (Loop("b", b), Loop("m", m), Loop("n", n), Loop("k", k, REDUCTION))
    x, w, y, partial = widths(rng)
    batch = (axis(loops, "b"),)
    shared = () if rng.random() < 0.5 else batch  # weights of their own for each of the batch, or for all
    return LoopNest(
        loops,
        (
            Access(0, False, (*batch, axis(loops, "m"), axis(loops, "k")), x),
            Access(1, False, (*shared, axis(loops, "k"), axis(loops, "n")), w),
            Access(0, True, (*batch, axis(loops, "m"), axis(loops, "n")), y, partial),
        ),
    )


def window(rng: random.Random, o: Loop, f: Loop, numbers: tuple[int, int], top: int) -> AxisMap:
    stride, dilation = rng.randint(1, top), rng.randint(1, top)
    pad = rng.choice([0, 0, rng.randint(0, (f.extent - 1) * dilation)])
    extent = max(1, stride * (o.extent - 1) + dilation * (f.extent - 1) + 1 - 2 * pad + rng.randint(0, 1))
    return AxisMap((Term(numbers[0], stride), Term(numbers[1], dilation)), extent, -pad)


def convolution(rng: random.Random) -> LoopNest:
    """One dimension, with groups."""
    g, k, c, o, f = (rng.randint(1, top) for top in (2, 2, 3, 7, 4))
    loops = (Loop("g", g), Loop("k", k), Loop("c", c, REDUCTION), Loop("o", o), Loop("f", f, REDUCTION))
    x, w, y, partial = widths(rng)
    seen = window(rng, loops[3], loops[4], (3, 4), 3)
    channel, filter_ = AxisMap((Term(0, c), Term(2)), g * c), AxisMap((Term(0, k), Term(1)), g * k)
    return LoopNest(
        loops,
        (
            Access(0, False, (channel, seen), x),
            Access(1, False, (filter_, axis(loops, "c"), axis(loops, "f")), w),
            Access(0, True, (filter_, axis(loops, "o")), y, partial),
        ),
    )


def image(rng: random.Random) -> LoopNest:
    """Two dimensions; half of them depthwise."""
    oy, ox, fy, fx = (rng.randint(1, top) for top in (4, 3, 3, 2))
    c = rng.randint(1, 2)
    is_depthwise = rng.random() < 0.5
    loops = (
        Loop("c", c, LoopKind.PARALLEL if is_depthwise else REDUCTION), Loop("oy", oy), Loop("ox", ox),
        Loop("fy", fy, REDUCTION), Loop("fx", fx, REDUCTION),
    )  # fmt: skip
    x, w, y, partial = widths(rng)
    rows, columns = window(rng, loops[1], loops[3], (1, 3), 2), window(rng, loops[2], loops[4], (2, 4), 2)
    channels = (axis(loops, "c"),)
    return LoopNest(
        loops,
        (
            Access(0, False, (*channels, rows, columns), x),
            Access(1, False, (*channels, axis(loops, "fy"), axis(loops, "fx")), w),
            Access(0, True, (*(channels if is_depthwise else ()), axis(loops, "oy"), axis(loops, "ox")), y, partial),
        ),
    )


def volume(rng: random.Random) -> LoopNest:
    """Three dimensions, two taps along each."""
    extents = [rng.randint(1, 3), rng.randint(1, 2), rng.randint(1, 2)]
    taps = [rng.randint(1, 2) for _ in range(3)]
    loops = (
        *(Loop(f"o{i}", e) for i, e in enumerate(extents)),
        *(Loop(f"f{i}", t, REDUCTION) for i, t in enumerate(taps)),
    )
    x, w, y, partial = widths(rng)
    seen = tuple(window(rng, loops[i], loops[3 + i], (i, 3 + i), 2) for i in range(3))
    return LoopNest(
        loops,
        (
            Access(0, False, seen, x),
            Access(1, False, tuple(axis(loops, f"f{i}") for i in range(3)), w),
            Access(0, True, tuple(axis(loops, f"o{i}") for i in range(3)), y, partial),
        ),
    )


def long_window(rng: random.Random) -> LoopNest:
    """Tile sizes that are not the smallest of a trip count can be best here."""
    loops = (Loop("k", rng.randint(1, 2)), Loop("o", rng.randint(9, 30)), Loop("f", rng.randint(2, 7), REDUCTION))
    seen = window(rng, loops[1], loops[2], (1, 2), 4)
    return LoopNest(
        loops,
        (
            Access(0, False, (seen,), 8),
            Access(1, False, (axis(loops, "k"), axis(loops, "f")), 8),
            Access(0, True, (axis(loops, "k"), axis(loops, "o")), 8, 32),
        ),
    )


def scattered(rng: random.Random) -> LoopNest:
    """A transposed convolution."""
    loops = (Loop("k", rng.randint(1, 2)), Loop("i", rng.randint(1, 6)), Loop("f", rng.randint(1, 3), REDUCTION))
    x, w, y, partial = widths(rng)
    stride, crop = rng.randint(1, 3), rng.randint(0, 1)
    extent = max(1, stride * (loops[1].extent - 1) + loops[2].extent - 2 * crop)
    return LoopNest(
        loops,
        (
            Access(0, False, (axis(loops, "i"),), x),
            Access(1, False, (axis(loops, "k"), axis(loops, "f")), w),
            Access(0, True, (axis(loops, "k"), AxisMap((Term(1, stride), Term(2)), extent, -crop)), y, partial),
        ),
    )


def pool(rng: random.Random) -> LoopNest:
    loops = (Loop("c", rng.randint(1, 3)), Loop("o", rng.randint(1, 9)), Loop("f", rng.randint(1, 4), REDUCTION))
    seen = window(rng, loops[1], loops[2], (1, 2), 3)
    accesses = (
        Access(0, False, (axis(loops, "c"), seen), 8),
        Access(0, True, (axis(loops, "c"), axis(loops, "o")), 8, 8),
    )
    return LoopNest(loops, accesses)


def reduction(rng: random.Random) -> LoopNest:
    loops = tuple(
        Loop(f"d{i}", rng.randint(1, 6), rng.choice([REDUCTION, LoopKind.PARALLEL])) for i in range(rng.randint(2, 4))
    )
    x, _, y, partial = widths(rng)
    every = tuple(axis(loops, loop.name) for loop in loops)
    kept = tuple(axis(loops, loop.name) for loop in loops if loop.kind is not REDUCTION)
    return LoopNest(loops, (Access(0, False, every, x), Access(0, True, kept, y, partial)))


def normalization(rng: random.Random) -> LoopNest:
    """Statistics, then results: softmax with one operand, a norm with scale and shift."""
    loops = (Loop("n", rng.randint(1, 5)), Loop("d", rng.randint(1, 7)))
    x, w, y, _ = widths(rng)
    every, vector = (axis(loops, "n"), axis(loops, "d")), (axis(loops, "d"),)
    vectors = [Access(1 + i, False, vector, w + 8 * i) for i in range(rng.randint(0, 2))]
    accesses = (Access(0, False, every, x), *vectors, Access(0, True, every, y))
    return LoopNest(loops, accesses, sweeps=2, swept=frozenset({1}))


def attention(rng: random.Random) -> LoopNest:
    """Query tiles with online softmax, heads in groups, a mask."""
    loops = (Loop("h", rng.randint(1, 2)), Loop("group", rng.randint(1, 2)), Loop("q", rng.randint(1, 5)))
    loops = (*loops, Loop("kv", rng.randint(1, 5), REDUCTION))
    x, w, y, partial = widths(rng)
    depth = whole_axis(rng.randint(1, 3))
    queries = (axis(loops, "h"), axis(loops, "group"), axis(loops, "q"))
    keys = (axis(loops, "h"), axis(loops, "kv"))
    mask = (Access(3, False, (axis(loops, "q"), axis(loops, "kv")), 8),) if rng.random() < 0.5 else ()
    return LoopNest(
        loops,
        (
            Access(0, False, (*queries, depth), x),
            Access(1, False, (*keys, depth), w),
            Access(2, False, (*keys, depth, whole_axis(1)), w),
            *mask,
            Access(0, True, (*queries, depth), y, partial),
        ),
    )


def recurrence(rng: random.Random) -> LoopNest:
    loops = (Loop("t", rng.randint(1, 4), SEQUENTIAL), Loop("b", rng.randint(1, 2)), Loop("h", rng.randint(1, 4)))
    loops = (*loops, Loop("k", rng.randint(1, 5), REDUCTION))
    x, w, y, partial = widths(rng)
    return LoopNest(
        loops,
        (
            Access(0, False, (axis(loops, "t"), axis(loops, "b"), axis(loops, "k")), x),
            Access(1, False, (axis(loops, "h"), axis(loops, "k")), w),
            Access(0, True, (axis(loops, "t"), axis(loops, "b"), axis(loops, "h")), y, partial),
        ),
    )


def elementwise(rng: random.Random) -> LoopNest:
    """Two operands that are broadcast, and one that is arranged anew."""
    loops = tuple(Loop(f"d{i}", rng.randint(1, 5)) for i in range(3))
    every = [axis(loops, loop.name) for loop in loops]
    reads = [Access(i, False, tuple(a for a in every if rng.random() < 0.6), rng.choice([4, 8, 16])) for i in range(2)]
    return LoopNest(loops, (*reads, Access(2, False, tuple(every[::-1]), 8), Access(0, True, tuple(every), 16)))


FAMILIES: tuple[Make, ...] = (
    product, convolution, image, volume, long_window, scattered, pool, reduction, normalization, attention, recurrence,
    elementwise,
)  # fmt: skip


def nests(family: Make, seed: int) -> Iterator[LoopNest]:
    rng = random.Random(f"{family.__name__} {seed}")
    while True:
        yield family(rng)


def excess(nest: LoopNest) -> float:
    """The most that the curve lies above the best schedule, as a ratio, over every capacity at which that changes."""
    found = sorted((schedule.capacity_bytes, schedule.total_bytes) for schedule in schedules(nest))
    curve = reuse_curve(nest)
    compulsory = sum(compulsory_bytes(nest))
    is_boxed = all(len(members) == 1 for members in canonical(nest).members)
    # Elements narrower than a byte are packed: each such operand is rounded up, in each direction.
    packing = 2 * sum(access.bits < 8 for access in nest.accesses)
    worst, best = 1.0, math.inf
    for capacity, total in found:
        if total >= best:
            continue
        best = total
        point = curve.at(capacity)
        assert point.fits
        assert point.footprint_bytes <= capacity
        assert point.total_bytes >= compulsory
        if is_boxed:  # loops that are walked as one allow tiles that are no box, which may be better
            assert point.total_bytes >= best - 1e-6
        worst = max(worst, (point.total_bytes - packing) / best)
    assert curve.floor.total_bytes == compulsory
    assert np.all(np.diff(curve.total_bytes) < 0)
    assert np.all(np.diff(curve.capacity_bytes) > 0)
    return worst


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.__name__)
def test_a_sample_lies_within_two_percent_of_the_best(family: Make) -> None:
    for _, nest in zip(range(6), nests(family, 0), strict=False):
        assert excess(nest) <= WITHIN, nest


@pytest.mark.exam
@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.__name__)
def test_exam_within_two_percent_of_the_best(family: Make, capsys: pytest.CaptureFixture[str]) -> None:
    seed = random.SystemRandom().randrange(10**6)
    count = 60 if family in (product, convolution, volume, image, long_window) else 400
    worst = 1.0
    for number, nest in zip(range(count), nests(family, seed), strict=False):
        found = excess(nest)
        worst = max(worst, found)
        assert found <= WITHIN, (family.__name__, seed, number, nest)
    with capsys.disabled():
        print(f"\n{family.__name__}: {count} nests of seed {seed}, at most {worst - 1:.2%} above the best", end="")
