"""What do formulas cost: beside one count of the model, and beside counts at the same bindings that share nothing?"""

import time
from pathlib import Path

import pytest

from onnxroof.study.count import counted, model_result
from onnxroof.study.formula import formulas
from onnxroof.study.load import load, loads

pytestmark = pytest.mark.benchmark

MODELS = Path(__file__).resolve().parents[2] / "models"


@pytest.mark.parametrize("stem", ["gpt2", "llama3_8b"])
def test_formulas_cost_less_than_their_counts_one_by_one(stem, capsys):
    path = MODELS / f"{stem}.onnx"
    base = load(path)
    seen = []
    read = loads(path)

    def loaded(dims):
        seen.append(dims)
        return read(dims)

    start = time.perf_counter()
    found = formulas(base, {}, loaded)
    shared_s = time.perf_counter() - start
    assert found.bindings
    start = time.perf_counter()
    for dims in seen:
        model_result(counted(load(path, dims=dims)))
    alone_s = time.perf_counter() - start
    with capsys.disabled():
        print(
            f"\n{stem:<24} {len(seen)} bindings: {shared_s:.2f} s, one by one {alone_s:.2f} s "
            f"({alone_s / shared_s:.1f}x)",
            end="",
        )
    assert 2 * shared_s < alone_s
