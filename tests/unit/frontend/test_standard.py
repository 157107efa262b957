"""Versions of the standard's operators, from the installed onnx."""

from onnx import defs

from onnxroof.frontend.standard import standard_versions


def test_versions_are_those_at_which_an_operator_changed():
    versions = standard_versions()
    assert versions["", "MatMul"] == (1, 9, 13)
    assert versions["ai.onnx.ml", "TreeEnsemble"] == (5,)
    assert all(list(found) == sorted(set(found)) for found in versions.values())


def test_an_operator_that_ended_keeps_the_versions_that_models_carry():
    assert standard_versions()["", "Upsample"] == (1, 7, 9)  # ended by opset 10
    assert standard_versions()["", "GroupNormalization"] == (18, 21)  # the first was mended, not ended


def test_nothing_that_lives_is_left_out():
    assert {(s.domain, s.name) for s in defs.get_all_schemas() if not s.deprecated} <= set(standard_versions())
