"""How far is what a target's own compiler does from the best plan?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from onnxroof.report.numbers import UNKNOWN
from onnxroof.report.plans import over_best
from onnxroof.report.view import Fact
from onnxroof.report.words import fusion_words

if TYPE_CHECKING:
    from onnxroof.roofline.result import TargetResult

__all__ = ["compiler_fact"]

_SAME = 1.005  # what rounds to no difference at three digits


def compiler_fact(result: TargetResult) -> Fact:
    """The distance in words."""
    fusion, label = result.target.fusion, "Its own compiler"
    if fusion is None:
        note = "the target's file does not say what its compiler fuses"
        return Fact(label=label, value=UNKNOWN, note=note, mark="unknown")
    ratio = over_best(result)
    attention = "; its fused attention is not in this figure" if result.target.fused_attention else ""
    if ratio is None:
        return Fact(label=label, value=fusion_words(fusion), note=f"not among the plans here{attention}")
    if ratio < _SAME:
        note = f"as good as the best plan{attention}"
    else:
        note = f"{ratio:.3g} times the least time of the best plan ({fusion_words(result.best_plan)}){attention}"
    return Fact(label=label, value=fusion_words(fusion), note=note)
