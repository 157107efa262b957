"""How long do the reuse curves of whole models take, on one core?

Times are those of the processor (others may share it), the least of several rounds. In each round a peer runs too: the
curve of one product of two 512 x 512 matrices as one would write it in numpy, from the three closed forms over all tile
sizes that matter, reduced to its Pareto steps by a sort. It takes `PEER_MS` on a core of the machine where the limits
were set (AMD EPYC, two virtual cores, the least of 60 runs beside other work; an idle core is no slower). So what is
asked, 150 ms for ResNet-50 and 300 ms for a decoder of 70 billion parameters, are 12.5 and 25 runs of it anywhere.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from benchmarks.caches import forget
from oracles.decoder import decoder
from validation.layers import product

import onnxroof
from onnxroof.costs.table import cost_table
from onnxroof.ir.loopnest import LoopNest
from onnxroof.mapping.curve import reuse_curve

pytestmark = pytest.mark.benchmark

ROOT = Path(__file__).resolve().parents[2]
PEER_MS = 12.0
PEERS_150_MS = 150 / PEER_MS
ROUNDS = 7


def spent_ms(action: Callable[[], object]) -> float:
    """Processor time."""
    begin = time.process_time()
    action()
    return (time.process_time() - begin) * 1e3


def peer() -> tuple[np.ndarray, np.ndarray]:
    """Capacity and bytes of the steps of a product of 512 x 512 x 512 one-byte elements."""
    n = 512
    sizes = np.unique([-(-n // trips) for trips in range(1, n + 1)]).astype(float)
    m, k, o = sizes[:, None, None], sizes[None, :, None], sizes[None, None, :]
    trips_m, trips_k, trips_o = np.ceil(n / m), np.ceil(n / k), np.ceil(n / o)
    room = m * k + k * o + m * o
    moved = n * n * np.minimum.reduce([
        trips_o + trips_m + 1 + 0 * trips_k, 1 + trips_m + (2 * trips_k - 1) + 0 * trips_o,
        trips_o + 1 + (2 * trips_k - 1) + 0 * trips_m,
    ])  # fmt: skip
    order = np.lexsort((moved.ravel(), room.ravel()))
    room, moved = room.ravel()[order], moved.ravel()[order]
    is_step = np.concatenate(([True], moved[1:] < np.minimum.accumulate(moved)[:-1]))
    return room[is_step], moved[is_step]


def nests_of(path: Path, **dims: int) -> list[LoopNest]:
    costs = cost_table(onnxroof.load(path, dims=dims)).costs
    return list(dict.fromkeys(cost.nest for cost in costs if cost.nest is not None))


def timed(action: Callable[[], object]) -> tuple[float, float]:
    """Milliseconds of an action and of the peer, the least of rounds in which one follows the other."""
    rounds = [(spent_ms(action), spent_ms(peer)) for _ in range(ROUNDS)]
    own, theirs = zip(*rounds, strict=True)
    return min(own), min(theirs)


def test_the_peer_finds_the_curve():
    capacity, moved = peer()
    curve = reuse_curve(product(512, 512, 512, partial_bits=8))
    assert np.array_equal(capacity, curve.capacity_bytes)
    assert np.array_equal(moved, curve.total_bytes)


def test_curves_of_resnet_50(capsys):
    check(capsys, "ResNet-50", nests_of(ROOT / "models" / "resnet50.onnx"), peers=PEERS_150_MS)


@pytest.mark.parametrize(("tokens", "past"), [(1, 4096), (4096, 1)], ids=["decode", "prefill"])
def test_curves_of_a_decoder_of_70_billion_parameters(tokens, past, tmp_path, capsys):
    model = decoder(tokens=tokens, past=past)
    path = tmp_path / "decoder.onnx"
    onnx.save(model, path)
    check(
        capsys, f"70 B decoder, {tokens} tokens, {len(model.graph.node)} nodes", nests_of(path), peers=2 * PEERS_150_MS
    )


def test_a_lookup_takes_microseconds(capsys):
    """60 targets x 4 levels at once."""
    found = [reuse_curve(nest) for nest in nests_of(ROOT / "models" / "resnet50.onnx")]
    capacities = np.geomspace(1e2, 1e9, 240).reshape(60, 4)
    spent, theirs = timed(lambda: [one.lookup(capacities) for one in found])
    with capsys.disabled():
        print(f"\nlookup of 60 x 4 capacities: {spent * 1e3 / len(found):.1f} us a nest", end="")
    assert spent / len(found) < theirs / 120  # 0.1 ms where the peer takes 12


def check(capsys, name: str, nests: list[LoopNest], peers: float) -> None:
    def all_curves() -> None:
        forget()
        for nest in nests:
            reuse_curve(nest)

    spent, theirs = timed(all_curves)
    with capsys.disabled():
        print(
            f"\n{name}: {len(nests)} distinct nests in {spent:.0f} ms, {spent / theirs:.1f} times the peer's "
            f"{theirs:.1f} ms; {peers:.1f} times are {peers * PEER_MS:.0f} ms where it takes {PEER_MS:.1f}", end="",
        )  # fmt: skip
    assert spent < peers * theirs
