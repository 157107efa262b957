"""How long does it take to plan and evaluate a model on targets, in this process and as a command?

Budgets of the project are printed beside the figures: half a second for ResNet-50 on 40 targets, three seconds for a
decoder of 10,000 nodes. The second is met. The first is met by a further analysis in a process; the first one in a
process takes three times as long. What is asserted is what holds today, so that it gets no worse.
"""

from __future__ import annotations

from pathlib import Path

import onnx
import pytest
from benchmarks.caches import forget
from benchmarks.processes import costs_of, python, ratios
from benchmarks.work import UNIT, least, unit
from oracles.decoder import decoder

import onnxroof
from onnxroof.dtypes import DType
from onnxroof.ir.workload import Workload
from onnxroof.mapping.planned import planned
from onnxroof.roofline.evaluate import evaluate, evaluated
from onnxroof.roofline.rates import needed_conversion
from onnxroof.study.analyze import run_study
from onnxroof.study.count import counted
from onnxroof.targets.catalog import load_target
from onnxroof.targets.model import Target

pytestmark = pytest.mark.benchmark

ROOT = Path(__file__).resolve().parents[2]
ROUNDS, FURTHER = 2, 6


def shelf(count: int) -> list[Target]:
    return [load_target(path.stem) for path in sorted((ROOT / "hwdb").glob("*.toml"))[:count]]


def check(
    capsys: pytest.CaptureFixture[str],
    model: Workload,
    targets: list[Target],
    *,
    budget_ms: float,
    most_ms: tuple[float, float],
) -> None:
    """The first analysis in a process, and a further one, which finds the runs and curves of the first."""
    run_study([model], targets[:1])  # imports
    work = unit()
    first = least(lambda: run_study([model], targets), ROUNDS, forget)
    further = least(lambda: run_study([model], targets), FURTHER)
    plain = least(lambda: run_study([model], targets, fusion="epilogue"), FURTHER)
    with capsys.disabled():
        print(
            f"\n{model.name}, {len(targets)} targets: all policies {first:.0f} ms, again {further:.0f} ms, "
            f"epilogue alone {plain:.0f} ms; budget {budget_ms:.0f} ms; the unit of work {work:.2f} ms",
            end="",
        )
    for taken, most in zip((first, further), most_ms, strict=True):
        assert taken <= most * max(1, work / UNIT)


def test_resnet_50_on_forty_targets(capsys: pytest.CaptureFixture[str]) -> None:
    model = onnxroof.load(ROOT / "models" / "resnet50.onnx")
    check(capsys, model, shelf(40), budget_ms=500, most_ms=(2000, 500))


def test_a_decoder_of_ten_thousand_nodes(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = tmp_path / "decoder.onnx"
    proto = decoder(layers=162)
    assert len(proto.graph.node) >= 10_000
    onnx.save(proto, path)
    check(capsys, onnxroof.load(path), [load_target("nvidia-h100-sxm")], budget_ms=3000, most_ms=(3000, 3000))


def test_targets_side_by_side_take_less_than_one_after_another(capsys: pytest.CaptureFixture[str]) -> None:
    """The plans that are the same for all targets, priced in one call and in one call a target."""
    counted_model = counted(onnxroof.load(ROOT / "models" / "resnet50.onnx"))
    model = planned(counted_model.workload, counted_model.costs, counted_model.store, ("none", "epilogue"))
    # One precision: those that lack it would have a model of their own.
    targets = [t for t in shelf(60) if needed_conversion(t, [("mac", DType.FLOAT), ("vector", DType.FLOAT)]) is None]
    together = least(lambda: [*evaluated(model, targets)], 5)
    apart = least(lambda: [evaluate(model, target) for target in targets], 5)
    with capsys.disabled():
        print(f"\n{len(targets)} targets together {together:.0f} ms, one after another {apart:.0f} ms", end="")
    assert together < apart


@pytest.mark.parametrize("name", ["resnet50", "mobilenet_v2", "bert_base"])
def test_a_plain_analysis_takes_a_few_times_as_long_as_a_count(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, name: str
) -> None:
    """Whole processes in turns: the count is the peer, which has the same start-up and reads the same file."""
    model = str(ROOT / "models" / f"{name}.onnx")
    targets = [part for one in ("nvidia-h100-sxm", "google-tpu-v4", "ethos-u85-1024") for part in ("-t", one)]
    costs = costs_of(
        {
            "count": python("-m", "onnxroof", "count", model),
            "analyze": python("-m", "onnxroof", "analyze", model, *targets),
        },
        tmp_path,
        rounds=5,
    )
    with capsys.disabled():
        print("\n" + ratios(name, costs, "count"), end="")
    assert not costs["analyze"].failure
    assert costs["analyze"].seconds <= 15 * costs["count"].seconds
