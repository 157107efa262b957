"""How long do the policies that look for groups take, beside those that do not?

Times are those of the processor, the least of several, held against planning and evaluating without a search in the
same run, so that a slower machine does not fail.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import onnx
import pytest
from oracles.decoder import decoder

import onnxroof
from onnxroof.ir.workload import Workload
from onnxroof.mapping import fused
from onnxroof.study.analyze import run_study
from onnxroof.targets.catalog import load_target
from onnxroof.targets.model import Target

pytestmark = pytest.mark.benchmark

ROOT = Path(__file__).resolve().parents[2]
ROUNDS = 3


def shelf(count: int) -> list[Target]:
    return [load_target(path.stem) for path in sorted((ROOT / "hwdb").glob("*.toml"))[:count]]


def least(action: Callable[[], object]) -> float:
    """Seconds of processor time."""
    found = []
    for _ in range(ROUNDS):
        fused.fused_curve.cache_clear()
        begin = time.process_time()
        action()
        found.append(time.process_time() - begin)
    return min(found)


def check(capsys: pytest.CaptureFixture[str], model: Workload, targets: list[Target], *, most: float) -> None:
    plain = least(lambda: run_study([model], targets, fusion="epilogue"))
    every = least(lambda: run_study([model], targets))
    with capsys.disabled():
        print(f"\n{model.name}, {len(targets)} targets: epilogue {plain:.2f} s, all policies {every:.2f} s")
    assert every <= most * plain


def test_resnet_50_on_forty_targets(capsys: pytest.CaptureFixture[str]) -> None:
    check(capsys, onnxroof.load(ROOT / "models" / "resnet50.onnx"), shelf(40), most=8)


def test_a_decoder_of_eighty_layers_on_forty_targets(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = tmp_path / "decoder.onnx"
    onnx.save(decoder(), path)
    check(capsys, onnxroof.load(path), shelf(40), most=4)
