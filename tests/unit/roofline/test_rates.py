"""Which engine and type runs a kind of work: the four rules on types, and when a model counts as converted."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from oracles.tiny import engine, level, target

from onnxroof.dtypes import DType
from onnxroof.roofline.rates import needed_conversion, resolve
from onnxroof.targets.model import Target

DRAM = level("dram")


def chip(
    matrix: Mapping[str, str], vector: Mapping[str, str] | None = None, *, vector_runs: str = "vector special"
) -> Target:
    engines = [engine("matrix", "mac", matrix)]
    if vector is not None:
        engines.append(engine("vector", vector_runs, vector))
    return target(*engines, DRAM)


def runs_as(where: Target, kind: str, dtype: DType, *, tf32: bool = True) -> tuple[str, str, bool] | None:
    rate = resolve(where, kind, dtype, tf32=tf32).rate
    return None if rate is None else (rate.engine.name, rate.peak.input.name, rate.is_exact)


def test_the_exact_type_runs_on_the_fastest_engine_of_the_kind() -> None:
    where = chip({"FLOAT16": "4 TFLOP/s"}, {"FLOAT16": "9 TFLOP/s"}, vector_runs="vector mac")
    assert runs_as(where, "mac", DType.FLOAT16) == ("vector", "FLOAT16", True)
    where = chip({"FLOAT16": "4 TFLOP/s"}, {"FLOAT16": "9 TFLOP/s"})
    assert runs_as(where, "mac", DType.FLOAT16) == ("matrix", "FLOAT16", True)


def test_a_known_rate_goes_before_an_unknown_one() -> None:
    where = chip({"FLOAT16": ""}, {"FLOAT16": "1 GFLOP/s"}, vector_runs="mac")
    assert runs_as(where, "mac", DType.FLOAT16) == ("vector", "FLOAT16", True)


@pytest.mark.parametrize(("tf32", "expected"), [(True, "TF32"), (False, "FLOAT")])
def test_float_contractions_take_the_faster_of_float_and_tf32(tf32: bool, expected: str) -> None:
    where = chip({"TF32": "8 TFLOP/s", "FLOAT": "1 TFLOP/s"})
    assert runs_as(where, "mac", DType.FLOAT, tf32=tf32) == ("matrix", expected, True)
    slow = chip({"TF32": "1 TFLOP/s", "FLOAT": "8 TFLOP/s"})
    assert runs_as(slow, "mac", DType.FLOAT, tf32=tf32) == ("matrix", "FLOAT", True)


def test_tf32_is_for_contractions_alone() -> None:
    where = target(engine("all", "mac vector", {"TF32": "8 TFLOP/s", "FLOAT": "1 TFLOP/s"}), DRAM)
    assert runs_as(where, "vector", DType.FLOAT) == ("all", "FLOAT", True)


def test_the_next_wider_type_of_the_same_kind_stands_in() -> None:
    where = chip({"FLOAT": "1 TFLOP/s", "DOUBLE": "9 TFLOP/s", "INT16": "1 TOP/s", "INT32": "9 TOP/s"})
    assert runs_as(where, "mac", DType.FLOAT16) == ("matrix", "FLOAT", False)  # not DOUBLE, though that is faster
    assert runs_as(where, "mac", DType.FLOAT8E4M3FN) == ("matrix", "FLOAT", False)
    assert runs_as(where, "mac", DType.INT4) == ("matrix", "INT16", False)


def test_types_of_equal_width_do_not_stand_in_for_each_other() -> None:
    where = chip({"BFLOAT16": "1 TFLOP/s"})
    assert resolve(where, "mac", DType.FLOAT16).needs_conversion


def test_tf32_lies_between_float16_and_float() -> None:
    where = chip({"TF32": "1 TFLOP/s", "FLOAT": "9 TFLOP/s"})
    assert runs_as(where, "mac", DType.FLOAT16) == ("matrix", "TF32", False)
    assert runs_as(where, "mac", DType.FLOAT16, tf32=False) == ("matrix", "FLOAT", False)


@pytest.mark.parametrize(
    ("wanted", "listed"),
    [
        (DType.UINT8, "INT8"),
        (DType.INT8, "UINT8"),
        (DType.UINT4, "INT4"),
        (DType.BOOL, "INT8"),
        (DType.FLOAT8E5M2, "FLOAT8E4M3FN"),
    ],
)
def test_sign_and_flavour_make_no_difference(wanted: DType, listed: str) -> None:
    assert runs_as(chip({listed: "1 TOP/s" if "INT" in listed else "1 TFLOP/s"}), "mac", wanted) == (
        "matrix",
        listed,
        True,
    )


@pytest.mark.parametrize("dtype", [DType.INT64, DType.INT32, DType.BOOL, DType.UINT8, DType.COMPLEX64])
def test_index_and_mask_work_runs_at_the_widest_type_that_there_is(dtype: DType) -> None:
    where = chip({"INT8": "1 TOP/s"}, {"FLOAT16": "1 GFLOP/s", "FLOAT": "1 GFLOP/s"})
    assert runs_as(where, "vector", dtype) == ("vector", "FLOAT", False)
    assert needed_conversion(where, [("vector", dtype), ("special", dtype)]) is None


def test_integers_go_before_floats_for_index_work() -> None:
    where = chip({"INT8": "1 TOP/s"}, {"FLOAT": "1 GFLOP/s", "INT16": "1 GOP/s"})
    assert runs_as(where, "vector", DType.INT64) == ("vector", "INT16", False)


def test_work_of_a_kind_that_no_engine_runs_has_no_rate_and_converts_nothing() -> None:
    where = chip({"INT8": "1 TOP/s"})
    assert runs_as(where, "vector", DType.FLOAT) is None
    assert needed_conversion(where, [("mac", DType.INT8), ("vector", DType.FLOAT)]) is None


@pytest.mark.parametrize(
    ("matrix", "vector", "work", "expected"),
    [
        # A float model on integers alone, and the reverse.
        ({"INT8": ""}, {"INT8": ""}, [("mac", DType.FLOAT), ("vector", DType.FLOAT)], DType.INT8),
        ({"INT8": "", "INT16": ""}, {"INT32": ""}, [("mac", DType.FLOAT), ("vector", DType.FLOAT)], DType.INT16),
        ({"FLOAT16": ""}, {"FLOAT": ""}, [("mac", DType.INT8), ("vector", DType.INT8)], DType.FLOAT16),
        # BFLOAT16 contractions: vector work in BFLOAT16 finds the wider FLOAT.
        ({"BFLOAT16": "", "INT8": ""}, {"FLOAT": ""}, [("mac", DType.FLOAT), ("vector", DType.FLOAT)], DType.BFLOAT16),
        # Of equally wide types a float.
        ({"INT16": "", "FLOAT16": ""}, None, [("mac", DType.FLOAT)], DType.FLOAT16),
        # The vector engine counts too: contractions in FLOAT would leave it without a type.
        ({"FLOAT": ""}, {"FLOAT16": ""}, [("mac", DType.FLOAT), ("vector", DType.FLOAT)], DType.FLOAT16),
        # Without contractions their engine has no say.
        ({"INT8": ""}, {"FLOAT16": ""}, [("vector", DType.FLOAT)], DType.FLOAT16),
        # A float stays a float, however wide the integers are.
        ({"FLOAT": "", "INT64": ""}, None, [("mac", DType.DOUBLE)], DType.FLOAT),
        # No type suits both engines: the one of the contractions.
        ({"FLOAT16": ""}, {"INT8": ""}, [("mac", DType.FLOAT), ("vector", DType.FLOAT)], DType.FLOAT16),
        # Every type is there.
        ({"FLOAT": ""}, {"FLOAT": ""}, [("mac", DType.FLOAT16), ("vector", DType.INT64)], None),
    ],
)
def test_the_type_that_a_model_is_converted_to(
    matrix: Mapping[str, str], vector: Mapping[str, str] | None, work: list[tuple[str, DType]], expected: DType | None
) -> None:
    assert needed_conversion(chip(matrix, vector), work) is expected


def test_without_tf32_a_target_that_contracts_in_nothing_else_has_no_type_to_convert_to() -> None:
    assert needed_conversion(chip({"TF32": "1 TFLOP/s"}), [("mac", DType.FLOAT)], tf32=False) is None
    assert needed_conversion(chip({"TF32": "1 TFLOP/s"}), [("mac", DType.FLOAT)]) is None


def test_a_special_operation_takes_the_stated_lanes_or_four() -> None:
    where = target(engine("vector", "special", {"FLOAT": "1 TFLOP/s"}, rest="special_cost = { EXP = 16 }"), DRAM)
    rate = resolve(where, "special", DType.FLOAT).rate
    assert rate is not None
    assert (rate.special_lanes("EXP"), rate.special_lanes("ERF")) == (16.0, 4.0)


def test_unknown_rate_and_energy_are_none() -> None:
    rate = resolve(chip({"INT8": ""}), "mac", DType.INT8).rate
    assert rate is not None
    assert rate.ops_per_s is None
    assert rate.energy_j_per_op is None
