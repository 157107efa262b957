"""Which operands of an operator are what: factors of its products, and the axis over which they are summed."""

from __future__ import annotations

from collections.abc import Mapping

from onnxroof.ir.op import Op

__all__ = ["FACTORS", "PACKED", "REARRANGES", "is_summed_over"]

FACTORS: Mapping[tuple[str, str], tuple[int, ...]] = {
    **{("", name): (0, 1) for name in ("Conv", "ConvTranspose", "DeformConv", "MatMul", "Gemm", "Einsum")},
    **{("", name): (0, 1, 2) for name in ("RNN", "GRU", "LSTM")},
    **{
        ("com.microsoft", name): (0, 1)
        for name in (
            *("FusedConv", "FusedGemm", "FusedMatMul", "FusedMatMulActivation", "TransposeMatMul", "GemmFastGelu"),
            *("NhwcConv", "NhwcFusedConv", "Attention"),
        )
    },
    ("com.microsoft.nchwc", "Conv"): (0, 1),
}
"""Positions of the operands that are multiplied with each other, of operators that take a weight as one of them."""

PACKED: Mapping[tuple[str, str], tuple[int, ...]] = {
    ("com.microsoft", name): places
    for name, places in {
        "MatMulNBits": (1, 3), "MatMulBnb4": (1,), "MatMulFpQ4": (1,), "MatMulPacked": (1,), "MatMulNBitsMlp": (3, 6),
        "MatMulBlockQuantizedFp4Weight": (1,), "MatMulNBitsQkv": (3, 6, 9), "MatMulNBitsQLoRA": (1, 3, 5),
        "GatherBlockQuantized": (0, 3), "GatherPacked": (0,), "QMoE": (2, 5, 8, 11, 12, 13), "MoEPacked": (2, 3, 4),
    }.items()
}  # fmt: skip
"""Positions of operands whose bytes hold elements of other widths, by a layout that is the operator's own."""

REARRANGES = frozenset({"Identity", "Transpose", "Reshape", "Squeeze", "Unsqueeze", "Flatten"})
"""They hold the elements of their first input in another order or under another shape."""


def is_summed_over(op: Op, position: int, axis: int, rank: int) -> bool:
    """Whether an operator of `FACTORS` may sum products along an axis of one of its two factors.

    A scale that varies along such an axis cannot be applied to the sum. Where nothing says how the axis is used, it is
    taken as summed over.

    Args:
        op: The operator.
        position: Of the factor.
        axis: Of the factor.
        rank: Of the factor.
    """
    if op.op_type in ("Conv", "FusedConv"):
        return axis != 0  # batch of the image, output channels of the weight
    if op.op_type == "ConvTranspose":
        return axis != position
    if op.attributes.integer("transBatchA") or op.attributes.integer("transBatchB"):
        return True
    if op.op_type in ("MatMul", "Gemm", "FusedGemm", "FusedMatMul"):
        is_transposed = bool(op.attributes.integer("transB" if position else "transA"))
        return axis == (rank - 1 if rank == 1 or bool(position) is is_transposed else rank - 2)
    if op.op_type == "Einsum":
        terms, arrow, result = op.attributes.text("equation").replace(" ", "").partition("->")
        labels = terms.split(",")[position] if terms.count(",") == 1 else ""
        return not arrow or "." in terms or len(labels) != rank or labels[axis] not in result
    return True
