"""From a file to a workload with quantization absorbed; data files are never opened."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from oracles.tiny import engine, level, on_target, saved, target, workload

from onnxroof.errors import ModelError, UsageError
from onnxroof.ir.op import OpKind
from onnxroof.study.count import counted, model_result, totals
from onnxroof.study.load import check_dims, load


def test_weights_need_not_be_there(tmp_path: Path) -> None:
    path = saved(tmp_path, "g (float[8,64] x) => (float[8,32] y) <float[64,32] w> { y = MatMul(x, w) }")
    assert [file.name for file in tmp_path.iterdir()] == ["tiny.onnx"]  # its data file is absent
    found = load(str(path))
    assert found.tensors["w"].dims == (64, 32)
    assert found.tensors["y"].dims == (8, 32)


def test_dimensions_are_bound_and_listed() -> None:
    found = workload("g (float[batch,64] x) => (float[batch,64] y) { y = Relu(x) }", batch=7)
    assert [(dim.name, dim.value, dim.source) for dim in found.dims] == [("batch", 7, "given")]
    found = workload("g (float[batch,64] x) => (float[batch,64] y) { y = Relu(x) }")
    assert [(dim.name, dim.value, dim.source) for dim in found.dims] == [("batch", 1, "default")]


def test_quantization_is_absorbed() -> None:
    found = workload(
        """g (int8[4,64] x) => (int8[4,32] y) <int8[64,32] w, float s = {0.1}, int8 z = {0}> {
        a = DequantizeLinear(x, s, z) b = DequantizeLinear(w, s, z) c = MatMul(a, b) y = QuantizeLinear(c, s, z) }"""
    )
    kinds = {op.op_type: op.disposition for op in found.ops}
    assert kinds == {"DequantizeLinear": OpKind.ABSORBED, "MatMul": None, "QuantizeLinear": OpKind.ABSORBED}


@pytest.mark.parametrize(
    ("then", "otherwise", "chosen"),
    [
        ("t = MatMul(x, w)", "e = Exp(x)", "MatMul"),  # 64 MACs an element against one EXP
        ("t = Relu(x)", "e = Softmax(x)", "Softmax"),  # 1 step an element against 5
        ("t = Identity(x)", "e = Relu(x)", "Relu"),
    ],
)
def test_the_branch_with_more_macs_or_else_more_other_work_counts(then: str, otherwise: str, chosen: str) -> None:
    found = workload(
        f"""g (bool p, float[64,64] x) => (float[64,64] y) <float[64,64] w> {{
        y = If (p) <then_branch = a () => (float[64,64] t) {{ {then} }},
                    else_branch = b () => (float[64,64] e) {{ {otherwise} }}> }}"""
    )
    assert chosen in {op.op_type for op in found.ops}


@pytest.mark.parametrize(
    ("then", "otherwise", "label", "why"),
    [
        ("t = my.domain.Foo(x)", "e = MatMul(x, w)", "then_branch", "its work is not known"),
        ("t = MatMul(x, w)", "n = MatMul(x, w) e = my.domain.Foo(n)", "else_branch", "its work is not known"),
        ("t = my.domain.Foo(x)", "e = my.domain.Bar(x)", "then_branch", "the work of neither branch is known"),
    ],
)
def test_a_branch_of_unknown_work_counts_and_says_so(then: str, otherwise: str, label: str, why: str) -> None:
    found = workload(
        f"""g (bool p, float[64,64] x) => (float[64,64] y) <float[64,64] w> {{
        y = If (p) <then_branch = a () => (float[64,64] t) {{ {then} }},
                    else_branch = b () => (float[64,64] e) {{ {otherwise} }}> }}"""
    )
    assert f"If_0: the condition depends on data; `{label}` is counted, {why}" in found.notes
    assert found.ops[-2].domain == "my.domain"
    result = model_result(counted(found))
    assert result.coverage < 1
    assert [one.op_type for one in result.unresolved] == [found.ops[-2].op_type]
    assert result.totals.macs is None


def test_the_floor_of_a_branch_of_unknown_work_is_that_of_the_least_that_data_may_leave() -> None:
    # Data choose a branch, and the other may be free: only the 64 x 64 steps of the Relu are sure.
    text = """g (float[64,64] x) => (float[64,64] y, float[64,64] z) <float[64,64] w, float zero = {0}> {
        z = Relu(x) s = ReduceSum <keepdims = 0> (x) p = Greater(s, zero)
        y = If (p) <then_branch = a () => (float[64,64] t) { n = MatMul(x, w) t = my.domain.Foo(n) },
                    else_branch = b () => (float[64,64] e) { e = Identity(x) }> }"""
    chip = target(engine("all", "mac vector special", {"FLOAT": "1 GFLOP/s"}), level("dram", "1 GB"))
    assert on_target(text, chip).floor_latency_s == pytest.approx(4096e-9)


def test_a_missing_file_and_a_bad_dimension_are_told() -> None:
    with pytest.raises(ModelError, match="no such file"):
        load("absent.onnx")
    with pytest.raises(UsageError) as wrong:
        check_dims({"batch": -1, "sequence": 2**31, "ok": 0, "largest": 2**31 - 1})
    assert [fault.where for fault in wrong.value.diagnostics] == ["-d batch=-1", f"-d sequence={2**31}"]
    with pytest.raises(UsageError, match="expected a number from 0 to 2147483647"):
        load("absent.onnx", dims={"batch": 10**30})


def test_whole_numbers_of_any_kind_are_dimensions() -> None:
    values = {"batch": np.int8(100), "sequence": np.int64(8), "heads": np.uint32(2), "sized": np.array(4)}
    found = check_dims(values)
    assert found == {"batch": 100, "sequence": 8, "heads": 2, "sized": 4}
    assert {type(value) for value in found.values()} == {int}


def test_counts_do_not_overflow_with_numbers_of_numpy() -> None:
    text = "g (float[batch,4096] x) => (float[batch,4096] y) <float[4096,4096] w> { y = MatMul(x, w) }"
    # 100,000 x 4096 x 4096 MACs are more than 32 bits hold.
    assert totals(workload(text, batch=np.int32(100_000))).macs == 100_000 * 4096 * 4096


@pytest.mark.parametrize("value", [8.0, np.float32(8), True, np.bool_(True), "8", None, [8]])
def test_what_is_no_whole_number_is_no_dimension(value: object) -> None:
    with pytest.raises(UsageError, match="expected a whole number, found") as wrong:
        load("absent.onnx", dims={"batch": value, "sequence": -1})  # type: ignore[dict-item]
    assert [fault.code for fault in wrong.value.diagnostics] == ["U101", "U101"]


def test_a_dimension_that_the_model_lacks_is_refused() -> None:
    text = "g (float[batch,64] x) => (float[batch,64] y) { y = Relu(x) }"
    with pytest.raises(UsageError, match="no model has a dimension `foo`") as wrong:
        workload(text, foo=8, batch=2, bar=1)
    assert [(fault.where, fault.code) for fault in wrong.value.diagnostics] == [
        ("-d foo=8", "U102"), ("-d bar=1", "U102"),
    ]  # fmt: skip
    assert "`batch`" in wrong.value.diagnostics[0].hint
