"""The audit of operators, and how one is counted."""

import json
import subprocess
import sys

import pytest
from click.testing import CliRunner

from onnxroof.cli.main import cli
from onnxroof.costs.registry import standard_registry
from onnxroof.errors import UsageError
from onnxroof.frontend.standard import standard_versions


def run(*arguments):
    done = CliRunner().invoke(cli, ["ops", *arguments])
    if done.exception is not None:
        raise done.exception
    return done


def rows(*arguments):
    return json.loads(run("list", "--format", "json", *arguments).stdout)


def test_the_audit_has_every_operator_of_the_standard_and_of_the_rules_once():
    keys = [("" if row["domain"] == "ai.onnx" else row["domain"], row["operator"]) for row in rows()]
    assert len(keys) == len(set(keys))
    assert set(keys) == set(standard_versions()) | set(standard_registry().rules)


def test_a_row_says_versions_class_and_how_it_counts():
    by_name = {row["operator"]: row for row in rows("--domain", "ai.onnx")}
    assert by_name["MatMul"] == {
        "domain": "ai.onnx",
        "operator": "MatMul",
        "versions": [1, 9, 13],
        "class": "rule",
        "sentence": "1 MAC for each element of the broadcast output and contracted index.",
    }
    classes = {name: by_name[name]["class"] for name in ("Reshape", "SequenceMap", "Loop", "StringSplit")}
    assert classes == {
        "Reshape": "no work", "SequenceMap": "expanded", "Loop": "expanded", "StringSplit": "not modelled"
    }  # fmt: skip


def test_filters_of_domain_and_class_go_together():
    found = rows("--domain", "ai.onnx.ml", "--class", "not modelled")
    assert {row["operator"] for row in found} == {"CastMap", "DictVectorizer", "ZipMap"}
    assert {row["class"] for row in found} == {"not modelled"}
    assert rows("--class", "unknown") == []  # of what the installed onnx has, nothing is


def test_text_has_a_line_for_each_operator_under_one_head():
    done = run("list", "--domain", "ai.onnx.preview.training")
    head, *lines = done.stdout.splitlines()
    assert head.split()[:2] == ["domain", "operator"]
    assert [line.split()[1] for line in lines] == ["Adagrad", "Adam", "Gradient", "Momentum"]
    assert "4 operators: 3 rule, 0 no work, 0 expanded, 1 not modelled, 0 unknown" in done.stderr


def test_an_unknown_domain_is_refused_with_those_that_exist():
    with pytest.raises(UsageError, match=r"ai\.onnx\.ml"):
        run("list", "--domain", "ai.onnx.lm")


def test_explain_gives_the_formula_with_its_derivation():
    text = run("explain", "ai.onnx.preview.training::Momentum").stdout
    assert text.startswith("ai.onnx.preview.training::Momentum, opset versions 1: rule\n  7 vector ops a weight")
    assert "Nesterov's" in text
    assert "stated in onnxroof.costs.training" in text


@pytest.mark.parametrize("name", ["Conv", "ai.onnx::Conv", "ai.onnx.Conv"])
def test_explain_takes_the_standard_domain_spelled_or_not(name):
    assert run("explain", name).stdout.startswith("ai.onnx::Conv, opset versions 1 11 22: rule\n")


def test_explain_gives_every_domain_of_a_bare_name():
    text = run("explain", "Gelu").stdout
    assert "ai.onnx::Gelu, opset versions 20: rule" in text
    assert "\n\ncom.microsoft::Gelu: rule" in text
    assert "ai.onnx" not in run("explain", "com.microsoft::Gelu").stdout.splitlines()[0]


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("conv", "did you mean `ai.onnx::Conv`"),
        ("Sofmax", "`ai.onnx::Softmax`"),
        ("com.microsoft::Conv", "`ai.onnx::Conv`"),
        ("zzzzzz", "`onnxroof ops list` has all"),
    ],
)
def test_an_unknown_name_gives_near_ones(name, hint):
    with pytest.raises(UsageError) as wrong:
        run("explain", name)
    (diagnostic,) = wrong.value.diagnostics
    assert diagnostic.code == "U301"
    assert hint in diagnostic.hint


def test_a_name_that_no_operator_has_exits_with_2_and_its_code():
    command = [sys.executable, "-m", "onnxroof", "ops", "explain", "Sofmax"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stdout == ""
    assert "error: no operator is called `Sofmax` [U301]" in done.stderr
