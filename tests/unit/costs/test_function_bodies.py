"""Operators that the standard defines by a body of simpler ones: our rule against the sum over the body.

MACs must be equal. Other operations too, but for the differences listed here, each with its reason.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from onnx import defs

from onnxroof.costs.cost import Work
from tests.oracles.bodies import expanded, work_of
from tests.oracles.rule_cases import CASES, Case

NEWEST = defs.onnx_opset_version()
N = 30  # elements of the small tensor of most cases
SCORES = 144  # of the attention cases

# Bodies that cannot be counted from shapes alone.
UNCOUNTED = {
    "Range": "its body is a loop whose trips depend on data",
    "AffineGrid": "its body hands vectors of one element to Range, which takes scalars: onnx's inference refuses it",
    "HannWindow": "its operand is the length alone: where that is known, the body is folded",
    "HammingWindow": "as HannWindow",
    "BlackmanWindow": "as HannWindow",
}

# Body less rule: vector operations, special operations.
DIFFERENCES: dict[str, tuple[int, dict[str, int]]] = {
    # negates the attribute lambda once
    "Shrink": (1, {}),
    # multiplies by gamma in both branches before it selects
    "Selu": (N, {}),
    # x / sqrt(2) where the rule multiplies by a constant
    "Gelu": (-N, {"DIV": N, "SQRT": 1}),
    # x ** 3 where the rule multiplies twice
    "Gelu tanh": (-2 * N, {"POW": N, "SQRT": 1}),
    # greater, equal and or: three operations where a comparison has the result
    "GreaterOrEqual": (2 * N, {}),
    "LessOrEqual": (2 * N, {}),
    # a comparison and a selection for each bound where the rule takes the smaller or larger
    "Clip 2": (2 * N, {}),
    "Clip 1": (N, {}),
    # SiLU multiplies by no alpha
    "CausalConvWithState": (-N, {}),
    # no maximum is subtracted (-1 max, -1 sub an element, -1 add a result), but a wider type guards: 1 cast each
    "ReduceLogSumExp": (-2 * N - 10 + N + 10, {}),
    # DIV of each element where the rule multiplies by the reciprocal; 1 mul, 1 sub a row for mean(x^2) - mean(x)^2
    "LayerNormalization": (-N + 2 * 6, {"DIV": N}),
    "LayerNormalization 1": (-N + 2 * 2, {"DIV": N}),
    # DIV of each element, and so no reciprocal of its 6 rows
    "RMSNormalization": (-N, {"DIV": N - 6}),
    # as LayerNormalization, without a reciprocal of its 4 rows
    "GroupNormalization": (-336 + 2 * 4, {"DIV": 336 - 4}),
    # squares by POW, of elements and of 4 means; 1 sub a mean for mean(x^2) - mean(x)^2
    "MeanVarianceNormalization": (-336 + 4, {"POW": 336 + 4}),
    # scales queries (180) and repeated keys (240) and no scores; adds a mask of zeros; selects for rows without keys
    "Attention": (-SCORES + 180 + 240 + SCORES + SCORES, {}),
    # the mask is there: its rows are searched for any key (72 max, 18 comparisons)
    "Attention softcap": (-SCORES + 180 + 240 + SCORES + 72 + 18, {}),
    # 7 steps add the outer product to the state of 60 elements: in the rule the MACs do
    "LinearAttention": (7 * 60, {}),
    # zero point: clip is two operations and the cast a third, where the rule saturates once
    "DynamicQuantizeLinear": (2, {}),
    # scales its draw to a range (1 mul, 1 add) and casts the comparison
    "Bernoulli": (3 * N, {}),
}


def label(case: Case) -> str:
    """Key of the differences: the operator, and what tells its cases apart."""
    if case.op_type == "Clip":
        return f"Clip {sum(operand is not None for operand in case.inputs[1:])}"
    marks = [("approximate", "tanh"), ("softcap", "softcap")]
    words = [word for name, word in marks if case.attributes.get(name)]
    words += (
        [str(case.attributes["axis"])] if case.op_type == "LayerNormalization" and "axis" in case.attributes else []
    )
    return " ".join([case.op_type, *words])


def has_body(case: Case) -> bool:
    """Whether the schema of a case's version defines the operator by others."""
    try:
        schema = defs.get_schema(case.op_type, case.version or NEWEST, case.domain)
    except defs.SchemaError:
        return False
    return bool(schema.has_function or schema.has_context_dependent_function) and not schema.deprecated


DEFINED = [case for case in CASES if not case.domain and has_body(case)]


@pytest.mark.parametrize("case", [case for case in DEFINED if case.op_type not in UNCOUNTED], ids=label)
def test_a_rule_counts_as_the_body_of_its_operator(case: Case, tmp_path: Path) -> None:
    models = expanded(case, case.version or NEWEST)
    assert models is not None
    alone, body = (work_of(model, tmp_path) for model in models)
    assert alone.macs == body.macs == case.macs
    if any(case.special.values()) or case.vector or case.macs:
        assert alone.ops, "the node was folded: nothing is compared"
    vector, special = DIFFERENCES.get(label(case), (0, {}))
    expected = alone + Work(vector_ops=vector, special=special)
    assert (body.vector_ops, dict(body.special)) == (expected.vector_ops, dict(expected.special))


def test_every_operator_with_a_body_is_compared_or_said_not_to_be() -> None:
    defined = {s.name for s in defs.get_all_schemas() if not s.domain and not s.deprecated}
    defined = {
        name for name in defined
        if (s := defs.get_schema(name)).has_function or s.has_context_dependent_function
    }  # fmt: skip
    listed_instead = {"SequenceMap"}
    assert defined - listed_instead == {case.op_type for case in DEFINED}
    assert set(UNCOUNTED) <= {case.op_type for case in DEFINED}
    assert set(DIFFERENCES) <= {label(case) for case in DEFINED}
