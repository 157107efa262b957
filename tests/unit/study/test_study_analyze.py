"""Orchestration: what is asked of which models and targets, in which order, and what becomes of bad inputs."""

from __future__ import annotations

import gc
from collections.abc import Mapping
from pathlib import Path

import pytest
from oracles.tiny import engine, level, saved, target, workload

from onnxroof.errors import TargetError, UsageError
from onnxroof.roofline.duty import Duty
from onnxroof.study.analyze import run_study
from onnxroof.study.result import Failure, ModelResult

RELU = "g (float[N,8] x) => (float[N,8] y) { y = Relu(x) }"
CHIP = target(engine("all", "mac vector special", {"FLOAT": "1 TFLOP/s"}), level("dram", "1 GB", "1 GB/s"), name="chip")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return saved(tmp_path, RELU)


def test_models_and_targets_come_back_in_the_order_in_which_they_were_given(tmp_path: Path) -> None:
    paths = [saved(tmp_path, RELU, f"{name}.onnx") for name in ("c", "a", "b")]
    study = run_study(paths, ["raspberry-pi-5", CHIP, "google-tpu-v1"])
    assert [entry.name for entry in study.models] == ["c.onnx", "a.onnx", "b.onnx"]
    for entry in study.models:
        assert isinstance(entry, ModelResult)
        assert [result.target.id for result in entry.targets] == ["raspberry-pi-5", "chip", "google-tpu-v1"]


@pytest.mark.parametrize("before", [True, False])
def test_garbage_is_looked_for_again_after_a_study(path: Path, before: bool) -> None:
    within: list[bool] = []
    kept = gc.isenabled()
    (gc.enable if before else gc.disable)()
    try:
        run_study([path], [CHIP], progress=lambda *_: within.append(gc.isenabled()))
        after = [gc.isenabled()]
        with pytest.raises(UsageError):
            run_study([path], [CHIP], objective="beauty")
        after.append(gc.isenabled())
    finally:
        (gc.enable if kept else gc.disable)()
    assert set(within) == {False}
    assert after == [before] * 2
    assert gc.get_freeze_count() == 0


def test_objects_that_somebody_keeps_apart_stay_apart(path: Path) -> None:
    gc.freeze()
    try:
        kept = gc.get_freeze_count()
        run_study([path], [CHIP])
        assert gc.get_freeze_count() > kept * 0.9 > 0  # some of them may be gone
    finally:
        gc.unfreeze()


def test_what_is_left_of_a_study_is_no_garbage() -> None:
    # Nothing holds what holds it: all is gone as soon as nobody wants it, without a look for garbage.
    model = workload(
        """g (float[64,64] x) => (float[64,64] y) <float[64,64] v, float[64,64] w>
        { m = MatMul(x, v) r = Relu(m) y = MatMul(r, w) }"""
    )
    chip = target(
        engine("all", "mac vector special", {"FLOAT": "1 TFLOP/s"}), level("dram", "1 GB", "1 GB/s"),
        level("sram", "48 KiB", "10 GB/s"),
    )  # fmt: skip
    run_study([model], [chip, CHIP])  # what is kept from study to study
    gc.collect()
    gc.disable()
    try:
        study = run_study([model], [chip, CHIP])
        del study
        assert gc.collect() == 0
    finally:
        gc.enable()


def test_a_model_or_target_that_is_named_twice_is_answered_twice(path: Path) -> None:
    study = run_study([path, path], [CHIP, CHIP])
    assert [entry.name for entry in study.models] == ["tiny.onnx"] * 2
    first, second = study.models
    assert isinstance(first, ModelResult)
    assert isinstance(second, ModelResult)
    assert [result.target.id for result in first.targets] == ["chip", "chip"]
    assert first.totals == second.totals


def test_without_targets_nothing_is_planned(path: Path) -> None:
    study = run_study([path], None)
    assert not study.has_targets
    assert study.models[0].targets == ()  # type: ignore[union-attr]


def test_what_was_asked_is_kept(path: Path) -> None:
    study = run_study([path], [CHIP], fusion="none", objective="edp", command="onnxroof analyze tiny.onnx")
    assert (study.fusion, study.objective, study.command) == ("none", "edp", "onnxroof analyze tiny.onnx")
    assert study.has_targets


def test_a_bad_model_leaves_the_others_answered(tmp_path: Path, path: Path) -> None:
    bad = tmp_path / "bad.onnx"
    bad.write_text("nothing of the kind")
    study = run_study([bad, path, tmp_path / "absent.onnx"], [CHIP])
    first, second, third = study.models
    assert isinstance(first, Failure)
    assert first.name == "bad.onnx"
    assert isinstance(second, ModelResult)
    assert len(second.targets) == 1
    assert isinstance(third, Failure)
    assert "no such file" in str(third.error)


