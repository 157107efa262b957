"""Formulas of counts, in lines for a terminal."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from onnxroof.report.words import comma_list, counted, shown

if TYPE_CHECKING:
    from onnxroof.study.formula import Formulas, Span

__all__ = ["formula_lines"]

_LABELS = {
    "macs": "MACs",
    "read_bytes": "bytes read",
    "weight_bytes": "bytes of weights read",
    "write_bytes": "bytes written",
}


def formula_lines(formulas: Formulas) -> Iterator[str]:
    """A line for what they are stated in, two for each count, and one for each dimension with something to be said."""
    names = comma_list(list(map(shown, formulas.tied)))
    yield f"formulas in {names or 'no dimension'}: exact, from counts at {counted(formulas.bindings, 'binding')}"
    for quantity, formula in formulas.formulas.items():
        if formula is None:
            reason = "unknown" if quantity in formulas.unknown else "piecewise, not a polynomial"
            yield f"  {_LABELS[quantity]}: {reason}"
            continue
        yield f"  {_LABELS[quantity]} = {shown(str(formula.polynomial))}"
        if formula.spans:
            yield f"    seen to hold at {comma_list([_span(*entry) for entry in formula.spans.items()])}"
    for name, tied in formulas.tied.items():
        if tied:
            yield f"  {comma_list(list(map(shown, tied)))}: as the graph ties it to {shown(name)}"
    if formulas.idle:
        yield f"  without effect: {comma_list(list(map(shown, formulas.idle)))}"
    if formulas.fixed:
        yield f"  no other value goes together with the graph: {comma_list(list(map(shown, formulas.fixed)))}"


def _span(name: str, span: Span) -> str:
    by = f" by {span.step}" if span.step > 1 else ""
    return f"{shown(name)} {span.least} to {span.most}{by}"
