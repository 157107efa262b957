"""Which operators of the standard have no cost rule? Each is here, and README.md names what is unknown."""

from pathlib import Path

import pytest
from onnx import defs

from onnxroof.costs.registry import standard_registry

ROOT = Path(__file__).resolve().parents[2]
LAST_OPSET = {"": 28, "ai.onnx.ml": 5}  # operators of later opsets are unknown until they get a rule

LOWERED = {
    "": {"If", "Loop", "Scan"},  # the nodes of their bodies are counted instead
    "ai.onnx.ml": set(),
}
UNKNOWN = {
    "": {"SequenceMap"},
    "ai.onnx.ml": {"TreeEnsemble"},
}


@pytest.mark.parametrize("domain", LAST_OPSET)
def test_every_operator_of_the_standard_is_known_or_named_as_unknown(domain):
    standard = {
        schema.name
        for schema in defs.get_all_schemas_with_history()
        if schema.domain == domain and schema.since_version <= LAST_OPSET[domain] and not schema.deprecated
    }
    ruled = {op_type for rule_domain, op_type in standard_registry().rules if rule_domain == domain}
    assert standard - ruled == LOWERED[domain] | UNKNOWN[domain]


def test_readme_names_the_last_opset_and_what_is_unknown():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert f"opset {LAST_OPSET['']}" in text
    assert all(op_type in text for op_types in UNKNOWN.values() for op_type in op_types)