def test_every_bad_target_is_named_at_once_before_any_model_is_read(tmp_path: Path) -> None:
    broken = tmp_path / "broken.toml"
    broken.write_text("schema = 1\n")
    with pytest.raises(TargetError) as wrong:
        run_study([tmp_path / "absent.onnx"], ["no-such-chip", broken, CHIP, "nor-this"])
    said = str(wrong.value)
    assert "`no-such-chip`" in said
    assert "`nor-this`" in said
    assert "broken.toml" in said


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"objective": "speed"}, "no such objective"),
        ({"fusion": "magic"}, "no such policy"),
        ({"dims": {"N": -1}}, "expected a number from 0"),
        ({"dims": {"N": 2**40}}, "expected a number from 0"),
    ],
)
def test_what_does_not_exist_is_refused_before_any_model_is_read(
    tmp_path: Path, options: Mapping[str, object], message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        run_study([tmp_path / "absent.onnx"], [CHIP], **options)  # type: ignore[arg-type]


def test_a_dimension_is_an_error_only_if_no_model_has_it(tmp_path: Path, path: Path) -> None:
    other = saved(tmp_path, RELU.replace("N", "M"), "other.onnx")
    study = run_study([path, other], None, dims={"N": 3, "M": 5})
    assert [entry.dims[0].value for entry in study.models] == [3, 5]  # type: ignore[union-attr]
    with pytest.raises(UsageError) as wrong:
        run_study([path, other], None, dims={"N": 3, "K": 4, "L": 5})
    assert [fault.where for fault in wrong.value.diagnostics] == ["-d K=4", "-d L=5"]
    assert all("`M`, `N`" in fault.hint for fault in wrong.value.diagnostics)


def test_a_model_that_was_not_read_may_have_the_dimension(tmp_path: Path, path: Path) -> None:
    study = run_study([path, tmp_path / "absent.onnx"], None, dims={"K": 4})
    assert isinstance(study.models[1], Failure)


def test_a_model_of_fixed_sizes_says_so(tmp_path: Path) -> None:
    fixed = saved(tmp_path, RELU.replace("N", "4"))
    with pytest.raises(UsageError, match="no model has a dimension `N`") as wrong:
        run_study([fixed], None, dims={"N": 3})
    assert "all are fixed in the file" in wrong.value.diagnostics[0].hint


def test_a_loaded_workload_keeps_its_dimensions() -> None:
    loaded = workload(RELU, N=3)
    (entry,) = run_study([loaded], [CHIP], dims={"N": 3}).models
    assert isinstance(entry, ModelResult)
    assert entry.totals.vector_ops == 24
    with pytest.raises(UsageError, match="was loaded with N=3"):
        run_study([loaded], [CHIP], dims={"N": 4})
    with pytest.raises(UsageError, match="no model has a dimension `K`"):
        run_study([loaded], [CHIP], dims={"K": 4})


def test_progress_tells_each_step(path: Path) -> None:
    told: list[tuple[str, int, int]] = []
    run_study([path, "absent.onnx", path], [CHIP, "hailo-8"], progress=lambda *step: told.append(step))
    assert told == [
        ("tiny.onnx", 0, 9),
        ("tiny.onnx on chip", 1, 9),
        ("tiny.onnx on hailo-8", 2, 9),
        ("absent.onnx", 3, 9),
        ("tiny.onnx", 6, 9),
        ("tiny.onnx on chip", 7, 9),
        ("tiny.onnx on hailo-8", 8, 9),
    ]


def test_nothing_to_do_is_done() -> None:
    study = run_study([], [CHIP])
    assert study.models == ()


def test_a_run_and_formulas_do_not_go_together(path: Path) -> None:
    with pytest.raises(UsageError, match="a run has one size") as caught:
        run_study([path], None, formula=True, shapes_from_run=True)
    assert caught.value.diagnostics[0].code == "U201"


def test_a_price_is_of_a_target_of_the_study(path: Path) -> None:
    duty = Duty(per_hour={"": 1, "chip": 2, "jetson-nano": 3, "nvidia-h100": 4, "hailo-8": 5})
    with pytest.raises(UsageError, match="no model is held against a target `nvidia-h100`") as wrong:
        run_study([path], [CHIP, "jetson-nano@5w"], duty=duty)
    assert [(fault.where, fault.code) for fault in wrong.value.diagnostics] == [
        ("--price nvidia-h100=4/h", "U105"), ("--price hailo-8=5/h", "U105"),
    ]  # fmt: skip
    assert wrong.value.diagnostics[0].hint == "targets of this study: `chip`, `jetson-nano@5w`"
    known = Duty(per_hour={"": 1, "chip": 2, "jetson-nano": 3})
    assert run_study([path], [CHIP, "jetson-nano@5w"], duty=known).duty is known
