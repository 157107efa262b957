"""Formulas for a terminal."""

from fractions import Fraction

from onnxroof.report.formula_lines import formula_lines
from onnxroof.study.formula import Formula, Formulas, Span
from onnxroof.study.polynomial import Polynomial


def test_what_is_known_is_said_and_what_is_not():
    product = Polynomial(("batch", "h\x1b"), {(1, 2): Fraction(9, 4), (0, 0): Fraction(7)})
    formulas = Formulas(
        tied={"batch": ("mask", "ids"), "h\x1b": ()},
        idle=("spare",),
        fixed=("width",),
        formulas={
            "macs": Formula(product, {"batch": Span(1, 63, 1), "h\x1b": Span(8, 1824, 8)}),
            "read_bytes": None,
            "weight_bytes": Formula(Polynomial((), {(): Fraction(5)}), {}),
            "write_bytes": None,
        },
        unknown=("write_bytes",),
        bindings=19,
    )
    lines = list(formula_lines(formulas))
    assert "\x1b" not in "".join(lines)
    plain = [line.replace(lines[0].split(" and ")[1].split(":")[0], "h") for line in lines]
    assert plain == [
        "formulas in batch and h: exact, from counts at 19 bindings",
        "  MACs = 9/4*batch*h^2 + 7",
        "    seen to hold at batch 1 to 63 and h 8 to 1824 by 8",
        "  bytes read: piecewise, not a polynomial",
        "  bytes of weights read = 5",
        "  bytes written: unknown",
        "  mask and ids: as the graph ties it to batch",
        "  without effect: spare",
        "  no other value goes together with the graph: width",
    ]
