"""How long do the page and the JSON of an analysis take, beside the analysis itself in the same process?

The page shows the kinds of groups that take longest; JSON has every group, with its nested mapping, which is worked out
for it.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from benchmarks.caches import forget
from benchmarks.work import least

import onnxroof
from onnxroof.report.html import to_html
from onnxroof.report.json import to_json
from onnxroof.study.analyze import run_study
from onnxroof.study.result import Analysis
from onnxroof.targets.catalog import load_target

pytestmark = pytest.mark.benchmark

MODELS = Path(__file__).resolve().parents[2] / "models"
TARGETS = ("ethos-u85-1024", "nvidia-h100-sxm", "google-tpu-v4")


@pytest.mark.parametrize("name", ["resnet50", "bert_base", "ssdlite320", "stable_diffusion_unet"])
def test_reports_beside_the_analysis(capsys: pytest.CaptureFixture[str], name: str) -> None:
    model, targets = onnxroof.load(MODELS / f"{name}.onnx"), [load_target(one) for one in TARGETS]
    to_html(run_study([MODELS / "lstm_words.onnx"], targets))  # imports
    found: list[Analysis] = []
    study = least(lambda: found.append(run_study([model], targets)), 1, forget)
    found.append(run_study([model], targets))  # of one that is shown all figures are there
    page, document = least(lambda: to_html(found[0]), 1), least(lambda: to_json(found[1]), 1)
    with capsys.disabled():
        print(
            f"\n{name}, {len(targets)} targets: analysis {study:.0f} ms, page {page:.0f} ms, JSON {document:.0f} ms",
            end="",
        )
    assert page <= study
    assert document <= 4 * study
