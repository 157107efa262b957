"""Which axis of a factor is summed over, against what the sum does to it."""

import numpy as np
import pytest

from onnxroof.ir.op import Attributes, Op
from onnxroof.rewrites.operands import FACTORS, is_summed_over


def op(op_type, **attributes):
    return Op(
        name="op", op_type=op_type, domain="", version=21, inputs=("a", "b"), outputs=("y",),
        attributes=Attributes(attributes),
    )  # fmt: skip


def reference(op_type, attributes, a, b):
    """The product by NumPy."""
    if op_type == "Einsum":
        return np.einsum(attributes["equation"].decode(), a, b)
    if op_type == "Gemm":
        a = a.T if attributes.get("transA") else a
        b = b.T if attributes.get("transB") else b
    return a @ b


@pytest.mark.parametrize(
    ("op_type", "attributes", "shapes"),
    [
        ("MatMul", {}, ((3, 4), (4, 5))),
        ("MatMul", {}, ((2, 3, 4), (2, 4, 5))),
        ("MatMul", {}, ((4,), (4, 5))),
        ("MatMul", {}, ((3, 4), (4,))),
        ("Gemm", {}, ((3, 4), (4, 5))),
        ("Gemm", {"transA": 1}, ((4, 3), (4, 5))),
        ("Gemm", {"transB": 1}, ((3, 4), (5, 4))),
        ("Gemm", {"transA": 1, "transB": 1}, ((4, 3), (5, 4))),
        ("Einsum", {"equation": b"bik,bjk->bij"}, ((2, 3, 4), (2, 5, 4))),
        ("Einsum", {"equation": b"ki, kj -> ij"}, ((4, 3), (4, 5))),
    ],
)
def test_a_scale_can_be_applied_to_the_result_where_the_axis_is_not_summed_over(op_type, attributes, shapes):
    generator = np.random.default_rng(5)
    factors = [generator.integers(1, 9, shape).astype(float) for shape in shapes]
    plain = reference(op_type, attributes, *factors)
    for position, factor in enumerate(factors):
        for axis in range(factor.ndim):
            scale = np.ones(factor.shape)
            np.moveaxis(scale, axis, 0)[0] = 100.0
            scaled = list(factors)
            scaled[position] = factor * scale
            quotient = reference(op_type, attributes, *scaled) / plain
            # applied to the result, a scale makes each element 100 times as large or leaves it; inside a sum, neither
            is_mixed = not np.all(np.isclose(quotient, 1.0) | np.isclose(quotient, 100.0))
            assert is_summed_over(op(op_type, **attributes), position, axis, factor.ndim) is is_mixed


@pytest.mark.parametrize(
    ("op_type", "position", "axis", "is_summed"),
    [
        ("Conv", 0, 0, False), ("Conv", 0, 1, True), ("Conv", 1, 0, False), ("Conv", 1, 1, True), ("Conv", 1, 2, True),
        ("ConvTranspose", 0, 0, False), ("ConvTranspose", 0, 1, True),
        ("ConvTranspose", 1, 1, False), ("ConvTranspose", 1, 0, True), ("ConvTranspose", 1, 3, True),
    ],
)  # fmt: skip
def test_convolutions_keep_batch_and_output_channels(op_type, position, axis, is_summed):
    assert is_summed_over(op(op_type), position, axis, 4) is is_summed


@pytest.mark.parametrize(
    "unclear",
    [
        op("Einsum", equation=b"...k,kj->...j"),
        op("Einsum", equation=b"ik,kj"),
        op("FusedMatMul", transBatchA=1),
        op("My"),
    ],
)
def test_what_is_not_clear_is_taken_as_summed_over(unclear):
    assert is_summed_over(unclear, 1, 1, 2)


def test_each_operator_with_factors_has_a_cost_rule():
    from onnxroof.costs.registry import standard_registry

    rules = standard_registry()
    assert [key for key in FACTORS if rules.find(*key, 21) is None] == []
