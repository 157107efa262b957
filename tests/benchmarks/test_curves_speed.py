"""How long do the reuse curves of whole models take, on one core?

The unit of work against which times are held is in `benchmarks.work`.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from benchmarks.work import UNIT, least, unit
from oracles.decoder import decoder

import onnxroof
from onnxroof.costs.table import cost_table
from onnxroof.ir.loopnest import LoopNest
from onnxroof.mapping import curve, footprint, orders, tiling
from onnxroof.mapping.curve import reuse_curve

pytestmark = pytest.mark.benchmark

ROOT = Path(__file__).resolve().parents[2]


def nests_of(path: Path, **dims: int) -> list[LoopNest]:
    costs = cost_table(onnxroof.load(path, dims=dims)).costs
    return list(dict.fromkeys(cost.nest for cost in costs if cost.nest is not None))


def forget() -> None:
    known = (
        reuse_curve, curve._shared_front, footprint.compulsory_bytes, footprint._window_tables, orders._orders,
        tiling.tile_sizes,
    )  # fmt: skip
    for function in known:
        function.cache_clear()


def timed(nests: list[LoopNest]) -> float:
    def all_curves() -> None:
        forget()
        for nest in nests:
            reuse_curve(nest)

    return least(all_curves)


def test_curves_of_resnet_50(capsys):
    check(capsys, "ResNet-50", nests_of(ROOT / "models" / "resnet50.onnx"), limit=150)


@pytest.mark.parametrize(("tokens", "past"), [(1, 4096), (4096, 1)], ids=["decode", "prefill"])
def test_curves_of_a_decoder_of_70_billion_parameters(tokens, past, tmp_path, capsys):
    model = decoder(tokens=tokens, past=past)
    path = tmp_path / "decoder.onnx"
    onnx.save(model, path)
    check(capsys, f"70 B decoder, {tokens} tokens, {len(model.graph.node)} nodes", nests_of(path), limit=300)


def test_a_lookup_takes_microseconds(capsys):
    """60 targets x 4 levels at once."""
    found = [reuse_curve(nest) for nest in nests_of(ROOT / "models" / "resnet50.onnx")]
    capacities = np.geomspace(1e2, 1e9, 240).reshape(60, 4)
    spent = least(lambda: [one.lookup(capacities) for one in found])
    with capsys.disabled():
        print(f"\nlookup of 60 x 4 capacities: {spent * 1e3 / len(found):.1f} us a nest", end="")
    assert spent * 1e3 / len(found) < 100


def check(capsys, name: str, nests: list[LoopNest], limit: float) -> None:
    spent, work = timed(nests), unit()
    with capsys.disabled():
        print(f"\n{name}: {len(nests)} distinct nests in {spent:.0f} ms; the unit of work {work:.2f} ms", end="")
    assert spent < limit * max(1, work / UNIT)
