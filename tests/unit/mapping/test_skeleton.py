"""What precisions of a nest share."""

from __future__ import annotations

from onnxroof.ir.loopnest import Access, Loop, LoopKind, LoopNest, dense_axis
from onnxroof.mapping.skeleton import skeleton, with_widths


def matmul(bits: int, partial_bits: int) -> LoopNest:
    """C[m, n] += A[m, k] B[k, n] with m, n, k of 2, 3, 4."""
    m, n, k = (dense_axis(number, extent) for number, extent in enumerate((2, 3, 4)))
    accesses = (
        Access(0, False, (m, k), bits), Access(1, False, (k, n), 4), Access(0, True, (m, n), bits, partial_bits)
    )  # fmt: skip
    return LoopNest((Loop("m", 2), Loop("n", 3), Loop("k", 4, LoopKind.REDUCTION)), accesses)


def test_precisions_of_a_nest_have_one_skeleton() -> None:
    bare = skeleton(matmul(8, 32))
    assert bare is skeleton(matmul(16, 16))
    assert [(access.bits, access.partial_bits) for access in bare.accesses] == [(0, 0)] * 3
    assert skeleton(bare) is bare


def test_a_skeleton_with_its_widths_is_the_nest() -> None:
    nest = matmul(8, 32)
    assert with_widths(skeleton(nest), nest) == nest
    assert with_widths(skeleton(nest), matmul(16, 16)) == matmul(16, 16)
