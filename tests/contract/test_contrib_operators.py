"""Which operators of ONNX Runtime's own domains have no cost rule, no shape rule, no test? None: each is here."""

import importlib
import json

import pytest

from onnxroof.costs.registry import standard_registry
from onnxroof.frontend import contrib_shapes  # noqa: F401 - its modules register the rules
from onnxroof.frontend.contrib_rules import RULES
from onnxroof.frontend.defaults import contrib_defaults, missing_input
from onnxroof.frontend.lower import LOWERERS
from tests.oracles import runtime_schemas

OPERATORS = sorted(runtime_schemas.operators())
ids = [f"{domain}.{op_type}" for domain, op_type in OPERATORS]

# Their outputs cannot be told from their inputs' types.
SHAPELESS = {
    "EPContext": "what a compiled graph returns stands in its payload",
    "Snpe": "what a compiled graph returns stands in its payload",
    "Tokenizer": "how many tokens a text has is data without a bound",
}
FAMILIES = ("attention", "dense", "quantized", "windows")


@pytest.mark.parametrize("operator", OPERATORS, ids=ids)
def test_every_operator_has_a_cost_rule_or_a_reason_or_is_lowered(operator):
    rules = standard_registry().rules.get(operator, ())
    assert rules or operator in LOWERERS
    assert all(rule.sentence for rule in rules)


@pytest.mark.parametrize("operator", OPERATORS, ids=ids)
def test_every_operator_has_a_shape_rule_or_a_reason(operator):
    assert (operator in RULES or operator in LOWERERS) is (operator[1] not in SHAPELESS)


def test_every_shape_rule_is_held_against_the_runtime():
    folder = "tests.unit.frontend.test_contrib_shapes"
    modules = [importlib.import_module(f"{folder}_{family}") for family in FAMILIES]
    tested = {(spec.domain, spec.op_type) for module in modules for spec in module.SPECS}
    apart = {  # in tests of their own: sizes that depend on data, formats and processors that the runtime lacks
        "BifurcationDetector", "DequantizeBFP", "DynamicTimeWarping", "MatMulFpQ4", "QuantizeBFP", "RemovePadding",
        "SparseToDenseMatMul", "Unique",
    }  # fmt: skip
    optimizers_own = {("com.microsoft", "SimplifiedLayerNormalization")}  # in no schema of the runtime's
    assert set(RULES) - tested - optimizers_own == {("com.microsoft", op_type) for op_type in apart}


@pytest.mark.parametrize("operator", OPERATORS, ids=ids)
def test_frozen_defaults_are_those_of_the_runtime(operator):
    assert contrib_defaults(*operator) == runtime_schemas.defaults(*operator)


@pytest.mark.parametrize("operator", OPERATORS, ids=ids)
def test_frozen_inputs_are_those_that_the_runtime_asks_for(operator):
    domain, op_type = operator
    needed = runtime_schemas.required_inputs(*operator)
    is_there = [True] * (max(needed, default=0) + 1)
    assert missing_input(op_type, domain, 1, is_there) is None
    for index in needed:
        assert missing_input(op_type, domain, 1, [other != index for other in range(len(is_there))]) == index


def test_readme_names_what_no_rule_can_count():
    text = (runtime_schemas.TABLE.parents[2] / "README.md").read_text(encoding="utf-8")
    assert "`SparseToDenseMatMul`" in text
    assert "`EPContext`" in text


def test_the_frozen_table_says_where_it_comes_from():
    table = json.loads(runtime_schemas.TABLE.read_text(encoding="utf-8"))
    assert "ONNX Runtime" in table["source"]
    assert table["version"].split(".")[0].isdigit()
