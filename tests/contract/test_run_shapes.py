"""Every shape that we infer for the models of this repository is the one that ONNX Runtime has when it runs them."""

from pathlib import Path

import pytest

from onnxroof.errors import ModelError
from onnxroof.frontend.load import load_workload
from onnxroof.frontend.runnable import runnable
from onnxroof.measure.shapes import observe
from onnxroof.study.analyze import run_study
from onnxroof.study.load import load

MODELS = sorted((Path(__file__).parents[2] / "models").glob("*.onnx"))
EXPORTERS = sorted((Path(__file__).parents[1] / "data/exporters").glob("*.onnx"))
QUICK = {"mobilenet_v2", "resnet18_int8_qdq", "lstm_words", "random_forest"}
# What a suppression of boxes leaves is taken at its upper bound, which is noted.
BOUNDS = {"ssdlite320": {"onnx::Slice_4134"}}
FEW_NODES = {"lstm_words", "random_forest"}

EXAM = [pytest.param(path, id=path.stem, marks=() if path.stem in QUICK else pytest.mark.exam) for path in MODELS]


def differences(path, **dims):
    """Values whose shape in a run is another one, and how many were compared."""
    workload = load_workload(path, dims, lambda ops, _tensors: float(len(ops)))
    seen = observe(runnable(path, workload)).shapes
    found = {
        name: (workload.tensors[name].shape, shape)
        for name, shape in seen.items()
        if name in workload.tensors and workload.tensors[name].shape != shape
    }
    return found, len(seen)


@pytest.mark.parametrize("path", EXAM)
def test_shapes_are_those_of_a_run(path):
    try:
        found, compared = differences(path)
    except ModelError as error:
        assert error.diagnostics[0].code == "M402", "only a model that is too large may be left out"
        pytest.skip("a run would hold more than a run may")
    assert found.keys() == BOUNDS.get(path.stem, set())
    assert all(run <= ours for ours, run in found.values())
    assert compared > (1 if path.stem in FEW_NODES else 50)


@pytest.mark.parametrize("path", EXPORTERS, ids=[path.stem for path in EXPORTERS])
def test_shapes_of_many_exporters_are_those_of_a_run(path):
    found, compared = differences(path)
    assert set(found) == BOUNDED.get(path.stem, set())
    assert compared >= 2  # functions hide what is inside them


# Values of NonZero and Unique, and what is made of them: nothing but data says how many elements they have.
BOUNDED = {
    "own__misc_ops_ts17": {"60", "87", "/NonZero_output_0", "/Unique_output_1", "/Unique_output_3"},
}


@pytest.mark.parametrize("stem", BOUNDED)
def test_sizes_that_data_decide_are_bounded_and_known_after_a_run(stem):
    (path,) = [path for path in EXPORTERS if path.stem == stem]
    found, _ = differences(path)
    for ours, seen in found.values():
        assert len(ours) == len(seen)
        assert all(bound >= size for bound, size in zip(ours, seen, strict=True))
    after = load(path, shapes_from_run=True).tensors
    assert {name: after[name].shape for name in found} == {name: seen for name, (_, seen) in found.items()}


@pytest.mark.parametrize("path", EXPORTERS, ids=[path.stem for path in EXPORTERS])
def test_models_of_many_exporters_are_covered(path):
    (model,) = run_study([path], None).models
    assert model.coverage == 1.0
    assert model.nodes_shaped == model.nodes_total or path.stem in SEQUENCES


# Some of their nodes return sequences, which have no shape.
SEQUENCES = {"skl__knn_scan", "trees__lightgbm_classifier", "own__greedy_decode_loop_ts16"}
