"""What a target's compiler does beside the best plan: said where it is known, and said where it is not."""

from __future__ import annotations

import pytest
from oracles.tiny import engine, level, on_target, target

from onnxroof.report.compiler_view import compiler_fact
from onnxroof.report.plans import over_best
from onnxroof.roofline.result import TargetResult

TEXT = "g (float[64,64] x) => (float[64,64] y) { a = Relu(x) y = Sigmoid(a) }"


def result(rest: str, **options: object) -> TargetResult:
    chip = target(
        engine("all", "mac vector special", {"FLOAT": "1 TFLOP/s"}), level("dram", "1 GB", "1 GB/s"), rest=rest
    )
    return on_target(TEXT, chip, **options)


def test_the_distance_is_that_of_the_plan_of_its_policy() -> None:
    apart = result('fusion = "none"')
    # Four crossings of a matrix without fusion, two with it; nothing else takes time.
    assert over_best(apart) == pytest.approx(2.0)
    fact = compiler_fact(apart)
    assert (fact.value, fact.note) == ("no fusion", "2 times the least time of the best plan (epilogue fusion)")
    assert compiler_fact(result('fusion = "epilogue"')).note == "as good as the best plan"


def test_what_is_not_known_is_said() -> None:
    silent = result("")
    assert over_best(silent) is None
    assert (compiler_fact(silent).value, compiler_fact(silent).mark) == ("unknown", "unknown")


def test_a_policy_that_was_not_planned_gives_no_figure() -> None:
    alone = result('fusion = "epilogue"\nfused_attention = true', fusion="none")
    assert over_best(alone) is None
    assert compiler_fact(alone).note == "not among the plans here; its fused attention is not in this figure"
