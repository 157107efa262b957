"""Numbers of every rule, and its loop nest walked naively."""

from __future__ import annotations

import pytest

from onnxroof.costs.cost import Coverage, OpCost
from onnxroof.costs.families import FAMILIES
from onnxroof.costs.registry import standard_registry
from onnxroof.dtypes import DType
from onnxroof.ir.tensor import TensorKind
from tests.oracles.build import T, cost
from tests.oracles.contrib_cases import ALL_CASES, CONTRIB_CONTRACTIONS, CONTRIB_CONVOLUTIONS, CONTRIB_NORMALIZATIONS
from tests.oracles.contrib_cases_attention import CACHED
from tests.oracles.loopnest import nest_bytes, nest_points
from tests.oracles.rule_cases import (
    ATTENTIONS,
    CONTRACTIONS,
    CONVOLUTIONS,
    NORMALIZATIONS,
    RECURRENT,
    Case,
)

MS = "com.microsoft"
_OF_MACS = (*CONTRACTIONS, *CONVOLUTIONS, *RECURRENT, *CONTRIB_CONTRACTIONS, *CONTRIB_CONVOLUTIONS)
I8, I32, I64, F16 = DType.INT8, DType.INT32, DType.INT64, DType.FLOAT16


@pytest.mark.parametrize("case", ALL_CASES, ids=str)
def test_rule_states_work_and_bytes(case: Case) -> None:
    found = case.cost()
    assert found.coverage is Coverage.EXACT, found.reason
    assert not case.disagreements(found)
    assert len({t.tensor for t in found.reads}) == len(found.reads)


# The nest of a recurrence has not all of its operands: `test_recurrent.py`.
@pytest.mark.parametrize("case", [case for case in ALL_CASES if case.nest and case not in RECURRENT], ids=str)
def test_nest_touches_the_bytes_of_its_rule(case: Case) -> None:
    found = case.cost()
    assert found.nest is not None
    assert nest_bytes(found.nest) == (found.read_bytes, found.write_bytes)
    assert nest_points(found.nest) == found.nest.points


@pytest.mark.parametrize("case", [case for case in _OF_MACS if case.nest], ids=str)
def test_points_of_a_contraction_are_its_macs(case: Case) -> None:
    found = case.cost()
    assert found.nest is not None
    if case.macs:
        assert found.nest.points == case.macs


@pytest.mark.parametrize(
    "case", [case for case in (*ATTENTIONS, *CACHED) if case.nest and "Attention" in case.op_type], ids=str
)
def test_a_point_of_attention_is_the_two_widths(case: Case) -> None:
    found = case.cost()
    assert found.nest is not None
    query, _, value = found.nest.accesses[:3]
    key_width = query.axes[-1].extent
    value_width = value.axes[-2].extent
    assert found.nest.points * (key_width + value_width) == case.macs


@pytest.mark.parametrize("case", [case for case in (*NORMALIZATIONS, *CONTRIB_NORMALIZATIONS) if case.nest], ids=str)
def test_normalisations_sweep_their_rows_twice(case: Case) -> None:
    found = case.cost()
    assert found.nest is not None
    assert found.nest.sweeps == 2
    assert found.nest.swept


def test_outputs_of_reductions_have_partial_sums() -> None:
    half = cost("MatMul", [T((2, 3), F16), T((3, 4), F16)], [T((2, 4), F16)])
    assert half.nest is not None
    write = half.nest.accesses[-1]
    assert (write.is_write, write.bits, write.partial_bits) == (True, 16, 32)
    whole_numbers = cost("MatMulInteger", [T((2, 3), I8), T((3, 4), I8)], [T((2, 4), I32)])
    assert whole_numbers.nest is not None
    assert whole_numbers.nest.accesses[-1].partial_bits == 32
    assert whole_numbers.compute_type is I8


def test_every_rule_has_a_case() -> None:
    stated = {key for key, rules in standard_registry().rules.items() if any(rule.formula for rule in rules)}
    # Their rules say why nothing can be counted.
    data_dependent = {(MS, "SparseToDenseMatMul")}
    assert stated - data_dependent == {(case.domain, case.op_type) for case in ALL_CASES}


def test_every_rule_says_in_a_sentence_what_it_counts() -> None:
    for rules in standard_registry().rules.values():
        for rule in rules:
            assert rule.sentence, rule
            assert rule.formula is None or rule.sentence.splitlines()[0].endswith("."), rule.op_type


