"""The file of `--groups`: what it may hold, and every fault of its form at once."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from oracles.tiny import engine, level, saved, target, workload

from onnxroof.errors import ModelError, UsageError
from onnxroof.report.plan_file import to_plan_file
from onnxroof.study.analyze import run_study
from onnxroof.study.count import counted
from onnxroof.study.groups_file import read_groups
from onnxroof.study.result import Failure, ModelResult

TEXT = "g (float[64,64] x) => (float[64,64] y) <float[64,64] w> { m = MatMul(x, w) r = Relu(m) y = Sigmoid(r) }"
GEMM = """g (float[8,8] x) => (float[8,8] y) <float[8,8] w = {WEIGHTS}>
    { m = Gemm(x, w) r = Relu(m) y = Softmax(r) }""".replace("WEIGHTS", ",".join(["1.0"] * 64))
OTHER = "g (float[64,64] x) => (float[64,64] y) <float[64,64] w> { m = MatMul(x, w) y = Relu(m) }"
ENGINE = engine("all", "mac vector special", {"FLOAT": "1 TFLOP/s"})
NEAR = target(ENGINE, level("dram", "1 GB", "1 GB/s"), level("sram", "4 kB", "10 GB/s"), name="near")
FAR = target(ENGINE, level("dram", "1 GB", "1 GB/s"), level("sram", "40 kB", "10 GB/s"), name="far")


def written(folder: Path, document: object, name: str = "plan.json") -> Path:
    path = folder / name
    path.write_text(document if isinstance(document, str) else json.dumps(document), encoding="utf-8")
    return path


def of(path: Path, *targets: str, text: str = TEXT) -> dict[str, list[tuple[str, ...]]]:
    found = read_groups(path).groups(counted(workload(text)), targets)
    return {name: [group.nodes for group in given.groups] for name, given in found.items()}


def test_a_bare_list_serves_every_target(tmp_path: Path) -> None:
    path = written(tmp_path, {"groups": [["MatMul_0", "Relu_1"], {"name": "tail", "nodes": ["Sigmoid_2"]}]})
    assert of(path, "near", "far") == {name: [("MatMul_0", "Relu_1"), ("Sigmoid_2",)] for name in ("near", "far")}


def test_of_plans_each_target_has_its_best(tmp_path: Path) -> None:
    def plan(where: str, *, is_best: bool, node: str) -> dict[str, object]:
        return {"target": where, "is_best": is_best, "groups": [[node]]}

    plans = [
        plan("near", is_best=False, node="a"), plan("near", is_best=True, node="b"),
        plan("far", is_best=True, node="c"),
    ]  # fmt: skip
    path = written(tmp_path, {"kind": "onnxroof plans", "schema_version": "1", "plans": plans})
    assert of(path, "near", "far") == {"near": [("b",)], "far": [("c",)]}
    with pytest.raises(UsageError) as error:
        of(path, "near", "mars", "venus")
    assert ["mars" in fault.message for fault in error.value.diagnostics] == [True, False]
    assert error.value.diagnostics[0].hint == "it has `near`, `far`"


def test_plans_of_one_target_serve_all(tmp_path: Path) -> None:
    path = written(tmp_path, {"schema_version": "1", "plans": [{"target": "near", "groups": [["MatMul_0"]]}]})
    assert of(path, "mars") == {"mars": [("MatMul_0",)]}


def test_plans_of_another_model_are_refused(tmp_path: Path) -> None:
    path = written(tmp_path, to_plan_file(run_study([saved(tmp_path, OTHER)], [NEAR])))
    assert of(path, "near", text=OTHER) == {"near": [("MatMul_0", "Relu_1")]}
    with pytest.raises(UsageError, match="for other models") as error:
        of(path, "near")
    assert error.value.diagnostics[0].code == "U405"


@pytest.mark.parametrize(
    ("document", "places"),
    [
        ("{", [""]),
        ("[1]", [""]),
        ({"nodes": []}, [""]),
        ({"groups": 3}, ["groups"]),
        ({"groups": [["a"], "b", {"nodes": [1]}, {"name": 3, "nodes": []}]},
         ["groups[1]", "groups[2]", "groups[3].name"]),
        ({"groups": [{"order": 1.5, "nodes": []}, {"order": True, "nodes": []}]},
         ["groups[0].order", "groups[1].order"]),
        ({"schema_version": "9", "plans": []}, ["", "plans"]),
        ({"schema_version": "1", "plans": [3, {"target": 1, "groups": [2]}]},
         ["plans[0]", "plans[1].target", "plans[1].groups[0]"]),
    ],
)  # fmt: skip
def test_every_fault_of_the_form_is_named_with_its_place(tmp_path: Path, document: object, places: list[str]) -> None:
    path = written(tmp_path, document)
    with pytest.raises(UsageError) as error:
        read_groups(path)
    assert {fault.code for fault in error.value.diagnostics} == {"U401"}
    assert [fault.where.removeprefix(str(path)).removeprefix(": ") for fault in error.value.diagnostics] == places


def test_a_file_that_is_absent_or_neither_json_nor_a_model(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read"):
        read_groups(tmp_path / "absent.json")
    for text, found in (("groups: none", "it looks like text"), ("", "the file is empty")):
        with pytest.raises(UsageError, match=f"expected JSON with groups, or a model .*: .*{found}") as error:
            read_groups(written(tmp_path, text))
        (fault,) = error.value.diagnostics
        assert (fault.code, fault.hint[:11]) == ("U401", '{"groups": ')
    wide = tmp_path / "wide.json"
    wide.write_text('{"groups": []}', encoding="utf-16")
    with pytest.raises(UsageError, match="UTF-16"):
        read_groups(wide)
    damaged = saved(tmp_path, TEXT)
    damaged.write_bytes(damaged.read_bytes()[:-1])
    with pytest.raises(ModelError):
        read_groups(damaged)
    deep = written(tmp_path, '{"groups": ' + "[" * 100_000)
    with pytest.raises(UsageError, match="no JSON"):
        read_groups(deep)


def test_groups_that_do_not_go_with_a_model_are_its_failure_alone(tmp_path: Path) -> None:
    path = written(tmp_path, {"groups": [["MatMul_0", "Sigmoid_2", "Relu_1"]]})
    models = [saved(tmp_path, OTHER, "other.onnx"), saved(tmp_path, TEXT)]
    failed, answered = run_study(models, [NEAR], groups=path).models
    assert isinstance(failed, Failure)
    assert "Sigmoid_2" in str(failed.error)
    assert isinstance(answered, ModelResult)
    assert answered.targets[0].plan("given").groups[0].nodes == ("MatMul_0", "Relu_1", "Sigmoid_2")


def test_groups_of_an_optimized_model_are_one_more_plan_on_every_target(tmp_path: Path) -> None:
    # The runtime's own file: a product with its activation is one node there.
    import onnxruntime

    path, optimized = saved(tmp_path, GEMM), tmp_path / "optimized.onnx"
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
    options.optimized_model_filepath = str(optimized)
    onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    (found,) = run_study([path], [NEAR, FAR], groups=optimized).models
    assert isinstance(found, ModelResult)
    for result in found.targets:
        plan = result.plan("given")
        assert sorted(group.nodes for group in plan.groups) == [("Gemm_0", "Relu_1"), ("Softmax_2",)]
        assert any(decision.action == "mapped" and decision.figures for decision in plan.decisions)


def test_groups_of_another_model_are_a_fault(tmp_path: Path) -> None:
    path = saved(tmp_path, OTHER)
    another = saved(tmp_path, "g (float[8] p) => (float[8] q) { q = Exp(p) }", "another.onnx")
    (found,) = run_study([path], [NEAR], groups=another).models
    assert isinstance(found, Failure)
    (fault,) = found.error.diagnostics
    assert (fault.code, fault.where) == ("U405", str(another))
    assert "another model" in fault.message


def test_a_model_that_has_but_its_ends_in_common_is_another_one(tmp_path: Path) -> None:
    # Exporters call what goes in and out alike in all models: one node would stand for all that lies between.
    def chain(nodes: int, shape: str) -> str:
        middle = " ".join(f"Tanh{n + 1} = Tanh(Tanh{n})" for n in range(nodes))
        return f"g (float[{shape}] x) => (float[{shape}] y) {{ Tanh0 = Relu(x) {middle} y = Exp(Tanh{nodes}) }}"

    own = saved(tmp_path, chain(10, "4,8").replace("Tanh", "Sigmoid"), "own.onnx")
    for nodes, shape, said in (
        (2, "8", "its input `x` is of rank 1, that of `own.onnx` of rank 2"),
        (
            12,
            "4,8",
            "13 of its 14 nodes make no tensor that `own.onnx` has, and one would stand for 12 of the 12 nodes there",
        ),
    ):
        other = saved(tmp_path, chain(nodes, shape), f"other{nodes}.onnx")
        (found,) = run_study([own], [NEAR], groups=other).models
        assert isinstance(found, Failure)
        (fault,) = found.error.diagnostics
        assert (fault.code, fault.message) == ("U405", f"{said}: it is another model")
