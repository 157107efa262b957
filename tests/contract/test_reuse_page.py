"""Is docs/reuse.md true? Its picture is drawn and its figures are computed. As a script it draws the picture."""

import math
from pathlib import Path

import numpy as np

from onnxroof.ir.loopnest import Access, Loop, LoopKind, LoopNest, dense_axis
from onnxroof.mapping.curve import reuse_curve
from onnxroof.report.figures.scale import LogScale
from onnxroof.report.figures.svg import element

ROOT = Path(__file__).resolve().parents[2]
PICTURE = ROOT / "docs" / "reuse-curve.svg"
SIZE = 512
COMPULSORY = 3 * SIZE**2


def curve():
    m, n, k = (dense_axis(i, SIZE) for i in range(3))
    nest = LoopNest(
        (Loop("m", SIZE), Loop("n", SIZE), Loop("k", SIZE, LoopKind.REDUCTION)),
        (Access(0, False, (m, k), 8), Access(1, False, (k, n), 8), Access(0, True, (m, n), 8, 8)),
    )
    return reuse_curve(nest)


def picture():
    x, y = LogScale(low=2, high=2e6, start=70, end=580), LogScale(low=4e5, high=4e8, start=310, end=20)
    found = curve()
    capacities, totals = [*found.capacity_bytes.tolist(), x.high], found.total_bytes.tolist()
    path = f"M{x(capacities[0]):.1f} {y(totals[0]):.1f}"
    for end, total, following in zip(capacities[1:], totals, [*totals[1:], totals[-1]], strict=True):
        path += f"H{x(end):.1f}" + (f"V{y(following):.1f}" if following != total else "")
    bound = [(s, 2 * SIZE**3 / math.sqrt(s) - 2 * s) for s in np.geomspace(3, 8e4, 40)]
    dashed = "M" + "L".join(f"{x(s):.1f} {y(q):.1f}" for s, q in bound if q > COMPULSORY)
    grey = {"stroke": "#999", "stroke_width": "1", "fill": "none"}
    parts = [element("path", d="M70 20V310H580", **grey), element("path", d=dashed, stroke_dasharray="5 4", **grey)]
    parts.append(element("path", d=f"M70 {y(COMPULSORY):.1f}H580", **grey))
    parts.append(element("path", d=path, stroke="#1f5fa8", stroke_width="2", fill="none"))
    for tick, label in ((10, "10 B"), (1e3, "1 kB"), (1e5, "100 kB")):
        parts.append(element("text", label, x=x(tick), y=328, text_anchor="middle"))
    for tick, label in ((1e6, "1 MB"), (1e7, "10 MB"), (1e8, "100 MB")):
        parts.append(element("text", label, x=64, y=y(tick) + 4, text_anchor="end"))
    for at, label in ((1024, "31 x 31 results stay"), (SIZE**2 + 2 * SIZE, "a matrix stays")):
        total = found.at(at).total_bytes
        parts.append(element("circle", cx=x(at), cy=y(total), r=4, fill="#1f5fa8"))
        parts.append(element("text", label, x=x(at) + 8, y=y(total) - 14))
    parts.append(element("text", "each byte once", x=90, y=y(COMPULSORY) - 6))
    parts.append(element("text", "proven bound", x=x(300), y=y(4e6), text_anchor="end"))
    parts.append(element("text", "capacity of the buffer", x=325, y=346, text_anchor="middle"))
    parts.append(element("text", "bytes that move", x=78, y=14))
    drawn = element(
        "svg", element("rect", width=600, height=356, fill="#fff"), *parts, xmlns="http://www.w3.org/2000/svg",
        viewBox="0 0 600 356", font_family="sans-serif", font_size="12",
    )  # fmt: skip
    return drawn + "\n"


def test_the_picture_is_what_the_code_draws():
    assert PICTURE.read_text(encoding="utf-8") == picture(), "run `make figures`"


def test_the_figures_of_the_page():
    found = curve()
    assert found.capacity_bytes[0] == 3
    assert round(found.total_bytes[0] / 1e6) == 269
    assert found.at(31 * 31 + 2 * 31).total_bytes == 35 * SIZE**2 == 9_175_040
    assert found.floor.total_bytes == COMPULSORY
    assert found.floor.footprint_bytes == SIZE**2 + 2 * SIZE


if __name__ == "__main__":
    PICTURE.write_text(picture(), encoding="utf-8")