@pytest.mark.parametrize(
    ("found", "reason"),
    [
        (cost("FusedConv", [(1, 1, 3), (1, 1, 1)], [(1, 1, 3)], {"activation": "Odd"}, domain=MS), "Odd"),
        (cost("Einsum", [(2, 3)], [(2,)], {"equation": "ijk->i"}), "dimensions"),
    ],
)
def test_what_depends_on_data_is_unknown_and_says_why(found: OpCost, reason: str) -> None:
    assert (found.work, found.coverage) == (None, Coverage.UNKNOWN)
    assert reason in found.reason
    assert found.read_bytes > 0


@pytest.mark.parametrize(
    ("found", "vector"),
    [
        # 3 regions, each the whole map of 2 x 9 x 9
        (cost("MaxRoiPool", [(1, 2, 9, 9), (3, 5)], [(3, 2, 2, 2)], {"pooled_shape": [2, 2]}), 3 * 162),
        # 24 results, each of ceil(9 / 2) x ceil(9 / 2) = 25 samples of 9 operations
        (cost("RoiAlign", [(1, 2, 9, 9), (3, 4), T((3,), I64)], [(3, 2, 2, 2)]), 24 * 25 * 9),
        # 2 classes: 8 boxes in 3 comparisons each, all selected and held against those before, 12 operations a pair
        (cost("NonMaxSuppression", [(1, 8, 4), (1, 2, 8), T((1,), I64)], [T((16, 3), I64)]), 2 * (24 + 12 * 28)),
        # a length that data decide: the 8 points of the result, 5 x 8 x 3 for each of two signals
        (cost("DFT", [(2, 8, 1), T((), I64)], [(2, 8, 2)]), 240),
        # an axis that data decide: along the 8 of two signals 2 x 120, along the 2 of eight 8 x 10
        (cost("DFT", [(2, 8, 1), None, T((), I64)], [(2, 8, 2)]), 240),
        # half a spectrum of 5 bins comes of 9 points at most: 5 x 9 x 4
        (cost("DFT", [(1, 9, 1), T((), I64)], [(1, 5, 2)], {"onesided": 1}), 180),
        # frames of a length that data decide: 5 bins are of 9 samples at most, three frames of two signals
        (cost("STFT", [(2, 20, 1), T((), I64), None, T((), I64)], [(2, 3, 5, 2)]), 6 * 180),
    ],
)
def test_what_depends_on_data_is_counted_at_most(found: OpCost, vector: int) -> None:
    assert found.work is not None
    assert found.work.vector_ops == vector


def test_families_are_listed_once() -> None:
    assert len(set(FAMILIES)) == len(FAMILIES)


@pytest.mark.parametrize("op_type", ["Add", "Sub", "Mul", "Div"])
def test_scale_or_shift_by_a_weight_is_foldable(op_type: str) -> None:
    weight = T((8, 1), kind=TensorKind.WEIGHT)
    assert cost(op_type, [(1, 8, 4), weight], [(1, 8, 4)]).is_foldable
    assert not cost(op_type, [(1, 8, 4), (8, 1)], [(1, 8, 4)]).is_foldable  # two activations
    assert not cost(op_type, [weight, weight], [(8, 1)]).is_foldable  # folded as a whole, not into a neighbour
    assert not cost("Max", [(1, 8, 4), weight], [(1, 8, 4)]).is_foldable  # not affine


@pytest.mark.parametrize("boxes", [1, 2, 5, 7])
@pytest.mark.parametrize("most", [0, 1, 2, 4, 7, 9])
def test_suppression_takes_the_most_pairs_that_any_boxes_need(boxes: int, most: int) -> None:
    def pairs(seen: int, selected: int) -> int:
        """The most pairs from here on: the next box is selected, or falls to one of those selected."""
        if seen == boxes or selected == most:
            return 0
        kept = selected + pairs(seen + 1, selected + 1)
        return max([kept, *(held + pairs(seen + 1, selected) for held in range(1, selected + 1))])

    limit = T((), I64, value=most)
    found = cost("NonMaxSuppression", [(1, boxes, 4), (1, 1, boxes), limit], [T((min(most, boxes), 3), I64)])
    assert found.work is not None
    assert found.work.special["DIV"] == pairs(0, 0)
